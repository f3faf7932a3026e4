"""A comparison as one plain document: what the sources brought, what moved, which causes; the same for every format.

Not here: finding the sides (sides), the numbers (values, corners, parts), layouts (console, markdown, page).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from pipelines.diffing.causes import Cause, causes_of, ranked
from pipelines.diffing.corners import PARTS, Corners
from pipelines.diffing.editions import Compared, compare_edition
from pipelines.diffing.inputs import behind
from pipelines.diffing.sides import Choice, Side, Subject, node_words, subject_of
from pipelines.diffing.values import CHANGES, brought, changed_values, files_known
from pipelines.index.period import start
from pipelines.marts.indices import editions_of

LIMIT = 10
HEADLINE_AREAS = 3


def compare(choice: Choice, trust: bool = True, seconds: float | None = None) -> Comparison:
    """Compare two releases, or two editions. In: `trust` of the corners; about how many `seconds` the split of the data
    change by indicator may take (an edition beyond that goes without, and says so), None for as many as it needs."""
    corners = Corners(trust)
    if choice.editions is not None:
        pairs = [choice.editions]
    elif choice.old.release_id == choice.new.release_id:
        pairs = []
    else:
        pairs = [(one, two) for one in _subjects(choice.old)
                 if (two := subject_of(choice.new, one.index_id, one.edition.id))]  # fmt: skip
    found = []
    for old, new in pairs:
        found.append(compare_edition(corners, old, new, seconds))
        seconds = None if seconds is None else seconds - found[-1].seconds
    return Comparison(choice, tuple(found))


def _subjects(side: Side) -> Iterable[Subject]:
    for index_id, index in sorted(side.catalogue.indices.items()):
        for edition in editions_of(index):
            found = subject_of(side, index_id, edition.id)
            assert found is not None
            yield found


@dataclass(frozen=True)
class Comparison:
    """Everything that was found; `document` says it in plain data."""

    choice: Choice
    editions: tuple[Compared, ...]

    @cached_property
    def values(self) -> pl.DataFrame:
        """Observed values in force that differ: of the releases, or behind the two editions."""
        if self.choice.editions is not None:
            return self.editions[0].values
        old, new = self.choice.old, self.choice.new
        return changed_values(old, new, old.known(None), new.known(None))

    @cached_property
    def causes(self) -> list[Cause]:
        return ranked(cause for each in self.editions for cause in causes_of(each))

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to tell: the same twice, or no difference in anything that is compared."""
        if self.choice.editions is None and self.choice.old.facts.release_id == self.choice.new.facts.release_id:
            return True
        return self.values.is_empty() and not self._sources() and not any(
            each.changes or _moved(each.cells).height or _appeared(each.cells, "old").height
            or _appeared(each.cells, "new").height or any(_only(each).values())
            for each in self.editions
        ) and not any(self._catalogue().values())  # fmt: skip

    def document(self, limit: int | None = LIMIT) -> dict[str, Any]:
        """The comparison in plain data. Lists that may be long come as {total, rows}; `limit` None: all rows."""
        old, new = self.choice.old, self.choice.new
        pair = self.choice.editions
        return {
            "kind": "editions" if pair else "releases",
            "old": _facts(old, pair[0] if pair else None), "new": _facts(new, pair[1] if pair else None),
            "is_same": self.is_same, "limit": limit,
            "causes": _shown([cause.row(len(self.editions) > 1) for cause in self.causes], limit),
            "sources": _shown(self._sources(), limit),
            "values": self._values(limit),
            "indices": [_edition(each, limit) for each in self.editions],
            "catalogue": self._catalogue(),
            "only_old": {"editions": self._alone(old, new)}, "only_new": {"editions": self._alone(new, old)},
        }  # fmt: skip

    def _sources(self) -> list[dict[str, Any]]:
        old, new = self.choice.old, self.choice.new
        pair = self.choice.editions
        if pair is None:
            return brought(old, new, old.snapshots, new.snapshots, self.values)
        names = behind(pair[0]) | behind(pair[1])
        feeding = new.vintages.filter(pl.col("indicator_id").is_in(sorted(names)))["source_id"].unique().to_list()
        files = [files_known(each.side, each.edition.as_of) for each in pair]
        return brought(old, new, files[0], files[1], self.values, only=feeding)

    def _values(self, limit: int | None) -> dict[str, Any]:
        old, new = self.choice.old, self.choice.new
        counts = dict(self.values.group_by("change").agg(pl.len()).iter_rows())
        resting: dict[str, set[str]] = {}
        for each in self.editions:
            for name in behind(each.old) | behind(each.new):
                resting.setdefault(name, set()).add(each.old.index_id)
        by_indicator = self.values.group_by("indicator_id").agg(
            *((pl.col("change") == change).sum().cast(pl.Int64).alias(change) for change in CHANGES),
            pl.col("ref_area").n_unique().cast(pl.Int64).alias("areas"),
            pl.col("time_period").min().alias("from_period"), pl.col("time_period").max().alias("to_period"),
            pl.col("change_pct").filter(pl.col("change") == "revised").abs().max().alias("largest_pct"),
        ).sort(["revised", "withdrawn", "new", "indicator_id"], descending=[True, True, True, False])  # fmt: skip
        names = _indicator_names(old, new)
        listed = [row | names(row["indicator_id"]) | {"indices": sorted(resting.get(row["indicator_id"], ()))}
                  for row in by_indicator.to_dicts()]  # fmt: skip
        order = {"revised": 0, "withdrawn": 1, "moved": 2, "new": 3}
        rows = self.values.with_columns(
            place=pl.col("change").replace_strict(order, return_dtype=pl.Int8),
            size=pl.col("change_pct").abs().fill_null(float("inf")),
        ).sort(["place", "size", "indicator_id", "ref_area", "freq", "time_period"],
               descending=[False, True, False, False, False, False])  # fmt: skip
        areas = _area_names(old, new)
        taken = rows.drop("place", "size") if limit is None else rows.drop("place", "size").head(limit)
        return {
            "counts": {change: int(counts.get(change, 0)) for change in CHANGES},
            "indicators": _shown(listed, limit),
            "total": rows.height,
            "rows": [row | names(row["indicator_id"]) | areas(row["ref_area"]) for row in taken.to_dicts()],
        }

    def _catalogue(self) -> dict[str, dict[str, list[str]]]:
        """Ids of the catalogue that came, went or changed, by kind."""
        old, new = self.choice.old.catalogue, self.choice.new.catalogue
        if old.digest == new.digest:
            return {}
        found = {}
        for kind, before in old.document.items():
            after = new.document[kind]
            both = before.keys() & after.keys()
            lists = {
                "added": sorted(after.keys() - before.keys()), "removed": sorted(before.keys() - after.keys()),
                "changed": sorted(key for key in both if before[key] != after[key]),
            }  # fmt: skip
            if any(lists.values()):
                found[kind] = lists
        return found

    def _alone(self, side: Side, other: Side) -> list[str]:
        """Editions of one release that the other one has not."""
        if self.choice.editions is not None:
            return []
        return [each.name for each in _subjects(side) if subject_of(other, each.index_id, each.edition.id) is None]


