"""HTML for notebooks: tables and curves, without scripts, style sheets or external files.

Colours are those of the page, so a dark notebook stays dark. All values are treated as text and escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, log

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})

ROWS = 60
"""The most rows that a table shows; of more rows, the first and the last ones are shown."""
LENGTH = 240
"""The most characters that a cell shows."""

_CELL = "padding:2px 10px;border:0;white-space:pre-wrap;overflow-wrap:anywhere;vertical-align:top"
_LINE = "border-bottom:1px solid rgba(128,128,128,.5)"
_QUIET = "opacity:.7"
COLOURS = ("#2a86c8", "#d55e00", "#009e73", "#cc79a7")
"""Colours of Okabe and Ito (2008), which colour-blind readers can tell apart; the blue is lighter, for dark pages."""


def escape(text: object) -> str:
    """Text escaped for HTML, and truncated where it is very long.

    >>> escape("<b>")
    '&lt;b&gt;'
    """
    words = str(text)
    return (words if len(words) <= LENGTH else f"{words[: LENGTH - 1]}…").translate(_ESCAPES)


def block(title: str, *parts: str) -> str:
    """A titled group of ``parts``, which are HTML."""
    return f'<div style="margin:4px 0"><div style="margin:2px 0"><b>{escape(title)}</b></div>{"".join(parts)}</div>'


def folded(title: str, *parts: str) -> str:
    """A group of ``parts``, which are HTML, that is collapsed until it is opened."""
    return f'<details style="margin:2px 0"><summary>{escape(title)}</summary>{"".join(parts)}</details>'


def note(text: object) -> str:
    """A line in a fainter colour."""
    return f'<div style="{_QUIET};margin:2px 0">{escape(text)}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: Iterable[int] = ()) -> str:
    """A table with the headings ``head``, or "" without rows; the columns ``numbers`` are aligned to the right."""
    right, half = frozenset(numbers), ROWS // 2
    if len(rows) > ROWS:
        left_out = (f"… {len(rows) - 2 * half} more", *[""] * (len(rows[0]) - 1))
        rows = [*rows[:half], left_out, *rows[-half:]]
    lines = [_row("th", head, right, f"{_CELL};{_LINE}")] if any(head) else []
    lines += [_row("td", row, right, _CELL) for row in rows]
    return f'<table style="border-collapse:collapse;margin:2px 0">{"".join(lines)}</table>' if rows else ""


def _row(kind: str, cells: Sequence[object], right: frozenset[int], style: str) -> str:
    sides = ["right" if i in right else "left" for i in range(len(cells))]
    made = [
        f'<{kind} style="{style};text-align:{side}">{escape(cell)}</{kind}>'
        for cell, side in zip(cells, sides, strict=True)
    ]
    return f"<tr>{''.join(made)}</tr>"


def named(entries: Mapping[str, object]) -> str:
    """A table of names and values."""
    return table(("", ""), list(entries.items()))


# --- curves ----------------------------------------------------------------------------------------------------------
WIDTH, HEIGHT, POINTS = 360, 100, 180


def curves(columns: Mapping[str, Sequence[float]]) -> str:
    """Values by epoch as a small picture, with one line per name; a long run is sampled at evenly spaced epochs.

    The scale is logarithmic where all values are positive and the highest exceeds 20 times the lowest. The result is
    empty for fewer than two epochs, and where all values are equal.
    """
    known = [value for column in columns.values() for value in column if isfinite(value)]
    epochs = max(map(len, columns.values()), default=0)
    if epochs < 2 or not known or min(known) == max(known):
        return ""
    low, high = min(known), max(known)
    is_log = low > 0 and high > 20 * low
    lines = [_curve(column, epochs, low, high, is_log, i) for i, column in enumerate(columns.values())]
    names = [_legend(name, i) for i, name in enumerate(columns)]
    scale = "(logarithmic)" if is_log else ""
    frame = f'<path d="M44 6V{HEIGHT}H{WIDTH}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    texts = [_text(40, 12, "end", f"{high:.3g}"), _text(40, HEIGHT, "end", f"{low:.3g}")]
    texts += [_text(44, HEIGHT + 14, "start", "epoch 1"), _text(WIDTH, HEIGHT + 14, "end", str(epochs))]
    picture = (
        f'<svg width="{WIDTH + 6}" height="{HEIGHT + 18}" role="img" font-size="11" font-family="sans-serif" '
        f'aria-label="{escape(", ".join(columns))} by epoch">{frame}{"".join([*texts, *lines])}</svg>'
    )
    return f'<div style="margin:4px 0">{picture}<div style="font-size:90%">{" ".join([*names, scale])}</div></div>'


def _curve(column: Sequence[float], epochs: int, low: float, high: float, is_log: bool, place: int) -> str:
    """A line through the values, broken where they are NaN or infinite; a value between such breaks is a dot."""
    chosen = sorted({round(i * (epochs - 1) / (POINTS - 1)) for i in range(POINTS)})
    f = log if is_log else _quarter
    bottom, span, words = f(low), f(high) - f(low), list[str]()
    for epoch in chosen:
        value = column[epoch] if epoch < len(column) else float("nan")
        x = 44 + epoch / (epochs - 1) * (WIDTH - 44)
        y = HEIGHT - (f(value) - bottom) / span * (HEIGHT - 8) if isfinite(value) else None
        words.append("" if y is None else f"{'L' if words and words[-1] else 'M'}{x:.1f} {y:.1f}h0")
    return f'<path d="{"".join(words)}" fill="none" stroke-width="1.8" stroke-linecap="round" {_stroke(place)}/>'


def _quarter(value: float) -> float:
    """A value on a scale where the difference of any two is a float."""
    return value / 4


def _stroke(place: int) -> str:
    """The colour and the dashes of a line, so that it can be told from others without colour too."""
    dashes = ("", "6 3", "2 2", "8 2 2 2")[place % 4]
    return f'stroke="{COLOURS[place % 4]}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")


def _legend(name: str, place: int) -> str:
    line = f'<svg width="26" height="8"><path d="M0 4H24" fill="none" stroke-width="2" {_stroke(place)}/></svg>'
    return f'<span style="margin-right:12px">{line} {escape(name)}</span>'


def _text(x: int, y: int, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'
