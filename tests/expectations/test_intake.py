"""The first border: what keeps a file out, and what is only told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.client import Validator
from expectations.plan import Result, Suite, intake_plan, messages, quality_rows

DATA = Path(__file__).parents[2] / "warehouse" / "catalogue" / "builtin" / "raw" / "nbs_exports"
Broken = Callable[[Path, str], Path]
WriteIntake = Callable[[Path, list[tuple[Any, ...]]], None]

# check, the SQL that breaks it, what the failing row must name
BREAKS = {
    "outcome_known": (
        "update reading set outcome = 'lost' where snapshot_id = 'a2' and locator = 'S!R7'",
        "S!R7",
    ),
    "source_id_given": (
        "update reading set source_id = null where snapshot_id = 'a2' and locator = 'S!R7'",
        "S!R7",
    ),
    "snapshot_id_given": (
        "update reading set snapshot_id = null where source_id = 'b' and locator = 'S!R7'",
        "S!R7",
    ),
    "locator_given": (
        "update reading set locator = null where snapshot_id = 'a2' and ref_area = 'CN-AA'",
        "5",
    ),
    "outcome_given": (
        "update reading set outcome = null where snapshot_id = 'a2' and locator = 'S!R7'",
        "S!R7",
    ),
    "period_form": (
        "update reading set time_period = '2017年' where snapshot_id = 'a2' and locator = 'S!R7'",
        "2017年",
    ),
    "key_unique": (
        "insert into reading select * replace ('S!Z99' as locator) from reading where snapshot_id = 'a2' "
        "and locator = 'S!R7'",
        "S!Z99",
    ),
    "value_finite": (
        "update reading set obs_value = 'nan' where snapshot_id = 'a2' and locator = 'S!R7'",
        "S!R7",
    ),
    "reason_given": (
        "update reading set reason_code = 'x' where snapshot_id = 'a2' and locator = 'S!R7'",
        "S!R7",
    ),
    "area_known": (
        "update reading set ref_area = 'CN-ZZ' where snapshot_id = 'a2' and locator = 'S!R7'",
        "CN-ZZ",
    ),
    "unit_of_indicator": (
        "update reading set unit_id = 'cny' where snapshot_id = 'a2' and locator = 'S!R7'",
        "in cny",
    ),
    "plausible": (
        "update reading set obs_value = 2e6 where snapshot_id = 'a2' and locator = 'S!R7'",
        "2000000.0",
    ),
    "accounting": ("update intake set rows_value = rows_value - 1 where snapshot_id = 'a2'", "a2.csv"),
    "quarantined_share": (
        "update intake set rows_value = 20, rows_quarantined = 40 where snapshot_id = 'a2'",
        "40 of 60",
    ),
    "areas_enough": ("update intake set min_areas = 31 where snapshot_id = 'a2'", "at least 31"),
    "volume_kept": ("update intake set volume_change_pct = -60 where snapshot_id = 'a2'", "-60 %"),
    "volume_band": ("update intake set volume_change_pct = 30 where snapshot_id = 'a2'", "30 %"),
    "vintage_break": (
        "update reading set obs_value = obs_value * (0.75 + 0.05 * (ascii(substr(ref_area, 4)) - 65)) "
        "where snapshot_id = 'a2' and time_period >= '2018'",
        "gdp 2018",
    ),
}
WARNINGS = {"volume_band", "vintage_break"}


def judged(validator: Validator, file: Path, name: str) -> Result:
    """The result of one check."""
    for suite in intake_plan():
        for each in suite.expectations:
            if each.check_id.endswith(f".{name}"):
                return validator.validate(file, [Suite(suite.table, (each,))])[0]
    raise AssertionError(f"no check {name}")


def test_sound_file_passes_every_check(validator: Validator, sound_intake: Path) -> None:
    results = validator.validate(sound_intake, intake_plan())
    assert [each.check_id for each in results if each.status != "passed"] == []
    assert {each.rows_checked for each in results if each.table_name == "reading"} == {180}
    assert {each.rows_checked for each in results if each.table_name == "intake"} == {3}


def test_every_check_has_a_case_that_breaks_it() -> None:
    assert {each.check_id.split(".")[-1] for suite in intake_plan() for each in suite.expectations} == set(BREAKS)


@pytest.mark.parametrize("name", BREAKS)
def test_broken_rule_is_caught_and_names_the_place(
    name: str, validator: Validator, sound_intake: Path, broken: Broken
) -> None:
    sql, place = BREAKS[name]
    result = judged(validator, broken(sound_intake, sql), name)
    assert (result.status, result.has_raised) == ("failed", False)
    assert result.severity == ("warning" if name in WARNINGS else "error")
    assert result.rows_failed >= 1
    assert place in result.observed
    assert place in "\n".join(messages([result]))


@pytest.mark.parametrize("name", sorted(set(BREAKS) - {"source_id_given", "snapshot_id_given"}))
def test_failing_rows_name_exactly_the_file_to_reject(
    name: str, validator: Validator, sound_intake: Path, broken: Broken
) -> None:
    result = judged(validator, broken(sound_intake, BREAKS[name][0]), name)
    assert [(row["source_id"], row["snapshot_id"], row["file_name"]) for row in result.failing_rows] == [
        ("a", "a2", "a2.csv")
    ]


def test_lost_cell_is_missed_by_the_accounting(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    file = broken(sound_intake, "delete from reading where snapshot_id = 'a1' and locator = 'S!R3'")
    result = judged(validator, file, "accounting")
    assert result.failing_rows[0]["readings"] == 59
    assert "60 cells in; 60 accounted for; 59 read" in result.observed


def test_approved_volume_lets_the_file_in(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    sql = "update intake set volume_change_pct = -60, is_volume_approved = true where snapshot_id = 'a2'"
    file = broken(sound_intake, sql)
    assert judged(validator, file, "volume_kept").status == "passed"
    assert judged(validator, file, "volume_band").status == "passed"


def test_one_failing_row_per_file_counts_its_cells(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    file = broken(sound_intake, "update reading set ref_area = 'CN-ZZ' where time_period = '2016'")
    result = judged(validator, file, "area_known")
    assert [row["snapshot_id"] for row in result.failing_rows] == ["a1", "a2", "b1"]
    assert [row["rows_failed"] for row in result.failing_rows] == [12, 12, 12]
    assert result.rows_failed == 36
    assert "and 9 more" in result.failing_rows[0]["cells"]


def test_results_do_not_depend_on_the_order_of_rows(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    spoil = "update reading set ref_area = 'CN-ZZ' where time_period = '2016';"
    shuffle = (
        "create table turned as select * from reading order by hash(locator || snapshot_id); drop table reading; "
        "alter table turned rename to reading;"
    )
    plain = validator.validate(broken(sound_intake, spoil), intake_plan())
    assert validator.validate(broken(sound_intake, spoil + shuffle), intake_plan()) == plain


def test_check_that_cannot_be_run_never_passes(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    file = broken(sound_intake, "drop table area; alter table intake drop column warn_pct")
    for name in ("area_known", "volume_band"):
        result = judged(validator, file, name)
        assert (result.status, result.severity, result.has_raised) == ("failed", "error", True)
        assert "could not be run" in result.observed
    row = quality_rows([result])[0]
    assert (row["status"], row["rows_checked"], row["rows_failed"]) == ("failed", None, None)


def test_missing_table_fails_all_its_checks(validator: Validator, sound_intake: Path, broken: Broken) -> None:
    results = validator.validate(broken(sound_intake, "drop table intake"), intake_plan())
    of_intake = [each for each in results if each.table_name == "intake"]
    assert of_intake and all(each.has_raised and each.is_blocking for each in of_intake)


def test_quality_rows_fit_the_contract(validator: Validator, sound_intake: Path) -> None:
    rows = quality_rows(validator.validate(sound_intake, intake_plan()))
    assert list(rows[0]) == [
        "check_id", "table_name", "column_name", "expectation", "severity", "status", "rows_checked", "rows_failed",
        "observed",
    ]  # fmt: skip
    ids = [row["check_id"] for row in rows]
    assert ids == sorted(set(ids))
    assert all(row["column_name"] is None or row["column_name"] for row in rows)


def test_plan_is_plain_json_data() -> None:
    plan = intake_plan()
    sent = json.loads(json.dumps([suite.as_json() for suite in plan]))
    assert [Suite.from_json(each) for each in sent] == plan


def cells_of(file: Path) -> dict[tuple[str, int], float]:
    """Area and year -> value of an export of the bureau's database."""
    if file.suffix == ".xls":
        rows = pl.read_excel(file, engine="calamine", has_header=False, infer_schema_length=0).rows()
    else:
        text = file.read_bytes().decode("utf-8-sig" if "utf8bom" in file.name else "gb18030")
        rows = [tuple(cell.strip() for cell in line.split(",")) for line in text.splitlines()]
    start = next(i for i, row in enumerate(rows) if row and row[0] == "地区")
    years = {
        place: int(match[1]) for place, cell in enumerate(rows[start]) if (match := re.match(r"(\d{4})年", cell or ""))
    }
    return {
        (row[0], year): float(row[place])
        for row in rows[start + 1 :]
        for place, year in years.items()
        if place < len(row) and re.fullmatch(r"[\d.]+", row[place] or "")
    }


