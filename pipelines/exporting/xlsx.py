"""An index as an Excel workbook: a cover, then one sheet each for scores, ranks, weights, data, parameters and so on.

The same release gives the same bytes: the only time in the file is the release's data vintage. Text is always written
as text, never as a formula, a link or a number. Not here: which rows and columns (sheets).
"""

from __future__ import annotations

from datetime import date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.exporting import words
from pipelines.exporting.cells import harmless, printable
from pipelines.exporting.excerpt import Excerpt
from pipelines.exporting.sheets import Sheet, cover, sheets

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
NARROW, WIDE = 6, 60
_CUT = " ... [cut]"
_FIRST_EXCEL_YEAR = 1900
_MANY_CELLS = 3_000_000
_NUMBERS = {"score": "0.0", "share": "0.0%", "rank": "0"}
_OPTIONS = {
    "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True,
}  # fmt: skip


def write(excerpt: Excerpt) -> bytes:
    """The workbook as bytes."""
    from xlsxwriter.workbook import Workbook

    content = BytesIO()
    found = sheets(excerpt)
    cells = sum(sheet.frame.height * sheet.frame.width for sheet in found)
    # Row by row through temporary files: a workbook of that size would not fit into memory otherwise.
    options = _OPTIONS | ({"constant_memory": True, "in_memory": False} if cells > _MANY_CELLS else {})
    with Workbook(content, options) as book:
        book.set_properties({
            "title": words.title(excerpt), "subject": f"release {excerpt.release_id}", "author": "indexhouse",
            "comments": words.citation(excerpt)[0], "created": excerpt.stamp,
        })  # fmt: skip
        book.set_size(2400, 1400)
        looks = _Looks(book)
        _cover(book.add_worksheet("about 说明"), looks, cover(excerpt, found))
        for sheet in found:
            for first in range(0, max(sheet.frame.height, 1), MAX_ROWS - 1):
                name = sheet.name if not first else f"{sheet.name} {first // (MAX_ROWS - 1) + 1}"
                _fill(book.add_worksheet(name), looks, sheet, sheet.frame.slice(first, MAX_ROWS - 1))
    return content.getvalue()


class _Looks:
    """The formats of the workbook, made once each."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._known: dict[tuple[tuple[str, Any], ...], Format] = {}
        self.header = self.of(bold=True, text_wrap=True, valign="top", bottom=1, bg_color="#E8EEF4")
        self.title = self.of(bold=True, font_size=16)
        self.head = self.of(bold=True, font_size=12, bottom=1)
        self.label = self.of(valign="top", font_color="#555555", text_wrap=True)
        self.text = self.of(text_wrap=True, valign="top")
        self.short = self.of(valign="top")
        self.day = self.of(num_format="yyyy-mm-dd", align="left", valign="top")

    def of(self, **properties: Any) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._known:
            self._known[key] = self._book.add_format(properties)
        return self._known[key]

    def number(self, kind: str, value: float) -> Format:
        return self.of(num_format=_NUMBERS.get(kind) or _magnitude(value), valign="top")


def _magnitude(value: float) -> str:
    """A number format that shows about four digits that matter, and all of those before the point."""
    size = abs(value)
    if value == int(value):
        return "#,##0"
    if size >= 1000:
        return "#,##0.0"
    if size >= 1:
        return "0.00"
    return "0.0000" if size >= 0.001 else "0.00E+00"


def _cover(page: Worksheet, looks: _Looks, lines: list[tuple[str, str, str]]) -> None:
    page.hide_gridlines(2)
    page.set_column(0, 0, 32)
    page.set_column(1, 1, 100)
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    for row, (label, text, look) in enumerate(lines):
        first = {"title": looks.title, "head": looks.head, "text": looks.label}[look]
        if look == "text":
            page.set_row(row, 15 * max(_lines_of(text, 100), _lines_of(label, 32)))
        _text(page, row, 0, label, first)
        if text or look == "head":
            _text(page, row, 1, text, looks.head if look == "head" else looks.text)


def _lines_of(text: str, width: int) -> int:
    from rich.cells import cell_len

    return sum(1 + cell_len(line) // width for line in text.split("\n"))


def _fill(page: Worksheet, looks: _Looks, sheet: Sheet, frame: pl.DataFrame) -> None:
    """One sheet: header of two lines (name of the column, Chinese label), rows, frozen panes, filter, print set-up."""
    page.freeze_panes(1, sheet.frozen)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.set_header("&L&A&R&P / &N")
    if frame.height:
        page.autofilter(0, 0, frame.height, frame.width - 1)
    headers = [f"{name}\n{sheet.label(name)}".rstrip() for name in frame.columns]
    widths = [_width(header, frame[name]) for header, name in zip(headers, frame.columns, strict=True)]
    for column, width in enumerate(widths):
        page.set_column(column, column, width)
    page.set_row(0, 32)
    for column, header in enumerate(headers):
        _text(page, 0, column, header, looks.header)
    texts = [looks.text if width >= WIDE else looks.short for width in widths]
    kinds = [sheet.kinds.get(name, "") for name in frame.columns]
    for row, values in enumerate(frame.iter_rows(), 1):
        for column, value in enumerate(values):
            if value is not None:
                _cell(page, row, column, value, looks, kinds[column], texts[column])


def _cell(page: Worksheet, row: int, column: int, value: Any, looks: _Looks, kind: str, text_look: Format) -> None:
    if isinstance(value, bool):
        page.write_boolean(row, column, value, looks.short)
    elif isinstance(value, (int, float)):
        page.write_number(row, column, value, looks.number(kind, value))
    elif isinstance(value, (date, datetime)) and value.year >= _FIRST_EXCEL_YEAR:
        page.write_datetime(row, column, value, looks.day)
    else:
        _text(page, row, column, str(value), text_look)


def _text(page: Worksheet, row: int, column: int, text: str, look: Format) -> None:
    """Text as text; xlsxwriter would leave out one that is longer than a cell can hold."""
    shown = harmless(printable(text))
    page.write_string(row, column, shown if len(shown) <= MAX_TEXT else shown[: MAX_TEXT - len(_CUT)] + _CUT, look)


def _width(header: str, series: pl.Series) -> int:
    """Width for header and values in halves of a Chinese character, within limits."""
    from rich.cells import cell_len

    texts = header.split("\n")
    if series.dtype == pl.String:
        texts += series.drop_nulls().unique().to_list()
        widest = max(cell_len(line) for text in texts for line in text.split("\n", 1)[:1])
    else:
        widest = max([cell_len(text) for text in texts] + [12 if series.dtype.is_float() else 8])
    return min(max(widest + 2, NARROW), WIDE)
