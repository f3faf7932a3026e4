"""Reading every record of a source once: its cells as Parquet, and a summary of them beside it.

Not here: readers and mapping (sources), comparing the files of a source (judge).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.version import code_version
from pipelines.workspace import Workspace, short_hash
from warehouse.catalogue.load import digest_of, dump
from warehouse.snapshots import CorruptSnapshotError, Record, collapse


@dataclass(frozen=True)
class Intake:
    """What one record holds after reading: counts of its value cells, its vintage, and what is wrong with it."""

    source_id: str
    snapshot_id: str
    file_name: str
    media_type: str
    size_bytes: int
    retrieved_at: str
    readings: str
    vintage: str
    vintage_basis: str
    rows_value: int = 0
    rows_missing: int = 0
    rows_excluded: int = 0
    rows_quarantined: int = 0
    areas: int = 0
    areas_per_period: float = 0.0
    reason_code: str = ""
    reason_en: str = ""
    reason_zh: str = ""
    warnings: list[str] = field(default_factory=list)
    corrections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def rows_in(self) -> int:
        return self.rows_value + self.rows_missing + self.rows_excluded + self.rows_quarantined


def read_source(workspace: Workspace, source_id: str) -> list[Intake]:
    """Every collapsed record of a source, in the order (vintage, retrieved_at, snapshot id)."""
    base = reading_state(workspace, source_id)
    read = [(_read_record(workspace, record, base), record) for record in workspace.records[source_id]]
    read.sort(key=lambda pair: (pair[0].vintage, pair[0].retrieved_at, pair[0].snapshot_id, pair[0].file_name))
    return [item for item, _ in collapse(read)]


def reading_state(workspace: Workspace, source_id: str) -> str:
    """Digest of all that reading a source depends on, besides the bytes."""
    catalogue = workspace.catalogue
    parts = {kind: catalogue.document[kind] for kind in ("units", "areas", "indicators")}
    return digest_of([code_version(), dump(catalogue.sources[source_id]), parts])


def _read_record(workspace: Workspace, record: Record, base: str) -> Intake:
    folder = workspace.settings.readings / record.source_id
    name = short_hash(base, record.sha256, record.file_name, record.retrieved_at.isoformat())
    cells, summary = folder / f"{name}.parquet", folder / f"{name}.json"
    if summary.exists() and cells.exists():
        kept = Intake(**json.loads(summary.read_text("utf-8")))
        return replace(kept, readings=str(cells))  # the home may have moved
    folder.mkdir(parents=True, exist_ok=True)
    intake = _read_bytes(workspace, record, cells)
    part = summary.with_suffix(".part")
    part.write_text(json.dumps(asdict(intake), ensure_ascii=False), "utf-8")
    part.replace(summary)
    return intake


def _read_bytes(workspace: Workspace, record: Record, cells: Path) -> Intake:
    from pipelines.sources.read import read_snapshot

    blank = Intake(
        record.source_id, record.snapshot_id, record.file_name, record.media_type, record.size_bytes,
        record.retrieved_at.isoformat(), str(cells), record.retrieved_at.date().isoformat(), "retrieved",
    )  # fmt: skip
    source = workspace.catalogue.sources[record.source_id]
    try:
        content = workspace.store.read(record)
    except CorruptSnapshotError as error:
        return replace(blank, reason_code="corrupt_snapshot", reason_en=str(error), reason_zh="存储的字节已损坏")
    reading = read_snapshot(content, record.file_name, source, workspace.catalogue, record.retrieved_at.date())
    frame = reading.readings
    part = cells.with_suffix(".part")
    frame.write_parquet(part)
    part.replace(cells)
    counts = dict(frame.group_by("outcome").len().iter_rows())
    values = frame.filter(pl.col("outcome") == "value")
    vintage = reading.vintage or record.retrieved_at.date()
    dated = values["vintage"].max() if values.height else None
    if isinstance(dated, date):
        vintage = dated
    periods = values["time_period"].n_unique() if values.height else 0
    pairs = values.select("ref_area", "time_period").n_unique() if values.height else 0
    problem = reading.rejections[0] if reading.rejections else None
    return replace(
        blank,
        vintage=min(vintage, record.retrieved_at.date()).isoformat(),
        vintage_basis=reading.vintage_basis,
        rows_value=int(counts.get("value", 0)),
        rows_missing=int(counts.get("missing", 0)),
        rows_excluded=int(counts.get("excluded", 0)),
        rows_quarantined=int(counts.get("quarantined", 0)),
        areas=values["ref_area"].n_unique() if values.height else 0,
        areas_per_period=pairs / periods if periods else 0.0,
        reason_code=problem.code if problem else "",
        reason_en=problem.reason_en if problem else "",
        reason_zh=problem.reason_zh if problem else "",
        warnings=[f"{w.reason_en} ({w.locator})" if w.locator else w.reason_en for w in reading.warnings],
        corrections=reading.corrections.to_dicts(),
    )
