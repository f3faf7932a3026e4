"""The panel of an index: observations in long form to arrays of (periods, areas, indicators), and where each
came from.

Not here: choosing what was known as of a date (warehouse), anything that changes a value (denominate, impute,
...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.index.period import ordinal, sequence
from pipelines.index.rank import Floats

PROVENANCE = ("source_id", "snapshot_id", "locator", "vintage")


@dataclass(frozen=True)
class Panel:
    """Values (periods, areas, indicators), NaN where missing, and `row`: the row of `observations` that
    each value stands in, -1 where there is none."""

    periods: tuple[str, ...]
    areas: tuple[str, ...]
    indicators: tuple[str, ...]
    values: Floats
    row: NDArray[np.int64]
    observations: pl.DataFrame

    def only(self, places: NDArray[np.int64]) -> Panel:
        """The panel of the indicators at these positions."""
        names = tuple(self.indicators[place] for place in places)
        return replace(self, indicators=names, values=self.values[:, :, places], row=self.row[:, :, places])


def panel_of(
    observations: pl.DataFrame,
    indicators: Sequence[str],
    areas: Sequence[str],
    first: str,
    last: str | None,
    freq: str = "A",
) -> Panel:
    """Place observations on the full grid of periods, areas and indicators.

    In: one row per (indicator_id, ref_area, freq, time_period) with obs_value in the indicator's unit; rows
    of other indicators, areas, frequencies or periods are ignored, NULL counts as missing. Without `last` the
    newest period that any of the indicators has in one of the areas ends the panel. Out: periods in time
    order, areas and indicators in the order given.
    Raises ValueError where two rows have one key.
    """
    wanted = _of_these(observations, indicators, areas, freq)
    periods = sequence(first, last or _newest(wanted["time_period"].unique().to_list(), first))
    wanted = wanted.filter(pl.col("time_period").is_in(list(periods)))
    shape = (len(periods), len(areas), len(indicators))
    names = {"time_period": periods, "ref_area": areas, "indicator_id": indicators}
    place = tuple(_positions(wanted[column], known) for column, known in names.items())
    flat = np.ravel_multi_index(place, shape)
    values = np.full(shape, np.nan)
    row = np.full(shape, -1, dtype=np.int64)
    values.reshape(-1)[flat] = wanted["obs_value"].cast(pl.Float64).to_numpy()
    values[~np.isfinite(values)] = np.nan
    row.reshape(-1)[flat] = np.arange(wanted.height)
    if np.count_nonzero(row >= 0) != wanted.height:
        twice = wanted.filter(wanted.select("indicator_id", "ref_area", "time_period").is_duplicated())
        raise ValueError(f"two observations of one key: {twice.row(0)}; keep one per indicator, area and period")
    return Panel(tuple(periods), tuple(areas), tuple(indicators), values, row, wanted)


def end_of(
    observations: pl.DataFrame, indicators: Sequence[str], areas: Sequence[str], first: str, last: str | None, freq: str
) -> str:
    """The newest period that any of the indicators has in one of the areas, not before `first` nor after `last`."""
    newest = _newest(_of_these(observations, indicators, areas, freq)["time_period"].unique().to_list(), first)
    both = [(number, name) for name in (newest, last) if name and (number := ordinal(name)) is not None]
    return min(both)[1] if both else newest


def _of_these(observations: pl.DataFrame, indicators: Sequence[str], areas: Sequence[str], freq: str) -> pl.DataFrame:
    return observations.filter(
        pl.col("indicator_id").is_in(list(indicators))
        & pl.col("ref_area").is_in(list(areas))
        & (pl.col("freq") == freq)
        & pl.col("obs_value").is_not_null()
    )


def _positions(column: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    """The position of each value among the names; all values must be among them."""
    return column.cast(pl.Enum(names)).to_physical().cast(pl.Int64).to_numpy()


def _newest(periods: list[str], first: str) -> str:
    """The newest of the periods, `first` when none comes after it; all of one frequency."""
    found = [(number, name) for name in periods if (number := ordinal(name)) is not None]
    return max([*found, (ordinal(first), first)])[1]
