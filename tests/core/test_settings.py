"""Settings with their ranges in the types: checked when they are made, in every way of making them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, checks
from fnnet.core import Finite, Flag, NonNegative, Positive, Rate, Settings, Share, Size
from fnnet.core.settings import each
from tests.catalogue import OPTIMIZERS


@dataclass(frozen=True, slots=True)
class SlowStart(Settings):
    """Settings of every kind."""

    lr: Rate
    _: KW_ONLY
    share: Share = 0.5
    eps: Positive = 1e-8
    decay: NonNegative = 0.0
    size: Size = 1
    of_two: Annotated[int, partial(checks.size, low=2)] = 2
    is_quick: Flag = False
    last: Size | None = None
    where: Callable[[str], bool] | None = None
    shares: tuple[Share, ...] = ()
    sizes: Annotated[tuple[int, ...], each(checks.size)] = ()
    way: Literal["up", "down"] | None = None
    open: Annotated[Share, checks.positive] = 0.5
    offset: Finite = 0.0
    name_of_it: str = field(default="plain", compare=False)


@dataclass(frozen=True)
class Slower(SlowStart):
    """With one more, and a dictionary beside the slots."""

    name = "own"
    more: Share = 0.0


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a rate": ({"lr": -1.0}, r"lr must be in \[0, inf\), got -1.0"),
    "a rate that is no number": ({"lr": "fast"}, r"lr must be a number in \[0, inf\), got 'fast'"),
    "a share": ({"share": 1.0}, r"share must be in \[0, 1\), got 1.0"),
    "what is to be positive": ({"eps": 0}, "eps must be above 0, got 0"),
    "what is not to be negative": ({"decay": -1}, r"decay must be in \[0, inf\), got -1"),
    "a size": ({"size": 0}, "size must be a whole number from 1 up, got 0"),
    "a size from 2 up": ({"of_two": 1}, "of_two must be a whole number from 2 up, got 1"),
    "what is of a list": ({"sizes": [1, 0]}, r"sizes\[1\] must be a whole number from 1 up, got 0"),
    "what is no list": ({"sizes": 1}, "sizes must be a tuple, got 1"),
    "one of two words": ({"way": "left"}, "way must be 'up' or 'down', got 'left'"),
    "what has two checks": ({"open": 0.0}, "open must be above 0, got 0.0"),
    "what has two checks, by the first": ({"open": 1.0}, r"open must be in \[0, 1\), got 1.0"),
    "what is to be finite": ({"offset": np.inf}, r"offset must be in \[-inf, inf\), got inf"),
    "what may be None": ({"last": 0}, "last must be a whole number from 1 up, got 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_out_of_range_is_refused_by_its_name(name: str) -> None:
    given, message = WRONG[name]
    changed: dict[str, Any] = {"lr": 0.1, **given}
    with pytest.raises(ValueError, match=f"^slow_start: {message}$"):
        SlowStart(**changed)
    with pytest.raises(ValueError, match=f"^own: {message}$"):
        Slower(**changed)
    with pytest.raises(ValueError, match=f"^slow_start: {message}$"):
        replace(SlowStart(0.1), **given)


def test_numbers_of_numpy_become_pythons() -> None:
    made = SlowStart(np.float32(0.5), size=np.int64(3), is_quick=np.True_, last=np.int8(4))  # type: ignore[arg-type]
    assert [type(value) for value in (made.lr, made.size, made.is_quick, made.last)] == [float, int, bool, int]
    assert made == SlowStart(0.5, size=3, is_quick=True, last=4)


def test_lists_become_tuples() -> None:
    assert SlowStart(0.1, sizes=[1, np.int64(2)]).sizes == (1, 2)  # type: ignore[arg-type]


def test_what_has_no_check_is_kept_as_it_is() -> None:
    where = str.isidentifier
    made: Any = SlowStart(abs, where=where, shares=(3, 4), name_of_it="x")
    assert (made.lr, made.where, made.shares, made.last) == (abs, where, (3, 4), None)


@dataclass(frozen=True)
class Named(fn.RowLoss[Array]):
    """A loss with a name of each instance's."""

    name: str  # type: ignore[misc]
    scale: Positive

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        return self.scale * (prediction - target)[..., 0], self.scale * np.ones_like(prediction)


class Bare(fn.RowLoss[Array]):
    """A loss that is no dataclass."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        return self.scale * (prediction - target)[..., 0], self.scale * np.ones_like(prediction)


def test_losses_of_every_kind_are_settings() -> None:
    with pytest.raises(ValueError, match=r"^own: scale must be above 0, got 0$"):
        Named("own", 0)
    assert (Named("own", 2).name, Bare(2.0).name, fn.mae.name) == ("own", "bare", "mae")
    assert pickle.loads(pickle.dumps(Named("own", 2))) == Named("own", 2)
    assert copy.copy(Bare(2.0)).scale == pickle.loads(pickle.dumps(Bare(2.0))).scale == 2.0


MADE = [SlowStart(0.1, size=3), Slower(0.1, more=0.5), fn.adam(0.1), fn.cosine_decay(1.0, steps=3)]


@pytest.mark.parametrize("made", MADE)
def test_settings_are_values(made: Any) -> None:
    for other in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made), replace(made)):
        assert other == made and hash(other) == hash(made) and repr(other) == repr(made)
    with pytest.raises(AttributeError):
        made.lr = 0.2


@pytest.mark.parametrize("made", MADE[2:])
def test_settings_are_saved_and_loaded(made: Any, tmp_path: Path) -> None:
    fn.save(tmp_path / "it", made)
    assert fn.load(tmp_path / "it") == made


@pytest.mark.parametrize("name", ["adam", "ema of all", "rmsprop centered with momentum"])
def test_optimizers_pickle_after_their_updates(name: str) -> None:
    """Their programs are not taken along."""
    optimizer, net = OPTIMIZERS[name], fn.linear(fn.Key(0), 2, 3)
    optimizer.update(net, net, optimizer.init(net))
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer


def test_errors_call_settings_as_their_users_do() -> None:
    kinds: list[Any] = [fn.adam, fn.clip_by_global_norm, fn.cosine_decay, fn.early_stopping, fn.reduce_on_plateau]
    assert [kind.name for kind in kinds] == [
        "adam",
        "clip_by_global_norm",
        "cosine_decay",
        "early_stopping",
        "reduce_on_plateau",
    ]
