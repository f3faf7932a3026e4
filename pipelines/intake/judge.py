"""The first border: every file is judged, and one that fails is set aside so that the last good one stands in.

Not here: the rules (expectations), reading (read), loading what was accepted (load).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import polars as pl

from expectations.judgement import Result, messages, quality_rows, row_text
from expectations.plan import intake_plan
from pipelines import progress, validation
from pipelines.intake.read import Intake, read_source
from pipelines.run_report import last_warnings
from pipelines.settings import now
from pipelines.sources.reasons import explain
from pipelines.workspace import Workspace
from warehouse import core
from warehouse.errors import IndexhouseError

# checks whose failure has a reason of its own; any other failure is told under the name of its check
REASONS_OF_CHECKS = {
    "volume_kept": "volume_drop",
    "areas_enough": "too_few_areas",
    "quarantined_share": "too_many_rejects",
}
# position of a record -> why it is set aside: code, text in English, text in Chinese
Rejected = dict[int, tuple[str, str, str]]


@dataclass(frozen=True)
class SourceIntake:
    """One source after the first border."""

    source_id: str
    files: int
    rejected: int
    rows_in: int
    problems: list[str]


def read_and_judge(workspace: Workspace) -> list[SourceIntake]:
    """Read every record (from the cache where nothing changed), judge all, and leave the verdicts in staging.

    Files written: records.parquet (core.RECORD_INPUT, accepted and rejected), intake_checks.json.
    """
    workspace.keep_json("started.json", now().isoformat())
    with progress.step("read") as note:
        sources = note.over(workspace.records, "sources")
        intakes = [item for source_id in sources for item in read_source(workspace, source_id)]
        rejected, results = _judge(workspace, intakes)
        _refuse_lost_sources(intakes, rejected)
        _refuse_outdated_corrections(workspace, [item for n, item in enumerate(intakes) if n not in rejected])
        frame = _record_frame(workspace, intakes, rejected)
        frame.write_parquet(workspace.file("records.parquet"))
        workspace.keep_json("intake_checks.json", quality_rows(results))
        lines = messages(results)
        workspace.keep_json("intake_messages.json", lines)
        note.say(f"{len(intakes)} files, {sum(i.rows_in for i in intakes)} cells"
                 + (f", {len(rejected)} files rejected" if rejected else ""))  # fmt: skip
    told = [
        f"{row['source_id']}: {row['file_name']} is set aside: {row['reason_en']}"
        for row in frame.filter(pl.col("is_rejected")).iter_rows(named=True)
    ]
    told += [f"{item.source_id}: {item.file_name}: {text}" for item in intakes for text in item.warnings]
    workspace.keep_json("intake_warnings.json", told)
    progress.warn_of(told, last_warnings(workspace.settings))
    return _by_source(workspace, frame, intakes)


def _by_source(workspace: Workspace, frame: pl.DataFrame, intakes: list[Intake]) -> list[SourceIntake]:
    found = []
    for source_id in workspace.records:
        rows = frame.filter(pl.col("source_id") == source_id)
        bad = rows.filter(pl.col("is_rejected"))
        problems = [f"{r['file_name']}: {r['reason_en']}" for r in bad.iter_rows(named=True)]
        problems += [f"{i.file_name}: {text}" for i in intakes if i.source_id == source_id for text in i.warnings]
        found.append(SourceIntake(source_id, rows.height, bad.height, int(rows["rows_in"].sum()), problems))
    return found


def _refuse_lost_sources(intakes: list[Intake], rejected: Rejected) -> None:
    """Raise IndexhouseError when damaged bytes leave a source with no good file: its data would vanish in silence."""
    good = {item.source_id for n, item in enumerate(intakes) if n not in rejected}
    for n, (code, text, _) in sorted(rejected.items()):
        if code == "corrupt_snapshot" and intakes[n].source_id not in good:
            raise IndexhouseError(text)


def _refuse_outdated_corrections(workspace: Workspace, intakes: list[Intake]) -> None:
    """Raise IndexhouseError when the newest file that holds a corrected key no longer shows the slip.

    In: the accepted records; a file that is set aside says nothing about the provider.
    """
    newest: dict[tuple[str, int], tuple[Intake, dict[str, Any]]] = {}
    matched: set[tuple[str, int]] = set()
    for item in intakes:
        marks = workspace.catalogue.sources[item.source_id].marks.missing
        for state in item.corrections:
            correction = workspace.catalogue.sources[item.source_id].corrections[state["correction"]]
            if state["raw_text"] in marks and correction.expect not in marks:
                continue  # a blank does not hold the key
            newest[item.source_id, state["correction"]] = (item, state)
            matched |= {(item.source_id, state["correction"])} if state["state"] == "matched" else set()
    for (source_id, number), (item, state) in sorted(newest.items()):
        correction = workspace.catalogue.sources[source_id].corrections[number]
        if state["state"] == "other":
            raise IndexhouseError(
                f"{workspace.catalogue.where('sources', source_id)}: corrections.{number}: "
                f"expects '{correction.expect}', but "
                f"{item.file_name} {state['locator']} shows '{state['raw_text']}'"
                + (
                    f": fixed by the provider; end the correction with `until: {_known_from(item)}`"
                    if (source_id, number) in matched
                    else ", and no other file shows it; mend `expect`, or take the correction out"
                )
            )


def _known_from(item: Intake) -> str:
    """The date that `until` of a correction is compared with: of the file, not of its values."""
    return item.retrieved_at[:10] if item.vintage_basis == "retrieved" else item.vintage


def _judge(workspace: Workspace, intakes: list[Intake]) -> tuple[Rejected, list[Result]]:
    """Which records are rejected (position -> code, text en, text zh), and the last judgements of the others.

    A file is compared with the preceding accepted one of its source, so the earliest failing file of each source is
    set aside first and the rest is judged again, until nothing fails.
    """
    rejected = {n: (i.reason_code, i.reason_en, i.reason_zh) for n, i in enumerate(intakes) if i.reason_code}
    plan = intake_plan()
    path = workspace.file("intake.duckdb")
    while True:
        accepted = [(n, item) for n, item in enumerate(intakes) if n not in rejected]
        if not accepted:
            return rejected, []
        _stage_intake(workspace, path, accepted)
        results = validation.validate(path, plan)
        failing = _earliest_failing(accepted, results)
        if not failing:
            return rejected, results
        rejected.update(failing)


def _earliest_failing(accepted: list[tuple[int, Intake]], results: list[Result]) -> Rejected:
    place = {key: n for key, (n, _) in zip(_sequence(accepted), accepted, strict=True)}
    first: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for result in (r for r in results if r.is_blocking):
        if result.has_raised or not result.failing_rows:
            raise IndexhouseError(f"first border: {result.check_id} could not be judged: {result.observed}")
        for row in result.failing_rows:
            n = place[row["source_id"], row["sequence"]]
            name = result.check_id.rpartition(".")[2]
            why = explain(REASONS_OF_CHECKS.get(name, "failed_check"), row_text(result.message, row))
            reason = (REASONS_OF_CHECKS.get(name, name), why.en, why.zh)
            if row["source_id"] not in first or n < first[row["source_id"]][0]:
                first[row["source_id"]] = (n, reason)
    return dict(first.values())


def _sequence(accepted: list[tuple[int, Intake]]) -> list[tuple[str, int]]:
    """(source, number in the source) of each record, as the file of the first border has them."""
    count: dict[str, int] = {}
    keys = []
    for _, item in accepted:
        count[item.source_id] = count.get(item.source_id, 0) + 1
        keys.append((item.source_id, count[item.source_id]))
    return keys


def _stage_intake(workspace: Workspace, path: Path, accepted: list[tuple[int, Intake]]) -> None:
    """The file of the first border: every cell, one row per record, indicators and areas."""
    catalogue = workspace.catalogue
    rows, previous = [], dict[str, float]()
    for (_, sequence), (_, item) in zip(_sequence(accepted), accepted, strict=True):
        volume, before = catalogue.sources[item.source_id].volume, previous.get(item.source_id)
        rows.append({
            "source_id": item.source_id, "snapshot_id": item.snapshot_id, "vintage": date.fromisoformat(item.vintage),
            "file_name": item.file_name, "sequence": sequence, "rows_in": item.rows_in,
            "rows_value": item.rows_value, "rows_missing": item.rows_missing, "rows_excluded": item.rows_excluded,
            "rows_quarantined": item.rows_quarantined, "areas": item.areas, "areas_per_period": item.areas_per_period,
            "previous_areas_per_period": before,
            "volume_change_pct": 100 * (item.areas_per_period / before - 1) if before else None,
            "warn_pct": volume.warn_pct, "reject_pct": volume.reject_pct,
            "min_areas": volume.min_areas if item.rows_value or item.rows_quarantined else 0,
            "is_volume_approved": any(note.approve_volume and fnmatch(item.file_name, note.match)
                                      for note in catalogue.sources[item.source_id].files),
            "max_quarantined_pct": catalogue.sources[item.source_id].max_quarantined_pct,
        })  # fmt: skip
        if item.areas_per_period:
            previous[item.source_id] = item.areas_per_period
    records = pl.DataFrame([{"readings": item.readings, "source_id": item.source_id, "snapshot_id": item.snapshot_id,
                             "vintage": date.fromisoformat(item.vintage)} for _, item in accepted])  # fmt: skip
    indicators = pl.DataFrame(
        [(key, i.unit, i.plausible.min, i.plausible.max, i.max_yearly_change_pct)
         for key, i in sorted(catalogue.indicators.items())],
        schema={"indicator_id": pl.String, "unit_id": pl.String, "plausible_min": pl.Float64,
                "plausible_max": pl.Float64, "max_yearly_change_pct": pl.Float64}, orient="row",
    )  # fmt: skip
    areas = pl.DataFrame({"ref_area": sorted(catalogue.areas)})
    core.stage_intake(path, pl.DataFrame(rows, infer_schema_length=None), records, indicators, areas)


def _record_frame(workspace: Workspace, intakes: list[Intake], rejected: Rejected) -> pl.DataFrame:
    sequence: dict[str, int] = {}
    rows = []
    for n, item in enumerate(intakes):
        sequence[item.source_id] = sequence.get(item.source_id, 0) + 1
        code, text_en, text_zh = rejected.get(n, ("", "", ""))
        rows.append({
            "source_id": item.source_id, "sequence": sequence[item.source_id],
            "vintage": date.fromisoformat(item.vintage), "retrieved_at": datetime.fromisoformat(item.retrieved_at),
            "snapshot_id": item.snapshot_id, "vintage_basis": item.vintage_basis, "file_name": item.file_name,
            "media_type": item.media_type, "size_kb": round(item.size_bytes / 1024, 1), "rows_in": item.rows_in,
            "is_complete": workspace.catalogue.sources[item.source_id].scope == "complete",
            "is_rejected": n in rejected, "reason_code": code, "reason_en": text_en, "reason_zh": text_zh,
            "readings": item.readings,
        })  # fmt: skip
    return pl.DataFrame(rows, schema=core.RECORD_INPUT)
