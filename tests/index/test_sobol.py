"""Sobol indices of functions whose indices are known, and of a small index whose runs are replayed one by one.

Not here: the index and its runs (test_simulate).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.draw import Stream, draw_weights, uniforms
from pipelines.index.simulate import Plan
from pipelines.index.sobol import SobolIndices, chosen, estimate, samples, sensitivity, sobol
from tests.index.test_simulate import CHILDREN, FIRST, NAN, SHARES, plain_quantile, plain_ranks, plan, replayed
from warehouse.catalogue.method.robustness import Uncertainty
from warehouse.rounding import round_significant

VARIED = {
    "seed": 7,
    "weights": {"share": 0.25},
    "normalise": ["min_max", "z_score", "rank"],
    "aggregate": ["arithmetic", "geometric"],
    "leave_out": True,
    "sensitivity": {"samples": 24, "weight_sets": 9, "bootstrap": 30},
}


def varied(**changes):
    return Uncertainty.model_validate(VARIED | changes)


def ishigami(u):
    x = math.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_the_indices_of_the_ishigami_function_are_found():
    found = sobol(ishigami, 3, 2**15, 4, 60)
    variance = 49 / 8 + 0.1 * math.pi**4 / 5 + 0.01 * math.pi**8 / 18 + 0.5
    alone = [0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2 / variance, 49 / 8 / variance, 0.0]
    together = 0.01 * math.pi**8 * (1 / 18 - 1 / 50) / variance
    assert found.first_order.tolist() == pytest.approx(alone, abs=0.02)
    assert found.total_order.tolist() == pytest.approx([alone[0] + together, alone[1], together], abs=0.02)
    for value, low, high in (found[:3], found[3:]):
        assert (low < value).all() and (value < high).all() and (high - low < 0.05).all()


def test_the_indices_of_the_g_function_are_found():
    a = np.array([0.0, 1.0, 4.5, 9.0])

    def g(u):
        return np.prod((np.abs(4 * u - 2) + a) / (1 + a), axis=1)

    found = sobol(g, 4, 2**15, 1)
    parts = 1 / (3 * (1 + a) ** 2)
    variance = np.prod(1 + parts) - 1
    others = np.array([np.prod(1 + np.delete(parts, i)) for i in range(4)])
    assert found.first_order == pytest.approx(parts / variance, abs=0.02)
    assert found.total_order == pytest.approx(parts * others / variance, abs=0.02)
    assert np.isnan(found.first_order_low).all() and np.isnan(found.total_order_high).all()


def test_samples_are_two_matrices_and_one_mixture_per_factor():
    u = samples(3, 2, 5).reshape(4, 5, 2)
    whole = uniforms(3, 0, 5, 4, Stream.SAMPLES)
    assert (u[0] == whole[:, :2]).all() and (u[1] == whole[:, 2:]).all()
    assert (u[2, :, 0] == u[1, :, 0]).all() and (u[2, :, 1] == u[0, :, 1]).all()
    assert (u[3, :, 0] == u[0, :, 0]).all() and (u[3, :, 1] == u[1, :, 1]).all()
    assert (samples(3, 2, 9).reshape(4, 9, 2)[:, :5] == u).all()


def plain_indices(y):
    """First and total order of (factors + 2, n) results, by the formulas, one number at a time."""
    a, b, *mixed = y
    n = len(a)
    centre = math.fsum([*a, *b]) / (2 * n)
    variance = math.fsum((value - centre) ** 2 for value in [*a, *b]) / (2 * n - 1)
    first, total = [], []
    for ab in mixed:
        first.append(math.fsum((b[j] - centre) * (ab[j] - a[j]) for j in range(n)) / n / variance)
        total.append(math.fsum((a[j] - ab[j]) ** 2 for j in range(n)) / n / (2 * variance))
    return first, total


def test_estimates_are_the_formulas_by_hand():
    # yA = 1, 3; yB = 2, 6; yAB = 2, 5: centre 3, V = (4 + 0 + 1 + 9)/3
    first, total = estimate(np.array([[1.0, 3.0], [2.0, 6.0], [2.0, 5.0]]))
    assert first.tolist() == pytest.approx([(-1 * 1 + 3 * 2) / 2 / (14 / 3)])
    assert total.tolist() == pytest.approx([(1 + 4) / 2 / (2 * 14 / 3)])


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(2, 20))
@settings(deadline=None)
def test_estimates_are_those_of_a_plain_loop(seed, factors, n):
    y = np.random.default_rng(seed).normal(5, 2, (factors + 2, n))
    first, total = estimate(y)
    wanted = plain_indices(y.tolist())
    np.testing.assert_allclose([first, total], wanted, rtol=1e-11, atol=1e-12)


def test_the_interval_is_of_resamples_of_whole_samples():
    y = np.random.default_rng(2).normal(size=(4, 15))
    found = sobol(lambda u: y.reshape(-1), 2, 15, 6, 40)
    drawn = np.floor(uniforms(6, 0, 40, 15, Stream.RESAMPLES) * 15).astype(int)
    resampled = [plain_indices([[row[j] for j in places] for row in y.tolist()]) for places in drawn.tolist()]
    for order, at in ((0, 0), (1, 3)):
        for factor in range(2):
            values = [each[order][factor] for each in resampled]
            assert found[at + 1][factor] == pytest.approx(plain_quantile(values, 0.05), rel=1e-10)
            assert found[at + 2][factor] == pytest.approx(plain_quantile(values, 0.95), rel=1e-10)


@pytest.mark.parametrize("noise", [0.0, 1e-13])
def test_a_result_that_does_not_vary_has_no_indices(noise):
    found = sobol(lambda u: 0.3 + noise * u[:, 0], 2, 10, 1, 20)
    assert all(np.isnan(each).all() for each in found)


def test_a_sample_with_a_missing_run_does_not_count():
    def evaluate(u):
        y = u[:, 0] + u[:, 1]
        y[3] = y[12 + 5] = y[2 * 12 + 7] = NAN
        return y

    found = sobol(evaluate, 2, 12, 1)
    y = samples(1, 2, 12).sum(axis=1).reshape(4, 12)
    kept = [j for j in range(12) if j not in (3, 5, 7)]
    wanted = plain_indices(y[:, kept].tolist())
    np.testing.assert_allclose([found.first_order, found.total_order], wanted, rtol=1e-11)
    assert all(np.isnan(each).all() for each in sobol(lambda u: np.full(len(u), NAN), 2, 12, 1, 5))


def test_several_results_are_each_as_if_alone():
    one = sobol(ishigami, 3, 50, 2, 20)
    two = sobol(lambda u: np.stack([u[:, 0], ishigami(u)], axis=1), 3, 50, 2, 20)
    for alone, both in zip(one, two, strict=True):
        assert both.shape == (3, 2)
        np.testing.assert_array_equal(both[:, 1], alone)


def replayed_changes(uncertainty, area=None):
    """Mean absolute change of rank of every run and period, each cell scored on its own; of one area its score."""
    factors = uncertainty.factors()
    published = round_significant(plan().base["index"])
    sets = uniforms(uncertainty.seed, 0, uncertainty.sensitivity.weight_sets, 4, Stream.WEIGHT_SETS)
    moved = []
    for u in samples(uncertainty.seed, len(factors), uncertainty.sensitivity.samples).tolist():
        by_factor = dict(zip(factors, u, strict=True))
        normalise, aggregation = math.floor(by_factor["normalise"] * 3), math.floor(by_factor["aggregate"] * 2)
        dropped = math.floor(by_factor["leave_out"] * 4) - 1
        number = math.floor(by_factor["weights"] * uncertainty.sensitivity.weight_sets)
        drawn = draw_weights(uncertainty.weights, SHARES, sets[number : number + 1])
        weights = {node: drawn[node].reshape(-1).tolist() for node in CHILDREN}
        panel = {0: FIRST, 1: FIRST**1.5 / 10, 2: 100 - FIRST / 2}[normalise]
        row = []
        for period in range(3):
            cells = [replayed(panel[period, i], weights, aggregation, dropped)["index"] for i in range(4)]
            scores = round_significant(np.array(cells)).tolist()
            if area is not None:
                row.append(abs(scores[area] - published[period, area]))
                continue
            pairs = zip(plain_ranks(scores), plain_ranks(published[period].tolist()), strict=True)
            changes = [abs(rank - base) for rank, base in pairs if not math.isnan(rank + base)]
            row.append(sum(changes) / len(changes))
        moved.append(row)
    return np.array(moved).reshape(len(factors) + 2, -1, 3)


def test_the_indices_of_an_index_are_those_of_runs_replayed_choice_by_choice():
    found = sensitivity(varied(), plan(), area=2, threads=2)
    assert found.factors == ("normalise", "aggregate", "weights", "leave_out")
    assert found.runs == 24 * 6
    for measure, area in (("mean_abs_rank_change", None), ("mean_abs_score_change", 2)):
        y = replayed_changes(varied(), area)
        for period in range(3):
            first, total = plain_indices(y[:, :, period].tolist())
            np.testing.assert_allclose(found.indices[measure].first_order[:, period], first, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(found.indices[measure].total_order[:, period], total, rtol=1e-9, atol=1e-9)


def test_sensitivity_does_not_depend_on_threads():
    one, two = (sensitivity(varied(), plan(), threads=threads) for threads in (1, 3))
    for measure, indices in one.indices.items():
        for each, other in zip(indices, two.indices[measure], strict=True):
            assert each.tobytes() == other.tobytes()


def test_runs_that_choose_the_same_are_scored_once():
    rows = []
    model = plan()

    def score(choice, weights, aggregation, dropped):
        rows.append((choice, aggregation, dropped))
        return model.score(choice, weights, aggregation, dropped)

    uncertainty = Uncertainty.model_validate({key: value for key, value in VARIED.items() if key != "weights"})
    sensitivity(uncertainty, model._replace(score=score))
    assert len(rows) == len(set(rows)) <= 3 * 2 * 4


def test_weights_are_one_of_the_drawn_sets():
    u = np.array([[0.0, 0.5, 0.1, 0.0], [0.4, 0.0, 1 - 2.0**-53, 0.99]])
    position, drawn = chosen(varied(), plan(), u)
    assert drawn.tolist() == [0, 8]
    assert position.tolist() == [[-1, -1, 0, 1, -1], [-1, -1, 1, 0, 2]]


def test_an_index_of_one_area_is_watched_by_its_score():
    base = {node: scores[:, :1] for node, scores in plan().base.items()}

    def score(*choices):
        return {node: scores[..., :1] for node, scores in plan().score(*choices).items()}

    found = sensitivity(varied(), Plan("index", 3, base, SHARES, score))
    assert list(found.indices) == ["mean_abs_score_change"]
    same = sensitivity(varied(), plan(), area=0).indices["mean_abs_score_change"]
    for each, other in zip(found.indices["mean_abs_score_change"], same, strict=True):
        np.testing.assert_array_equal(each, other)


def test_a_factor_that_changes_nothing_has_no_effect():
    model = plan()

    def score(choice, weights, aggregation, dropped):
        return model.score(choice, weights, 0, dropped)

    found = sensitivity(varied(), model._replace(score=score)).indices["mean_abs_rank_change"]
    assert isinstance(found, SobolIndices)
    at = ("normalise", "aggregate", "weights", "leave_out").index("aggregate")
    assert (found.first_order[at] == 0).all() and (found.total_order[at] == 0).all()
    assert (found.total_order[0] > 0).all()


def test_an_index_without_sensitivity_says_what_is_missing():
    with pytest.raises(ValueError, match=r"uncertainty.sensitivity"):
        sensitivity(varied(sensitivity=None), plan())
