"""Every client that can be run here opens a release, lists it, reads its comments and gives the same ten answers.

Not here: Superset (test_superset.py); speed (benchmarks/bi.py).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from .conftest import CLIENTS, REFUSED, Releases, ask, clean_environment, client_python, need_chromium, need_node

VERSIONS = ("1.1.3", "1.4.4", "1.5.6", "2.0.0")
WASM = ("duckdb-wasm-1-29", "duckdb-wasm-latest")
ROUNDS = 4


def answers_of(command: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    """What a client prints when it is asked."""
    done = subprocess.run(
        command, input=json.dumps(asked), cwd=CLIENTS, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def comments(file: Path) -> tuple[list[list[Any]], list[list[Any]]]:
    """Comments of tables and columns as the DuckDB that wrote the file reads them."""
    tables = ask(file, "select table_name, comment from duckdb_tables() order by 1")
    columns = ask(
        file,
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where not internal order by 1, column_index",
    )
    return tables, columns


def check_native(command: list[str], releases: Releases, queries: dict[str, str], expected: Any, tmp_path: Path) -> str:
    """Hold a native client against the release and the settings of docs/bi.md. Out: its version of DuckDB."""
    releases.publish(releases.new)
    host_file, target = tmp_path / "secret.txt", tmp_path / "written"
    host_file.write_text("not for BI users")
    statements = [text.format(host_file=host_file, target=target) for text in REFUSED]
    found = answers_of([*command, str(releases.file)], {"queries": queries, "refused": statements})
    tables, columns = comments(releases.file)
    assert found["tables"] == [name for name, _ in tables]
    assert found["table_comments"] == tables
    assert found["column_comments"] == columns
    assert all(comment for *_, comment in columns)
    for name in queries:
        assert found["answers"][name] == expected[releases.new][name], name
        assert found["answers"][name], name
    allowed = [statement for statement, error in found["refused"].items() if error is None]
    assert allowed == []
    assert not target.exists()
    return str(found["version"])


@pytest.mark.parametrize("version", VERSIONS)
def test_python_clients_open_list_and_answer_alike(
    version: str, releases: Releases, queries: dict[str, str], expected: Any, tmp_path: Path
) -> None:
    command = [str(client_python(f"duckdb-{version}")), "answers.py"]
    assert check_native(command, releases, queries, expected, tmp_path) == version


def test_node_api_opens_lists_and_answers_alike(
    releases: Releases, queries: dict[str, str], expected: Any, tmp_path: Path
) -> None:
    need_node()
    assert check_native(["node", "answers.mjs"], releases, queries, expected, tmp_path).startswith("v1.5")


def test_the_connector_of_evidence_answers_alike(releases: Releases, queries: dict[str, str], expected: Any) -> None:
    need_node()
    releases.publish(releases.new)
    found = answers_of(["node", "evidence.mjs", str(releases.file)], {"queries": queries})
    assert found["answers"] == expected[releases.new]
    assert {kind for kinds in found["types"].values() for kind in kinds} == {"string", "number", "date", "boolean"}


@pytest.mark.slow
def test_the_streamlit_app_shows_the_release_that_is_current(releases: Releases) -> None:
    python = client_python("streamlit")
    for release_id, year in ((releases.new, 2023), (releases.old, 2017)):
        releases.publish(release_id)
        done = subprocess.run(
            [str(python), "try_app.py", str(year)],
            env=clean_environment(INDEXHOUSE_RELEASE=str(releases.root)),
            cwd=CLIENTS / "streamlit", capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        seen = json.loads(done.stdout)
        assert seen["errors"] == []
        assert release_id in seen["caption"]
        assert seen["rows"] == ask(
            releases.file,
            "select score_rank, area_name_en, area_name_zh, score, change_abs "
            "from scoreboard_china_regional_innovation "
            f"where edition_id = 'latest' and period_year = {year} order by 1",
        )


@pytest.mark.parametrize("mode", ["whole", "range"])
@pytest.mark.parametrize("package", WASM)
def test_a_browser_reads_a_release_over_http_and_never_mixes_two(
    package: str, mode: str, releases: Releases, queries: dict[str, str], expected: Any, serve: Any
) -> None:
    need_chromium()
    releases.publish(releases.new)
    served = serve()
    command = ["node", "wasm.mjs", served.url, package, mode, str(ROUNDS)]
    found = answers_of(command, {"queries": queries})
    mixed = [p for p in found["polls"] if {*p["before"], *p["after"]} != {p["pointed"]}]
    assert mixed == []
    assert len(found["polls"]) == ROUNDS
    assert {p["pointed"] for p in found["polls"]} == {releases.old, releases.new}
    tables, _ = comments(releases.kept(releases.new))
    assert found["tables"] == [name for name, _ in tables]
    assert found["table_comments"] == tables
    for release_id, answers in found["answers"].items():
        for name in queries:
            assert answers[name] == expected[release_id][name], (release_id, name)
    parts = [bytes_ for name, status, bytes_ in served.answers if name.endswith(".duckdb") and status == 206]
    wholes = [name for name, status, _ in served.answers if name.endswith(".duckdb") and status == 200]
    if mode == "whole":
        assert (len(wholes), parts) == (ROUNDS, [])
    else:
        assert len(parts) > ROUNDS
        assert wholes == []


def test_an_open_connection_keeps_its_release_and_the_next_one_has_the_other(releases: Releases) -> None:
    releases.publish(releases.new)
    with duckdb.connect(str(releases.file), read_only=True) as held:
        ids = [held.execute("select release_id from release").fetchone()]
        releases.publish(releases.old)
        ids.append(held.execute("select max(release_id) from observation").fetchone())
    assert ids == [(releases.new,)] * 2
    assert ask(releases.file, "select max(release_id) from observation") == [[releases.old]]


def test_the_documented_queries_return_types_that_every_client_shows(
    releases: Releases, queries: dict[str, str]
) -> None:
    plain = {"VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
    with duckdb.connect(str(releases.file), read_only=True) as con:
        for name, sql in queries.items():
            assert {str(column[1]) for column in con.execute(sql).description} <= plain, name
