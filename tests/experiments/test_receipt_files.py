"""The files of receipts: a line an epoch, none of which can be changed, and runs that stop and go on."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, ReceiptError, files
from tests.experiments.test_receipts import EPOCHS, RECEIPT, RUN

LINES = RECEIPT.to_json().splitlines()


# --- on disk ------------------------------------------------------------------------------------------------------
def test_a_receipt_comes_back_from_its_file(tmp_path: Path) -> None:
    RECEIPT.save(tmp_path / "run.json")
    assert fn.read_receipt(tmp_path / "run.json") == RECEIPT
    assert (tmp_path / "run.json").stat().st_size < 6000


@pytest.mark.parametrize("stop", range(1, EPOCHS))
def test_the_receipt_of_a_resumed_run_is_that_of_the_uninterrupted_one(stop: int, tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"

    def stream(state: fn.TrainState[Any], n: int) -> fn.Epoch[Any]:
        keep = fn.receipt_to(path, step, data, state, check)
        return fn.last(fn.pipe(fn.train(step, data, state), check, keep, fn.take(n)))

    halfway = stream(first, stop).state
    assert fn.read_receipt(path).epochs == stop
    stream(halfway, EPOCHS - stop)
    assert fn.read_receipt(path) == RECEIPT
    stream(halfway, 1)  # gone on once more, from where it stopped before
    assert fn.read_receipt(path).epochs == stop + 1


def test_a_run_that_goes_on_inside_an_epoch(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    fn.last(fn.pipe(RUN.epochs(2), fn.receipt_to(path, step, data, first, check)))
    behind = fn.last(fn.take(10)(fn.steps(step, data, [e.state for e in RUN.epochs(2)][-1])))
    assert (behind.epoch, behind.batch) == (4, 2)
    with pytest.raises(ReceiptError, match="ends before epoch 4, where the run is resumed; put receipt_to before"):
        next(fn.receipt_to(path, step, data, behind, check)(fn.train(step, data, behind)))


@pytest.mark.parametrize("stop", range(1, 3 * 4))
def test_a_run_of_steps_goes_on_after_any_step(stop: int, tmp_path: Path) -> None:
    step, data, first, _ = RUN.parts
    path = tmp_path / "run.json"

    def states(state: fn.TrainState[Any], n: int) -> fn.TrainState[Any]:
        return fn.last(fn.pipe(fn.steps(step, data, state), fn.receipt_to(path, step, data, state), fn.take(n)))

    halfway = states(first, stop)
    states(halfway, 3 * 4 - stop)
    assert fn.read_receipt(path) == fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)


def test_a_change_of_conditions_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    half = fn.last(fn.pipe(RUN.epochs(2), fn.receipt_to(path, step, data, first, check))).state
    now = replace(RECEIPT.conditions[0][1], threads="99")
    monkeypatch.setattr("fnnet.experiments.kept_receipts.conditions", lambda: now)
    fn.last(fn.pipe(fn.train(step, data, half), check, fn.take(2), fn.receipt_to(path, step, data, half, check)))
    found = fn.read_receipt(path)
    assert found.links == RECEIPT.links
    assert [(epoch, span.threads) for epoch, span in found.conditions][1:] == [(2, "99")]
    fn.last(fn.pipe(fn.train(step, data, half), check, fn.take(2), fn.receipt_to(path, step, data, half, check)))
    assert fn.read_receipt(path) == found  # and once more from the same epoch
    monkeypatch.setattr("fnnet.experiments.verification.conditions", lambda: now)
    assert [c.name for c in fn.verify(found, step, data, first, check, epoch=2).conditions] == ["threads"]
    assert fn.verify(found, step, data, first, check).conditions == ()


# --- cut and torn -------------------------------------------------------------------------------------------------
def shorter(epochs: int) -> fn.Receipt:
    """The receipt of the first epochs."""
    return replace(RECEIPT, links=RECEIPT.links[: epochs + 1], history=RECEIPT.history[:epochs])


def test_every_cut_is_refused_or_the_receipt_of_fewer_epochs(tmp_path: Path) -> None:
    text = RECEIPT.to_json()
    ends = [i + 1 for i, c in enumerate(text) if c == "\n"]
    assert len(ends) == len(LINES) == 3 + EPOCHS
    near = {end + i for end in ends for i in (-2, -1, 0, 1) if end + i < len(text)}
    for n in sorted({*near, *range(0, len(text), 11)}):
        (tmp_path / "run.json").write_text(text[:n])
        whole = sum(end <= n for end in ends)
        if whole < 3:  # header, conditions, start
            with pytest.raises(ReceiptError, match=r"run\.json is no "):
                fn.read_receipt(tmp_path / "run.json")
        else:
            assert fn.read_receipt(tmp_path / "run.json") == shorter(whole - 3)


@pytest.mark.parametrize("stop", range(EPOCHS))
def test_a_run_goes_on_behind_a_torn_line(stop: int, tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    state = [first, *[found.state for found in RUN.epochs()]][stop]
    path.write_text(shorter(stop).to_json() + LINES[3 + stop][:-9])
    keep = fn.receipt_to(path, step, data, state, check)
    fn.last(fn.pipe(fn.train(step, data, state), check, keep, fn.take(EPOCHS - stop)))
    assert path.read_text() == RECEIPT.to_json()


def test_the_file_is_a_whole_receipt_behind_every_epoch_and_only_grows(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    written = []
    for epoch in fn.receipt_to(path, step, data, first, check)(RUN.epochs()):
        assert fn.read_receipt(path) == shorter(epoch.state.epoch)
        written.append((path.stat().st_ino, path.read_bytes()))
    assert len({number for number, _ in written}) == 1
    assert all(after.startswith(before) for (_, before), (_, after) in pairwise(written))


def test_an_epoch_costs_the_same_however_long_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, data, first, check = RUN.parts
    sizes = []
    append = files.append

    def counted(path: Path, size: int, piece: bytes) -> int:
        sizes.append(len(piece))
        return append(path, size, piece)

    monkeypatch.setattr("fnnet.files.append", counted)
    monkeypatch.setattr("fnnet.files.write", once(files.write))
    fn.last(fn.pipe(RUN.epochs(60), fn.receipt_to(tmp_path / "run.json", step, data, first, check)))
    assert len(sizes) == 60
    assert max(sizes) < 1.1 * min(sizes)


def once(function: Callable[..., None]) -> Callable[..., None]:
    """A function that may be called once."""
    left = [function]
    return lambda *arguments: left.pop()(*arguments)


def test_two_writers_of_one_file_are_told(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    stream = fn.receipt_to(path, step, data, first, check)(RUN.epochs())
    next(stream)
    fn.last(fn.receipt_to(path, step, data, first, check)(RUN.epochs(2)))
    with pytest.raises(ReceiptError, match=r"epoch 2 could not be written to .*something else has written to the file"):
        next(stream)
    assert fn.read_receipt(path).epochs == 2


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    stream = fn.receipt_to(path, step, data, first, check)(RUN.epochs())
    next(stream)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ReceiptError, match=r"could not be written to .*No space left on device"):
        next(stream)
    assert path.read_text() == shorter(1).to_json()


# --- edited -------------------------------------------------------------------------------------------------------
def values(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in JSON."""
    for key in told if isinstance(told, dict) else range(len(told)) if isinstance(told, list) else ():
        yield from values(told[key], (*path, key))
    if not isinstance(told, (dict, list)):
        yield path


