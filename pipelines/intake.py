"""From sources to core: look at the sources, read what is new, judge it at the first border, load the change log.

Not here: the network and the readers (sources), the rules (expectations), the relations (warehouse.core).
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import polars as pl

from expectations.plan import intake_plan
from expectations.judgement import Result, messages, quality_rows, row_text
from pipelines import progress, validation
from pipelines.settings import now
from pipelines.sources.fetch import Fetched, fetch
from pipelines.version import code_version
from pipelines.workspace import Workspace, short_hash
from warehouse import core
from warehouse.catalogue.load import digest_of, dump
from warehouse.catalogue.source import Bundled, Http
from warehouse.errors import IndexhouseError
from warehouse.snapshots import CorruptSnapshotError, Record, SnapshotStore, collapse



@dataclass(frozen=True)
class FetchOutcome:
    """What looking at one source brought."""

    source_id: str
    files: int = 0
    new_records: int = 0
    problem: str = ""


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


@dataclass(frozen=True)
class SourceIntake:
    """One source after the first border."""

    source_id: str
    files: int
    rejected: int
    rows_in: int
    problems: list[str]


@dataclass(frozen=True)
class CoreLoad:
    """What the working file holds after loading."""

    rows: dict[str, int]
    totals: dict[str, int]
    unbalanced: list[str]


def fetch_sources(workspace: Workspace, selected: list[str], offline: bool, at: datetime) -> list[FetchOutcome]:
    """Look at every selected source and keep what is new; the order of the outcomes is that of `selected`.

    Offline, sources that need the network are not looked at. A source that fails does not stop the others.
    """
    catalogue = workspace.catalogue
    chosen = [s for s in selected if not (offline and isinstance(catalogue.sources[s].fetch, Http))]
    with progress.step("fetch") as note, ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = list(pool.map(lambda source_id: _fetch_one(workspace, source_id, at), chosen))
        brought, failed = sum(o.new_records for o in outcomes), [o for o in outcomes if o.problem]
        note.say(f"{len(outcomes)} sources, {brought} new files" + (f", {len(failed)} failed" if failed else ""))
    for outcome in failed:
        progress.warn(outcome.problem)
    return outcomes


def _fetch_one(workspace: Workspace, source_id: str, at: datetime) -> FetchOutcome:
    source, store = workspace.catalogue.sources[source_id], workspace.store
    problems: list[str] = []
    files = new = 0
    try:
        result = fetch(source, source_id, workspace.catalogue.folders, lambda key, origin: _headers(store, key, origin), at)
        problems = [problem.reason_en for problem in result.problems]
        files = len(result.fetched) + len(result.unchanged)
        for item in result.fetched:
            new += _keep(workspace, source_id, item)
    except IndexhouseError as error:
        problems.append(str(error))
    problem = "; ".join(problems)
    is_timed = source.max_age_days is not None or isinstance(source.fetch, Http)
    if is_timed or problem or store.last_check(source_id)[1]:
        store.note_check(source_id, at, problem)
    return FetchOutcome(source_id, files, new, problem and f"{source_id}: {problem}; the last good files stand in")


def _headers(store: SnapshotStore, source_id: str, origin: str) -> dict[str, str] | None:
    """What the last answer from a place said of itself (ETag, Last-Modified), while its bytes are still here."""
    newest = store.latest(source_id, origin)
    return newest.headers if newest and store.has(newest.sha256) else None


def _keep(workspace: Workspace, source_id: str, item: Fetched) -> bool:
    """Keep one fetched file; False when the newest retrieval from the same place has the same bytes.

    Raises IndexhouseError when a bundled file has other bytes under the same retrieval date.
    """
    store = workspace.store
    newest = store.latest(source_id, item.origin)
    sha256 = store.put(item.content)
    record = Record(source_id, item.retrieved_at, item.file_name, sha256, len(item.content), item.origin,
                    item.media_type, item.headers)  # fmt: skip
    if newest is not None and newest.sha256 == sha256:
        return False
    is_bundled = isinstance(workspace.catalogue.sources[source_id].fetch, Bundled)
    if is_bundled and newest is not None and newest.retrieved_at == record.retrieved_at:
        raise IndexhouseError(
            f"{item.file_name} has other bytes than before under the same retrieval date "
            f"({item.retrieved_at:%Y-%m-%d}); give the changed file a new `retrieved` under files:"
        )
    return store.add(record)


def read_and_judge(workspace: Workspace) -> list[SourceIntake]:
    """Read every record (from the cache where nothing changed), judge all, and leave the verdicts in staging.

    Files written: records.parquet (core.RECORD_INPUT, accepted and rejected), intake_checks.json.
    """
    workspace.keep_json("started.json", now().isoformat())
    with progress.step("read") as note:
        intakes = [item for source_id in workspace.records for item in _read_source(workspace, source_id)]
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
    for row in frame.filter(pl.col("is_rejected")).iter_rows(named=True):
        progress.warn(f"{row['source_id']}: {row['file_name']} is set aside: {row['reason_en']}")
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


def _read_source(workspace: Workspace, source_id: str) -> list[Intake]:
    """Every collapsed record of a source, in the order (vintage, retrieved_at, snapshot id)."""
    base = _reading_state(workspace, source_id)
    read = [(_read_record(workspace, record, base), record) for record in workspace.records[source_id]]
    read.sort(key=lambda pair: (pair[0].vintage, pair[0].retrieved_at, pair[0].snapshot_id, pair[0].file_name))
    return [item for item, _ in collapse(read)]


def _reading_state(workspace: Workspace, source_id: str) -> str:
    """Digest of all that reading a source depends on, besides the bytes."""
    catalogue = workspace.catalogue
    parts = {kind: catalogue.document[kind] for kind in ("units", "areas", "indicators")}
    return digest_of([code_version(), dump(catalogue.sources[source_id]), parts])


def _read_record(workspace: Workspace, record: Record, base: str) -> Intake:
    folder = workspace.settings.readings / record.source_id
    name = short_hash(base, record.sha256, record.file_name, record.retrieved_at.isoformat())
    cells, summary = folder / f"{name}.parquet", folder / f"{name}.json"
    if summary.exists() and cells.exists():
        return Intake(**json.loads(summary.read_text("utf-8")))
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


def _refuse_lost_sources(intakes: list[Intake], rejected: dict[int, tuple[str, str, str]]) -> None:
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
    for item in intakes:
        for state in item.corrections:
            newest[item.source_id, state["correction"]] = (item, state)
    for (source_id, number), (item, state) in sorted(newest.items()):
        correction = workspace.catalogue.sources[source_id].corrections[number]
        if state["state"] == "other":
            raise IndexhouseError(
                f"{workspace.catalogue.where('sources', source_id)}: corrections.{number}: expects '{correction.expect}', but "
                f"{item.file_name} {state['locator']} shows '{state['raw_text']}': fixed by the provider; "
                f"end the correction with `until: {_known_from(item)}`"
            )


def _known_from(item: Intake) -> str:
    """The date that `until` of a correction is compared with: of the file, not of its values."""
    return item.retrieved_at[:10] if item.vintage_basis == "retrieved" else item.vintage


def _judge(workspace: Workspace, intakes: list[Intake]) -> tuple[dict[int, tuple[str, str, str]], list[Result]]:
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


def _earliest_failing(
    accepted: list[tuple[int, Intake]], results: list[Result]
) -> dict[int, tuple[str, str, str]]:
    place = {key: n for key, (n, _) in zip(_sequence(accepted), accepted, strict=True)}
    first: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for result in (r for r in results if r.is_blocking):
        if result.has_raised or not result.failing_rows:
            raise IndexhouseError(f"first border: {result.check_id} could not be judged: {result.observed}")
        for row in result.failing_rows:
            n = place[row["source_id"], row["sequence"]]
            reason = (result.check_id.rpartition(".")[2], row_text(result.message, row), "未通过入库检验")
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


def _record_frame(
    workspace: Workspace, intakes: list[Intake], rejected: dict[int, tuple[str, str, str]]
) -> pl.DataFrame:
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


def load_core(workspace: Workspace) -> CoreLoad:
    """Make the change log of the sources that changed anew. In: records.parquet. Holds the home's lock."""
    with progress.step("core") as note:
        records = pl.read_parquet(workspace.file("records.parquet"))
        wanted = {source_id: _source_state(workspace, source_id, records) for source_id in workspace.records}
        with workspace.core() as warehouse:
            known = warehouse.source_states()
            changed = {source_id: state for source_id, state in wanted.items() if known.get(source_id) != state}
            warehouse.rebuild(records.filter(pl.col("source_id").is_in(list(changed))), changed,
                              core.priorities(workspace.catalogue))  # fmt: skip
            warehouse.keep_checks(workspace.run_id, "intake", workspace.read_json("intake_checks.json"))
            workspace.keep_core_state(warehouse)
            load = CoreLoad(warehouse.row_counts(), warehouse.accounting(), warehouse.unbalanced())
        note.say(f"{len(changed)} sources loaded, {load.rows['observation']} observations in all vintages; "
                 + ", ".join(f"{name} {count}" for name, count in load.totals.items()))  # fmt: skip
    return load


def _source_state(workspace: Workspace, source_id: str, records: pl.DataFrame) -> str:
    """Digest of what a source's change log is made from: its records, their verdicts, how they are read."""
    rows = records.filter(pl.col("source_id") == source_id).drop("readings").rows()
    return digest_of([_reading_state(workspace, source_id), rows])
