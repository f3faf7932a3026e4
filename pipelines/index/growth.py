"""Growth of series from one period to the next.

Not here: growth over spans (growth_span), contributions to a change (contribute).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from pipelines.index.period import PER_YEAR, label, numbered_periods
from pipelines.index.rank import Floats
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
    """Present values sorted by series, frequency and time, with freq, number (of the period), years (the same in
    years), period_start, period_year, previous_period (the name of the period before, observed or not) and run, the
    number of the series (one frequency each). Spans such as 2014-01-01/P5Y are left out."""
    dates = numbered_periods(series["time_period"].unique())
    numbered = list(dates.select("freq", "number").iter_rows())
    dates = dates.with_columns(
        pl.Series("years", [number / PER_YEAR[freq] for freq, number in numbered], dtype=pl.Float64),
        pl.Series("previous_period", [label(freq, number - 1) for freq, number in numbered], dtype=pl.String),
    )
    rows = series.filter(pl.col("obs_value").is_not_null()).join(dates, on="time_period", how="inner")
    # sorting costs by the column, and most of these hold one value only
    varying = [name for name in (*SERIES, "freq") if rows.height and (rows[name] != rows[name][0]).any()]
    rows = rows.sort(*varying, "number")
    key = pl.struct(*SERIES, "freq")
    return rows.with_columns(key.rle_id().alias("run"))


def in_key_order(frame: pl.DataFrame, freq: pl.Series, *periods: str) -> pl.DataFrame:
    """Sort rows in the order of `ordered_series` by series and periods as text; with one frequency they are."""
    return frame if freq.n_unique() <= 1 else frame.sort(*SERIES, *periods)


def rounded(columns: Mapping[str, Floats]) -> list[pl.Series]:
    """Columns of the release: 12 significant digits, NULL for NaN and for what no double can hold."""
    values = np.stack(list(columns.values()))
    values = round_significant(np.where(np.isfinite(values), values, np.nan))
    return [pl.Series(name, column, nan_to_null=True) for name, column in zip(columns, values, strict=True)]


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
    before = np.full(len(value), np.nan)
    adjacent = np.zeros(len(value), dtype=bool)
    adjacent[1:] = (run[1:] == run[:-1]) & (number[1:] == number[:-1] + 1)
    before[1:] = np.where(adjacent[1:], value[:-1], np.nan)
    with np.errstate(all="ignore"):
        change = value - before
        relative = np.where(before > 0, 100 * (value / before - 1), np.nan)
    result = rows.select(
        *SERIES,
        "time_period",
        "period_start",
        "period_year",
        "obs_value",
        rows["previous_period"].set(pl.Series(~adjacent), None),
        pl.Series("previous_value", before, nan_to_null=True),
        *rounded({"change_abs": change, "change_pct": relative}),
    )
    return in_key_order(result, rows["freq"], "time_period")