def edited(told: Any, path: tuple[Any, ...], value: object) -> Any:
    """JSON with one value changed."""
    if not path:
        return value
    copy = dict(told) if isinstance(told, dict) else list(told)
    copy[path[0]] = edited(told[path[0]], path[1:], value)
    return copy


PLACES = [(i, path) for i, line in enumerate(LINES) for path in values(json.loads(line))]


def other(value: object) -> object:
    """Another value of the same kind."""
    if isinstance(value, str):
        return ("1" if value[:1] != "1" else "2") + value[1:]
    return value + 1 if isinstance(value, int) else 0.125


def resealed(lines: list[Any]) -> str:
    """A forged file: all its seals fit."""
    text, seal = "", ""
    for line in lines:
        body = json.dumps({name: value for name, value in line.items() if name != "seal"})
        seal = hashlib.sha256(f"{seal} {body}".encode()).hexdigest()
        text += f'{body[:-1]}, "seal": "{seal}"}}\n'
    return text


def test_this_is_how_a_file_is_sealed() -> None:
    assert resealed(list(map(json.loads, LINES))) == RECEIPT.to_json()


@pytest.mark.parametrize(("i", "path"), PLACES, ids=str)
def test_every_edited_value_is_refused_and_with_new_seals_found(i: int, path: tuple[Any, ...], tmp_path: Path) -> None:
    told = list(map(json.loads, LINES))
    value = told[i]
    for key in path:
        value = value[key]
    forged = [*told[:i], edited(told[i], path, other(value)), *told[i + 1 :]]
    file = tmp_path / "run.json"
    file.write_text("".join([json.dumps(line) + "\n" for line in forged]))
    with pytest.raises(ReceiptError, match=r"changed after it was written: its seal does not fit|has format version 3"):
        fn.read_receipt(file)
    file.write_text(resealed(forged))
    if path == ("seal",):
        assert fn.read_receipt(file) == RECEIPT
        return
    try:
        found = fn.read_receipt(file)
    except ReceiptError:
        return
    verdict = fn.verify(found, *RUN.parts)
    if i == 1:  # conditions may be others
        assert [difference.name for difference in verdict.conditions] == [path[0]]
    else:
        assert not verdict
        name = ".".join(map(str, path[1:])) if i == 0 else path[-1]
        named = [difference.name for difference in (*verdict.settings, *verdict.metrics)]
        assert verdict.epoch == i - 2 if path == ("link",) else named == [name]


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_invented_metrics_are_named(epoch: int) -> None:
    history = list(RECEIPT.history)
    history[epoch - 1] = {**history[epoch - 1], "size": 0.0, "accuracy": 1.0}
    forged = replace(RECEIPT, history=tuple(history))
    verdict = fn.verify(forged, *RUN.parts)
    assert (verdict.epoch, verdict.differs_in) == (epoch, ("metrics",))
    assert [(found.name, found.recorded) for found in verdict.metrics] == [("size", "0.0"), ("accuracy", "1.0")]
    assert f"no: epoch {epoch} is the first that differs, in metrics\n  metric size: 0.0 in the receipt" in str(verdict)
    assert "metric accuracy: 1.0 in the receipt, nothing now" in str(verdict)


