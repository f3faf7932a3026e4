"""Release tables from core: families of tables that are built together, each a step of the build.

Not here: the method (index, claims), staging and publishing (publishing), the relations (warehouse/sql).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.marts import growth, indices, observations, statements
from pipelines.workspace import Workspace
from warehouse.catalogue.load import Catalogue
from warehouse.tables import Table, tables


@dataclass(frozen=True)
class Family:
    """Tables built in one step. `needs`: tables of another family that must be there first."""

    name: str
    tables: tuple[str, ...]
    needs: tuple[str, ...]
    build: Callable[[Workspace], dict[str, int]]


def families(catalogue: Catalogue) -> tuple[Family, ...]:
    """All families in an order that satisfies their needs."""
    scoreboards = tuple(indices.scoreboard_name(index_id) for index_id in sorted(catalogue.indices))
    return (
        Family("observations", observations.TABLES, (), observations.build),
        Family("indices", (*indices.TABLES, *scoreboards), ("observation",), indices.build),
        Family("growth", growth.TABLES, ("observation", "index_score"), growth.build),
        Family("claims", statements.TABLES, ("observation_vintage",), statements.build),
    )


def release_tables(catalogue: Catalogue) -> dict[str, Table]:
    """Every table of a release of this catalogue: the fixed ones and a scoreboard per index."""
    scoreboards = {
        index_id: [(pillar, index.nodes[pillar].name_en, index.nodes[pillar].name_zh)
                   for pillar in indices.pillars(index_id, index)]
        for index_id, index in catalogue.indices.items()
    }  # fmt: skip
    return tables(scoreboards)