def _facts(side: Side, subject: Subject | None) -> dict[str, Any]:
    facts = side.facts
    found = {
        "release_id": facts.release_id, "data_vintage": facts.data_vintage, "as_of": facts.as_of,
        "code_version": facts.code_version, "catalogue_hash": facts.catalogue_hash, "built_at": facts.built_at,
    }  # fmt: skip
    if subject is not None:
        edition = subject.edition
        found |= {"index_id": subject.index_id, "edition_id": edition.id, "edition_as_of": edition.as_of,
                  "name_en": edition.name_en, "name_zh": edition.name_zh}  # fmt: skip
    return found


def _edition(each: Compared, limit: int | None) -> dict[str, Any]:
    """One edition: how many scores moved, which most, and by what."""
    old, new, cells, root = each.old, each.new, each.cells, each.root
    moved, split_root = _moved(cells), root.filter(pl.col("score_total").is_not_null())
    areas, nodes = _area_names(old.side, new.side), _node_names(each)
    named = _Named(areas, nodes)
    means = {name: _mean(split_root[f"score_{name}"]) for name in ("total", *PARTS)}
    ranks = root.filter(pl.col("rank_total").is_not_null() & (pl.col("rank_total") != 0))
    return {
        "index_id": new.index_id, "name_en": new.index.name_en, "name_zh": new.index.name_zh,
        "old_edition": old.edition.id, "new_edition": new.edition.id,
        "old_as_of": old.edition.as_of, "new_as_of": new.edition.as_of,
        "old_method_version": old.index.method_version(), "new_method_version": new.index.method_version(),
        "counts": {
            "scores": cells.filter(pl.col("score_total").is_not_null()).height, "scores_moved": moved.height,
            "index_scores": split_root.height, "index_scores_moved": _moved(root).height,
            "index_ranks_moved": ranks.height, "areas": root["ref_area"].n_unique(),
            "appeared": _appeared(cells, "new").height, "disappeared": _appeared(cells, "old").height,
        },
        "mean_abs": means,
        "headline": named.rows(_headline(root)),
        "moves": named.shown(_by_size(_moved(root), "score_total"), limit),
        "ranks": named.shown(_by_size(ranks, "rank_total"), limit),
        "nodes": named.shown(_largest_by_node(moved), limit),
        "appeared": named.shown(_appeared(cells, "new"), limit),
        "disappeared": named.shown(_appeared(cells, "old"), limit),
        "all_moves": named.rows(moved) if limit is None else None,
        "data": _shown(_data_rows(each, limit), limit),
        "method": {
            "changes": [{"part": c.group, "key": c.key, "en": c.words[0], "zh": c.words[1]} for c in each.changes],
            "parts": _method_rows(each, limit),
        },
        **_only(each),
        "notes": list(each.notes),
    }  # fmt: skip