@pytest.mark.parametrize(
    "epochs", [{1}, {1, 2}, {2}, {3}, {EPOCHS}, {2, 3}, {1, 3}, set(range(1, EPOCHS + 1))], ids=str
)
@pytest.mark.parametrize("begin", [0, 1])
def test_metrics_that_were_taken_out_never_pass_in_silence(epochs: set[int], begin: int, tmp_path: Path) -> None:
    """Those of an epoch behind one that has some are missing; of those before it the receipt tells none, and so it
    says."""
    step, data, first, check = RUN.parts
    (tmp_path / "run.json").write_text(
        resealed([{**json.loads(line), **({"metrics": {}} if i - 2 in epochs else {})} for i, line in enumerate(LINES)])
    )
    found = fn.read_receipt(tmp_path / "run.json")
    state = first if not begin else fn.last(RUN.epochs(begin)).state
    verdict = fn.verify(found, step, data, state, check)
    untold = [epoch for epoch in range(1, EPOCHS + 1) if not set(range(1, epoch + 1)) - epochs]
    missing = [epoch for epoch in sorted(epochs - set(untold)) if epoch > begin]
    assert bool(verdict) == (not missing)
    if missing:
        assert (verdict.epoch, verdict.differs_in) == (missing[0], ("metrics",))
        assert [(name, was) for name, was, _ in verdict.metrics] == [("loss", "nothing"), ("size", "nothing")]
    seen = [epoch for epoch in untold if epoch > begin]
    place = f"the metrics of epochs {seen[0]} to {seen[-1]}" if seen else ""
    assert [name for name in verdict.not_covered if "metrics of epochs" in name] == [place][: len(seen)]
    assert not seen or f"not covered: {place}, the receipt tells none" in str(verdict)


@functools.cache
def folder() -> Path:
    """One for all examples of a test."""
    made = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, made)
    return Path(made)


