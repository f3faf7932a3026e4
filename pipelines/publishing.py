"""From marts to the release: stage the file, let it be judged, publish it, switch back and forth.

Not here: how a file is written and switched (warehouse.publish, warehouse.releases), the rules (expectations), the
marts themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from expectations.judgement import Result, headline, quality_rows, row_text
from expectations.plan import release_plan
from pipelines import progress, validation
from pipelines.alert import post_json
from pipelines.diffing.notes import write_notes
from pipelines.explaining.page import write_beside
from pipelines.marts import families, release_tables
from pipelines.marts.headlines import headlines
from pipelines.marts.observations import kept
from pipelines.reporting.writing import write_report
from pipelines.run_report import RunReport, keep_report, last_warnings
from pipelines.settings import Settings, now
from pipelines.version import code_version
from pipelines.workspace import Workspace, home_lock
from warehouse import publish as publisher
from warehouse import releases
from warehouse.catalogue.load import digest_of
from warehouse.errors import IndexhouseError
from warehouse.tables import dictionary_rows

MADE_WITH_THE_CANDIDATE = ("release", "dictionary", "quality")
FILE = "release/indexhouse.duckdb"
EARLIER_WARNINGS = ("intake", "core", "index")


@dataclass(frozen=True)
class Candidate:
    """A staged release and what is wrong with it: table -> lines; `blocking` names the tables that stop it."""

    release_id: str
    rows: int
    problems: dict[str, list[str]]
    blocking: list[str]
    warnings: list[str]

    def blocks(self, table: str) -> bool:
        return table in self.blocking


@dataclass(frozen=True)
class Outcome:
    """Where a release is, whether BI opens it from now on, and if not, why."""

    release_id: str
    file: Path
    is_current: bool
    reason: str


def build_candidate(workspace: Workspace) -> Candidate:
    """Stage all tables in one file, let Great Expectations judge it, write the judgements into it."""
    with progress.step("candidate") as note:
        tables = release_tables(workspace.catalogue)
        names = [name for family in families(workspace.catalogue) for name in family.tables]
        frames: dict[str, pl.DataFrame | Path] = {name: workspace.file(f"marts/{name}.parquet") for name in names}
        row = release_row(workspace)
        frames["release"] = pl.DataFrame([row])
        frames["dictionary"] = dictionary_rows(tables)
        earlier = workspace.read_json("intake_checks.json") + workspace.read_json("index_checks.json")
        frames["quality"] = pl.DataFrame(earlier, infer_schema_length=None)
        path, release_id = workspace.file(FILE), row["release_id"]
        publisher.stage(path, frames, tables, release_id)
        results = validation.validate(path, release_plan(tables.values(), workspace.catalogue))
        judged = quality_rows(results)
        publisher.fill(path, tables["quality"], pl.DataFrame(earlier + judged, infer_schema_length=None), release_id)
        publisher.verify(path, tables, release_id)
        with workspace.core() as core:
            core.keep_checks(workspace.run_id, "release", judged)
        candidate = _candidate(release_id, sum(table_rows(workspace, names).values()), results, workspace)
        workspace.keep_json("candidate.json", asdict(candidate))
        failed = sum(1 for r in results if r.status == "failed")
        note.say(f"{release_id}: {len(tables)} tables, {candidate.rows} rows, {len(judged)} checks, {failed} failed"
                 + (f" ({len(candidate.blocking)} tables blocked)" if candidate.blocking else ""))  # fmt: skip
    progress.warn_of(candidate.warnings, last_warnings(workspace.settings))
    return candidate


def _candidate(release_id: str, rows: int, results: list[Result], workspace: Workspace) -> Candidate:
    problems: dict[str, list[str]] = defaultdict(list)
    warnings = []
    for result in results:
        if result.status == "failed":
            shown = "; ".join(row_text(result.message, row) for row in result.failing_rows[:3])
            line = f"{result.check_id}: {result.expectation}: {headline(result)}" + (f" ({shown})" if shown else "")
            problems[result.table_name].append(line)
            if not result.is_blocking:
                warnings.append(line)
    blocking = sorted({result.table_name for result in results if result.is_blocking})
    messages = workspace.read_json("intake_messages.json")
    warnings += [line.removeprefix("warning: ") for line in messages if line.startswith("warning")]
    return Candidate(release_id, rows, dict(problems), blocking, warnings)


def table_rows(workspace: Workspace, names: list[str]) -> dict[str, int]:
    return {
        name: pl.scan_parquet(workspace.file(f"marts/{name}.parquet")).select(pl.len()).collect().item()
        for name in names
    }


def release_row(workspace: Workspace) -> dict[str, Any]:
    """The one row of the table `release`; the id follows from code, catalogue, collapsed records and as-of date."""
    vintages = kept(workspace, "observation_vintage")["vintage"]
    if not len(vintages):
        raise IndexhouseError("no observation is known: no source brought any value; see `indexhouse status`")
    newest = vintages.max()
    assert isinstance(newest, date)
    records = pl.read_parquet(workspace.file("records.parquet"))
    keys = records.select(
        "source_id", "sequence", "vintage", "retrieved_at", "snapshot_id", "file_name", "is_rejected"
    ).rows()
    input_hash = digest_of(keys)
    digest = digest_of([code_version(), workspace.catalogue.digest, input_hash, str(workspace.as_of or "")])
    return {
        "release_id": f"{newest:%Y%m%d}-{digest[:8]}", "as_of": workspace.as_of, "data_vintage": newest,
        "code_version": code_version(), "catalogue_hash": workspace.catalogue.digest, "input_hash": input_hash,
        "run_id": workspace.run_id, "built_at": now(),
    }  # fmt: skip


def publish_candidate(workspace: Workspace, switch: bool) -> Outcome:
    """Keep the judged candidate as a release; make it current when asked to and when it is not older than the current.

    Its report is written first: a release whose report cannot be made is not published at all. Holds the home's lock.
    """
    with progress.step("publish") as note, workspace.locked():
        candidate = workspace.read_json("candidate.json")
        path = workspace.file(FILE)
        facts = releases.read_release(path)
        records = pl.read_parquet(workspace.file("records.parquet"))
        manifest = {
            # bytes that are damaged now may be whole again tomorrow: such a release never counts as up to date
            "state": "" if "corrupt_snapshot" in records["reason_code"] else workspace.state(),
            "release_id": facts.release_id, "as_of": facts.as_of,
            "data_vintage": facts.data_vintage, "code_version": facts.code_version,
            "records": [asdict(record) for retrieved in workspace.records.values() for record in retrieved],
            "catalogue": workspace.catalogue.document,
        }  # fmt: skip
        manifest = json.loads(json.dumps(manifest, ensure_ascii=False, default=str))
        write_beside(path, workspace.catalogue)
        write_report(path, manifest, workspace.settings.release)
        write_notes(workspace.settings.release, path, workspace.catalogue)
        done = publisher.publish(
            workspace.settings.release, path.parent, manifest, facts.built_at, keep=workspace.settings.keep,
            make_current=switch,
        )  # fmt: skip
        outcome = Outcome(done.release_id, done.file, done.is_current, done.reason)
        told = [line for name in EARLIER_WARNINGS for line in workspace.read_json(f"{name}_warnings.json")]
        set_aside = records.filter(pl.col("is_rejected"))["source_id"].unique().sort().to_list()
        report = RunReport(
            "published" if done.is_current else "built",
            done.release_id,
            workspace.run_id,
            workspace.read_json("started.json"),
            message=done.reason,
            warnings=told + candidate["warnings"],
            set_aside=set_aside,
            headlines=headlines(workspace),
            file=str(done.file),
        )
        keep_report(workspace.settings, report)
        Workspace.clear_staging(workspace.settings, workspace.run_id)
        note.say(f"{done.release_id} {'is current' if done.is_current else 'is kept, not current: ' + done.reason}")
        return outcome


def problems_of(settings: Settings, run_id: str) -> list[str]:
    """Why the candidate of a run was stopped; empty when it failed before it was judged."""
    path = settings.staging / run_id / "candidate.json"
    if not path.exists():
        return []
    candidate = json.loads(path.read_text("utf-8"))
    return [line for table in candidate["blocking"] for line in candidate["problems"][table]]


def keep_failure(settings: Settings, run_id: str, started_at: str, problems: list[str]) -> RunReport:
    """Keep why a run failed for `status`, and tell the alert hook; its staging folder is removed."""
    message = problems[0] if problems else "the run failed; see its log in `indexhouse serve`"
    report = RunReport("failed", run_id=run_id, started_at=started_at, message=message, problems=problems[1:])
    Workspace.clear_staging(settings, run_id)
    report = keep_report(settings, report)
    if settings.alert_url and (
        trouble := post_json(settings.alert_url, report.as_json() | {"home": str(settings.home)})
    ):
        progress.warn(f"INDEXHOUSE_ALERT_URL: the alert could not be sent: {trouble}")
    return report


def heal(settings: Settings) -> None:
    """Put right what a killed run left behind in the release folder."""
    for line in releases.heal(settings.release):
        progress.warn(f"release folder: {line}")


def has_release(settings: Settings) -> bool:
    return (settings.release / releases.FILE).exists()


def release_of_state(settings: Settings, state: str) -> str:
    """The kept release that was built from this state of code, catalogue and retrievals; '' when there is none."""
    for path in sorted(settings.release.glob("*/manifest.json")):
        manifest = read_manifest(path)
        if manifest.get("state") == state:
            return path.parent.name
    return ""


def read_manifest(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IndexhouseError(f"{path}: cannot be read ({error}); restore the release folder from a backup") from None
    return document


def publish_release(settings: Settings, release_id: str) -> str:
    """Make a kept release current on a person's word. Raises IndexhouseError when it is unknown or damaged."""
    with home_lock(settings):
        return releases.switch(settings.release, release_id).release_id


def roll_back(settings: Settings) -> str:
    """Make the previous release current on a person's word."""
    with home_lock(settings):
        return releases.rollback(settings.release).release_id