def _data_rows(each: Compared, limit: int | None) -> list[dict[str, Any]]:
    return [cause.as_part(limit is None) for cause in causes_of(each) if cause.kind == "data"]


def _method_rows(each: Compared, limit: int | None) -> list[dict[str, Any]]:
    return [cause.as_part(limit is None) for cause in causes_of(each) if cause.kind == "method"]


def _only(each: Compared) -> dict[str, dict[str, list[str]]]:
    """Nodes, areas and periods of one side only."""
    old, new = each.old.published(), each.new.published()
    names = {"nodes": "node_id", "areas": "ref_area", "periods": "time_period"}
    found: dict[str, dict[str, list[str]]] = {"only_old": {}, "only_new": {}}
    for key, column in names.items():
        before, after = set(old[column]), set(new[column])
        for side, lone in (("only_old", before - after), ("only_new", after - before)):
            if lone:
                found[side][key] = sorted(lone)
    return found


def _moved(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("score_total").is_not_null() & (pl.col("score_total") != 0.0))


def _appeared(cells: pl.DataFrame, side: str) -> pl.DataFrame:
    """Scores that only one side has, of all nodes."""
    other = "old" if side == "new" else "new"
    return cells.filter(pl.col(f"score_{side}").is_not_null() & pl.col(f"score_{other}").is_null())


def _headline(root: pl.DataFrame) -> pl.DataFrame:
    """The best areas in the newest period in which both sides have a score."""
    both = root.filter(pl.col("score_total").is_not_null())
    if both.is_empty():
        return both
    newest = max(both["time_period"].unique().to_list(), key=lambda period: (str(start(period) or ""), period))
    return both.filter(pl.col("time_period") == newest).sort("rank_new", "ref_area").head(HEADLINE_AREAS)


def _by_size(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The largest changes first; of equal ones the newest period, then the area."""
    return frame.with_columns(size=pl.col(column).abs()).sort(
        ["size", "time_period", "ref_area", "node_id"], descending=[True, True, False, False]
    ).drop("size")  # fmt: skip


def _largest_by_node(moved: pl.DataFrame) -> pl.DataFrame:
    """For each node below the index the score that moved most."""
    below = _by_size(moved.filter(pl.col("node_kind") != "index"), "score_total")
    return _by_size(below.unique("node_id", keep="first", maintain_order=True), "score_total")


def _mean(column: pl.Series) -> float | None:
    return float(column.abs().mean()) if column.count() else None  # type: ignore[arg-type]


def _shown(rows: Sequence[Mapping[str, Any]], limit: int | None) -> dict[str, Any]:
    return {"total": len(rows), "rows": list(rows if limit is None else rows[:limit])}


class _Named:
    """Rows of cells with the names of areas and nodes."""

    def __init__(self, areas: Any, nodes: Any) -> None:
        self._areas, self._nodes = areas, nodes

    def rows(self, frame: pl.DataFrame) -> list[dict[str, Any]]:
        return [row | self._areas(row["ref_area"]) | self._nodes(row["node_id"]) for row in frame.to_dicts()]

    def shown(self, frame: pl.DataFrame, limit: int | None) -> dict[str, Any]:
        return {"total": frame.height, "rows": self.rows(frame if limit is None else frame.head(limit))}


def _area_names(old: Side, new: Side) -> Any:
    areas = {**old.catalogue.areas, **new.catalogue.areas}
    return lambda key: {"area_name_en": areas[key].name_en if key in areas else key,
                        "area_name_zh": areas[key].name_zh if key in areas else key}  # fmt: skip


def _indicator_names(old: Side, new: Side) -> Any:
    known = {**old.catalogue.indicators, **new.catalogue.indicators}
    return lambda key: {"indicator_name_en": known[key].name_en if key in known else key,
                        "indicator_name_zh": known[key].name_zh if key in known else key}  # fmt: skip


def _node_names(each: Compared) -> Any:
    def named(node_id: str) -> dict[str, str]:
        en, zh = node_words(each.new, node_id) or node_words(each.old, node_id) or (node_id, node_id)
        return {"node_name_en": en, "node_name_zh": zh}

    return named
