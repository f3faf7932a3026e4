"""Layer core: all observations in all vintages, the records they came from, and every cell set aside.

Not here: the relations themselves (warehouse.core and warehouse/sql).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.context import Location, key, keys
from pipelines.intake import load

TABLES = {
    "observation": "One row where value, status or presence of a key changes between two vintages of one source.",
    "record": "One row per collapsed retrieval: vintage, bytes, and what became of its value cells.",
    "reject": "One row per value cell that was not loaded: excluded by a stated rule or quarantined, with its place.",
}
ACCOUNTING = "accounting"


def core_assets(location: Location) -> dg.AssetsDefinition:
    """The tables of the working file; blocking check: every value cell is loaded, unchanged, quarantined, excluded."""
    raw = keys("raw", sorted(location.catalogue.sources))
    specs = [
        dg.AssetSpec(key("core", name), deps=raw, group_name="core", kinds={"duckdb"}, description=text)
        for name, text in TABLES.items()
    ]
    check = dg.AssetCheckSpec(
        ACCOUNTING,
        asset=key("core", "record"),
        blocking=True,
        description="rows_in = loaded + unchanged + quarantined + excluded, in every record",
    )

    @dg.multi_asset(name="load_core", specs=specs, check_specs=[check])
    def load_core(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Make the change log of the sources that changed anew, in one transaction."""
        result = load.load_core(location.workspace(context))
        for name in TABLES:
            yield dg.MaterializeResult(asset_key=key("core", name), metadata={"dagster/row_count": result.rows[name]})
        yield dg.AssetCheckResult(
            check_name=ACCOUNTING,
            asset_key=key("core", "record"),
            passed=not result.unbalanced,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"unbalanced": "; ".join(result.unbalanced[:20]) or "none", **result.totals},
        )

    return load_core
