"""Every way to put children together, by hand and by a plain loop over the cells.

Not here: benefit of the doubt (test_doubt), index numbers over time (test_index_number), thresholds (test_score).
"""

from __future__ import annotations

import math
import statistics
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.index.aggregate import aggregate, allowed, floored, spread_weights
from warehouse.catalogue.method import Method

NAN = float("nan")


def step(value: object) -> object:
    return Method.model_validate({"aggregate": value}).aggregate


def mean(values: list[float], weights: list[float], how: object) -> float:
    return float(aggregate(np.array(values), np.array(weights), step(how)))


def of_areas(rows: list[list[float]], weights: list[float], how: object) -> list[float]:
    return aggregate(np.array(rows), np.array(weights), step(how)).tolist()


# Means


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("arithmetic", 0.2 * 1 + 0.3 * 4 + 0.5 * 16),
        ("geometric", math.exp(0.3 * math.log(4) + 0.5 * math.log(16))),
        (
            {"method": "geometric", "floor": 2},
            math.exp(0.2 * math.log(2) + 0.3 * math.log(4) + 0.5 * math.log(16)),
        ),
        ("harmonic", 1 / (0.2 / 1 + 0.3 / 4 + 0.5 / 16)),
        ({"method": "harmonic", "floor": 2}, 1 / (0.2 / 2 + 0.3 / 4 + 0.5 / 16)),
        ({"method": "power_mean", "p": 2}, math.sqrt(0.2 + 0.3 * 16 + 0.5 * 256)),
        ({"method": "power_mean", "p": 0.5}, (0.2 + 0.3 * 2 + 0.5 * 4) ** 2),
        ({"method": "power_mean", "p": -1}, 1 / (0.2 / 1 + 0.3 / 4 + 0.5 / 16)),
        ("median", 10.0),
        ("min", 1.0),
    ],
)
def test_means_of_three_children(how, wanted):
    assert mean([1.0, 4.0, 16.0], [2.0, 3.0, 5.0], how) == pytest.approx(wanted, rel=1e-14)


def test_the_weight_of_a_missing_child_is_spread_over_those_present():
    assert spread_weights(np.array([1.0, NAN, 3.0]), np.array([1.0, 2.0, 3.0])).tolist() == [0.25, 0, 0.75]
    assert spread_weights(np.array([NAN, 2.0]), np.array([1.0, 0.0])).tolist() == [0, 0]
    assert mean([1.0, NAN, 3.0], [1.0, 2.0, 3.0], "arithmetic") == 2.5
    assert math.isnan(mean([NAN, NAN, 3.0], [1.0, 2.0, 0.0], "arithmetic"))


def test_the_weighted_median_takes_the_smallest_with_half_the_weight_below():
    assert mean([3.0, 1.0, 2.0], [1.0, 1.0, 1.0], "median") == 2.0
    assert mean([3.0, 1.0], [3.0, 1.0], "median") == 3.0
    assert mean([3.0, 1.0], [1.0, 1.0], "median") == 2.0


def test_the_weighted_median_knows_an_exact_half_in_spite_of_rounding():
    # 0.1 + 0.2 is not 0.3, and the next child with a weight is 7, not 5
    assert mean([1.0, 2.0, 7.0, 5.0], [0.1, 0.2, 0.3, 0.0], "median") == 4.5
    assert mean([7.0, 5.0, 1.0], [0.1, 0.2, 0.3], "median") == 3


@pytest.mark.parametrize("how", ["geometric", "harmonic", {"method": "power_mean", "p": -2}])
def test_a_child_that_is_not_above_zero_has_no_such_mean(how):
    assert math.isnan(mean([0.0, 4.0], [1.0, 1.0], how))
    assert not math.isnan(mean([0.0, 4.0], [0.0, 1.0], how))
    assert allowed(np.array([-1.0, 0.0, 1.0, NAN]), step(how)).tolist() == [False, False, True, True]


def test_a_power_of_a_fraction_takes_zero_but_nothing_below():
    half = {"method": "power_mean", "p": 0.5}
    assert mean([0.0, 4.0], [1.0, 1.0], half) == 1.0
    assert math.isnan(mean([-1.0, 4.0], [1.0, 1.0], half))
    assert allowed(np.array([-1.0, 0.0, 1.0, NAN]), step(half)).tolist() == [False, True, True, True]


def test_an_odd_power_keeps_the_sign():
    assert mean([-3.0, 1.0], [1.0, 1.0], {"method": "power_mean", "p": 3}) == pytest.approx(-(13 ** (1 / 3)))


