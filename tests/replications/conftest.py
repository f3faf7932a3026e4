"""Catalogues of published indices, each run once for all tests of a session, from raw bytes to its release.

Not here: what is expected of them (the tests beside it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines import progress
from pipelines.run import run
from pipelines.settings import Settings

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Replica:
    """The release of one catalogue."""

    file: Path

    def frame(self, sql: str, **parameters: Any) -> pl.DataFrame:
        """The answer to a query; `$name` in it stands for a parameter."""
        with duckdb.connect(str(self.file), read_only=True, config={"enable_external_access": "false"}) as con:
            return con.sql(sql, params=parameters or None).pl()

    def compare(self, index_id: str, editions: tuple[str, ...], node_id: str, indicator_id: str) -> pl.DataFrame:
        """Every published value beside the computed one: ref_area, time_period, published, score (null: none)."""
        return self.frame(
            """
            -- one row per area and period of the published series
            with computed as (
                select ref_area, time_period, score from index_score
                where index_id = $index_id and node_id = $node_id and edition_id in (select unnest($editions))
            )
            select o.ref_area, o.time_period, o.obs_value as published, c.score
            from observation as o left join computed as c using (ref_area, time_period)
            where o.indicator_id = $indicator_id and o.obs_value is not null
            order by o.ref_area, o.time_period
            """,
            index_id=index_id, editions=list(editions), node_id=node_id, indicator_id=indicator_id,
        )  # fmt: skip


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Replica]:
    """Run a catalogue of this folder through the whole intake: replica("hdi")."""
    made: dict[str, Replica] = {}

    def make(name: str) -> Replica:
        if name not in made:
            settings = Settings(tmp_path_factory.mktemp(name) / "home", (HERE / name,))
            progress.be_quiet()
            report = run(settings, offline=True)
            assert report.status == "published", report
            made[name] = Replica(settings.release / "indexhouse.duckdb")
        return made[name]

    return make
