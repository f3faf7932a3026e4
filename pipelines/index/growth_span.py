"""Growth over spans of years: multiples, compound rates and trends.

Which spans: of every series the first to the last value; of yearly series also the last 5 and the last 10
observed years; of every series each [from, to] that the caller states, and the base period to the last value.
Not here: change against the period before (growth).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.index.growth import SERIES, in_key_order, ordered_series, rounded
from pipelines.index.rank import Floats

LAST_YEARS = (5, 10)
Places = NDArray[np.int64]


def growth_span(
    series: pl.DataFrame, spans: Iterable[tuple[str, str]] = (), base_periods: Iterable[str] = ()
) -> pl.DataFrame:
    """Growth of every series over the spans that the module names.

    In: one row per SERIES and time_period with obs_value; spans as (from, to) and base periods (to the last
    value), used for the series that have values in both. Out: the columns of the `growth_span` table, sorted
    by key; a span that comes up twice stands once. n_years is in years (eight quarters are two). multiple,
    total_pct and cagr_pct need both ends above 0; trend_pct at least three values, all above 0;
    linear_trend_pct at least three values and a fitted value above 0 at the first. Rounded to 12 significant
    digits.
    Source: METHOD.md section 7: cagr_pct = 100 ((end/start)^(1/n) - 1); trend_pct = 100 (exp b - 1), b the
    least squares slope of ln x on years; linear_trend_pct = 100 slope / fitted value at the first value
    present.
    """
    rows = ordered_series(series)
    if rows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    first, last = _windows(rows, tuple(spans), tuple(base_periods))
    value, years = rows["obs_value"].to_numpy(), rows["years"].to_numpy()
    start, end, n = value[first], value[last], years[last] - years[first]
    with np.errstate(all="ignore"):
        multiple = np.where((start > 0) & (end > 0), end / start, np.nan)
        numbers = {
            "n_years": n,
            "start_value": start,
            "end_value": end,
            "multiple": multiple,
            "total_pct": 100 * (multiple - 1),
            "cagr_pct": 100 * (multiple ** (1 / n) - 1),
            "change_per_interval": (end - start) / n,
            **_trends(value, years, first, last),
        }
    period = rows["time_period"]
    result = pl.DataFrame(
        [
            *(rows[name][first] for name in SERIES),
            period[first].alias("from_period"),
            period[last].alias("to_period"),
            *rounded(numbers),
        ]
    )
    return in_key_order(result, rows["freq"], "from_period", "to_period")


def _windows(
    rows: pl.DataFrame, spans: tuple[tuple[str, str], ...], base_periods: tuple[str, ...]
) -> tuple[Places, Places]:
    """First and last row of every span, without repeats: a span is a run of rows, as rows are sorted."""
    run = rows["run"].to_numpy()
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    ends = np.append(starts[1:], len(run)) - 1
    pairs = [(starts, ends)]
    yearly = (rows["freq"][starts] == "A").to_numpy()
    for count in LAST_YEARS:
        enough = yearly & (ends - starts >= count - 1)
        pairs.append((ends[enough] - count + 1, ends[enough]))
    place = rows.select("run", "time_period").with_row_index("row")
    for begin, finish in spans:
        found = place.filter(pl.col("time_period") == begin).join(
            place.filter(pl.col("time_period") == finish), on="run", suffix="_end"
        )
        pairs.append((found["row"].cast(pl.Int64).to_numpy(), found["row_end"].cast(pl.Int64).to_numpy()))
    for base in base_periods:
        found = place.filter(pl.col("time_period") == base)
        pairs.append((found["row"].cast(pl.Int64).to_numpy(), ends[found["run"].cast(pl.Int64).to_numpy()]))
    first, last = (np.concatenate(side) for side in zip(*pairs, strict=True))
    # one number a span: far quicker than comparing pairs
    code = np.unique((first * len(run) + last)[last > first])
    return code // len(run), code % len(run)


def _trends(value: Floats, years: Floats, first: Places, last: Places) -> dict[str, Floats]:
    """Exponential and linear trend over the values present in each span."""
    size = last - first + 1
    window = np.repeat(np.arange(len(first)), size)
    bounds = np.concatenate([[0], np.cumsum(size)[:-1]]) if len(size) else np.zeros(0, dtype=np.int64)
    inside = np.arange(len(window)) - bounds[window] + first[window]
    x = years[inside] - years[first][window]
    y = value[inside]

    def total(numbers: Floats) -> Floats:
        return np.add.reduceat(numbers, bounds) if len(bounds) else np.zeros(0)

    mean_x = total(x) / size
    deviation = x - mean_x[window]
    squares = total(deviation * deviation)
    positive = total((y > 0).astype(np.float64)) == size
    logs = np.log(np.where(y > 0, y, 1.0))
    enough = size >= 3
    slope_log = total(deviation * (logs - (total(logs) / size)[window])) / squares
    slope = total(deviation * (y - (total(y) / size)[window])) / squares
    fitted = total(y) / size - slope * mean_x
    return {
        "trend_pct": np.where(enough & positive, 100 * np.expm1(slope_log), np.nan),
        "linear_trend_pct": np.where(enough & (fitted > 0), 100 * slope / fitted, np.nan),
    }


_NUMBERS = (
    "n_years",
    "start_value",
    "end_value",
    "multiple",
    "total_pct",
    "cagr_pct",
    "change_per_interval",
    "trend_pct",
    "linear_trend_pct",
)
_SCHEMA = dict.fromkeys((*SERIES, "from_period", "to_period"), pl.String) | dict.fromkeys(_NUMBERS, pl.Float64)
