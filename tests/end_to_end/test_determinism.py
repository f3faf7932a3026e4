"""The same inputs give the same release id and bytes: other machine settings, other order of arrival, a rebuild."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SETTINGS = (
    {"TZ": "Pacific/Auckland", "LC_ALL": "C", "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "1"},
    {"TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8", "POLARS_MAX_THREADS": "4", "PYTHONHASHSEED": "2",
     "PYTHONUTF8": "1"},
)  # fmt: skip
ARRIVALS = (["2020-03-01", "2021-03-01", "2022-03-01"], ["2022-03-01", "2020-03-01", "2021-03-01"])

pytestmark = pytest.mark.xdist_group("determinism")


def parquet_of(small: Any, release_id: str) -> dict[str, str]:
    """Table -> SHA-256 of its Parquet file, all but `release`."""
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (small.release / release_id / "parquet").glob("*.parquet")
    }
    assert found.pop("release") and len(found) > 20
    return found


def records_in(small: Any, order: list[str], scratch: Path) -> None:
    """Keep the records of the files in a given order, as if they had arrived in it."""
    from pipelines import progress
    from pipelines.intake import look
    from pipelines.settings import Settings, now
    from pipelines.workspace import Workspace, open_catalogue
    from warehouse.snapshots import SnapshotStore

    progress.be_quiet()
    settings = Settings(scratch, (small.catalogue,))
    elsewhere = Workspace(settings, open_catalogue(settings), "fetch")
    look.fetch_sources(elsewhere, ["figures"], offline=True, at=now())
    records = {vintage: r for vintage in order for r in elsewhere.store.records("figures") if vintage in r.file_name}
    store = SnapshotStore(small.home / "snapshots")
    for vintage in order:
        store.put(elsewhere.store.read(records[vintage]))
        assert store.add(records[vintage])


@pytest.fixture(scope="module")
def homes(make_small: Callable, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, str]]:
    """Two homes of one catalogue: other time zone, locale, threads, hash seed, and order of arrival."""
    import subprocess
    import sys

    found = []
    for number, (settings, order) in enumerate(zip(SETTINGS, ARRIVALS, strict=True)):
        small = make_small(tmp_path_factory.mktemp(f"machine{number}"), kind="bundled")
        small.drop("2022-03-01", factor=1.2)
        records_in(small, order, small.folder / "scratch")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("INDEXHOUSE_", "LC_", "LANG"))}
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *small.options, "run", "--offline", "--json"],
            env=kept | settings, cwd=Path(__file__).parents[2], capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        found.append((small, json.loads(done.stdout)["release_id"]))
    return found


@pytest.mark.slow
def test_two_machines_make_one_release(homes: list[tuple[Any, str]]) -> None:
    (one, first), (other, second) = homes
    assert first == second
    assert parquet_of(one, first) == parquet_of(other, second)


@pytest.mark.slow
def test_the_table_release_says_when_and_by_which_run(homes: list[tuple[Any, str]]) -> None:
    (one, _), (other, _) = homes
    same = "select release_id, as_of, data_vintage, code_version, catalogue_hash, input_hash from release"
    assert one.query(same) == other.query(same)
    assert one.query("select run_id from release") != other.query("select run_id from release")


@pytest.mark.slow
def test_the_home_can_be_made_again_from_snapshots_and_catalogue(
    homes: list[tuple[Any, str]], tmp_path: Path, indexhouse: Callable
) -> None:
    original, release_id = homes[0]
    again = original.copy(tmp_path / "again")
    for path in again.home.iterdir():
        if path.name != "snapshots":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    document = indexhouse(*again.options, "run", "--offline", "--json").json
    assert document["release_id"] == release_id
    assert parquet_of(again, release_id) == parquet_of(original, release_id)


@pytest.mark.slow
def test_files_that_arrive_one_by_one_end_in_the_same_tables(
    homes: list[tuple[Any, str]], make_small: Callable, tmp_path: Path, indexhouse: Callable
) -> None:
    """Late arrival of an old file: the change log is that of the vintages, whatever came when."""
    late = make_small(tmp_path, kind="bundled")
    oldest = late.inbox / "figures-2020-03-01.csv"
    late.drop("2022-03-01", factor=1.2)
    content = oldest.read_bytes()
    oldest.unlink()
    first = indexhouse(*late.options, "run", "--offline", "--json").json
    oldest.write_bytes(content)
    second = indexhouse(*late.options, "run", "--offline", "--json").json
    assert first["release_id"] != second["release_id"] == homes[0][1]
    assert parquet_of(late, second["release_id"]) == parquet_of(*homes[0])


@pytest.mark.slow
def test_rebuild_proves_the_release_and_leaves_no_trace(
    homes: list[tuple[Any, str]], indexhouse: Callable, fingerprint_of: Callable
) -> None:
    small, release_id = homes[0]
    before = fingerprint_of(small.release)
    document = indexhouse(*small.options, "rebuild", release_id, "--json").json
    assert document == {"release_id": release_id, "equal_tables": len(parquet_of(small, release_id))}
    assert fingerprint_of(small.release) == before
    assert not list(small.home.glob("staging/*"))


def test_rebuild_needs_no_catalogue_but_that_of_the_manifest(small, indexhouse: Callable) -> None:
    ((release_id,),) = small.query("select release_id from release")
    small.edit("indices/strength.yml", lambda index: index["nodes"]["input"].update(weight=7))
    assert indexhouse(*small.options, "rebuild", release_id).status == 0


def test_rebuild_under_other_code_names_the_version_to_install(
    small, indexhouse: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((release_id, version),) = small.query("select release_id, code_version from release")
    monkeypatch.setattr("pipelines.rebuilding.code_version", lambda: "9.9.9+00000000")
    answer = indexhouse(*small.options, "rebuild", release_id)
    assert answer.status == 1 and len(answer.errors) == 1
    assert version in answer.errors[0] and "install" in answer.errors[0]


def test_rebuild_tells_which_table_differs(small, indexhouse: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.marts import growth

    ((release_id,),) = small.query("select release_id from release")
    build = growth.build

    def other(workspace: Any) -> dict[str, int]:
        import polars as pl

        rows = build(workspace)
        path = workspace.file("marts/growth.parquet")
        frame = pl.read_parquet(path)
        frame.with_columns(change_abs=pl.lit(0.0)).write_parquet(path)
        return rows

    monkeypatch.setattr(growth, "build", other)
    answer = indexhouse(*small.options, "rebuild", release_id)
    assert answer.status == 1 and "differ" in answer.errors[0] and "growth" in answer.errors[0]


def test_another_order_of_nodes_is_another_release(small, indexhouse: Callable) -> None:
    """The order stands in index_node.ordinal, so the id must tell it apart."""
    nodes = "select node_id from index_node order by ordinal"
    before = small.query(nodes)
    small.edit("indices/strength.yml", lambda index: index.update(nodes=dict(reversed(index["nodes"].items()))))
    document = indexhouse(*small.options, "run", "--offline", "--json").json
    assert (small.query(nodes) == before) == (document["status"] == "nothing_changed")
    assert document["status"] == "published"


def test_a_second_run_changes_nothing(small, indexhouse: Callable) -> None:
    def seen() -> dict[Path, tuple[int, int]]:
        return {
            p: (p.stat().st_mtime_ns, p.stat().st_ino)
            for f in ("release", "snapshots", "readings")
            for p in (small.home / f).rglob("*")
        }

    before, warehouse = seen(), (small.home / "warehouse.duckdb").read_bytes()
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 0 and "nothing changed" in answer.out
    after = seen()
    changed = {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"checked", "figures.json"}, "only when the inbox was last looked at"
    assert (small.home / "warehouse.duckdb").read_bytes() == warehouse
    assert not list(small.home.glob("staging/*"))
