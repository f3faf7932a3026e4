"""The explanation of a score as plain data: the tree from the index to the cells of the files.

Every number that goes into another one is unrounded; scores, ranks, contributions and intervals are those of the
release. What the release holds is held against what was computed again: see `checked`.
Not here: computing an edition again (replay), drawing the answer (terminal, page).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property

import numpy as np

from pipelines.explaining.notes import translated
from pipelines.explaining.opened import Opened, Row, chosen
from pipelines.explaining.origin import Document, Origins
from pipelines.explaining.replay import Replay, replay
from pipelines.explaining.rest import rest_of
from pipelines.explaining.stage import Cell, notes_of, number, stages_of, step_document
from pipelines.index.score import TOLERANCE, nominal_shares
from warehouse.errors import UnknownNameError, suggest
from warehouse.rounding import round_significant

STORED = ("raw", "denominated", "imputed", "treated", "normalised")
STAGES = ("raw", "denominate", "impute", "treat", "normalise")
Key = tuple[str, str, str]


class Explained:
    """One edition of an index, ready to explain any of its cells."""

    def __init__(self, opened: Opened, index_id: str, edition_id: str, area: str | None = None) -> None:
        """`area`: the only one that is asked for; None: all."""
        self.opened = opened
        self.edition = opened.rows(
            "select * exclude (release_id) from index_edition where index_id = $1 and edition_id = $2",
            [index_id, edition_id],
        )[0]
        self.replay: Replay = replay(opened, index_id, self.edition)
        self._area = area
        self.origins = Origins(opened, self.replay, area)
        self._shares = nominal_shares(self.replay.tree, self.replay.scores, self.replay.model.methods)

    @property
    def areas(self) -> tuple[str, ...]:
        return self.replay.panel.areas

    @property
    def periods(self) -> tuple[str, ...]:
        return self.replay.panel.periods

    def _rows(self, table: str, also: str = "") -> list[Row]:
        """Rows of a table that belong to this edition (and area)."""
        mine = "" if self._area is None else " and ref_area = $3"
        keys = [self.replay.index_id, self.replay.edition_id, *([self._area] if self._area else [])]
        return self.opened.rows(f"select * from {table} where index_id = $1 and edition_id = $2{mine}{also}", keys)

    def _keyed(self, table: str, also: str = "") -> dict[Key, Row]:
        return {(row["node_id"], row["ref_area"], row["time_period"]): row for row in self._rows(table, also)}

    @cached_property
    def _nodes(self) -> dict[str, Row]:
        keys = [self.replay.index_id, self.replay.edition_id]
        rows = self.opened.rows("select * from index_node where index_id = $1 and edition_id = $2", keys)
        return {row["node_id"]: row for row in sorted(rows, key=lambda row: row["ordinal"])}

    @cached_property
    def _scores(self) -> dict[Key, Row]:
        return self._keyed("index_score")

    @cached_property
    def _inputs(self) -> dict[Key, Row]:
        return self._keyed("index_input")

    @cached_property
    def _contributions(self) -> dict[Key, Row]:
        return self._keyed("index_contribution")

    @cached_property
    def _intervals(self) -> dict[Key, dict[str, Row]]:
        found: dict[Key, dict[str, Row]] = {}
        for row in self._rows("rank_interval"):
            key = (row["node_id"], row["ref_area"], row["time_period"])
            found.setdefault(key, {})[row["measure"]] = row
        return found

    def explain(self, ref_area: str, time_period: str, node_id: str | None = None) -> Document:
        """The whole answer for one area and period: head, tree from a node down, what was held against the release.

        Without `node_id` the tree begins with the index.
        """
        area, period = self.areas.index(ref_area), self.periods.index(time_period)
        top = node_id or self.replay.tree.root
        names, index = self.opened.areas[ref_area], self.replay.index
        return {
            "release_id": self.opened.release_id,
            "index_id": self.replay.index_id,
            "index_en": index.name_en,
            "index_zh": index.name_zh,
            "edition_id": self.replay.edition_id,
            "edition_en": self.edition["name_en"],
            "edition_zh": self.edition["name_zh"],
            "variant_of": self.edition["variant_of"],
            "as_of": _iso(self.edition["as_of"]),
            "ref_area": ref_area,
            "area_en": names["name_en"],
            "area_zh": names["name_zh"],
            "time_period": time_period,
            "previous_period": self.periods[period - 1] if period else None,
            "node_id": top,
            "path": self._path(top),
            "method_en": self.edition["method_en"],
            "method_zh": self.edition["method_zh"],
            "method_version": self.edition["method_version"],
            "tree": self.node(top, area, period),
            "checked": {"scores": len(list(self._below(top))), "differences": self._differences(top, area, period)},
        }

    def node(self, node_id: str, area: int, period: int) -> Document:
        """One node with everything below it, in the order of the catalogue."""
        row = self._nodes[node_id]
        document = self._head(node_id, row, area, period)
        if node_id in self.replay.tree.children:
            children = sorted(self.replay.tree.children[node_id], key=lambda child: self._nodes[child]["ordinal"])
            return (
                document
                | self._method(node_id, area, period)
                | {"children": [self.node(child, area, period) for child in children]}
            )
        return document | self._leaf(node_id, row, area, period)

    def _head(self, node_id: str, row: Row, area: int, period: int) -> Document:
        """What every node has: the score as published and as computed, its rank, weights, what it did to the change."""
        replay = self.replay
        key = (node_id, self.areas[area], self.periods[period])
        score = self._scores[key]
        before = self._scores.get((node_id, key[1], self.periods[period - 1]) if period else ("", "", ""))
        previous = before["score"] if before else None
        contribution = self._contributions.get(key) or {}
        share, effective = self._shares[node_id]
        parent = replay.tree.parent.get(node_id)
        spread = 1.0
        if parent is not None:
            spread = replay.scores.spread[parent][period, area, replay.tree.children[parent].index(node_id)]
            weights = replay.scores.weights[parent]
            given = np.broadcast_to(weights, (len(self.periods), len(self.areas), weights.shape[-1]))[period, area]
        return {
            "node_id": node_id,
            "node_kind": row["node_kind"],
            "name_en": row["name_en"],
            "name_zh": row["name_zh"],
            "score": score["score"],
            "computed": number(replay.scores.score[node_id][period, area]),
            "rank": score["score_rank"],
            "areas_ranked": score["areas_ranked"],
            "coverage": score["coverage"],
            "coverage_threshold": row["coverage_threshold"],
            "previous_score": previous,
            "change": _less(score["score"], previous),
            "contribution": contribution.get("contribution"),
            "contribution_share": contribution.get("contribution_share"),
            "weight": row["weight"],
            "weight_given": number(given[replay.tree.children[parent].index(node_id)]) if parent else 1.0,
            "weight_in_parent": number(share),
            "weight_effective": number(effective),
            "weight_used_in_parent": number(spread),
            "weight_used": number(replay.weight_used[node_id][period, area]),
            "intervals": {
                measure: {name: each[name] for name in ("p05", "p50", "p95", "signal_to_noise", "n_runs")}
                for measure, each in sorted(self._intervals.get(key, {}).items())
            },
        }

    def _method(self, node_id: str, area: int, period: int) -> Document:
        """How the children of a node are weighed and put together, and why it has no score where it has none."""
        methods, replay = self.replay.model.methods, self.replay
        return {
            "weighting": step_document(methods.weighting[node_id]),
            "weighting_parameters": self._weighting_parameters(node_id, period),
            "aggregation": step_document(methods.aggregation[node_id], replay.base_period),
            "rests_on": rest_of(replay, node_id, area, period),
            "spliced": self._spliced(area, period) if node_id == replay.tree.root else None,
            "rebased": self._rebased(node_id, area, period),
            "notes": [{"en": text, "zh": translated(text)} for text in self._reasons(node_id, area, period)],
        }

    def _weighting_parameters(self, node_id: str, period: int) -> Document:
        """What estimated weights rest on: by parameter one number, or one for each child."""
        children = self.replay.tree.children[node_id]
        found: Document = {}
        for name, values in self.replay.scores.parameters.get(node_id, {}).items():
            row = values[period if len(values) > 1 else 0]
            each = [number(value) for value in row]
            found[name] = dict(zip(children, each, strict=True)) if len(each) == len(children) > 1 else each[0]
        return found

    def _spliced(self, area: int, period: int) -> Document | None:
        """The score after splicing is the earlier index's where `is_old`, else `computed` times the factor: the sum of
        the old over the sum of the new scores of the overlap."""
        step, old, replay = self.replay.index.splice, self.replay.old, self.replay
        if step is None or old is None:
            return None
        new = replay.scores.score[replay.tree.root]
        overlap = [
            {"period": name, "old": number(old[i, area]), "new": number(new[i, area])}
            for i, name in enumerate(self.periods)
            if name in step.periods and not np.isnan(old[i, area] + new[i, area])
        ]
        return {
            "onto": step.index,
            "edition": step.edition,
            "overlap": overlap,
            "factor": number(replay.factor[area]),
            "old": number(old[period, area]),
            "is_old": bool(replay.is_old[period, area]),
        }

    def _rebased(self, node_id: str, area: int, period: int) -> Document | None:
        """The published score is `score` / `score_there` * `value`."""
        step, before = self.replay.index.rebase, self.replay.spliced[node_id]
        if step is None:
            return None
        at = self.periods.index(step.period) if step.period in self.periods else None
        there = None if at is None else number(before[at, area])
        score = number(before[period, area])
        return {"period": step.period, "value": step.value, "score": score, "score_there": there}

    def _reasons(self, node_id: str, area: int, period: int) -> Iterator[str]:
        """Why a node has no score here, and what is particular about it."""
        scores = self.replay.scores
        for text, mask in scores.notes.get(node_id, {}).items():
            if mask[period, area]:
                yield text
        if node_id in scores.refused and scores.refused[node_id][period, area]:
            yield "a child's score is not above 0; state a floor or choose another aggregation"
        threshold = self.replay.model.methods.threshold[node_id]
        if threshold > 0 and scores.coverage[node_id][period, area] < threshold - TOLERANCE:
            yield "coverage is below the threshold"
        levels = (scores.score, self.replay.spliced, self.replay.published)
        found = [level[node_id][period, area] for level in levels]
        if not np.isnan(found[0]) and np.isnan(found[1]):
            yield "no score of both on the overlap, so it cannot be spliced"
        if not np.isnan(found[1]) and np.isnan(found[2]) and self.replay.index.rebase is not None:
            yield f"no score above 0 in {self.replay.index.rebase.period}, so it cannot be rebased"

    def _leaf(self, node_id: str, row: Row, area: int, period: int) -> Document:
        """An indicator: what it is, its stages down to the cells, what happened to it."""
        cell = Cell(self.replay, node_id, area, period)
        indicator = self.opened.indicators[row["indicator_id"]]
        notes = notes_of(cell)
        parent = self.replay.tree.parent[node_id]
        place = self.replay.tree.children[parent].index(node_id)
        for text, mask in self.replay.scores.child_notes.get(parent, {}).items():
            if mask[period, area, place]:
                notes.append({"en": text, "zh": translated(text)})
        if (row["coverage_threshold"] or 0) > 0 and cell.replay.stages.is_imputed[cell.at]:
            notes.append({"en": "coverage is below the threshold", "zh": translated("coverage is below the threshold")})
        return {
            "indicator_id": row["indicator_id"],
            "definition_en": indicator["definition_en"],
            "definition_zh": indicator["definition_zh"],
            "direction": row["direction"],
            "stages": stages_of(cell, self.opened, self.origins),
            "notes": notes,
            "children": [],
        }

    # what the release holds against what was computed again

    def _below(self, node_id: str) -> Iterator[str]:
        yield node_id
        for child in self.replay.tree.children.get(node_id, ()):
            yield from self._below(child)

    def _differences(self, top: str, area: int, period: int) -> list[str]:
        """Numbers of the release that are not those shown here: `node: column: release ..., computed ...`."""
        replay, found = self.replay, []
        names: list[tuple[str, str]] = []
        stored: list[float | None] = []
        computed: list[float] = []
        for node_id in self._below(top):
            key = (node_id, self.areas[area], self.periods[period])
            names.append((node_id, "score"))
            stored.append(self._scores[key]["score"])
            computed.append(replay.published[node_id][period, area])
            if node_id in replay.tree.children:
                continue
            row, at = self._inputs[key], (period, area, replay.tree.leaves.index(node_id))
            names += [(node_id, column) for column in (*STORED, "weight_effective")]
            stored += [row[column] for column in (*STORED, "weight_effective")]
            computed += [replay.stages.data[stage][at] for stage in STAGES]
            computed.append(replay.weight_used[node_id][period, area])
            used = self.origins.of(replay.indicator_of(node_id), key[1], key[2])
            if row["raw"] is not None and used.get("vintage") != _iso(row["vintage"]):
                found.append(f"{node_id}: vintage: release {row['vintage']}, computed {used.get('vintage')}")
        rounded = round_significant(np.array(computed, dtype=np.float64))
        for (node_id, column), held, shown in zip(names, stored, map(number, rounded), strict=True):
            if held != shown:
                found.append(f"{node_id}: {column}: release {held}, computed {shown}")
        return sorted(found)

    def _path(self, node_id: str) -> list[str]:
        found = [node_id]
        while found[0] in self.replay.tree.parent:
            found.insert(0, self.replay.tree.parent[found[0]])
        return found


def explain(
    opened: Opened, index: str, area: str, period: str, node: str | None = None, edition: str | None = None
) -> Document:
    """Explain one score. Names are ids or names in English or Chinese, in any case.

    Raises UnknownNameError for an unknown one, with the closest that there is.
    """
    index_id, edition_id = edition_of(opened, index, edition)
    scope = "from index_score where index_id = $1 and edition_id = $2"
    keys = [index_id, edition_id]
    areas = [row["ref_area"] for row in opened.rows(f"select distinct ref_area {scope} order by 1", keys)]
    ref_area = chosen("area", area, {each: area_names(opened, each) for each in areas})
    periods = [row["time_period"] for row in opened.rows(f"select distinct time_period {scope} order by 1", keys)]
    if period not in periods:
        raise UnknownNameError(_unknown_period(opened, index_id, edition_id, period, periods))
    nodes = opened.rows("select * from index_node where index_id = $1 and edition_id = $2", keys)
    node_id = None
    if node is not None:
        node_id = chosen("node", node, {row["node_id"]: (row["name_en"], row["name_zh"]) for row in nodes})
    return Explained(opened, index_id, edition_id, ref_area).explain(ref_area, period, node_id)


def edition_of(opened: Opened, index: str, edition: str | None) -> tuple[str, str]:
    """The ids of an index and an edition; without an edition the one that knows most, no variant."""
    names = {key: (each.name_en, each.name_zh) for key, each in opened.catalogue.indices.items()}
    index_id = chosen("index", index, names)
    rows = opened.rows("select * from index_edition where index_id = $1", [index_id])
    if edition is not None:
        return index_id, chosen("edition", edition, {row["edition_id"]: () for row in rows})
    declared = opened.catalogue.indices[index_id].editions
    newest = max(range(len(declared)), key=lambda place: (declared[place].as_of or date.max, place))
    return index_id, declared[newest].id


def area_names(opened: Opened, ref_area: str) -> Sequence[str | None]:
    """All names of an area: English, Chinese, the spellings of providers."""
    row, declared = opened.areas[ref_area], opened.catalogue.areas.get(ref_area)
    return (row["name_en"], row["name_zh"], *(declared.spellings if declared else ()))


def _unknown_period(opened: Opened, index_id: str, edition_id: str, period: str, periods: list[str]) -> str:
    rows = opened.rows(
        "select distinct edition_id from index_score where index_id = $1 and time_period = $2 order by 1",
        [index_id, period],
    )
    problem = f"period '{period}': edition '{edition_id}' of {index_id} covers {periods[0]} to {periods[-1]}"
    if rows:
        return f"{problem}; {', '.join(row['edition_id'] for row in rows)} has it: --edition {rows[0]['edition_id']}"
    return f"{problem}; {suggest(period, periods)}"


def _less(value: float | None, previous: float | None) -> float | None:
    if value is None or previous is None:
        return None
    return float(f"{value - previous:.12g}")


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
