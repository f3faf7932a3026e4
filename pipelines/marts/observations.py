"""Family observations: what is known, in all vintages, and the things it refers to (sources, areas, units ...).

Not here: the relations behind them (warehouse/sql) and the formulas (index.formula).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from pipelines import progress
from pipelines.index.period import period_frame
from pipelines.workspace import Workspace
from warehouse.core import Core

TABLES = (
    "source", "snapshot", "indicator", "unit", "ref_area", "observation", "observation_vintage", "revision",
    "quarantine",
)  # fmt: skip


def build(workspace: Workspace) -> dict[str, int]:
    """Build the family; returns rows by table."""
    with progress.step("observations") as note:
        with workspace.core() as core:
            known = core.observation_as_of(workspace.as_of)
            frames = {
                "observation_vintage": core.observation_vintage(workspace.as_of, known),
                "revision": core.frame("revision", workspace.as_of),
                "snapshot": core.frame("snapshot", workspace.as_of),
                "quarantine": core.frame("quarantine", workspace.as_of),
            }
        frames |= catalogue_frames(workspace, frames["observation_vintage"], frames["snapshot"])
        frames["observation"] = with_formulas(workspace, known)
        rows = {name: frame.height for name, frame in frames.items()}
        note.say(
            f"{rows['observation']} observations, {rows['observation_vintage']} in all vintages, "
            f"{rows['revision']} revisions"
        )
        return keep(workspace, frames)


def keep(workspace: Workspace, frames: dict[str, pl.DataFrame]) -> dict[str, int]:
    """Leave frames in the run's staging folder for the steps that follow; returns their rows."""
    for name, frame in frames.items():
        frame.write_parquet(workspace.file(f"marts/{name}.parquet"))
    return {name: frame.height for name, frame in frames.items()}


def kept(workspace: Workspace, name: str) -> pl.DataFrame:
    """A table that an earlier step left."""
    return pl.read_parquet(workspace.file(f"marts/{name}.parquet"))


def observation_at(workspace: Workspace, core: Core, as_of: date | None) -> pl.DataFrame:
    """The table `observation` as it was known at a date (the earlier of it and the run's own as-of date)."""
    if workspace.as_of and (as_of is None or workspace.as_of < as_of):
        as_of = workspace.as_of
    if as_of == workspace.as_of:
        return kept(workspace, "observation")
    return with_formulas(workspace, core.observation_as_of(as_of))


def with_formulas(workspace: Workspace, known: pl.DataFrame) -> pl.DataFrame:
    """Observed values with their period columns, and the computed indicators beside them."""
    from pipelines.index.formula import evaluate

    catalogue = workspace.catalogue
    observed = known.join(
        period_frame(known["time_period"].unique().to_list()), on="time_period", how="left"
    ).with_columns(is_derived=pl.lit(False))
    derived = evaluate(observed, catalogue.indicators, catalogue.units)
    return pl.concat([observed, derived.select(observed.columns)]).sort(
        "indicator_id", "ref_area", "freq", "time_period"
    )


def catalogue_frames(workspace: Workspace, vintages: pl.DataFrame, snapshots: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables that say what sources, indicators, units and areas are."""
    catalogue = workspace.catalogue
    newest = dict(vintages.group_by("source_id").agg(pl.col("vintage").max()).iter_rows())
    retrieved = dict(snapshots.group_by("source_id").agg(pl.col("retrieved_at").max()).iter_rows())
    sources = [
        {
            "source_id": source_id, "name_en": s.name_en, "name_zh": s.name_zh, "provider": s.provider,
            "licence": s.licence, "redistribute": s.redistribute, "citation": s.citation or None, "url": s.url or None,
            "cadence": s.cadence, "max_age_days": s.max_age_days, "file_scope": s.scope, "priority": s.priority,
            "latest_vintage": newest.get(source_id), "latest_retrieved_at": retrieved.get(source_id),
        }
        for source_id, s in sorted(catalogue.sources.items())
    ]  # fmt: skip
    if any(i.formula for i in catalogue.indicators.values()):
        sources.append(_derived_source())
    indicators = [
        {
            "indicator_id": key, "name_en": i.name_en, "name_zh": i.name_zh, "definition_en": i.definition_en or None,
            "definition_zh": i.definition_zh or None, "unit_id": i.unit, "direction": i.direction, "kind": i.kind,
            "formula": i.formula, "denominator_id": i.denominator, "plausible_min": i.plausible.min,
            "plausible_max": i.plausible.max, "max_yearly_change_pct": i.max_yearly_change_pct,
        }
        for key, i in sorted(catalogue.indicators.items())
    ]  # fmt: skip
    units = [
        {"unit_id": key, "name_en": u.name_en, "name_zh": u.name_zh, "base_unit_id": u.base or key, "factor": u.factor}
        for key, u in sorted(catalogue.units.items())
    ]
    areas = [
        {"ref_area": key, "name_en": a.name_en, "name_zh": a.name_zh, "kind": a.kind, "parent_area": a.parent}
        for key, a in sorted(catalogue.areas.items())
    ]
    return {
        name: pl.DataFrame(rows, infer_schema_length=None)
        for name, rows in (("source", sources), ("indicator", indicators), ("unit", units), ("ref_area", areas))
    }


def _derived_source() -> dict[str, object]:
    """The row that computed values refer to as their source."""
    return {
        "source_id": "derived", "name_en": "Computed from other indicators", "name_zh": "由其他指标计算",
        "provider": "indexhouse", "licence": "as the sources of the inputs", "redistribute": True, "citation": None,
        "url": None, "cadence": "once", "max_age_days": None, "file_scope": "complete", "priority": 0,
        "latest_vintage": None, "latest_retrieved_at": None,
    }  # fmt: skip
