"""What Dagster sees: definitions as a reviewed list, one run request per tick, one build per change, runs on record.

To take over a wanted change of the definitions:
    INDEXHOUSE_UPDATE_DEFINITIONS=1 python -m pytest tests/end_to_end/test_dagster.py, then read the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from pipelines.definitions import build_definitions
from pipelines.settings import BUILTIN, Settings

REVIEWED = Path(__file__).parents[1] / "data" / "dagster_definitions.txt"
UPDATE = "INDEXHOUSE_UPDATE_DEFINITIONS"
FIRST_LINE = (
    "# Everything that Dagster knows of the built-in catalogue. To update: see tests/end_to_end/test_dagster.py"
)


@pytest.fixture(scope="module")
def builtin_definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Settings(tmp_path_factory.mktemp("definitions"), (BUILTIN,)))


@pytest.fixture
def instance(small: Any) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(small.home / "dagster")) as opened:
        yield opened


@pytest.fixture
def definitions(small: Any) -> dg.Definitions:
    return build_definitions(Settings(small.home, (small.catalogue,)))


def listed(definitions: dg.Definitions) -> list[str]:
    """One line for everything that Dagster knows, sorted."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    lines = [f"asset {key.to_user_string()} [{graph.get(key).group_name}]" for key in graph.get_all_asset_keys()]
    for key in graph.asset_check_keys:
        spec = graph.get_check_spec(key)
        lines.append(f"check {key.asset_key.to_user_string()} {key.name}{' blocking' if spec.blocking else ''}")
    lines += [f"job {job.name}" for job in repository.get_all_jobs() if not job.name.startswith("__")]
    lines += [
        f"schedule {s.name} {s.cron_schedule} {s.execution_timezone} -> {s.job_name} {s.default_status.value}"
        for s in repository.schedule_defs
    ]
    lines += [f"sensor {s.name} {s.default_status.value}" for s in repository.sensor_defs]
    return sorted(lines)


def test_the_definitions_are_those_that_were_reviewed(builtin_definitions: dg.Definitions) -> None:
    lines = [FIRST_LINE, *listed(builtin_definitions)]
    if os.environ.get(UPDATE):
        REVIEWED.write_text("\n".join(lines) + "\n", "utf-8")
    assert REVIEWED.read_text("utf-8").splitlines() == lines, (
        f"set {UPDATE}=1 to take the change over, then read the diff"
    )


def test_every_asset_says_what_it_is(builtin_definitions: dg.Definitions) -> None:
    graph = builtin_definitions.get_repository_def().asset_graph
    keys = graph.get_all_asset_keys()
    assert len(keys) > 100
    assert [key.to_user_string() for key in keys if len(graph.get(key).description or "") < 20] == []


def test_marts_carry_their_columns(builtin_definitions: dg.Definitions) -> None:
    graph = builtin_definitions.get_repository_def().asset_graph
    marts = [key for key in graph.get_all_asset_keys() if key.path[0] == "mart"]
    assert len(marts) > 20
    for key in marts:
        schema = graph.get(key).metadata["dagster/column_schema"]
        assert schema.columns and all(column.description for column in schema.columns), key


def test_every_release_table_has_a_blocking_check(builtin_definitions: dg.Definitions, builtin: Any) -> None:
    graph = builtin_definitions.get_repository_def().asset_graph
    blocking = {key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking}
    assert blocking >= {name for (name,) in builtin.query("select table_name from duckdb_tables()")}


def test_a_tick_asks_for_one_look_at_its_sources(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    (schedule,) = definitions.get_repository_def().schedule_defs
    at = datetime(2026, 3, 2, 6, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
    data = schedule.evaluate_tick(dg.build_schedule_context(instance=instance, scheduled_execution_time=at))
    (request,) = data.run_requests
    assert [key.to_user_string() for key in request.asset_selection] == ["snapshot/figures"]
    assert (schedule.job_name, schedule.default_status.value) == ("fetch", "RUNNING")


def test_cron_and_time_zone_are_explicit(definitions: dg.Definitions) -> None:
    (schedule,) = definitions.get_repository_def().schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("20 6 2 * *", "Asia/Shanghai")


def ask(definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[Any], str | None]:
    """Requests of the sensor and its cursor after one evaluation."""
    repository = definitions.get_repository_def()
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
    data = repository.get_sensor_def("build_on_change").evaluate_tick(context)
    return list(data.run_requests or []), data.cursor


def test_the_sensor_asks_for_one_build_after_a_change_and_for_none_otherwise(
    small: Any, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert ask(definitions, instance, None)[0] == [], "the current release was built from all that is known"
    small.drop("2022-03-01", factor=1.2)
    assert ask(definitions, instance, None)[0] == [], "nobody has looked at the inbox yet"
    fetch(definitions, instance)
    requests, cursor = ask(definitions, instance, None)
    assert [request.job_name or "build" for request in requests] == ["build"] and requests[0].run_key
    again, _ = ask(definitions, instance, cursor)
    assert [request.run_key for request in again if request.run_key != requests[0].run_key] == []


def fetch(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    assert definitions.resolve_job_def("fetch").execute_in_process(instance=instance, run_config=quiet).success


def test_the_command_and_the_scheduler_share_one_history(
    small: Any, indexhouse: Callable, dagster_runs: Callable
) -> None:
    assert [(job, status) for job, status, _ in dagster_runs(small.home)] == [
        ("fetch", "SUCCESS"),
        ("build", "SUCCESS"),
    ]
    small.drop("2022-03-01", factor=1.2)
    assert indexhouse(*small.options, "run", "--offline").status == 0
    runs = dagster_runs(small.home)
    assert [(job, status) for job, status, _ in runs[2:]] == [("fetch", "SUCCESS"), ("build", "SUCCESS")]


def test_a_run_leaves_row_counts_and_check_results_on_record(small: Any, instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey(["mart", "observation"]))
    assert event is not None and event.asset_materialization is not None
    ((rows,),) = small.query("select count(*) from observation")
    assert event.asset_materialization.metadata["dagster/row_count"].value == rows
    candidate = dg.AssetCheckKey(dg.AssetKey(["release", "candidate"]), "observation")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(candidate, limit=1)
    assert record.status.value == "SUCCEEDED"


def test_a_run_whose_process_is_gone_is_reaped_by_the_next(
    small: Any, definitions: dg.Definitions, instance: dg.DagsterInstance, indexhouse: Callable
) -> None:
    from pipelines.assets.context import PID_TAG

    job = definitions.resolve_job_def("build")
    dead = instance.create_run_for_job(job, tags={PID_TAG: "999999"}, status=dg.DagsterRunStatus.STARTED)
    foreign = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert indexhouse(*small.options, "run", "--offline").status == 0
    assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(foreign.run_id).status == dg.DagsterRunStatus.STARTED, "the daemon's"


def test_telemetry_is_off_and_runs_have_a_limit(instance: dg.DagsterInstance) -> None:
    assert instance.telemetry_enabled is False
    assert instance.run_monitoring_enabled and instance.run_monitoring_max_runtime_seconds > 0