@pytest.mark.parametrize("p", [500, -500])
def test_a_large_power_stays_within_the_range_of_a_double(p):
    wanted = 90 * 0.5 ** (1 / p) if p > 0 else 20 * 0.5 ** (1 / p)
    assert mean([20.0, 90.0], [1.0, 1.0], {"method": "power_mean", "p": p}) == pytest.approx(wanted, rel=1e-12)


def test_a_floor_lifts_what_lies_below_it_and_allows_it():
    for how in ("geometric", "harmonic"):
        lifted = step({"method": how, "floor": 2})
        assert floored(np.array([-1.0, 2.0, 3.0]), lifted).tolist() == [2, 2, 3]
        assert allowed(np.array([-1.0, 0.0]), lifted).all()
        assert mean([-1.0, 2.0], [1.0, 1.0], {"method": how, "floor": 2}) == pytest.approx(2)


# Penalised means


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("mpi", 100 - 100 / 100),
        ({"method": "mpi", "penalty": "plus"}, 100 + 100 / 100),
        ("ampi", 100 - 200 / 3 / 100),
        ({"method": "ampi", "penalty": "plus"}, 100 + 200 / 3 / 100),
        ({"method": "ampi", "ddof": 1}, 99.0),
        ({"method": "mpi", "ddof": 0}, 100 - 200 / 3 / 100),
    ],
)
def test_the_penalty_is_the_variance_over_the_mean(how, wanted):
    assert mean([90.0, 100.0, 110.0], [1.0, 1.0, 1.0], how) == pytest.approx(wanted, rel=1e-14)
    assert mean([90.0, NAN, 100.0, 110.0], [1.0, 1.0, 1.0, 1.0], how) == pytest.approx(wanted, rel=1e-14)


def test_unequal_weights_weigh_the_variance():
    # mean 85, weighted squares 0.75 * 25 + 0.25 * 225 = 75; with n - 1 of two children twice that
    assert mean([90.0, 70.0], [3.0, 1.0], "ampi") == pytest.approx(85 - 75 / 85, rel=1e-14)
    assert mean([90.0, 70.0], [3.0, 1.0], "mpi") == pytest.approx(85 - 150 / 85, rel=1e-14)
    assert mean([90.0, 70.0, 5.0], [3.0, 1.0, 0.0], "mpi") == pytest.approx(85 - 150 / 85, rel=1e-14)


@pytest.mark.parametrize("how", ["mpi", "ampi"])
def test_a_single_child_and_equal_children_have_no_penalty(how):
    assert mean([90.0, NAN], [3.0, 1.0], how) == 90
    assert mean([0.0, 0.0], [3.0, 1.0], how) == 0
    assert math.isnan(mean([NAN, NAN], [3.0, 1.0], how))


@pytest.mark.parametrize("how", ["mpi", "ampi"])
def test_a_mean_of_zero_of_different_children_has_no_penalty_and_no_score(how):
    assert math.isnan(mean([-1.0, 1.0], [1.0, 1.0], how))


# Copeland


def test_copeland_counts_those_beaten_minus_those_that_beat():
    # A beats B and C by weight, B beats C
    assert of_areas([[3, 1, 2], [2, 2, 1], [1, 3, 0]], [2, 1, 1], "copeland") == [2, 0, -2]


def test_a_circle_of_three_is_a_draw():
    assert of_areas([[1, 2, 3], [2, 3, 1], [3, 1, 2]], [1, 1, 1], "copeland") == [0, 0, 0]


def test_half_the_weight_is_a_draw_in_spite_of_rounding():
    assert of_areas([[1, 1, 0], [0, 0, 1]], [0.1, 0.2, 0.3], "copeland") == [0, 0]
    assert of_areas([[1, 1, 0, NAN], [0, 0, 1, 5]], [0.1, 0.2, 0.3, 1], "copeland") == [0, 0]
    assert of_areas([[0.1 + 0.2], [0.3], [0.4]], [1], "copeland") == [-1, -1, 2]


def test_a_tie_in_a_child_counts_half_for_both():
    assert of_areas([[1, 1], [1, 0]], [1, 1], "copeland") == [1, -1]
    assert of_areas([[1, 0], [1, 0]], [1, 1], "copeland") == [0, 0]


def test_pairs_without_a_common_child_are_left_out():
    rows = [[5, NAN, 1], [NAN, 5, NAN], [4, 1, NAN], [NAN, NAN, NAN]]
    found = of_areas(rows, [1, 1, 0], "copeland")
    assert found[:3] == [1, 1, -2]
    assert math.isnan(found[3])
    assert of_areas([[1, NAN], [NAN, 1]], [1, 1], "copeland") == [0, 0]


