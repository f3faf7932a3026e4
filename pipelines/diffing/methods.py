"""What differs between the methods of two editions: parts, keys with old and new in words, and methods in between.

A part is what is changed together when the method change is split: a whole tree, all weights, one stage. Not here:
what a change did to the scores (parts), the words of a step (index.describe).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.diffing.corners import earlier, is_same_method
from pipelines.diffing.inputs import reach, used
from pipelines.diffing.sides import Subject
from pipelines.index.describe import words_of
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Index
from warehouse.catalogue.measure import measure

Words = tuple[str, str]

PARTS: dict[str, Words] = {
    "areas": ("the areas", "地区范围"),
    "periods": ("the first period", "起始时期"),
    "definitions": ("the definition of its indicators", "指标定义"),
    "tree": ("the tree of nodes", "指标体系结构"),
    "order": ("the order of stages", "处理步骤顺序"),
    "screen": ("the screening of areas", "地区筛选"),
    "denominate": ("the denominators", "除数"),
    "impute": ("the filling of gaps", "缺失值填补"),
    "treat": ("the treatment of outliers", "异常值处理"),
    "normalise": ("the normalisation", "标准化"),
    "weights": ("the weights", "权重"),
    "aggregate": ("the aggregation", "合成方法"),
    "coverage": ("the least coverage", "最低覆盖率"),
    "base_period": ("the base period", "基期"),
    "rebase": ("the rebasing", "换基"),
    "splice": ("the splice", "衔接"),
}
"""Parts in the order in which they are changed one after the other."""

_OF_METHOD = {"order": "order", "screen": "screen", "impute": "impute", "treat": "treat", "normalise": "normalise",
              "weighting": "weights", "aggregate": "aggregate", "coverage": "coverage"}  # fmt: skip
_OF_NODE = {"parent": "tree", "indicator": "tree", "quantity": "tree", "direction": "definitions", "weight": "weights",
            "weighting": "weights", "denominate": "denominate", "impute": "impute", "treat": "treat",
            "normalise": "normalise", "aggregate": "aggregate", "coverage": "coverage"}  # fmt: skip
_OF_INDEX = {"areas": "areas", "freq": "periods", "base_period": "base_period", "groups": "areas", "rebase": "rebase",
             "splice": "splice"}  # fmt: skip
_KEYS: dict[str, Words] = {
    "parent": ("parent", "上级"), "indicator": ("indicator", "指标"), "quantity": ("quantity", "数量"),
    "direction": ("direction", "方向"), "weight": ("weight", "权重"), "weighting": ("weighting", "赋权方法"),
    "denominate": ("denominator", "除数"), "impute": ("filling of gaps", "缺失值填补"),
    "treat": ("treatment of outliers", "异常值处理"), "normalise": ("normalisation", "标准化"),
    "aggregate": ("aggregation", "合成方法"), "coverage": ("least coverage", "最低覆盖率"),
    "order": ("order of stages", "处理步骤顺序"), "screen": ("screening of areas", "地区筛选"),
    "areas": ("areas", "地区"), "freq": ("frequency", "频率"), "base_period": ("base period", "基期"),
    "groups": ("groups of areas", "地区分组"), "rebase": ("rebasing", "换基"), "splice": ("splice", "衔接"),
    "first": ("first period", "起始时期"), "formula": ("formula", "公式"), "unit": ("unit", "单位"),
    "kind": ("area", "地区"),
}  # fmt: skip
_NONE: Words = ("none", "无")


@dataclass(frozen=True)
class Change:
    """One key that differs: its part, its place in the index file, old and new in words."""

    group: str
    key: str
    name_en: str
    name_zh: str
    old_en: str
    old_zh: str
    new_en: str
    new_zh: str

    @property
    def words(self) -> Words:
        return f"{self.name_en}: {self.old_en} → {self.new_en}", f"{self.name_zh}：{self.old_zh}→{self.new_zh}"


def changes(old: Subject, new: Subject) -> tuple[Change, ...]:
    """Every key of the method that differs, by part; the indicators behind the index and its areas are part of it."""
    found = [
        *_own(old, new), *_nodes(old.index, new.index), *_definitions(old, new), *_areas(old, new),
        *_continued(old, new),
    ]  # fmt: skip
    places = {group: place for place, group in enumerate(PARTS)}
    return tuple(sorted(found, key=lambda change: (places[change.group], change.key)))


def hybrid(old: Index, new: Index, groups: Sequence[str]) -> Index:
    """The old index with some parts of the new one. Raises ValidationError where they do not fit together."""
    one, two = (index.model_dump(mode="json", by_alias=True) for index in (old, new))
    chosen = set(groups)

    def pick(group: str, before: Any, after: Any) -> Any:
        return after if group in chosen else before

    made = {key: value for key, value in one.items() if key not in ("editions", "variants", "benchmarks")}
    for key, group in _OF_INDEX.items():
        made[key] = pick(group, one[key], two[key])
    made["periods"] = {"from": pick("periods", one["periods"], two["periods"])["from"]}
    made["method"] = {key: pick(group, one["method"][key], two["method"][key]) for key, group in _OF_METHOD.items()}
    made["nodes"] = {}
    for node_id in dict.fromkeys((*one["nodes"], *two["nodes"])):
        before, after = one["nodes"].get(node_id), two["nodes"].get(node_id)
        if before is None or after is None:
            whole = pick("tree", before, after)
            if whole is not None:
                made["nodes"][node_id] = whole
            continue
        kept = {key: value for key, value in before.items() if key not in _OF_NODE}
        made["nodes"][node_id] = kept | {key: pick(group, before[key], after[key]) for key, group in _OF_NODE.items()}
    return Index.model_validate(made)


def _own(old: Subject, new: Subject) -> Iterator[Change]:
    """Keys of the index and of its method."""
    for key, group in _OF_INDEX.items():
        yield from _change(group, key, key, old.index, new.index, getattr(old.index, key), getattr(new.index, key))
    first = (old.index.periods.first, new.index.periods.first)
    yield from _change("periods", "periods.from", "first", old.index, new.index, *first)
    for key, group in _OF_METHOD.items():
        pair = (getattr(old.index.method, key), getattr(new.index.method, key))
        yield from _change(group, f"method.{key}", key, old.index, new.index, *pair)


def _nodes(old: Index, new: Index) -> Iterator[Change]:
    for node_id in dict.fromkeys((*old.nodes, *new.nodes)):
        before, after = old.nodes.get(node_id), new.nodes.get(node_id)
        key = f"nodes.{node_id}"
        if before is None or after is None:
            node, index = (before, old) if before is not None else (after, new)
            assert node is not None
            parent = node.parent or ""
            place = (f"under {parent}" if parent else "under the index", f"在{parent}之下" if parent else "直属指数")
            share = f"{node.weight:g}"
            told = (f"{place[0]}, weight {share}", f"{place[1]}，权重{share}")
            ends = (told, _NONE) if before is not None else (_NONE, told)
            name = _node_name(index, node_id)
            verb = ("removed", "删除") if before is not None else ("added", "新增")
            yield Change("tree", key, f"{name[0]} {verb[0]}", f"{verb[1]}{name[1]}", *ends[0], *ends[1])
            continue
        for field, group in _OF_NODE.items():
            pair = (getattr(before, field), getattr(after, field))
            yield from _change(group, f"{key}.{field}", field, old, new, *pair, of=_node_name(new, node_id))


def _definitions(old: Subject, new: Subject) -> Iterator[Change]:
    """Formula, unit and direction of the indicators behind both."""
    mine, theirs = old.side.catalogue, new.side.catalogue
    if mine.digest == theirs.digest:
        return
    names: set[str] = set()
    for subject in (old, new):
        names |= set().union(*reach(used(subject.index), subject.side.catalogue.indicators))
    for name in sorted(names & mine.indicators.keys() & theirs.indicators.keys()):
        here, there = mine.indicators[name], theirs.indicators[name]
        of = (there.name_en, there.name_zh)
        for field in ("formula", "direction"):
            pair = (getattr(here, field), getattr(there, field))
            key = f"indicators.{name}.{field}"
            yield from _change("definitions", key, field, old.index, new.index, *pair, of=of)
        if measure(here.unit, mine.units) != measure(there.unit, theirs.units):
            key = f"indicators.{name}.unit"
            yield from _change("definitions", key, "unit", old.index, new.index, here.unit, there.unit, of=of)


def _areas(old: Subject, new: Subject) -> Iterator[Change]:
    """Areas that came or went because the catalogue of areas changed, not the index."""
    if old.index.areas != new.index.areas:
        return
    before, after = (set(each.index.area_ids(each.side.catalogue.areas)) for each in (old, new))
    for area in sorted(before ^ after):
        ends = (("in the index", "在指数内"), _NONE) if area in before else (_NONE, ("in the index", "在指数内"))
        catalogue = (old if area in before else new).side.catalogue
        names = catalogue.areas[area]
        yield Change("areas", f"areas.{area}", names.name_en, names.name_zh, *ends[0], *ends[1])
    if old.index.groups == "parent" == new.index.groups:
        for area in sorted(before & after):
            before_it, after_it = (each.side.catalogue.areas[area] for each in (old, new))
            pair, of = (before_it.parent, after_it.parent), (after_it.name_en, after_it.name_zh)
            yield from _change("areas", f"areas.{area}.parent", "parent", old.index, new.index, *pair, of=of)


def _continued(old: Subject, new: Subject) -> Iterator[Change]:
    """The index that both are spliced onto has another method."""
    if old.index.splice is None or old.index.splice != new.index.splice:
        return
    pair = earlier(old, new)
    if pair is not None and not is_same_method(*pair):
        onto = pair[0].name
        ends = [each.index.method_version() for each in pair]
        yield Change("splice", "splice.index", f"method of {onto}", f"{onto}的方法", ends[0], ends[0], ends[1], ends[1])


def _change(
    group: str, key: str, field: str, one: Index, two: Index, old: Any, new: Any, of: Words = ("", "")
) -> Iterator[Change]:
    """The change of one value, if it is one."""
    if old == new:
        return
    before, after = _words(old, one), _words(new, two)
    if before == after:
        before, after = ((text, text) for text in (_plain(old), _plain(new)))
    name = _KEYS[field]
    named = (f"{name[0]} of {of[0]}", f"{of[1]}的{name[1]}") if of[0] else name
    yield Change(group, key, *named, *before, *after)


def _words(value: Any, index: Index) -> Words:
    if value is None or value == ():
        return _NONE
    if hasattr(value, "model_dump"):
        try:
            en, zh = words_of(value, index.base_period)
            return en.removeprefix("Aggregated by ").removeprefix("Normalised by "), zh
        except IndexhouseError:
            return (_plain(value),) * 2
    if isinstance(value, tuple) and hasattr(value[0], "model_dump"):
        each = [_words(step, index) for step in value]
        return ", then ".join(en for en, _ in each), "，再".join(zh for _, zh in each)
    return (_plain(value),) * 2


def _plain(value: Any) -> str:
    """A value as one line of YAML would have it."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=_jsonable)


def _jsonable(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True) if hasattr(value, "model_dump") else str(value)


def _node_name(index: Index, node_id: str) -> Words:
    node = index.nodes[node_id]
    return node.name_en or node_id, node.name_zh or node_id
