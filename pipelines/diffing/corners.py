"""The four corners of a comparison (old or new method on old or new data) and the exact split of every score and rank.

Not here: which indicator, or which part of the method, did it (parts), the values themselves (inputs, values).
"""

from __future__ import annotations

import polars as pl

from pipelines.diffing.inputs import behind, joint, reach, shared_indicators, used, with_computed
from pipelines.diffing.sides import Subject, subject_of, with_periods_of
from pipelines.index.build import build_edition
from pipelines.version import code_version
from warehouse.catalogue.index import area_groups
from warehouse.errors import IndexhouseError

CELL = ("node_id", "ref_area", "time_period")
PARTS = ("data", "method", "interaction", "code", "unsplit")


class Corners:
    """Scores of editions under the method of one side and the data of another, each computed once.

    With `trust`, a score that must be what the release says is read from it: of a release of the installed code, or
    where only one of the two, method or data, differs. Without, every corner is computed; the result is the same.
    """

    def __init__(self, trust: bool = True) -> None:
        self._trust = trust
        self._made: dict[tuple[int, str, int, str], pl.DataFrame] = {}
        self._same: dict[tuple[int, str, int, str], bool] = {}
        self.problems: list[str] = []

    def scores(self, method: Subject, data: Subject) -> pl.DataFrame:
        """Rows of `index_score` of the method of one edition on the data of another; empty where it has none."""
        key = (id(method.side), method.name, id(data.side), data.name)
        if key not in self._made:
            self._made[key] = self._scores(method, data)
        return self._made[key]

    def _scores(self, method: Subject, data: Subject) -> pl.DataFrame:
        if self._trust and not _is_same(method, data):
            if self.is_same_data(method, data):
                return self.scores(method, method)
            if is_same_method(method, data):
                return self.scores(data, data)
        if self._trust and _is_same(method, data) and method.side.facts.code_version == code_version():
            return method.published()
        try:
            return self.computed(method, data)
        except (IndexhouseError, ValueError) as error:
            self.problems.append(f"the method of {_named(method)} on the data of {_named(data)}: {error}")
            return method.side.scores.clear()

    def computed(self, method: Subject, data: Subject) -> pl.DataFrame:
        """The same, always computed. Raises IndexhouseError where the index has no score at all."""
        placed, catalogue = with_periods_of(method, data), method.side.catalogue
        observations = with_computed(
            joint(method.side, data.side, method.observed, data.observed),
            used(method.index), catalogue.indicators, catalogue.units,
        )  # fmt: skip
        built = build_edition(
            method.index_id, placed.index, placed.edition, observations, catalogue.indicators, catalogue.areas,
            continued=self.continued(method, data),
        )  # fmt: skip
        return built.index_score

    def continued(self, method: Subject, data: Subject) -> pl.DataFrame | None:
        """The scores that an index is spliced onto, under the same method and data; None where it is not."""
        pair = earlier(method, data)
        return self.scores(*pair) if pair else None

    def is_same_data(self, one: Subject, other: Subject) -> bool:
        """Whether the method of one edition finds the same observed values and the same end on the other's data."""
        key = (id(one.side), one.name, id(other.side), other.name)
        if key not in self._same:
            self._same[key] = self._is_same_data(one, other)
        return self._same[key]

    def _is_same_data(self, one: Subject, other: Subject) -> bool:
        if one.ends != other.ends:
            return False
        mine = pl.col("indicator_id").is_in(sorted(behind(one)))
        columns = ["indicator_id", "ref_area", "freq", "time_period", "obs_value"]
        theirs = joint(one.side, other.side, one.observed, other.observed)
        if not one.observed.filter(mine).select(columns).equals(theirs.filter(mine).select(columns)):
            return False
        pair = earlier(one, other)
        return pair is None or self.is_same_data(*pair)


