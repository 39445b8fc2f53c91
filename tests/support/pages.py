"""The README and the guide: their blocks of code, and what they say these print."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "guide"
PAGES = (ROOT / "README.md", *sorted(GUIDE.glob("*.md")))

NUMBER = re.compile(r"\d+\.\d+|\d+")
FENCES = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def fences(page: Path) -> list[tuple[str, str]]:
    """The language and text of each fenced block."""
    return FENCES.findall(page.read_text())


def printed(page: Path) -> Iterator[tuple[str, str]]:
    """Runs a page's Python blocks in one namespace; for each block of text, what it shows and what was printed."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    output = ""
    for language, text in fences(page):
        if language == "python":
            with redirect_stdout(StringIO()) as lines:
                exec(compile(text, str(page), "exec", dont_inherit=True), namespace)
            output = lines.getvalue()
        elif language == "text":
            yield text, output


def agree(shown: str, output: str) -> bool:
    """Whether words and signs are the same, and numbers within 5 % or 0.02: elsewhere sums of floats are others."""
    if NUMBER.sub("#", shown) != NUMBER.sub("#", output):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(output), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=0.05, abs_tol=0.02) for a, b in pairs)
