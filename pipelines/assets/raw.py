"""Layer raw: one asset a source, every value cell of its files, typed, mapped and judged at the first border.

Not here: readers and mapping (sources), the judging (expectations), the order of both (intake).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.context import Location, key
from pipelines.intake.judge import read_and_judge

CHECK = "first_border"


def raw_assets(location: Location) -> dg.AssetsDefinition:
    """The asset of each source, with one check each: were all its files accepted?"""
    sources = location.catalogue.sources
    specs = [
        dg.AssetSpec(
            key("raw", source_id),
            deps=[key("snapshot", source_id)],
            group_name="raw",
            kinds={"polars"},
            description=f"One row per value cell of {source.name_en} ({source.name_zh}): value, missing, excluded by a "
            "stated rule, or quarantined with its reason.",
        )
        for source_id, source in sorted(sources.items())
    ]
    checks = [
        dg.AssetCheckSpec(
            CHECK, asset=spec.key, description="Great Expectations on types, units, areas, ranges, volume, accounting"
        )
        for spec in specs
    ]

    @dg.multi_asset(name="read_sources", specs=specs, check_specs=checks)
    def read_sources(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Read what is new, judge everything; a file that fails is set aside and the last good one stands in."""
        workspace = location.workspace(context)
        for result in read_and_judge(workspace):
            yield dg.MaterializeResult(
                asset_key=key("raw", result.source_id),
                metadata={
                    "dagster/row_count": result.rows_in,
                    "files": result.files,
                    "rejected_files": result.rejected,
                },
                check_results=[
                    dg.AssetCheckResult(
                        check_name=CHECK,
                        asset_key=key("raw", result.source_id),
                        passed=not result.problems,
                        severity=dg.AssetCheckSeverity.WARN,
                        metadata={"problems": dg.MetadataValue.md("\n\n".join(result.problems[:20]) or "none")},
                    )
                ],
            )

    return read_sources
