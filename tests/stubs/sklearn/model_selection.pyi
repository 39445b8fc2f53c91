from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
S = TypeVar("S")

def train_test_split(
    x: T, y: S, /, *, test_size: float, random_state: int, stratify: S | None = None
) -> tuple[T, T, S, S]: ...

class KFold:
    def __init__(self, n_splits: int, *, shuffle: bool, random_state: int) -> None: ...
    def split(self, X: object, y: object) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]: ...

class StratifiedKFold(KFold): ...
