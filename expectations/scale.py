"""The scale that the method of an index puts its scores on, where it puts them on one.

Not here: computing scores (pipelines.index), the expectation made of it (plan).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.catalogue.index import Index
    from warehouse.catalogue.load import Catalogue
    from warehouse.catalogue.method.aggregate import Aggregate
    from warehouse.catalogue.method.normalise import Normalise
    from warehouse.catalogue.method.prepare import Treat


@dataclass(frozen=True)
class Bounds:
    """Lowest and highest possible score, in these periods and areas (None: in all of them)."""

    low: float
    high: float
    periods: frozenset[str] | None = None
    areas: frozenset[str] | None = None


def scale_rows(catalogue: Catalogue) -> list[tuple[str | float, ...]]:
    """Rows (index_id, edition_id, node_id, low, high, periods, areas) of every node with bounds.

    periods and areas are joined by blanks; empty: all of them. Sorted by the first three.
    """
    rows: list[tuple[str | float, ...]] = []
    for index_id, index in catalogue.indices.items():
        built = [(edition.id, index) for edition in index.editions]
        built += [(variant.id, index.with_changes(variant.changes)) for variant in index.variants]
        for edition_id, edition in built:
            for node_id, bounds in node_bounds(index_id, edition).items():
                if bounds is not None:
                    places = (_joined(bounds.periods), _joined(bounds.areas))
                    rows.append((index_id, edition_id, node_id, float(bounds.low), float(bounds.high), *places))
    return sorted(rows)


def node_bounds(index_id: str, index: Index) -> dict[str, Bounds | None]:
    """Bounds of every node, root included; None where the method sets none (z-scores, ratios)."""
    children: dict[str, list[str]] = {}
    for node_id, node in index.nodes.items():
        children.setdefault(node.parent or index_id, []).append(node_id)
    found: dict[str, Bounds | None] = {}

    def bounds_of(node_id: str) -> Bounds | None:
        node = index.nodes.get(node_id)
        if node_id not in children:
            treat = (node and node.treat) or index.method.treat
            found[node_id] = leaf_bounds((node and node.normalise) or index.method.normalise, treat)
        else:
            below = [bounds_of(child) for child in children[node_id]]
            found[node_id] = _hull(below, (node and node.aggregate) or index.method.aggregate)
        return found[node_id]

    bounds_of(index_id)
    if "normalise" not in index.method.order:
        found = dict.fromkeys(found, None)
    moved = set(children) if index.rebase is not None else {index_id} if index.splice is not None else set()
    return {node_id: None if node_id in moved else bounds for node_id, bounds in found.items()}


def leaf_bounds(step: Normalise, treat: Treat | None = None) -> Bounds | None:
    """Bounds of normalised values. Min-max never leaves its scale where its parameters were estimated, unless the
    treatment leaves outliers out of them."""
    if step.method == "min_max" and not getattr(treat, "exclude", False):
        if step.scope.over in ("all", "period"):
            return Bounds(step.lower, step.upper)
        if step.scope.over == "reference":
            periods, areas = frozenset(step.scope.periods), frozenset(step.scope.areas)
            return Bounds(step.lower, step.upper, periods or None, areas or None)
    if step.method == "goalposts" and step.cap:
        return Bounds(0.0, step.scale)
    if step.method == "percentile_rank":
        return Bounds(0.0, 1.0)
    return None


def _hull(below: Iterable[Bounds | None], aggregate: Aggregate) -> Bounds | None:
    """A mean lies between its smallest and largest child; a floor lifts the low end. Closeness to an ideal and benefit
    of the doubt lie between 0 and 1; a penalty, an outranking score and an index number have no bounds."""
    if aggregate.method in ("topsis", "benefit_of_the_doubt"):
        return Bounds(0.0, 1.0)
    if aggregate.method not in ("arithmetic", "median", "min", "geometric", "harmonic", "power_mean"):
        return None
    known = list(below)
    if any(each is None for each in known):
        return None
    children = [each for each in known if each is not None]
    low, high = min(each.low for each in children), max(each.high for each in children)
    if aggregate.method in ("harmonic", "power_mean") and low < 0:
        return None
    if aggregate.method in ("geometric", "harmonic") and aggregate.floor is not None:
        low, high = max(low, aggregate.floor), max(high, aggregate.floor)
    periods = _common(each.periods for each in children)
    return Bounds(low, high, periods, _common(each.areas for each in children))


def _common(places: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """Places where all bounds hold; None: everywhere. No common place is told by one that never occurs."""
    given = [each for each in places if each is not None]
    return (frozenset.intersection(*given) or frozenset({"-"})) if given else None


def _joined(places: frozenset[str] | None) -> str:
    return " ".join(sorted(places or ()))
