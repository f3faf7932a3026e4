"""One edition on both sides: its scores with their parts, the values that changed behind it, and what did what to it.

Not here: many editions and the document of a comparison (compare), causes in words (causes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import polars as pl

from pipelines.diffing.corners import Corners, split
from pipelines.diffing.inputs import areas_behind, behind
from pipelines.diffing.methods import Change, changes
from pipelines.diffing.parts import DataChange, Entry, grid_of, method_effects
from pipelines.diffing.sides import Subject
from pipelines.diffing.values import changed_values

What = TypeVar("What")


@dataclass(frozen=True)
class Compared:
    """One edition on both sides: scores with their parts, values that changed behind it, and what did what; about how
    many seconds the split by indicator took."""

    old: Subject
    new: Subject
    cells: pl.DataFrame
    values: pl.DataFrame
    data: tuple[tuple[Entry, pl.DataFrame], ...]
    method: tuple[tuple[tuple[str, ...], pl.DataFrame], ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    seconds: float = 0.0

    @cached_property
    def root(self) -> pl.DataFrame:
        """The scores of the index itself."""
        return self.cells.filter(pl.col("node_kind") == "index")


def compare_edition(corners: Corners, old: Subject, new: Subject, seconds: float | None) -> Compared:
    """Compare one edition. In: `seconds` that the split by indicator may take, None for as many as it needs."""
    corners.problems.clear()
    cells = split(corners, old, new)
    told = list(corners.problems)
    listed = changes(old, new)
    wanted = pl.col("indicator_id").is_in(sorted(behind(old) | behind(new)))
    wanted &= pl.col("ref_area").is_in(sorted(areas_behind(old) | areas_behind(new)))
    values = changed_values(old.side, new.side, old.observed.filter(wanted), new.observed.filter(wanted))
    grid = grid_of(old.published(), new.published())
    data: tuple[tuple[Entry, pl.DataFrame], ...] = ()
    method: tuple[tuple[tuple[str, ...], pl.DataFrame], ...] = ()
    spent = 0.0
    if grid.periods and grid.areas and not corners.scores(old, old).is_empty():
        if not corners.is_same_data(old, new):
            change = DataChange(corners, old, new, grid)
            if seconds is None or change.cost <= seconds:
                spent = change.cost
                data = tuple(_where_split(cells, "data", change.effects()))
            else:
                told.append(f"{new.name}: the data change is not split by indicator here, which would take too long; "
                            "`indexhouse diff` does it")  # fmt: skip
        if listed:
            method = tuple(_where_split(cells, "method", method_effects(corners, old, new, grid, listed)))
    return Compared(old, new, cells, values, data, method, listed, tuple(told), spent)


def _where_split(
    cells: pl.DataFrame, part: str, effects: Iterable[tuple[What, pl.DataFrame]]
) -> Iterator[tuple[What, pl.DataFrame]]:
    """The effects in those cells of the index whose change is split, without those that did nothing there."""
    known = cells.filter((pl.col("node_kind") == "index") & pl.col(f"score_{part}").is_not_null())
    for what, frame in effects:
        there = frame.join(known, on=["ref_area", "time_period"], how="semi")
        if not there.is_empty():
            yield what, there