@given(st.integers(0, len(RECEIPT.to_json()) - 1), st.integers(0, 6))
def test_every_changed_character_is_refused(place: int, bit: int) -> None:
    text = RECEIPT.to_json()
    changed = text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
    path = folder() / "changed.json"
    path.write_bytes(changed.encode())
    if place == len(text) - 1:  # the last line has no end
        assert fn.read_receipt(path) == shorter(EPOCHS - 1)
        return
    with pytest.raises(ReceiptError):
        fn.read_receipt(path)


@given(st.permutations(range(len(LINES))), st.integers(1, len(LINES)))
def test_lines_cannot_be_moved_or_left_out(order: list[int], count: int) -> None:
    path = folder() / "moved.json"
    path.write_text("".join([LINES[i] + "\n" for i in order[:count]]))
    if order[:count] == list(range(count)) and count >= 3:
        assert fn.read_receipt(path).epochs == count - 3
        return
    with pytest.raises(ReceiptError):
        fn.read_receipt(path)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    key = '"key": "Key(seed=0, path=())"'
    body = json.dumps({name: value for name, value in json.loads(LINES[0]).items() if name != "seal"})
    body = body.replace(key, f'"key": "Key(seed=1, path=())", {key}', 1)
    seal = hashlib.sha256(f" {body}".encode()).hexdigest()
    (tmp_path / "run.json").write_text(f'{body[:-1]}, "seal": "{seal}"}}\n')
    with pytest.raises(ReceiptError, match="a name stands twice in one object, so it was changed"):
        fn.read_receipt(tmp_path / "run.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"seal": 1}', '"x"', "[" * 100_000, "\x00", '{"links": []}', "\n\n", "{}\n{}"]
)
def test_what_is_no_receipt_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ReceiptError, match=r"read_receipt: .*run\.json is no "):
        fn.read_receipt(tmp_path / "run.json")


