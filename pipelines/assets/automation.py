"""Jobs, schedules and the sensor: when sources are looked at, and that a build follows a change.

Not here: runs from the command line (pipelines.run).
"""

from typing import Any

import dagster as dg

from pipelines.assets.context import PID_TAG, Location, keys
from pipelines.cadence import groups
from pipelines.dagster_home import MAX_RUNTIME_SECONDS
from pipelines.workspace import Workspace
from warehouse.catalogue.load import digest_of

FETCH, BUILD = "fetch", "build"
BUILD_GROUPS = ("raw", "core", "mart", "release")


def jobs() -> list[Any]:
    """`fetch` looks at the sources, `build` makes a release of what is known."""
    limit = {"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)}
    return [
        dg.define_asset_job(FETCH, selection=dg.AssetSelection.groups("snapshot"), tags=limit),
        dg.define_asset_job(BUILD, selection=dg.AssetSelection.groups(*BUILD_GROUPS), tags=limit),
    ]


def schedules(location: Location) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence (or own cron) that a source has; a missed tick runs once, for the latest only."""
    return [
        _schedule(location, name, cron, sources) for (name, cron), sources in sorted(groups(location.catalogue).items())
    ]


def _schedule(location: Location, name: str, cron: str, sources: list[str]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=FETCH,
        cron_schedule=cron,
        execution_timezone=location.settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks at: {', '.join(sources)}",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=None, asset_selection=keys("snapshot", sources))

    return tick


def sensors(location: Location, jobs: list[Any]) -> list[dg.SensorDefinition]:
    """`build_on_change` asks for a first look at new sources and for one build per state of code, catalogue and
    retrievals; `tell_failures` keeps and tells why a scheduled run failed."""

    @dg.sensor(
        name="build_on_change",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def build_on_change(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from pipelines.publishing import release_of_state

        workspace = Workspace(location.settings, location.catalogue, "sensor")
        if fresh := [source_id for source_id, records in workspace.records.items() if not records
                     and workspace.store.last_check(source_id)[0] is None]:  # fmt: skip
            return dg.RunRequest(run_key=digest_of(fresh), job_name=FETCH, asset_selection=keys("snapshot", fresh))
        state = workspace.state()
        if state == context.cursor or release_of_state(location.settings, state):
            return dg.SkipReason("nothing has changed since the last build")
        context.update_cursor(state)
        return dg.RunRequest(run_key=state, job_name=BUILD)

    @dg.run_failure_sensor(name="tell_failures", default_status=dg.DefaultSensorStatus.RUNNING)
    def tell_failures(context: dg.RunFailureSensorContext) -> None:
        """Keep why a scheduled run failed for `status` and tell the alert hook; the command line tells its own."""
        if PID_TAG in context.dagster_run.tags:
            return
        from pipelines.publishing import keep_failure, problems_of

        run_id = context.dagster_run.run_id
        events = [event.step_failure_data.error for event in context.get_step_failure_events()]
        problems = problems_of(location.settings, run_id) or [text_of(error) for error in events]
        keep_failure(location.settings, run_id, "", problems or [str(context.failure_event.message)])

    return [build_on_change, tell_failures]


def text_of(error: Any) -> str:
    """What went wrong in a step, without the wrapping of Dagster and without the class name."""
    while error.cause is not None and str(error.cls_name).startswith("Dagster"):
        error = error.cause
    text = str(error.message).strip()
    return text.partition(": ")[2] or text
