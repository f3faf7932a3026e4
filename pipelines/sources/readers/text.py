"""Plain text as a grid: every hit of a pattern is a row, every named group a column.

Not here: delimited text (csv), pages with tables (html).
"""

from __future__ import annotations

import re
from bisect import bisect_right

import polars as pl

from pipelines.sources.readers import Grid, decode
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Read


def read_text(content: bytes, read: Read) -> list[Grid]:
    """Find read.pattern in the text; row 1 holds the names of its groups, row i+1 the i-th hit.

    Out: one grid named '' whose places are 'line N' (the line in which the hit starts) and whose text is the
    file's.
    Missing: a group without part in the hit is ''.
    Raises: RejectedFileError(wrong_encoding), RejectedFileError(header_not_found) without any hit.
    """
    text = decode(content, read.encoding).replace("\r\n", "\n")
    pattern = re.compile(read.pattern or "")
    names = list(pattern.groupindex)
    hits = list(pattern.finditer(text))
    if not hits:
        raise RejectedFileError("header_not_found", f"read.pattern '{read.pattern}' is not in the text")
    starts = [m.start() for m in re.finditer(r"^", text, re.MULTILINE)]
    rows = [names, *([(hit[name] or "").strip() for name in names] for hit in hits)]
    frame = pl.DataFrame(
        {f"c{i + 1}": [row[i] for row in rows] for i in range(len(names))},
        schema={f"c{i + 1}": pl.String for i in range(len(names))},
    )
    lines = [bisect_right(starts, hit.start() + len(hit[0]) - len(hit[0].lstrip())) for hit in hits]
    places = pl.Series(["line 1", *(f"line {line}" for line in lines)])
    return [Grid("", frame, text=text, places=places)]
