"""Which number of which source stands for a key on a day, and the panel that formulas look values up in.

Not here: computing with the values (compute) and reading them from the warehouse (assets).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date

import polars as pl

from pipelines.claims.interval import Interval, around
from warehouse.catalogue.claim import WHOLE_UNITS
from warehouse.catalogue.load import Catalogue
from warehouse.catalogue.measure import measure

KEY = ["indicator_id", "ref_area", "freq", "time_period"]
LAST_PRIORITY = 2**31 - 1


@dataclass(frozen=True)
class Observation:
    """One value as a source printed it."""

    indicator_id: str
    ref_area: str
    time_period: str
    value: float
    decimals: int | None
    unit_id: str
    source_id: str
    vintage: date
    vintage_basis: str

    def interval(self, factor: float) -> Interval:
        """The value +/- half its last printed digit in base units; a point for floats and for ranks."""
        whole = self.decimals is None or self.unit_id in WHOLE_UNITS
        half = 0.0 if whole else 0.5 * 10.0 ** -(self.decimals or 0)
        return around(self.value, half).rounded() * Interval(factor, factor)

    @property
    def printed(self) -> str:
        if self.decimals is None or self.decimals < 0:
            return f"{self.value:.12g}"
        return f"{self.value:.{self.decimals}f}"


@dataclass(frozen=True)
class Knowledge:
    """What the judge needs of the catalogue: unit factors, formulas, groups of areas, names, priorities."""

    factors: Mapping[str, float]
    formulas: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    indicator_names: Mapping[str, tuple[str, str]]
    area_names: Mapping[str, tuple[str, str]]
    priority: Mapping[tuple[str, str] | str, int]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Knowledge:
        groups: dict[str, list[str]] = {}
        for area_id, area in sorted(catalogue.areas.items()):
            groups.setdefault(area.kind, []).append(area_id)
        priority: dict[tuple[str, str] | str, int] = {}
        for source_id, source in catalogue.sources.items():
            priority[source_id] = source.priority
            priority.update({(source_id, name): number for name, number in source.priority_for.items()})
        return cls(
            factors={unit_id: measure(unit_id, catalogue.units).factor for unit_id in catalogue.units},
            formulas={key: model.formula for key, model in catalogue.indicators.items() if model.formula},
            groups={kind: tuple(members) for kind, members in groups.items()},
            indicator_names={key: (m.name_en, m.name_zh) for key, m in catalogue.indicators.items()},
            area_names={key: (m.name_en, m.name_zh) for key, m in catalogue.areas.items()},
            priority=priority,
        )


def preferred(
    rows: pl.DataFrame,
    as_of: date | None,
    priority: Mapping[tuple[str, str] | str, int],
    exclude_sources: Collection[str] = (),
) -> pl.DataFrame:
    """Pick the one value of each key that counts on a day.

    In: rows of `observation_vintage`, one per key, source and vintage.
    Out: at most one row per (indicator_id, ref_area, freq, time_period), sorted by it, columns as they came.
    Per source the newest vintage known on `as_of` (None: all are known) counts; a source whose newest row
    holds no value (missing or withdrawn) yields to the next. Among sources the lowest priority wins, given
    per source or per (source, indicator); then the newest vintage, then the source id.
    """
    columns = rows.columns
    known = rows.filter(~pl.col("source_id").is_in(list(exclude_sources)))
    if as_of is not None:
        known = known.filter(pl.col("vintage") <= as_of)
    newest = (
        known.sort("vintage", maintain_order=True)
        .unique([*KEY, "source_id"], keep="last", maintain_order=True)
        .filter(pl.col("obs_value").is_not_null())
    )
    pairs = newest.select("source_id", "indicator_id").unique(maintain_order=True)
    ranks = [priority.get((s, i), priority.get(s, LAST_PRIORITY)) for s, i in pairs.iter_rows()]
    ranked = pairs.with_columns(pl.Series("priority", ranks, dtype=pl.Int64))
    return (
        newest.join(ranked, on=["source_id", "indicator_id"])
        .sort([*KEY, "priority", "vintage", "source_id"], descending=[False] * 5 + [True, False])
        .unique(KEY, keep="first", maintain_order=True)
        .select(columns)
    )


class Panel:
    """The preferred values of one day, looked up by indicator, area and period."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """In: what `preferred` returns."""
        names = [each.name for each in fields(Observation)]
        frame = frame.rename({"obs_value": "value"}).select(names)
        self._found = {row[:3]: Observation(*row) for row in frame.iter_rows()}

    def find(self, indicator_id: str, ref_area: str, time_period: str) -> Observation | None:
        return self._found.get((indicator_id, ref_area, time_period))

    def __iter__(self) -> Iterator[Observation]:
        return iter(self._found.values())
