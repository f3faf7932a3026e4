"""Layer mart: one asset a release table, built in families, each family one step.

Not here: how a table is computed (marts, index, claims).
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from pipelines import marts
from pipelines.assets.context import Location, key, keys, table_metadata
from pipelines.assets.core import TABLES as CORE_TABLES
from warehouse.tables import Table


def mart_assets(location: Location, tables: dict[str, Table]) -> list[dg.AssetsDefinition]:
    """One multi-asset per family of tables."""
    core = keys("core", list(CORE_TABLES))
    built: list[dg.AssetsDefinition] = []
    for family in marts.families(location.catalogue):
        deps = [*core, *(key("mart", name) for name in family.needs)]
        specs = [
            dg.AssetSpec(
                key("mart", name),
                deps=deps,
                group_name="mart",
                kinds={"duckdb"},
                description=f"{tables[name].description_en}\n\n{tables[name].description_zh}",
                metadata=table_metadata(tables[name]),
            )
            for name in family.tables
        ]
        built.append(_family(location, family.name, specs, family.build))
    return built


def _family(
    location: Location, name: str, specs: list[dg.AssetSpec], build: Callable[..., dict[str, int]]
) -> dg.AssetsDefinition:
    @dg.multi_asset(name=f"build_{name}", specs=specs)
    def build_family(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        rows = build(location.workspace(context))
        for spec in specs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"dagster/row_count": rows[spec.key.path[-1]]})

    return build_family
