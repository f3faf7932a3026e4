"""The YAML of claims: the formula language lets in arithmetic only, and every wrong reference is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from warehouse.catalogue.claim import Publication, names_in, parse, problems

if TYPE_CHECKING:
    from tests.claims.conftest import Small


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')", "x.real", "x[0]", "lambda: 1", "'text'",
        "x if y else z", "x and y", "x == y", "[x]", "x // y", "x % y", "True", "None", "1e999",
        "eval(x)", "at(x)", "at(x, 1)",
        "at(x, area)", "lag(x, 1.5)", "lag(x, '1')", "rank(x, y)", "total(x=1)", "whole()", "f'{x}'", "x y",
        "", "(x := 1)", "1j", "*x", "~x",
    ],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=r"formula|arguments"):
        parse(formula)


def test_an_unknown_function_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'rank'"):
        parse("rnak(x)")


def test_the_names_of_a_formula_are_told_apart() -> None:
    names = names_in("F003 / at(rd_intensity, 'CN') ** years + on(gdp, '2013') * X1")
    assert names.indicators == {"rd_intensity", "gdp"}
    assert names.statements == {"F003", "X1"}
    assert names.areas == {"CN"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"measure": "category"}, "cannot be computed"),
        ({"measure": "date"}, "cannot be computed"),
        ({"indicator": None}, "needs 'indicator' or 'formula'"),
        ({"measure": "ratio"}, "needs 'indicator' or 'formula'"),
        ({"measure": "comparison"}, "needs 'indicator' or 'formula'"),
        ({"stated_value": None}, "needs 'stated_value'"),
        ({"stated_value": 0, "qualifier": "near"}, "above zero"),
        ({"stated_value": -1, "qualifier": "over"}, "above zero"),
        ({"formula": "x +"}, "is not a formula"),
        ({"formula": "x", "not_testable": {"reason_en": "a", "reason_zh": "b"}}, "not both"),
        ({"not_testable": {"reason_en": "a"}}, "reason_zh"),
        ({"time_period": "2014/2018"}, "time_period"),
        ({"statement_zh": ""}, "statement_zh"),
        ({"qualifer": "near"}, "qualifer"),
        ({"digit": 0}, "digit"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(small: Small, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        small.claim(**fields)


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ({}, "x"),
        ({"measure": "total"}, "x"),
        ({"measure": "multiple"}, "multiple(x)"),
        ({"measure": "cagr"}, "cagr(x)"),
        ({"measure": "rank"}, "rank(x)"),
        ({"measure": "growth_points"}, "last(x) - first(x)"),
        ({"measure": "ratio", "comparator_area": "CN"}, "x / at(x, 'CN')"),
        ({"measure": "share", "comparator_area": "CN"}, "x / at(x, 'CN')"),
        ({"measure": "share"}, "x"),
        ({"measure": "ratio", "formula": "x / y"}, "x / y"),
    ],
)
def test_the_measure_gives_the_formula_unless_one_is_written(
    small: Small, fields: dict[str, Any], expression: str
) -> None:
    assert small.claim(**fields).expression == expression


def test_every_wrong_reference_is_reported_with_its_place(small: Small) -> None:
    page = small.publication(
        {
            "F001": small.claim(indicator="gpd", ref_area="CN-BJ", comparator_area="CNN", measure="ratio"),
            "F002": small.claim(formula="gdp / F001", indicator=None, ref_area="CN-BJ", unit="itms"),
            "F003": small.claim(formula="rank(at(gdpp, 'CN-XX'))", indicator="gdp", rank_group="planet"),
        },
        {"X01": small.claim(formula="F009 * F001", indicator=None, ref_area="CN")},
    )
    found = problems(page, {"gdp", "rd_intensity"}, {"CN", "CN-BJ", "A1"}, {"items"}, {"page", "ech"}, {"province"})
    for start in (
        "repeated_by: 'echo' is no source; did you mean 'ech'?",
        "claims.F001.indicator: 'gpd' is unknown; did you mean 'gdp'?",
        "claims.F001.comparator_area: 'CNN' is unknown; did you mean 'CN'?",
        "claims.F002.unit: 'itms' is unknown; did you mean 'items'?",
        "claims.F002.formula: 'F001' is the publication's own",
        "claims.F003.formula: 'gdpp' is no indicator; did you mean 'gdp'?",
        "claims.F003.formula: 'CN-XX' is no area",
        "claims.F003.rank_group: no area is of kind 'planet'",
        "crosschecks.X01.formula: 'F009' is no statement; did you mean 'F00",
    ):
        assert any(text.startswith(start) for text in found), (start, found)
    assert len(found) == 9


def test_a_cross_check_may_not_take_the_id_of_a_claim(small: Small) -> None:
    with pytest.raises(ValidationError, match="F001 stand in claims and in crosschecks"):
        small.publication({"F001": small.claim()}, {"F001": small.claim()})


def test_a_publication_survives_a_round_trip_through_json(small: Small) -> None:
    page = small.publication({"F001": small.claim()}, {"X01": small.claim(formula="F001")})
    assert Publication.model_validate(page.model_dump(mode="json", exclude_defaults=True)) == page
