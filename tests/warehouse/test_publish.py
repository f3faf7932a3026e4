"""Releases: a staged file, how it is switched, what a kill, a full disk or a closed folder leave behind.

Not here: the declared tables (test_tables), opening files (test_db).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from warehouse import db, publish, releases, tables
from warehouse.errors import IndexhouseError

if TYPE_CHECKING:
    from tests.warehouse.conftest import Maker

CHECKOUT = Path(__file__).resolve().parents[2]


def ids_in(file: Path) -> set[str]:
    """Every release id that any table of a release file holds."""
    with db.read_only_release(file) as con:
        names = [name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()]
        union = " union ".join(f"select release_id from {db.quote(name)}" for name in names)
        return {release_id for (release_id,) in con.execute(union).fetchall()}


def content(root: Path) -> dict[str, bytes]:
    """Path below the release folder -> bytes, of everything in it."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_sound(root: Path, expected: str) -> None:
    """The current file is of one release, everything around it agrees, nothing half-made is left."""
    file = root / "indexhouse.duckdb"
    assert ids_in(file) == {expected}
    latest = json.loads((root / "latest.json").read_text())
    assert latest["release_id"] == expected
    assert latest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert latest["size_bytes"] == file.stat().st_size
    assert (root / latest["file"]).read_bytes() == file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    history = json.loads((root / ".history.json").read_text())
    assert history["published"][-1] == expected
    assert [path.name for path in root.iterdir() if path.name.startswith(".part") or path.suffix == ".wal"] == []


