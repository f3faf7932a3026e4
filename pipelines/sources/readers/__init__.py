"""The registry of file formats and the grid that every reader yields.

Not here: what the cells mean (pipelines.sources.layout).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Read

MAX_BYTES = 512 * 2**20
MAX_RATIO = 200
MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class Grid:
    """One sheet or table as text.

    `frame`: String columns c1..cn without nulls, blanks stripped; row i of the frame is row i+1 as a person
    sees it.
    `numbers`: the same shape, true where the file holds a binary number (so that printed decimals are
    unknown).
    `text`: the whole page or text file. `places`: what a person calls each row, where rows have no numbers.
    """

    name: str
    frame: pl.DataFrame
    text: str = ""
    numbers: pl.DataFrame | None = None
    places: pl.Series | None = None


Reader = Callable[[bytes, Read], "list[Grid]"]


def _csv(content: bytes, read: Read) -> list[Grid]:
    from pipelines.sources.readers.csv import read_csv

    return read_csv(content, read)


def _excel(content: bytes, read: Read) -> list[Grid]:
    from pipelines.sources.readers.excel import read_excel

    return read_excel(content, read)


def _html(content: bytes, read: Read) -> list[Grid]:
    from pipelines.sources.readers.html import read_html

    return read_html(content, read)


def _text(content: bytes, read: Read) -> list[Grid]:
    from pipelines.sources.readers.text import read_text

    return read_text(content, read)


READERS: dict[str, Reader] = {"csv": _csv, "excel": _excel, "html": _html, "text": _text}


def read_grids(content: bytes, read: Read) -> list[Grid]:
    """Turn bytes into grids of text.

    In: the bytes of one file (gzip is unpacked under a cap) and how to read them. Out: one grid a sheet or
    table.
    Raises: RejectedFileError (empty_file, too_large, unreadable, wrong_encoding, sheet_missing,
    table_missing).
    """
    from pipelines.sources.readers.archive import unpack

    if len(content) > MAX_BYTES:
        raise RejectedFileError("too_large", f"{len(content)} bytes; at most {MAX_BYTES} are read")
    content = unpack(content)
    if not content.strip(b"\x00\t\r\n \xef\xbb\xbf"):
        raise RejectedFileError("empty_file", f"{len(content)} bytes without any text")
    return READERS[read.format](content, read)


def decode(content: bytes, encoding: str) -> str:
    """Decode strictly, without byte order mark.

    Raises: RejectedFileError(wrong_encoding) with the position of the first wrong byte and the encoding that
    would fit.
    """
    declared = encoding.lower().replace("_", "-")
    is_utf8 = declared.startswith(("utf-8", "utf8"))
    if content.startswith(b"\xef\xbb\xbf"):
        if not is_utf8 and not declared.startswith("utf"):
            raise RejectedFileError(
                "wrong_encoding",
                f"read.encoding is '{encoding}', but the file starts with the byte order mark of UTF-8; "
                "set read.encoding: utf-8-sig",
            )
        content = content[3:] if is_utf8 else content
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        others = [name for name in ("utf-8-sig", "gb18030", "utf-16") if _fits(content, name)]
        remedy = f"set read.encoding: {others[0]}" if others else "the file may be damaged; fetch it again"
        byte = content[error.start : error.start + 1].hex()
        raise RejectedFileError(
            "wrong_encoding", f"byte 0x{byte} at position {error.start} is not {encoding}; {remedy}"
        ) from None
    if not declared.startswith("utf") and len(text) - len(content) < -8 and _fits(content, "utf-8"):
        raise RejectedFileError("wrong_encoding", f"the file is UTF-8, not {encoding}; set read.encoding: utf-8-sig")
    return text


def _fits(content: bytes, encoding: str) -> bool:
    if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
