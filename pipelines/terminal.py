"""What a terminal can show: colours that mean something, tables aligned also with Chinese text and cut to its width.

Red needs an action, yellow deserves a look, green is good, bold is a heading; nothing is coloured in a pipe, with
NO_COLOR, or on a dumb terminal. Not here: what is said (say, querying, progress).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

_CODES = {"red": "31", "yellow": "33", "green": "32", "bold": "1"}
_GAP = "   "
_LEAST_TEXT = 16
_CUT = "…"
# Control characters, and those that turn the direction of a line around or end it.
_ESCAPES = (
    {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
    | {code: f"\\u{code:04x}" for code in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))}
    | {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
)


def is_live(stream: TextIO) -> bool:
    """Whether somebody looks on: a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def paint(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour (red, yellow, green, bold) where the stream shows colours, else as it is."""
    if not is_live(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{_CODES[colour]}m{text}\033[0m"


def width_of(stream: TextIO) -> int | None:
    """How many columns the terminal has; None where nothing is to be cut."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def visible(text: str) -> str:
    """Text on one line, without anything that a terminal would obey: control characters as escapes."""
    return text if text.isprintable() else text.translate(_ESCAPES)


@dataclass(frozen=True)
class Laid:
    """A table as lines, and how much of it they show."""

    header: str
    rule: str
    rows: list[str]
    columns_shown: int
    is_text_cut: bool


def lay_out(columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None = None) -> Laid:
    """Align a table: numbers to the right, text to the left, a Chinese character as wide as two Latin ones.

    With a width, long text is cut first (never a number), then the last columns are left out, down to one. Missing is
    blank.
    """
    heads = [visible(str(column)) for column in columns]
    texts = [[_shown(value) for value in row] for row in rows]
    is_number = [
        any(_is_number(row[at]) for row in rows) and all(row[at] is None or _is_number(row[at]) for row in rows)
        for at in range(len(heads))
    ]
    widths = [max([_cells(head), *(_cells(row[at]) for row in texts)]) for at, head in enumerate(heads)]
    shown, cut = _fit(widths, is_number, width)
    aligned = [_aligned(shown[at], is_number[at]) for at in range(len(shown))]

    def line(row: Sequence[str]) -> str:
        return (" " + _GAP.join(place(text) for place, text in zip(aligned, row, strict=False))).rstrip()

    rule = " " + "─" * (sum(shown) + len(_GAP) * (len(shown) - 1)) if shown else ""
    return Laid(line(heads), rule, [line(row) for row in texts], len(shown), cut)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], stream: TextIO, cut: bool = False) -> Laid:
    """Print a table, its header bold; cut to the width of the terminal only where asked for."""
    laid = lay_out(columns, rows, width_of(stream) if cut else None)
    print(paint(laid.header, "bold", stream), laid.rule, *laid.rows, sep="\n", file=stream)
    return laid


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: no rows, 1 row, 12,345 rows."""
    many = many or f"{one}s"
    return f"no {many}" if number == 0 else f"{number:,} {one if number == 1 else many}"


def _fit(widths: Sequence[int], is_number: Sequence[bool], width: int | None) -> tuple[list[int], bool]:
    """The widths of the columns that fit into a width, the first ones, and whether any text had to be cut."""
    fitted = list(widths)
    if width is None or _total(fitted) <= width:
        return fitted, False
    least = [own if number else min(own, _LEAST_TEXT) for own, number in zip(widths, is_number, strict=True)]
    while len(fitted) > 1 and _total(least[: len(fitted)]) > width:
        fitted.pop()
    room = max(width - _total(least[: len(fitted)]), 0)
    lowest = least[: len(fitted)]
    if len(fitted) == 1:
        only = min(fitted[0], max(width - 1, 1))
        return [only], only < widths[0]
    fitted = lowest
    # The room that is left goes to the narrowest columns first: as many of them as possible are whole.
    for at in sorted(range(len(fitted)), key=lambda each: widths[each]):
        more = min(widths[at] - fitted[at], room)
        fitted[at] += more
        room -= more
    return fitted, any(own < whole for own, whole in zip(fitted, widths, strict=False))


def _total(widths: Iterable[int]) -> int:
    own = list(widths)
    return 1 + sum(own) + len(_GAP) * (len(own) - 1)


def _aligned(width: int, is_number: bool) -> Callable[[str], str]:
    def place(text: str) -> str:
        used = _cells(text)
        if used > width:
            text = _cut_to(text, width)
            used = _cells(text)
        return " " * (width - used) + text if is_number else text + " " * (width - used)

    return place


def _cut_to(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(text, max(width - 1, 0)).rstrip() + _CUT


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _is_number(value: Any) -> bool:
    from decimal import Decimal

    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else visible(str(value))
