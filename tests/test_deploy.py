"""What deploy/ holds agrees with the release: locks, the dashboard's SQL and columns, the documented queries.

Not here: the clients at work (tests/bi, by `make bi`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "deploy" / "superset" / "assets"
LOCKS = sorted((ROOT / "deploy").rglob("requirements.lock"))
DATASETS = sorted((ASSETS / "datasets").rglob("*.yaml"))
CHARTS = sorted((ASSETS / "charts").glob("*.yaml"))
CHINESE = re.compile("[一-鿿]")
TYPES = {"VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def by_uuid() -> dict[str, dict[str, Any]]:
    return {document["uuid"]: document for document in map(read, DATASETS)}


def used_columns(params: Any) -> set[str]:
    """Columns that the parameters of a chart name: axis, groups, raw columns, filters."""
    found: set[str] = set()
    for name in ("x_axis", "groupby", "groupby_b", "all_columns"):
        given = params.get(name) or []
        found |= {given} if isinstance(given, str) else set(given)
    filters = [*params.get("adhoc_filters", []), *params.get("adhoc_filters_b", [])]
    found |= {condition["subject"] for condition in filters}
    return found | {json.loads(order)[0] for order in params.get("order_by_cols", [])}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_every_pin_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    blocks = [block for block in re.split(r"\n(?=[^\s#])", text) if block.strip() and not block.startswith("#")]
    assert blocks
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[^\s;*]+", block), block
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block
    assert "://" not in text


def test_the_lock_of_node_has_no_address_of_a_registry() -> None:
    packages = json.loads((ROOT / "deploy" / "bi" / "package-lock.json").read_text("utf-8"))["packages"]
    wanted = json.loads((ROOT / "deploy" / "bi" / "package.json").read_text("utf-8"))["dependencies"]
    assert packages[""]["dependencies"] == wanted
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("path", DATASETS, ids=lambda path: path.stem)
def test_a_dataset_of_the_dashboard_has_the_columns_it_names(path: Path, builtin: Any) -> None:
    dataset = read(path)
    source = f"({dataset['sql']})" if dataset["sql"] else dataset["table_name"]
    found = {name: kind for name, kind, *_ in builtin.query(f"describe select * from {source}")}
    assert set(found.values()) <= TYPES
    for column in dataset["columns"]:
        assert found.get(column["column_name"]) == column["type"], column["column_name"]
        assert column["is_dttm"] == (column["type"] in ("DATE", "TIMESTAMP"))
    assert builtin.query(f"select count(*) from {source}")[0][0] > 0
    if dataset["sql"]:
        assert set(found) == {column["column_name"] for column in dataset["columns"]}


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_a_chart_has_a_title_in_both_languages_and_columns_that_are_there(path: Path) -> None:
    chart = read(path)
    assert CHINESE.search(chart["slice_name"])
    assert re.search("[A-Z][a-z]", chart["slice_name"])
    assert chart["description"]
    dataset = by_uuid()[chart["dataset_uuid"]]
    assert used_columns(chart["params"]) <= {column["column_name"] for column in dataset["columns"]}


def test_the_dashboard_shows_every_chart_once() -> None:
    (dashboard,) = map(read, (ASSETS / "dashboards").glob("*.yaml"))
    shown = [
        part["meta"] for part in dashboard["position"].values() if isinstance(part, dict) and part["type"] == "CHART"
    ]
    charts = {chart["uuid"]: chart["slice_name"] for chart in map(read, CHARTS)}
    assert sorted((meta["uuid"], meta["sliceName"]) for meta in shown) == sorted(charts.items())
    assert len({meta["chartId"] for meta in shown}) == len(charts)
    for native in dashboard["metadata"]["native_filter_configuration"]:
        for target in native["targets"]:
            columns = by_uuid()[target["datasetUuid"]]["columns"]
            assert target["column"]["name"] in {column["column_name"] for column in columns}


def test_the_ids_that_the_dashboard_names_are_in_the_release(builtin: Any) -> None:
    known = {row[0] for row in builtin.query("select index_id from index_edition union select ref_area from ref_area")}
    text = "\n".join(path.read_text("utf-8") for path in CHARTS)
    named = set(re.findall(r"subject: (?:index_id|ref_area)\n(?:    .*\n)*?    comparator: (\S+)", text))
    assert named
    assert named <= known


def test_the_ten_documented_queries_answer(builtin: Any) -> None:
    parts = (ROOT / "docs" / "bi_queries.sql").read_text("utf-8").split(";")
    queries = [part for part in parts if "select" in part]
    assert len(queries) == 10
    for query in queries:
        assert builtin.query(query), query
