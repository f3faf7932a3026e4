"""Family indices: every edition and variant of every index, and the scoreboards.

Not here: the method (index.build).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import polars as pl

from pipelines import progress
from pipelines.index.period import ordinal
from pipelines.marts.observations import keep, observation_at
from pipelines.run_report import last_warnings
from pipelines.workspace import Workspace
from warehouse.catalogue.index import Edition, Index, Variant
from warehouse.core import Core
from warehouse.errors import IndexhouseError
from warehouse.tables import polars_schema, tables

if TYPE_CHECKING:
    from pipelines.index.build import EditionResult

TABLES = (
    "index_edition", "index_node", "index_input", "index_parameter", "index_score", "index_contribution",
    "rank_interval", "sensitivity", "coherence",
)  # fmt: skip
SHOWN_WARNINGS = 5


def scoreboard_name(index_id: str) -> str:
    return f"scoreboard_{index_id}"


def build(workspace: Workspace) -> dict[str, int]:
    """Build the family; returns rows by table. Warnings of the method are kept for the run's report."""
    with progress.step("indices") as note:
        built: dict[str, list[EditionResult]] = {}
        with workspace.core() as core:
            for index_id in in_order(workspace.catalogue.indices):
                index = workspace.catalogue.indices[index_id]
                earlier = _continued(index, built)
                built[index_id] = [
                    _edition(workspace, core, index_id, index, each, earlier) for each in editions_of(index)
                ]
        results = [result for _, each in sorted(built.items()) for result in each]
        frames = {name: _together(name, results) for name in TABLES}
        for index_id, index in sorted(workspace.catalogue.indices.items()):
            frames[scoreboard_name(index_id)] = scoreboard(workspace, index_id, index, frames["index_score"])
        warnings = [f"{w.index_id}:{w.edition_id} {w.node_id} {w.ref_area} {w.time_period}: {w.text}"
                    for result in results for w in result.warnings]  # fmt: skip
        workspace.keep_json("index_warnings.json", warnings)
        workspace.keep_json("index_checks.json", [row for result in results for row in quality_rows(result)])
        progress.warn_of(warnings, last_warnings(workspace.settings))
        note.say(f"{len(results)} editions, {frames['index_score'].height} scores"
                 + (f", {len(warnings)} warnings" if warnings else ""))  # fmt: skip
        return keep(workspace, frames)


def editions_of(index: Index) -> list[Edition | Variant]:
    """Everything of an index that is built under an edition id."""
    return [*index.editions, *index.variants]


