"""What a composite index is: its tree, areas, editions and variants, and what can be wrong with them.

Not here: the steps of its method (method), computing it (pipelines.index), its indicators (indicator).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from warehouse.catalogue.base import AreaId, Id, Labelled, Model
from warehouse.catalogue.indicator import Area
from warehouse.catalogue.method import Method
from warehouse.catalogue.method.aggregate import Aggregate
from warehouse.catalogue.method.normalise import Normalise
from warehouse.catalogue.method.prepare import Denominate, ImputeSteps, Treat
from warehouse.catalogue.method.robustness import Coherence, Rebase, Splice, Uncertainty
from warehouse.catalogue.method.scope import Period
from warehouse.catalogue.method.weight import Weighting

EditionId = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$"),
]


class Node(Labelled):
    """A node of the tree. Without children it is an indicator, named like it unless names are given."""

    parent: Id | None = Field(None, description="default: the index itself")
    weight: float = Field(1.0, ge=0, description="among its siblings; rescaled to sum 1")
    indicator: Id | None = Field(None, description="leaf only; default: the id of the node")
    direction: Literal[1, -1] | None = Field(None, description="leaf only; default: that of the indicator")
    denominate: Denominate | None = Field(None, description="leaf only")
    quantity: Id | None = Field(None, description="leaf only: indicator of the quantity that goes with this price")
    impute: ImputeSteps | None = Field(None, description="leaf only")
    treat: Treat | None = Field(None, description="leaf only")
    normalise: Normalise | None = Field(None, description="leaf only")
    weighting: Weighting | None = Field(None, description="of its children")
    aggregate: Aggregate | None = Field(None, description="of its children")
    coverage: float | None = Field(None, ge=0, le=1)


class AreaFilter(Model):
    """Areas of one kind, below one area (directly or further down)."""

    kind: Literal["world", "country", "region", "province", "city", "zone"]
    parent: AreaId | None = None


class Periods(Model):
    """First and last period; without `to` the newest one that any of the indicators has."""

    first: Period = Field(alias="from")
    last: Period | None = Field(None, alias="to")


class Edition(Labelled):
    """The index as of a date; without `as_of` with everything that is known."""

    id: EditionId
    as_of: date | None = None
    to: Period | None = Field(None, description="last period; default: that of the index")


class Variant(Labelled):
    """The same index with something changed, built as an edition of its own."""

    id: EditionId
    edition: EditionId | None = Field(None, description="whose as_of and periods it shares; default: the last edition")
    changes: dict[str, Any] = Field(description="keys of the index file with their other values: method, nodes, ...")


class Benchmark(Model):
    """A published series that is shown beside the index and never mixed in."""

    indicator: Id
    area: AreaId
    note_en: str = ""
    note_zh: str = ""


class Index(Labelled):
    """A composite index: areas, periods, method, tree, editions."""

    description_en: str = ""
    description_zh: str = ""
    areas: tuple[AreaId, ...] | AreaFilter
    freq: Literal["A", "Q", "M"] = "A"
    periods: Periods
    base_period: Period | None = None
    method: Method = Method()
    nodes: dict[Id, Node]
    editions: tuple[Edition, ...] = (Edition(id="latest", name_en="Latest", name_zh="最新版"),)
    variants: tuple[Variant, ...] = ()
    groups: dict[Id, tuple[AreaId, ...]] | Literal["parent"] = Field(
        {}, description="groups of areas that imputation may use; parent: areas below the same area"
    )
    uncertainty: Uncertainty | None = Field(None, description="what varies in the Monte Carlo runs; none: no runs")
    coherence: Coherence = Coherence()
    rebase: Rebase | None = None
    splice: Splice | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    spans: tuple[tuple[Period, Period], ...] = Field((), description="further [from, to] for growth_span")
    note_en: str = ""
    note_zh: str = ""

    def with_changes(self, changes: Mapping[str, Any]) -> Index:
        """The index of a variant: mappings are merged key by key; a step with another `method` is
        replaced."""
        mine = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return Index.model_validate(_merged(mine, changes) | {"variants": ()})

    def area_ids(self, areas: Mapping[str, Area]) -> tuple[str, ...]:
        """The areas of the index in sorted order, given all areas of the catalogue."""
        if not isinstance(self.areas, AreaFilter):
            return tuple(sorted(self.areas))
        kind, parent = self.areas.kind, self.areas.parent
        return tuple(
            sorted(
                area_id
                for area_id, area in areas.items()
                if area.kind == kind and (parent is None or parent in ancestors(area_id, areas))
            )
        )

    def method_version(self) -> str:
        """Eight hex digits over everything that decides a score but the data: no names, dates, editions."""
        index = self.model_dump(mode="json", by_alias=True)
        for node in index["nodes"].values():
            del node["name_en"], node["name_zh"]
        decisive = ("areas", "freq", "base_period", "method", "nodes", "groups", "rebase", "splice")
        kept = {key: index[key] for key in decisive}
        kept["from"] = self.periods.first
        text = json.dumps(kept, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def ancestors(area_id: str, areas: Mapping[str, Area]) -> tuple[str, ...]:
    """The areas above an area, nearest first; stops at an unknown or repeated one."""
    found: list[str] = []
    parent = areas[area_id].parent if area_id in areas else None
    while parent is not None and parent not in found and parent != area_id:
        found.append(parent)
        parent = areas[parent].parent if parent in areas else None
    return tuple(found)


def area_groups(index: Index, area_ids: Sequence[str], areas: Mapping[str, Area]) -> tuple[int, ...] | None:
    """The group number of each area for imputation, -1 for an area without one; None where the index has no groups."""
    if index.groups == "parent":
        names = [areas[area_id].parent for area_id in area_ids]
        numbers = {name: number for number, name in enumerate(sorted({name for name in names if name}))}
        return tuple(numbers.get(name or "", -1) for name in names)
    if not index.groups:
        return None
    member = {area: number for number, group in enumerate(sorted(index.groups)) for area in index.groups[group]}
    return tuple(member.get(area_id, -1) for area_id in area_ids)


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, Mapping):
        return new
    if isinstance(new.get("method"), str) and new["method"] != old.get("method"):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
