"""Layer snapshot: one asset a source, the bytes that its provider gave; all fetched in one step.

Not here: how a source is fetched (sources.fetch, intake).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from pipelines.assets.context import OFFLINE_TAG, Location, key
from pipelines.intake import look
from pipelines.settings import now
from warehouse.catalogue.source import Source


def snapshot_assets(location: Location) -> dg.AssetsDefinition:
    """The asset of each source; only sources that were looked at and have something to say are materialised."""
    sources = location.catalogue.sources
    specs = [_spec(source_id, source) for source_id, source in sorted(sources.items())]

    @dg.multi_asset(name="fetch_sources", specs=specs, can_subset=True)
    def fetch_sources(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Look at every selected source; keep bytes that are new. A source that fails leaves the others alone."""
        workspace = location.workspace(context)
        selected = sorted(k.path[-1] for k in context.selected_asset_keys)
        offline = context.run.tags.get(OFFLINE_TAG) == "yes"
        for outcome in look.fetch_sources(workspace, selected, offline=offline, at=now()):
            if outcome.problem:
                context.log.warning(outcome.problem)
            elif outcome.new_records or sources[outcome.source_id].max_age_days:
                yield dg.MaterializeResult(
                    asset_key=key("snapshot", outcome.source_id),
                    metadata={"files": outcome.files, "new_files": outcome.new_records},
                )

    return fetch_sources


def _spec(source_id: str, source: Source) -> dg.AssetSpec:
    age = source.max_age_days
    return dg.AssetSpec(
        key("snapshot", source_id),
        group_name="snapshot",
        skippable=True,
        kinds={source.read.format},
        description=f"{source.name_en} ({source.name_zh}). {source.provider}; licence: {source.licence}.",
        metadata={"cadence": source.cadence, "url": source.url or "none"},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=age)) if age else None,
    )