def test_copeland_compares_within_a_period():
    panel = np.array([[[1.0], [2.0]], [[9.0], [3.0]]])
    assert aggregate(panel, np.array([1.0]), step("copeland")).tolist() == [[-1, 1], [1, -1]]


# TOPSIS


def test_topsis_of_three_areas():
    # columns of length 5: 0.6, 0.8, 0 and 0, 0.6, 0.8; ideal (0.8, 0.8), anti-ideal (0, 0)
    far, near = 0.6, math.sqrt(0.2**2 + 0.8**2)
    found = of_areas([[3, 0], [4, 3], [0, 4]], [1, 1], "topsis")
    assert found == pytest.approx([far / (far + near), 1 / 1.2, 0.8 / 1.6], rel=1e-14)


def test_weights_stretch_the_distances_of_topsis():
    found = of_areas([[3, 0], [4, 3], [0, 4]], [2, 1], "topsis")
    far, near = 2 * 0.6, math.sqrt((2 * 0.2) ** 2 + 0.8**2)
    assert found[0] == pytest.approx(far / (far + near), rel=1e-14)


def test_topsis_of_a_gap_uses_the_children_present():
    found = of_areas([[3, NAN], [4, 3], [0, 4]], [1, 1], "topsis")
    assert found[0] == pytest.approx(0.6 / 0.8, rel=1e-14)


def test_the_ideal_is_taken_over_all_periods_or_in_each():
    panel = np.array([[[3.0], [4.0]], [[0.0], [2.0]]])
    assert aggregate(panel, np.ones(1), step("topsis")).tolist() == [[pytest.approx(0.75), 1], [0, pytest.approx(0.5)]]
    each = step({"method": "topsis", "over": "period"})
    assert aggregate(panel, np.ones(1), each).tolist() == [[0, 1], [0, 1]]


def test_areas_that_are_all_alike_have_no_closeness():
    assert all(math.isnan(x) for x in of_areas([[0.3, 5], [0.1 + 0.2, 5]], [1, 1], "topsis"))
    assert of_areas([[1, 5], [2, 5]], [1, 1], "topsis") == [0, 1]


# A plain loop over the cells says the same


MEANS = [
    "arithmetic",
    "geometric",
    {"method": "geometric", "floor": 30},
    "harmonic",
    {"method": "harmonic", "floor": 30},
    {"method": "power_mean", "p": 3},
    {"method": "power_mean", "p": 0.4},
    {"method": "power_mean", "p": -1.5},
    "median",
    "min",
    "mpi",
    {"method": "mpi", "penalty": "plus"},
    "ampi",
    {"method": "ampi", "ddof": 1},
]
OUTRANKING = ["copeland", "topsis", {"method": "topsis", "over": "period"}]


def loop_mean(y: list[float], w: list[float], how: dict[str, object]) -> float:
    pairs = sorted((a, b) for a, b in zip(y, w, strict=True) if not math.isnan(a) and b > 0)
    if not pairs:
        return NAN
    if how.get("floor"):
        pairs = [(max(a, how["floor"]), b) for a, b in pairs]
    whole = math.fsum(b for _, b in pairs)
    pairs = [(a, b / whole) for a, b in pairs]
    centre = math.fsum(b * a for a, b in pairs)
    match how["method"]:
        case "arithmetic":
            return centre
        case "geometric":
            return math.prod(a**b for a, b in pairs)
        case "harmonic":
            return 1 / math.fsum(b / a for a, b in pairs)
        case "power_mean":
            return math.fsum(b * a ** how["p"] for a, b in pairs) ** (1 / how["p"])
        case "min":
            return pairs[0][0]
        case "median":
            below = 0.0
            for place, (a, b) in enumerate(pairs):
                below += b
                if abs(below - 0.5) <= 1e-12:
                    return (a + pairs[place + 1][0]) / 2
                if below > 0.5:
                    return a
    ddof = how.get("ddof", 1 if how["method"] == "mpi" else 0)
    n = len(pairs)
    variance = math.fsum(b * (a - centre) ** 2 for a, b in pairs) * n / (n - ddof) if n > 1 else 0.0
    return centre + (1 if how.get("penalty") == "plus" else -1) * variance / centre