def is_same_method(one: Subject, other: Subject) -> bool:
    """Whether two editions make the same of the same data: index, indicators behind it, areas and their groups."""
    if one.index.method_version() != other.index.method_version():
        return False
    mine, theirs = one.side.catalogue, other.side.catalogue
    if mine.digest != theirs.digest:
        names = used(one.index)
        observed, computed = reach(names, mine.indicators)
        if (observed, computed) != reach(names, theirs.indicators):
            return False
        shared = shared_indicators(mine, theirs)
        for name in observed | computed:
            here, there = mine.indicators[name], theirs.indicators[name]
            if shared.get(name, (0.0, ""))[0] != 1.0 or (here.formula, here.direction) != (
                there.formula,
                there.direction,
            ):
                return False
        ids = one.index.area_ids(mine.areas)
        if ids != other.index.area_ids(theirs.areas):
            return False
        if area_groups(one.index, ids, mine.areas) != area_groups(other.index, ids, theirs.areas):
            return False
    pair = earlier(one, other)
    return pair is None or is_same_method(*pair)


def split(corners: Corners, old: Subject, new: Subject) -> pl.DataFrame:
    """Every score of an edition on both sides, and what its change is made of.

    Out: one row per node, area and period of either side, sorted, with node_kind; score_old, score_new (published,
    NULL where that side has none), score_total and its parts score_data, score_method, score_interaction, score_code,
    score_unsplit; the same for rank. Where total is not NULL the parts that are not NULL sum to it:
    - data: old method on new data, minus old method on old data;
    - method: new method on old data, minus old method on old data;
    - interaction: what both do only together;
    - code: what the installed code makes of both sides differs from what they say by this;
    - where one of the mixed corners has no score, data and method are taken one after the other and interaction is
      NULL; where both have none, or a side cannot be computed, the change stands in unsplit.
    """
    corner = {
        "published_old": old.published(), "published_new": new.published(),
        "oo": corners.scores(old, old), "nn": corners.scores(new, new),
        "on": corners.scores(old, new), "no": corners.scores(new, old),
    }  # fmt: skip
    kinds = pl.concat([corner[name].select(*CELL, "node_kind", "node_level") for name in ("published_new",
                       "published_old")]).unique(CELL, keep="first", maintain_order=True)  # fmt: skip
    frame = kinds
    for name, scores in corner.items():
        columns = scores.select(*CELL, pl.col("score").alias(f"score {name}"),
                                pl.col("score_rank").cast(pl.Float64).alias(f"rank {name}"))  # fmt: skip
        frame = frame.join(columns, on=CELL, how="left")
    for measure in ("score", "rank"):
        frame = frame.with_columns(_split(measure))
    ranked = [f"rank_{name}" for name in ("old", "new", "total", *PARTS)]
    scored = [f"score_{name}" for name in ("old", "new", "total", *PARTS)]
    return frame.select(*CELL, "node_kind", "node_level", *scored, pl.col(ranked).cast(pl.Int32)).sort(CELL)


def _split(measure: str) -> list[pl.Expr]:
    old, new, oo, nn, on, no = (
        pl.col(f"{measure} {name}") for name in ("published_old", "published_new", "oo", "nn", "on", "no")
    )
    total, again = new - old, nn - oo
    is_known = total.is_not_null() & again.is_not_null()
    both = on.is_not_null() & no.is_not_null()
    data = pl.when(on.is_not_null()).then(on - oo).otherwise(nn - no)
    method = pl.when(no.is_not_null()).then(no - oo).otherwise(nn - on)
    interaction = pl.when(both).then(again - (on - oo) - (no - oo))
    none = pl.when(on.is_null() & no.is_null()).then(again)
    parts = {
        "data": pl.when(is_known).then(data),
        "method": pl.when(is_known).then(method),
        "interaction": pl.when(is_known).then(interaction),
        "code": pl.when(is_known).then(total - again),
        "unsplit": pl.when(total.is_not_null()).then(pl.when(again.is_null()).then(total).otherwise(none)),
    }
    named = {"old": old, "new": new, "total": total, **parts}
    return [expression.alias(f"{measure}_{name}") for name, expression in named.items()]


def earlier(method: Subject, data: Subject) -> tuple[Subject, Subject] | None:
    """The editions that an index is spliced onto, on the side of its method and on that of its data."""
    onto = method.index.splice
    if onto is None:
        return None
    first = subject_of(method.side, onto.index, onto.edition)
    if first is None:
        return None
    return first, subject_of(data.side, onto.index, onto.edition) or first


def _is_same(one: Subject, other: Subject) -> bool:
    return one.side is other.side and one.name == other.name


def _named(subject: Subject) -> str:
    return f"{subject.side.release_id} {subject.name}"
