"""The README and the guide: their blocks of code, and what they say these print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "guide"
PAGES = (ROOT / "README.md", *sorted(GUIDE.glob("*.md")))

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
                exec(compile(text, str(page), "exec"), namespace)
            output = lines.getvalue()
        elif language == "text":
            yield text, output
