"""What a composite index is: its tree, areas, editions and variants, and what can be wrong with them.

Not here: the steps of its method (method), computing it (pipelines.index), its indicators (indicator).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from warehouse.catalogue.base import AreaId, Id, Labelled, Model, suggest
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.catalogue.method import (
    Aggregate,
    BaseRatio,
    Denominate,
    ImputeSteps,
    Method,
    Normalise,
    Period,
    ReferenceScope,
    Treat,
    Weighting,
)

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
        kept = {key: index[key] for key in ("areas", "freq", "base_period", "method", "nodes")}
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


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, Mapping):
        return new
    if isinstance(new.get("method"), str) and new["method"] != old.get("method"):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def problems(index_id: str, index: Index, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]) -> list[str]:
    """Everything wrong with one index that a single field cannot show, as `key: what; remedy`, without the
    file."""
    found = [
        *_tree_problems(index_id, index, indicators),
        *_period_problems(index),
        *_edition_problems(index),
    ]
    found += _name_problems(index, indicators, areas)
    for number, variant in enumerate(index.variants):
        try:
            changed = index.with_changes(variant.changes)
        except ValidationError as error:
            for each in error.errors():
                where = ".".join(map(str, each["loc"]))
                found.append(f"variants.{number}.changes.{where}: {each['msg']} ('{each.get('input')}')")
            continue
        deeper = problems(index_id, changed, indicators, areas)
        found += [f"variants.{number}.changes: {each}" for each in deeper if each not in found]
    return found


def _tree_problems(index_id: str, index: Index, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    nodes = index.nodes
    if not nodes:
        yield "nodes: the index has no node; add at least one with an indicator"
    if index_id in nodes:
        yield f"nodes.{index_id}: the root is implicit; rename this node"
    above = {node_id: node.parent or index_id for node_id, node in nodes.items()}
    parents = set(above.values())
    for node_id, parent in above.items():
        if parent != index_id and parent not in nodes:
            hint = suggest(parent, {*nodes, index_id} - {node_id})
            yield f"nodes.{node_id}.parent: '{parent}' is unknown; {hint}"
    for cycle in _cycles(above):
        path = " -> ".join((*cycle, cycle[0]))
        yield f"nodes.{cycle[0]}.parent: {path} is a circle; give one of them another parent"
    for node_id, node in nodes.items():
        if node_id not in parents:
            yield from _leaf_problems(node_id, node, indicators)
            continue
        for key in ("indicator", "direction", "denominate", "impute", "treat", "normalise"):
            if getattr(node, key) is not None:
                yield f"nodes.{node_id}.{key}: the node has children; '{key}' belongs to its indicators"
    for parent in sorted(parents):
        children = [node_id for node_id in nodes if above[node_id] == parent]
        weighting = nodes[parent].weighting if parent in nodes else None
        given = (weighting or index.method.weighting).method == "given"
        if given and sum(nodes[child].weight for child in children) <= 0:
            names = ", ".join(children)
            yield f"nodes.{parent}: the weights of its children ({names}) are all zero; give one a weight"


def _leaf_problems(node_id: str, node: Node, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    indicator_id = node.indicator or node_id
    if indicator_id not in indicators:
        if node.indicator is None:
            yield (
                f"nodes.{node_id}: has no children and '{node_id}' is no indicator; give it children, an 'indicator', "
                f"or another id: {suggest(node_id, indicators)}"
            )
        else:
            hint = suggest(indicator_id, indicators)
            yield f"nodes.{node_id}.indicator: '{indicator_id}' is unknown; {hint}"
    elif indicators[indicator_id].direction == 0 and node.direction is None:
        yield f"nodes.{node_id}.direction: '{indicator_id}' has no direction of its own; give 1 or -1"
    if node.denominate and node.denominate.by not in indicators:
        by = node.denominate.by
        yield f"nodes.{node_id}.denominate.by: '{by}' is unknown; {suggest(by, indicators)}"
    for key in ("weighting", "aggregate"):
        if getattr(node, key) is not None:
            yield f"nodes.{node_id}.{key}: the node has no children; '{key}' belongs to a node above"


def _cycles(above: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    done: set[str] = set()
    for start in sorted(above):
        path: list[str] = []
        node = start
        while node in above and node not in done and node not in path:
            path.append(node)
            node = above[node]
        if node in path:
            yield tuple(path[path.index(node) :])
        done.update(path)


_FORM = {"A": 4, "Q": 7, "M": 7}


def _is_period(period: str, freq: str) -> bool:
    return len(period) == _FORM[freq] and ("Q" in period) == (freq == "Q")


def _period_problems(index: Index) -> Iterator[str]:
    first, last = index.periods.first, index.periods.last
    named = {"periods.from": first, "periods.to": last, "base_period": index.base_period}
    named |= {f"editions.{number}.to": edition.to for number, edition in enumerate(index.editions)}
    steps = {"method": index.method.normalise} | {
        f"nodes.{node_id}": node.normalise for node_id, node in index.nodes.items() if node.normalise
    }
    for key, step in steps.items():
        if isinstance(step, BaseRatio):
            named[f"{key}.normalise.period"] = step.period
            if step.period is None and index.base_period is None:
                yield f"{key}.normalise: base_ratio needs 'period' here or 'base_period' of the index"
        scope = getattr(step, "scope", None)
        if isinstance(scope, ReferenceScope):
            named |= {f"{key}.normalise.scope.periods.{i}": each for i, each in enumerate(scope.periods)}
    for key, period in named.items():
        if period is None:
            continue
        if not _is_period(period, index.freq):
            yield f"{key}: '{period}' is no period of freq {index.freq}; write it like '{first}'"
        elif period < first or (last is not None and period > last):
            until = last or "(newest)"
            yield f"{key}: '{period}' is outside the periods {first} to {until}; widen 'periods' or change it"
    for number, (start, end) in enumerate(index.spans):
        if end <= start:
            yield f"spans.{number}: '{end}' does not come after '{start}'; write [from, to]"


def _edition_problems(index: Index) -> Iterator[str]:
    if not index.editions:
        yield "editions: is empty; leave it out or name at least one"
    ids = Counter([*(each.id for each in index.editions), *(each.id for each in index.variants)])
    for edition_id, times in ids.items():
        if times > 1:
            yield f"editions: '{edition_id}' stands {times} times among editions and variants; rename one"
    known = {edition.id for edition in index.editions}
    for number, variant in enumerate(index.variants):
        if variant.edition is not None and variant.edition not in known:
            hint = suggest(variant.edition, known)
            yield f"variants.{number}.edition: '{variant.edition}' is unknown; {hint}"


def _name_problems(index: Index, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]) -> Iterator[str]:
    if isinstance(index.areas, AreaFilter):
        if index.areas.parent is not None and index.areas.parent not in areas:
            yield f"areas.parent: '{index.areas.parent}' is unknown; {suggest(index.areas.parent, areas)}"
        elif not index.area_ids(areas):
            kind, parent = index.areas.kind, index.areas.parent
            yield f"areas: no area of kind '{kind}' is below '{parent}'; name the areas instead"
    else:
        if not index.areas:
            yield "areas: is empty; name at least one area"
        for area in sorted(set(index.areas) - set(areas)):
            yield f"areas: '{area}' is unknown; {suggest(area, areas)}"
    for number, benchmark in enumerate(index.benchmarks):
        if benchmark.indicator not in indicators:
            hint = suggest(benchmark.indicator, indicators)
            yield f"benchmarks.{number}.indicator: '{benchmark.indicator}' is unknown; {hint}"
        if benchmark.area not in areas:
            yield f"benchmarks.{number}.area: '{benchmark.area}' is unknown; {suggest(benchmark.area, areas)}"
