"""Compressed bytes unpacked under a cap: gzip files, and the check of zip containers before a parser sees
them.

Not here: archives with several members as a source format.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from pipelines.sources.readers import MAX_BYTES, MAX_CELLS, MAX_RATIO
from pipelines.sources.reasons import RejectedFileError

_CHUNK = 1 << 20
_SMALL = 1 << 20
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})([0-9]{1,7})"')


def unpack(content: bytes) -> bytes:
    """Unpack gzip bytes (all members) under the caps; return anything else as it is.

    Raises: RejectedFileError(too_large) over 512 MB or 200:1, RejectedFileError(unreadable) for a truncated
    or damaged stream.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    parts, total, rest = [], 0, content
    while rest.startswith(b"\x1f\x8b"):
        stream = zlib.decompressobj(wbits=31)
        for piece in _pieces(stream, rest, "the gzip stream"):
            total += len(piece)
            _check_size(total, len(content), "the gzip stream")
            parts.append(piece)
        if not stream.eof:
            raise RejectedFileError("unreadable", "the gzip stream ends too early; fetch the file again")
        rest = stream.unused_data
    return b"".join(parts)


def check_workbook(content: bytes) -> None:
    """Check the sizes of a zip container (xlsx) by unpacking every member under the caps.

    Raises: RejectedFileError(too_large) over 512 MB, 200:1 or 20 million cells; RejectedFileError(unreadable)
    for a broken container.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        struct.error,
        NotImplementedError,
        UnicodeDecodeError,
    ) as error:
        raise RejectedFileError(
            "unreadable", f"the workbook is no valid zip container ({error}); fetch it again"
        ) from None
    if sum(max(m.file_size, 0) for m in members) > MAX_BYTES:
        raise RejectedFileError("too_large", f"the workbook unpacks to more than {MAX_BYTES} bytes")
    total = 0
    for member in members:
        is_sheet = "worksheets/" in member.filename
        rows, columns, tail = 0, 0, b""
        for piece in _member(content, member):
            total += len(piece)
            _check_size(total, len(content), "the workbook")
            if is_sheet:
                for letters, digits in _CELL.findall(tail + piece):
                    rows, columns = max(rows, int(digits)), max(columns, _column_number(letters))
                tail = piece[-200:]
        if rows * columns > MAX_CELLS:
            raise RejectedFileError("too_large", f"{member.filename} spans {rows} rows and {columns} columns")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _member(content: bytes, member: zipfile.ZipInfo) -> Iterator[bytes]:
    start = member.header_offset
    if content[start : start + 4] != b"PK\x03\x04" or len(content) < start + 30:
        raise RejectedFileError("unreadable", f"{member.filename} has no header in the container; fetch the file again")
    name_length, extra_length = struct.unpack("<HH", content[start + 26 : start + 30])
    start += 30 + name_length + extra_length
    packed = content[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_STORED:
        yield packed
    elif member.compress_type == zipfile.ZIP_DEFLATED:
        yield from _pieces(zlib.decompressobj(wbits=-15), packed, member.filename)
    else:
        raise RejectedFileError("unreadable", f"{member.filename} uses compression method {member.compress_type}")


def _pieces(stream: Any, packed: bytes, name: str) -> Iterator[bytes]:
    data = packed
    try:
        while data and not stream.eof:
            piece = stream.decompress(data, _CHUNK)
            data = stream.unconsumed_tail
            if not piece and not data:
                break
            yield piece
    except zlib.error as error:
        raise RejectedFileError("unreadable", f"{name} is damaged ({error}); fetch the file again") from None


def _check_size(total: int, packed: int, name: str) -> None:
    if total > MAX_BYTES or (total > _SMALL and total > MAX_RATIO * packed):
        raise RejectedFileError(
            "too_large", f"{name} unpacks to more than {MAX_BYTES} bytes or {MAX_RATIO} times its size"
        )
