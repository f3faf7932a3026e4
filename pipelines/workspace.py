"""What every step of one run shares: settings, catalogue, as-of date, and the run's own staging folder.

Steps hand over through files in that folder, so that they may run in one process or in many.
Not here: what the steps do (intake, marts, publishing) and how they are ordered (assets).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.settings import Settings
from pipelines.version import code_version
from warehouse.catalogue.check import load_and_check
from warehouse.catalogue.load import Catalogue, digest_of
from warehouse.core import Core
from warehouse.errors import IndexhouseError
from warehouse.snapshots import Record, SnapshotStore

LOCK_WAIT_SECONDS = 20.0
LOCK_WAIT_VARIABLE = "INDEXHOUSE_LOCK_WAIT"
LOCKED_HOME_VARIABLE = "INDEXHOUSE_LOCKED_HOME"
CORE_STATE = "core_state"


class HomeLockedError(IndexhouseError):
    """Another run writes in this home."""


@dataclass(frozen=True)
class Workspace:
    """One run on one home. `as_of` None: everything known."""

    settings: Settings
    catalogue: Catalogue
    run_id: str
    as_of: date | None = None
    pinned: dict[str, list[Record]] | None = None
    snapshots: Path | None = None

    @cached_property
    def store(self) -> SnapshotStore:
        """The home's snapshots, or those of another home for work that must not touch it."""
        return SnapshotStore(self.snapshots or self.settings.snapshots)

    @property
    def staging(self) -> Path:
        """The folder of this run; steps find each other's files in it."""
        return self.settings.staging / self.run_id

    def file(self, name: str) -> Path:
        path = self.staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep_json(self, name: str, document: Any) -> None:
        self.file(name).write_text(json.dumps(document, ensure_ascii=False, default=str), "utf-8")

    def read_json(self, name: str) -> Any:
        return json.loads(self.file(name).read_text("utf-8"))

    def locked(self) -> AbstractContextManager[None]:
        """The home's writer lock, for a step that opens the working file or writes the release folder."""
        return home_lock(self.settings)

    @contextmanager
    def core(self) -> Iterator[Core]:
        """The working file, under the lock.

        Raises IndexhouseError when another run has loaded it since this run did: its marts would mix two states.
        """
        with self.locked(), Core(self.settings.warehouse) as core:
            mine = self.staging / CORE_STATE
            if mine.exists() and mine.read_text("utf-8") != core.state():
                raise IndexhouseError(
                    f"{self.settings.warehouse}: another run has loaded newer data meanwhile; this run stops, "
                    "the other one goes on"
                )
            yield core

    def keep_core_state(self, core: Core) -> None:
        """Remember what this run loaded, so that later steps can tell whether it is still there."""
        self.file(CORE_STATE).write_text(core.state(), "utf-8")

    @staticmethod
    def clear_staging(settings: Settings, run_id: str | None = None) -> None:
        """Remove the staging folder of one run, or of all runs."""
        shutil.rmtree(settings.staging / run_id if run_id else settings.staging, ignore_errors=True)

    @cached_property
    def records(self) -> dict[str, list[Record]]:
        """All retrievals of the catalogue's sources, by source; the pinned ones when an old release is built again."""
        if self.pinned is not None:
            return {source_id: self.pinned.get(source_id, []) for source_id in sorted(self.catalogue.sources)}
        return {source_id: self.store.records(source_id) for source_id in sorted(self.catalogue.sources)}

    def state(self) -> str:
        """Digest of all that a release depends on: code, catalogue, retrievals, as-of date."""
        keys = [record.key for records in self.records.values() for record in records]
        return digest_of([code_version(), self.catalogue.digest, sorted(keys), str(self.as_of or "")])


def open_catalogue(settings: Settings) -> Catalogue:
    """Load and cross-check the catalogue. Raises CatalogueError with every problem."""
    return load_and_check(settings.catalogue)


def short_hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@contextmanager
def home_lock(settings: Settings) -> Iterator[None]:
    """Hold the home's one writer lock; re-entrant inside a process and for the step processes that it starts.

    Raises HomeLockedError when another run keeps it for longer than INDEXHOUSE_LOCK_WAIT seconds (default 20).
    """
    if os.environ.get(LOCKED_HOME_VARIABLE) == str(settings.home):
        yield
        return
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(settings.home / ".lock", is_singleton=True)
        lock.acquire(timeout=_lock_wait())
    except Timeout:
        raise HomeLockedError(
            f"{settings.home}: another run holds the lock; wait until it ends (`indexhouse status` shows it)"
        ) from None
    except OSError as error:
        raise IndexhouseError(
            f"{settings.home}: cannot be written ({error.strerror}); check its permissions, or set INDEXHOUSE_HOME"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _lock_wait() -> float:
    text = os.environ.get(LOCK_WAIT_VARIABLE, "")
    try:
        return float(text) if text else LOCK_WAIT_SECONDS
    except ValueError:
        raise IndexhouseError(f"{LOCK_WAIT_VARIABLE}: '{text}' is not a number of seconds; use 20, say") from None
