"""One recorded run from the command line: look at the sources, then build if anything changed; dead runs are reaped.

Not here: what the steps do (intake, marts, publishing) and when the scheduler starts them (assets.automation).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from pipelines import publishing, validation
from pipelines.assets.automation import BUILD, FETCH, text_of
from pipelines.assets.context import AS_OF_TAG, OFFLINE_TAG, PID_TAG, PUBLISH_TAG, keys
from pipelines.assets.event_log import overrides
from pipelines.dagster_home import instance_folder
from pipelines.definitions import build_definitions, build_job, fetch_job
from pipelines.run_report import RunReport, keep_report, last_report, nothing_changed
from pipelines.settings import Settings, now
from pipelines.workspace import LOCKED_HOME_VARIABLE, Workspace, home_lock, open_catalogue
from warehouse import releases
from warehouse.errors import CatalogueError, IndexhouseError, suggest

QUIET_LOGGER = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(
    settings: Settings,
    as_of: date | None = None,
    sources: tuple[str, ...] = (),
    offline: bool = False,
    publish: bool = True,
) -> RunReport:
    """Fetch, then build and publish if anything changed; both are Dagster runs of this home.

    With `as_of`, or without `publish`, the release is built and checked but not made current.
    Raises IndexhouseError when the run fails (the former release stays), HomeLockedError when another run goes on.
    """
    with home_lock(settings):
        catalogue = open_catalogue(settings)
        for source_id in sources:
            if source_id not in catalogue.sources:
                raise CatalogueError([f"--source {source_id}: is unknown; {suggest(source_id, catalogue.sources)}"])
        publishing.heal(settings)
        if not publishing.has_release(settings):
            validation.warm()
        definitions = build_definitions(settings, catalogue)
        with open_instance(settings) as instance:
            reap(instance)
            _clear_dead_staging(settings, instance)
            tags = {PID_TAG: str(os.getpid()), OFFLINE_TAG: "yes" if offline else "no"}
            started = now()
            fetched = _execute(settings, definitions, FETCH, instance, tags, keys("snapshot", sorted(sources)) or None)
            _fail_unless(settings, fetched, started.isoformat())
            state = Workspace(settings, catalogue, "state", as_of).state()
            if existing := publishing.release_of_state(settings, state):
                return _nothing_to_build(settings, existing, started.isoformat(), publish and as_of is None)
            validation.warm()
            tags[PUBLISH_TAG] = "yes" if publish and as_of is None else "no"
            if as_of:
                tags[AS_OF_TAG] = as_of.isoformat()
            built = _execute(settings, definitions, BUILD, instance, tags, None)
            _fail_unless(settings, built, started.isoformat())
            report = last_report(settings)
            if report is None or report.run_id != built.run_id:
                raise IndexhouseError(
                    f"{settings.home}: the report of run {built.run_id} is gone; see `indexhouse releases`"
                )
            return report


def _nothing_to_build(settings: Settings, release_id: str, started_at: str, publish: bool) -> RunReport:
    """The release of this state exists: switch to it where that was left undone, otherwise change nothing."""
    current = releases.current(settings.release)
    if publish and (current is None or current.release_id != release_id):
        if (fence := releases.may_switch(settings.release, release_id)).allowed:
            file = releases.switch(settings.release, release_id).file
            return keep_report(settings, RunReport("published", release_id, "", started_at, file=str(file)))
        return nothing_changed(settings, release_id, started_at, fence.reason)
    return nothing_changed(settings, release_id, started_at)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The home's Dagster instance; where dagster.yaml names no storage, its event log keeps its connections."""
    folder = instance_folder(settings)
    config = yaml.safe_load((folder / "dagster.yaml").read_text("utf-8")) or {}
    is_stock = not any(key == "storage" or key.endswith("_storage") for key in config)
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(str(folder), overrides=overrides(str(folder)) if is_stock else {})
    )


def _execute(
    settings: Settings,
    definitions: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    selection: Sequence[dg.AssetKey] | None,
) -> Any:
    """Run a job in this process, or on the configured executor, recorded in the instance."""
    if settings.executor == "in_process":
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            tags=tags,
            asset_selection=selection,
            raise_on_error=False,
            run_config=QUIET_LOGGER,
        )
    os.environ.update(settings.as_environment() | {LOCKED_HOME_VARIABLE: str(settings.home)})
    return dg.execute_job(
        dg.reconstructable({FETCH: fetch_job, BUILD: build_job}[job]),
        instance=instance,
        tags=tags,
        asset_selection=selection,
        raise_on_error=False,
        run_config=QUIET_LOGGER,
    )


def _fail_unless(settings: Settings, result: Any, started_at: str) -> None:
    """Raise IndexhouseError with the reason of a failed run, after keeping it for `status` and the alert hook."""
    if result.success:
        return
    problems = publishing.problems_of(settings, result.run_id) or _step_errors(result)
    report = publishing.keep_failure(settings, result.run_id, started_at, problems)
    raise IndexhouseError("\n".join([report.message, *report.problems[:20]]))


def _step_errors(result: Any) -> list[str]:
    """The innermost error of each failed step, as one text each."""
    failures = [event for event in result.all_events if event.is_step_failure]
    return [text_of(event.event_specific_data.error) for event in failures]


def _clear_dead_staging(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Remove the staging folders of runs that are over; a run of the daemon may be on its way in another."""
    for folder in settings.staging.glob("*"):
        record = instance.get_run_by_id(folder.name)
        if record is None or record.is_finished:
            Workspace.clear_staging(settings, folder.name)


def reap(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs that this command started and whose process is gone as failed; returns their ids.

    The caller holds the home's lock, so no other command line run is alive.
    """
    reaped = []
    for run_record in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        if PID_TAG in run_record.tags:
            instance.report_run_failed(run_record, "the process of this run ended before the run did")
            reaped.append(run_record.run_id)
    return reaped