HEADER, SPAN, START, *AFTER = list(map(json.loads, LINES))
FORGED: dict[str, list[Any]] = {
    "no conditions": [HEADER, START],
    "no start": [HEADER, SPAN],
    "a number left out": [HEADER, SPAN, START, *AFTER[1:]],
    "a number twice": [HEADER, SPAN, START, AFTER[0], *AFTER],
    "conditions of later": [HEADER, {**SPAN, "from epoch": 2}, START, *AFTER],
    "conditions from 0 later": [HEADER, SPAN, START, *AFTER, SPAN],
    "conditions of numbers": [HEADER, {**SPAN, "threads": 2}, START, *AFTER],
    "too few conditions": [HEADER, {"from epoch": 0}, START, *AFTER],
    "a link of three": [HEADER, SPAN, {**START, "link": "a b c"}, *AFTER],
    "a link of a number": [HEADER, SPAN, {**START, "link": 3}, *AFTER],
    "metrics of a number": [HEADER, SPAN, START, {**AFTER[0], "metrics": 3}],
    "a configuration of a number": [{**HEADER, "configuration": 3}, SPAN, START, *AFTER],
    "a setting of a number": [{**HEADER, "configuration": {"a": 1}}, SPAN, START, *AFTER],
    "one thing more": [HEADER, SPAN, {**START, "more": 1}, *AFTER],
    "one line more": [HEADER, SPAN, START, *AFTER, {"more": 1}],
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_receipts_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(resealed(FORGED[name]))
    with pytest.raises(ReceiptError, match=r"read_receipt: .*run\.json is no "):
        fn.read_receipt(tmp_path / "run.json")


def test_a_newer_format_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(resealed([{**HEADER, "fnnet receipt": 3}, SPAN, START]))
    with pytest.raises(ReceiptError, match="has format version 3, this fnnet reads 1 to 2; use a newer one"):
        fn.read_receipt(tmp_path / "run.json")


# --- version 1 ----------------------------------------------------------------------------------------------------
GOLDEN = Path(__file__).parents[1] / "golden" / "receipt-1.json"
SCALE = 2.0


def size(prediction: Array, target: Array, /) -> fn.Value:
    """The metric of the golden receipt, whose numbers are exact in any BLAS."""
    return np.asarray(np.abs(prediction).sum() * SCALE)


def golden_run(lr: float = 0.5) -> tuple[Any, ...]:
    optimizer = fn.sgd(lr)
    x, y = np.eye(4), np.ones((4, 1))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
    first = fn.start(fn.linear(fn.Key(0), 4, 1, init=fn.zeros), optimizer, fn.Key(0))
    return step, data, first, fn.validate(x, y, {"size": size})


def test_a_receipt_of_version_1_is_read_and_verified() -> None:
    found = fn.read_receipt(GOLDEN)
    assert (found.epochs, dict(found.metrics)) == (3, {"loss": 0.03125, "size": 7.5})
    verdict = fn.verify(found, *golden_run())
    assert verdict
    assert "not covered: streams.0.metrics.0.1, format version 1 told it otherwise" in str(verdict)
    assert "not covered: the metrics of epochs 1 to 2, the receipt tells none" in str(verdict)
    assert [d.name for d in fn.verify(found, *golden_run(0.25)).settings] == ["step.optimizer.lr"]
    invented = replace(found, history=(*found.history[:-1], {**found.metrics, "size": 1.0}))
    assert [d.name for d in fn.verify(invented, *golden_run()).metrics] == ["size"]


def test_a_receipt_of_version_1_goes_on_as_one_of_version_2(tmp_path: Path) -> None:
    step, data, first, check = golden_run()
    path = tmp_path / "run.json"
    path.write_bytes(GOLDEN.read_bytes())
    state = fn.last(fn.pipe(fn.train(step, data, first), check, fn.take(3))).state
    fn.last(fn.pipe(fn.train(step, data, state), check, fn.receipt_to(path, step, data, state, check), fn.take(2)))
    assert fn.read_receipt(path).epochs == 5
    assert fn.verify(fn.read_receipt(path), step, data, first, check)


def test_every_edited_value_of_version_1_is_refused(tmp_path: Path) -> None:
    told = json.loads(GOLDEN.read_text())
    for path in values(told):
        value = told
        for key in path:
            value = value[key]
        (tmp_path / "run.json").write_text(json.dumps(edited(told, path, other(value))))
        with pytest.raises(
            ReceiptError, match=r"its seal does not fit|has format version 2|no whole receipt|no receipt"
        ):
            fn.read_receipt(tmp_path / "run.json")


# --- what cannot be done ------------------------------------------------------------------------------------------
def test_what_is_no_receipt_is_not_written_over(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    (tmp_path / "run.json").write_text("notes")
    with pytest.raises(ReceiptError, match="exists, is no whole receipt, and is not overwritten"):
        next(fn.receipt_to(tmp_path / "run.json", step, data, first, check)(RUN.epochs()))
    assert (tmp_path / "run.json").read_text() == "notes"


def test_files_that_are_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ReceiptError, match=r"read_receipt: .*none\.json could not be read"):
        fn.read_receipt(tmp_path / "none.json")
    with pytest.raises(ReceiptError, match=r"read_receipt: .* could not be read"):
        fn.read_receipt(tmp_path)
    with pytest.raises(ReceiptError, match=r"receipt: .*run\.json could not be written"):
        RECEIPT.save(tmp_path / "no such folder" / "run.json")
    for never in ("/dev/zero", "a\0b"):
        with pytest.raises(ReceiptError, match="read_receipt: "):
            fn.read_receipt(never)
        with pytest.raises(ReceiptError, match="could not be written"):
            RECEIPT.save(never)


def test_a_resumed_run_needs_its_own_receipt(tmp_path: Path) -> None:
    step, data, _, check = RUN.parts
    half = [found.state for found in RUN.epochs(2)][-1]
    path = tmp_path / "run.json"
    with pytest.raises(ReceiptError, match="could not be read"):
        next(fn.receipt_to(path, step, data, half, check)(fn.train(step, data, half)))
    other = replace(RUN, lr=0.5)
    fn.receipt(other.epochs(), *other.parts).save(path)
    before = path.read_bytes()
    with pytest.raises(
        ReceiptError, match=r"is the receipt of another run; .* differs: step.optimizer.lr.lr, the state of"
    ):
        next(fn.receipt_to(path, step, data, half, check)(fn.train(step, data, half)))
    assert path.read_bytes() == before
