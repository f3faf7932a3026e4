"""Headline numbers of a run: the newest score of each index, its change, and who leads.

Not here: the tables that they come from (indices).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from pipelines.marts.indices import editions_of, scoreboard_name
from pipelines.marts.observations import kept
from pipelines.workspace import Workspace

LEADERS = 3
SHOWN = ("ref_area", "area_name_en", "area_name_zh", "score", "score_rank", "change_abs")


def headlines(workspace: Workspace) -> list[dict[str, Any]]:
    """One entry per index and edition: newest period with scores, the best areas with score, rank and change."""
    found = []
    for index_id, index in sorted(workspace.catalogue.indices.items()):
        board = kept(workspace, scoreboard_name(index_id)).filter(pl.col("score").is_not_null())
        for edition_id in [each.id for each in editions_of(index)]:
            rows = board.filter(pl.col("edition_id") == edition_id)
            if rows.is_empty():
                continue
            period = rows.sort("period_start")["time_period"][-1]
            best = rows.filter(pl.col("time_period") == period).sort("score_rank", "ref_area").head(LEADERS)
            found.append({
                "index_id": index_id, "edition_id": edition_id, "name_en": index.name_en, "name_zh": index.name_zh,
                "time_period": period, "areas": rows["ref_area"].n_unique(),
                "leaders": best.select(SHOWN).to_dicts(),
            })  # fmt: skip
    return found
