"""Bringing a source's files: bundled with the catalogue, dropped into a folder, or by HTTP (see http).

Not here: keeping the bytes (warehouse.snapshots); reading them (read).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from pipelines.sources.fetched import Fetched, FetchResult, StoreLookup
from pipelines.sources.readers import MAX_BYTES
from pipelines.sources.reasons import problem
from warehouse.catalogue.source import Bundled, Folder, Source

_TYPES = {
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".tsv": "text/tab-separated-values",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
    ".htm": "text/html",
    ".gz": "application/gzip",
}


def fetch(
    source: Source,
    source_id: str,
    catalogue_dirs: Sequence[Path],
    store_lookup: StoreLookup,
    now: datetime,
) -> FetchResult:
    """Bring the files of one source.

    In: the source, its id, the catalogue's folders (later ones override files of earlier ones), what is known
    of earlier retrievals, the time. Out: FetchResult; nothing raises for a file, a folder or a server that
    fails.
    """
    if isinstance(source.fetch, Bundled):
        return _bundled(source, source.fetch, source_id, catalogue_dirs)
    if isinstance(source.fetch, Folder):
        return _folder(source, source.fetch, source_id, catalogue_dirs, now)
    from pipelines.sources.http import fetch_http

    return fetch_http(source, source.fetch, source_id, store_lookup, now)


def _bundled(source: Source, spec: Bundled, source_id: str, catalogue_dirs: Sequence[Path]) -> FetchResult:
    result = FetchResult()
    found: dict[str, Path] = {}
    for pattern in spec.files:
        hits = {
            path.relative_to(folder).as_posix(): path
            for folder in catalogue_dirs
            for path in _glob(folder, pattern, source_id, result)
        }
        if not hits:
            folders = ", ".join(str(f) for f in catalogue_dirs) or "no catalogue folder"
            _fail(result, source_id, f"fetch.files: '{pattern}' matches no file below {folders}")
        found |= hits
    for name, path in sorted(found.items()):
        _take(result, source, source_id, path, name, _midnight(spec.retrieved))
    return result


def _folder(source: Source, spec: Folder, source_id: str, catalogue_dirs: Sequence[Path], now: datetime) -> FetchResult:
    result = FetchResult()
    folder = Path(os.path.expandvars(spec.path)).expanduser()
    if not folder.is_absolute():
        choices = [base / folder for base in reversed(catalogue_dirs)]
        folder = next((choice for choice in choices if choice.is_dir()), choices[0] if choices else folder)
    if not folder.is_dir():
        _fail(
            result,
            source_id,
            f"fetch.path: '{folder}' is not a folder; create it, mount it, or correct the path",
        )
        return result
    found = {
        path.relative_to(folder).as_posix(): path
        for pattern in spec.files
        for path in _glob(folder, pattern, source_id, result)
    }
    if not found and not result.problems:
        _fail(
            result,
            source_id,
            f"fetch.files: {', '.join(spec.files)} match no file in '{folder}'; put one there",
        )
    for name, path in sorted(found.items()):
        _take(result, source, source_id, path, name, now)
    return result


def _glob(folder: Path, pattern: str, source_id: str, result: FetchResult) -> list[Path]:
    """Regular files below a folder; names of editors and downloads in progress are left out."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        _fail(result, source_id, f"fetch.files: '{pattern}' leaves its folder; give a glob relative to it")
        return []
    try:
        root = folder.resolve()
        paths = []
        for path in folder.glob(pattern):
            if path.name.startswith((".", "~$")) or path.suffix in (".part", ".crdownload", ".tmp"):
                continue
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(root):
                _fail(
                    result,
                    source_id,
                    f"fetch.files: '{path.name}' is a link that leaves '{folder}'; copy the file",
                )
                continue
            paths.append(path)
        return paths
    except OSError as error:
        _fail(result, source_id, f"'{folder}' cannot be listed ({error.strerror}); check its permissions")
        return []


def _take(result: FetchResult, source: Source, source_id: str, path: Path, origin: str, when: datetime) -> None:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            _fail(result, source_id, f"'{origin}' has {size} bytes; at most {MAX_BYTES} are read", "too_large")
            return
        content = path.read_bytes()
    except OSError as error:
        _fail(result, source_id, f"'{origin}' cannot be read ({error.strerror}); check its permissions")
        return
    noted = _noted_retrieval(source, origin)
    result.fetched.append(
        Fetched(
            content,
            origin,
            path.name,
            _midnight(noted) if noted else when,
            _TYPES.get(path.suffix.lower(), "application/octet-stream"),
        )
    )


def _noted_retrieval(source: Source, origin: str) -> date | None:
    name = origin.rpartition("/")[2]
    dates = [
        note.retrieved
        for note in source.files
        if note.retrieved and (fnmatchcase(name, note.match) or fnmatchcase(origin, note.match))
    ]
    return dates[-1] if dates else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _fail(result: FetchResult, source_id: str, detail: str, code: str = "fetch_failed") -> None:
    result.problems.append(problem(code, f"sources/{source_id}.yml: {detail}"))
