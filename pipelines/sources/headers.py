"""Header blocks of a grid: where they start and end, the joined text of each column, the data rows below.

Not here: which column means what (pipelines.sources.layout).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import polars as pl

from pipelines.sources.readers import Grid
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.source import Layout, Role

_BLANKS = re.compile(r"\s+")
_CHUNK = 500


@dataclass(frozen=True)
class Block:
    """One table: the text above it, its header texts by column, its data rows.

    `headers`: folded join over the header rows; `printed`: the same without blanks only; `pieces`: the folded
    single cells and lines; `first_row`: 0-based row of the grid where `data` starts.
    """

    grid: Grid
    title: str
    headers: list[str]
    printed: list[str]
    pieces: list[set[str]]
    data: pl.DataFrame
    numbers: pl.DataFrame | None
    first_row: int


def squeeze(text: str) -> str:
    """The text without blanks and in compatibility form (full-width marks become plain ones); case is
    kept."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text))


def blocks_of(grid: Grid, layout: Layout) -> list[Block]:
    """Cut a grid into tables at its headers.

    In: a grid, the layout's header and footer. Out: one block, or with header.repeat one for each header.
    Raises: RejectedFileError(header_not_found).
    """
    frame, header = grid.frame, layout.header
    if header.rows == 0:
        start = (header.row or 1) - 1
        return [_block(grid, layout, 0, start, start, frame.height)]
    starts = _starts(grid, layout)
    blocks, above = [], 0
    for i, start in enumerate(starts):
        data_start = _data_start(frame, layout, start)
        limit = starts[i + 1] if i + 1 < len(starts) else frame.height
        end = limit if i + 1 == len(starts) else _before_title(frame, data_start, limit)
        blocks.append(_block(grid, layout, above, start, data_start, end))
        above = end
    return blocks


def find_column(wanted: str | int, block: Block) -> int | None:
    """The 0-based column of a 1-based position or a header: the joined header, one of its cells or lines, its
    start."""
    if isinstance(wanted, int):
        return wanted - 1 if 1 <= wanted <= len(block.headers) else None
    return _find_name(fold_name(wanted), block.headers, block.pieces)


def _find_name(name: str, headers: list[str], pieces: list[set[str]]) -> int | None:
    tests = (lambda i: headers[i] == name, lambda i: name in pieces[i], lambda i: headers[i].startswith(name))
    for test in tests:
        hit = next((i for i in range(len(headers)) if headers[i] and test(i)), None)
        if hit is not None:
            return hit
    return None


def _row(frame: pl.DataFrame, index: int) -> list[str]:
    return list(frame.row(index))


def _starts(grid: Grid, layout: Layout) -> list[int]:
    frame, header = grid.frame, layout.header
    where = f"in sheet '{grid.name}'" if grid.name else "in the file"
    if header.row is not None:
        if header.row > frame.height:
            raise RejectedFileError(
                "header_not_found", f"header.row: {header.row}, but {where} are {frame.height} rows"
            )
        return [header.row - 1]
    starts = []
    for index, row in enumerate(frame.iter_rows()):
        cells = {cell for cell in row if cell}
        if len(cells) < min(2, frame.width):
            continue
        if header.find is None or any(_cell_matches(header.find, cell) for cell in cells):
            starts.append(index)
            if not header.repeat:
                break
    if not starts:
        looked = f"header.find '{header.find}'" if header.find else "a row with two filled cells"
        raise RejectedFileError("header_not_found", f"{looked} is not {where} ({frame.height} rows)")
    return _first_of_each(frame, starts)


def _first_of_each(frame: pl.DataFrame, starts: list[int]) -> list[int]:
    """A header cell that spans two rows is found twice: keep the first of neighbouring rows."""
    return [s for i, s in enumerate(starts) if i == 0 or s != starts[i - 1] + 1]


def _cell_matches(pattern: str, cell: str) -> bool:
    return bool(re.search(pattern, fold_name(cell), re.IGNORECASE) or re.search(pattern, squeeze(cell)))


