"""The independent implementation itself: numbers worked out by hand, and the two linear programs against each other.

Not here: the engine held against it (test_asem, test_compind).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.replications import independent, independent_steps
from tests.replications.independent_steps import NAN, Panel, Tree

LOG_6_8 = 100 * math.log(6, 8)
TREE = Tree("top", {"left": "top", "right": "top", "x": "left", "y": "left", "z": "right"}, {"left": 3.0})


def panel(*, groups: dict[str, str] | None = None, **values: list[list[float]]) -> Panel:
    """Rows are periods from 2001 on, columns areas A, B, C, ..."""
    arrays = {name: np.array(rows, float) for name, rows in values.items()}
    rows, columns = next(iter(arrays.values())).shape
    return Panel([str(2001 + t) for t in range(rows)], "ABCDEFG"[:columns], arrays, groups or {}, "2001")


def one_row(*values: float) -> Panel:
    return panel(x=[list(values)])


def scores(values: list[float], step: object, direction: int = 1) -> list[float]:
    of = one_row(*values)
    return independent_steps.normalise(of.values["x"], direction, step, of)[0].tolist()


def test_a_zero_or_missing_denominator_leaves_nothing() -> None:
    found = independent_steps.denominate(np.array([[6.0, 6.0, 6.0, NAN]]), np.array([[2.0, 0.0, NAN, 2.0]]), 100)
    assert found[0].tolist() == pytest.approx([300, NAN, NAN, NAN], nan_ok=True)


def test_screening_counts_values_and_values_that_are_not_zero() -> None:
    of = panel(x=[[1, NAN, 0], [1, 1, 0]], y=[[1, NAN, 1], [1, 1, 0]])
    assert independent_steps.screen(of, {"availability": 0.6}).tolist() == [[True, False, True]] * 2
    assert independent_steps.screen(of, {"availability": 0.6, "over": "period"}).tolist() == [
        [True, False, True],
        [True] * 3,
    ]
    assert independent_steps.screen(of, {"non_zero": 0.25, "drop": ["A"]}).tolist() == [[False, True, True]] * 2
    assert independent_steps.screen(of, {"non_zero": 0.3, "keep": ["C"]}).tolist() == [[True, True, True]] * 2


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("none", [[NAN, 5, 9], [2, NAN, 9], [NAN, NAN, 9], [8, 7, 9]]),
        ({"method": "constant", "value": 1}, [[1, 5, 9], [2, 1, 9], [1, 1, 9], [8, 7, 9]]),
        ("carry", [[NAN, 5, 9], [2, 5, 9], [2, 5, 9], [8, 7, 9]]),
        ({"method": "carry", "max_age": 1}, [[NAN, 5, 9], [2, 5, 9], [2, NAN, 9], [8, 7, 9]]),
        ({"method": "carry", "direction": "both"}, [[2, 5, 9], [2, 5, 9], [2, 5, 9], [8, 7, 9]]),
        ("linear", [[NAN, 5, 9], [2, 5 + 2 / 3, 9], [5, 5 + 4 / 3, 9], [8, 7, 9]]),
        ({"method": "linear", "ends": "hold"}, [[2, 5, 9], [2, 5 + 2 / 3, 9], [5, 5 + 4 / 3, 9], [8, 7, 9]]),
        ("cross_section", [[7, 5, 9], [2, 5.5, 9], [9, 9, 9], [8, 7, 9]]),
        ({"method": "cross_section", "within": "group"}, [[5, 5, 9], [2, 2, 9], [NAN, NAN, 9], [8, 7, 9]]),
    ],
)
def test_gaps_are_filled(step: object, expected: list[list[float]]) -> None:
    of = panel(x=[[NAN, 5, 9], [2, NAN, 9], [NAN, NAN, 9], [8, 7, 9]], groups={"A": "g", "B": "g", "C": "h"})
    found = independent_steps.impute(of, Tree("top", {"x": "top"}), [step])["x"]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_the_mean_over_the_row_goes_back_to_the_own_scale() -> None:
    of = panel(x=[[0, 10, NAN]], y=[[4, 8, 5]], z=[[1, 1, 1]])
    tree = Tree("top", {"x": "p", "y": "p", "z": "top", "p": "top"}, directions={"y": -1})
    # y of C is 0.75 from its best end, so x lies three quarters up.
    assert independent_steps.impute(of, tree, ["row_mean"])["x"][0, 2] == pytest.approx(7.5)


def test_skewness_and_kurtosis_are_those_of_the_spreadsheet() -> None:
    values = [3.0, 4, 5, 2, 3, 4, 5, 6, 4, 7]  # SKEW 0.359543, KURT -0.151800 in the manual of Excel
    assert independent_steps.fails(values, 0.359543, -0.151800)
    assert not independent_steps.fails(values, 0.359544, -0.151800)
    assert not independent_steps.fails(values, 0.359543, -0.151799)
    assert not independent_steps.fails([1, 1, 100], 0, -9)


def test_ties_are_winsorised_together_and_up_to_the_limit() -> None:
    values = [float(x) for x in range(1, 31)] + [900, 1000, 1000, NAN]
    assert not independent_steps.fails([*range(1, 31), 30, 30, 30])
    assert independent_steps.winsorise(values, 1)[30:33] == [900, 900, 900]
    assert independent_steps.winsorise(values, 2)[30:33] == [900, 900, 900]
    assert independent_steps.winsorise(values, 3)[30:33] == [30, 30, 30]
    assert independent_steps.winsorise([-x for x in values], 9)[:33] == [-float(x) for x in range(1, 31)] + [-30] * 3
    assert independent_steps.winsorise(values, 0)[:33] == values[:33]


def test_what_still_fails_is_transformed_from_the_original_values() -> None:
    values = np.array([[*range(1, 31), 900, 1000, 1000, NAN]], float)
    step = {"method": "winsorise", "winmax": 1, "then": "log_ct"}
    found, _ = independent_steps.treat(values, step)
    assert found[0, 0] == pytest.approx(math.log(9.99))
    assert found[0, 32] == pytest.approx(math.log(999 + 9.99))
    found, _ = independent_steps.treat(values, {**step, "then_on": "winsorised"})
    assert found[0, 32] == pytest.approx(math.log(899 + 8.99))
    assert math.isnan(found[0, 33])


@pytest.mark.parametrize(
    ("method", "direction", "expected"),
    [
        ("log_ct", 1, [math.log(0.4), math.log(10.4), math.log(40.4)]),
        ("log_ct_orig", 1, [0, math.log(11), math.log(41)]),
        ("log_ct_plus", 1, [math.log(0.4), math.log(10.4), math.log(40.4)]),
        ("log_gii", 1, [0, math.log(41 * 10 / 40 + 1), math.log(42)]),
        ("log_gii", -1, [-math.log(42), -math.log(41 * 30 / 40 + 1), 0]),
        ("boxcox", 1, [0, (11**0.5 - 1) / 0.5, (41**0.5 - 1) / 0.5]),
        ("sqrt", 1, [math.sqrt(2), math.sqrt(12), math.sqrt(42)]),
    ],
)
def test_transforms(method: str, direction: int, expected: list[float]) -> None:
    found = independent_steps.transform([2, 12, 42], method, direction, 0.5 if method == "boxcox" else None)
    assert found == pytest.approx(expected, abs=1e-15)


def test_a_long_left_tail_is_mirrored_by_log_ct_plus() -> None:
    found = independent_steps.transform([0, 90, 95, 100], "log_ct_plus")
    assert found == pytest.approx([-math.log(101), -math.log(11), -math.log(6), -math.log(1)])


def test_values_beyond_the_limits_take_no_part_in_the_parameters() -> None:
    of = one_row(1, 2, 3, 4, 5, 6, 50)
    treated, excluded = independent_steps.treat(of.values["x"], {"method": "sd_limits", "k": 2})
    assert excluded[0].tolist() == [False] * 6 + [True]
    found = independent_steps.normalise(treated, 1, "min_max", of, excluded)[0]
    assert found.tolist() == pytest.approx([0, 20, 40, 60, 80, 100, 980])


@pytest.mark.parametrize(
    ("step", "direction", "expected"),
    [
        ("min_max", 1, [0, 50, 100, 50]),
        ("min_max", -1, [100, 50, 0, 50]),
        ({"method": "min_max", "lower": 1, "upper": 2}, -1, [2, 1.5, 1, 1.5]),
        ({"method": "z_score", "mean": 9, "sd": 2}, 1, [9 - math.sqrt(6), 9, 9 + math.sqrt(6), 9]),
        ({"method": "z_score"}, -1, [math.sqrt(1.5), 0, -math.sqrt(1.5), 0]),
        ("rank", 1, [1, 2, 4, 2]),
        ("rank", -1, [4, 2, 1, 2]),
        ("borda", 1, [0, 1, 3, 1]),
        ("percentile_rank", 1, [0, 1 / 3, 1, 1 / 3]),
        ({"method": "goalposts", "low": 3, "high": 5}, 1, [0, 50, 100, 50]),
        ({"method": "goalposts", "low": 3, "high": 5, "cap": False}, -1, [150, 50, -50, 50]),
        ({"method": "goalposts", "low": 1, "high": 8, "log": True}, 1, [100 / 3, 200 / 3, LOG_6_8, 200 / 3]),
        ({"method": "distance_to_target", "target": 4}, 1, [0, 1, 1, 1]),
        ({"method": "distance_to_target", "target": 5, "cap": False}, -1, [4, 2, 0, 2]),
        ({"method": "distance_to_target", "target": 2}, 1, [1, 1, 1, 1]),
        ({"method": "distance_to_reference", "area": "B"}, 1, [0, 1, 2, 1]),
        ({"method": "distance_to_reference", "area": "B"}, -1, [2, 1, 0, 1]),
        ("fraction_of_max", 1, [1 / 3, 2 / 3, 1, 2 / 3]),
        ("fraction_of_max", -1, [1, 0.5, 1 / 3, 0.5]),
        ("base_ratio", 1, [100, 100, 100, 100]),
        ({"method": "ampi", "reference": {"value": 3}}, 1, [85, 115, 145, 115]),
        ({"method": "ampi"}, -1, [130, 100, 70, 100]),
        ({"method": "min_max", "scope": {"over": "given", "values": {"min": 0, "max": 8}}}, 1, [25, 50, 75, 50]),
        ({"method": "min_max", "scope": {"over": "reference", "areas": ["A", "B"]}}, 1, [0, 100, 200, 100]),
    ],
)  # fmt: skip
def test_normalisations(step: object, direction: int, expected: list[float]) -> None:
    assert scores([2, 4, 6, 4], step, direction) == pytest.approx(expected)


def test_no_score_where_the_condition_of_a_method_fails() -> None:
    for step in ("min_max", "z_score", "ampi"):
        assert all(map(math.isnan, scores([3, 3, 3], step)))
    assert all(map(math.isnan, scores([-3, -1], "fraction_of_max")))
    assert math.isnan(scores([1], "percentile_rank")[0])


def test_scopes_over_time() -> None:
    of = panel(x=[[0, 10], [0, 20]])
    values = of.values["x"]
    assert independent_steps.normalise(values, 1, "min_max", of).tolist() == [[0, 50], [0, 100]]
    each = {"method": "min_max", "scope": "period"}
    assert independent_steps.normalise(values, 1, each, of).tolist() == [[0, 100], [0, 100]]
    frozen = {"method": "min_max", "scope": {"over": "reference", "periods": [2001]}}
    assert independent_steps.normalise(values, 1, frozen, of).tolist() == [[0, 100], [0, 200]]
    mean_first = independent_steps.normalise(values, 1, "ampi", of)  # reference 5, half range 10
    assert mean_first.tolist() == [[85, 115], [85, 145]]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("arithmetic", 5.5),
        ("geometric", 2**0.25 * 4**0.25 * 8**0.5),
        ({"method": "geometric", "floor": 4}, 4**0.5 * 8**0.5),
        ("harmonic", 4),
        ({"method": "power_mean", "p": 2}, math.sqrt(37)),
        ("median", 6),
        ("min", 2),
        ("mpi", 5.5 - 6.75 * 1.5 / 5.5),
        ({"method": "ampi", "penalty": "plus"}, 5.5 + 6.75 / 5.5),
    ],
)
def test_means_of_the_children_present(step: object, expected: float) -> None:
    assert independent_steps.combine([2, 4, 8], [0.25, 0.25, 0.5], step) == pytest.approx(expected)


def test_copeland_counts_who_beats_whom() -> None:
    columns = {"x": np.array([[3.0, 2.0, 1.0, NAN]]), "y": np.array([[1.0, 2.0, 2.0, NAN]])}
    found = independent_steps.aggregate(columns, {"x": 2, "y": 1}, "copeland")[0]
    assert found.tolist() == pytest.approx([2, 0, -2, NAN], nan_ok=True)


def test_topsis_is_one_at_the_ideal() -> None:
    columns = {"x": np.array([[3.0, 4.0, 0.0]]), "y": np.array([[3.0, 4.0, 0.0]])}
    assert independent_steps.aggregate(columns, {"x": 1, "y": 1}, "topsis")[0].tolist() == pytest.approx([0.75, 1, 0])


def test_the_doubt_is_worked_out_by_hand() -> None:
    rows = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
    # w1 + 2 w2 <= 1 and 2 w1 + w2 <= 1 leave a third each.
    assert independent_steps.doubt_score(rows, 2, [0, 0], [1, 1]) == pytest.approx(2 / 3)
    # The first area reaches 1 with y alone. With half of its sum from x, w1 >= 2 w2 and 2 w1 + w2 <= 1 leave 4/5.
    assert independent_steps.doubt_score(rows, 0, [0, 0.5], [1, 1]) == pytest.approx(1)
    assert independent_steps.doubt_score(rows, 0, [0.5, 0], [1, 1]) == pytest.approx(0.8)
    assert independent_steps.doubt_score(rows, 0, [0, 0], [1, 0.4]) == pytest.approx(5 / 7)


def test_prices_and_shares_give_the_same_doubt() -> None:
    source = np.random.default_rng(11)
    for _ in range(12):
        children = int(source.integers(2, 6))
        rows = source.uniform(0.5, 10, (int(source.integers(2, 9)), children))
        low, high = [0.5 / children] * children, [1.3 / children] * children
        for area in range(len(rows)):
            first = independent_steps.doubt_score(rows, area, low, high)
            assert first == pytest.approx(independent_steps.doubt_score_by_shares(rows, area, low, high), rel=1e-10)
            assert first <= independent_steps.doubt_score(rows, area, [0] * children, [1] * children) + 1e-12


def test_one_run_with_its_choices() -> None:
    of = panel(x=[[0, 5, 10]], y=[[0, NAN, 10]], z=[[10, 0, 5]])
    base = independent.score_once(of, TREE, "min_max", "arithmetic")
    assert base["left"][0].tolist() == [0, 50, 100]
    assert base["top"][0].tolist() == [25, 37.5, 87.5]
    drawn = independent.score_once(of, TREE, "min_max", "arithmetic", multipliers={"left": 1 / 3, "x": 3, "z": 7})
    assert drawn["top"][0].tolist() == [50, 25, 75]
    filled = independent.score_once(of, TREE, "min_max", "arithmetic", imputation=[{"method": "constant", "value": 0}])
    assert filled["left"][0].tolist() == [0, 25, 100]
    without = independent.score_once(of, TREE, {"x": "min_max", "y": "borda"}, {"": "arithmetic"}, left_out="z")
    assert "right" not in without
    assert without["top"][0].tolist() == [0, 50, 50.5]
    mixed = independent.score_once(of, TREE, "min_max", {"top": "min", "": "arithmetic"})
    assert mixed["top"][0].tolist() == [0, 0, 50]


def test_ranks_and_coverage() -> None:
    assert independent.ranks_of(np.array([[5.0, 7, 5 + 1e-14, NAN]]))[0].tolist() == pytest.approx(
        [2, 1, 2, NAN], nan_ok=True
    )
    observed = {"x": np.array([[1.0, NAN]]), "y": np.array([[1.0, 1.0]]), "z": np.array([[NAN, 1.0]])}
    covered = independent.coverage_of(observed, TREE)
    assert covered["top"][0].tolist() == [0.75, 0.625]
    assert covered["left"][0].tolist() == [1, 0.5]
