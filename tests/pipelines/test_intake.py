"""From fetched files to the change log, on a tiny catalogue: what is kept, refused, set aside, and what stands in.

Not here: whole runs of the command (tests/end_to_end), the rules of the border (tests/expectations).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines import progress
from pipelines.intake import judge, load, look
from pipelines.run_report import RunReport, keep_report
from pipelines.settings import Settings
from pipelines.workspace import Workspace, open_catalogue
from warehouse.errors import IndexhouseError

AREAS = {"CN-BJ": "Beijing", "CN-TJ": "Tianjin", "CN-SH": "Shanghai", "CN-GD": "Guangdong"}
AT = datetime(2024, 6, 1)
VINTAGE_IN_NAME = {"vintage": {"file": r"(\d{4}-\d{2}-\d{2})"}}


def table(change: float = 0.0, areas: int = 4, years: tuple[int, ...] = (2018, 2019), **cells: str) -> str:
    """A file of one indicator; `cells` BJ2018="x" replaces the text of one cell."""
    lines = ["area,year,value"]
    for row, (area, name) in enumerate(list(AREAS.items())[:areas], 1):
        lines += [f"{name},{year},{cells.get(f'{area[3:]}{year}', 1000 * row + year + change)}" for year in years]
    return "\n".join(lines) + "\n"


class House:
    """A tiny catalogue and a home; each look is a run of its own over the stages up to the change log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0
        self.write("units.yml", {"cny": {"name_en": "yuan"}})
        areas = {area: {"name_en": name, "name_zh": name, "kind": "province"} for area, name in AREAS.items()}
        self.write("areas.yml", areas)
        self.write("indicators.yml", {"gdp": {"name_en": "GDP", "unit": "cny", "plausible": {"min": 1, "max": 1e6}}})
        self.source()

    def write(self, name: str, document: dict[str, Any]) -> None:
        path = self.folder / "catalogue" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")

    def source(self, name: str = "alpha", inbox: str = "inbox", bundled: str = "", **changes: Any) -> None:
        """Write a source that reads a folder, or files that ship with the catalogue, retrieved at a date."""
        self.inbox = self.folder / "catalogue" / inbox
        self.inbox.mkdir(parents=True, exist_ok=True)
        fetch: dict[str, Any] = {"kind": "folder", "path": inbox, "files": ["*.csv"]}
        if bundled:
            fetch = {"kind": "bundled", "files": [f"{inbox}/*.csv"], "retrieved": bundled}
        layout = {"header": {"row": 1}, "area": {"column": "area"}, "period": {"column": "year"}, "indicator": "gdp",
                  "value": "value", "unit": "cny"}  # fmt: skip
        self.write(f"sources/{name}.yml", {
            "name_en": name, "provider": "Test", "licence": "CC0", "priority": 10, "fetch": fetch,
            "read": {"format": "csv"}, "layout": layout, **changes,
        })  # fmt: skip

    def drop(self, name: str, text: str, inbox: str = "inbox") -> None:
        folder = self.folder / "catalogue" / inbox
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    def workspace(self) -> Workspace:
        home = self.folder / "home"
        settings = Settings(home, (self.folder / "catalogue",))
        self.runs += 1
        return Workspace(settings, open_catalogue(settings), f"run-{self.runs}")

    def fetch(self, at: datetime = AT) -> list[str]:
        """Look at all sources; the problems that were met."""
        workspace = self.workspace()
        found = look.fetch_sources(workspace, sorted(workspace.catalogue.sources), False, at)
        return [outcome.problem for outcome in found if outcome.problem]

    def load(self) -> Workspace:
        workspace = self.workspace()
        judge.read_and_judge(workspace)
        loaded = load.load_core(workspace)
        assert loaded.unbalanced == []
        return workspace

    def look(self, at: datetime = AT) -> Workspace:
        assert self.fetch(at) == []
        return self.load()


