"""Layer release: the candidate that is built and judged in staging, and the release that BI opens.

Not here: staging, judging and switching (publishing, expectations, warehouse.publish).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines import publishing
from pipelines.assets.context import PUBLISH_TAG, Location, key, keys
from warehouse.tables import Table

CANDIDATE = key("release", "candidate")


def release_assets(location: Location, tables: dict[str, Table]) -> list[dg.AssetsDefinition]:
    """The candidate with one blocking check per table, and the published release."""
    checks = [
        dg.AssetCheckSpec(name, asset=CANDIDATE, blocking=True, description=f"Great Expectations on table {name}")
        for name in sorted(tables)
    ]
    marts = keys("mart", sorted(name for name in tables if name not in publishing.MADE_WITH_THE_CANDIDATE))

    @dg.multi_asset(
        name="build_candidate",
        specs=[dg.AssetSpec(CANDIDATE, deps=marts, group_name="release", kinds={"duckdb"},
                            description="All tables of the contract in one staged file, judged before it is seen.")],
        check_specs=checks,
    )  # fmt: skip
    def build_candidate(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Stage the release file, let Great Expectations judge it, and write the judgements into it."""
        candidate = publishing.build_candidate(location.workspace(context))
        yield dg.MaterializeResult(
            asset_key=CANDIDATE,
            metadata={"release_id": candidate.release_id, "dagster/row_count": candidate.rows},
            check_results=[
                dg.AssetCheckResult(
                    check_name=name,
                    asset_key=CANDIDATE,
                    passed=not candidate.problems.get(name),
                    severity=dg.AssetCheckSeverity.ERROR if candidate.blocks(name) else dg.AssetCheckSeverity.WARN,
                    metadata={"problems": dg.MetadataValue.md("\n\n".join(candidate.problems.get(name, [])) or "none")},
                )
                for name in sorted(tables)
            ],
        )

    @dg.asset(key=key("release", "indexhouse"), deps=[CANDIDATE], group_name="release", kinds={"duckdb"})
    def indexhouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        """The current release: one read-only DuckDB file, switched by one rename after all checks have passed."""
        outcome = publishing.publish_candidate(
            location.workspace(context), switch=context.run.tags.get(PUBLISH_TAG, "yes") == "yes"
        )
        return dg.MaterializeResult(metadata={"release_id": outcome.release_id, "is_current": outcome.is_current,
                                              "file": str(outcome.file)})  # fmt: skip

    return [build_candidate, indexhouse]
