"""What a user sees of an error beside it."""

from __future__ import annotations


def check_tells_all(error: BaseException) -> None:
    """Nothing is shown before an error but what was meant to be: the cause that it names.

    An error that came while another one was handled, without a word about that, would be read second.
    """
    seen: BaseException | None = error
    while seen is not None:
        is_alone = seen.__context__ is None or seen.__suppress_context__
        assert is_alone, f"{seen!r} is shown behind {seen.__context__!r}, and does not say why"
        seen = seen.__cause__
