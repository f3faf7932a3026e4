"""Units as physical-style dimensions: what a unit is a multiple of, and whether two units can meet.

Not here: the declaration of units (indicator) and converting columns (pipelines.sources.conform).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from warehouse.catalogue.base import IndexhouseError, suggest
from warehouse.catalogue.indicator import Unit

DIMENSIONLESS = "one"


@dataclass(frozen=True)
class Measure:
    """A unit in base units: `dimension` as sorted (base unit, exponent) pairs, `factor` base units in one unit."""

    dimension: tuple[tuple[str, int], ...]
    factor: float

    def __str__(self) -> str:
        return " * ".join(f"{name}^{power}" if power != 1 else name for name, power in self.dimension) or DIMENSIONLESS

    def times(self, other: Measure, power: int = 1) -> Measure:
        """The product (power 1) or the quotient (power -1) of two measures."""
        total = Counter(dict(self.dimension))
        for name, exponent in other.dimension:
            total[name] += power * exponent
        kept = tuple(sorted((name, exponent) for name, exponent in total.items() if exponent))
        return Measure(kept, self.factor * other.factor**power)


ONE = Measure((), 1.0)


def measure(unit_id: str, units: dict[str, Unit]) -> Measure:
    """The measure of a unit. Raises IndexhouseError for an unknown unit or a circle of bases."""
    path: list[str] = []
    factor = 1.0
    while True:
        if unit_id not in units:
            raise IndexhouseError(f"unit '{unit_id}' is unknown; {suggest(unit_id, units)}")
        if unit_id in path:
            raise IndexhouseError(
                f"unit '{unit_id}': its base leads back to itself ({' -> '.join(path)}); break the circle"
            )
        path.append(unit_id)
        unit = units[unit_id]
        if unit.base:
            factor *= unit.factor
            unit_id = unit.base
            continue
        if unit.per:
            top, bottom = (measure(part, units) for part in unit.per)
            quotient = top.times(bottom, -1)
            return Measure(quotient.dimension, quotient.factor * factor)
        return Measure(() if unit_id == DIMENSIONLESS else ((unit_id, 1),), factor)


def conversion(from_unit: str, to_unit: str, units: dict[str, Unit]) -> float:
    """Factor that turns values in one unit into another. Raises IndexhouseError when their dimensions differ."""
    start, end = measure(from_unit, units), measure(to_unit, units)
    if start.dimension != end.dimension:
        raise IndexhouseError(
            f"unit '{from_unit}' ({start}) cannot become '{to_unit}' ({end}): unlike dimensions never meet"
        )
    return start.factor / end.factor