def run_code(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def publish_code(root: Path, staged: Path, built_at: datetime) -> str:
    return (
        "import datetime\nfrom pathlib import Path\nfrom warehouse import publish\n"
        f"publish.publish(Path({str(root)!r}), Path({str(staged)!r}), {{}}, {built_at!r}, parquet=False)\n"
    )


# A staged file


def test_a_staged_file_is_what_every_client_opens(make: Maker) -> None:
    file = make.stage(1) / "indexhouse.duckdb"
    assert int.from_bytes(file.read_bytes()[12:20], "little") == 64
    assert [path.name for path in file.parent.iterdir()] == ["indexhouse.duckdb"]
    publish.verify(file, make.tables, make.id(1))
    with db.read_only_release(file) as con:
        assert con.execute("select current_database()").fetchall() == [("indexhouse",)]
        assert con.execute("select unit_id from unit").fetchall() == [(f"u{n:07}",) for n in range(5)]


def test_the_whole_contract_is_staged_and_verified_empty(tmp_path: Path, make: Maker) -> None:
    every = tables.tables({"i": [("p", "P", "第一")]})
    frames = {name: pl.DataFrame() for name in every} | {
        "release": make.frames(1)["release"],
        "dictionary": tables.dictionary_rows(every),
    }
    file = tmp_path / "s" / "indexhouse.duckdb"
    publish.stage(file, frames, every, make.id(1))
    publish.verify(file, every, make.id(1))
    assert int.from_bytes(file.read_bytes()[12:20], "little") == 64


def test_staging_reads_frames_from_parquet_too(tmp_path: Path, make: Maker) -> None:
    frames: dict[str, Any] = make.frames(1)
    shuffled = frames["unit"].reverse()
    shuffled.write_parquet(tmp_path / "unit.parquet")
    file = tmp_path / "s" / "indexhouse.duckdb"
    publish.stage(file, frames | {"unit": tmp_path / "unit.parquet"}, make.tables, make.id(1))
    publish.verify(file, make.tables, make.id(1))


def test_filling_a_table_later_keeps_format_and_order(make: Maker) -> None:
    file = make.stage(1) / "indexhouse.duckdb"
    quality = make.frames(1)["quality"].with_columns(pl.Series("check_id", ["z", "c"]))
    publish.fill(file, make.tables["quality"], quality, make.id(1))
    publish.verify(file, make.tables, make.id(1))
    with db.read_only_release(file) as con:
        assert con.execute("select check_id from quality").fetchall() == [("c",), ("z",)]


@pytest.mark.parametrize("change", ["left out", "unknown", "unfit"])
def test_a_frame_that_does_not_belong_leaves_no_file(tmp_path: Path, make: Maker, change: str) -> None:
    frames = make.frames(1)
    if change == "left out":
        del frames["unit"]
    elif change == "unknown":
        frames["guesses"] = pl.DataFrame()
    else:
        frames["unit"] = pl.concat([frames["unit"], frames["unit"]])
    with pytest.raises(IndexhouseError, match=r"table (unit|guesses)"):
        publish.stage(tmp_path / "s" / "indexhouse.duckdb", frames, make.tables, make.id(1))
    assert not list(tmp_path.rglob("indexhouse.duckdb*"))


def test_a_staged_file_needs_the_name_of_the_catalogue(tmp_path: Path, make: Maker) -> None:
    with pytest.raises(IndexhouseError, match=r"name the file indexhouse\.duckdb"):
        publish.stage(tmp_path / "other.duckdb", make.frames(1), make.tables, make.id(1))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("create view v as select 1 as n", "view v does not belong"),
        ("create macro m(a) as a + 1", "macro m does not belong"),
        ("create sequence s", "sequence s does not belong"),
        ("create type mood as enum ('a')", "type mood does not belong"),
        ("create schema other", "schema other does not belong"),
        ("create index i on unit (unit_id)", "index i does not belong"),
        (
            "create table surplus (n integer primary key)",
            r"(?s)constraint surplus.*table surplus is not declared",
        ),
        ("drop table quality", "table quality is missing"),
        ("alter table unit add column more integer", "table unit: has .*more INTEGER"),
        ("alter table unit alter factor type float", "table unit: has .*factor FLOAT"),
        ("comment on column unit.factor is 'other'", "table unit, column factor: its comment"),
        ("comment on table unit is null", "table unit: its comment"),
        ("update unit set factor = 'nan' where unit_id = 'u0000001'", "column factor: 1 values are NaN"),
        ("update unit set factor = '-inf'", "column factor: 5 values are NaN or infinite"),
        ("update release set built_at = 'infinity'", "column built_at: 1 values are NaN or infinite"),
        ("update unit set release_id = 'x' where unit_id > 'u0000002'", "2 rows are not of release"),
        ("update quality set release_id = null", "2 rows are not of release"),
        ("update unit set unit_id = null where unit_id = 'u0000004'", "column unit_id: 1 keys are NULL"),
        ("update unit set unit_id = 'z' where unit_id = 'u0000001'", "rows are not sorted by key"),
        ("update unit set unit_id = 'u0000000' where unit_id = 'u0000001'", "1 rows repeat a key"),
    ],
)
def test_verify_names_each_defect(make: Maker, statement: str, said: str) -> None:
    file = make.stage(1) / "indexhouse.duckdb"
    with db.connect(file) as con:
        con.execute(statement)
    with pytest.raises(IndexhouseError, match=said):
        publish.verify(file, make.tables, make.id(1))


def test_verify_lists_all_defects_at_once_and_sees_the_storage_version(tmp_path: Path, make: Maker) -> None:
    file = tmp_path / "indexhouse.duckdb"
    with db.connect(file) as con:
        con.execute("create table surplus (n integer)")
    with pytest.raises(IndexhouseError) as caught:
        publish.verify(file, make.tables, make.id(1))
    assert "64 is needed" in str(caught.value)
    assert "table unit is missing" in str(caught.value)
    assert "table surplus is not declared" in str(caught.value)


# Publishing


