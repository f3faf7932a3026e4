"""One index of a release as its chapter of the report needs it: editions, tree, areas with scores and intervals.

Not here: figures and tables made from it (over_time, areas, movement, growing, method).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pipelines.reporting.reading import Release, Row
from pipelines.reporting.text import Words, same, words

FEW_AREAS = 6


@dataclass(frozen=True)
class Edition:
    """One edition or variant of an index."""

    edition_id: str
    name: Words
    as_of: date | None
    first: str
    last: str
    base: str | None
    variant_of: str | None
    version: str
    method: Words


@dataclass(frozen=True)
class Node:
    """One node of the tree of the main edition."""

    node_id: str
    parent_id: str | None
    level: int
    kind: str
    name: Words
    indicator_id: str | None
    direction: int | None
    weight_in_parent: float | None
    weight_effective: float | None
    normalisation: str | None
    aggregation: str | None


@dataclass(frozen=True)
class Interval:
    """Middle 90 % of the Monte Carlo runs."""

    low: float
    high: float
    n_runs: int

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class AreaScore:
    """One area in the newest period. `interval`: measure (score, rank, change) -> interval, where there is one."""

    ref_area: str
    name: Words
    score: float | None
    rank: int | None
    change: float | None
    previous_rank: int | None
    coverage: float | None
    interval: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """An index: its main edition in the newest period, and the scores of all editions and periods.

    `scores`: edition -> area -> period -> row of `index_score` of the index itself; `periods` in order of time.
    """

    release: Release
    index_id: str
    name: Words
    description: Words | None
    note: Words | None
    main: Edition
    editions: list[Edition]
    nodes: list[Node]
    period: str
    previous_period: str | None
    areas: list[AreaScore]
    areas_ranked: int
    periods: list[str]
    place: dict[str, float]
    scores: dict[str, dict[str, dict[str, Row]]]
    decimals: int
    base_value: float | None

    @property
    def root(self) -> Node:
        return self.nodes[0]

    @property
    def is_single(self) -> bool:
        return len(self.areas) == 1

    @property
    def is_few(self) -> bool:
        return 1 < len(self.areas) <= FEW_AREAS

    @property
    def focus(self) -> AreaScore:
        """The only area, or the leading one."""
        return self.areas[0]

    @property
    def pillars(self) -> list[Node]:
        """What stands right below the index."""
        return [node for node in self.nodes if node.parent_id == self.root.node_id]

    @property
    def leaves(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == "indicator"]

    @property
    def others(self) -> list[Edition]:
        """The editions beside the main one: those of other dates first, then variants."""
        return [each for each in self.editions if each != self.main]

    @property
    def unit(self) -> Words:
        """What a score is measured in, as far as the tables say."""
        if self.main.base and self.base_value is not None:
            return same(f"{self.main.base} = {self.base_value:g}")
        return Words("points", "分")

    @property
    def runs(self) -> int:
        """Monte Carlo runs behind the intervals; 0 without any."""
        return max((i.n_runs for area in self.areas for i in area.interval.values()), default=0)

    def score(self, edition_id: str, ref_area: str, time_period: str | None) -> float | None:
        row = self.scores.get(edition_id, {}).get(ref_area, {}).get(time_period or "")
        return row["score"] if row else None

    def pillar_of(self, node: Node) -> Node:
        """The node right below the index that a node belongs to."""
        by_id = {each.node_id: each for each in self.nodes}
        while node.parent_id and node.parent_id != self.root.node_id:
            node = by_id[node.parent_id]
        return node


def chapters(release: Release) -> list[Chapter]:
    """All indices of a release that have a score, in the order of their ids."""
    ids = [row["index_id"] for row in release.rows("select distinct index_id from index_edition order by index_id")]
    return [found for index_id in ids if (found := _chapter(release, index_id))]


def _chapter(release: Release, index_id: str) -> Chapter | None:
    editions = _editions(release, index_id)
    if not editions:
        return None
    main = editions[0]
    nodes = _nodes(release, index_id, main)
    scores, place = _scores(release, index_id)
    moved = release.rows(
        "select ref_area, previous_period, change_abs from growth where series_kind = 'index' and series_id = ? "
        "and edition_id = ? and node_id = ? and time_period = ?",
        [index_id, main.edition_id, nodes[0].node_id, main.last],
    )
    previous = next((row["previous_period"] for row in moved if row["previous_period"]), None)
    areas = _areas(release, index_id, main, nodes[0], scores[main.edition_id], previous,
                   {row["ref_area"]: row["change_abs"] for row in moved})  # fmt: skip
    mine = [row["score"] for by in scores[main.edition_id].values() for row in by.values() if row["score"] is not None]
    entry = release.entry("indices", index_id)
    return Chapter(
        release, index_id, nodes[0].name, words(entry.get("description_en"), entry.get("description_zh")),
        words(entry.get("note_en"), entry.get("note_zh")), main, editions, nodes, main.last, previous, areas,
        max((row["areas_ranked"] or 0 for by in scores[main.edition_id].values() if (row := by.get(main.last))),
            default=0),
        sorted(place, key=lambda text: (place[text], text)), place, scores, _decimals(mine),
        _base_value(main, scores[main.edition_id]),
    )  # fmt: skip


def _editions(release: Release, index_id: str) -> list[Edition]:
    """Editions with scores: the main one (the newest knowledge that is no variant) first, variants last."""
    rows = release.rows(
        "select edition_id, name_en, name_zh, variant_of, as_of, first_period, last_period, base_period, "
        "method_version, method_en, method_zh from index_edition where index_id = ? and last_period is not null",
        [index_id],
    )
    found = [
        Edition(
            row["edition_id"], words(row["name_en"], row["name_zh"]) or same(row["edition_id"]), row["as_of"],
            row["first_period"], row["last_period"], row["base_period"], row["variant_of"], row["method_version"],
            words(row["method_en"], row["method_zh"]) or same(""),
        )
        for row in rows
    ]  # fmt: skip
    newest_first = sorted(found, key=lambda e: (e.as_of or date.max, e.last, e.edition_id), reverse=True)
    return sorted(newest_first, key=lambda e: e.variant_of is not None)


def _nodes(release: Release, index_id: str, main: Edition) -> list[Node]:
    """The tree in its declared order, depth first, the index itself first."""
    rows = release.rows(
        "select node_id, parent_id, node_level, node_kind, name_en, name_zh, indicator_id, direction, "
        "weight_in_parent, weight_effective, normalisation, aggregation from index_node "
        "where index_id = ? and edition_id = ? order by ordinal",
        [index_id, main.edition_id],
    )
    below: dict[str | None, list[Row]] = {}
    for row in rows:
        below.setdefault(row["parent_id"], []).append(row)
    ordered: list[Node] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        row = waiting.pop()
        name = words(row["name_en"], row["name_zh"]) or same(row["node_id"])
        ordered.append(Node(
            row["node_id"], row["parent_id"], row["node_level"], row["node_kind"], name, row["indicator_id"],
            row["direction"], row["weight_in_parent"], row["weight_effective"], row["normalisation"],
            row["aggregation"],
        ))  # fmt: skip
        waiting.extend(reversed(below.get(row["node_id"], [])))
    return ordered


def _scores(release: Release, index_id: str) -> tuple[dict[str, dict[str, dict[str, Row]]], dict[str, float]]:
    """Scores of the index itself, and for each period its place on the time axis in years."""
    rows = release.rows(
        "select edition_id, ref_area, time_period, period_start, score, score_rank, areas_ranked, coverage "
        "from index_score where index_id = ? and node_kind = 'index' "
        "order by edition_id, ref_area, period_start",
        [index_id],
    )
    scores: dict[str, dict[str, dict[str, Row]]] = {}
    place: dict[str, float] = {}
    for row in rows:
        scores.setdefault(row["edition_id"], {}).setdefault(row["ref_area"], {})[row["time_period"]] = row
        start: date = row["period_start"]
        place[row["time_period"]] = round(start.year + (start.month - 1) / 12 + (start.day - 1) / 366, 4)
    return scores, place


def _areas(
    release: Release,
    index_id: str,
    main: Edition,
    root: Node,
    scores: dict[str, dict[str, Row]],
    previous: str | None,
    changes: dict[str, Any],
) -> list[AreaScore]:
    """The areas of the newest period, best first, those without a score last."""
    intervals: dict[str, dict[str, Interval]] = {}
    for each in release.rows(
        "select ref_area, measure, p05, p95, n_runs from rank_interval where index_id = ? and edition_id = ? "
        "and node_id = ? and time_period = ? and p05 is not null and p95 is not null",
        [index_id, main.edition_id, root.node_id, main.last],
    ):
        mine = intervals.setdefault(each["ref_area"], {})
        mine[each["measure"]] = Interval(each["p05"], each["p95"], each["n_runs"])
    found = []
    for ref_area, by_period in scores.items():
        row: Row | None = by_period.get(main.last)
        before = by_period.get(previous or "")
        found.append(AreaScore(
            ref_area, release.area(ref_area), row["score"] if row else None, row["score_rank"] if row else None,
            changes.get(ref_area), before["score_rank"] if before else None, row["coverage"] if row else None,
            intervals.get(ref_area, {}),
        ))  # fmt: skip
    return sorted(found, key=lambda a: (a.rank is None, a.rank or 0, -(a.score or 0.0), a.ref_area))


def _decimals(scores: list[float]) -> int:
    """Digits after the point that suit the size of the scores: 1 for 0-100, 2 for 0-10, 3 for 0-1."""
    largest = max((abs(score) for score in scores), default=0.0)
    return 1 if largest >= 20 else 2 if largest >= 2 else 3


def _base_value(main: Edition, scores: dict[str, dict[str, Row]]) -> float | None:
    """The score that every area has in the base period; None where they differ or there is none."""
    found = [by[main.base]["score"] for by in scores.values() if main.base in by]
    known = [score for score in found if score is not None]
    if not known or max(known) - min(known) > 1e-6 * max(1.0, abs(known[0])):
        return None
    return round(known[0], 6)


def said(edition: Edition) -> Words:
    """An edition in a few words: its name, and what it knew."""
    if edition.as_of is None or edition.variant_of:
        return edition.name
    return edition.name + Words(f" (data to {edition.as_of})", f"（数据截至{edition.as_of}）")
