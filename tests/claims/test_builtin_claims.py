"""The 142 statements of the page and their cross-checks: complete, and judged as worked out by hand."""

from __future__ import annotations

import csv
from time import perf_counter

import polars as pl
import pytest

from pipelines.claims.evidence import Knowledge
from pipelines.claims.judge import judge_publication
from pipelines.settings import BUILTIN
from warehouse.catalogue.claim import Publication, names_in, problems
from warehouse.catalogue.load import Catalogue

MEASURES = {
    "level": {"level"}, "multiple": {"multiple"}, "growth_multiple": {"multiple"}, "cagr": {"cagr"},
    "growth_pp": {"growth_points"}, "ratio_to_national": {"ratio"}, "share_of_national": {"share"},
    "share": {"share"}, "rank": {"rank"}, "count": {"count", "total"}, "date": {"date"},
    "category": {"category", "direction", "comparison"},
}  # fmt: skip


@pytest.fixture(scope="module")
def page(builtin: Catalogue) -> Publication:
    return builtin.claims["beijing_2019"]


@pytest.fixture(scope="module")
def judged(page: Publication, builtin_rows: pl.DataFrame, builtin_knowledge: Knowledge) -> pl.DataFrame:
    return judge_publication("beijing_2019", page, builtin_rows, builtin_knowledge)


@pytest.fixture(scope="module")
def facts() -> dict[str, dict[str, str]]:
    with (BUILTIN / "raw" / "page_2019" / "published_facts_2019.csv").open(encoding="utf-8-sig") as file:
        return {row["fact_id"]: row for row in csv.DictReader(file)}


def test_every_statement_of_the_page_is_a_claim_under_its_id(
    page: Publication, facts: dict[str, dict[str, str]]
) -> None:
    assert list(page.claims) == list(facts) and len(facts) == 142
    for claim_id, fact in facts.items():
        claim = page.claims[claim_id]
        assert claim.ref_area == fact["ref_area"], claim_id
        assert claim.measure in MEASURES[fact["measure"]], claim_id
        assert claim.time_period[:4] == fact["time_period"][:4], claim_id
        if fact["measure"] not in ("category", "date"):
            assert claim.stated_value == float(fact["value"]), claim_id


def test_every_reference_is_declared(page: Publication, builtin: Catalogue) -> None:
    kinds = {area.kind for area in builtin.areas.values()}
    sources = {path.stem for path in (BUILTIN / "sources").glob("*.yml")}
    assert problems(page, builtin.indicators, builtin.areas, builtin.units, sources, kinds) == []


def test_verdicts_are_those_worked_out_by_hand(judged: pl.DataFrame, expected_verdicts: pl.DataFrame) -> None:
    columns = ["claim_id", "verdict_as_published", "verdict_latest", "is_vintage_dependent"]
    found = {row[0]: row[1:] for row in judged.select(columns).iter_rows()}
    wanted = {row[0]: row[1:] for row in expected_verdicts.select(columns).iter_rows()}
    assert {k: (v, wanted.get(k)) for k, v in found.items() if v != wanted.get(k)} == {}
    assert found.keys() == wanted.keys()


def test_the_ratio_of_research_intensity_depends_on_the_vintage(judged: pl.DataFrame) -> None:
    row = judged.filter(claim_id="F005").row(0, named=True)
    assert (row["stated_low"], row["stated_high"]) == (2.75, 2.85)
    assert row["computed_published_low"] == pytest.approx(6.165 / 2.195, rel=1e-11)
    assert row["computed_latest_high"] == pytest.approx(5.655 / 2.135, rel=1e-11)
    assert (row["verdict_as_published"], row["verdict_latest"]) == ("consistent", "inconsistent")
    assert row["is_vintage_dependent"]


def test_every_row_says_why_in_both_languages(judged: pl.DataFrame) -> None:
    assert judged.filter((pl.col("reason_en") == "") | (pl.col("reason_zh") == "")).is_empty()
    assert judged["reason_zh"].str.contains(r"\p{Han}").all()
    assert judged["statement_zh"].str.contains(r"\p{Han}").all()
    assert not judged["statement_en"].str.contains(r"\p{Han}").any()


def test_not_testable_never_has_a_computed_value(judged: pl.DataFrame) -> None:
    for verdict, column in (
        ("verdict_as_published", "computed_published_low"),
        ("verdict_latest", "computed_latest_low"),
    ):
        assert (
            judged.filter(pl.col(verdict) == "not_testable")[column].null_count()
            == judged.filter(pl.col(verdict) == "not_testable").height
        )


def test_claims_do_not_rest_on_the_page_and_cross_checks_do(page: Publication) -> None:
    used = {key: names_in(claim.expression) for key, claim in page.statements.items() if claim.expression}
    assert [key for key in page.claims if key in used and used[key].statements] == []
    resting = [key for key in page.crosschecks if used[key].statements]
    assert len(resting) >= 15


def test_taking_the_page_out_of_the_evidence_changes_no_verdict(
    page: Publication, builtin_rows: pl.DataFrame, builtin_knowledge: Knowledge, judged: pl.DataFrame
) -> None:
    others = builtin_rows.filter(~pl.col("source_id").is_in(["page_2019", "published_seed"]))
    assert others.height < builtin_rows.height
    assert judge_publication("beijing_2019", page, others, builtin_knowledge).equals(judged)


def test_judging_the_page_twice_takes_well_under_half_a_second(
    page: Publication, builtin_rows: pl.DataFrame, builtin_knowledge: Knowledge
) -> None:
    start = perf_counter()
    judge_publication("beijing_2019", page, builtin_rows, builtin_knowledge)
    assert perf_counter() - start < 0.5
