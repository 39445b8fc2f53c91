"""Checkpoints: what is read is what was written, to the bit, or a clear error."""

from __future__ import annotations

import enum
import os
import resource
import subprocess
import sys
import threading
from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from safetensors.numpy import load_file, save_file

import fnnet as fn
from fnnet import Array, CheckpointError, DtypeError, History, Key, OptState, Record, TrainState, TreeError, tree
from fnnet.experiments.saving import encoded
from fnnet.keys import normal
from fnnet.tree.nodes import read_only
from tests.catalogue import LAYERS, OPTIMIZERS, OWN, WHOLE
from tests.support.strategies import Problem, composites


def _again(folder: Path, value: object) -> object:
    fn.save(folder / "tree", value)
    return fn.load(folder / "tree")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples of a property."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("name", LAYERS | WHOLE)
def test_every_layer_comes_back(name: str, folder: Path) -> None:
    net = (LAYERS | WHOLE)[name](Key(3), 3, 3)
    fn.save(folder / "tree", net)
    again = fn.load(folder / "tree", like=net)
    assert type(again) is type(net)
    assert tree.digest(again) == tree.digest(read_only(net))
    assert all(not leaf.flags.writeable for leaf in tree.leaves(again))


@given(composites())
def test_every_composite_comes_back(folder: Path, problem: Problem) -> None:
    fn.save(folder / "tree", problem.net)
    assert tree.equal(fn.load(folder / "tree", like=problem.net), problem.net)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_states_come_back(name: str, folder: Path) -> None:
    net, optimizer = fn.mlp(Key(0), (3, 4, 2)), OPTIMIZERS[name]
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(normal(Key(0), (10, 3)), normal(Key(1), (10, 2)), batch_size=4)
    for state in fn.take(5)(fn.steps(step, data, fn.start(net, optimizer, Key(2**100, (7, 8))))):
        fn.save(folder / "state", state)
        again = fn.load(folder / "state", like=state)
        assert tree.equal(again, state)
        assert again.key == state.key
        assert (again.epoch, again.batch, again.rows, again.total) == (
            state.epoch, state.batch, state.rows, state.total
        )  # fmt: skip
        assert tree.equal(again.history, state.history)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Odd(fn.Params):
    """A layer of all kinds of fields."""

    a: Array
    b: tuple[Array, ...]
    f: float
    i: int
    s: str
    flag: bool
    nothing: None


fn.define_layer(Odd, forward=lambda p, x: (x + 0, None), backward=lambda p, saved, dy: (p, dy))


@pytest.mark.parametrize("number", [0.1, -0.0, float("inf"), float("nan"), 5e-324, 1e308])
def test_settings_come_back_to_the_bit(number: float, folder: Path) -> None:
    odd = Odd(np.full(1, number), (np.zeros((0, 3)), np.array(2.5)), number, 2**80, 'ü"\n', True, None)
    again = _again(folder, odd)
    assert isinstance(again, Odd)
    assert np.float64(again.f).tobytes() == np.float64(number).tobytes()
    assert (again.i, again.s, again.flag, again.nothing) == (2**80, 'ü"\n', True, None)
    assert [leaf.tobytes() for leaf in tree.leaves(again)] == [leaf.tobytes() for leaf in tree.leaves(odd)]
    assert [leaf.shape for leaf in tree.leaves(again)] == [leaf.shape for leaf in tree.leaves(odd)]


def test_every_memory_layout_comes_back(folder: Path) -> None:
    a = np.arange(24.0).reshape(4, 6)
    for view in (a.T, a[::-1], a[:, ::2], np.asfortranarray(a), np.broadcast_to(a[0], (3, 6)), a[1:, 2:]):
        fn.save(folder / "a", view)
        assert np.array_equal(fn.load(folder / "a", like=view), view)