def in_order(indices: Mapping[str, Index]) -> tuple[str, ...]:
    """Index ids, every one after the index that it is spliced onto.

    Raises IndexhouseError where indices continue one another in a circle."""
    below = {
        index_id: {index.splice.index} & set(indices) if index.splice else set() for index_id, index in indices.items()
    }
    try:
        return tuple(TopologicalSorter({key: sorted(below[key]) for key in sorted(below)}).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise IndexhouseError(
            f"indices {circle} are spliced onto one another in a circle; end it in one of them"
        ) from None


def _continued(index: Index, built: Mapping[str, list[EditionResult]]) -> pl.DataFrame | None:
    """The scores that an index is spliced onto; None where it is not."""
    if index.splice is None:
        return None
    for result in built.get(index.splice.index, []):
        if result.index_edition["edition_id"].item() == index.splice.edition:
            return result.index_score
    named = f"edition '{index.splice.edition}' of an index '{index.splice.index}'"
    raise IndexhouseError(f"splice: there is no {named}; name one that is built")


def quality_rows(result: EditionResult) -> Iterator[dict[str, object]]:
    """The judgements of the method on one edition, in the columns of the table `quality`."""
    edition = result.index_edition.row(0, named=True)
    name = f"{edition['index_id']}, edition {edition['edition_id']}"
    place = f"{edition['index_id']}.{edition['edition_id']}"

    def row(
        check: str, table: str, what: str, checked: int, texts: Sequence[str], is_failed: bool
    ) -> dict[str, object]:
        return {
            "check_id": f"{check}.{place}", "table_name": table, "column_name": None, "expectation": what,
            "severity": "warning", "status": "failed" if is_failed else "passed", "rows_checked": checked,
            "rows_failed": len(texts) if is_failed else 0, "observed": "; ".join(texts[:SHOWN_WARNINGS]) or None,
        }  # fmt: skip

    texts = [" ".join(f"{w.node_id} {w.ref_area} {w.time_period}".split()) + f": {w.text}" for w in result.warnings]
    what = f"every node of {name}, could be computed"
    yield row("method", "index_input", what, result.index_input.height, texts, bool(texts))
    if result.screened_out:
        what = f"areas left out of {name}, by its screening"
        yield row("screen", "index_input", what, len(result.screened_out), result.screened_out, False)
    flagged = result.coherence.filter(pl.col("flag").is_not_null())
    texts = [
        f"{node} and {other}: {measure} {value:.3g}, {flag}" if other else f"{node}: {measure} {value:.3g}, {flag}"
        for node, other, measure, value, flag in flagged.select(
            "node_id", "other_node_id", "measure", "measure_value", "flag"
        ).iter_rows()
    ]
    what = f"the parts of {name}, belong together (thresholds in `coherence` of the index)"
    yield row("coherence", "coherence", what, result.coherence.height, texts, bool(texts))


def _edition(
    workspace: Workspace,
    core: Core,
    index_id: str,
    index: Index,
    edition: Edition | Variant,
    continued: pl.DataFrame | None,
) -> EditionResult:
    from pipelines.index.build import build_edition, edition_of

    catalogue = workspace.catalogue
    own = (edition if isinstance(edition, Edition) else edition_of(index, edition)).as_of
    limits = [day for day in (own, workspace.as_of) if day]
    observations = observation_at(workspace, core, own)
    return build_edition(
        index_id, index, edition, observations, catalogue.indicators, catalogue.areas,
        as_of=min(limits) if limits else None, continued=continued,
    )  # fmt: skip


def _together(name: str, results: list[EditionResult]) -> pl.DataFrame:
    parts = [getattr(result, name) for result in results]
    return pl.concat(parts) if parts else pl.DataFrame(schema=polars_schema(tables({})[name]))


def scoreboard(workspace: Workspace, index_id: str, index: Index, scores: pl.DataFrame) -> pl.DataFrame:
    """One row per edition, area and period: score, rank, change to the period before, and the pillars side by side."""
    mine = scores.filter(pl.col("index_id") == index_id)
    keys = ["edition_id", "ref_area", "time_period"]
    top = mine.filter(pl.col("node_kind") == "index").select(
        *keys, "period_start", "period_year", "score", "score_rank"
    )
    numbers = {period: ordinal(period) for period in top["time_period"].unique()}
    place = top.with_columns(
        freq=pl.col("time_period").replace_strict(
            {p: n[0] for p, n in numbers.items() if n}, default=None, return_dtype=pl.String
        ),
        number=pl.col("time_period").replace_strict(
            {p: n[1] for p, n in numbers.items() if n}, default=None, return_dtype=pl.Int64
        ),
    )
    before = place.select("edition_id", "ref_area", "freq", pl.col("number") + 1, previous="score")
    areas = pl.DataFrame(
        [(key, area.name_en, area.name_zh) for key, area in sorted(workspace.catalogue.areas.items())],
        schema=["ref_area", "area_name_en", "area_name_zh"], orient="row",
    )  # fmt: skip
    board = (
        place.join(before, on=["edition_id", "ref_area", "freq", "number"], how="left")
        .with_columns(change_abs=pl.col("score") - pl.col("previous"))
        .join(areas, on="ref_area", how="left")
        .select(
            *keys, "period_start", "period_year", "area_name_en", "area_name_zh", "score", "score_rank", "change_abs"
        )
    )
    for pillar in pillars(index_id, index):
        part = mine.filter(pl.col("node_id") == pillar).select(*keys, pl.col("score").alias(pillar))
        board = board.join(part, on=keys, how="left")
    return board.sort(keys)


def pillars(index_id: str, index: Index) -> list[str]:
    """The nodes right below the index, in the order of the YAML."""
    return [node_id for node_id, node in index.nodes.items() if (node.parent or index_id) == index_id]
