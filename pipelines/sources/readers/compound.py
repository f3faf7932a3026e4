"""The check of old Office files (.xls) before a parser sees them: sector chains, declared sizes, far cells.

Not here: reading them (excel). Why: a damaged chain that bites its tail, or a cell at the far end of a sheet,
makes a parser take all memory ([MS-CFB] 2.2 to 2.6, [MS-XLS] 2.4).
"""

from __future__ import annotations

import struct

import numpy as np

from pipelines.sources.readers import MAX_CELLS
from pipelines.sources.reasons import RejectedFileError

_END = 0xFFFFFFFA  # from here on sector numbers are marks
_CELLS = frozenset((0x06, 0xBD, 0xBE, 0xD6, 0xFD, 0x201, 0x203, 0x204, 0x205, 0x27E))
_DIMENSIONS, _SST, _FILEPASS, _BOF, _EOF = 0x200, 0xFC, 0x2F, 0x809, 0x0A


def check_compound(content: bytes) -> None:
    """Check an OLE compound file and the workbook stream in it.

    Raises: RejectedFileError(unreadable) for chains or sizes that cannot be, RejectedFileError(too_large) for sheets
    of more than 20 million cells.
    """
    try:
        _check(content)
    except (struct.error, IndexError, ValueError) as error:
        raise RejectedFileError("unreadable", f"the workbook is damaged ({error}); fetch it again") from None


def _check(content: bytes) -> None:
    shift, mini_shift = struct.unpack_from("<HH", content, 30)
    if shift not in (9, 12) or mini_shift != 6:
        raise ValueError("impossible sector size")
    size = 1 << shift
    sectors = len(content) // size + 1
    dirs, fats, first_dir = struct.unpack_from("<III", content, 40)
    mini_start, mini_fats, difat_start, difats = struct.unpack_from("<IIII", content, 60)
    if max(dirs, fats, mini_fats, difats) > sectors:
        raise ValueError("declares more sectors than the file has")

    def sector(number: int) -> bytes:
        piece = content[(number + 1) * size : (number + 2) * size]
        if not piece:
            raise ValueError("a sector lies outside of the file")
        return piece

    places = list(struct.unpack_from("<109I", content, 76))
    following, seen = difat_start, 0
    while following < _END:
        entries = struct.unpack(f"<{size // 4}I", sector(following))
        places += entries[:-1]
        following, seen = entries[-1], seen + 1
        if seen > sectors:
            raise ValueError("a chain of sectors has no end")
    fat = _table([sector(place) for place in places if place < _END])

    def chained(start: int, table: np.ndarray, limit: int) -> list[int]:
        chain: list[int] = []
        while start < _END:
            chain.append(start)
            if len(chain) > limit:
                raise ValueError("a chain of sectors has no end")
            start = int(table[start])
        return chain

    directory = b"".join(sector(s) for s in chained(first_dir, fat, sectors))
    mini_fat = _table([sector(s) for s in chained(mini_start, fat, sectors)])
    for offset in range(0, len(directory) - 127, 128):
        name_length, kind = struct.unpack_from("<H", directory, offset + 64)[0], directory[offset + 66]
        start, length = struct.unpack_from("<II", directory, offset + 116)
        if kind not in (2, 5) or not length:
            continue
        if length > len(content) or (size == 4096 and struct.unpack_from("<I", directory, offset + 124)[0]):
            raise ValueError("a stream is longer than the file")
        if kind == 2 and length < 4096:
            chained(start, mini_fat, len(mini_fat))
            continue
        chain = chained(start, fat, sectors)
        name = directory[offset : offset + max(min(name_length, 64) - 2, 0)].decode("utf-16-le", "replace")
        if name in ("Workbook", "Book"):
            _check_workbook(b"".join(sector(s) for s in chain)[:length])


def _table(pieces: list[bytes]) -> np.ndarray:
    data = b"".join(pieces)
    return np.frombuffer(data[: len(data) // 4 * 4], "<u4")


def _check_workbook(stream: bytes) -> None:
    """Walk the records: the span of the cells of each sheet, declared dimensions and counts of strings."""
    at, rows, columns, end = 0, 0, 0, len(stream) - 3
    encrypted = False
    while at < end:
        kind, length = struct.unpack_from("<HH", stream, at)
        at += 4
        if kind == _FILEPASS:
            encrypted = True  # bodies mean nothing before they are decrypted; the result is checked again
        elif encrypted:
            pass
        elif kind in _CELLS and length >= 4:
            row, column = struct.unpack_from("<HH", stream, at)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
        elif kind == _DIMENSIONS and length >= 14:
            first_row, last_row, first_column, last_column = struct.unpack_from("<IIHH", stream, at)
            _check_span(last_row - first_row, last_column - first_column)
        elif kind == _SST and length >= 8 and struct.unpack_from("<I", stream, at + 4)[0] > len(stream):
            raise ValueError("declares more texts than the file can hold")
        elif kind in (_BOF, _EOF):
            _check_span(rows, columns)
            rows, columns = 0, 0
        at += length
    _check_span(rows, columns)


def _check_span(rows: int, columns: int) -> None:
    if rows < 0 or columns < 0:
        raise ValueError("impossible dimensions")
    if rows * columns > MAX_CELLS:
        raise RejectedFileError("too_large", f"a sheet spans {rows} rows and {columns} columns")