def test_other_readers_find_the_weights_by_their_paths(folder: Path) -> None:
    net = fn.mlp(Key(0), (3, 4, 2))
    fn.save(folder / "net", fn.start(net, fn.adam(0.1), Key(0)))
    found = load_file(folder / "net")
    assert np.array_equal(found["params.layers.0.w"], net.layers[0].w)
    assert {"opt_state.slots.0.layers.1.b", "params.layers.1.b"} <= set(found)


def test_the_same_tree_gives_the_same_bytes() -> None:
    assert encoded(fn.mlp(Key(0), (3, 4, 2))) == encoded(fn.mlp(Key(0), (3, 4, 2)))


def test_every_layer_of_fnnets_comes_back_in_another_program(tmp_path: Path) -> None:
    """Without ``like``, and before anything else was imported."""
    nets = tuple([make(Key(3), 3, 3) for name, make in (LAYERS | WHOLE).items() if name not in OWN])
    fn.save(tmp_path / "nets", nets)
    code = f"import fnnet as fn; print(fn.tree.digest(fn.load({str(tmp_path / 'nets')!r})))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == tree.digest(nets)


def _stacked(*nets: fn.Params) -> fn.Params:
    """Networks stacked along a new first axis."""
    return tree.map(lambda *leaf: np.stack(leaf), *nets)


def test_stacked_networks_and_their_states_come_back(folder: Path) -> None:
    net = _stacked(*[fn.mlp(Key(i), (3, 4, 2)) for i in range(3)])
    optimizer = fn.adam(0.01)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(normal(Key(0), (10, 3)), normal(Key(1), (10, 2)), batch_size=4)
    first = fn.start(net, optimizer, Key(0))
    for state in fn.take(5)(fn.steps(step, data, first)):  # whose running sums are one a network
        fn.save(folder / "state", state)
        assert tree.equal(fn.load(folder / "state", like=first), state)
        assert tree.equal(fn.load(folder / "state"), state)


RECORDS: dict[str, object] = {
    "a key": Key(2**127 + 1, (0, 2**32 - 1)),
    "a history": (Record(np.array(0.5)), Record(np.zeros(3), (("r2", np.ones(3)), ("ü", np.array(np.nan))))),
    "a history by columns": History.of([Record(np.array(0.5))] * 2 + [Record(np.zeros(3), (("é", np.ones(3)),))] * 9),
    "a part": fn.Part(np.array(1.0), np.array(2.0), fn.linear(Key(0), 2, 1), True),
    "an optimizer's state": OptState(3, (fn.linear(Key(0), 2, 1),), OptState(0, (), None, 0.5), 1),
    "an epoch": fn.Epoch(TrainState(fn.Relu(), OptState(1), Key(0), 1, 0, 0.0, 0, History.of([Record(np.array(0.5))]))),
    "a tuple": (),
    "a tuple of all": (fn.Relu(), 1, "a", None, True, (0.5, (np.zeros(0),))),
    "text": "text",
    "nothing": None,
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_comes_back(name: str, folder: Path) -> None:
    assert tree.equal(_again(folder, RECORDS[name]), RECORDS[name])
    fn.save(folder / "tree", RECORDS[name])
    assert tree.equal(fn.load(folder / "tree", like=RECORDS[name]), RECORDS[name])


DTYPES = [np.bool, *[np.dtype(f"{k}{n}") for k in "iu" for n in (1, 2, 4, 8)], np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3,), (2, 3)])
def test_every_dtype_and_shape_comes_back(dtype: np.dtype[np.generic], shape: tuple[int, ...], folder: Path) -> None:
    array = np.asarray(normal(Key(0), shape) * 100).astype(dtype)
    fn.save(folder / "a", array)
    again = fn.load(folder / "a", like=array)
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_deep_trees_come_back_or_are_refused(folder: Path) -> None:
    net: object = fn.Relu()
    for _ in range(100):  # two steps each: layers.0
        net = fn.Serial((net,))
    assert tree.equal(_again(folder, net), net)
    for _ in range(9):
        with pytest.raises(TreeError, match=r"save: the tree is too deep, a file holds 200 levels below the root"):
            fn.save(folder / "tree", (net,))
        net = (net,)


