"""What moved the score of an index: the data change by observed indicator, the method change by part of the method.

Not here: the split into data and method itself (corners), the order of steps (walk), which parts a method has
(methods).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import ValidationError

from pipelines.diffing.corners import Corners
from pipelines.diffing.inputs import KEY, joint, reach, used, with_computed
from pipelines.diffing.methods import Change, hybrid
from pipelines.diffing.sides import Subject, with_periods_of
from pipelines.diffing.walk import walk
from pipelines.index import build
from pipelines.index.formula import evaluate
from pipelines.index.rank import Floats
from warehouse.catalogue.formula import inputs
from warehouse.catalogue.index import Edition, Index
from warehouse.catalogue.index_check import problems
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.errors import IndexhouseError
from warehouse.rounding import round_significant

VALUE, DENOMINATOR, QUANTITY = "value", "denominator", "quantity"
STATE_SECONDS, CELL_SECONDS = 0.01, 5e-7  # measured on the built-in indices; only what may wait depends on them
SLIM = [*KEY, "obs_value"]
SCHEMA = {"ref_area": pl.String, "time_period": pl.String, "effect": pl.Float64}


class Grid(NamedTuple):
    """The periods and areas whose scores are split, in the order of the arrays."""

    periods: tuple[str, ...]
    areas: tuple[str, ...]

    def placed(self, scores: pl.DataFrame) -> Floats:
        """Scores (periods, areas) of rows ref_area, time_period, score; NaN where there is no row."""
        found = np.full((len(self.periods), len(self.areas)), np.nan)
        rows = scores.filter(pl.col("time_period").is_in(self.periods) & pl.col("ref_area").is_in(self.areas))
        period, area = {p: i for i, p in enumerate(self.periods)}, {a: i for i, a in enumerate(self.areas)}
        for where, when, score in rows.select("ref_area", "time_period", "score").iter_rows():
            found[period[when], area[where]] = np.nan if score is None else score
        return found

    def rows(self, effect: Floats) -> pl.DataFrame:
        """The cells that something did anything to."""
        found = np.argwhere(np.nan_to_num(effect) != 0.0)
        rows = [(self.areas[a], self.periods[p], float(effect[p, a])) for p, a in found]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@dataclass(frozen=True)
class Scorer:
    """The engine, down to the scores of the root: what `build_edition` publishes, without anything else."""

    index_id: str
    grid: Grid

    def root(
        self, index: Index, edition: Edition, observations: pl.DataFrame, indicators: Mapping[str, Indicator],
        areas: Mapping[str, Area], continued: pl.DataFrame | None,
    ) -> Floats:  # fmt: skip
        """Scores (periods, areas) on the grid; all NaN where the index has none under these conditions."""
        try:
            model = build.edition_model(self.index_id, index, edition, observations, indicators, areas)
            scores, _, _ = build.published_scores(index, model, continued)
        except (IndexhouseError, ValueError):
            return np.full((len(self.grid.periods), len(self.grid.areas)), np.nan)
        panel = model.inputs.panel
        found = np.full((len(self.grid.periods), len(self.grid.areas)), np.nan)
        rows = [i for i, p in enumerate(self.grid.periods) if p in panel.periods]
        columns = [i for i, a in enumerate(self.grid.areas) if a in panel.areas]
        if rows and columns:
            values = round_significant(scores.score[self.index_id])
            there = np.ix_([panel.periods.index(self.grid.periods[i]) for i in rows],
                           [panel.areas.index(self.grid.areas[i]) for i in columns])  # fmt: skip
            found[np.ix_(rows, columns)] = values[there]
        return found


def grid_of(old: pl.DataFrame, new: pl.DataFrame) -> Grid:
    """The periods and areas that two sets of index scores have in common."""
    periods, areas = (sorted(set(old[name]) & set(new[name])) for name in ("time_period", "ref_area"))
    return Grid(tuple(periods), tuple(areas))


class Entry(NamedTuple):
    """The new values of one observed indicator in one leaf; both empty: something else of the data (see DataChange)."""

    indicator_id: str
    node_id: str


ENDS = Entry("", "")
SPLICE = Entry("", "splice")


class DataChange:
    """The old method on the way from the old to the new data, one observed indicator in one leaf at a time.

    Beside those the end of the series may move (entry ENDS), or the index that this one is spliced onto (SPLICE).
    """

    def __init__(self, corners: Corners, old: Subject, new: Subject, grid: Grid) -> None:
        self._corners, self._old, self._new = corners, old, new
        self._scorer = Scorer(old.index_id, grid)
        catalogue = old.side.catalogue
        self._indicators, self._units = catalogue.indicators, catalogue.units
        parents = {node.parent for node in old.index.nodes.values()}
        self._leaves = {name: node for name, node in old.index.nodes.items() if name not in parents}
        self._columns: dict[tuple[str, frozenset[str]], pl.DataFrame] = {}
        self._placed: dict[tuple[str, frozenset[str]], pl.DataFrame] = {}

    @cached_property
    def _values(self) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
        """Old and new values by observed indicator."""
        wanted = pl.col("indicator_id").is_in(sorted(reach(used(self._old.index), self._indicators)[0]))
        theirs = joint(self._old.side, self._new.side, self._old.observed, self._new.observed)
        both = []
        for frame in (self._old.observed, theirs):
            parts = frame.filter(wanted).partition_by("indicator_id", as_dict=True, include_key=True)
            both.append({str(key[0]): part for key, part in parts.items()})
        return both[0], both[1]

    @cached_property
    def changed(self) -> frozenset[str]:
        """Observed indicators whose values differ."""
        old, new = self._values
        return frozenset(
            name for name in old.keys() | new.keys()
            if name not in old or name not in new or not old[name].select(SLIM).equals(new[name].select(SLIM))
        )  # fmt: skip

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """What changed, in the order of the walk: by indicator, then by leaf."""
        found = {
            Entry(name, leaf)
            for leaf in self._leaves
            for source in self._sources(leaf).values()
            for name in self._reach[source] & self.changed
        }
        further = [ENDS] if self._old.ends != self._new.ends else []
        before, after = self._continued
        if before is not None and after is not None and not before.equals(after):
            further.append(SPLICE)
        return (*further, *sorted(found))

    @property
    def cost(self) -> float:
        """About how many seconds the walk takes: twice as many states as entries, each of so many cells."""
        cells = len(self._leaves) * len(self._scorer.grid.periods) * len(self._scorer.grid.areas)
        return 2 * len(self.entries) * (STATE_SECONDS + CELL_SECONDS * cells)

    def effects(self) -> Iterator[tuple[Entry, pl.DataFrame]]:
        """Every entry with what it did to the index, by area and period; together they are the data change."""
        entries = self.entries
        if entries:
            terms = walk(self._state, len(entries))
            yield from ((entry, self._scorer.grid.rows(terms[i])) for i, entry in enumerate(entries))

    def _state(self, done: Sequence[bool]) -> Floats:
        reached = {entry for entry, is_done in zip(self.entries, done, strict=True) if is_done}
        parts = [self._leaf(leaf, frozenset(e.indicator_id for e in reached if e.node_id == leaf))
                 for leaf in self._leaves]  # fmt: skip
        ended = with_periods_of(self._old, self._new) if ENDS in reached else self._old
        return self._scorer.root(
            self._renamed(ended.index), ended.edition, pl.concat(parts), self._declared, self._old.side.catalogue.areas,
            self._continued[SPLICE in reached],
        )  # fmt: skip

    def _sources(self, leaf: str) -> dict[str, str]:
        """The indicators that a leaf reads, by what they are to it."""
        node = self._leaves[leaf]
        found = {VALUE: node.indicator or leaf, QUANTITY: node.quantity,
                 DENOMINATOR: node.denominate.by if node.denominate else None}  # fmt: skip
        return {role: name for role, name in found.items() if name}

    @cached_property
    def _reach(self) -> dict[str, frozenset[str]]:
        names = {name for leaf in self._leaves for name in self._sources(leaf).values()}
        computed = reach(names, self._indicators)[1]
        return {name: reach([name], self._indicators)[0] for name in names | computed}

    @cached_property
    def _continued(self) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
        return self._corners.continued(self._old, self._old), self._corners.continued(self._old, self._new)

    @cached_property
    def _declared(self) -> dict[str, Indicator]:
        return {
            _own_name(leaf, role): self._indicators[name]
            for leaf in self._leaves
            for role, name in self._sources(leaf).items()
        }

    def _renamed(self, index: Index) -> Index:
        """The index with indicators of each leaf's own, so that one leaf may have new values and another old ones."""
        nodes = dict(index.nodes)
        for leaf in self._leaves:
            changes: dict[str, object] = {"indicator": _own_name(leaf, VALUE)}
            if nodes[leaf].quantity:
                changes["quantity"] = _own_name(leaf, QUANTITY)
            if (step := nodes[leaf].denominate) is not None:
                changes["denominate"] = step.model_copy(update={"by": _own_name(leaf, DENOMINATOR)})
            nodes[leaf] = nodes[leaf].model_copy(update=changes)
        return index.model_copy(update={"nodes": nodes})

    def _leaf(self, leaf: str, swapped: frozenset[str]) -> pl.DataFrame:
        """What one leaf reads, with some observed indicators at their new values."""
        if (leaf, swapped) not in self._placed:
            parts = [
                self._column(name, swapped & self._reach[name]).select(SLIM)
                .with_columns(indicator_id=pl.lit(_own_name(leaf, role)))
                for role, name in self._sources(leaf).items()
            ]  # fmt: skip
            self._placed[leaf, swapped] = pl.concat(parts)
        return self._placed[leaf, swapped]

    def _column(self, name: str, swapped: frozenset[str]) -> pl.DataFrame:
        """The values of one indicator, observed or computed, with some observed indicators at their new values."""
        formula = self._indicators[name].formula
        if formula is None:
            values = self._values[bool(swapped)]
            return values[name] if name in values else self._old.observed.clear()
        if (name, swapped) not in self._columns:
            below = inputs(formula)
            frames = [self._column(each, swapped & self._reach_of(each)) for each in below]
            declared = {each: self._indicators[each].model_copy(update={"formula": None}) for each in below}
            declared[name] = self._indicators[name]
            columns = [*SLIM, "obs_status", "vintage", "vintage_basis", "is_corrected"]
            made = evaluate(pl.concat([frame.select(columns) for frame in frames]), declared, self._units)
            self._columns[name, swapped] = made.filter(pl.col("obs_value").is_not_null())
        return self._columns[name, swapped]

    def _reach_of(self, name: str) -> frozenset[str]:
        return self._reach[name] if name in self._reach else reach([name], self._indicators)[0]


