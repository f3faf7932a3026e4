"""The one place that opens DuckDB: safe settings, quoting, and errors that name the file and the remedy.

Not here: what is stored (core, tables), how a release is written (publish).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from warehouse.errors import IndexhouseError

Connection = duckdb.DuckDBPyConnection
QueryError = duckdb.Error

_SAFE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # frames are registered by name, never found by luck
}
_LOCKED_BY = re.compile(r"held in (\S+) \(PID (\d+)\)")
_DAMAGED = (
    "not a valid duckdb database",
    "corrupt",
    "checksum",
    "could not read enough bytes",
    "serialization error",
    "failed to deserialize",
)
_FULL = ("no space left", "file too large", "could not write", "disk quota exceeded", "could not truncate")
_NEWER = ("newer version", "unsupported version", "version number")
_TWICE = ("different configuration", "unique file handle conflict", "already attached")


@contextmanager
def connect(
    path: Path | str = ":memory:",
    read_only: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
) -> Iterator[Connection]:
    """Open a DuckDB file (or memory) and close it again. No extension is fetched or loaded; time zone UTC.

    In: threads and memory_limit ("2GB"), DuckDB's own defaults where None. Out: a connection. Raises
    IndexhouseError when the file is missing (read_only), damaged, locked by another process, of a newer
    format, not permitted or the disk is full, on opening as well as inside the block.
    """
    with _open(str(path), read_only, threads, memory_limit, {}) as con:
        yield con


@contextmanager
def read_only_release(path: Path | str, threads: int | None = None) -> Iterator[Connection]:
    """Open a released file as any reader should: read only, no access to other files, settings locked.

    Raises IndexhouseError as `connect` does.
    """
    with _open(str(path), True, threads, None, {"enable_external_access": "false"}) as con:
        con.execute("set lock_configuration = true")
        yield con


def quote(name: str) -> str:
    """A name as an SQL identifier, whatever characters it holds."""
    return '"' + _without_nul(name).replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text as an SQL literal, for the few statements that take no parameters (COMMENT ON, ATTACH, COPY)."""
    return "'" + _without_nul(text).replace("'", "''") + "'"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise IndexhouseError(f"{text!r}: holds a NUL character, which no name or text in SQL can; take it out")
    return text


@contextmanager
def _open(
    path: str, read_only: bool, threads: int | None, memory_limit: str | None, further: dict[str, str]
) -> Iterator[Connection]:
    config: dict[str, str | bool | int | float | list[str]] = {**_SAFE, **further}
    if threads is not None:
        config["threads"] = threads
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if path != ":memory:":
        _check_place(path, read_only)
    try:
        con = duckdb.connect(path, read_only=read_only, config=config)
    except duckdb.Error as error:
        raise (_explained(error, path) or IndexhouseError(f"{path}: cannot be opened: {error}")) from error
    try:
        con.execute("set TimeZone = 'UTC'")
        yield con
    except duckdb.Error as error:
        explained = _explained(error, path)
        if explained is None:
            raise
        raise explained from error
    finally:
        con.close()


def _check_place(path: str, read_only: bool) -> None:
    if Path(path).is_dir():
        raise IndexhouseError(f"{path}: is a folder, a DuckDB file is needed; move it away or name another file")
    if read_only and not Path(path).exists():
        raise IndexhouseError(f"{path}: does not exist; `indexhouse run` makes it")


def _explained(error: duckdb.Error, path: str) -> IndexhouseError | None:
    """The error with its remedy; None when it is not about the file (a mistake in SQL, say)."""
    text = str(error)
    folded = text.casefold()
    if "could not set lock" in folded:
        holder = _LOCKED_BY.search(text)
        who = f"process {holder[2]} ({holder[1]})" if holder else "another process"
        return IndexhouseError(f"{path}: {who} has this file open; wait until it ends, or stop it, and run again")
    if any(word in folded for word in _FULL):
        return IndexhouseError(
            f"{path}: cannot be written, the disk is full or a limit is reached ({text}); free space"
        )
    if any(word in folded for word in _NEWER):
        return IndexhouseError(f"{path}: was written by a newer version of DuckDB ({text}); install that version")
    if any(word in folded for word in _DAMAGED) and isinstance(error, duckdb.IOException | duckdb.InternalException):
        return _damaged(path, text)
    if folded.startswith("corrupt database file") or "fatal error" in folded:
        return _damaged(path, text)
    if "permission denied" in folded or "read-only file system" in folded:
        return IndexhouseError(f"{path}: access is refused ({text}); give this user access to the file and its folder")
    if any(word in folded for word in _TWICE):
        return IndexhouseError(f"{path}: is open in this process already ({text}); close that connection first")
    if isinstance(error, duckdb.IOException) and "no such file or directory" in folded:
        return IndexhouseError(f"{path}: cannot be opened ({text}); make its folder, or name another file")
    return None


def _damaged(path: str, text: str) -> IndexhouseError:
    return IndexhouseError(
        f"{path}: is not a DuckDB file or is damaged ({text}); restore it from a backup, "
        "or move it away and run again: it is then made anew"
    )