def test_a_published_release_has_its_folder_its_pointer_and_a_current_copy(make: Maker) -> None:
    staged = make.stage(1)
    (staged / "report.html").write_text("<p>")
    out = publish.publish(make.root, staged, {"catalogue": {"名": 1}}, make.built_at(1))
    assert (out.release_id, out.is_current, out.reason) == (make.id(1), True, "")
    assert_sound(make.root, make.id(1))
    assert sorted(content(out.folder)) == [
        "indexhouse.duckdb", "manifest.json", "parquet/quality.parquet", "parquet/release.parquet",
        "parquet/unit.parquet", "report.html",
    ]  # fmt: skip
    assert json.loads((out.folder / "manifest.json").read_text("utf-8")) == {
        "release_id": make.id(1), "built_at": make.built_at(1).isoformat(), "catalogue": {"名": 1},
    }  # fmt: skip
    assert json.loads((make.root / "latest.json").read_text()) == {
        "release_id": make.id(1), "file": f"{make.id(1)}/indexhouse.duckdb",
        "sha256": hashlib.sha256(out.file.read_bytes()).hexdigest(), "size_bytes": out.file.stat().st_size,
        "built_at": "2026-01-02T03:05:05Z", "data_vintage": "2026-01-01",
    }  # fmt: skip
    assert stat.S_IMODE((out.folder / "indexhouse.duckdb").stat().st_mode) == 0o444
    assert not staged.exists()
    unit = pl.read_parquet(out.folder / "parquet" / "unit.parquet")
    assert unit.columns == [column.name for column in make.tables["unit"].columns]
    assert unit["unit_id"].to_list() == [f"u{n:07}" for n in range(5)]


def test_folders_of_older_releases_never_change(make: Maker) -> None:
    first = make.publish(1)
    before = content(first.folder)
    make.publish(2)
    releases.rollback(make.root)
    releases.switch(make.root, make.id(2))
    assert content(first.folder) == before


def test_the_last_n_are_kept_and_always_the_current_one(make: Maker) -> None:
    make.publish(1)
    for number in (2, 3, 4):
        out = make.publish(number, keep=2, make_current=False, parquet=False)
        assert not out.is_current
    assert [r.release_id for r in releases.list_releases(make.root)] == [make.id(n) for n in (1, 3, 4)]
    assert out.removed == (make.id(2),)
    assert_sound(make.root, make.id(1))


def test_data_reaches_the_disk_before_the_name_and_the_pointer_comes_last(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.publish(1)
    steps: list[tuple[str, object]] = []
    fsync, rename = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        steps.append(("fsync", os.fstat(handle).st_ino))
        fsync(handle)

    def note_rename(source: Any, target: Any) -> None:
        steps.append(("rename", Path(target).name))
        rename(source, target)

    make.publish(2, make_current=False)
    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_rename)
    releases.switch(make.root, make.id(2))
    data = ("fsync", (make.root / "indexhouse.duckdb").stat().st_ino)
    pointer = ("fsync", (make.root / "latest.json").stat().st_ino)
    folder = ("fsync", make.root.stat().st_ino)
    switched, pointed = steps.index(("rename", "indexhouse.duckdb")), steps.index(("rename", "latest.json"))
    assert steps.index(data) < switched
    assert steps.index(pointer) < pointed
    assert folder in steps[switched:pointed]
    assert steps[pointed + 1 :] == [folder]