def loop_copeland(rows: list[list[float]], w: list[float]) -> list[float]:
    found = []
    for i, mine in enumerate(rows):
        score = 0
        for j, other in enumerate(rows):
            both = [(a, b, c) for a, b, c in zip(mine, other, w, strict=True) if not math.isnan(a + b)]
            whole = math.fsum(c for *_, c in both)
            if i != j and whole > 0:
                share = math.fsum(c * ((a > b) + 0.5 * (a == b)) for a, b, c in both) / whole
                score += (share > 0.5 + 1e-12) - (share < 0.5 - 1e-12)
        found.append(score if any(not math.isnan(a) and c > 0 for a, c in zip(mine, w, strict=True)) else NAN)
    return found


def loop_topsis(rows: list[list[float]], w: list[float]) -> list[float]:
    columns = list(zip(*rows, strict=True))
    length = [math.sqrt(math.fsum(x * x for x in column if not math.isnan(x))) or 1.0 for column in columns]
    scaled = [[x / size * weight for x, size, weight in zip(row, length, w, strict=True)] for row in rows]
    seen = [[x for x in column if not math.isnan(x)] or [NAN] for column in zip(*scaled, strict=True)]
    found = []
    for row in scaled:
        near = math.hypot(*(x - max(s) for x, s in zip(row, seen, strict=True) if not math.isnan(x)))
        far = math.hypot(*(x - min(s) for x, s in zip(row, seen, strict=True) if not math.isnan(x)))
        found.append(far / (near + far) if near + far > 0 else NAN)
    return found


def loop(scores: np.ndarray, weights: np.ndarray, how: object) -> np.ndarray:
    """One panel (periods, areas, children) by plain Python; weights (children,) or (periods, 1, children)."""
    written = {"method": how} if isinstance(how, str) else dict(how)
    w = np.broadcast_to(weights, (len(scores), 1, scores.shape[-1]))[:, 0].tolist()
    panel = scores.tolist()
    if written["method"] == "copeland":
        return np.array([loop_copeland(rows, own) for rows, own in zip(panel, w, strict=True)])
    if written["method"] == "topsis" and written.get("over") == "period":
        return np.array([loop_topsis(rows, own) for rows, own in zip(panel, w, strict=True)])
    if written["method"] == "topsis":
        return np.array(loop_topsis([row for rows in panel for row in rows], w[0])).reshape(scores.shape[:2])
    return np.array([[loop_mean(row, own, written) for row in rows] for rows, own in zip(panel, w, strict=True)])


