"""The best epoch in a folder of checkpoints: which files stay, how it is read, and what is refused."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, Epoch, Key, TrainState, tree
from fnnet.keys import normal

X, Y = normal(Key(0), (12, 3)), normal(Key(1), (12, 2))
ADAM = fn.adam(0.01)
PLAIN: fn.Step[Any] = fn.train_step(fn.value_and_grad(fn.mse), ADAM)
DATA = fn.minibatches(X, Y, batch_size=6)  # two batches an epoch
FIRST = fn.start(fn.mlp(Key(0), (3, 4, 2)), ADAM, Key(7))
LOSSES = (5.0, 4.0, 1.0, 2.0, 3.0, 2.0, 0.5, 2.0, 0.5, 3.0)
BESTS = (1, 2, 3, 3, 3, 3, 7, 7, 7, 7)
"""The best epoch up to each."""


def _step(state: TrainState[Any], batch: Any, key: Key) -> tuple[TrainState[Any], fn.Value]:
    return PLAIN(state, batch, key)[0], np.asarray(LOSSES[state.epoch])


def _epochs(state: TrainState[Any] = FIRST) -> Iterator[Epoch[Any]]:
    return fn.train(_step, DATA, state)


def _kept(folder: Path) -> list[int]:
    """The epochs of the files, all of which are ends of epochs."""
    found = [path.stem.split("-") for path in sorted(folder.glob("*.safetensors"))]
    assert all(int(batch) == 0 for *_, batch in found)
    return [int(epoch) for _, epoch, *_ in found]


def _begun(folder: Path, n: int, **settings: Any) -> TrainState[Any]:
    """The state of a run that was stopped after n epochs, as resume finds it."""
    fn.last(fn.pipe(_epochs(), fn.checkpoint_to(folder, **settings), fn.take(n)))
    return fn.resume(folder, FIRST)


# --- files -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_stay_and_the_best_of_each(keep: int, tmp_path: Path) -> None:
    stream = fn.pipe(_epochs(), fn.checkpoint_to(tmp_path, keep=keep, keep_best="loss"), fn.take(10))
    for n, _ in enumerate(stream, 1):
        newest = range(max(1, n - keep + 1), n + 1)
        assert _kept(tmp_path) == sorted({*newest, *[BESTS[i - 1] for i in newest]})


def test_a_best_epoch_that_is_not_due_is_written_before_the_next_one_that_is(tmp_path: Path) -> None:
    stream = fn.pipe(_epochs(), fn.checkpoint_to(tmp_path, every=4, keep=1, keep_best="loss"), fn.take(9))
    assert [_kept(tmp_path) for _ in stream] == [[], [], [], [3, 4], [3, 4], [3, 4], [3, 4], [7, 8], [7, 8]]
    assert _kept(tmp_path) == [7, 9]
    assert tree.equal(fn.load(fn.checkpoints_in(tmp_path)[0], like=FIRST), fn.last(fn.take(7)(_epochs())).state)


def test_without_it_the_files_are_what_they_were(tmp_path: Path) -> None:
    fn.last(fn.pipe(_epochs(), fn.checkpoint_to(tmp_path, keep=2), fn.take(10)))
    assert _kept(tmp_path) == [9, 10]


def test_states_inside_epochs(tmp_path: Path) -> None:
    states = fn.steps(_step, DATA, FIRST)
    fn.last(fn.pipe(states, fn.checkpoint_to(tmp_path, every=3, keep=1, keep_best="loss"), fn.take(11)))
    assert [path.stem for path in fn.checkpoints_in(tmp_path)] == [
        "epoch-00000003-batch-00000000",
        "epoch-00000005-batch-00000001",
    ]
    begin = fn.resume(tmp_path, FIRST)
    assert (begin.epoch, begin.batch) == (5, 1)
    assert fn.best("loss")([], default=Epoch(begin)).state.epoch == 3
    assert fn.best("loss")(fn.take(1)(_epochs(begin))).state.epoch == 3


def test_runs_one_behind_another_in_one_stream(tmp_path: Path) -> None:
    """The best epoch of the first belongs to that one, whose settings are in its file."""

    def both() -> Iterator[Epoch[Any]]:
        for epoch in fn.take(4)(_epochs()):
            yield epoch
        yield from fn.take(2)(fn.train(_step, fn.minibatches(X, Y, batch_size=4), epoch.state))

    through = list(both())
    list(fn.checkpoint_to(tmp_path, every=100, keep_best="loss")(both()))
    assert _kept(tmp_path) == [3, 6]
    (tmp_path / fn.checkpoints_in(tmp_path)[1].name).unlink()
    begin = fn.resume(tmp_path, FIRST)
    on = fn.pipe(_epochs(begin), fn.checkpoint_to(tmp_path), fn.take(1), fn.last)
    assert tree.equal(on, through[3])


def test_settings_are_a_value(tmp_path: Path) -> None:
    given = fn.checkpoint_to(tmp_path, keep_best="r2")
    assert pickle.loads(pickle.dumps(given)) == given == fn.checkpoint_to(tmp_path, keep_best=fn.best("r2"))
    assert given != fn.checkpoint_to(tmp_path)


# --- best reads it, or refuses ---------------------------------------------------------------------------------------
def test_an_earlier_epoch_is_read_and_all_its_bytes(tmp_path: Path) -> None:
    begin = _begun(tmp_path, 5, keep=1, keep_best="loss")
    found = fn.best("loss")(fn.take(1)(_epochs(begin)))
    assert tree.equal(found.state, fn.last(fn.take(3)(_epochs())).state)
    assert fn.best("loss")(fn.take(3)(_epochs(begin))).state.epoch == 7


def test_it_is_read_when_the_stream_begins(tmp_path: Path) -> None:
    """So it does not matter what becomes of the folder."""
    begin = _begun(tmp_path / "run", 5, keep_best="loss")

    def deleted(epochs: Iterator[Epoch[Any]]) -> Iterator[Epoch[Any]]:
        yield next(epochs)
        shutil.rmtree(tmp_path / "run")

    assert fn.best("loss")(deleted(_epochs(begin))).state.epoch == 3


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin = _begun(Path("run"), 5, keep_best="loss")
    monkeypatch.chdir("/")
    assert fn.best("loss")(fn.take(1)(_epochs(begin))).state.epoch == 3


def test_an_epoch_that_is_not_there_is_named(tmp_path: Path) -> None:
    begin = _begun(tmp_path / "run", 5, keep=1)
    with pytest.raises(
        CheckpointError,
        match=r"^best: the best epoch of the run by 'loss' is epoch 3, with 1, which came before this stream and "
        r"cannot be read: load: .*epoch-00000003-batch-00000000.safetensors could not be read, .*; put "
        r"checkpoint_to\(folder, keep_best='loss'\) into the pipe from the first epoch on, and a resumed run finds it$",
    ):
        fn.best("loss")(fn.take(1)(_epochs(begin)))
    with pytest.raises(CheckpointError, match=r"is epoch 1, with 5, .*, keep_best=fn.best\('loss', 'max'\)\) into"):
        fn.best("loss", "max")(fn.take(1)(_epochs(begin)))
    with pytest.raises(CheckpointError, match="a state that resume has not given"):
        fn.best("loss")(fn.take(1)(_epochs(fn.load(fn.checkpoints_in(tmp_path / "run")[0], like=FIRST))))
    with pytest.raises(CheckpointError, match="a state that resume has not given"):
        fn.best("loss")(fn.take(1)(_epochs(pickle.loads(pickle.dumps(begin)))))
    better = fn.best("loss")(fn.take(4)(_epochs(begin)))
    assert better.state.epoch == 7


def test_a_later_epoch_of_the_stream_may_be_one_that_the_history_knows() -> None:
    early, late = [fn.last(fn.take(n)(_epochs())) for n in (3, 6)]
    assert fn.best("loss")([late, early]) is early
    assert fn.best("loss")([early, late]) is early


def test_a_file_of_another_run_is_not_taken_for_it(tmp_path: Path) -> None:
    begin = _begun(tmp_path / "run", 5, keep_best="loss")
    other = replace(FIRST, key=Key(8))
    fn.last(fn.pipe(fn.train(_step, DATA, other), fn.checkpoint_to(tmp_path / "other", keep=9), fn.take(5)))
    third = fn.checkpoints_in(tmp_path / "other")[2]
    shutil.copy(third, tmp_path / "run" / third.name)
    with pytest.raises(CheckpointError, match=r"cannot be read: .*epoch-00000003.* is a state of another run; put "):
        fn.best("loss")(fn.take(1)(_epochs(begin)))


def test_a_default_for_a_stream_that_may_be_empty(tmp_path: Path) -> None:
    begin = _begun(tmp_path, 5, keep=1, keep_best="loss")
    assert fn.best("loss")([], default=Epoch(begin)).state.epoch == 3
    seventh = fn.last(fn.take(7)(_epochs()))
    assert fn.best("loss")([], default=seventh) is seventh
    assert fn.best("loss")([seventh], default=Epoch(begin)) is seventh
    with pytest.raises(ValueError, match="best: the stream is empty"):
        fn.best("loss")([], default=Epoch(FIRST))


# --- what is refused -------------------------------------------------------------------------------------------------
VALIDATE = fn.validate(X, Y, {"valid_loss": fn.metrics.rmse})


def test_a_metric_that_is_added_behind_the_checkpoints(tmp_path: Path) -> None:
    """A resumed run would not know it of the epochs before, and decide by less than the uninterrupted one."""

    def pipeline(begin: TrainState[Any]) -> Iterator[Epoch[Any]]:
        return fn.pipe(_epochs(begin), fn.checkpoint_to(tmp_path), VALIDATE, fn.take(4))

    assert fn.best()(pipeline(FIRST)).state.epoch == 4
    for end in (fn.best(), lambda epochs: list(fn.early_stopping(3)(epochs))):
        begin = fn.resume(tmp_path, FIRST)
        with pytest.raises(
            ValueError, match=r"metric must be one that the \d epochs before this one have, which resume"
        ):
            end(pipeline(begin))
    loaded = fn.load(fn.checkpoints_in(tmp_path)[-1], like=FIRST)
    assert fn.best()(fn.pipe(_epochs(loaded), VALIDATE, fn.take(1))).state.epoch == loaded.epoch + 1


def test_an_epoch_without_the_metric(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"checkpoint_to: metric must be one of 'loss', which this epoch has, got 'va"):
        list(fn.pipe(_epochs(), fn.checkpoint_to(tmp_path, keep_best="valid_loss"), VALIDATE, fn.take(3)))
    with pytest.raises(ValueError, match=r"checkpoint_to: metric must be one of 'loss'"):
        list(fn.pipe(fn.steps(_step, DATA, FIRST), fn.checkpoint_to(tmp_path, keep_best="r2"), fn.take(3)))


def test_what_is_no_metric(tmp_path: Path) -> None:
    for wrong in (fn.metrics.r2, True, ("r2", "max"), fn.last):
        with pytest.raises(ValueError, match="checkpoint_to: keep_best must be the name of a metric such as 'valid_lo"):
            fn.checkpoint_to(tmp_path, keep_best=wrong)  # type: ignore[arg-type]


# --- resume(missing_ok=True) -----------------------------------------------------------------------------------------
def test_a_folder_that_is_missing_or_empty_gives_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".epoch-00000001-batch-00000000.safetensors.0123456789ab.part").write_bytes(b"half")
    for folder in ("missing", "empty"):
        assert fn.resume(tmp_path / folder, FIRST, missing_ok=True) is FIRST
        with pytest.raises(CheckpointError, match="holds no whole checkpoint"):
            fn.resume(tmp_path / folder, FIRST)


def test_damaged_checkpoints_and_those_of_another_run_are_errors_all_the_same(tmp_path: Path) -> None:
    _begun(tmp_path, 2)
    with pytest.raises(CheckpointError, match="holds another run: key"):
        fn.resume(tmp_path, replace(FIRST, key=Key(8)), missing_ok=True)
    for path in fn.checkpoints_in(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="holds no whole checkpoint; damaged"):
        fn.resume(tmp_path, FIRST, missing_ok=True)