def test_a_stray_log_beside_the_release_is_removed_and_reported(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    make.publish(1)
    stray = make.root / "indexhouse.duckdb.wal"
    stray.write_bytes(b"left by someone")
    make.publish(2)
    assert not stray.exists()
    assert "indexhouse.duckdb.wal: removed" in caplog.text
    assert_sound(make.root, make.id(2))


def test_the_same_release_again_leaves_its_folder_as_it_is(make: Maker) -> None:
    first = make.publish(1)
    before = content(first.folder)
    later = datetime(2026, 5, 5)
    again = make.publish(1, facts={"built_at": later})
    assert again.is_current
    assert content(first.folder) == before
    assert_sound(make.root, make.id(1))


def test_the_same_id_with_other_rows_is_refused(make: Maker) -> None:
    make.publish(1)
    before = content(make.root)
    with pytest.raises(IndexhouseError, match="built again and differs in quality, unit"):
        make.publish(1, rows=6)
    assert content(make.root) == before


def test_a_manifest_or_time_of_another_build_is_refused(make: Maker) -> None:
    staged = make.stage(1)
    with pytest.raises(IndexhouseError, match="the manifest says other"):
        publish.publish(make.root, staged, {"release_id": "other"}, make.built_at(1))
    with pytest.raises(IndexhouseError, match="built_at is"):
        publish.publish(make.root, staged, {}, make.built_at(2))
    assert not make.root.exists()


# Parquet and equality

_EXPORT = """
import random
from pathlib import Path
from datetime import datetime
import polars as pl
from warehouse import publish, releases, tables
import importlib.util
spec = importlib.util.spec_from_file_location("maker", {conftest!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
make = module.Maker(Path({folder!r}))
frames = make.frames(1, rows=150_000)
frames["unit"] = frames["unit"].sample(fraction=1.0, shuffle=True, seed={seed})
file = make.folder / "staged" / "indexhouse.duckdb"
publish.stage(file, frames, make.tables, make.id(1))
publish.write_parquet(file, make.folder / "parquet")
for name, digest in releases.marts_hash(make.folder / "parquet").items():
    print(name, digest)
"""


def test_parquet_is_equal_byte_for_byte_whatever_threads_order_zone_and_locale(tmp_path: Path) -> None:
    seen = set()
    for seed, (threads, zone, locale) in enumerate([("1", "UTC", "C"), ("2", "Asia/Shanghai", "C.UTF-8")]):
        folder = tmp_path / threads
        code = _EXPORT.format(conftest=str(Path(__file__).with_name("conftest.py")), folder=str(folder), seed=seed)
        done = run_code(code, POLARS_MAX_THREADS=threads, OMP_NUM_THREADS=threads, TZ=zone, LC_ALL=locale)
        assert done.returncode == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["quality", "unit"]
        seen.add(done.stdout)
    assert len(seen) == 1


def test_the_hash_of_marts_leaves_out_the_release_table_only(make: Maker) -> None:
    make.publish(1)
    staged = make.stage(1, run_id="another run") / "indexhouse.duckdb"
    publish.write_parquet(staged, make.folder / "again")
    first = make.root / make.id(1) / "parquet"
    assert releases.marts_hash(first) == releases.marts_hash(make.folder / "again")
    assert (first / "release.parquet").read_bytes() != (make.folder / "again" / "release.parquet").read_bytes()
    with pytest.raises(IndexhouseError, match="no Parquet files"):
        releases.marts_hash(make.folder / "nothing")


# Which release may become current


def test_rollback_makes_the_previous_one_current_and_a_run_does_not_come_back(make: Maker) -> None:
    for number in (1, 2, 3):
        make.publish(number)
    assert releases.rollback(make.root).release_id == make.id(2)
    assert_sound(make.root, make.id(2))
    refused = make.publish(3)
    assert not refused.is_current
    assert f"`indexhouse publish {make.id(3)}`" in refused.reason
    assert_sound(make.root, make.id(2))
    assert releases.rollback(make.root).release_id == make.id(1)
    assert {r.release_id for r in releases.list_releases(make.root) if r.is_rolled_back} == {
        make.id(2),
        make.id(3),
    }
    with pytest.raises(IndexhouseError, match=f"nothing that was current before {make.id(1)}"):
        releases.rollback(make.root)
    assert_sound(make.root, make.id(1))


def test_what_was_rolled_back_from_comes_back_by_publish_id_only_and_new_data_goes_on(make: Maker) -> None:
    make.publish(1)
    make.publish(2)
    releases.rollback(make.root)
    releases.prune(make.root, keep=1)
    assert not (releases.may_switch(make.root, make.id(2))).allowed
    releases.switch(make.root, make.id(2))
    assert_sound(make.root, make.id(2))
    assert releases.may_switch(make.root, make.id(2)).allowed
    releases.rollback(make.root)
    assert make.publish(3).is_current
    assert_sound(make.root, make.id(3))
    assert releases.rollback(make.root).release_id == make.id(1)


def test_a_rolled_back_release_stays_out_after_its_folder_is_gone(make: Maker) -> None:
    make.publish(1)
    make.publish(2)
    releases.rollback(make.root)
    shutil.rmtree(make.root / make.id(2))
    assert not releases.may_switch(make.root, make.id(2)).allowed
    assert not make.publish(2).is_current


def test_an_orphan_that_finishes_late_does_not_replace_a_newer_build(make: Maker) -> None:
    orphan = make.stage(1)
    make.publish(2)
    out = publish.publish(make.root, orphan, {}, make.built_at(1))
    assert not out.is_current
    assert "before the current" in out.reason
    assert_sound(make.root, make.id(2))


def test_older_data_of_the_same_catalogue_is_refused_and_of_another_one_is_not(make: Maker) -> None:
    make.publish(1)
    lost = make.publish(2, facts={"data_vintage": date(2020, 1, 1)})
    assert not lost.is_current
    assert "lost snapshots" in lost.reason
    assert make.publish(3, facts={"data_vintage": date(2020, 1, 1), "catalogue_hash": "other"}).is_current
    assert_sound(make.root, make.id(3))


def test_a_release_as_of_a_date_waits_for_publish_id(make: Maker) -> None:
    make.publish(1)
    out = make.publish(2, facts={"as_of": date(2019, 10, 17)})
    assert not out.is_current
    assert "as of 2019-10-17" in out.reason
    assert out.file == make.root / make.id(2) / "indexhouse.duckdb"
    assert releases.switch(make.root, make.id(2)).as_of == date(2019, 10, 17)
    assert_sound(make.root, make.id(2))


def test_an_unknown_or_damaged_release_is_named_and_the_current_one_stays(make: Maker) -> None:
    make.publish(1)
    make.publish(2)
    damaged = make.root / make.id(1) / "indexhouse.duckdb"
    damaged.chmod(0o644)
    damaged.write_bytes(b"rot")
    with pytest.raises(IndexhouseError, match=f"'{make.id(7)}' is not kept; did you mean"):
        releases.switch(make.root, make.id(7))
    with pytest.raises(IndexhouseError, match="is damaged"):
        releases.rollback(make.root)
    assert_sound(make.root, make.id(2))
    listed = releases.list_releases(make.root)
    assert [(r.release_id, bool(r.problem), r.is_current) for r in listed] == [
        (make.id(1), True, False),
        (make.id(2), False, True),
    ]


def test_nothing_published_is_said_so(tmp_path: Path) -> None:
    assert releases.current(tmp_path) is None
    assert releases.list_releases(tmp_path / "none") == []
    assert releases.heal(tmp_path / "none") == []
    with pytest.raises(IndexhouseError, match="nothing is published"):
        releases.rollback(tmp_path)


# Kills, full disks, closed folders

BEFORE = ("before_data_fsync", "after_data_fsync", "before_rename")
AFTER = ("after_rename", "before_latest", "after_latest")


@pytest.mark.faults
@pytest.mark.parametrize("point", BEFORE + AFTER)
def test_a_kill_at_any_point_leaves_one_whole_release_and_the_next_run_heals(make: Maker, point: str) -> None:
    make.publish(1)
    make.publish(2)
    staged = make.stage(3)
    done = run_code(publish_code(make.root, staged, make.built_at(3)), INDEXHOUSE_FAILPOINT=point)
    assert done.returncode == 9, done.stderr
    survivor = make.id(2 if point in BEFORE else 3)
    assert ids_in(make.root / "indexhouse.duckdb") == {survivor}
    releases.heal(make.root)
    assert_sound(make.root, survivor)
    assert releases.heal(make.root) == []
    assert make.publish(3).is_current
    assert_sound(make.root, make.id(3))
    assert releases.rollback(make.root).release_id == make.id(2)
    assert releases.rollback(make.root).release_id == make.id(1)


@pytest.mark.faults
@pytest.mark.parametrize("point", BEFORE + AFTER)
def test_a_kill_during_rollback_either_happened_or_did_not(make: Maker, point: str) -> None:
    for number in (1, 2, 3):
        make.publish(number, parquet=False)
    code = f"import pathlib\nfrom warehouse import releases\nreleases.rollback(pathlib.Path({str(make.root)!r}))\n"
    assert run_code(code, INDEXHOUSE_FAILPOINT=point).returncode == 9
    releases.heal(make.root)
    if point in BEFORE:
        assert_sound(make.root, make.id(3))
        assert releases.may_switch(make.root, make.id(3)).allowed
        assert releases.rollback(make.root).release_id == make.id(2)
    else:
        assert_sound(make.root, make.id(2))
        assert not releases.may_switch(make.root, make.id(3)).allowed
        assert releases.rollback(make.root).release_id == make.id(1)


@pytest.mark.faults
@pytest.mark.parametrize("point", BEFORE + AFTER)
def test_a_kill_during_publish_id_keeps_the_way_back(make: Maker, point: str) -> None:
    for number in (1, 2):
        make.publish(number, parquet=False)
    code = (
        "from pathlib import Path\nfrom warehouse import releases\n"
        f"releases.switch(Path({str(make.root)!r}), {make.id(1)!r})\n"
    )
    assert run_code(code, INDEXHOUSE_FAILPOINT=point).returncode == 9
    releases.heal(make.root)
    survivor, other = (2, 1) if point in BEFORE else (1, 2)
    assert_sound(make.root, make.id(survivor))
    assert releases.rollback(make.root).release_id == make.id(other)


@pytest.mark.faults
def test_a_kill_of_the_very_first_publish_leaves_nothing_half_made(make: Maker) -> None:
    staged = make.stage(1)
    done = run_code(publish_code(make.root, staged, make.built_at(1)), INDEXHOUSE_FAILPOINT="before_rename")
    assert done.returncode == 9
    assert releases.current(make.root) is None
    releases.heal(make.root)
    assert releases.current(make.root) is None
    assert not (make.root / "latest.json").exists()
    assert make.publish(1).is_current
    assert_sound(make.root, make.id(1))


@pytest.mark.faults
def test_a_damaged_current_file_is_restored_from_its_folder(make: Maker) -> None:
    make.publish(1)
    make.publish(2)
    file = make.root / "indexhouse.duckdb"
    file.chmod(0o644)
    file.write_bytes(b"rot")
    with pytest.raises(IndexhouseError, match="is damaged"):
        releases.current(make.root)
    assert f"from {make.id(2)}" in " ".join(releases.heal(make.root))
    assert_sound(make.root, make.id(2))


@pytest.mark.faults
def test_a_lost_or_broken_pointer_is_written_again(make: Maker) -> None:
    make.publish(1)
    for text in ("{", "[]", '{"release_id": "other", "size_bytes": 1}', None):
        if text is None:
            (make.root / "latest.json").unlink()
        else:
            (make.root / "latest.json").write_text(text)
        assert releases.heal(make.root) == ["wrote latest.json again"]
        assert_sound(make.root, make.id(1))


_POLL = """
import json
from pathlib import Path
from warehouse import db
root, stop = Path({root!r}), Path({stop!r})
errors, mixed, seen, polls = [], 0, set(), 0
print("ready", flush=True)
while not stop.exists():
    polls += 1
    try:
        with db.read_only_release(root / "indexhouse.duckdb", threads=1) as con:
            ids = [con.execute(f"select distinct release_id from {{name}}").fetchall() for name in
                   ("release", "unit", "quality")]
        mixed += ids[0] != ids[1] or ids[1] != ids[2] or len(ids[0]) != 1
        seen.add(ids[0][0][0])
    except Exception as error:
        errors.append(str(error))
print(json.dumps({{"errors": errors[:3], "mixed": mixed, "seen": len(seen), "polls": polls}}))
"""


@pytest.mark.slow
@pytest.mark.faults
def test_readers_that_poll_over_sixty_publishes_see_no_error_and_no_mix(make: Maker, tmp_path: Path) -> None:
    make.publish(0, rows=2000, parquet=False)
    stop = tmp_path / "stop"
    start = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n"
    code = start + _POLL.format(root=str(make.root), stop=str(stop))
    readers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        for reader in readers:
            assert reader.stdout and reader.stdout.readline() == "ready\n"
        for number in range(1, 61):
            assert make.publish(number, rows=2000, keep=100, parquet=False).is_current
    finally:
        stop.touch()
        answers = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    for answer in answers:
        assert (answer["errors"], answer["mixed"]) == ([], 0)
        assert answer["seen"] > 1
    assert_sound(make.root, make.id(60))


_LIMITED = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"


@pytest.mark.faults
def test_a_full_disk_while_switching_keeps_the_old_release_and_the_next_run_goes_on(make: Maker) -> None:
    make.publish(1)
    before = (make.root / "indexhouse.duckdb").read_bytes()
    staged = make.stage(2, rows=20_000)
    done = run_code(_LIMITED.format(limit=100_000) + publish_code(make.root, staged, make.built_at(2)))
    assert done.returncode == 1
    assert "IndexhouseError" in done.stderr
    assert "free space" in done.stderr
    assert (make.root / "indexhouse.duckdb").read_bytes() == before
    assert_sound(make.root, make.id(1))
    assert make.publish(2, rows=20_000).is_current
    assert_sound(make.root, make.id(2))


@pytest.mark.faults
def test_a_full_disk_while_staging_leaves_no_file(tmp_path: Path) -> None:
    code = _LIMITED.format(limit=100_000) + _EXPORT.format(
        conftest=str(Path(__file__).with_name("conftest.py")), folder=str(tmp_path), seed=1
    )
    done = run_code(code)
    assert done.returncode == 1
    assert "IndexhouseError" in done.stderr
    assert "staged/indexhouse.duckdb" in done.stderr
    assert not list((tmp_path / "staged").iterdir())


def test_too_little_free_space_is_said_before_anything_is_written(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    make.publish(1)
    before = content(make.root)
    usage = shutil.disk_usage(make.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(IndexhouseError, match=r"release: 0 MB are free, \d MB are needed"):
        make.publish(2)
    assert content(make.root) == before


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, which no mode bit stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.faults
@pytest.mark.parametrize("action", ["publish", "switch", "rollback"])
def test_a_release_folder_without_write_permission_is_named_with_the_remedy(
    make_in: Callable[[Path], Maker], action: str
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        make = make_in(folder)
        make.publish(1, parquet=False)
        make.publish(2, parquet=False)
        staged = make.stage(3)
        folder.chmod(0o755)
        make.root.chmod(0o555)
        before = content(make.root)
        with (
            as_nobody(),
            pytest.raises(IndexhouseError, match="give this user write permission on") as caught,
        ):
            if action == "publish":
                publish.publish(make.root, staged, {}, make.built_at(3), parquet=False)
            elif action == "switch":
                releases.switch(make.root, make.id(1))
            else:
                releases.rollback(make.root)
        assert str(make.root) in str(caught.value)
        assert content(make.root) == before
        make.root.chmod(0o755)
        assert make.publish(3, parquet=False).is_current
    finally:
        make.root.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.faults
def test_a_file_in_place_of_the_release_folder_is_named(make: Maker) -> None:
    make.root.write_text("in the way")
    with pytest.raises(IndexhouseError, match=r"release: is a file where a folder is needed.*move it away"):
        make.publish(1)
    assert make.root.read_text() == "in the way"


@pytest.mark.faults
def test_a_broken_history_is_named_with_what_its_loss_means(make: Maker) -> None:
    make.publish(1)
    (make.root / ".history.json").write_text("{")
    with pytest.raises(IndexhouseError, match=r"\.history\.json: cannot be read.*or remove it"):
        releases.rollback(make.root)
    (make.root / ".history.json").unlink()
    assert make.publish(2).is_current


def test_random_walks_of_publish_rollback_and_switch_stay_sound(make: Maker) -> None:
    """Against a naive model: a list of what was current, and a set of what was rolled back from."""
    chance = random.Random(4)
    number, model, rolled_back = 1, [1], set[int]()
    make.publish(1, parquet=False)
    for _ in range(25):
        action = chance.choice(["publish", "publish", "rollback", "switch"])
        if action == "publish":
            number += 1
            assert make.publish(number, parquet=False, keep=50).is_current
            model.append(number)
        elif action == "switch":
            target = chance.randint(1, number)
            releases.switch(make.root, make.id(target))
            rolled_back.discard(target)
            model += [target] if model[-1] != target else []
        else:
            earlier = [n for n in model if n != model[-1] and n not in rolled_back]
            if not earlier:
                continue
            rolled_back.add(model[-1])
            model = earlier
            releases.rollback(make.root)
        assert_sound(make.root, make.id(model[-1]))
        assert releases.heal(make.root) == []
    marked = {r.release_id for r in releases.list_releases(make.root) if r.is_rolled_back}
    assert marked == {make.id(n) for n in rolled_back}
    now = releases.current(make.root)
    assert now is not None
    assert replace(now, is_current=False).release_id == make.id(model[-1])