def _own_name(leaf: str, role: str) -> str:
    return f"{leaf}.{role}"


def method_effects(
    corners: Corners, old: Subject, new: Subject, grid: Grid, changes: Sequence[Change]
) -> Iterator[tuple[tuple[str, ...], pl.DataFrame]]:
    """Every part of the method that changed, with what it did to the index on the old data, by area and period;
    together they are the method change. Where the parts cannot be changed one by one they come as one.
    """
    groups = tuple(dict.fromkeys(change.group for change in changes))
    if not groups:
        return
    method = MethodChange(corners, old, new, grid)
    try:
        terms = walk(lambda done: method.state([g for g, is_done in zip(groups, done, strict=True) if is_done]),
                     len(groups))  # fmt: skip
    except (IndexhouseError, ValidationError, ValueError):
        ends = [grid.placed(_root(corners.scores(method, old))) for method in (old, new)]
        yield groups, grid.rows(ends[1] - ends[0])
        return
    for i, group in enumerate(groups):
        yield (group,), grid.rows(terms[i])


class MethodChange:
    """The old data under a method that is new in some parts and old in the others."""

    def __init__(self, corners: Corners, old: Subject, new: Subject, grid: Grid) -> None:
        self._corners, self._old, self._new = corners, old, new
        self._scorer = Scorer(old.index_id, grid)
        self._observed: dict[bool, pl.DataFrame] = {}

    def state(self, groups: Sequence[str]) -> Floats:
        """Scores with these parts of the new method. Raises ValueError where they make no index."""
        old, new = self._old.side.catalogue, self._new.side.catalogue
        index = hybrid(self._old.index, self._new.index, groups)
        is_new = "definitions" in groups
        first, second = (new, old) if is_new else (old, new)
        indicators, units = {**second.indicators, **first.indicators}, {**second.units, **first.units}
        areas = new.areas if "areas" in groups else old.areas
        if found := problems(self._old.index_id, index, indicators, areas):
            raise ValueError(found[0])
        observations = with_computed(self._data(is_new), used(index), indicators, units)
        continued = self._corners.continued(self._new if "splice" in groups else self._old, self._old)
        periods = index.periods.model_copy(update={"last": self._old.index.periods.last})
        index = index.model_copy(update={"periods": periods})
        return self._scorer.root(index, self._old.edition, observations, indicators, areas, continued)

    def _data(self, is_new: bool) -> pl.DataFrame:
        """The old values as the old or the new catalogue reads them, and beside them what only the other one knows."""
        if is_new not in self._observed:
            old, new = self._old, self._new
            if old.side.catalogue.digest == new.side.catalogue.digest:
                found = old.observed
            elif is_new:
                found = joint(new.side, old.side, new.observed, old.observed)
            else:
                known = old.side.catalogue
                is_known = pl.col("indicator_id").is_in(sorted(known.indicators))
                is_known &= pl.col("ref_area").is_in(sorted(known.areas))
                beyond = joint(new.side, old.side, new.observed, old.observed).filter(~is_known)
                found = pl.concat([old.observed, beyond]).sort(KEY)
            self._observed[is_new] = found
        return self._observed[is_new]


def _root(scores: pl.DataFrame) -> pl.DataFrame:
    return scores.filter(pl.col("node_kind") == "index")
