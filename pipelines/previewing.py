"""What reader and mapping make of one file, for `indexhouse preview`; nothing is written.

Not here: reading (sources.read) and showing it (say).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.settings import Settings, now
from pipelines.sources.fetch import fetch
from pipelines.sources.read import read_snapshot
from warehouse.catalogue.load import Catalogue, load
from warehouse.catalogue.source import Http
from warehouse.errors import CatalogueError, IndexhouseError, suggest
from warehouse.snapshots import SnapshotStore

KEPT = ["locator", "indicator_id", "ref_area", "freq", "time_period", "obs_value", "decimals", "unit_id", "obs_status",
        "vintage", "is_corrected", "raw_text"]  # fmt: skip
REJECTED = [
    "locator",
    "raw_text",
    "outcome",
    "reason_code",
    "reason_en",
    "reason_zh",
    "indicator_id",
    "ref_area",
    "time_period",
]


@dataclass(frozen=True)
class Preview:
    """One file as it would be loaded."""

    source_id: str
    file_name: str
    cells: int
    counts: dict[str, int]
    vintage: str
    vintage_basis: str
    file_problems: list[str]
    warnings: list[str]
    kept: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    def as_json(self, rows: int) -> dict[str, Any]:
        return {
            "source_id": self.source_id, "file_name": self.file_name, "cells": self.cells, "counts": self.counts,
            "vintage": self.vintage, "vintage_basis": self.vintage_basis, "file_problems": self.file_problems,
            "warnings": self.warnings, "kept": self.kept[:rows], "rejects": self.rejects[:rows],
        }  # fmt: skip


def preview_source(settings: Settings, source_id: str, file: Path | None) -> Preview:
    """Read a file as a source would. Without a file: the newest one of the source.

    Raises IndexhouseError for an unknown source or a file that is not there.
    """
    catalogue = load(settings.catalogue)
    if source_id not in catalogue.sources:
        raise CatalogueError([f"source '{source_id}' is unknown; {suggest(source_id, catalogue.sources)}"])
    name, content = (file.name, _bytes(file)) if file else _newest(settings, catalogue, source_id)
    reading = read_snapshot(content, name, catalogue.sources[source_id], catalogue)
    frame = reading.readings
    rejected = frame.filter(pl.col("outcome").is_in(["quarantined", "excluded"]))
    order = (pl.col("outcome") != "quarantined", pl.col("reason_code") == "missing")
    ordered = rejected.sort(*order, maintain_order=True)
    return Preview(
        source_id, name, frame.height,
        dict(frame["outcome"].value_counts(sort=True).iter_rows()),
        reading.vintage.isoformat() if reading.vintage else "", reading.vintage_basis,
        [p.reason_en for p in reading.rejections], [p.reason_en for p in reading.warnings],
        frame.filter(pl.col("outcome") == "value").select(KEPT).to_dicts(),
        ordered.select(REJECTED).to_dicts(),
    )  # fmt: skip


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise IndexhouseError(f"{file}: cannot be read ({error.strerror}); name an existing file") from None


def _newest(settings: Settings, catalogue: Catalogue, source_id: str) -> tuple[str, bytes]:
    store, source = SnapshotStore(settings.snapshots), catalogue.sources[source_id]
    if records := store.records(source_id):
        return records[-1].file_name, store.read(records[-1])
    if isinstance(source.fetch, Http):
        raise IndexhouseError(
            f"source '{source_id}' has no file yet; run `indexhouse run --source {source_id}`, or name one"
        )
    fetched = fetch(source, source_id, catalogue.folders, lambda *_: None, now()).fetched
    if not fetched:
        raise IndexhouseError(f"source '{source_id}' has no file; name one: indexhouse preview {source_id} FILE")
    return fetched[-1].file_name, fetched[-1].content
