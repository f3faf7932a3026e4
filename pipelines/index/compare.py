"""Compare areas: with the areas above them, with the leading area of their group, and by rank.

Not here: ranks of index scores (build), growth (growth).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from pipelines.index.period import period_frame
from warehouse.catalogue.index import ancestors
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.rounding import round_significant

_CELL = ("indicator_id", "time_period")


def rank_group(area_id: str, areas: Mapping[str, Area]) -> str:
    """The group that an area is ranked in: its kind, and the country it is in: `province CN`, `country`."""
    kind = areas[area_id].kind
    country = next(
        (each for each in ancestors(area_id, areas) if each in areas and areas[each].kind == "country"), None
    )
    return f"{kind} {country}" if country else kind


def comparison(
    observation: pl.DataFrame, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]
) -> pl.DataFrame:
    """Each value beside the values of the areas above its area and of the leading area of its group.

    In: one row per (indicator_id, ref_area, freq, time_period) with obs_value. Out: the columns of the
    `comparison` table, sorted by key; an area without any comparator has one row with an empty
    comparator_area. multiple = value / comparator where the comparator is above 0; share_pct only of stocks
    and flows, and only of an area above. Ranks: 1 = best by the indicator's direction (the largest where it
    has none), ties share the smallest, over the areas of the group with a value in that period. leader_area
    is the first by id among those ranked 1; gap_to_leader is how far the area is behind it, never negative.
    Rounded to 12 significant digits.
    """
    rows = observation.filter(
        pl.col("obs_value").is_not_null()
        & pl.col("ref_area").is_in(list(areas))
        & pl.col("indicator_id").is_in(list(indicators))
    ).select(*_CELL, "ref_area", pl.col("obs_value").cast(pl.Float64))
    rows = rows.with_columns(pl.Series("obs_value", round_significant(rows["obs_value"].to_numpy())))
    ranked = _ranked(rows, indicators, areas)
    pairs = pl.concat([_with_ancestors(ranked, areas), _with_leader(ranked)])
    alone = ranked.join(pairs.select(*_CELL, "ref_area").unique(), on=[*_CELL, "ref_area"], how="anti").with_columns(
        pl.lit("").alias("comparator_area"),
        pl.lit(None, dtype=pl.Float64).alias("comparator_value"),
        pl.lit(False).alias("is_above"),
    )
    whole = pl.concat([pairs, alone.select(pairs.columns)])
    additive = [name for name, each in indicators.items() if each.kind in ("stock", "flow")]
    value, other = whole["obs_value"].to_numpy(), whole["comparator_value"].to_numpy()
    with np.errstate(all="ignore"):
        multiple = np.where(other > 0, value / other, np.nan)
    shared = (whole["indicator_id"].is_in(additive) & whole["is_above"]).to_numpy()
    dates = period_frame(whole["time_period"].unique())
    return (
        whole.with_columns(
            pl.Series("multiple", round_significant(multiple), nan_to_null=True),
            pl.Series("share_pct", round_significant(np.where(shared, 100 * multiple, np.nan)), nan_to_null=True),
        )
        .join(dates, on="time_period", how="left")
        .select(
            "indicator_id",
            "ref_area",
            "comparator_area",
            "time_period",
            "period_start",
            "period_year",
            "obs_value",
            "comparator_value",
            "multiple",
            "share_pct",
            "rank_group",
            "score_rank",
            "areas_ranked",
            "leader_area",
            "gap_to_leader",
        )
        .sort("indicator_id", "ref_area", "comparator_area", "time_period")
    )


def _ranked(rows: pl.DataFrame, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]) -> pl.DataFrame:
    """Add rank_group, score_rank, areas_ranked, leader_area, leader_value, gap_to_leader."""
    group = {area_id: rank_group(area_id, areas) for area_id in areas}
    sign = {name: -1.0 if each.direction < 0 else 1.0 for name, each in indicators.items()}
    signed = rows.with_columns(
        pl.col("ref_area").replace_strict(group, return_dtype=pl.String).alias("rank_group"),
        (pl.col("obs_value") * pl.col("indicator_id").replace_strict(sign, return_dtype=pl.Float64)).alias("merit"),
    ).sort("ref_area")
    place = [*_CELL, "rank_group"]
    signed = signed.with_columns(
        pl.col("merit").rank("min", descending=True).over(place).cast(pl.Int32).alias("score_rank"),
        pl.len().over(place).cast(pl.Int32).alias("areas_ranked"),
    )
    leader = (
        signed.filter(pl.col("score_rank") == 1)
        .unique(place, keep="first", maintain_order=True)
        .select(
            *place,
            pl.col("ref_area").alias("leader_area"),
            pl.col("obs_value").alias("leader_value"),
            pl.col("merit").alias("leader_merit"),
        )
    )
    joined = signed.join(leader, on=place, how="left")
    gap = round_significant((joined["leader_merit"] - joined["merit"]).to_numpy())
    return joined.with_columns(pl.Series("gap_to_leader", gap)).drop("merit", "leader_merit")


def _with_ancestors(ranked: pl.DataFrame, areas: Mapping[str, Area]) -> pl.DataFrame:
    pairs = [(area_id, above) for area_id in areas for above in ancestors(area_id, areas)]
    above = pl.DataFrame(pairs, schema={"ref_area": pl.String, "comparator_area": pl.String}, orient="row")
    other = ranked.select(
        *_CELL, pl.col("ref_area").alias("comparator_area"), pl.col("obs_value").alias("comparator_value")
    )
    return _columns(
        ranked.join(above, on="ref_area")
        .join(other, on=[*_CELL, "comparator_area"])
        .with_columns(pl.lit(True).alias("is_above"))
    )


def _with_leader(ranked: pl.DataFrame) -> pl.DataFrame:
    return _columns(
        ranked.filter(pl.col("ref_area") != pl.col("leader_area")).with_columns(
            pl.col("leader_area").alias("comparator_area"),
            pl.col("leader_value").alias("comparator_value"),
            pl.lit(False).alias("is_above"),
        )
    )


def _columns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        *_CELL,
        "ref_area",
        "obs_value",
        "rank_group",
        "score_rank",
        "areas_ranked",
        "leader_area",
        "gap_to_leader",
        "comparator_area",
        "comparator_value",
        "is_above",
    )
