"""Family growth: yearly growth, spans, and comparisons between areas.

Not here: the formulas (index.growth, index.growth_span, index.compare).
"""

from __future__ import annotations

import polars as pl

from pipelines import progress
from pipelines.marts.observations import keep, kept
from pipelines.workspace import Workspace

TABLES = ("growth", "growth_span", "comparison")


def build(workspace: Workspace) -> dict[str, int]:
    """Build the family; returns rows by table."""
    from pipelines.index.compare import comparison
    from pipelines.index.growth import growth, indicator_series, score_series
    from pipelines.index.growth_span import growth_span

    catalogue = workspace.catalogue
    with progress.step("growth") as note:
        observations, scores = kept(workspace, "observation"), kept(workspace, "index_score")
        series = pl.concat([indicator_series(observations), score_series(scores)])
        indices = catalogue.indices.values()
        spans = sorted({span for index in indices for span in index.spans})
        bases = sorted({index.base_period for index in indices if index.base_period})
        frames = {
            "growth": growth(series),
            "growth_span": growth_span(series, spans, bases),
            "comparison": comparison(observations, catalogue.indicators, catalogue.areas),
        }
        note.say(", ".join(f"{name} {frame.height}" for name, frame in frames.items()))
        return keep(workspace, frames)
