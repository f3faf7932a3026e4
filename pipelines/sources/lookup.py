"""The catalogue turned into look-ups by folded spelling: areas, indicators, units and their conversions.

Not here: loading or checking the catalogue (warehouse.catalogue.load, check), what a unit is (measure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.indicator import Area, Indicator, Unit, fold_name
from warehouse.catalogue.measure import Measure, measure


class Terms(Protocol):
    """What is read of a catalogue."""

    @property
    def areas(self) -> Mapping[str, Area]: ...
    @property
    def indicators(self) -> Mapping[str, Indicator]: ...
    @property
    def units(self) -> Mapping[str, Unit]: ...


@dataclass(frozen=True)
class Conversion:
    """How a number of one unit becomes one of another: times `factor`; `power` where that is a power of
    ten."""

    factor: float
    power: int | None


@dataclass(frozen=True)
class Lookup:
    """Spelling (folded) -> ids, and the measure of every unit."""

    areas: dict[str, str]
    indicators: dict[str, Indicator]
    indicator_names: dict[str, str]
    unit_names: dict[str, tuple[str, ...]]
    measures: dict[str, Measure]

    def unit(self, text: str, indicator_unit: str | None = None) -> str | None:
        """The unit of an id or a spelling; where several share it, the indicator's own, then one of its
        dimension."""
        if text in self.measures:
            return text
        candidates = self.unit_names.get(fold_name(text), ())
        if indicator_unit in candidates:
            return indicator_unit
        own = self.measures.get(indicator_unit or "")
        alike = [c for c in candidates if own is not None and self.measures[c].dimension == own.dimension]
        return next(iter(alike or candidates), None)

    def conversion(self, from_unit: str, to_unit: str) -> Conversion | None:
        """Conversion between two units; None where one is unknown or their dimensions differ."""
        one, other = self.measures.get(from_unit), self.measures.get(to_unit)
        if one is None or other is None or one.dimension != other.dimension:
            return None
        factor = Fraction(repr(one.factor)) / Fraction(repr(other.factor))
        return Conversion(float(factor), _power_of_ten(factor))


def lookup_of(catalogue: Terms | Lookup) -> Lookup:
    """Build the look-ups of a catalogue once; those of the last catalogue are kept."""
    if isinstance(catalogue, Lookup):
        return catalogue
    kept = _kept.get("last")
    if kept is None or kept[0] is not catalogue:
        kept = (catalogue, _build(catalogue))
        _kept["last"] = kept
    return kept[1]


_kept: dict[str, tuple[Terms, Lookup]] = {}


def _build(catalogue: Terms) -> Lookup:
    areas: dict[str, str] = {}
    for area_id, area in catalogue.areas.items():
        for spelling in area.all_spellings(area_id):
            areas.setdefault(spelling, area_id)
    units = dict(catalogue.units)
    measures: dict[str, Measure] = {}
    for unit_id in units:
        try:
            measures[unit_id] = measure(unit_id, units)
        except IndexhouseError:  # reported by the check of the catalogue; here its cells are quarantined
            continue
    unit_names: dict[str, tuple[str, ...]] = {}
    for unit_id in measures:
        unit = units[unit_id]
        for spelling in {fold_name(s) for s in (unit_id, unit.name_en, unit.name_zh, *unit.spellings) if s}:
            unit_names[spelling] = (*unit_names.get(spelling, ()), unit_id)
    indicators = dict(catalogue.indicators)
    return Lookup(
        areas,
        indicators,
        {fold_name(name): name for name in indicators if indicators[name].formula is None},
        unit_names,
        measures,
    )


def _power_of_ten(factor: Fraction) -> int | None:
    power = 0
    while factor.denominator == 1 and factor.numerator and factor.numerator % 10 == 0:
        factor, power = factor / 10, power + 1
    while factor.numerator == 1 and factor.denominator % 10 == 0:
        factor, power = factor * 10, power - 1
    return power if factor == 1 else None
