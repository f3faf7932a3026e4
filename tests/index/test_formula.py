"""Formulas: what may be written, dimensions, alignment, vintages of the result.

Not here: the formulas of the built-in catalogue (test_builtin_indices).
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.formula import evaluate
from warehouse.catalogue.formula import FormulaError, Number, Operation, Term, inputs, parse, problems
from warehouse.catalogue.indicator import Area, Indicator, Unit

UNITS = {
    "one": Unit(name_en="ratio"),
    "pct": Unit(name_en="%", base="one", factor=0.01),
    "cny": Unit(name_en="yuan"),
    "cny_100m": Unit(name_en="100 million yuan", base="cny", factor=1e8),
    "persons": Unit(name_en="persons"),
    "persons_10k": Unit(name_en="10 thousand persons", base="persons", factor=1e4),
    "cny_per_person": Unit(name_en="yuan per person", per=("cny", "persons")),
    "cny_10k_per_person": Unit(name_en="10 thousand yuan per person", base="cny_per_person", factor=1e4),
}
AREAS = {"CN": Area(name_en="China"), "CN-BJ": Area(name_en="Beijing", kind="province", parent="CN")}


def indicators(**formulas: tuple[str, str]) -> dict[str, Indicator]:
    """gdp, rd (100 million yuan), people (10 thousand persons), and computed ones: name=(unit, formula)."""
    base = {"gdp": "cny_100m", "rd": "cny_100m", "people": "persons_10k"}
    given_ones = {name: Indicator(name_en=name, unit=unit) for name, unit in base.items()}
    return given_ones | {
        name: Indicator(name_en=name, unit=unit, formula=formula) for name, (unit, formula) in formulas.items()
    }


def observed(*rows: tuple[str, str, str, float | None], **changes: object) -> pl.DataFrame:
    frame = pl.DataFrame(
        rows,
        schema={
            "indicator_id": pl.String,
            "ref_area": pl.String,
            "time_period": pl.String,
            "obs_value": pl.Float64,
        },
        orient="row",
    )
    default = {
        "obs_status": "A",
        "vintage": date(2019, 8, 30),
        "vintage_basis": "declared",
        "is_corrected": False,
    }
    return frame.with_columns(pl.lit("A").alias("freq"), *(pl.lit(v).alias(k) for k, v in (default | changes).items()))


def one(frame: pl.DataFrame) -> dict[str, object]:
    assert frame.height == 1
    return frame.row(0, named=True)


# Reading


def test_lag_and_at_apply_to_everything_inside():
    assert parse("lag(rd / at(gdp, 'CN'), 2)") == Operation("/", Term("rd", 2), Term("gdp", 2, "CN"))
    assert parse("lag(lag(gdp, 1), 1)") == Term("gdp", 2)
    assert parse("-rd") == Operation("*", Number(-1.0), Term("rd"))
    assert inputs("rd / (gdp + rd)") == ("gdp", "rd")


@pytest.mark.parametrize(
    "text",
    ["rd ** 2", "rd.x", "rd[0]", "open('x')", "rd if gdp else 1", "'a'", "True", "lag(rd, -1)",
     "lag(rd, 0.5)", "lag(rd)", "at(rd, CN)", "at(at(rd, 'CN'), 'CN-BJ')",
     "rd +", "rd, gdp", "lambda: 1", "+rd", "f'{rd}'"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(FormulaError, match="formula"):
        parse(text)


def test_a_formula_without_the_area_itself_is_refused():
    with pytest.raises(FormulaError, match="no indicator of the area itself"):
        parse("at(gdp, 'CN') * 2")


# Checking


def test_units_that_do_not_fit_are_named_both():
    found = problems(indicators(x=("cny", "gdp / people")), UNITS, AREAS)
    assert "cny * persons^-1" in found["x"]
    assert "unit 'cny' is cny" in found["x"]


@pytest.mark.parametrize(
    ("unit", "formula", "words"),
    [
        ("cny", "gdp + people", "unlike dimensions: cny + persons"),
        ("pct", "rd / gpd", "did you mean 'gdp'?"),
        ("pct", "rd / at(rd, 'CN-BK')", "did you mean 'CN-BJ'?"),
        ("pct", "rd **", "not a formula"),
        ("nothing", "rd / gdp", "unit 'nothing' is unknown"),
    ],
)
def test_what_is_wrong_is_said(unit, formula, words):
    assert words in problems(indicators(x=(unit, formula)), UNITS, AREAS)["x"]


def test_formulas_in_a_circle_are_found_and_the_others_are_not_blamed():
    found = problems(indicators(a=("pct", "b"), b=("pct", "a"), c=("pct", "a")), UNITS, AREAS)
    assert set(found) == {"a", "b"}
    assert "is a circle" in found["a"]


def test_sound_formulas_have_no_problem():
    made = indicators(
        intensity=("pct", "rd / gdp"),
        head=("cny_per_person", "gdp / ((people + lag(people, 1)) / 2)"),
        gap=("cny", "gdp - rd"),
    )
    assert problems(made, UNITS, AREAS) == {}


# Evaluating


def test_the_result_is_in_the_unit_of_the_indicator():
    data = observed(
        ("rd", "CN-BJ", "2018", 1870.8),
        ("gdp", "CN-BJ", "2018", 30320.0),
        ("people", "CN-BJ", "2017", 2170.7),
    )
    made = indicators(intensity=("pct", "rd / gdp"), head=("cny_10k_per_person", "gdp / lag(people, 1)"))
    rows = {row["indicator_id"]: row for row in evaluate(data, made, UNITS).iter_rows(named=True)}
    assert rows["intensity"]["obs_value"] == pytest.approx(100 * 1870.8 / 30320, rel=1e-11)
    assert rows["head"]["obs_value"] == pytest.approx(30320 / 2170.7, rel=1e-11)
    assert rows["head"]["time_period"] == "2018"
    assert rows["head"]["unit_id"] == "cny_10k_per_person"


def test_the_share_of_the_nation_takes_the_value_of_the_nation():
    data = observed(("gdp", "CN-BJ", "2018", 3.0), ("gdp", "CN", "2018", 90.0), ("gdp", "CN-BJ", "2019", 3.0))
    rows = evaluate(data, indicators(share=("pct", "gdp / at(gdp, 'CN')")), UNITS)
    found = {(r["ref_area"], r["time_period"]): r["obs_value"] for r in rows.iter_rows(named=True)}
    assert found == {("CN-BJ", "2018"): pytest.approx(10 / 3), ("CN", "2018"): 100.0}


def test_a_missing_input_gives_no_row_and_a_division_by_zero_a_row_without_value():
    data = observed(
        ("rd", "CN", "2018", 1.0),
        ("gdp", "CN", "2018", None),
        ("rd", "CN", "2019", 1.0),
        ("gdp", "CN", "2019", 0.0),
    )
    row = one(evaluate(data, indicators(x=("pct", "rd / gdp")), UNITS))
    assert (row["time_period"], row["obs_value"], row["obs_status"]) == ("2019", None, "M")


def test_vintage_is_the_newest_and_basis_the_weakest_of_the_inputs():
    data = pl.concat(
        [
            observed(("rd", "CN", "2018", 1.0), vintage=date(2019, 8, 30), vintage_basis="declared"),
            observed(
                ("gdp", "CN", "2018", 4.0),
                vintage=date(2018, 12, 31),
                vintage_basis="assumed",
                is_corrected=True,
            ),
        ]
    )
    row = one(evaluate(data, indicators(x=("pct", "rd / gdp")), UNITS))
    assert (row["vintage"], row["vintage_basis"]) == (date(2019, 8, 30), "assumed")
    assert (row["is_corrected"], row["is_derived"], row["source_id"], row["locator"]) == (
        True,
        True,
        "derived",
        "rd / gdp",
    )
    assert (row["snapshot_id"], row["decimals"], row["obs_status"]) == (None, None, "A")


def test_status_follows_the_inputs():
    data = pl.concat([observed(("rd", "CN", "2018", 1.0), obs_status="P"), observed(("gdp", "CN", "2018", 4.0))])
    assert one(evaluate(data, indicators(x=("pct", "rd / gdp")), UNITS))["obs_status"] == "P"
    data = data.with_columns(obs_status=pl.Series(["P", "E"]))
    assert one(evaluate(data, indicators(x=("pct", "rd / gdp")), UNITS))["obs_status"] == "E"


def test_formulas_may_use_other_formulas_in_any_order_of_declaration():
    made = indicators(double=("pct", "2 * intensity"), intensity=("pct", "rd / gdp"))
    data = observed(("rd", "CN", "2018", 1.0), ("gdp", "CN", "2018", 4.0))
    found = {row["indicator_id"]: row["obs_value"] for row in evaluate(data, made, UNITS).iter_rows(named=True)}
    assert found == {"double": 50.0, "intensity": 25.0}


def test_a_circle_cannot_be_evaluated():
    with pytest.raises(FormulaError, match="circle"):
        evaluate(observed(("rd", "CN", "2018", 1.0)), indicators(a=("pct", "b"), b=("pct", "a")), UNITS)


def test_no_formula_and_no_data_give_an_empty_table_of_the_same_columns():
    made = indicators(x=("pct", "rd / gdp"))
    nothing = evaluate(observed(), made, UNITS)
    assert nothing.is_empty()
    assert nothing.schema == evaluate(observed(("rd", "CN", "2018", 1.0)), indicators(), UNITS).schema


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["rd", "gdp"]),
            st.sampled_from(["CN", "CN-BJ"]),
            st.integers(2015, 2018),
            st.floats(1, 1e6),
        ),
        unique_by=lambda r: r[:3],
    ),
    st.randoms(),
)
def test_evaluation_agrees_with_a_loop_and_does_not_depend_on_order(rows, random):
    data = [(name, area, str(year), value) for name, area, year, value in rows]
    made = indicators(x=("pct", "(rd - lag(rd, 1)) / at(gdp, 'CN')"))
    result = evaluate(observed(*data), made, UNITS)
    random.shuffle(data)
    assert result.equals(evaluate(observed(*data), made, UNITS))
    table = {key[:3]: key[3] for key in data}
    wanted = {}
    for area in ("CN", "CN-BJ"):
        for year in range(2015, 2019):
            needed = [("rd", area, str(year)), ("rd", area, str(year - 1)), ("gdp", "CN", str(year))]
            if all(key in table for key in needed):
                after, before, whole = (table[key] for key in needed)
                wanted[area, str(year)] = pytest.approx(100 * (after - before) / whole, rel=1e-9, abs=1e-9)
    assert {(r["ref_area"], r["time_period"]): r["obs_value"] for r in result.iter_rows(named=True)} == wanted
