"""A comparison for the terminal: aligned tables, also with Chinese text, no wider than the window.

Not here: what is said (layout), other formats (markdown, page).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.diffing.layout import Items, Paragraph, Section, Table, Text
from pipelines.terminal import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

PIPE_WIDTH = 120
NARROW = 100
SIDE_BY_SIDE = 24
NAME_WIDTH = 18
CUT_WIDTH = 10


def say(sections: Sequence[Section]) -> None:
    """Print sections on stdout. Without a window, and without COLUMNS, lines are at most 120 columns wide.

    Sentences come in both languages; tables in a window below 100 columns in English only.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPE_WIDTH
    plain = bool(os.environ.get("NO_COLOR")) or None
    console = Console(width=width, no_color=plain, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for number, section in enumerate(sections):
            if number:
                console.print()
            console.print(_joined(section.heading), style="bold")
            for block in section.blocks:
                _block(console, block)
    for line in captured.get().splitlines():
        print(line.rstrip())


def _block(console: Console, block: Paragraph | Items | Table) -> None:
    if isinstance(block, Paragraph):
        for text in dict.fromkeys(block.words):
            console.print(visible(text))
    elif isinstance(block, Items):
        for number, words in enumerate(block.items, start=1):
            mark = f"{number}." if block.is_numbered else "-"
            for text in dict.fromkeys(words):
                console.print(_listed(mark, visible(text)))
                mark = ""
    else:
        if block.title[0]:
            console.print(_joined(block.title), style="italic")
        _print_table(console, block)
        if block.more[0]:
            console.print(_joined(block.more))


def _print_table(console: Console, block: Table) -> None:
    """A table in the width of the window; where numbers alone need more, in the width that they need."""
    width = console.width
    table = _table(block, width)
    console.width = max(width, sum(column.width or 0 for column in table.columns) + 2 * len(table.columns) + 1)
    console.print(table)
    console.width = width


def _listed(mark: str, text: str) -> RichTable:
    """A mark, and a text whose further lines stand under its first."""
    from rich.table import Table as RichTable

    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=3, justify="right")
    grid.add_column(overflow="fold")
    grid.add_row(mark, text)
    return grid


def _table(block: Table, width: int) -> RichTable:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    shown = _first if width < NARROW else _joined
    table = RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    names = [name[0] if width < NARROW else "\n".join(filter(None, dict.fromkeys(name))) for name in block.columns]
    rows = [[shown(cell) for cell in row] for row in block.rows]
    for place, size in enumerate(_widths(block, names, rows, width)):
        cut = place == block.elastic
        table.add_column(
            names[place], justify="right" if block.numeric[place] else "left", width=size, no_wrap=cut,
            overflow="ellipsis" if cut else "fold",
        )  # fmt: skip
    for row in rows:
        table.add_row(*row)
    return table


def _widths(block: Table, names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Widths of the columns. Where they do not fit, the elastic one is cut first, then the widest text folds; numbers
    never do."""
    from rich.cells import cell_len

    whole, least = [], []
    for place, name in enumerate(names):
        lines = [line for text in (name, *(row[place] for row in rows)) for line in text.split("\n")]
        natural = max(map(cell_len, lines), default=1) or 1
        words = max((cell_len(word) for line in lines for word in line.split()), default=1)
        is_cut = place == block.elastic
        whole.append(natural)
        least.append(natural if block.numeric[place] else min(natural, CUT_WIDTH if is_cut else min(words, NAME_WIDTH)))
    room = width - 1 - 2 * len(names)
    found = list(whole)
    order = [block.elastic] if block.elastic is not None else []
    for place in order:
        found[place] = max(least[place], found[place] - max(0, sum(found) - room))
    while sum(found) > room:
        widest = max(range(len(found)), key=lambda place: (found[place] > least[place], found[place]))
        if found[widest] <= least[widest]:
            break
        found[widest] -= 1
    return found


def _first(cell: Text) -> str:
    return visible(cell if isinstance(cell, str) else cell[0])


def _joined(cell: Text) -> str:
    """Both languages in one cell: side by side where that is short, else one below the other."""
    if isinstance(cell, str):
        return visible(cell)
    from rich.cells import cell_len

    texts = [visible(text) for text in dict.fromkeys(cell) if text]
    together = " ".join(texts)
    return together if cell_len(together) <= SIDE_BY_SIDE or len(texts) < 2 else "\n".join(texts)
