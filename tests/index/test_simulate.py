"""Intervals over many runs, and indicators left out, on a small index whose runs are replayed in plain loops.

Not here: the numbers drawn (test_draw), Sobol indices (test_sobol).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.index.draw import draw_choices, draw_weights
from pipelines.index.rank import rank_descending
from pipelines.index.simulate import (
    Plan,
    change_measure,
    leave_out,
    mean_abs_change,
    quantiles,
    rank_runs,
    simulate,
)
from warehouse.catalogue.method.robustness import Uncertainty
from warehouse.rounding import round_significant

NAN = float("nan")
LEAVES = ("a", "b", "c")
CHILDREN = {"p": ("a", "b"), "index": ("c", "p")}
SHARES = {"p": np.array([0.6, 0.4]), "index": np.array([0.3, 0.7])}
# three periods, four areas, three leaves; z has no c in the first period, and nothing at all in the last
FIRST = np.array(
    [
        [[10, 20, 30], [40, 10, 70], [55, 60, 20], [80, 30, NAN]],
        [[15, 25, 30], [35, 15, 75], [60, 70, 25], [75, 35, 40]],
        [[20, 20, 35], [45, 25, 60], [50, 90, 10], [NAN, NAN, NAN]],
    ],
    dtype=float,
)
ALTERNATIVES = {-1: FIRST, 0: FIRST, 1: FIRST**1.5 / 10, 2: 100 - FIRST / 2}
VARIED = {
    "seed": 11,
    "runs": 300,
    "weights": {"share": 0.25},
    "normalise": ["min_max", "z_score", "rank"],
    "aggregate": ["arithmetic", "geometric"],
    "leave_out": True,
}


def mean(y, w, is_geometric):
    """Weighted mean of the values that are not missing, of plain numbers."""
    terms = [(v, weight) for v, weight in zip(y, w, strict=True) if not math.isnan(v)]
    whole = sum(weight for _, weight in terms)
    if whole <= 0:
        return NAN
    if is_geometric:
        return math.exp(sum(weight * math.log(v) for v, weight in terms) / whole)
    return sum(weight * v for v, weight in terms) / whole


def replayed(leaf_values, weights, aggregation, dropped):
    """Scores of both nodes in one cell, in plain Python."""
    values = {leaf: NAN if i == dropped else float(leaf_values[i]) for i, leaf in enumerate(LEAVES)}
    for node, children in CHILDREN.items():
        values[node] = mean([values[child] for child in children], weights[node], aggregation == 1)
    return values


def plan(panel=ALTERNATIVES):
    """A plan whose runs are scored in arrays."""

    def score(choice, weights, aggregation, dropped):
        values = panel[choice[2]]
        found = {leaf: np.where(i == dropped, np.nan, values[:, :, i]) for i, leaf in enumerate(LEAVES)}
        for node, children in CHILDREN.items():
            below = np.stack(np.broadcast_arrays(*(found[child] for child in children)), axis=-1)
            used = np.where(np.isnan(below), 0.0, weights.get(node, SHARES[node]))
            whole = used.sum(axis=-1)
            y = np.where(np.isnan(below), 1.0, below)
            with np.errstate(all="ignore"):
                if aggregation == 1:
                    y = np.log(y)
                total = (used * y).sum(axis=-1) / whole
                found[node] = np.exp(total) if aggregation == 1 else total
        return {node: found[node] for node in CHILDREN}

    return Plan("index", 3, score((-1, -1, -1), {}, -1, -1), SHARES, score)


def plain_quantile(values, share):
    ordered = sorted(value for value in values if not math.isnan(value))
    if not ordered:
        return NAN
    place = (len(ordered) - 1) * share
    low = math.floor(place + 1e-9)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def plain_ranks(values):
    return [NAN if math.isnan(v) else 1 + sum(other > v for other in values) for v in values]


def runs_of(uncertainty):
    """By node the scores (runs, periods, areas), each cell scored on its own."""
    choices = draw_choices(uncertainty, SHARES, 3, 0, uncertainty.runs)
    found = {node: np.empty((uncertainty.runs, *FIRST.shape[:2])) for node in CHILDREN}
    for run, (_, _, normalise, aggregation, dropped) in enumerate(choices.position.tolist()):
        drawn = draw_weights(uncertainty.weights, SHARES, choices.u[run : run + 1])
        weights = {node: drawn[node].reshape(-1).tolist() if drawn else SHARES[node].tolist() for node in CHILDREN}
        for cell in np.ndindex(FIRST.shape[:2]):
            values = replayed(ALTERNATIVES[normalise][cell], weights, aggregation, dropped)
            for node in CHILDREN:
                found[node][(run, *cell)] = values[node]
    return {node: round_significant(scores) for node, scores in found.items()}


def same(found, wanted):
    """Equal once rounded to 12 significant digits, but for a last digit on the edge between two."""
    rounded = [round_significant(np.asarray(each, float)) for each in (found, wanted)]
    np.testing.assert_allclose(*rounded, rtol=1.1e-11, atol=1e-12)


def same_bytes(found, other):
    assert found.keys() == other.keys()
    for measure, interval in found.items():
        for one, two in zip(interval, other[measure], strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    ("runs", "weights"),
    [(300, {"share": 0.25}), (100, {"dirichlet": 50}), (2, {"share": 0.5}), (21, None), (41, {"share": 0.9})],
)
def test_intervals_are_those_of_runs_replayed_choice_by_choice(runs, weights):
    uncertainty = Uncertainty.model_validate(VARIED | {"runs": runs, "weights": weights})
    found = simulate(uncertainty, plan(), ("p", "index"))
    for at, node in enumerate(("p", "index")):
        scores = runs_of(uncertainty)[node]
        ranks = np.array([[plain_ranks(row) for row in run] for run in scores.tolist()])
        for period, area in np.ndindex(FIRST.shape[:2]):
            for share, name in ((0.05, "p05"), (0.5, "p50"), (0.95, "p95")):
                cell = (at, period, area)
                same(getattr(found["score"], name)[cell], plain_quantile(scores[:, period, area], share))
                same(getattr(found["rank"], name)[cell], plain_quantile(ranks[:, period, area], share))
                changes = scores[:, period, area] - scores[:, period - 1, area] if period else [NAN]
                same(getattr(found["change"], name)[cell], plain_quantile(changes, share))
    assert np.isnan(found["score"].p50[:, 2, 3]).all() and np.isnan(found["rank"].p95[:, 2, 3]).all()


def test_points_are_the_published_scores_ranks_and_changes():
    found = simulate(Uncertainty.model_validate(VARIED), plan(), ("p", "index"))
    base = round_significant(plan().base["index"])
    same(found["score"].point[1], base)
    same(found["rank"].point[1], [plain_ranks(row) for row in base.tolist()])
    same(found["change"].point[1], np.vstack([np.full((1, 4), NAN), np.diff(base, axis=0)]))


def test_nothing_depends_on_threads_blocks_or_memory(monkeypatch):
    uncertainty = Uncertainty.model_validate(VARIED)
    whole = simulate(uncertainty, plan(), threads=1)
    for threads, block, memory in ((2, None, 2**30), (3, 7, 2**30), (2, 64, 1), (1, 300, 5 * 300 * 4 * 8)):
        same_bytes(whole, simulate(uncertainty, plan(), threads=threads, block=block, memory=memory))
    for size in ("CACHED", "TILE", "RANKED", "DRAWN"):
        monkeypatch.setattr(f"pipelines.index.simulate.{size}", 50)
    same_bytes(whole, simulate(uncertainty, plan()))


def test_more_runs_add_to_the_runs_there_are():
    seen = []

    def recording(model):
        def score(choice, weights, aggregation, dropped):
            seen.append((choice, aggregation, dropped, {node: each.copy() for node, each in weights.items()}))
            return model.score(choice, weights, aggregation, dropped)

        return model._replace(score=score)

    runs = []
    for count in (40, 60):
        seen.clear()
        simulate(Uncertainty.model_validate(VARIED | {"runs": count}), recording(plan()), threads=1)
        runs.append(
            {
                (choice, aggregation, dropped, *each["p"][row].reshape(-1).tolist())
                for choice, aggregation, dropped, each in seen
                for row in range(len(each["p"]))
            }
        )
    assert len(runs[0]) == 40 and runs[0] < runs[1]


def test_runs_that_differ_in_weights_only_are_scored_in_one_call():
    calls = []
    model = plan()

    def score(choice, weights, aggregation, dropped):
        calls.append((choice, aggregation, dropped))
        return model.score(choice, weights, aggregation, dropped)

    simulate(Uncertainty.model_validate(VARIED | {"leave_out": False}), model._replace(score=score), threads=1)
    assert sorted(calls) == [((-1, -1, n), a, -1) for n in (0, 1, 2) for a in (0, 1)]


def test_without_varying_weights_each_combination_is_scored_once(monkeypatch):
    monkeypatch.setattr("pipelines.index.simulate.CACHED", 1)
    calls = []
    model = plan()

    def score(choice, weights, aggregation, dropped):
        assert weights == {}
        calls.append(choice)
        return model.score(choice, weights, aggregation, dropped)

    uncertainty = Uncertainty.model_validate({"seed": 2, "runs": 500, "normalise": ["min_max", "z_score"]})
    found = simulate(uncertainty, model._replace(score=score), ("index",))
    assert sorted(calls) == [(-1, -1, 0), (-1, -1, 1)]
    ends = np.sort([model.score((-1, -1, i), {}, -1, -1)["index"] for i in (0, 1)], axis=0)
    same(found["score"].p05[0], ends[0])
    same(found["score"].p95[0], ends[1])


def test_an_index_of_one_area_has_no_ranks_and_one_period_has_no_changes():
    uncertainty = Uncertainty.model_validate(VARIED)
    one_area = {key: values[:, :1] for key, values in ALTERNATIVES.items()}
    one_period = {key: values[:1] for key, values in ALTERNATIVES.items()}
    assert list(simulate(uncertainty, plan(one_area))) == ["score", "change"]
    assert list(simulate(uncertainty, plan(one_period))) == ["score", "rank"]


def test_signal_to_noise_is_the_change_over_half_the_interval():
    found = simulate(Uncertainty.model_validate(VARIED), plan(), ("index",))
    change = found["change"]
    for cell in ((0, 1, 0), (0, 2, 1)):
        half = (change.p95[cell] - change.p05[cell]) / 2
        same(change.signal_to_noise[cell], abs(change.point[cell]) / half)
    assert np.isnan(change.signal_to_noise[0, 0]).all() and np.isnan(change.signal_to_noise[0, 2, 3])
    assert np.isnan(found["score"].signal_to_noise).all() and np.isnan(found["rank"].signal_to_noise).all()


def test_an_interval_without_width_has_no_signal_to_noise():
    # scores of about 500 000 are rounded to the sixth decimal: their changes differ there
    large = FIRST[0] * 1e4
    shifted = np.stack([large, large + 0.1, large + 0.3])
    uncertainty = Uncertainty.model_validate({"seed": 1, "runs": 200, "weights": {"share": 0.25}})
    change = simulate(uncertainty, plan({-1: shifted}), ("index",))["change"]
    assert change.p50[0, 1] == pytest.approx(0.1, abs=3e-6)
    assert ((change.p95 - change.p05)[0, 1:] > 0).any(axis=1).all()
    assert np.isnan(change.signal_to_noise).all()


def test_an_error_in_one_run_stops_the_analysis():
    def score(choice, weights, aggregation, dropped):
        raise ZeroDivisionError("run")

    with pytest.raises(ZeroDivisionError, match="run"):
        simulate(Uncertainty.model_validate(VARIED), plan()._replace(score=score))


@given(st.permutations(range(4)))
@settings(deadline=None, max_examples=10)
def test_the_order_of_areas_changes_nothing(order):
    uncertainty = Uncertainty.model_validate(VARIED | {"runs": 50})
    found = simulate(uncertainty, plan())
    turned = simulate(uncertainty, plan({key: values[:, order] for key, values in ALTERNATIVES.items()}))
    for measure, interval in found.items():
        for one, other in zip(interval, turned[measure], strict=True):
            np.testing.assert_array_equal(one[:, :, order], other)


def test_scores_that_differ_beyond_the_twelfth_digit_share_a_rank():
    close = np.repeat([[[0.3, 0.3, 0.3], [0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2]]], 2, axis=0)
    found = simulate(Uncertainty(seed=1, runs=50, leave_out=True), plan({-1: close}), ("index",))
    for quantile in found["rank"][:4]:
        assert (quantile == 1).all()
    assert (found["change"].point[0, 1] == 0).all()
    assert (leave_out(plan({-1: close})) == 0).all()


@pytest.mark.parametrize("areas", [1, 5, 128, 129, 300])
def test_ranks_share_the_smallest_and_skip_missing_scores(areas):
    scores = np.random.default_rng(areas).integers(0, areas // 2 + 2, (areas, 40)).astype(float)
    scores[np.random.default_rng(1).random(scores.shape) < 0.1] = NAN
    ranks = rank_runs(scores)
    for run in range(40):
        column = scores[:, run].tolist()
        assert ranks[:, run].tolist() == [0 if math.isnan(v) else 1 + sum(o > v for o in column) for v in column]


@given(arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 30)), elements=st.sampled_from([NAN, 1, 2.5, -3, 7])))
@settings(deadline=None)
def test_quantiles_are_those_of_type_7_over_the_values_present(values):
    found = quantiles(values)
    for i, share in enumerate((0.05, 0.5, 0.95)):
        same(found[i], [plain_quantile(row, share) for row in values.tolist()])


def test_many_rows_are_taken_in_pieces_with_the_same_result():
    values = np.random.default_rng(3).random((5, 600_000))
    values[2, :1000] = NAN
    found = quantiles(values, less=values[::-1].copy())
    taken = values - values[::-1]
    for row in (0, 2):
        same(found[:, row], np.nanquantile(taken[row], [0.05, 0.5, 0.95]))


def test_the_mean_change_of_rank_is_over_areas_ranked_in_both():
    base = np.array([[4.0, 3.0, 2.0, NAN]])
    runs = np.array([[[3.0, 4.0, 2.0, 9.0]], [[NAN, 3.0, 5.0, NAN]], [[NAN, NAN, NAN, 1.0]]])
    # first: ranks 3, 2, 4 for 1, 2, 3; second: ranks 2, 1 for 2, 3
    same(mean_abs_change(runs, base), [[1.0], [1.0], [NAN]])
    assert change_measure(4) == "mean_abs_rank_change"


def test_an_index_of_one_area_moves_by_its_score():
    base = np.array([[4.0], [0.3]])
    runs = np.array([[[5.5], [0.300000000001]]])
    assert mean_abs_change(runs, base).tolist() == [[1.5, 0.0]]
    assert change_measure(1) == "mean_abs_score_change"


def test_leaving_out_an_indicator_spreads_its_weight_over_its_siblings():
    found = leave_out(plan())
    published = rank_descending(round_significant(plan().base["index"]))[0]
    for leaf in range(3):
        for period in range(3):
            scores = [
                replayed(FIRST[period, area], {node: SHARES[node].tolist() for node in CHILDREN}, 0, leaf)["index"]
                for area in range(4)
            ]
            ranks = plain_ranks(round_significant(np.array(scores)).tolist())
            moved = [
                abs(rank - base)
                for rank, base in zip(ranks, published[period].tolist(), strict=True)
                if base and not math.isnan(rank)
            ]
            same(found[leaf, period], sum(moved) / len(moved))
    assert len(np.unique(found)) > 2


def test_leaving_out_the_only_indicator_leaves_nothing_to_compare():
    alone = Plan(
        "index",
        1,
        {"index": np.array([[1.0, 2.0]])},
        {"index": np.array([1.0])},
        lambda choice, weights, aggregation, dropped: {"index": np.full((1, 2), NAN)},
    )
    assert np.isnan(leave_out(alone)).all()
