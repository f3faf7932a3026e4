"""Superset 6.1, headless on loopback: the documented connection, datasets with types and descriptions, a chart, a new
release, the dashboard in a browser, and what SQL Lab must not do.

Not here: other clients (test_clients.py).
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from .conftest import CLIENTS, REFUSED, ROOT, Releases, ask, clean_environment, need_chromium

HERE = ROOT / "deploy" / "superset"
PYTHON = ROOT / ".venv-bi-superset" / "bin" / "python"
USER = "admin"
CONNECT = {"read_only": True, "config": {"enable_external_access": "false", "lock_configuration": "true"}}
TEMPORAL = {"DATE", "TIMESTAMP"}
GENERIC = {"DOUBLE": 0, "INTEGER": 0, "VARCHAR": 1, "DATE": 2, "TIMESTAMP": 2, "BOOLEAN": 3}
# The names of duckdb-engine; the values are the same.
SHOWN = {"DOUBLE": "FLOAT", "TIMESTAMP": "TIMESTAMP WITHOUT TIME ZONE"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason=".venv-bi-superset is not there; `make bi` makes it"),
]


def importer() -> ModuleType:
    """deploy/superset/import_dashboard.py as a module."""
    spec = importlib.util.spec_from_file_location("import_dashboard", HERE / "import_dashboard.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Running:
    """A Superset with the dashboard imported, and a session of its REST interface."""

    url: str
    password: str
    session: Any
    database: int
    log: Path

    def call(self, verb: str, path: str, document: Any = None) -> Any:
        return self.session.call(verb, path, document)

    def datasets(self) -> dict[str, int]:
        listed = self.call("GET", "/api/v1/dataset/?q=(page_size:100)")["result"]
        return {dataset["table_name"]: dataset["id"] for dataset in listed}

    def dataset(self, table: str) -> int:
        """The dataset of a table, made from it when there is none."""
        known = self.datasets()
        if table not in known:
            made = {"database": self.database, "schema": "main", "table_name": table}
            known[table] = int(self.call("POST", "/api/v1/dataset/", made)["id"])
        return known[table]

    def chart(self, table: str, **query: Any) -> list[dict[str, Any]]:
        """The rows of a chart on a dataset."""
        asked = {
            "datasource": {"id": self.dataset(table), "type": "table"},
            "queries": [{"row_limit": 1000, "orderby": [], "metrics": None, **query}],
            "result_format": "json",
            "result_type": "full",
        }
        (answer,) = self.call("POST", "/api/v1/chart/data", asked)["result"]
        rows: list[dict[str, Any]] = answer["data"]
        return rows

    def sql(self, text: str) -> list[dict[str, Any]]:
        """The rows of a statement in SQL Lab; raises what Superset refuses."""
        asked = {"database_id": self.database, "sql": text, "schema": "main", "queryLimit": 1000, "runAsync": False}
        asked["client_id"] = secrets.token_hex(5)
        rows: list[dict[str, Any]] = self.call("POST", "/api/v1/sqllab/execute/", asked)["data"]
        return rows


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def superset(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Metadata in SQLite, one server process on loopback, the dashboard brought in by the script itself."""
    home, password, port = tmp_path_factory.mktemp("superset"), secrets.token_urlsafe(12), free_port()
    url, log = f"http://127.0.0.1:{port}", home / "server.log"
    settings = clean_environment(
        SUPERSET_HOME=str(home),
        SUPERSET_CONFIG_PATH=str(HERE / "superset_config.py"),
        SUPERSET_SECRET_KEY=secrets.token_urlsafe(42),
        SUPERSET_PASSWORD=password,
    )
    releases.publish(releases.new)
    with log.open("wb") as told:
        subprocess.run([str(PYTHON), "prepare.py", USER], env=settings, cwd=HERE, stdout=told, stderr=told, check=True)
        command = [str(PYTHON.with_name("gunicorn")), "-b", f"127.0.0.1:{port}", "-w", "1", "-k", "gthread"]
        command += ["--threads", "8", "--timeout", "300", "superset.app:create_app()"]
        server = subprocess.Popen(command, env=settings, cwd=home, stdout=told, stderr=told, start_new_session=True)
        try:
            wait_for(f"{url}/health", server, log)
            bring_in(url, password, releases.file)
            session = importer().Superset(url, USER, password)
            found = session.call("GET", "/api/v1/database/?q=(filters:!((col:database_name,opr:eq,value:indexhouse)))")
            yield Running(url, password, session, int(found["ids"][0]), log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 300) -> None:
    """Until the server answers; it says so itself when it ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"Superset does not answer:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)


def bring_in(url: str, password: str, file: Path) -> str:
    done = subprocess.run(
        ["python3", "import_dashboard.py", "--url", url, "--user", USER, "--release", str(file)],
        env=clean_environment(SUPERSET_PASSWORD=password), cwd=HERE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_connection_is_the_documented_one(superset: Running) -> None:
    database = superset.call("GET", f"/api/v1/database/{superset.database}/connection")["result"]
    extra = json.loads(database["extra"])
    assert extra["engine_params"]["connect_args"] == CONNECT
    documented = (ROOT / "docs" / "bi.md").read_text("utf-8")
    assert json.dumps({"engine_params": extra["engine_params"]}, separators=(",", ":")) in documented
    assert not database["allow_dml"]
    assert not database["allow_file_upload"]


def test_every_table_becomes_a_dataset_with_types_and_descriptions(superset: Running, releases: Releases) -> None:
    tables = [name for (name,) in ask(releases.file, "select table_name from duckdb_tables() order by 1")]
    listed = superset.call("GET", f"/api/v1/database/{superset.database}/tables/?q=(schema_name:main)")["result"]
    assert sorted(table["value"] for table in listed) == tables
    declared: dict[str, dict[str, tuple[str, str]]] = {}
    for table, column, kind, comment in ask(
        releases.file, "select table_name, column_name, data_type, comment from duckdb_columns() where not internal"
    ):
        declared.setdefault(table, {})[column] = (kind, comment)
    for table in tables:
        found = superset.call("GET", f"/api/v1/dataset/{superset.dataset(table)}")["result"]["columns"]
        assert {c["column_name"] for c in found} == set(declared[table]), table
        for column in found:
            kind, comment = declared[table][column["column_name"]]
            place = f"{table}.{column['column_name']}"
            assert column["type"] == SHOWN.get(kind, kind), place
            assert column["type_generic"] == GENERIC[kind], place
            assert column["is_dttm"] == (kind in TEMPORAL), place
            assert column["description"] == comment, place


def test_a_chart_with_a_year_filter_is_answered(superset: Running, releases: Releases) -> None:
    releases.publish(releases.new)
    where = [
        {"col": "index_id", "op": "==", "val": "china_regional_innovation"},
        {"col": "edition_id", "op": "==", "val": "latest"},
        {"col": "node_kind", "op": "==", "val": "index"},
        {"col": "period_year", "op": "==", "val": 2023},
    ]
    rows = superset.chart("index_score", columns=["ref_area", "score_rank", "score"], filters=where)
    expected = ask(
        releases.file,
        "select ref_area, score_rank, score from index_score where index_id = 'china_regional_innovation' "
        "and edition_id = 'latest' and node_kind = 'index' and period_year = 2023",
    )
    assert len(rows) == 31
    assert sorted([row["ref_area"], row["score_rank"], row["score"]] for row in rows) == sorted(expected)


def test_a_chart_over_time_takes_a_time_range_and_a_grain(superset: Running, releases: Releases) -> None:
    releases.publish(releases.new)
    rows = superset.chart(
        "index_score",
        columns=[{"columnType": "BASE_AXIS", "sqlExpression": "period_start", "label": "period_start",
                  "expressionType": "SQL", "timeGrain": "P1Y"}],
        metrics=[{"expressionType": "SQL", "sqlExpression": "max(score)", "label": "score"}],
        filters=[
            {"col": "period_start", "op": "TEMPORAL_RANGE", "val": "2014-01-01 : 2019-01-01"},
            {"col": "index_id", "op": "==", "val": "beijing_innovation"},
            {"col": "edition_id", "op": "==", "val": "latest"},
            {"col": "node_kind", "op": "==", "val": "index"},
        ],
        extras={"time_grain_sqla": "P1Y"},
    )  # fmt: skip
    expected = ask(
        releases.file,
        "select score from index_score where index_id = 'beijing_innovation' and edition_id = 'latest' "
        "and node_kind = 'index' and period_year between 2014 and 2018 order by period_year",
    )
    assert sorted(row["score"] for row in rows) == sorted(score for (score,) in expected)


def test_after_a_publish_and_a_rollback_the_next_answer_is_of_the_other_release(
    superset: Running, releases: Releases
) -> None:
    def answers() -> set[str]:
        by_chart = superset.chart("observation", columns=["release_id"], filters=[])
        by_sql = superset.sql("select max(release_id) as release_id from growth")
        return {row["release_id"] for row in [*by_chart, *by_sql]}

    releases.publish(releases.new)
    assert answers() == {releases.new}
    releases.publish(releases.old)
    assert answers() == {releases.old}
    releases.rollback()
    assert answers() == {releases.new}


@pytest.mark.parametrize("statement", REFUSED)
def test_sql_lab_can_neither_read_nor_write_files_nor_change_settings(
    statement: str, superset: Running, tmp_path: Path
) -> None:
    host_file, target = tmp_path / "secret.txt", tmp_path / "written"
    host_file.write_text("not for BI users")
    with pytest.raises(Exception, match=r"status [45]\d\d") as refused:
        superset.sql(statement.format(host_file=host_file, target=target))
    assert "not for BI users" not in str(refused.value)
    assert not target.exists()


def test_duckdb_itself_refuses_where_superset_would_let_it_pass(superset: Running, tmp_path: Path) -> None:
    host_file = tmp_path / "secret.txt"
    host_file.write_text("not for BI users")
    path = f"/api/v1/database/{superset.database}"
    superset.call("PUT", path, {"allow_dml": True})
    try:
        for statement, word in (
            (f"select * from read_text('{host_file}')", "disabled"),
            (f"copy (select 1 as one) to '{tmp_path / 'written'}'", "disabled"),
            (f"attach '{tmp_path / 'written'}' as other", "disabled"),
            ("set enable_external_access = true", "locked|been locked"),
        ):
            with pytest.raises(Exception, match=word):
                superset.sql(statement)
    finally:
        superset.call("PUT", path, {"allow_dml": False})
    assert not (tmp_path / "written").exists()


def test_sql_lab_answers_the_documented_queries(
    superset: Running, releases: Releases, queries: dict[str, str], expected: Any
) -> None:
    releases.publish(releases.new)
    for name, text in queries.items():
        rows = [list(row.values()) for row in superset.sql(text)]
        assert rows == expected[releases.new][name], name


def test_importing_again_replaces_and_doubles_nothing(superset: Running, releases: Releases) -> None:
    def counts() -> dict[str, int]:
        return {kind: superset.call("GET", f"/api/v1/{kind}/")["count"] for kind in ("dashboard", "chart", "database")}

    charts = len(list((HERE / "assets" / "charts").glob("*.yaml")))
    assert counts() == {"dashboard": 1, "chart": charts, "database": 1}
    assert bring_in(superset.url, superset.password, releases.file) == f"{superset.url}/superset/dashboard/innovation/"
    assert counts() == {"dashboard": 1, "chart": charts, "database": 1}


def test_the_dashboard_is_drawn_in_a_browser(superset: Running, releases: Releases, tmp_path: Path) -> None:
    need_chromium()
    releases.publish(releases.new)
    picture = Path(os.environ.get("BI_SCREENSHOT") or tmp_path / "superset.png")
    done = subprocess.run(
        ["node", "screenshot.mjs", f"{superset.url}/superset/dashboard/innovation/", str(picture)],
        env=clean_environment(SUPERSET_USER=USER, SUPERSET_PASSWORD=superset.password),
        cwd=CLIENTS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    charts = [yaml.safe_load(path.read_text("utf-8")) for path in (HERE / "assets" / "charts").glob("*.yaml")]
    assert sorted(seen["titles"]) == sorted(chart["slice_name"] for chart in charts)
    assert seen["drawn"] == len(charts)
    assert (seen["errors"], seen["empty"], seen["refused"]) == ([], [], [])
    ((score,),) = ask(
        releases.file,
        "select score from index_score where index_id = 'beijing_innovation' and edition_id = 'latest' "
        "and node_kind = 'index' order by period_year desc limit 1",
    )
    assert f"{score:.1f}" in seen["numbers"]
    assert picture.stat().st_size > 100_000


def test_the_bundle_is_a_dashboard_that_can_be_imported_by_hand(tmp_path: Path) -> None:
    target = tmp_path / "innovation.zip"
    subprocess.run(
        ["python3", "import_dashboard.py", "--zip", str(target), "--release", "/data/indexhouse.duckdb"],
        cwd=HERE, check=True,
    )  # fmt: skip
    shutil.unpack_archive(target, tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / "indexhouse"
    assert yaml.safe_load((unpacked / "metadata.yaml").read_text())["type"] == "Dashboard"
    database = yaml.safe_load((unpacked / "databases" / "indexhouse.yaml").read_text("utf-8"))
    assert database["sqlalchemy_uri"] == "duckdb:////data/indexhouse.duckdb"
    assert database["extra"]["engine_params"]["connect_args"] == CONNECT
