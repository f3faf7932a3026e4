"""Tables of an HTML page as grids: spans expanded, repeated tables once, the page's text beside them.

Not here: fetching pages; choosing the header row (pipelines.sources.layout).
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from pipelines.sources.readers import Grid, decode
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Read

_BLANKS = re.compile(r"\s+")
# control characters and half surrogates: no page may hold them, and lxml refuses to move text that does
_NOT_IN_A_PAGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufddf\ufffe\uffff]")
_MAX_SPAN = 1000
_MAX_TABLE = 2_000_000


def read_html(content: bytes, read: Read) -> list[Grid]:
    """Read the tables of a page; with read.table only the first one in whose text the pattern is found.

    Out: grids named 'table N' (N as on the page, from 1); a table equal to an earlier one is left out.
    Raises: RejectedFileError(wrong_encoding, unreadable, table_missing, too_large).
    """
    import lxml.etree
    import lxml.html

    text = _NOT_IN_A_PAGE.sub(" ", decode(content, read.encoding))
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        page = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError) as error:
        raise RejectedFileError("unreadable", f"the page cannot be parsed ({error}); fetch it again") from None
    lxml.etree.strip_elements(page, "script", "style", "noscript", with_tail=False)
    whole = "".join(page.itertext()).replace("\xa0", " ")
    grids, seen = [], set()
    for number, table in enumerate(page.iter("table"), start=1):
        rows = _rows(table)
        if not rows or not any(cell for row in rows for cell in row) or (key := tuple(map(tuple, rows))) in seen:
            continue
        seen.add(key)
        if read.table and not _contains(read.table, rows):
            continue
        grids.append(Grid(f"table {number}", _frame(rows), text=whole))
        if read.table:
            break
    if not grids:
        wanted = f"no table holds read.table '{read.table}'" if read.table else "the page has no table"
        raise RejectedFileError("table_missing", f"{wanted}; look at the page")
    return grids


def _contains(pattern: str, rows: list[list[str]]) -> bool:
    text = "\n".join(" ".join(row) for row in rows)
    return bool(re.search(pattern, text) or re.search(pattern, _BLANKS.sub("", text)))


def _frame(rows: list[list[str]]) -> pl.DataFrame:
    width = max(len(row) for row in rows)
    return pl.DataFrame(
        {f"c{i + 1}": [row[i] if i < len(row) else "" for row in rows] for i in range(width)},
        schema={f"c{i + 1}": pl.String for i in range(width)},
    )


def _rows(table: Any) -> list[list[str]]:
    """The table's own rows (not those of nested tables) as text, cells repeated over their spans."""
    grid: list[dict[int, str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    filled = 0
    for row in table.iter("tr"):
        if next(row.iterancestors("table"), None) is not table:
            continue
        cells: dict[int, str] = {}
        for column, (left, text) in list(hanging.items()):
            cells[column] = text
            hanging[column] = (left - 1, text)
            if left == 1:
                del hanging[column]
        column = 0
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            while column in cells:
                column += 1
            text = _BLANKS.sub(" ", "".join(cell.itertext())).strip()
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            for _ in range(wide):
                if column in cells:
                    break
                cells[column] = text
                if high > 1:
                    hanging[column] = (high - 1, text)
                column += 1
        filled += len(cells)
        if filled > _MAX_TABLE:
            raise RejectedFileError("too_large", f"a table of the page has more than {_MAX_TABLE} cells")
        grid.append(cells)
    return [[row.get(i, "") for i in range(max(row, default=-1) + 1)] for row in grid]


def _span(cell: Any, name: str) -> int:
    text = cell.get(name, "1").strip()
    return min(int(text), _MAX_SPAN) if text.isascii() and text.isdigit() and int(text) > 0 else 1
