"""The second border: what stops a release, and what is only told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from expectations.client import Validator
from expectations.plan import Expectation, Result, Suite, messages, quality_rows, release_plan
from warehouse.catalogue.index import Index
from warehouse.catalogue.load import Catalogue
from warehouse.tables import Table

Broken = Callable[[Path, str], Path]

OF_A = "indicator_id = 'gdp' and ref_area = 'CN-CC' and time_period = '2017'"

# check, the SQL that breaks it, what the failing row must name
BREAKS = {
    "dictionary.columns": ("alter table claim alter stated_value type integer", "claim.stated_value"),
    "dictionary.comments": ("comment on column claim.formula is null", "claim.formula"),
    "dictionary.dictionary": (
        "delete from dictionary where table_name = 'unit' and column_name = 'factor'",
        "unit.factor",
    ),
    "release.one_id": (f"update observation set release_id = 'x' where {OF_A}", "observation: 1 rows of release 'x'"),
    "release.as_of": ("update release set as_of = '2019-01-01'", "observation: gdp CN-AA 2015"),
    "snapshot.accounting": ("update snapshot set rows_loaded = 59 where source_id = 'b'", "b b1.csv: 60 cells in, 59"),
    "snapshot.quarantine_named": (
        "update snapshot set rows_loaded = 58, rows_quarantined = 2 where source_id = 'b'",
        "b b1.csv: 2 cells",
    ),
    "snapshot.snapshot_dated": (
        "update snapshot set vintage = '2022-01-01' where source_id = 'b'",
        "vintage 2022-01-01",
    ),
    "observation.key": (f"insert into observation from observation where {OF_A}", "gdp CN-CC A 2017: 2 rows"),
    "observation.cells": (f"update observation set obs_value = 'inf' where {OF_A}", "obs_value is NaN or infinite"),
    "observation.unit_of_indicator": (
        f"update observation set unit_id = 'cny' where {OF_A}",
        "gdp CN-CC 2017: in 'cny'",
    ),
    "observation.traced": (f"update observation set snapshot_id = 'zz' where {OF_A}", "snapshot 'zz'"),
    "observation.observation_preferred": (
        f"update observation set obs_value = 1 where {OF_A}",
        "gdp CN-CC 2017: 1 of a 2020-12-31",
    ),
    "observation.plausible": (f"update observation set obs_value = -5 where {OF_A}", "-5 is outside 0 to 1000000"),
    "observation.derived_plausible": (
        f"update observation set obs_value = -5, is_derived = true where {OF_A}",
        "gdp CN-CC 2017: -5",
    ),
    "observation.yearly_change": (f"update observation set obs_value = 2 * obs_value where {OF_A}", "gdp CN-CC 2017"),
    "observation.vintage_break": (
        "update observation set obs_value = obs_value * (0.75 + 0.05 * (ascii(substr(ref_area, 4)) - 65)) "
        "where indicator_id = 'gdp' and period_year >= 2018",
        "gdp 2018",
    ),
    "observation_vintage.vintage_traced": (
        f"update observation_vintage set snapshot_id = 'zz' where {OF_A}",
        "snapshot 'zz'",
    ),
    "observation_vintage.not_from_the_future": (
        f"update observation_vintage set vintage = '2021-02-01' where {OF_A}",
        "vintage 2021-02-01, retrieved 2021-01-05",
    ),
    "observation_vintage.superseded_later": (
        f"update observation_vintage set superseded_on = vintage where {OF_A}",
        "superseded on 2020-12-31",
    ),
    "observation_vintage.preferred_once": (
        "update observation_vintage set is_preferred = true where indicator_id = 'gdp'",
        "gdp CN-AA 2015: 2 preferred statements (a 2020-12-31, b 2020-12-31)",
    ),
    "observation_vintage.sources_agree": (
        "update observation_vintage set obs_value = 1001 where indicator_id = 'gdp' and source_id = 'b'",
        "gdp: a and b disagree in 1 of 1 shared values; most for CN-AA 2015: 1000 (S!R1) and 1001 (S!R1)",
    ),
    "index_node.weights": ("update index_node set weight_in_parent = 0.4 where node_id = 'economy'", "sum to 0.9"),
    "index_edition.declared": ("update index_edition set edition_id = '2019'", "two latest: declared only"),
    "index_edition.edition_scored": (
        "update index_score set score = null where node_id = 'research' and time_period = '2019'",
        "no score of research for 2019",
    ),
    "index_score.score_of_node": (
        "update index_score set node_id = 'nose' where node_id = 'rd'",
        "two latest nose CN-AA",
    ),
    "index_score.rank": (
        "update index_score set score_rank = 3 where node_id = 'two' and ref_area = 'CN-LL' and time_period = '2019'",
        "two latest two CN-LL 2019: rank 3 of 12, by score 1 of 12",
    ),
    "index_score.scale": (
        "update index_score set score = 100.1 where node_id = 'gdp' and ref_area = 'CN-LL' and time_period = '2019'",
        "two latest gdp CN-LL 2019: score 100.1 is outside 0 to 100",
    ),
    "index_contribution.contribution_sum": (
        "update index_contribution set contribution = contribution + 0.001 "
        "where node_id = 'rd' and ref_area = 'CN-CC' and time_period = '2018'",
        "two latest CN-CC 2017 to 2018",
    ),
    "index_contribution.contribution_of_parent": (
        "update index_contribution set contribution = contribution + 0.001 "
        "where node_id = 'research' and ref_area = 'CN-CC' and time_period = '2018'",
        "two latest research CN-CC 2018",
    ),
    "growth.growth": ("update growth set change_abs = 49", "gdp CN-AA 2016: 1000 to 1050 is not 49"),
    "comparison.comparison_rank": ("update comparison set score_rank = 13", "gdp CN-AA 2016: rank 13 of 12"),
    "revision.revision_known": ("update revision set previous_vintage = '2021-01-01'", "990 of 2021-01-01"),
    "claim.declared": ("delete from claim", "page F001: declared only"),
    "claim.filled": ("delete from claim", "0 rows"),
    "scoreboard_two.same_score": (
        "update scoreboard_two set score = 1 where ref_area = 'CN-CC' and time_period = '2016'",
        "latest CN-CC 2016: 1 on the scoreboard",
    ),
}  # fmt: skip
WARNINGS = {
    "observation.derived_plausible", "observation.yearly_change", "observation.vintage_break",
    "observation_vintage.sources_agree",
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(declared: dict[str, Table], catalogue: Catalogue) -> list[Suite]:
    return release_plan(declared.values(), catalogue)


def expectations(plan: Iterable[Suite]) -> dict[str, tuple[str, Expectation]]:
    return {each.check_id: (suite.table, each) for suite in plan for each in suite.expectations}


def judged(validator: Validator, plan: list[Suite], file: Path, name: str) -> Result:
    """The result of one check."""
    table, expectation = expectations(plan)[f"release.{name}"]
    return validator.validate(file, [Suite(table, (expectation,))])[0]


def test_sound_release_passes_every_check(validator: Validator, plan: list[Suite], sound_release: Path) -> None:
    results = validator.validate(sound_release, plan)
    assert messages(results) == []
    assert [each.check_id for each in results if each.status != "passed"] == []
    assert [each.check_id for each in results] == list(expectations(plan))


def test_every_rule_has_a_case_that_breaks_it(plan: list[Suite]) -> None:
    """The checks that each table has alike (key, cells, filled) are broken for one table each."""
    alike = {"key", "cells", "filled"}
    names = {check_id.removeprefix("release.") for check_id in expectations(plan)}
    assert {name for name in names if name.split(".")[-1] not in alike} <= set(BREAKS) <= names
    assert alike <= {name.split(".")[-1] for name in BREAKS}


def test_every_table_has_its_key_and_cells_checked(plan: list[Suite], declared: dict[str, Table]) -> None:
    checks = expectations(plan)
    for table in declared:
        assert {f"release.{table}.key", f"release.{table}.cells"} <= set(checks)


@pytest.mark.parametrize("name", BREAKS)
def test_broken_rule_is_caught_and_names_the_row(
    name: str, validator: Validator, plan: list[Suite], sound_release: Path, broken: Broken
) -> None:
    sql, place = BREAKS[name]
    result = judged(validator, plan, broken(sound_release, sql), name)
    assert (result.status, result.has_raised) == ("failed", False)
    assert result.is_blocking is (name not in WARNINGS)
    assert place in result.observed
    assert place in "\n".join(messages([result]))


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("update claim set verdict_latest = 'maybe'", "page F001: verdict_latest is not of its vocabulary"),
        ("update claim set statement_en = null", "page F001: statement_en is NULL"),
        ("update index_score set time_period = '2019年', period_start = '2018-01-01' where time_period = '2019'",
         "time_period is not a period, period_start is of another year, period_year is not that of period_start"),
        ("update index_edition set last_period = 'last'", "two latest: last_period is not a period"),
        ("update growth set change_pct = 'nan'", "change_pct is NaN or infinite"),
        ("update source set name_en = null where source_id = 'b'", "b: name_en is NULL"),
    ],
)  # fmt: skip
def test_cell_against_its_declaration_is_caught(
    sql: str, problem: str, validator: Validator, plan: list[Suite], sound_release: Path, broken: Broken
) -> None:
    table = sql.split()[1]
    result = judged(validator, plan, broken(sound_release, sql), f"{table}.cells")
    assert problem in result.observed


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("drop table growth", "growth.change_abs: declared 12. DOUBLE, found nothing"),
        ("create table extra as select 1 as one", "extra.one: declared nothing, found 1. INTEGER"),
        ("alter table unit rename factor to faktor", "unit.faktor"),
        ("alter table unit drop factor; alter table unit add factor double", "unit.factor"),
    ],
)
def test_drift_of_tables_and_columns_is_caught(
    sql: str, place: str, validator: Validator, plan: list[Suite], sound_release: Path, broken: Broken
) -> None:
    result = judged(validator, plan, broken(sound_release, sql), "dictionary.columns")
    assert place in "\n".join(messages([result], shown=20))


def test_value_within_half_a_printed_digit_agrees(
    validator: Validator, plan: list[Suite], sound_release: Path, broken: Broken
) -> None:
    for value, status in ((1000.5, "passed"), (999.5, "passed"), (1000.51, "failed")):
        sql = f"update observation_vintage set obs_value = {value} where indicator_id = 'gdp' and source_id = 'b'"
        assert judged(validator, plan, broken(sound_release, sql), "observation_vintage.sources_agree").status == status


def test_failing_rows_are_the_first_twenty_and_all_are_counted(
    validator: Validator, plan: list[Suite], sound_release: Path, broken: Broken
) -> None:
    file = broken(sound_release, "update observation set obs_value = -1 where indicator_id = 'gdp'")
    result = judged(validator, plan, file, "observation.plausible")
    assert (len(result.failing_rows), result.rows_failed, result.rows_checked) == (20, 60, 120)
    assert [row["ref_area"] for row in result.failing_rows[:6]] == ["CN-AA"] * 5 + ["CN-BB"]
    assert messages([result])[-1] == "  and 57 more"


def test_quality_ids_are_unique(validator: Validator, plan: list[Suite], sound_release: Path) -> None:
    rows = quality_rows(validator.validate(sound_release, plan))
    assert len({row["check_id"] for row in rows}) == len(rows) == len(expectations(plan))


def test_scores_frozen_to_a_reference_may_leave_the_scale_elsewhere(
    validator: Validator,
    sound_release: Path,
    broken: Broken,
    declared: dict[str, Table],
    catalogue: Catalogue,
) -> None:
    frozen = {"method": {"normalise": {"method": "min_max", "scope": {"over": "reference", "periods": ["2015"]}}}}
    index = catalogue.indices["two"].with_changes(frozen)
    plan = release_plan(declared.values(), Catalogue((), indices={"two": index}, claims=catalogue.claims))
    rank_free = "update index_score set score = 140 where node_id = 'gdp' and ref_area = 'CN-LL' and time_period = "
    assert judged(validator, plan, broken(sound_release, rank_free + "'2019'"), "index_score.scale").status == "passed"
    assert judged(validator, plan, broken(sound_release, rank_free + "'2015'"), "index_score.scale").status == "failed"


def test_index_without_bounds_has_no_scale_check(declared: dict[str, Table], catalogue: Catalogue) -> None:
    index: Index = catalogue.indices["two"].with_changes({"method": {"normalise": {"method": "z_score"}}})
    plan = release_plan(declared.values(), Catalogue((), indices={"two": index}))
    assert "release.index_score.scale" not in expectations(plan)


def test_catalogue_without_indices_and_claims_needs_none(declared: dict[str, Table]) -> None:
    checks = expectations(release_plan(declared.values(), Catalogue(())))
    assert "release.observation.filled" in checks
    assert not {"release.index_score.filled", "release.claim.filled", "release.claim.declared"} & set(checks)