def verdicts(workspace: Workspace) -> list[tuple[str, str]]:
    """(file, reason why it is set aside or '') in the order of the source."""
    frame = pl.read_parquet(workspace.file("records.parquet")).sort("source_id", "sequence")
    return frame.select("file_name", "reason_code").rows()


def values(workspace: Workspace, area: str = "CN-BJ", period: str = "2018") -> list[tuple[date, float | None]]:
    """The change log of one cell."""
    with workspace.core() as core:
        frame = core.observation_vintage(None, core.observation_as_of(None))
    rows = frame.filter((pl.col("ref_area") == area) & (pl.col("time_period") == period)).sort("source_id", "vintage")
    return rows.select("vintage", "obs_value").rows()


def everything(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    with workspace.core() as core:
        return {name: core.con.execute(f"select * from core.{name} order by all").fetchall()
                for name in ("observation", "record", "reject")}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> House:
    progress.be_quiet()
    return House(tmp_path)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(progress, "warn", lines.append)
    return lines


def test_a_file_of_less_than_half_the_areas_is_set_aside_and_the_last_good_one_stands_in(
    house: House, told: list[str]
) -> None:
    house.source(**VINTAGE_IN_NAME)
    house.drop("2020-01-01.csv", table())
    house.drop("2021-01-01.csv", table(change=5, areas=1))
    done = house.look()
    assert verdicts(done) == [("2020-01-01.csv", ""), ("2021-01-01.csv", "volume_drop")]
    assert values(done) == [(date(2020, 1, 1), 3018.0)]
    assert len(told) == 1 and "2021-01-01.csv is set aside" in told[0] and "approve_volume" in told[0]


def test_a_line_in_the_catalogue_lets_a_shorter_file_in(house: House) -> None:
    house.source(**VINTAGE_IN_NAME, files=[{"match": "2021-*", "approve_volume": True, "why": "fewer provinces"}])
    house.drop("2020-01-01.csv", table())
    house.drop("2021-01-01.csv", table(change=5, areas=1))
    assert values(house.look()) == [(date(2020, 1, 1), 3018.0), (date(2021, 1, 1), 3023.0)]


def test_each_file_is_compared_with_the_accepted_one_before_it(house: House) -> None:
    house.source(**VINTAGE_IN_NAME)
    for year, areas in ((2019, 4), (2020, 1), (2021, 1), (2022, 3), (2023, 1)):
        house.drop(f"{year}-01-01.csv", table(change=year, areas=areas))
    found = verdicts(house.look())
    assert [reason for _, reason in found] == ["", "volume_drop", "volume_drop", "", "volume_drop"]


def test_the_order_of_arrival_changes_no_verdict(tmp_path: Path) -> None:
    progress.be_quiet()
    files = {f"{year}-01-01.csv": table(change=year, areas=areas)
             for year, areas in ((2019, 4), (2020, 1), (2021, 3), (2022, 1))}  # fmt: skip
    results = []
    for seed in range(3):
        house = House(tmp_path / str(seed))
        house.source(**VINTAGE_IN_NAME)
        names = sorted(files)
        random.Random(seed).shuffle(names)
        for name in names:
            house.drop(name, files[name])
            house.fetch()
        done = house.load()
        results.append((verdicts(done), everything(done)))
    assert results[0] == results[1] == results[2]
    assert [reason for _, reason in results[0][0]] == ["", "volume_drop", "", "volume_drop"]


def test_loading_file_by_file_ends_where_loading_all_at_once_does(tmp_path: Path) -> None:
    progress.be_quiet()
    files = {f"{year}-01-01.csv": table(change=year % 2, areas=3 + year % 2) for year in (2022, 2020, 2021)}
    one, other = House(tmp_path / "one"), House(tmp_path / "other")
    for house in (one, other):
        house.source(**VINTAGE_IN_NAME)
        house.source("beta", "second", priority=20)
        house.drop("b.csv", table(change=7), "second")
    for name, text in files.items():
        one.drop(name, text)
        last = one.look()
        other.drop(name, text)
    assert everything(last) == everything(other.look())


def test_the_same_bytes_after_others_come_back_as_a_revision(house: House) -> None:
    for month, text in ((1, table()), (2, table(change=5)), (3, table()), (4, table())):
        house.drop("a.csv", text)
        done = house.look(datetime(2024, month, 1))
    assert len(verdicts(done)) == 3, "the fourth look brought nothing new"
    assert values(done) == [(date(2024, 1, 1), 3018.0), (date(2024, 2, 1), 3023.0), (date(2024, 3, 1), 3018.0)]


def test_the_same_bytes_after_others_of_one_declared_date_are_judged_once_and_stand_last(house: House) -> None:
    house.source(vintage={"declared": "2023-01-01"})
    for month, text in ((1, table()), (2, table(change=5)), (3, table())):
        house.drop("a.csv", text)
        done = house.look(datetime(2024, month, 1))
    assert [reason for _, reason in verdicts(done)] == ["", "", ""]
    assert values(done) == [(date(2023, 1, 1), 3018.0)]


def test_of_bytes_that_come_again_only_the_failing_record_is_set_aside(house: House) -> None:
    for month, text in ((1, table(areas=1)), (2, table()), (3, table(areas=1))):
        house.drop("a.csv", text)
        done = house.look(datetime(2024, month, 1))
    assert [reason for _, reason in verdicts(done)] == ["", "", "volume_drop"]
    assert values(done) == [(date(2024, 1, 1), 3018.0)]
    assert values(done, "CN-GD") == [(date(2024, 2, 1), 6018.0)]


def test_unchanged_bytes_under_a_new_declared_date_are_no_new_record(house: House) -> None:
    house.source(**VINTAGE_IN_NAME)
    for year, change in ((2020, 0), (2021, 0), (2022, 5), (2023, 0)):
        house.drop(f"{year}-01-01.csv", table(change=change))
    done = house.look()
    assert [name[:4] for name, _ in verdicts(done)] == ["2020", "2022", "2023"]
    assert values(done) == [(date(2020, 1, 1), 3018.0), (date(2022, 1, 1), 3023.0), (date(2023, 1, 1), 3018.0)]


def test_a_bundled_file_that_changed_without_a_new_date_is_refused_with_the_remedy(house: House) -> None:
    house.source(bundled="2024-01-01")
    house.drop("a.csv", table())
    assert values(house.look()) == [(date(2024, 1, 1), 3018.0)]
    house.drop("a.csv", table(change=5))
    (problem,) = house.fetch()
    assert "a.csv has other bytes than before under the same retrieval date (2024-01-01)" in problem
    assert "give the changed file a new `retrieved` under files:" in problem
    assert values(house.load()) == [(date(2024, 1, 1), 3018.0)], "the last good file stands in"
    house.source(bundled="2024-01-01", files=[{"match": "a.csv", "retrieved": "2024-02-01"}])
    assert values(house.look()) == [(date(2024, 1, 1), 3018.0), (date(2024, 2, 1), 3023.0)]


def test_a_folder_may_hold_files_with_and_without_a_noted_retrieval(house: House) -> None:
    house.source(files=[{"match": "old.csv", "retrieved": "2020-05-01"}])
    house.drop("old.csv", table())
    house.drop("new.csv", table(change=5))
    assert values(house.look()) == [(date(2020, 5, 1), 3018.0), (date(2024, 6, 1), 3023.0)]


SLIP = {
    "indicator": "gdp",
    "ref_area": "CN-BJ",
    "time_period": "2018",
    "expect": "99",
    "value": 3000.0,
    "why_en": "slip",
}


@pytest.fixture
def corrected(house: House) -> House:
    house.source(**VINTAGE_IN_NAME, corrections=[SLIP])
    house.drop("2020-01-01.csv", table(BJ2018="99"))
    return house


def test_a_correction_puts_the_slip_right_and_says_so(corrected: House) -> None:
    done = corrected.look()
    assert values(done) == [(date(2020, 1, 1), 3000.0)]
    with done.core() as core:
        rows = core.observation_as_of(None).filter(pl.col("is_corrected"))
    assert rows.select("ref_area", "time_period").rows() == [("CN-BJ", "2018")]


def test_a_slip_that_the_provider_mended_stops_the_run_with_the_remedy(corrected: House) -> None:
    corrected.drop("2021-01-01.csv", table(BJ2018="3001"))
    assert corrected.fetch() == []
    with pytest.raises(IndexhouseError) as caught:
        corrected.load()
    text = str(caught.value)
    assert "alpha.yml" in text and "expects '99', but 2021-01-01.csv C2 shows '3001': fixed by the provider" in text
    assert text.endswith("end the correction with `until: 2021-01-01`")
    corrected.source(**VINTAGE_IN_NAME, corrections=[{**SLIP, "until": "2021-01-01"}])
    assert values(corrected.load()) == [(date(2020, 1, 1), 3000.0), (date(2021, 1, 1), 3001.0)]


def test_a_newer_file_without_the_corrected_key_leaves_the_correction_alone(corrected: House) -> None:
    corrected.drop("2021-01-01.csv", table(years=(2019, 2020)))
    assert values(corrected.look()) == [(date(2020, 1, 1), 3000.0)]


@pytest.mark.parametrize("text", ["", "--"], ids=["blank", "mark"])
def test_a_newer_file_with_nothing_in_the_corrected_cell_does_not_end_the_correction(house: House, text: str) -> None:
    house.source(**VINTAGE_IN_NAME, corrections=[SLIP], marks={"missing": ["", "--"]}, scope="partial")
    house.drop("2020-01-01.csv", table(BJ2018="99"))
    house.drop("2021-01-01.csv", table(BJ2018=text))
    assert values(house.look()) == [(date(2020, 1, 1), 3000.0)]


def test_a_correction_of_a_blank_still_ends_when_the_provider_fills_it_in(house: House) -> None:
    house.source(**VINTAGE_IN_NAME, corrections=[{**SLIP, "expect": "--"}], marks={"missing": ["", "--"]})
    house.drop("2020-01-01.csv", table(BJ2018="--"))
    assert values(house.look()) == [(date(2020, 1, 1), 3000.0)]
    house.drop("2021-01-01.csv", table(BJ2018="3001"))
    house.fetch()
    with pytest.raises(IndexhouseError, match=r"shows '3001': fixed by the provider.*until: 2021-01-01"):
        house.load()


def test_a_slip_that_no_file_shows_is_a_mistake_of_the_correction(house: House) -> None:
    house.source(**VINTAGE_IN_NAME, corrections=[{**SLIP, "expect": "98"}])
    house.drop("2020-01-01.csv", table(BJ2018="99"))
    house.fetch()
    with pytest.raises(IndexhouseError) as caught:
        house.load()
    text = str(caught.value)
    assert "sources/alpha.yml: corrections.0: expects '98', but 2020-01-01.csv C2 shows '99'" in text
    assert text.endswith(", and no other file shows it; mend `expect`, or take the correction out")
    assert "fixed by the provider" not in text


def test_a_file_that_is_set_aside_does_not_end_a_correction(corrected: House) -> None:
    corrected.drop("2021-01-01.csv", table(areas=1, BJ2018="3001"))
    done = corrected.look()
    assert [reason for _, reason in verdicts(done)] == ["", "volume_drop"]
    assert values(done) == [(date(2020, 1, 1), 3000.0)]


def test_the_date_that_the_error_names_ends_a_correction_of_a_late_download(house: House) -> None:
    rule = {"vintage": {"assumed": {"lag_months": 1, "per": "observation"}}}
    house.source(**rule, corrections=[SLIP])
    house.drop("a.csv", table(BJ2018="99"))
    house.look(datetime(2024, 1, 1))
    house.drop("a.csv", table(BJ2018="3001"))
    house.fetch(datetime(2024, 2, 1))
    with pytest.raises(IndexhouseError, match="until: 2024-02-01"):
        house.load()
    house.source(**rule, corrections=[{**SLIP, "until": "2024-02-01"}])
    assert values(house.load()) == [(date(2019, 1, 31), 3000.0), (date(2024, 2, 1), 3001.0)]


def spoil(house: House, how: Callable[[Path], Any], newest: bool = True) -> None:
    """Damage the stored bytes of one record of the source and forget what was read of it."""
    workspace = house.workspace()
    record = workspace.records["alpha"][-1 if newest else 0]
    path = workspace.settings.snapshots / record.sha256[:2] / record.sha256
    path.chmod(0o644)
    how(path)
    for cached in workspace.settings.readings.rglob("*.*"):
        cached.unlink()


@pytest.mark.parametrize("how", [lambda path: path.write_bytes(b"area,year,value\n"), Path.unlink])
def test_damaged_bytes_set_one_file_aside_and_everything_else_goes_on(
    house: House, told: list[str], how: Callable[[Path], Any]
) -> None:
    house.source(**VINTAGE_IN_NAME)
    house.source("beta", "second", priority=20)
    house.drop("2020-01-01.csv", table())
    house.drop("2021-01-01.csv", table(change=5))
    house.drop("b.csv", table(change=7), "second")
    good = everything(house.look())
    spoil(house, how)
    done = house.load()
    assert verdicts(done) == [("2020-01-01.csv", ""), ("2021-01-01.csv", "corrupt_snapshot"), ("b.csv", "")]
    assert values(done) == [(date(2020, 1, 1), 3018.0), (date(2024, 6, 1), 3025.0)], "the last good file stands in"
    assert len(told) == 1 and "2021-01-01.csv is set aside" in told[0] and "restore the file" in told[0]
    assert everything(house.look()) == good, "the folder still has the file: its bytes are put right"


def test_a_damaged_working_file_is_made_anew_from_the_snapshots(house: House) -> None:
    house.drop("a.csv", table())
    before = house.look()
    good = everything(before)
    before.settings.warehouse.write_bytes(b"no database " * 1000)
    assert everything(house.load()) == good
    assert (before.settings.home / "warehouse.duckdb.damaged-1").exists()


@pytest.fixture
def superseded(house: House, told: list[str]) -> House:
    """Two files of one date, the one that was retrieved later with two other values."""
    house.source(**VINTAGE_IN_NAME)
    house.drop("first-2020-01-01.csv", table(BJ2018="3018", TJ2018="4018"))
    house.look()
    house.drop("second-2020-01-01.csv", table(BJ2018="3019", TJ2018="4019"))
    assert told == []
    return house


TOLD = "alpha: first-2020-01-01.csv: 2 values gave way to a later retrieval of the same date, the first C2 (3018)"


def test_values_that_give_way_to_a_later_file_of_the_same_date_are_told(superseded: House, told: list[str]) -> None:
    done = superseded.look(datetime(2024, 7, 1))
    assert values(done) == [(date(2020, 1, 1), 3019.0)]
    assert told == [TOLD]
    assert done.read_json("core_warnings.json") == [TOLD]


def test_what_the_last_run_warned_of_is_counted_from_then_on(superseded: House, told: list[str]) -> None:
    settings = superseded.workspace().settings
    superseded.fetch(datetime(2024, 7, 1))
    keep_report(settings, RunReport("published", warnings=[TOLD]))
    done = superseded.load()
    assert told == ["1 more, as in the last run (`indexhouse status` shows them)"]
    assert done.read_json("core_warnings.json") == [TOLD], "the next report still holds it"
