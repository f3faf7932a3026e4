"""Text that is safe in a cell, and tables as CSV.

Not here: which tables (excerpt), workbooks (xlsx).
"""

from __future__ import annotations

import re

import polars as pl

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def harmless(text: str) -> str:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def printable(text: str) -> str:
    """Text without the characters that XML cannot carry; each becomes the replacement mark."""
    return _NOT_IN_XML.sub("\ufffd", text)


def csv_bytes(frame: pl.DataFrame, bom: bool = False) -> bytes:
    """A table as CSV: UTF-8, LF, a header, harmless text; numbers as the shortest text that reads back the same.

    Missing is nothing between the commas, the empty text is `""`. Dates are ISO 8601, times end with Z (UTC).
    """
    text = pl.selectors.string()
    safe = frame.with_columns(
        pl.when(pl.any_horizontal(text_column.str.starts_with(start) for start in FORMULA_STARTS))
        .then(pl.lit("'") + text_column)
        .otherwise(text_column)
        .alias(name)
        for name, text_column in ((name, pl.col(name)) for name in frame.select(text).columns)
    )
    return safe.write_csv(include_bom=bom, datetime_format="%Y-%m-%dT%H:%M:%SZ").encode()
