"""Loading core: the change log of the sources that changed, from what the first border accepted.

Not here: the relations (warehouse.core).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines import progress
from pipelines.intake.read import reading_state
from pipelines.run_report import last_warnings
from pipelines.workspace import Workspace
from warehouse import core
from warehouse.catalogue.load import digest_of


@dataclass(frozen=True)
class CoreLoad:
    """What the working file holds after loading."""

    rows: dict[str, int]
    totals: dict[str, int]
    unbalanced: list[str]


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
            superseded = warehouse.superseded()
        note.say(f"{len(changed)} sources loaded, {load.rows['observation']} observations in all vintages; "
                 + ", ".join(f"{name} {count}" for name, count in load.totals.items()))  # fmt: skip
    workspace.keep_json("core_warnings.json", superseded)
    progress.warn_of(superseded, last_warnings(workspace.settings))
    return load


def _source_state(workspace: Workspace, source_id: str, records: pl.DataFrame) -> str:
    """Digest of what a source's change log is made from: its records, their verdicts, how they are read."""
    rows = records.filter(pl.col("source_id") == source_id).drop("readings").rows()
    return digest_of([reading_state(workspace, source_id), rows])
