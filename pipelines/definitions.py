"""The Dagster code location: assets, checks, jobs, schedules, sensor. Assembly only.

Not here: what any of them does.
"""

from __future__ import annotations

import dagster as dg

from pipelines.assets import automation
from pipelines.assets.context import Location
from pipelines.assets.core import core_assets
from pipelines.assets.mart import mart_assets
from pipelines.assets.raw import raw_assets
from pipelines.assets.release import release_assets
from pipelines.assets.snapshot import snapshot_assets
from pipelines.marts import release_tables
from pipelines.settings import Settings, from_environment
from pipelines.workspace import open_catalogue
from warehouse.catalogue.load import Catalogue
from warehouse.errors import IndexhouseError

EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}


def build_definitions(settings: Settings, catalogue: Catalogue | None = None) -> dg.Definitions:
    """Everything Dagster knows of one home and one catalogue. Raises CatalogueError when the catalogue is wrong."""
    location = Location(settings, catalogue or open_catalogue(settings))
    tables, jobs = release_tables(location.catalogue), automation.jobs()
    return dg.Definitions(
        assets=[
            snapshot_assets(location),
            raw_assets(location),
            core_assets(location),
            *mart_assets(location, tables),
            *release_assets(location, tables),
        ],
        jobs=jobs,
        schedules=automation.schedules(location),
        sensors=automation.sensors(location, jobs),
        executor=executor_of(settings),
    )


def fetch_job() -> dg.JobDefinition:
    """The job `fetch` of the environment's home, for processes that make it again."""
    return build_definitions(from_environment()).resolve_job_def(automation.FETCH)


def build_job() -> dg.JobDefinition:
    """The job `build` of the environment's home, for processes that make it again."""
    return build_definitions(from_environment()).resolve_job_def(automation.BUILD)


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """The executor that INDEXHOUSE_EXECUTOR names; others than the two of Dagster itself need their package."""
    if settings.executor == "dask":
        try:
            from dagster_dask import dask_executor
        except ImportError:
            raise IndexhouseError("INDEXHOUSE_EXECUTOR: 'dask' needs the package dagster-dask; install it") from None
        return dask_executor
    return EXECUTORS[settings.executor]


def __getattr__(name: str) -> object:
    """`defs` is made when a Dagster server asks for it, so that importing this module opens nothing."""
    if name == "defs":
        return build_definitions(from_environment())
    raise AttributeError(name)
