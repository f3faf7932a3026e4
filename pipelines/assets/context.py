"""How an asset finds its run: settings and catalogue of the code location, run id and tags of the run.

Not here: the workspace itself (pipelines.workspace).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from pipelines.settings import Settings
from pipelines.workspace import Workspace
from warehouse.catalogue.load import Catalogue
from warehouse.tables import Table

AS_OF_TAG = "indexhouse/as_of"
PUBLISH_TAG = "indexhouse/publish"
OFFLINE_TAG = "indexhouse/offline"
PID_TAG = "indexhouse/pid"


@dataclass(frozen=True)
class Location:
    """One code location: its settings and its catalogue."""

    settings: Settings
    catalogue: Catalogue

    def workspace(self, context: dg.AssetExecutionContext) -> Workspace:
        as_of = context.run.tags.get(AS_OF_TAG)
        return Workspace(
            self.settings, self.catalogue, context.run.run_id, date.fromisoformat(as_of) if as_of else None
        )


def key(layer: str, name: str) -> dg.AssetKey:
    return dg.AssetKey([layer, name])


def table_metadata(table: Table) -> dict[str, Any]:
    """Column names, types and descriptions of a release table, as the UI shows them."""
    columns = [dg.TableColumn(c.name, c.type, c.description_en) for c in table.columns]
    return {"dagster/column_schema": dg.TableSchema(columns), "dagster/table_name": f"main.{table.name}"}


def keys(layer: str, names: Sequence[str]) -> list[dg.AssetKey]:
    return [key(layer, name) for name in names]
