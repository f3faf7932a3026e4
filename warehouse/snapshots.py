"""The snapshot store: immutable bytes kept by their hash, and the record of each retrieval beside them.

Layout: <root>/<first two digits>/<sha256> holds the bytes; <root>/records/<source>/<record>.json says which source
brought them, when and from where; <root>/checked/<source>.json when the source was last looked at. Everything else
in a home can be made again from this folder and a catalogue.

Not here: fetching (pipelines.sources.fetch) and reading (pipelines.sources.read).
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse.errors import IndexhouseError

ID_LENGTH = 16


class CorruptSnapshotError(IndexhouseError):
    """Stored bytes are gone or are not what was stored."""


@dataclass(frozen=True, order=True)
class Record:
    """One retrieval: which bytes a source brought, when, from where. `retrieved_at`: UTC without a zone mark."""

    source_id: str
    retrieved_at: datetime
    file_name: str
    sha256: str
    size_bytes: int
    origin: str
    media_type: str = ""
    headers: dict[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if self.retrieved_at.tzinfo is not None:
            object.__setattr__(self, "retrieved_at", self.retrieved_at.astimezone(UTC).replace(tzinfo=None))

    @property
    def snapshot_id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the bytes."""
        return self.sha256[:ID_LENGTH]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a release depends on; origin, headers and media type do not count."""
        return (self.source_id, self.retrieved_at.isoformat(), self.file_name, self.sha256)


class SnapshotStore:
    """Bytes by hash and records by source. Every write is complete or absent, also after a kill."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._loaded: dict[Path, Record] = {}  # records never change once written

    def put(self, content: bytes) -> str:
        """Store bytes once; return their SHA-256. Bytes that were changed on disk are put right."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if not _holds(path, content):
            write_atomically(path, content)
            path.chmod(0o444)
        return sha256

    def read(self, record: Record) -> bytes:
        """The bytes of a record, verified against their hash. Raises CorruptSnapshotError."""
        path = self._path(record.sha256)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CorruptSnapshotError(
                f"{path}: the bytes of {record.source_id} / {record.file_name} cannot be read ({error.strerror}); "
                "restore the file from a backup, or remove the record to do without it"
            ) from None
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise CorruptSnapshotError(
                f"{path}: the bytes of {record.source_id} / {record.file_name} were changed on disk; "
                "restore the file from a backup, or remove it and run again to fetch it anew"
            )
        return content

    def has(self, sha256: str) -> bool:
        return self._path(sha256).exists()

    def add(self, record: Record) -> bool:
        """Keep a record; False when the same retrieval is known already."""
        name = f"{record.retrieved_at:%Y%m%dT%H%M%S}-{record.sha256[:ID_LENGTH]}-{_short(record.file_name)}.json"
        path = self.root / "records" / record.source_id / name
        if path.exists():
            return False
        data = asdict(record) | {"retrieved_at": record.retrieved_at.isoformat()}
        write_atomically(path, json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True).encode())
        return True

    def records(self, source_id: str) -> list[Record]:
        """All retrievals of a source, by (retrieved_at, file name, hash). A damaged record is an error."""
        folder = self.root / "records" / source_id
        return sorted(self._load(path) for path in folder.glob("*.json"))

    def _load(self, path: Path) -> Record:
        if path not in self._loaded:
            self._loaded[path] = _load_record(path)
        return self._loaded[path]

    def sources(self) -> list[str]:
        return sorted(path.name for path in (self.root / "records").glob("*") if path.is_dir())

    def latest(self, source_id: str, origin: str) -> Record | None:
        """The newest retrieval from one place."""
        found = [record for record in self.records(source_id) if record.origin == origin]
        return found[-1] if found else None

    def note_check(self, source_id: str, at: datetime, problem: str = "") -> None:
        """Remember when a source was last looked at, and what went wrong then ('' when nothing did)."""
        path = self.root / "checked" / f"{source_id}.json"
        document = json.dumps({"checked_at": at.isoformat(), "problem": problem}, ensure_ascii=False).encode()
        if not path.exists() or path.read_bytes() != document:
            write_atomically(path, document)

    def last_check(self, source_id: str) -> tuple[datetime | None, str]:
        """(time of the last look, problem of that look)."""
        path = self.root / "checked" / f"{source_id}.json"
        try:
            data: dict[str, Any] = json.loads(path.read_bytes())
            return datetime.fromisoformat(data["checked_at"]), str(data["problem"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or none: temporary file beside it, fsync, rename. Raises IndexhouseError naming the folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    except OSError as error:
        raise IndexhouseError(
            f"{path.parent}: cannot be written ({error.strerror}); check permissions and space"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise IndexhouseError(
            f"{path}: cannot be written ({error.strerror}); free space or check permissions"
        ) from None


def collapse(ordered: Iterable[tuple[Any, Record]]) -> list[tuple[Any, Record]]:
    """Records of one source and table in (vintage, retrieved_at, snapshot id) order, equal neighbours made one.

    A, B, A stays three records; A, A is one (the first).
    """
    kept: list[tuple[Any, Record]] = []
    for vintage, record in ordered:
        if not kept or kept[-1][1].sha256 != record.sha256:
            kept.append((vintage, record))
    return kept


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _load_record(path: Path) -> Record:
    try:
        data = json.loads(path.read_bytes())
        return Record(**(data | {"retrieved_at": datetime.fromisoformat(data["retrieved_at"])}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CorruptSnapshotError(
            f"{path}: is not a readable record ({error}); restore it from a backup, or remove it to do without"
        ) from None
