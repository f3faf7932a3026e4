"""The causes of what moved, each with its effect on the index, largest first, and in words.

The size of a cause is its largest effect on the score of the index, of whatever area and period. Not here: splitting
the change (corners, parts), the sentences (words).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from pipelines.diffing import words
from pipelines.diffing.editions import Compared
from pipelines.diffing.methods import PARTS
from pipelines.diffing.parts import ENDS, SPLICE
from pipelines.diffing.sides import node_words
from pipelines.diffing.values import CHANGES

NOTHING = 1e-7  # points; below, the 12 digits of the scores are rounded
SHOWN_CHANGES = 3


@dataclass(frozen=True)
class Cause:
    """One thing that moved an index: kind data (id: observed indicator), method (parts), interaction, code or unsplit;
    its largest effect with the area and period of it, the mean of its absolute effect over all scores of the index.
    `nodes`: for data, what went through which leaf in that cell. `also`: its largest effect in other editions."""

    each: Compared
    kind: str
    cause_id: str
    name: words.Words
    effects: pl.DataFrame
    scores: int
    nodes: tuple[tuple[str, float], ...] = ()
    detail: words.Words = ("", "")
    also: tuple[tuple[str, float], ...] = field(default=())

    @property
    def largest(self) -> tuple[float, str, str]:
        """Effect, area and period of the largest effect; of equal ones the newest period."""
        row = self.effects.with_columns(size=pl.col("effect").abs()).sort(
            ["size", "time_period", "ref_area"], descending=[True, True, False]
        ).row(0, named=True)  # fmt: skip
        return float(row["effect"]), str(row["ref_area"]), str(row["time_period"])

    @property
    def mean_abs(self) -> float:
        return float(self.effects["effect"].abs().sum()) / max(self.scores, 1)

    @property
    def edition(self) -> str:
        one, two = self.each.old.edition.id, self.each.new.edition.id
        return one if one == two else f"{one} → {two}"

    def sentence(self, names_index: bool) -> words.Words:
        effect, area, period = self.largest
        index = self.each.new.index
        return words.cause(
            (index.name_en, index.name_zh) if names_index else None, self.edition, self.name, effect,
            area_words(self.each, area), period, self.mean_abs, self.scores, self.also, self.detail,
        )  # fmt: skip

    def row(self, names_index: bool) -> dict[str, Any]:
        """The cause in plain data."""
        en, zh = self.sentence(names_index)
        also = [{"edition": name, "effect": value} for name, value in self.also]
        place = {"index_id": self.each.new.index_id, "edition": self.edition}
        return place | self.as_part(False) | {"also": also, "en": en, "zh": zh}

    def as_part(self, is_full: bool) -> dict[str, Any]:
        """The same without the sentence; with every effect when it is full."""
        effect, area, period = self.largest
        found = {
            "kind": self.kind, "id": self.cause_id, "name_en": self.name[0], "name_zh": self.name[1],
            "effect": effect, "ref_area": area, "area_en": area_words(self.each, area)[0],
            "area_zh": area_words(self.each, area)[1], "time_period": period,
            "mean_abs": self.mean_abs, "scores_moved": self.effects.height,
            "nodes": [_node_row(self.each, node, value) for node, value in self.nodes],
        }  # fmt: skip
        return found | ({"effects": self.effects.to_dicts()} if is_full else {})


def ranked(causes: Iterable[Cause]) -> list[Cause]:
    """All causes, the largest first. What moved several editions of an index alike is one cause, told of the edition
    that it moved most."""
    together: dict[tuple[str, str, str], list[Cause]] = {}
    for cause in causes:
        together.setdefault((cause.each.new.index_id, cause.kind, cause.cause_id), []).append(cause)
    merged = []
    for each in together.values():
        first, *rest = sorted(each, key=lambda cause: -abs(cause.largest[0]))
        merged.append(replace(first, also=tuple((cause.edition, cause.largest[0]) for cause in rest)))
    return sorted(merged, key=lambda c: (-abs(c.largest[0]), c.each.new.index_id, c.kind, c.cause_id))


def causes_of(each: Compared) -> list[Cause]:
    """The causes of the change of one index edition, the largest first."""
    scores = each.root.filter(pl.col("score_total").is_not_null()).height
    found = [*_data(each, scores), *_method(each, scores), *_rest(each, scores)]
    return sorted(found, key=lambda cause: (-abs(cause.largest[0]), cause.kind, cause.cause_id))


def _data(each: Compared, scores: int) -> Iterator[Cause]:
    """By observed indicator: the sum of what it did through all leaves; what is no indicator stands alone."""
    by_indicator: dict[str, list[tuple[str, pl.DataFrame]]] = {}
    for entry, frame in each.data:
        if entry == ENDS:
            name = ("the end of the series", "序列终止时期")
            ends = [max(side.published()["time_period"].to_list(), default="") for side in (each.old, each.new)]
            detail = (f"it ends in {ends[1]} instead of {ends[0]}", f"由{ends[0]}改为{ends[1]}")
            yield from _made(each, "data", "end", name, frame, scores, detail=detail)
        elif entry == SPLICE:
            name = ("the data of the index that it is spliced onto", "所衔接指数的数据")
            yield from _made(each, "data", "splice", name, frame, scores)
        else:
            by_indicator.setdefault(entry.indicator_id, []).append((entry.node_id, frame))
    for indicator_id, parts in by_indicator.items():
        whole = pl.concat([frame for _, frame in parts]).group_by("ref_area", "time_period").agg(pl.col("effect").sum())
        for cause in _made(each, "data", indicator_id, _indicator_words(each, indicator_id), whole, scores):
            _, area, period = cause.largest
            nodes = tuple((node, value) for node, frame in parts if (value := _at(frame, area, period)))
            yield replace(cause, nodes=nodes, detail=_data_detail(each, indicator_id, nodes, area, period))


def _method(each: Compared, scores: int) -> Iterator[Cause]:
    for groups, frame in each.method:
        listed = [change.words for change in each.changes if change.group in groups]
        more = len(listed) - SHOWN_CHANGES
        en = "; ".join(text for text, _ in listed[:SHOWN_CHANGES]) + (f"; and {more} more" if more > 0 else "")
        zh = "；".join(text for _, text in listed[:SHOWN_CHANGES]) + (f"；另有{more}项" if more > 0 else "")
        name = ", ".join(PARTS[group][0] for group in groups), "、".join(PARTS[group][1] for group in groups)
        yield from _made(each, "method", "+".join(groups), name, frame, scores, detail=(en, zh))


def _rest(each: Compared, scores: int) -> Iterator[Cause]:
    """What no single cause did: data and method together, the code, what could not be split."""
    versions = {side.side.facts.code_version for side in (each.old, each.new)}
    names: dict[str, tuple[words.Words, words.Words]] = {
        "interaction": (
            ("what the new data and the new method do only together", "新数据与新方法的交互作用"), ("", ""),
        ),
        "code": (
            ("a change of the code", "代码变更"),
            (f"published by {', '.join(sorted(versions))}", f"发布所用代码{'、'.join(sorted(versions))}"),
        ),
        "unsplit": (("what cannot be split into data and method", "无法分解为数据与方法的变化"), ("", "")),
    }  # fmt: skip
    for kind, (name, detail) in names.items():
        effects = each.root.select("ref_area", "time_period", pl.col(f"score_{kind}").alias("effect"))
        yield from _made(each, kind, kind, name, effects.drop_nulls(), scores, detail=detail)


def _made(
    each: Compared, kind: str, cause_id: str, name: words.Words, effects: pl.DataFrame, scores: int,
    detail: words.Words = ("", ""),
) -> Iterator[Cause]:  # fmt: skip
    """The cause, if it did anything beyond rounding."""
    told = effects.filter(pl.col("effect").abs() > NOTHING).sort("ref_area", "time_period")
    if not told.is_empty():
        yield Cause(each, kind, cause_id, name, told, scores, detail=detail)


def _node_row(each: Compared, node_id: str, effect: float) -> dict[str, Any]:
    en, zh = node_words(each.old, node_id) or ("a shared denominator or quantity", "共用的除数或数量")
    return {"node_id": node_id, "name_en": en, "name_zh": zh, "effect": effect}


def _at(frame: pl.DataFrame, area: str, period: str) -> float:
    here = frame.filter((pl.col("ref_area") == area) & (pl.col("time_period") == period))["effect"]
    return float(here.sum())


def _data_detail(
    each: Compared, indicator_id: str, nodes: tuple[tuple[str, float], ...], area: str, period: str
) -> words.Words:
    """How many values of the indicator changed, the one that stands behind the effect, and through which nodes."""
    mine = each.values.filter(pl.col("indicator_id") == indicator_id)
    counts = dict(mine.group_by("change").agg(pl.len()).iter_rows())
    en, zh = words.counted({change: int(counts.get(change, 0)) for change in CHANGES})
    if not mine.is_empty():
        same = mine.with_columns(
            far=pl.when((pl.col("ref_area") == area) & (pl.col("time_period") == period)).then(0)
            .when(pl.col("ref_area") == area).then(1).otherwise(2),
            size=pl.col("change_pct").abs().fill_null(0.0), is_moved=pl.col("change") == "moved",
        ).sort(["is_moved", "far", "size", "ref_area", "time_period"],
               descending=[False, False, True, False, True])  # fmt: skip
        row = same.row(0, named=True)
        told = words.example(row, area_words(each, row["ref_area"]))
        en, zh = f"{en} ({told[0]})", f"{zh}（{told[1]}）"
    through = sorted(((node, value) for node, value in nodes if node != indicator_id), key=lambda pair: -abs(pair[1]))
    if through:
        named = [((node_words(each.old, node) or (node, node)), value) for node, value in through[:SHOWN_CHANGES]]
        more = len(through) - SHOWN_CHANGES
        en += ", through " + ", ".join(f"{name[0]} {words.points(value)}" for name, value in named)
        zh += "，经由" + "、".join(f"{name[1]}{words.points(value)}" for name, value in named)
        en, zh = (f"{en} and {more} more", f"{zh}等{len(through)}项") if more > 0 else (en, zh)
    return en, zh


def area_words(each: Compared, area: str) -> words.Words:
    for side in (each.new.side, each.old.side):
        if area in side.catalogue.areas:
            found = side.catalogue.areas[area]
            return found.name_en or area, found.name_zh or area
    return area, area


def _indicator_words(each: Compared, indicator_id: str) -> words.Words:
    found = each.old.side.catalogue.indicators[indicator_id]
    return found.name_en, found.name_zh
