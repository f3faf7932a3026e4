"""Delimited text as a grid: encodings, delimiters, ragged rows, preambles, quoted notes over several lines.

Not here: which row is the header and where notes begin (pipelines.sources.layout).
"""

from __future__ import annotations

import csv
import io

import numpy as np
import polars as pl

from pipelines.sources.readers import MAX_CELLS, Grid, decode
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Read

_WIDE_BLANKS = (b"\xc2\xa0", b"\xe3\x80\x80", b"\xe2\x80", b"\xc2\x85", b"\xe1\x9a\x80", b"\xe2\x81\x9f")


def read_csv(content: bytes, read: Read) -> list[Grid]:
    """Read delimited text as one grid; row i is the i-th record as a spreadsheet shows it (blank lines
    count).

    In: bytes in read.encoding, cells split at read.delimiter, quoted with read.quote. Out: one grid named ''.
    Missing: an absent cell of a short row is ''.
    Raises: RejectedFileError(wrong_encoding), RejectedFileError(unreadable) where quotation marks do not
    pair.
    """
    text = _as_utf8(content, read)
    delimiter = read.delimiter
    if len(delimiter.encode()) != 1:
        text, delimiter = text.replace(delimiter.encode(), b"\x1f"), "\x1f"
    rows, width = _shape(text, delimiter)
    if width * rows > 40 * MAX_CELLS:
        raise RejectedFileError("too_large", f"a row has {width} fields; is read.delimiter '{read.delimiter}' right?")
    try:
        frame = pl.read_csv(
            text,
            has_header=False,
            schema={f"c{i + 1}": pl.String for i in range(width)},
            separator=delimiter,
            quote_char=read.quote,
            empty_string_is_null=False,
            extra_columns="ignore",
            missing_columns="insert",
        )
    except pl.exceptions.PolarsError:
        raise RejectedFileError("unreadable", _quoting_error(text, delimiter, read)) from None
    frame = _stripped(frame, text, delimiter)
    return [Grid("", _without_empty_tail(frame))]


def _as_utf8(content: bytes, read: Read) -> bytes:
    text = decode(content, read.encoding)
    if read.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        encoded = content.removeprefix(b"\xef\xbb\xbf")
    else:
        encoded = text.removeprefix("\ufeff").encode("utf-8", "replace")
    if b"\r" in encoded and b"\n" not in encoded:
        encoded = encoded.replace(b"\r", b"\n")
    return encoded


def _shape(text: bytes, delimiter: str) -> tuple[int, int]:
    """Lines, and the upper bound of fields in a row: delimiters between line ends, quoted ones included."""
    raw = np.frombuffer(text, np.uint8)
    marks = raw[np.flatnonzero((raw == ord(delimiter)) | (raw == 10))]
    ends = np.flatnonzero(marks == 10)
    edges = np.concatenate(([-1], ends, [len(marks)]))
    return len(ends) + 1, int(np.diff(edges).max())


def _stripped(frame: pl.DataFrame, text: bytes, delimiter: str) -> pl.DataFrame:
    """Strip blanks round the cells, where the bytes show that there can be any."""
    mark = delimiter.encode()
    blanks = [blank for blank in (b"\t", b"\x0b", b"\x0c") if blank != mark]
    if not text.isascii():
        blanks += _WIDE_BLANKS
    padded = b" " in text and (
        text[:1] == b" "
        or text[-1:] == b" "
        or any(edge in text for edge in (mark + b" ", b" " + mark, b" \n", b"\n ", b" \r", b'" ', b' "'))
    )
    if padded or any(blank in text for blank in blanks):
        return frame.with_columns(pl.all().str.strip_chars())
    return frame


def _without_empty_tail(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop columns on the right that no row fills (a trailing comma, or the bound that quoted commas
    raise)."""
    for name in reversed(frame.columns[1:]):
        if (frame[name] != "").any():
            break
        frame = frame.drop(name)
    return frame


def _quoting_error(text: bytes, delimiter: str, read: Read) -> str:
    remedy = "set read.quote: null when quotation marks are plain text, or have the file repaired"
    reader = csv.reader(
        io.StringIO(text.decode("utf-8", "replace"), newline=""),
        delimiter=delimiter,
        quotechar=read.quote,
        strict=True,
    )
    try:
        for _ in reader:
            pass
    except csv.Error:
        return f"quotation marks do not pair up at line {reader.line_num}; {remedy}"
    return f"quotation marks do not pair up; {remedy}"