@pytest.fixture(scope="module")
def real_intake(tmp_path_factory: pytest.TempPathFactory, write_intake: WriteIntake) -> Path:
    """The six GDP files as one source, and the sample survey of the population as another."""
    path = tmp_path_factory.mktemp("real") / "intake.duckdb"
    found = []
    for sequence, file in enumerate(sorted([*DATA.glob("gdp_*"), *DATA.glob("population_sample_*")]), start=1):
        source = "nbs_gdp" if file.name.startswith("gdp") else "nbs_sample"
        indicator = "gdp" if source == "nbs_gdp" else "sample_survey_population"
        found.append((source, f"s{sequence}", sequence, indicator, "2026-05-31", cells_of(file), file.name))
    write_intake(path, found)
    return path


def test_mixed_gdp_file_is_the_only_one_with_a_vintage_break(validator: Validator, real_intake: Path) -> None:
    result = judged(validator, real_intake, "vintage_break")
    rows = [row for row in result.failing_rows if row["source_id"] == "nbs_gdp"]
    assert [(row["file_name"], row["time_period"], row["sign"]) for row in rows] == [
        ("gdp_2015_2019_downloaded_2020_mixed_vintage.xls", "2018", "scatter")
    ]
    assert (rows[0]["areas"], rows[0]["rows_failed"]) == (31, 31)
    assert rows[0]["largest"].startswith("天津市 -28.0 %")


def test_another_sample_is_a_break_of_level_on_both_sides(validator: Validator, real_intake: Path) -> None:
    result = judged(validator, real_intake, "vintage_break")
    rows = [row for row in result.failing_rows if row["source_id"] == "nbs_sample"]
    assert [(row["time_period"], row["sign"]) for row in rows] == [("2015", "level"), ("2016", "level")]
