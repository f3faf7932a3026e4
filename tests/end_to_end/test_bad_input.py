"""Bad input and bad places: one outcome each; the release before stays byte for byte, the next good run recovers."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEADER = "地区,年份,生产总值（亿元）,常住人口（万人）,R&D经费（亿元）"


SNAPSHOT = "select snapshot_id from snapshot where file_name like '%-{}.csv'"
ACCOUNT = "select rows_in, rows_loaded + rows_unchanged, rows_quarantined, rows_excluded from snapshot"


def table(*changes: tuple[str, str], years: range = range(2016, 2021)) -> str:
    """A file of figures like those before, one year longer, with texts replaced."""
    lines = [HEADER]
    for row, name in enumerate(("北京", "天津", "上海", "广东"), 1):
        lines += [f"{name},{year},{2000 * row + year},{1500 + 100 * row},{100 * row + year - 2000}" for year in years]
    text = "\n".join(lines) + "\n"
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


# Files that are refused whole: name -> (bytes, reason code, part of the reason)
REFUSED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "empty_file", "the file is empty"),
    "blank": (b"\n \n\n", "empty_file", "the file is empty"),
    "encoding": (table().encode("gb18030"), "wrong_encoding", "encoding"),
    "header": (table(("地区,", "省份,")).encode(), "header_not_found", "header"),
    "headless": (table().partition("\n")[2].encode(), "header_not_found", "header"),
    "column": (table(("R&D经费（亿元）", "研发支出")).encode(), "column_missing", "R&D"),
    "title_only": (f"{HEADER}\n".encode(), "no_rows", "no data rows"),
    "half": (table(years=range(2016, 2021)).encode()[: len(HEADER.encode()) + 130], "volume_drop", ""),
    "text": (table().replace(",20", ",zwanzig").encode(), "too_many_rejects", ""),
}
# Single cells that are set aside: name -> (replacement, reason code, raw text, place)
SET_ASIDE: dict[str, tuple[tuple[str, str], str, str, str]] = {
    "number": (("北京,2020,4020,", "北京,2020,4o20,"), "not_a_number", "4o20", "C6"),
    "range": (("天津,2020,6020,", "天津,2020,-6020,"), "out_of_range", "-6020", "C11"),
    "area": (("上海,2020,8020,", "火星,2020,8020,"), "unknown_area", "8020", "C16"),
    "period": (("广东,2020,10020,", "广东,MMXX,10020,"), "unknown_period", "10020", "C21"),
    "twice": (("北京,2020,4020,", "北京,2019,4444,"), "conflicting_duplicate", "4444", "C6"),
}


@pytest.fixture(scope="module")
def refused(published_small, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One home with every kind of file that is refused, after one run."""
    return _run_with(published_small, tmp_path_factory, {n: content for n, (content, *_) in REFUSED.items()})


