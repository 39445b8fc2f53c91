from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")

def train_test_split(
    x: T, y: S, /, *, test_size: float, random_state: int, stratify: S | None = None
) -> tuple[T, T, S, S]: ...
