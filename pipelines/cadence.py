"""When sources are looked at: one cron per cadence, or a source's own.

Not here: the schedules of Dagster (assets.automation) that follow from it.
"""

from __future__ import annotations

from collections import defaultdict

from warehouse.catalogue.load import Catalogue

# A yearly source is looked at every month: nobody knows the day on which the year's file appears.
CRONS = {
    "daily": "0 6 * * *",
    "weekly": "10 6 * * 1",
    "monthly": "20 6 2 * *",
    "quarterly": "30 6 3 1,4,7,10 *",
    "yearly": "40 6 4 * *",
}


def groups(catalogue: Catalogue) -> dict[tuple[str, str], list[str]]:
    """(schedule name, cron) -> the sources looked at then; a source of cadence `once` is looked at by `run` only."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source_id, source in sorted(catalogue.sources.items()):
        if source.cron:
            found[f"fetch_{source_id}", source.cron].append(source_id)
        elif source.cadence in CRONS:
            found[f"fetch_{source.cadence}", CRONS[source.cadence]].append(source_id)
    return dict(found)
