"""Growth of series from one period to the next.

Not here: growth over spans (growth_span), contributions to a change (contribute).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.index.period import label, numbered_periods
from warehouse.rounding import round_significant

SERIES = ("series_kind", "series_id", "edition_id", "node_id", "ref_area")


def indicator_series(observation: pl.DataFrame) -> pl.DataFrame:
    """Observations as series: SERIES, time_period, obs_value; edition and node are empty."""
    return observation.select(
        pl.lit("indicator").alias("series_kind"),
        pl.col("indicator_id").alias("series_id"),
        pl.lit("").alias("edition_id"),
        pl.lit("").alias("node_id"),
        "ref_area",
        "time_period",
        "obs_value",
    )


def score_series(index_score: pl.DataFrame) -> pl.DataFrame:
    """Scores of all nodes as series: SERIES, time_period, obs_value."""
    return index_score.select(
        pl.lit("index").alias("series_kind"),
        pl.col("index_id").alias("series_id"),
        "edition_id",
        "node_id",
        "ref_area",
        "time_period",
        pl.col("score").alias("obs_value"),
    )


def ordered_series(series: pl.DataFrame) -> pl.DataFrame:
    """Present values sorted by series, frequency and time, with freq, number (of the period),
    period_start, period_year and `run`, the number of the series (one frequency each). Spans such as
    2014-01-01/P5Y are left out."""
    dates = numbered_periods(series["time_period"].unique())
    rows = (
        series.filter(pl.col("obs_value").is_not_null())
        .join(dates, on="time_period", how="inner")
        .sort(*SERIES, "freq", "number")
    )
    key = pl.struct(*SERIES, "freq")
    return rows.with_columns(key.rle_id().alias("run"))


def growth(series: pl.DataFrame) -> pl.DataFrame:
    """Change of every value against the period before at its own frequency.

    In: one row per SERIES and time_period with obs_value. Out: the columns of the `growth` table, one row per
    present value, sorted by key. Without a value in the period just before (a gap is never bridged)
    previous_* and changes are NULL; change_pct needs a previous value above 0. Rounded to 12 significant
    digits.
    Source: METHOD.md section 7: change_pct = 100 (x_t / x_prev - 1).
    """
    rows = ordered_series(series)
    value, number, run = (rows[name].to_numpy() for name in ("obs_value", "number", "run"))
    before = np.roll(value, 1)
    adjacent = (np.roll(run, 1) == run) & (np.roll(number, 1) == number - 1)
    adjacent[:1] = False
    before = np.where(adjacent, before, np.nan)
    with np.errstate(all="ignore"):
        change = value - before
        relative = np.where(before > 0, 100 * (value / before - 1), np.nan)
    earlier = pl.Series("previous_period", _earlier(rows), dtype=pl.String)
    return rows.select(
        *SERIES,
        "time_period",
        "period_start",
        "period_year",
        "obs_value",
        earlier.set(pl.Series(~adjacent), None),
        pl.Series("previous_value", before, nan_to_null=True),
        pl.Series("change_abs", round_significant(change), nan_to_null=True),
        pl.Series("change_pct", round_significant(relative), nan_to_null=True),
    ).sort(*SERIES, "time_period")


def _earlier(rows: pl.DataFrame) -> pl.Series:
    """The period before each period, as a string."""
    known = rows.select("time_period", "freq", "number").unique()
    names = known["time_period"].to_list()
    before = [label(freq, number - 1) for freq, number in zip(known["freq"], known["number"], strict=True)]
    return rows["time_period"].replace_strict(names, before, return_dtype=pl.String)
