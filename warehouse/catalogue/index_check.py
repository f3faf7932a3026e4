"""What can be wrong with a composite index that no single field shows: its tree, steps, periods, editions, names.

Not here: the models themselves (index, method), the rest of the catalogue (check).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from warehouse.catalogue.base import Model, suggest
from warehouse.catalogue.index import AreaFilter, Index, Node
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt, Chain, PriceIndex
from warehouse.catalogue.method.normalise import Ampi, BaseRatio, DistanceToReference
from warehouse.catalogue.method.prepare import CrossSection
from warehouse.catalogue.method.scope import ReferenceScope
from warehouse.catalogue.method.weight import AhpWeights


def problems(index_id: str, index: Index, indicators: Mapping[str, Indicator], areas: Mapping[str, Area]) -> list[str]:
    """Everything wrong with one index that a single field cannot show, as `key: what; remedy`, without the
    file."""
    found = [
        *_tree_problems(index_id, index, indicators),
        *_period_problems(index),
        *_step_problems(index_id, index, areas),
        *_variation_problems(index_id, index, areas),
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
        for key in ("indicator", "direction", "denominate", "quantity", "impute", "treat", "normalise"):
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
    named = {"denominate.by": node.denominate.by if node.denominate else None, "quantity": node.quantity}
    for key, other in named.items():
        if other is not None and other not in indicators:
            yield f"nodes.{node_id}.{key}: '{other}' is unknown; {suggest(other, indicators)}"
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
    named["rebase.period"] = index.rebase.period if index.rebase else None
    for key, step in all_steps(index):
        base = getattr(step, "base_period", None) if isinstance(step, (Chain, PriceIndex)) else None
        if isinstance(step, BaseRatio):
            base = step.period
            if base is None and index.base_period is None:
                yield f"{key}: base_ratio needs 'period' here or 'base_period' of the index"
        if isinstance(step, Ampi) and step.reference.value is None:
            base = step.reference.period
            if base is None and index.base_period is None:
                yield f"{key}.reference: ampi needs 'value' or 'period' here, or 'base_period' of the index"
        named[f"{key}.period"] = base
        scope = getattr(step, "scope", None)
        if isinstance(scope, ReferenceScope):
            named |= {f"{key}.scope.periods.{i}": each for i, each in enumerate(scope.periods)}
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


def all_steps(index: Index) -> Iterator[tuple[str, Model]]:
    """Every step of an index with its key: those of the method, of its nodes, and the alternatives that are drawn."""
    for key in ("impute", "treat", "normalise", "weighting", "aggregate"):
        places = [("method", index.method), *((f"nodes.{node_id}", node) for node_id, node in index.nodes.items())]
        for where, holder in places:
            step = getattr(holder, key)
            several = step if isinstance(step, tuple) else (step,)
            yield from ((f"{where}.{key}", each) for each in several if each is not None)
        for number, drawn in enumerate(getattr(index.uncertainty, key, ()) if key != "weighting" else ()):
            several = drawn if isinstance(drawn, tuple) else (drawn,)
            yield from ((f"uncertainty.{key}.{number}", each) for each in several)


def _step_problems(index_id: str, index: Index, areas: Mapping[str, Area]) -> Iterator[str]:
    mine = set(index.area_ids(areas))
    for key in ("keep", "drop"):
        for area in getattr(index.method.screen, key):
            if area not in mine:
                yield f"method.screen.{key}: '{area}' is no area of the index; {suggest(area, mine)}"
    yield from _group_problems(index, mine)
    for stage in ("screen", "impute", "treat"):
        declared = stage in index.method.model_fields_set
        if declared and stage not in index.method.order:
            yield f"method.{stage}: 'order' leaves this stage out, so it never runs; add it to 'order' or remove it"
    for key, step in all_steps(index):
        scope = getattr(step, "scope", None)
        named = list(scope.areas) if isinstance(scope, ReferenceScope) else []
        named += [step.area] if isinstance(step, DistanceToReference) else []
        named += [step.reference.area] if isinstance(step, Ampi) and step.reference.area else []
        for area in named:
            if area not in mine:
                yield f"{key}: '{area}' is no area of the index; {suggest(area, mine)}"
        if isinstance(step, CrossSection) and step.within == "group" and not index.groups:
            yield f"{key}.within: the index has no 'groups'; declare them, or write 'groups: parent'"
    for node_id, children in _families(index_id, index).items():
        yield from _family_problems(index, node_id, children)


def _group_problems(index: Index, mine: set[str]) -> Iterator[str]:
    if index.groups == "parent":
        return
    times = Counter(area for group in index.groups.values() for area in group)
    for group, members in index.groups.items():
        for area in members:
            if area not in mine:
                yield f"groups.{group}: '{area}' is no area of the index; {suggest(area, mine)}"
            elif times[area] > 1:
                yield f"groups.{group}: '{area}' stands {times[area]} times among the groups; leave it in one"


def _families(index_id: str, index: Index) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node_id, node in index.nodes.items():
        found.setdefault(node.parent or index_id, []).append(node_id)
    return found


def _family_problems(index: Index, parent: str, children: Sequence[str]) -> Iterator[str]:
    """What does not fit between the steps of a node and its children."""
    own = index.nodes.get(parent)
    key = f"nodes.{parent}" if own is not None else "method"
    weighting = (own.weighting if own else None) or index.method.weighting
    if isinstance(weighting, AhpWeights):
        yield from _pair_problems(f"{key}.weighting.pairs", weighting, children)
    aggregate = (own.aggregate if own else None) or index.method.aggregate
    if isinstance(aggregate, BenefitOfTheDoubt):
        yield from _bound_problems(f"{key}.aggregate.bounds", aggregate, children)
    for child in children:
        node = index.nodes[child]
        is_leaf = all((other.parent or "") != child for other in index.nodes.values())
        if isinstance(aggregate, PriceIndex) and (not is_leaf or node.quantity is None):
            yield f"nodes.{child}.quantity: {aggregate.method} of '{parent}' needs the indicator of its quantities"
        if not isinstance(aggregate, PriceIndex) and node.quantity is not None:
            yield f"nodes.{child}.quantity: '{parent}' is no price index (laspeyres, fisher, ...); leave it out"


def _pair_problems(key: str, step: AhpWeights, children: Sequence[str]) -> Iterator[str]:
    named = {*step.pairs, *(other for row in step.pairs.values() for other in row)}
    for name in sorted(named - set(children)):
        yield f"{key}: '{name}' is no child of this node; {suggest(name, children)}"
    for place, one in enumerate(children):
        for other in children[place + 1 :]:
            if other not in step.pairs.get(one, {}) and one not in step.pairs.get(other, {}):
                yield f"{key}: '{one}' is not compared with '{other}'; each pair of siblings is needed once"


def _bound_problems(key: str, step: BenefitOfTheDoubt, children: Sequence[str]) -> Iterator[str]:
    for name in sorted(set(step.bounds) - set(children)):
        yield f"{key}: '{name}' is no child of this node; {suggest(name, children)}"
    bounds = [step.bounds.get(child, (step.low, step.high)) for child in children]
    if sum(low for low, _ in bounds) > 1 + 1e-12:
        yield f"{key}: the lower bounds of the {len(bounds)} children sum to more than 1; lower them"
    if sum(high for _, high in bounds) < 1 - 1e-12:
        yield f"{key}: the upper bounds of the {len(bounds)} children sum to less than 1; raise them"


def _variation_problems(index_id: str, index: Index, areas: Mapping[str, Area]) -> Iterator[str]:
    """Choices that would be drawn and change nothing."""
    drawn = index.uncertainty
    if drawn is None:
        return
    parents = {node.parent or index_id for node in index.nodes.values()}
    for key in ("impute", "treat", "normalise", "aggregate"):
        if not getattr(drawn, key):
            continue
        if key != "aggregate" and key not in index.method.order:
            yield f"uncertainty.{key}: 'method.order' leaves this stage out, so nothing would vary; add it there"
        holders = [node for node_id, node in index.nodes.items() if (node_id in parents) == (key == "aggregate")]
        uses_default = any(getattr(node, key) is None for node in holders) or key == "aggregate"
        if not uses_default:
            yield f"uncertainty.{key}: every node has a '{key}' of its own, so nothing would vary; remove it from some"
    area = drawn.sensitivity.area if drawn.sensitivity else None
    if area is not None and area not in index.area_ids(areas):
        yield f"uncertainty.sensitivity.area: '{area}' is no area of the index; {suggest(area, index.area_ids(areas))}"