@pytest.fixture(scope="module")
def set_aside(published_small, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One home with every kind of bad cell, a file each, after one run."""
    return _run_with(
        published_small, tmp_path_factory, {n: table(change).encode() for n, (change, *_) in SET_ASIDE.items()}
    )


def _run_with(published: Any, factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> Any:
    from pipelines import progress
    from pipelines.run import run
    from pipelines.settings import Settings

    small = published.copy(factory.mktemp("bad"))
    for day, (name, content) in enumerate(contents.items(), 1):
        small.put(f"inbox/figures-2022-01-{day:02d}-{name}.csv", content)
    progress.be_quiet()
    small.report = run(Settings(small.home, (small.catalogue,)), offline=True)
    return small


def test_a_run_with_refused_files_still_publishes(refused: Any) -> None:
    assert refused.report.status == "published"


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(refused: Any, name: str) -> None:
    _, code, part = REFUSED[name]
    sql = f"""select reason_code, reason_en, reason_zh from quarantine
              where locator = '' and snapshot_id in ({SNAPSHOT.format(name)})"""
    ((found, text_en, text_zh),) = refused.query(sql)
    assert found == code and part in text_en and text_zh
    row = refused.query(
        f"""select rows_in = rows_loaded + rows_unchanged + rows_quarantined + rows_excluded, rows_loaded from snapshot
            where snapshot_id in ({SNAPSHOT.format(name)})"""
    )
    assert row == [(True, 0)]


def test_the_last_good_file_stands_in_for_those_refused(refused: Any, published_small) -> None:
    sql = "select indicator_id, ref_area, time_period, obs_value, vintage, source_id from observation order by all"
    assert refused.query(sql) == published_small.query(sql)


def test_the_release_before_stays_byte_for_byte(
    refused: Any, set_aside: Any, published_small, fingerprint_of: Callable
) -> None:
    ((old,),) = published_small.query("select release_id from release")
    before = fingerprint_of(published_small.release / old)
    assert before and fingerprint_of(refused.release / old) == before
    assert fingerprint_of(set_aside.release / old) == before


def test_a_good_file_after_refused_ones_is_loaded(refused: Any, tmp_path: Path, indexhouse: Callable) -> None:
    small = refused.copy(tmp_path / "recovered")
    small.put("inbox/figures-2022-03-01.csv", table())
    answer = indexhouse(*small.options, "run", "--offline", "--json")
    assert answer.status == 0 and answer.json["status"] == "published"
    assert small.query(
        "select obs_value from observation where indicator_id = 'gdp' and ref_area = 'CN-BJ' and time_period = '2020'"
    ) == [(4020.0,)]


@pytest.mark.parametrize("name", SET_ASIDE)
def test_a_bad_cell_is_set_aside_with_place_text_and_reason(set_aside: Any, name: str) -> None:
    _, code, text, place = SET_ASIDE[name]
    sql = f"select locator, reason_code, raw_text from quarantine where snapshot_id in ({SNAPSHOT.format(name)})"
    assert (place, code, text) in set_aside.query(sql)
    assert "" not in {locator for locator, *_ in set_aside.query(sql)}


@pytest.mark.parametrize("name", SET_ASIDE)
def test_the_other_cells_of_the_file_are_loaded(set_aside: Any, name: str) -> None:
    sql = f"{ACCOUNT} where snapshot_id in ({SNAPSHOT.format(name)})"
    ((rows_in, loaded, quarantined, excluded),) = set_aside.query(sql)
    assert rows_in == 60 == loaded + quarantined + excluded
    assert 0 < quarantined <= 6 and loaded >= 54


def test_both_values_of_a_key_that_stands_twice_are_set_aside(set_aside: Any) -> None:
    sql = f"""select raw_text from quarantine where reason_code = 'conflicting_duplicate' and locator in ('C5', 'C6')
              and snapshot_id in ({SNAPSHOT.format("twice")}) order by all"""
    assert set_aside.query(sql) == [("4019",), ("4444",)]


def test_a_column_that_nobody_declared_is_told_and_harms_nothing(
    small, indexhouse: Callable, dagster_runs: Callable
) -> None:
    text = "\n".join(f"{line},{'利润（亿元）' if n == 0 else n}" for n, line in enumerate(table().splitlines())) + "\n"
    small.put("inbox/figures-2022-01-01.csv", text)
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 0
    assert small.query("select count(*) from observation where time_period = '2020'") == [(16,)]
    ((rows_in, loaded, quarantined, excluded),) = small.query(f"{ACCOUNT} where file_name like '%2022-01-01.csv'")
    assert (rows_in, loaded, quarantined, excluded) == (80, 60, 0, 20)
    _, _, told = dagster_runs(small.home)[-1]
    assert "figures-2022-01-01.csv: the catalogue does not know this column" in told and "利润" in told


def test_a_header_that_moved_down_is_found(small, indexhouse: Callable) -> None:
    small.put("inbox/figures-2022-01-01.csv", "公报\n\n单位见表头\n" + table())
    assert indexhouse(*small.options, "run", "--offline").status == 0
    assert small.query("select count(*) from quarantine") == [(0,)]
    assert small.query(
        "select locator from observation where indicator_id = 'gdp' and ref_area = 'CN-BJ' and time_period = '2020'"
    ) == [("C9",)]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_vanished_is_not_missed(small, indexhouse: Callable, fingerprint_of: Callable, what: str) -> None:
    before = fingerprint_of(small.release)
    for path in small.inbox.iterdir():
        path.unlink()
    if what == "folder":
        small.inbox.rmdir()
    answer = indexhouse(*small.options, "run", "--offline", "--json")
    assert answer.status == 0 and answer.json["status"] == "nothing_changed"
    assert "figures: " in answer.err and "the last good files stand in" in answer.err
    assert fingerprint_of(small.release) == before
    status = indexhouse(*small.options, "status", "--json").json
    assert [s["state"] for s in status["sources"] if s["source_id"] == "figures"] == ["failed"]
    small.drop("2022-03-01", factor=1.2)
    assert indexhouse(*small.options, "run", "--offline", "--json").json["status"] == "published"
    status = indexhouse(*small.options, "status", "--json").json
    assert {s["state"] for s in status["sources"]} == {"ok"}


def test_one_of_several_files_that_vanished_is_told(small, indexhouse: Callable) -> None:
    small.drop("2022-03-01", factor=1.2)
    assert indexhouse(*small.options, "run", "--offline").status == 0
    kept = small.query("select count(*) from observation_vintage")
    (small.inbox / "figures-2021-03-01.csv").unlink()
    answer = indexhouse(*small.options, "run", "--offline", "--json")
    assert answer.json["status"] == "nothing_changed"
    assert "figures: 1 files are no longer there" in answer.err and "figures-2021-03-01.csv" in answer.err
    assert small.query("select count(*) from observation_vintage") == kept


# the catalogue


def _empty(small: Any) -> None:
    for path in sorted(small.catalogue.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()


CATALOGUES: dict[str, tuple[Callable[[Any], object], str]] = {
    "empty folder": (_empty, "the catalogue folder is empty; it needs"),
    "no folder": (lambda s: s.catalogue.rename(s.folder / "elsewhere"), "the catalogue folder does not exist; give"),
    "broken YAML": (lambda s: s.put("sources/figures.yml", "name_en: [Figures\n"), "sources/figures.yml: line 2"),
    "not UTF-8": (lambda s: s.put("sources/figures.yml", "name_zh: 数据\n".encode("gb18030")), "save it as UTF-8"),
    "empty file": (lambda s: s.put("indicators.yml", ""), "indicators.yml: is empty; fill it in or remove it"),
    "unknown key": (lambda s: s.edit("sources/figures.yml", lambda d: d.update(licens="x")),
                    "licens: is an unknown key; did you mean 'licence'?"),
    "bundled file gone": (lambda s: (s.catalogue / "raw/page.csv").unlink(), "'raw/page.csv' matches no file"),
    "unknown id": (lambda s: s.edit("indices/strength.yml", lambda d: d.update(areas=["CN-BJ", "CN-ZZ"])),
                   "areas: 'CN-ZZ' is unknown; did you mean"),
}  # fmt: skip


@pytest.mark.parametrize("fault", CATALOGUES)
def test_a_wrong_catalogue_ends_with_2_and_changes_nothing(
    small, indexhouse: Callable, fingerprint_of: Callable, fault: str
) -> None:
    spoil, told = CATALOGUES[fault]
    before = fingerprint_of(small.home)
    spoil(small)
    for verb in (["run", "--offline"], ["check"]):
        answer = indexhouse(*small.options, *verb)
        assert answer.status == 2, answer
        assert told in answer.err and "Traceback" not in answer.err and answer.out == ""
        assert len(answer.errors) == 1
    assert fingerprint_of(small.home) == before


def test_a_mended_catalogue_runs_again(small, indexhouse: Callable) -> None:
    path = small.catalogue / "sources/figures.yml"
    good = path.read_bytes()
    path.write_bytes(good + b"broken: [\n")
    assert indexhouse(*small.options, "run", "--offline").status == 2
    path.write_bytes(good)
    answer = indexhouse(*small.options, "run", "--offline", "--json")
    assert answer.status == 0 and answer.json["status"] == "nothing_changed"


# the home


def assert_failed_cleanly(answer: Any, told: str) -> None:
    assert answer.status == 1, answer
    assert len(answer.errors) == 1, answer.err
    assert re.search(told, answer.errors[0]), answer.err
    assert "Traceback" not in answer.err and answer.out == ""


def test_a_home_that_is_a_file_is_refused(make_small: Callable, tmp_path: Path, indexhouse: Callable) -> None:
    small = make_small(tmp_path)
    small.home.write_text("no folder")
    assert_failed_cleanly(indexhouse(*small.options, "run", "--offline"), "home.*cannot be written.*INDEXHOUSE_HOME")
    assert small.home.read_text() == "no folder"
    small.home.unlink()
    assert indexhouse(*small.options, "run", "--offline").status == 0


@pytest.mark.parametrize("name", ["release", "staging", "dagster", "snapshots", "readings", "warehouse.duckdb"])
def test_something_else_in_a_place_of_the_home_is_named(
    make_small: Callable, tmp_path: Path, indexhouse: Callable, name: str
) -> None:
    small = make_small(tmp_path)
    place = small.home / name
    small.home.mkdir()
    if name == "warehouse.duckdb":
        place.mkdir()
    else:
        place.write_text("in the way")
    assert_failed_cleanly(indexhouse(*small.options, "run", "--offline"), re.escape(name))
    assert not small.file.exists()
    place.rmdir() if place.is_dir() else place.unlink()
    assert indexhouse(*small.options, "run", "--offline").status == 0 and small.file.exists()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("closed", [".", "release"])
def test_a_folder_that_may_not_be_written_ends_with_1(
    small, command: Callable, indexhouse: Callable, mortal: Callable, fingerprint_of: Callable, closed: str
) -> None:
    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)
    folder = small.home / closed
    folder.chmod(0o555)
    if closed == ".":
        (small.home / ".lock").unlink(missing_ok=True)
    answer = command(*small.options, "run", "--offline", preexec_fn=mortal)
    folder.chmod(0o755)
    assert_failed_cleanly(answer, "cannot be written.*(permission|INDEXHOUSE_HOME)")
    assert fingerprint_of(small.release) == before
    assert indexhouse(*small.options, "run", "--offline", "--json").json["status"] == "published"


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("kilobytes", [64, 512, 1024])
def test_a_full_disk_ends_with_1_and_the_next_run_recovers(
    small, command: Callable, indexhouse: Callable, fingerprint_of: Callable, kilobytes: int
) -> None:
    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    answer = command(*small.options, "run", "--offline", preexec_fn=limit)
    assert answer.status == 1, answer
    assert answer.errors and "Traceback" not in answer.err
    assert fingerprint_of(small.release) == before
    assert indexhouse(*small.options, "run", "--offline", "--json").json["status"] == "published"
    assert not list(small.release.glob(".part-*"))


def test_a_corrupt_snapshot_is_set_aside_and_what_was_good_stands_in(
    small, indexhouse: Callable, fingerprint_of: Callable
) -> None:
    ((old, snapshot_id),) = small.query(
        "select release_id, snapshot_id from snapshot where vintage = date '2021-03-01'"
    )
    (stored,) = [path for path in small.home.glob("snapshots/??/*") if path.name.startswith(snapshot_id)]
    before = fingerprint_of(small.release / old)
    inbox = small.inbox / "figures-2021-03-01.csv"
    good = stored.read_bytes()
    inbox.unlink()
    stored.chmod(0o644)
    stored.write_bytes(good[:-20] + b"x" * 20)
    for cached in small.home.glob("readings/figures/*"):
        cached.unlink()
    small.drop("2022-03-01", factor=1.2, years=range(2019, 2020))
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 0 and "changed on disk; restore the file from a backup" in answer.err
    whole = small.query("select source_id, snapshot_id, reason_code from quarantine where locator = ''")
    assert whole == [("figures", snapshot_id, "corrupt_snapshot")]
    assert small.query("select count(*) from observation where vintage = date '2021-03-01'") == [(0,)]
    assert fingerprint_of(small.release / old) == before

    inbox.write_bytes(good)
    small.drop("2022-04-01", factor=1.3, years=range(2019, 2020))
    assert indexhouse(*small.options, "run", "--offline").status == 0
    assert stored.read_bytes() == good
    assert small.query("select count(*) from quarantine") == [(0,)]


def test_a_corrupt_working_file_is_put_aside_and_made_anew(small, indexhouse: Callable) -> None:
    warehouse = small.home / "warehouse.duckdb"
    vintages = "select * exclude (release_id) from observation_vintage where vintage < date '2022-01-01' order by all"
    before = small.query(vintages.replace("superseded_on, ", ""))
    damaged = b"\0" * 5000
    warehouse.write_bytes(damaged)
    small.drop("2022-03-01", factor=1.2, years=range(2020, 2021))
    assert indexhouse(*small.options, "run", "--offline").status == 0
    assert [path.read_bytes() for path in small.home.glob("warehouse.duckdb.damaged-*")] == [damaged]
    assert len(small.query(vintages)) == len(before) > 50


@pytest.mark.parametrize("damage", [b"", b"not a database", None], ids=["empty", "garbage", "gone"])
def test_a_damaged_release_file_is_put_back_by_the_next_run(
    small, indexhouse: Callable, fingerprint_of: Callable, damage: bytes | None
) -> None:
    before = fingerprint_of(small.release)
    small.file.unlink()
    if damage is not None:
        small.file.write_bytes(damage)
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 0
    after = fingerprint_of(small.release)
    assert after["indexhouse.duckdb"] == before["indexhouse.duckdb"] and after["latest.json"] == before["latest.json"]


def test_status_shows_that_an_earlier_file_of_the_source_stands_in(refused: Any, indexhouse: Callable) -> None:
    document = indexhouse(*refused.options, "status", "--json").json
    states = {row["source_id"]: (row["state"], row["problem"]) for row in document["sources"]}
    assert states["figures"] == ("set_aside", "a file was not accepted: see the table quarantine")
    assert states["page"][0] == "ok"
    assert document["last_run"]["set_aside"] == ["figures"]


def test_a_run_that_finds_nothing_changed_keeps_the_warnings_of_the_last_build(
    refused: Any, tmp_path: Path, indexhouse: Callable
) -> None:
    small = refused.copy(tmp_path / "again")
    warnings = refused.report.warnings
    assert len([line for line in warnings if " is set aside: " in line]) == len(REFUSED)
    for _ in range(2):
        assert indexhouse(*small.options, "run", "--offline", "--json").json["status"] == "nothing_changed"
        kept = json.loads((small.home / "last_run.json").read_bytes())
        assert kept["status"] == "nothing_changed"
        assert kept["warnings"] == warnings and kept["set_aside"] == ["figures"]
