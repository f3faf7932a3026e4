"""What the sources brought: observed values that are new, revised, withdrawn or from another source, and the files.

Not here: what that did to a score (corners, parts), revisions inside one release (the table `revision`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import polars as pl

from pipelines.diffing.inputs import KEY, converted, shared_indicators
from pipelines.diffing.sides import Side

REVISED, NEW, WITHDRAWN, MOVED = "revised", "new", "withdrawn", "moved"
CHANGES = (REVISED, NEW, WITHDRAWN, MOVED)
SAME = 1e-12  # of a value: what units or binary fractions do to it is no revision
_TOLD = ("obs_value", "decimals", "source_id", "snapshot_id", "locator", "vintage", "is_corrected")
_COUNTED = ("rows_in", "rows_loaded", "rows_unchanged", "rows_quarantined", "rows_excluded")
_RECORD = ("source_id", "vintage", "retrieved_at", "snapshot_id")


def changed_values(old: Side, new: Side, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Every observed value in force that is not the same on both sides, in the units of the new one.

    In: the values in force on each side. Out: one row per key, sorted by it: change (revised: another number; new:
    none stood there; withdrawn: none stands there any more; moved: the same number from another source), value, place
    and vintage on both sides (`old_...`, `new_...`), unit_id, change_abs, change_pct (NULL where the old value is not
    above 0), `why` of a revision: vintage, source, correction, or reading (the same file read otherwise).
    """
    if old.catalogue.digest != new.catalogue.digest:
        before = converted(before, shared_indicators(new.catalogue, old.catalogue))
    joined = (
        _told(old, before, "old_")
        .join(_told(new, after, "new_"), on=KEY, how="full", coalesce=True)
        .with_columns(unit_id=pl.coalesce("new_unit_id", "old_unit_id"))
    )
    value, was = pl.col("new_obs_value"), pl.col("old_obs_value")
    change = (
        pl.when(was.is_null()).then(pl.lit(NEW)).when(value.is_null()).then(pl.lit(WITHDRAWN))
        .when((value - was).abs() > SAME * was.abs()).then(pl.lit(REVISED))
        .when(pl.col("new_source_id") != pl.col("old_source_id")).then(pl.lit(MOVED))
    )  # fmt: skip
    why = (
        pl.when(pl.col("new_source_id") != pl.col("old_source_id")).then(pl.lit("source"))
        .when(pl.col("new_is_corrected") != pl.col("old_is_corrected")).then(pl.lit("correction"))
        .when(pl.col("new_vintage") != pl.col("old_vintage")).then(pl.lit("vintage"))
        .when(pl.col("new_snapshot_id") != pl.col("old_snapshot_id")).then(pl.lit("vintage"))
        .otherwise(pl.lit("reading"))
    )  # fmt: skip
    return (
        joined.with_columns(change=change)
        .filter(pl.col("change").is_not_null())
        .with_columns(
            change_abs=value - was,
            change_pct=pl.when((was > 0) & value.is_not_null()).then(100 * (value / was - 1)),
            why=pl.when(pl.col("change").is_in([REVISED, MOVED])).then(why),
        )
        .drop("new_unit_id", "old_unit_id", "new_is_corrected", "old_is_corrected")
        .sort(KEY)
    )


def _told(side: Side, values: pl.DataFrame, prefix: str) -> pl.DataFrame:
    files = side.snapshots.select("source_id", "snapshot_id", "file_name").unique(
        ["source_id", "snapshot_id"], keep="last", maintain_order=True
    )
    told = values.select(*KEY, *_TOLD, "unit_id").join(files, on=["source_id", "snapshot_id"], how="left")
    return told.rename({name: f"{prefix}{name}" for name in told.columns if name not in KEY})


def files_known(side: Side, as_of: date | None) -> pl.DataFrame:
    """The records of a release, or those of which something was known at a date."""
    if as_of is None:
        return side.snapshots
    known = side.vintages.filter(pl.col("vintage") <= as_of).select("source_id", "snapshot_id").unique()
    held = side.snapshots.join(known.with_columns(is_known=pl.lit(True)), on=["source_id", "snapshot_id"], how="left")
    return held.filter((pl.col("vintage") <= as_of) | pl.col("is_known").fill_null(False)).drop("is_known")


def brought(
    old: Side, new: Side, before: pl.DataFrame, after: pl.DataFrame, values: pl.DataFrame,
    only: Collection[str] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """What each source brought: one row per source that brought, lost or changed anything.

    In: the records known on each side, the changed values; `only` these sources. Out: names, change (new, gone or ''),
    files_new and files_gone with the names of the new ones, the cells of the new files by what became of them, and how
    many values in force are new, revised, withdrawn, or moved to this source; those with most of them first.
    """
    came = after.join(before, on=_RECORD, how="anti")
    went = before.join(after, on=_RECORD, how="anti")
    held = values.with_columns(pl.coalesce("new_source_id", "old_source_id").alias("source_id"))
    counts: dict[tuple[str, str], int] = {
        (source, change): count
        for source, change, count in held.group_by("source_id", "change").agg(pl.len()).iter_rows()
    }
    before_ids, after_ids = set(old.catalogue.sources), set(new.catalogue.sources)
    names = {*came["source_id"], *went["source_id"], *held["source_id"], *(before_ids ^ after_ids)}
    rows = []
    for source_id in sorted(names if only is None else names & set(only)):
        source = new.catalogue.sources.get(source_id) or old.catalogue.sources.get(source_id)
        mine = came.filter(pl.col("source_id") == source_id)
        rows.append({
            "source_id": source_id,
            "name_en": source.name_en if source else source_id, "name_zh": source.name_zh if source else source_id,
            "change": "new" if source_id not in before_ids else "gone" if source_id not in after_ids else "",
            "files_new": mine.height, "files_gone": went.filter(pl.col("source_id") == source_id).height,
            "file_names": mine.sort("vintage", "retrieved_at", "file_name")["file_name"].to_list(),
            **{name: int(mine[name].sum() or 0) for name in _COUNTED},
            **{f"values_{change}": counts.get((source_id, change), 0) for change in CHANGES},
        })  # fmt: skip
    return sorted(rows, key=lambda row: (-sum(row[f"values_{change}"] for change in CHANGES), -row["files_new"]))