def _key_column(frame: pl.DataFrame, layout: Layout, start: int) -> int:
    """The column of the first role that stands in a column; data begin where it holds text."""
    for role in (layout.area, layout.period, layout.indicator):
        if not isinstance(role, Role) or role.column is None:
            continue
        if isinstance(role.column, int):
            return min(role.column, frame.width) - 1
        for row in range(start, min(start + 8, frame.height)):
            cells = _row(frame, row)
            position = _find_name(fold_name(role.column), [fold_name(c) for c in cells], [_pieces([c]) for c in cells])
            if position is not None:
                return position
    return 0


def _data_start(frame: pl.DataFrame, layout: Layout, start: int) -> int:
    if layout.header.rows is not None:
        return min(start + layout.header.rows, frame.height)
    key = frame.to_series(_key_column(frame, layout, start))
    head = key[start]
    for first in range(start + 1, frame.height, _CHUNK):
        piece = key[first : first + _CHUNK]
        filled = ((piece != "") & (piece != head)).arg_true()
        if len(filled):
            return first + int(filled[0])
    return frame.height


def _before_title(frame: pl.DataFrame, start: int, limit: int) -> int:
    """Rows above the next header with at most one text in them are its title, not data."""
    end = limit
    while end > start and len({cell for cell in _row(frame, end - 1) if cell}) < 2:
        end -= 1
    return end


def _footer(frame: pl.DataFrame, layout: Layout, start: int, end: int) -> int:
    if not layout.footer or start >= end:
        return end
    rows = frame.slice(start, end - start)
    first = rows.to_series(0)
    if (first == "").any():
        first = rows.select(
            pl.coalesce(pl.when(pl.col(c) != "").then(pl.col(c)) for c in rows.columns).fill_null("")
        ).to_series()
    distinct = first.unique()
    texts = distinct.to_list()
    begins = [re.compile(pattern, re.IGNORECASE) for pattern in layout.footer]
    notes = [t for t in texts if t and any(p.search(t) or p.search(squeeze(t)) for p in begins)]
    if not notes:
        return end
    hit = first.is_in(notes).arg_max()
    return start + int(hit) if hit is not None else end


def _block(grid: Grid, layout: Layout, above: int, start: int, data_start: int, end: int) -> Block:
    frame = grid.frame
    title = "\n".join(" ".join(dict.fromkeys(c for c in _row(frame, i) if c)) for i in range(above, start))
    rows = _filled_right([_row(frame, i) for i in range(start, min(data_start, frame.height))])
    columns = [[row[i] for row in rows if row[i]] for i in range(frame.width)]
    columns = [list(dict.fromkeys(cells)) for cells in columns]
    end = _footer(frame, layout, data_start, end)
    count = max(end - data_start, 0)
    return Block(
        grid=grid,
        title=title,
        headers=[fold_name("".join(cells)) for cells in columns],
        printed=[_BLANKS.sub("", "".join(cells)) for cells in columns],
        pieces=[_pieces(cells) for cells in columns],
        data=frame.slice(data_start, count),
        numbers=None if grid.numbers is None else grid.numbers.slice(data_start, count),
        first_row=data_start,
    )


def _pieces(cells: list[str]) -> set[str]:
    return {fold_name(part) for cell in cells for part in (cell, *cell.splitlines())} - {""}


def _filled_right(rows: list[list[str]]) -> list[list[str]]:
    """Fill merged upper header cells to the right: a cell with text below it covers the empty ones beside it.

    A cell with nothing below is a column's whole header and covers nothing.
    """
    for i, row in enumerate(rows[:-1]):
        below = [any(lower[c] for lower in rows[i + 1 :]) for c in range(len(row))]
        cover = ""
        for c, cell in enumerate(row):
            if cell:
                cover = cell if below[c] else ""
            elif cover and below[c]:
                row[c] = cover
            else:
                cover = ""
    return rows
