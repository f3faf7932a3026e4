"""Workbooks (.xls, .xlsx) as grids, workbooks protected with Excel's default password included.

Not here: merged header cells (pipelines.sources.layout fills them); writing workbooks.
"""

from __future__ import annotations

import io
from typing import Any

import polars as pl

from pipelines.sources.readers import Grid
from pipelines.sources.readers.archive import check_workbook
from pipelines.sources.readers.compound import check_compound
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.source import Read

# Excel protects workbooks "without" a password with this one ([MS-OFFCRYPTO] 2.4.2.3, [MS-XLS] 2.2.9).
_DEFAULT_PASSWORD = "VelvetSweatshop"
_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"


def read_excel(content: bytes, read: Read) -> list[Grid]:
    """Read the declared sheets (none declared: the first one) as grids.

    Out: one grid a sheet; text cells as they are, numbers in their shortest form without '.0', dates as ISO
    text.
    Missing: an empty cell, and a formula error, is ''.
    Raises: RejectedFileError(unreadable, too_large, sheet_missing).
    """
    if content.startswith(_ZIP):
        check_workbook(content)
    elif content.startswith(_OLE):
        check_compound(content)
    else:
        raise RejectedFileError("unreadable", "the file is neither .xls nor .xlsx; is read.format right?")
    book = _open(content)
    return [_grid(book, name) for name in _wanted(book.sheet_names, read.sheets)]


def _open(content: bytes) -> Any:
    import fastexcel

    error = _caught(lambda: fastexcel.read_excel(content))
    if not isinstance(error, BaseException):
        return error
    if content.startswith(_OLE):
        opened = _caught(lambda: _decrypted(content))
        if isinstance(opened, RejectedFileError):
            raise opened
        if isinstance(opened, bytes):
            (check_workbook if opened.startswith(_ZIP) else check_compound)(opened)
            book = _caught(lambda: fastexcel.read_excel(opened))
            if not isinstance(book, BaseException):
                return book
            error = book
    raise RejectedFileError("unreadable", f"the workbook is damaged ({_first_line(error)}); fetch it again")


def _decrypted(content: bytes) -> bytes:
    import msoffcrypto

    office = msoffcrypto.OfficeFile(io.BytesIO(content))
    if not office.is_encrypted():
        raise ValueError("not encrypted")
    office.load_key(password=_DEFAULT_PASSWORD)
    opened = io.BytesIO()
    try:
        office.decrypt(opened)
    except msoffcrypto.exceptions.InvalidKeyError:
        raise RejectedFileError("unreadable", "the workbook has a password of its own; save it without one") from None
    return opened.getvalue()


def _caught(action: Any) -> Any:
    """The result, or the exception; a panic of the Rust reader is a BaseException of its own."""
    try:
        return action()
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        return error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _wanted(names: list[str], sheets: tuple[str | int, ...]) -> list[str]:
    if not names:
        raise RejectedFileError("no_rows", "the workbook has no sheets")
    if not sheets:
        return names[:1]
    wanted = []
    for sheet in sheets:
        if isinstance(sheet, int) and 1 <= sheet <= len(names):
            wanted.append(names[sheet - 1])
        elif isinstance(sheet, str) and sheet in names:
            wanted.append(sheet)
        else:
            raise RejectedFileError(
                "sheet_missing",
                f"read.sheets: {sheet!r} is not in the workbook; it has {', '.join(map(repr, names))}",
            )
    return wanted


def _grid(book: Any, name: str) -> Grid:
    views = {kind: _caught(lambda kind=kind: _sheet(book, name, kind)) for kind in ("string", "float", "boolean")}
    for view in views.values():
        if isinstance(view, BaseException):
            raise RejectedFileError(
                "unreadable", f"sheet '{name}' is damaged ({_first_line(view)}); fetch the file again"
            )
    wide = pl.concat([view.rename(lambda c, k=kind: f"{k} {c}") for kind, view in views.items()], how="horizontal")
    # A numeric cell has a float and a boolean view; text that looks like a number has no boolean view.
    names = views["string"].columns
    numeric = {c: _is_numeric(c) for c in names}
    cells = wide.select(
        pl.when(numeric[c])
        .then(pl.col(f"float {c}").cast(pl.String).str.strip_suffix(".0"))
        .otherwise(pl.col(f"string {c}"))
        .fill_null("")
        .str.strip_chars()
        .alias(c)
        for c in names
    )
    return Grid(name, cells, numbers=wide.select(numeric[c].alias(c) for c in names))


def _is_numeric(column: str) -> pl.Expr:
    flagged = pl.col(f"boolean {column}").is_not_null() & pl.col(f"float {column}").is_not_null()
    return (flagged & ~pl.col(f"string {column}").is_in(["true", "false"])).fill_null(False)


def _sheet(book: Any, name: str, kind: str) -> pl.DataFrame:
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes=kind)
    if sheet.width == 0 or sheet.height == 0:
        return pl.DataFrame({"c1": []}, schema={"c1": pl.String})
    frame = sheet.to_polars()
    offset = min(column.absolute_index for column in sheet.selected_columns)
    frame = frame.rename({c: f"c{i + 1 + offset}" for i, c in enumerate(frame.columns)})
    absent = [pl.lit(None, frame.dtypes[0]).alias(f"c{i + 1}") for i in range(offset)]
    return frame.select(*absent, pl.all()) if absent else frame