# --- what no file can hold -------------------------------------------------------------------------------------------
class Number(int):
    """A number of a user's."""


class Colour(enum.IntEnum):
    """A choice of a user's."""

    RED = 1


class Pair(NamedTuple):
    """A tuple of a user's."""

    a: int
    b: int


FIT = fn.fit(
    fn.linear(Key(0), 1, 1), np.ones((2, 1)), np.ones((2, 1)), loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1
)
REFUSED: dict[str, tuple[object, type[Exception], str]] = {
    "a list": ((1, ([np.zeros(1)],)), TreeError, "save: 1.0: tree: a list can be no part of a tree"),
    "a function": ((fn.mse, len), TreeError, "can be no part of a tree"),
    "a class": (fn.Relu, TreeError, "a type can be no part of a tree"),
    "a fit": (FIT, TreeError, "save: the root: tree: a Fit can be no part of a tree; its network is .params"),
    "a named tuple": (Pair(1, 2), TreeError, "a Pair can be no part of a tree; a tree holds"),
    "a schedule of a user's": (fn.sgd(lambda step: 0.1), TreeError, "a function can be no part of a tree"),
    "a NumPy number": ((fn.Elu(0.5), (np.float64(0.5),)), TreeError, r"save: 1.0 is a numpy.float64, and files hold"),
    "a number of a user's": ((Number(3),), TreeError, r"save: 0 is a tests.*.test_saving.Number, and files"),
    "a choice": (Colour.RED, TreeError, r"save: the root is a tests.experiments.test_saving.Colour, and files"),
    "NumPy text": ((np.str_("a"),), TreeError, r"save: 0 is a numpy.str_, and files"),
    "an endless int": ((10**5000,), TreeError, "save: the tree does not fit a file: Exceeds the limit"),
    "complex numbers": ((np.zeros(1), np.zeros(1, complex)), DtypeError, r"save: 1 has dtype <c16, and files hold"),
    "objects": (np.array([None]), DtypeError, r"save: the root has dtype \|O, and files hold"),
    "text in an array": (np.array(["a"]), DtypeError, "save: the root has dtype <U1"),
    "dates": (np.zeros(1, "M8[s]"), DtypeError, r"save: the root has dtype <M8\[s\]"),
    "long doubles": ((np.zeros(1, np.longdouble),), DtypeError, "save: 0 has dtype"),
    "another byte order": (fn.Linear(np.zeros((1, 1), ">f8"), np.zeros(1)), DtypeError, "save: w has dtype >f8"),
    "structured arrays": (np.zeros(1, [("a", "f4")]), DtypeError, "save: the root has dtype"),
    "an epoch that is none": (TrainState(fn.Relu(), OptState(0), Key(0), 1.5), TreeError,  # type: ignore[arg-type]
                              "save: the root: epoch of a TrainState cannot be a float"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_come_back_is_refused_and_nothing_written(name: str, folder: Path) -> None:
    value, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        fn.save(folder / "refused", value)
    assert not (folder / "refused").exists()


# --- what was asked for ----------------------------------------------------------------------------------------------
NET = fn.mlp(Key(0), (3, 4, 2))

UNLIKE: dict[str, tuple[object, str]] = {
    "another class": (fn.linear(Key(0), 3, 2), "the root is fnnet.Mlp there, asked for fnnet.Linear"),
    "another depth": (fn.mlp(Key(0), (3, 4, 4, 2)), "layers is a tuple of 2 there, asked for a tuple of 3"),
    "another width": (fn.mlp(Key(0), (3, 5, 2)), r"layers.0.w is float32\[3, 4\] there, asked for float32\[3, 5\]"),
    "another dtype": (tree.astype(NET, np.float64), r"layers.0.w is float32\[3, 4\] there, asked for float64"),
    "another activation": (replace(NET, activation=fn.Elu(0.5)), "activation is fnnet.Relu there, asked for fnnet.Elu"),
    "a state": (fn.start(NET, fn.sgd(0.1), Key(0)), "the root is fnnet.Mlp there, asked for fnnet.TrainState"),
    "an array": (np.zeros(3), r"the root is fnnet.Mlp there, asked for float64\[3\]"),
    "a number": (3, "the root is fnnet.Mlp there, asked for 3"),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_not_like_what_was_asked_for_is_refused(name: str, folder: Path) -> None:
    like, message = UNLIKE[name]
    fn.save(folder / "net", NET)
    with pytest.raises(CheckpointError, match=f"load: .* is not like what was asked for: {message}"):
        fn.load(folder / "net", like=like)


@pytest.mark.parametrize(
    ("had", "asked"),
    [(0.5, 0.25), (0.0, -0.0), (1.0, float("nan")), (1, 2), ("a", "b"), (True, False), (True, 1), (1, 1.0), (None, 0)],
)
def test_settings_of_networks_have_to_agree(had: object, asked: object, folder: Path) -> None:
    def odd(value: object) -> Odd:
        return Odd(np.zeros(1), (), 0.5, 1, "a", True, value)  # type: ignore[arg-type]

    fn.save(folder / "odd", (odd(had),))
    assert tree.equal(fn.load(folder / "odd", like=(odd(had),)), (odd(had),))
    with pytest.raises(CheckpointError, match=f"0.nothing is {had!r} there, asked for {asked!r}"):
        fn.load(folder / "odd", like=(odd(asked),))


def test_counters_keys_and_history_come_from_the_file(folder: Path) -> None:
    first = fn.start(NET, fn.adam(0.1), Key(0))
    history = History.of([Record(np.ones(4))])
    later = replace(first, key=Key(5, (1,)), epoch=3, batch=2, total=np.ones(4), rows=7, history=history)
    later = replace(later, opt_state=replace(later.opt_state, step=12, scale=0.25))
    fn.save(folder / "state", later)
    assert tree.equal(fn.load(folder / "state", like=first), later)
    fn.save(folder / "rest", (later.key, later.history, 3))
    assert tree.equal(fn.load(folder / "rest", like=(Key(0), History(), 0)), (later.key, later.history, 3))


def test_other_optimizers_are_unlike(folder: Path) -> None:
    fn.save(folder / "state", fn.start(NET, fn.adam(0.1), Key(0)))
    for optimizer, message in (
        (fn.sgd(0.1), "opt_state.slots is a tuple of 2 there, asked for a tuple of 0"),
        (fn.pipe(fn.adam(0.1), fn.ema(0.9)), "opt_state.slots is a tuple of 2 there, asked for a tuple of 1"),
    ):
        with pytest.raises(CheckpointError, match=message):
            fn.load(folder / "state", like=fn.start(NET, optimizer, Key(0)))


@dataclass(frozen=True, slots=True)
class Own:
    """A record of a user's, which is no layer."""

    rate: float


def test_a_record_of_a_users_needs_like(folder: Path) -> None:
    fn.save(folder / "own", (NET, Own(0.5)))
    with pytest.raises(
        CheckpointError,
        match=r"is whole, but 1 is of the class tests.experiments.test_saving.Own, which this program.*",
    ):
        fn.load(folder / "own")
    assert fn.load(folder / "own", like=(NET, Own(0.0)))[1] == Own(0.5)


# --- files -----------------------------------------------------------------------------------------------------------
def test_files_that_are_not_ours(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be read"):
        fn.load(folder / "nowhere")
    (folder / "text").write_text("weights")
    (folder / "empty").write_bytes(b"")
    save_file({"w": np.zeros(2)}, folder / "plain")
    save_file({"w": np.zeros(2)}, folder / "others", {"fnnet": "mine", "format": "pt"})
    for name in ("text", "empty", "plain", "others"):
        with pytest.raises(CheckpointError, match="is no checkpoint of fnnet"):
            fn.load(folder / name)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/proc", "a\0b", "", "x" * 300])
def test_paths_that_are_no_files(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"load: .*could not be read"):
        fn.load(name)
    with pytest.raises(CheckpointError, match=r"save: .*could not be written, .*; what was there is as it was"):
        fn.save(name, NET)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="it is a folder or device, not a file"):
        fn.load(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="it is a folder or device, not a file"):
        fn.save(tmp_path / "pipe", NET)


@pytest.mark.parametrize("name", ["ü 網 \U0001f9e0", "*[a]?", "n" * 255, "-", "a\nb", "\udc80"])
def test_odd_names(name: str, tmp_path: Path) -> None:
    fn.save(str(tmp_path / name), NET)
    assert tree.equal(fn.load(tmp_path / name, like=NET), NET)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_path_without_a_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fn.save("net.safetensors", NET)
    assert tree.equal(fn.load("net.safetensors", like=NET), NET)


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "net")
    for net in (NET, fn.Relu()):  # first the target is missing, then it is replaced
        fn.save(tmp_path / "link", net)
        assert (tmp_path / "link").is_symlink()
        assert tree.equal(fn.load(tmp_path / "far" / "net"), net)
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(CheckpointError, match="could not be read"):
        fn.load(tmp_path / "round")


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        fn.save(tmp_path / "net", NET)
    finally:
        os.umask(before)
    assert (tmp_path / "net").stat().st_mode & 0o777 == 0o640


def test_data_are_on_the_disk_before_they_have_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []

    def fsync(handle: int) -> None:
        seen.append((os.fstat(handle).st_size, (tmp_path / "net").exists()))
        synced(handle)

    synced = os.fsync
    monkeypatch.setattr(os, "fsync", fsync)
    fn.save(tmp_path / "net", NET)
    assert seen[0] == ((tmp_path / "net").stat().st_size, False)
    assert [was_there for _, was_there in seen] == [False, True]  # the file, and then the folder


def test_a_full_disk_leaves_what_was_there(folder: Path) -> None:
    fn.save(folder / "net", NET)
    before = (folder / "net").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))  # the system then refuses in the middle of a file
    try:
        with pytest.raises(
            CheckpointError, match=r"could not be written, .*File too large.*; what was there is as it was"
        ):
            fn.save(folder / "net", fn.linear(Key(0), 200, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "net").read_bytes() == before
    assert not list(folder.glob(".net*"))


def test_where_nothing_can_be_written(folder: Path) -> None:
    fn.save(folder / "net", NET)
    for place in ("/proc/net.safetensors", folder / "net" / "below", folder / "missing" / "net"):
        with pytest.raises(CheckpointError, match="could not be written"):
            fn.save(place, NET)


def test_a_read_only_folder_keeps_what_it_has(tmp_path: Path) -> None:
    """As a user other than root, whom permissions do not hold back."""
    code = (
        "import os, fnnet as fn; net = fn.linear(fn.Key(0), 2, 1); fn.save('net', net); os.chmod('.', 0o555)\n"
        "if not os.getuid(): os.setuid(65534)\n"
        "try: fn.save('net', fn.Relu())\n"
        "except fn.CheckpointError as error: print(error)\n"
        "print(fn.tree.equal(fn.load('net'), net), os.listdir('.'))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    tmp_path.chmod(0o755)
    assert shown.stderr == ""
    assert "net could not be written, [Errno 13] Permission denied" in shown.stdout
    assert shown.stdout.endswith("True ['net']\n")


def test_writers_at_the_same_time_leave_a_whole_file(tmp_path: Path) -> None:
    nets = [fn.linear(Key(i), 50, 50) for i in range(4)]
    written = {tree.digest(net) for net in nets}

    def write(net: fn.Params) -> None:
        for _ in range(10):
            fn.save(tmp_path / "net", net)

    fn.save(tmp_path / "net", nets[0])
    threads = [threading.Thread(target=write, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert tree.digest(fn.load(tmp_path / "net")) in written
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize(
    "call", ["fn.save('x', (fn.Key(0),))", "fn.load_torch(__file__, fn.Relu())", "fn.checkpoint_to('.')"]
)
def test_without_the_extra_the_message_has_the_command(call: str) -> None:
    code = f"import sys; sys.modules['safetensors.numpy'] = None; import fnnet as fn; __file__ = fn.__file__; {call}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert shown.endswith("ImportError: checkpoints need safetensors: pip install safetensors\n")


def test_a_field_with_the_name_that_the_format_needs_is_refused(folder: Path) -> None:
    kind = make_dataclass("Odd", [("__metadata__", object)], bases=(fn.Params,), frozen=True, eq=False)
    with pytest.raises(TreeError, match="save: a field must not be called __metadata__, which the format needs"):
        fn.save(folder / "odd", kind(np.zeros(1)))


def test_a_file_of_an_earlier_layout_is_read() -> None:
    """Three epochs with a validation, written when fnnet's modules bore other names: no program needs to know them."""
    code = "import fnnet as fn, sys; print(fn.tree.digest(fn.load(sys.argv[1])))"
    golden = Path(__file__).parents[1] / "golden" / "checkpoint-2.safetensors"
    shown = subprocess.run([sys.executable, "-c", code, golden], capture_output=True, text=True, check=True).stdout
    assert shown == "7f0cac9bd75679adfd5c7a745d15d11560b6b20de7a89e41a269df82eda3eeec\n"


@pytest.mark.parametrize(("then", "now"), [("__main__", "of_user"), ("of_user", "__main__"), ("__main__", "__main__")])
def test_a_class_of_a_script_is_the_one_that_is_imported_from_it(
    then: str, now: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module is called otherwise when it is run."""

    @dataclass(frozen=True, slots=True, eq=False, repr=False)
    class Mine(fn.Params):
        w: Array

    monkeypatch.setattr(sys.modules["__main__"], "__file__", "somewhere/of_user.py", raising=False)
    monkeypatch.setattr(Mine, "__module__", then)
    fn.save(folder / "net.safetensors", (Mine(np.ones(2)), 1))
    monkeypatch.setattr(Mine, "__module__", now)
    if now != then:
        with pytest.raises(CheckpointError, match="has not defined"):
            fn.load(folder / "net.safetensors")  # a class of that name in any other script is not meant
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "folder/of_user.py", raising=False)
    found = fn.load(folder / "net.safetensors", like=(Mine(np.zeros(2)), 1))
    assert type(found[0]) is Mine
    with pytest.raises(CheckpointError, match="has not defined"):
        fn.load(folder / "net.safetensors", like=(fn.linear(Key(0), 2, 2), 1))
    monkeypatch.setattr(Mine, "__module__", "of_another")
    fn.save(folder / "net.safetensors", (Mine(np.ones(2)), 1))
    monkeypatch.setattr(Mine, "__module__", "__main__")
    with pytest.raises(CheckpointError, match="has not defined"):
        fn.load(folder / "net.safetensors", like=(Mine(np.zeros(2)), 1))


@pytest.mark.parametrize("inside", [False, True])
def test_two_classes_of_one_name_are_refused(inside: bool, folder: Path) -> None:
    """A file could not tell them apart, and would be read as a network of one of them."""

    def made(power: int) -> fn.Params:
        @dataclass(frozen=True, slots=True, eq=False, repr=False)
        class Power(fn.Params):
            pass

        fn.define_activation(Power, lambda p, x: (x**power, x), slope=lambda p, x: power * x ** (power - 1))
        return Power()

    def wrap(a: fn.Params, b: fn.Params) -> object:
        return fn.serial(a, fn.Relu(), fn.residual(b)) if inside else (a, b)

    once = made(2)
    fn.save(folder / "once", wrap(once, once))
    with pytest.raises(
        TreeError, match=r"save: (0|layers.0) and (1|layers.2.*) are of two classes .*made.<locals>.Power"
    ):
        fn.save(folder / "twice", wrap(made(2), made(3)))
    assert not (folder / "twice").exists()
    with pytest.raises(CheckpointError, match=r"Power, which this program has defined several times"):
        fn.load(folder / "once")
    assert isinstance(fn.load(folder / "once", like=wrap(once, once)), (tuple, fn.Serial))