def panel_of(random: np.random.Generator, share: float = 0.2) -> np.ndarray:
    scores = random.uniform(1, 100, (3, 8, 5))
    scores[..., 1] = np.rint(scores[..., 1] / 20)  # ties
    scores[..., 1] += 1
    scores[random.random(scores.shape) < share] = NAN
    scores[1, 2] = NAN
    return scores


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("how", [*MEANS, *OUTRANKING], ids=str)
def test_a_plain_loop_says_the_same(how, share):
    random = np.random.default_rng(3)
    scores = panel_of(random, share)
    for weights in (random.uniform(0.2, 3, 5), np.ones(5), np.array([1.0, 0.0, 2.0, 0.0, 1.0])):
        found = aggregate(scores, weights, step(how))
        np.testing.assert_allclose(found, loop(scores, weights, how), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("how", [*MEANS, "copeland", {"method": "topsis", "over": "period"}], ids=str)
def test_weights_may_differ_by_period(how):
    random = np.random.default_rng(4)
    scores, weights = panel_of(random), random.uniform(0.2, 3, (3, 1, 5))
    found = aggregate(scores, weights, step(how))
    np.testing.assert_allclose(found, loop(scores, weights, how), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("how", [*MEANS, *OUTRANKING], ids=str)
def test_many_runs_at_once_give_each_run_to_the_last_bit(how, share):
    random = np.random.default_rng(6)
    one, many = panel_of(random, share), np.stack([panel_of(random, share) for _ in range(4)])
    weights = random.uniform(0.2, 3, (4, 1, 1, 5))
    weights[2, ..., 3] = 0
    for scores, w in ((one, weights), (many, weights), (many, weights[0, 0, 0])):
        found = aggregate(scores, w, step(how))
        assert found.shape == (4, 3, 8)
        for run in range(4):
            alone = aggregate(scores[run] if scores.ndim == 4 else scores, w[run] if w.ndim == 4 else w, step(how))
            np.testing.assert_array_equal(found[run], alone)


@pytest.mark.parametrize("how", [*MEANS, *OUTRANKING], ids=str)
def test_the_layout_in_memory_changes_no_bit(how):
    random = np.random.default_rng(7)
    scores, weights = panel_of(random), random.uniform(0.2, 3, 5)
    child_first = np.moveaxis(np.ascontiguousarray(np.moveaxis(scores, -1, 0)), 0, -1)
    found = aggregate(scores, weights, step(how))
    np.testing.assert_array_equal(aggregate(child_first, weights, step(how)), found)


@pytest.mark.parametrize("how", MEANS, ids=str)
def test_a_gap_elsewhere_changes_no_bit_of_an_area(how):
    random = np.random.default_rng(8)
    scores, weights = random.uniform(1, 100, (2, 6, 7)), random.uniform(0.2, 3, 7)
    found = aggregate(scores, weights, step(how))
    scores[0, 0, 3] = NAN
    np.testing.assert_array_equal(aggregate(scores, weights, step(how))[:, 1:], found[:, 1:])


def test_a_refused_child_counts_only_in_the_runs_that_weigh_it():
    scores = np.array([[[0.0, 4.0], [9.0, 4.0]]])
    weights = np.array([[[[1.0, 1.0]]], [[[0.0, 1.0]]]])
    found = aggregate(scores, weights, step("geometric"))
    np.testing.assert_allclose(found, [[[NAN, 6]], [[4, 4]]], rtol=1e-15)


# Properties


@st.composite
def families(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, object]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    areas, children = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    scores = np.rint(random.uniform(1, 60, (2, areas, children)))
    scores[random.random(scores.shape) < draw(st.sampled_from([0, 0.3]))] = NAN
    return scores, random.uniform(0.2, 3, children), draw(st.sampled_from([*MEANS, *OUTRANKING]))


def same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@given(families(), st.randoms())
def test_neither_the_order_of_children_nor_of_areas_changes_a_score(family, shuffler):
    scores, weights, how = family
    found = aggregate(scores, weights, step(how))
    children, areas = list(range(scores.shape[2])), list(range(scores.shape[1]))
    shuffler.shuffle(children)
    shuffler.shuffle(areas)
    same(aggregate(scores[..., children], weights[children], step(how)), found)
    np.testing.assert_array_equal(aggregate(scores[:, areas], weights, step(how)), found[:, areas])


@given(families())
def test_weights_times_ten_change_no_score(family):
    scores, weights, how = family
    same(aggregate(scores, 10 * weights, step(how)), aggregate(scores, weights, step(how)))


@given(families(), st.floats(-1e3, 1e3), st.booleans())
def test_a_child_without_weight_changes_no_score(family, other, at_front):
    scores, weights, how = family
    place = 0 if at_front else scores.shape[2]
    extended = np.insert(scores, place, other, axis=2)
    same(aggregate(extended, np.insert(weights, place, 0.0), step(how)), aggregate(scores, weights, step(how)))


@given(families())
def test_a_mean_lies_between_the_smallest_and_the_largest_child(family):
    scores, weights, how = family
    assume(how in MEANS[:10] and not (isinstance(how, dict) and "floor" in how))
    found = aggregate(scores, weights, step(how))
    low, high = np.fmin.reduce(scores, axis=-1), np.fmax.reduce(scores, axis=-1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(low))
    there = ~np.isnan(found)
    assert (found[there] >= low[there] * (1 - 1e-12)).all()
    assert (found[there] <= high[there] * (1 + 1e-12)).all()


@given(families())
def test_means_are_in_the_order_of_their_powers(family):
    scores, weights, _ = family
    powers = [
        {"method": "power_mean", "p": -2},
        "harmonic",
        "geometric",
        "arithmetic",
        {"method": "power_mean", "p": 2},
    ]
    found = [aggregate(scores, weights, step(how)) for how in ("min", *powers)]
    for lower, higher in pairwise(found):
        assert (~(lower > higher * (1 + 1e-12))).all()


@given(families())
def test_a_penalty_only_takes_away_and_the_copeland_scores_of_a_period_cancel_out(family):
    scores, weights, _ = family
    centre = aggregate(scores, weights, step("arithmetic"))
    for how, sign in product(("mpi", "ampi"), ("minus", "plus")):
        moved = aggregate(scores, weights, step({"method": how, "penalty": sign})) - centre
        assert (~(moved > 1e-9) if sign == "minus" else ~(moved < -1e-9)).all()
    assert (np.nansum(aggregate(scores, weights, step("copeland")), axis=1) == 0).all()


def test_equal_weights_give_the_variance_of_the_textbooks():
    y = [80.0, 95.0, 120.0, 101.0]
    centre = statistics.mean(y)
    assert mean(y, [0.7] * 4, "mpi") == pytest.approx(centre - statistics.variance(y) / centre, rel=1e-14)
    assert mean(y, [0.7] * 4, "ampi") == pytest.approx(centre - statistics.pvariance(y) / centre, rel=1e-14)
