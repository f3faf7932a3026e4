"""Index numbers over time: published examples, numbers worked out by hand, plain loops, and what must not matter.

Not here: contributions of whole trees (test_contribute), rebasing and splicing (test_rebase).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.index_number import (
    Linked,
    chain_geometric,
    chain_symmetric,
    fisher,
    laspeyres,
    link,
    paasche,
    symmetric_growth,
    tornqvist,
)
from pipelines.index.rebase import rebase
from pipelines.index.scope import Cells
from warehouse.catalogue.method.aggregate import Chain, PriceIndex
from warehouse.errors import IndexhouseError

NAN = float("nan")
CHAINS = {"chain_symmetric": chain_symmetric, "chain_geometric": chain_geometric}
PRICE_INDICES = {"laspeyres": laspeyres, "paasche": paasche, "fisher": fisher, "tornqvist": tornqvist}
PRICES = [(50, 25), (55, 20), (60, 20), (60, 25)]
QUANTITIES = [(10, 15), (15, 20), (15, 25), (10, 20)]


def panel(*rows: tuple[float, ...]) -> np.ndarray:
    """One area: rows are periods, columns children."""
    return np.array(rows, dtype=float)[:, None, :]


def cells(values: np.ndarray, base: str | None = None) -> Cells:
    return Cells([str(2010 + t) for t in range(values.shape[-3])], [f"A{a}" for a in range(values.shape[-2])], base)


def linked(
    values: np.ndarray, weights: object, directions: object = 1, base: str | None = None, **how: object
) -> Linked:
    step = Chain.model_validate({"method": "chain_symmetric", **how})
    shares = np.atleast_1d(np.array(weights, dtype=float)).reshape(1, 1, -1)
    return link(values, shares, step, np.array(directions), cells(values, base))


# Published examples


def test_symmetric_growth_of_weekly_hours_as_the_conference_board_prints_it():
    # Average weekly hours in manufacturing, March and April 1998: 41.8 and 41.4, printed -0.96.
    found = symmetric_growth(np.array([41.8, 41.4]))
    assert np.isnan(found[0])
    assert round(found[1], 2) == -0.96


def test_a_level_follows_from_growth_as_the_conference_board_prints_it():
    # March 105.2 and growth 0.06: April 105.3. The growth 0.06 is that of 200.06 over 199.94.
    found = chain_symmetric(panel((199.94,), (200.06,)), np.ones(1), value=105.2)
    assert found[1, 0] == pytest.approx(105.2 * (200 + 0.06) / (200 - 0.06), rel=1e-14)
    assert round(found[1, 0], 1) == 105.3


def test_the_laspeyres_indices_of_statistics_finland():
    # Printed: fixed base 111.42, chain 112.27, with intermediate results cut off.
    prices, quantities = panel(*PRICES), panel(*QUANTITIES)
    assert laspeyres(prices, quantities)[-1, 0] == pytest.approx(111.42, abs=0.03)
    assert laspeyres(prices, quantities, chained=True)[-1, 0] == pytest.approx(112.27, abs=0.03)


def test_a_textbook_basket():
    # Rice, milk, bread, bananas; printed Laspeyres 110.61, Paasche 110.16, Fisher 110.39.
    prices = panel((39, 40, 45, 30), (40, 44, 50, 36))
    quantities = panel((1, 12, 2, 2), (1.5, 10, 1.5, 1.5))
    assert round(laspeyres(prices, quantities)[1, 0], 2) == 110.61
    assert round(paasche(prices, quantities)[1, 0], 2) == 110.16
    assert round(fisher(prices, quantities)[1, 0], 2) == 110.39


# By hand


def test_a_chain_of_two_children_by_hand():
    # g = 200 x 10/210 and -(200 x -20/180) = 200/9; weights 1/4 and 3/4.
    values = panel((100, 100), (110, 80))
    growth = 0.25 * 200 * 10 / 210 + 0.75 * 200 * 20 / 180
    found = chain_symmetric(values, np.array([1.0, 3.0]), np.array([1, -1]))
    assert found[:, 0] == pytest.approx([100, 100 * (200 + growth) / (200 - growth)], rel=1e-14)
    found = chain_geometric(values, np.array([1.0, 3.0]), np.array([1, -1]))
    assert found[:, 0] == pytest.approx([100, 100 * 1.1**0.25 * 0.8**-0.75], rel=1e-14)


def test_one_child_chained_is_its_ratio_to_the_base_whatever_the_way():
    values = panel((50,), (80,), (20,), (40,))
    for chain in CHAINS.values():
        assert chain(values, np.ones(1), base=2, value=60.0)[:, 0] == pytest.approx([150, 240, 60, 120], rel=1e-14)


def test_the_base_period_may_lie_in_the_middle():
    found = linked(panel((50, 4), (80, 5), (20, 8)), (1, 1), base="2011")
    assert found.scores[1, 0] == 100
    forward = linked(panel((50, 4), (80, 5), (20, 8)), (1, 1)).scores[:, 0]
    assert found.scores[:, 0] == pytest.approx(forward / forward[1] * 100, rel=1e-14)


def test_the_base_period_and_value_of_the_step_go_before_those_of_the_index():
    found = linked(panel((50,), (80,), (20,)), 1, base="2011", base_period="2012", value=60)
    assert found.scores[:, 0].tolist() == [150, 240, 60]


def test_a_child_sits_out_where_it_has_a_gap_and_the_others_share_its_weight():
    values = panel((10, 10), (NAN, 20), (40, 20), (80, 20))
    found = linked(values, (1, 1))
    assert found.weights[:, 0].tolist() == [[0.5, 0.5], [0, 1], [0, 1], [0.5, 0.5]]
    assert found.scores[:3, 0] == pytest.approx([100, 200, 200], rel=1e-14)
    growth = 0.5 * 200 * 40 / 120
    assert found.scores[3, 0] == pytest.approx(200 * (200 + growth) / (200 - growth), rel=1e-14)
    assert list(found.child_notes) == ["sits out: no value in the period before"]
    assert np.argwhere(found.child_notes["sits out: no value in the period before"]).tolist() == [[2, 0, 0]]


@pytest.mark.parametrize("method", CHAINS)
def test_a_bridged_gap_grows_by_the_root_in_each_of_its_periods(method):
    # 10 to 80 in three periods: doubled in each.
    found = linked(panel((10,), (NAN,), (NAN,), (80,), (80,)), 1, method=method, gaps="bridge")
    assert found.scores[:, 0] == pytest.approx([100, 200, 400, 800, 800], rel=1e-14)
    note = found.child_notes["growth over a gap, even in all its periods"]
    assert note[:, 0, 0].tolist() == [False, True, True, True, False]
    assert not found.notes


def test_the_base_period_may_lie_in_a_bridged_gap():
    found = linked(panel((10,), (NAN,), (40,)), 1, base="2011", gaps="bridge")
    assert found.scores[:, 0] == pytest.approx([50, 100, 200], rel=1e-14)


def test_nothing_is_bridged_before_the_first_and_after_the_last_value():
    values = panel((NAN, 1), (10, 1), (20, 1), (NAN, 1))
    found = linked(values, (1, 1), gaps="bridge")
    assert found.weights[:, 0].tolist() == [[0, 1], [0, 1], [0.5, 0.5], [0, 1]]


# What is missing, and why


def test_without_a_value_in_the_base_period_the_area_has_no_index_and_a_note_names_the_period():
    values = np.stack([panel((NAN,), (10,), (20,))[:, 0], panel((5,), (10,), (20,))[:, 0]], axis=1)
    found = linked(values, 1)
    assert np.isnan(found.scores[:, 0]).all()
    assert found.scores[:, 1] == pytest.approx([100, 200, 400])
    assert list(found.notes) == ["no value in the base period 2010"]
    assert found.notes["no value in the base period 2010"].tolist() == [[True, False]] * 3


def test_a_base_period_outside_the_panel_leaves_everything_missing_with_a_note():
    found = linked(panel((10,), (20,)), 1, base="1990")
    assert np.isnan(found.scores).all()
    assert found.notes["no value in the base period 1990"].all()
    prices = panel(*PRICES)
    step = PriceIndex(method="fisher", base_period="1990")
    assert np.isnan(link(prices, np.ones((1, 1, 2)), step, 1, cells(prices), prices).scores).all()


def test_beyond_a_break_the_scores_are_missing_and_a_note_says_where():
    values = panel((10, NAN), (20, NAN), (NAN, 5), (NAN, 6), (7, NAN))
    found = linked(values, (1, 1), base="2011")
    assert found.scores[:2, 0] == pytest.approx([50, 100])
    assert np.isnan(found.scores[2:]).all()
    text = "the chain breaks: no growth from 2011 to 2012"
    assert {each: mask[:, 0].tolist() for each, mask in found.notes.items()} == {text: [False, False, True, True, True]}
    backwards = linked(values, (1, 1), base="2013")
    assert np.isnan(backwards.scores[:, 0]).tolist() == [True, True, False, False, True]
    assert {each: mask[:, 0].tolist() for each, mask in backwards.notes.items()} == {
        text: [True, True, False, False, False],
        "the chain breaks: no growth from 2013 to 2014": [False, False, False, False, True],
    }


@pytest.mark.parametrize("bad", [0.0, -3.0])
def test_a_value_that_is_not_above_zero_counts_as_missing_with_a_note(bad):
    found = linked(panel((10, 10), (bad, 20), (10, 40)), (1, 1))
    assert found.scores[:, 0] == pytest.approx([100, 200, 400])
    assert np.argwhere(found.child_notes["not above 0, so without growth"]).tolist() == [[1, 0, 0]]
    assert np.isnan(symmetric_growth(np.array([1.0, bad, 1.0]))).all()


def test_a_child_with_weight_zero_changes_nothing():
    values = panel((10, 10, NAN), (11, 20, 3), (NAN, 40, 4))
    with_it, without = linked(values, (1, 2, 0)), linked(values[..., :2], (1, 2))
    assert with_it.scores.tolist() == without.scores.tolist()
    assert (with_it.weights[..., 2] == 0).all()
    only_it = linked(panel((10, NAN), (NAN, 5), (NAN, 6)), (1, 0), base="2012")
    assert np.isnan(only_it.scores).all()


def test_growth_too_steep_for_a_chain_is_missing_and_never_infinite():
    found = linked(panel((1e-200,), (1e200,), (1.0,)), 1)
    assert found.scores[0, 0] == 100
    assert np.isnan(found.scores[1:]).all()
    assert found.notes["the chain breaks: no growth from 2010 to 2011"][1:].all()


def test_a_single_period_has_the_value_of_the_base():
    assert linked(panel((7, NAN)), (1, 1)).scores.tolist() == [[100]]
    prices = panel((7.0, 5.0))
    for index in PRICE_INDICES.values():
        assert index(prices, prices).tolist() == [[100]]
        assert index(prices, prices, chained=True).tolist() == [[100]]


def test_an_item_without_a_match_is_left_out_of_a_comparison():
    prices, quantities = panel((2, 5, 1), (3, NAN, 1), (4, 6, 1)), panel((1, 1, 1), (1, 1, NAN), (1, 1, 1))
    found = fisher(prices, quantities)[:, 0]
    assert found == pytest.approx([100, 150, 100 * 11 / 8], rel=1e-14)
    # Laspeyres needs no quantities but those of the base period.
    found = laspeyres(prices, quantities)[:, 0]
    assert found == pytest.approx([100, 100 * 4 / 3, 100 * 11 / 8], rel=1e-14)
    # In a chain only the first item has both ends of both links.
    found = fisher(prices, quantities, chained=True)[:, 0]
    assert found == pytest.approx([100, 150, 200], rel=1e-14)
    step = PriceIndex(method="fisher", chained=True)
    parts = link(prices, np.ones((1, 1, 3)), step, 1, cells(prices), quantities)
    assert parts.weights[:, 0].tolist() == [[0.25, 0.625, 0.125], [1, 0, 0], [1, 0, 0]]
    alone = parts.child_notes["sits out: no price and quantity to compare with"]
    assert np.argwhere(alone)[:, [0, 2]].tolist() == [[1, 2], [2, 1], [2, 2]]


def test_a_price_index_without_a_match_is_missing_and_a_note_names_the_base_period():
    prices, quantities = panel((2,), (NAN,), (4,)), panel((1,), (1,), (1,))
    straight = link(prices, np.ones((1, 1, 1)), PriceIndex(method="paasche"), 1, cells(prices), quantities)
    assert straight.scores[[0, 2], 0].tolist() == [100, 200]
    assert straight.notes["nothing to compare with the base period 2010"][:, 0].tolist() == [False, True, False]
    step = PriceIndex(method="paasche", chained=True)
    chained = link(prices, np.ones((1, 1, 1)), step, 1, cells(prices), quantities)
    assert np.isnan(chained.scores[:, 0]).tolist() == [False, True, True]
    assert chained.notes["the chain breaks: no growth from 2010 to 2011"][:, 0].tolist() == [False, True, True]


def test_prices_and_quantities_below_zero_are_missing_with_a_note_and_a_quantity_of_zero_counts():
    prices, quantities = panel((2, 5, 9), (-3, 6, 9)), panel((1, 1, 0), (1, -1, 1))
    found = link(prices, np.ones((1, 1, 3)), PriceIndex(method="laspeyres"), 1, cells(prices), quantities)
    assert found.scores[1, 0] == pytest.approx(120)
    assert np.argwhere(found.child_notes["price not above 0"]).tolist() == [[1, 0, 0]]
    assert np.argwhere(found.child_notes["quantity below 0"]).tolist() == [[1, 0, 1]]
    # Shares of the second item: 0 of 2 and 9 of 12.
    found = tornqvist(panel((2, 9), (3, 18)), panel((1, 0), (1, 0.5)))
    assert found[1, 0] == pytest.approx(100 * 1.5 ** ((1 + 3 / 12) / 2) * 2 ** ((0 + 9 / 12) / 2), rel=1e-14)
    nothing = link(prices, np.ones((1, 1, 3)), PriceIndex(method="laspeyres"), 1, cells(prices), 0 * quantities)
    assert np.isnan(nothing.scores).all()


def test_a_price_index_refuses_to_guess():
    prices = panel(*PRICES)
    with pytest.raises(IndexhouseError, match="fisher needs the quantities of its prices; name them with 'quantity'"):
        link(prices, np.ones((1, 1, 2)), PriceIndex(method="fisher"), 1, cells(prices))
    with pytest.raises(IndexhouseError, match="give its indicators 'direction: 1'"):
        link(prices, np.ones((1, 1, 2)), PriceIndex(method="fisher"), np.array([1, -1]), cells(prices), prices)


def test_the_weights_of_a_price_index_are_its_quantities():
    prices, quantities = panel(*PRICES), panel(*QUANTITIES)
    step = PriceIndex(method="tornqvist")
    even = link(prices, np.ones((1, 1, 2)), step, 1, cells(prices), quantities)
    odd = link(prices, np.array([[[1.0, 9.0]]]), step, 1, cells(prices), quantities)
    assert even.scores.tolist() == odd.scores.tolist()
    alone = link(prices, np.array([[[1.0, 0.0]]]), step, 1, cells(prices), quantities)
    assert alone.scores[:, 0] == pytest.approx([100, 110, 120, 120])
    # Shares in the value of the base period (500 and 375 of 875) and of the last (600 and 500 of 1100), halved.
    assert even.weights[3, 0] == pytest.approx([(500 / 875 + 600 / 1100) / 2, (375 / 875 + 500 / 1100) / 2], rel=1e-14)


# Plain loops


def looped_chain(x, weights, directions, base, value, gaps, method):
    """Scores of one area from lists [period][child]; None or not above 0 is missing."""
    periods, children = len(x), len(weights)
    good = [[x[t][c] if x[t][c] == x[t][c] and x[t][c] > 0 else None for c in range(children)] for t in range(periods)]
    links: list[float | None] = [None]
    for t in range(1, periods):
        weighted = total = 0.0
        for c in range(children):
            earlier = [s for s in range(t) if good[s][c] is not None]
            later = [s for s in range(t, periods) if good[s][c] is not None]
            if gaps == "sit_out":
                earlier, later = [s for s in earlier if s == t - 1], [s for s in later if s == t]
            if not earlier or not later or weights[c] == 0:
                continue
            start, end = earlier[-1], later[0]
            ratio = (good[end][c] / good[start][c]) ** (1 / (end - start))
            rate = 200 * (ratio - 1) / (ratio + 1) if method == "chain_symmetric" else math.log(ratio)
            weighted += weights[c] * directions[c] * rate
            total += weights[c]
        if total == 0:
            links.append(None)
            continue
        mean = weighted / total
        links.append((200 + mean) / (200 - mean) if method == "chain_symmetric" else math.exp(mean))
    scores = [NAN] * periods
    reach = [
        any(good[s][c] is not None for s in range(base + 1))
        and any(good[s][c] is not None for s in range(base, periods))
        if gaps == "bridge"
        else good[base][c] is not None
        for c in range(children)
    ]
    if any(there and weight > 0 for there, weight in zip(reach, weights, strict=True)):
        scores[base] = value
    for t in range(base + 1, periods):
        scores[t] = scores[t - 1] * (NAN if links[t] is None else links[t])
    for t in range(base, 0, -1):
        scores[t - 1] = scores[t] / (NAN if links[t] is None else links[t])
    return scores


def looped_price(p, q, base, value, formula, chained):
    def compare(s, t):
        def has(c):
            needed = [p[s][c], p[t][c]]
            needed += [q[s][c]] if formula != "paasche" else []
            needed += [q[t][c]] if formula != "laspeyres" else []
            return all(number == number for number in needed)

        items = [c for c in range(len(p[0])) if has(c)]
        if not items:
            return NAN
        sums = [sum(p[a][c] * q[b][c] for c in items) for a, b in ((t, s), (s, s), (t, t), (s, t))]
        if formula == "tornqvist":
            return math.prod(
                (p[t][c] / p[s][c]) ** ((p[s][c] * q[s][c] / sums[1] + p[t][c] * q[t][c] / sums[2]) / 2) for c in items
            )
        early, late = sums[0] / sums[1], sums[2] / sums[3]
        return {"laspeyres": early, "paasche": late, "fisher": math.sqrt(early * late)}[formula]

    if not chained:
        return [value * compare(base, t) for t in range(len(p))]
    scores = [NAN] * len(p)
    scores[base] = value if any(number == number for number in p[base]) else NAN
    for t in range(base + 1, len(p)):
        scores[t] = scores[t - 1] * compare(t - 1, t)
    for t in range(base, 0, -1):
        scores[t - 1] = scores[t] / compare(t - 1, t)
    return scores


number = st.one_of(st.just(NAN), st.floats(0.1, 1000))
sizes = st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 4))


@st.composite
def panels(draw, elements=number):
    """Values (periods, areas, children), weights and directions of the children, a base period."""
    periods, areas, children = shape = draw(sizes)
    count = periods * areas * children
    values = np.array(draw(st.lists(elements, min_size=count, max_size=count))).reshape(shape)
    weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=children, max_size=children))
    directions = draw(st.lists(st.sampled_from([1, -1]), min_size=children, max_size=children))
    return values, np.array(weights), np.array(directions), draw(st.integers(0, periods - 1))


@settings(deadline=None)
@given(panels(st.one_of(number, st.just(0.0))), st.sampled_from(list(CHAINS)), st.sampled_from(["bridge", "sit_out"]))
def test_chains_agree_with_a_plain_loop(case, method, gaps):
    values, weights, directions, base = case
    found = CHAINS[method](values, weights, directions, base, 60.0, gaps)
    for area in range(values.shape[1]):
        wanted = looped_chain(values[:, area].tolist(), weights, directions, base, 60.0, gaps, method)
        np.testing.assert_allclose(found[:, area], wanted, rtol=1e-12)


@settings(deadline=None)
@given(panels(), st.sampled_from(list(PRICE_INDICES)), st.booleans(), st.randoms(use_true_random=False))
def test_price_indices_agree_with_a_plain_loop(case, formula, chained, random):
    prices, _, _, base = case
    quantities = np.array([random.choice([NAN, 0.5, 1.0, 7.0]) for _ in range(prices.size)]).reshape(prices.shape)
    found = PRICE_INDICES[formula](prices, quantities, base, 60.0, chained)
    for area in range(prices.shape[1]):
        wanted = looped_price(prices[:, area], quantities[:, area], base, 60.0, formula, chained)
        np.testing.assert_allclose(found[:, area], wanted, rtol=1e-12)


@settings(deadline=None)
@given(panels(), st.sampled_from(list(CHAINS)), st.sampled_from(["bridge", "sit_out"]))
def test_terms_sum_to_the_change_and_weights_to_one(case, method, gaps):
    values, weights, directions, base = case
    step = Chain(method=method, gaps=gaps)
    found = link(values, weights.reshape(1, 1, -1), step, directions, cells(values, str(2010 + base)))
    change = found.scores[1:] - found.scores[:-1]
    assert np.isnan(found.terms[0]).all()
    np.testing.assert_allclose(
        found.terms[1:].sum(axis=-1), change, rtol=0, atol=1e-9 * np.nanmax(found.scores, initial=1)
    )
    there = ~np.isnan(found.scores)
    np.testing.assert_allclose(found.weights.sum(axis=-1)[there], 1, rtol=1e-12)
    lost = np.zeros(there.shape, dtype=bool)
    for mask in found.notes.values():
        assert not (lost & mask).any(), "two reasons for one score"
        lost |= mask
    assert (lost == ~there).all()


@settings(deadline=None)
@given(panels(st.floats(0.1, 1000)), st.sampled_from(list(PRICE_INDICES)), st.booleans())
def test_terms_of_price_indices_sum_to_the_change_and_weights_to_one(case, formula, chained):
    prices, _, _, base = case
    quantities = np.where(np.arange(prices.size).reshape(prices.shape) % 5 == 3, NAN, prices[::-1, :, ::-1])
    step = PriceIndex(method=formula, chained=chained)
    shares = np.ones((1, 1, prices.shape[2]))
    found = link(prices, shares, step, 1, cells(prices, str(2010 + base)), quantities)
    change = found.scores[1:] - found.scores[:-1]
    np.testing.assert_allclose(
        found.terms[1:].sum(axis=-1), change, rtol=0, atol=1e-9 * np.nanmax(found.scores, initial=1)
    )
    there = ~np.isnan(found.scores)
    np.testing.assert_allclose(found.weights.sum(axis=-1)[there], 1, rtol=1e-12)
    assert (np.any(list(found.notes.values()) or [np.zeros_like(there)], axis=0) == ~there).all()


def test_the_terms_of_a_laspeyres_index_are_its_value_changes():
    prices, quantities = panel(*PRICES), panel(*QUANTITIES)
    found = link(prices, np.ones((1, 1, 2)), PriceIndex(method="laspeyres"), 1, cells(prices), quantities)
    wanted = 100 * (prices[1:] - prices[:-1]) * quantities[0] / (50 * 10 + 25 * 15)
    assert found.terms[1:] == pytest.approx(wanted, abs=1e-12)


# What must not matter


@settings(deadline=None)
@given(panels(), st.sampled_from(list(CHAINS)), st.sampled_from(["bridge", "sit_out"]), st.data())
def test_the_choice_of_the_base_period_only_scales_a_chain(case, method, gaps, data):
    values, weights, directions, base = case
    other = data.draw(st.integers(0, len(values) - 1))
    one = CHAINS[method](values, weights, directions, base, 100.0, gaps)
    two = CHAINS[method](values, weights, directions, other, 100.0, gaps)
    moved = rebase(one, other).scores
    both = ~np.isnan(moved)
    assert (~np.isnan(two[:, both.any(axis=0)]) == both[:, both.any(axis=0)]).all()
    np.testing.assert_allclose(two[both], moved[both], rtol=1e-12)


@settings(deadline=None)
@given(panels(), st.sampled_from(list(CHAINS)), st.sampled_from(["bridge", "sit_out"]))
def test_rebasing_the_children_first_changes_nothing(case, method, gaps):
    values, weights, directions, base = case
    factors = np.array([[[0.01], [3.0], [250.0]]])[:, : values.shape[1]] * (1.0 + np.arange(values.shape[2]))
    one = CHAINS[method](values, weights, directions, base, 100.0, gaps)
    two = CHAINS[method](values * factors, weights, directions, base, 100.0, gaps)
    np.testing.assert_allclose(two, one, rtol=1e-11)


def test_a_fixed_base_depends_on_the_base_period_where_a_chain_does_not():
    prices, quantities = panel(*PRICES), panel(*QUANTITIES)
    straight = [laspeyres(prices, quantities, base)[:, 0] for base in (0, 2)]
    chained = [laspeyres(prices, quantities, base, chained=True)[:, 0] for base in (0, 2)]
    assert straight[0][3] / straight[0][2] != pytest.approx(straight[1][3] / straight[1][2], rel=1e-4)
    assert chained[0][3] / chained[0][2] == pytest.approx(chained[1][3] / chained[1][2], rel=1e-14)


@settings(deadline=None)
@given(panels(), st.sampled_from(list(CHAINS)), st.randoms(use_true_random=False))
def test_the_order_of_children_and_areas_and_the_scale_of_weights_change_nothing(case, method, random):
    values, weights, directions, base = case
    one = CHAINS[method](values, weights, directions, base)
    children = random.sample(range(values.shape[2]), values.shape[2])
    two = CHAINS[method](values[:, ::-1, children], 10 * weights[children], directions[children], base)
    np.testing.assert_allclose(two[:, ::-1], one, rtol=1e-12)


@settings(deadline=None)
@given(panels(), st.sampled_from(list(CHAINS)))
def test_turning_the_direction_inverts_growth(case, method):
    values, weights, directions, base = case
    up = CHAINS[method](values, weights, directions, base, 1.0)
    down = CHAINS[method](values, weights, -directions, base, 1.0)
    np.testing.assert_allclose(up * down, np.where(np.isnan(up), NAN, 1.0), rtol=1e-12)
    np.testing.assert_array_equal(symmetric_growth(values, -1), -symmetric_growth(values))
    # Growth there and back is the same but for the sign.
    back = symmetric_growth(values[::-1])[::-1]
    np.testing.assert_array_equal(back[:-1], -symmetric_growth(values)[1:])


@settings(deadline=None)
@given(panels())
def test_runs_of_weights_give_what_each_of_them_gives(case):
    values, weights, directions, base = case
    runs = np.stack([weights, weights[::-1], np.ones_like(weights)])[:, None, None, :]
    for how in ({"method": "chain_symmetric"}, {"method": "chain_geometric", "gaps": "bridge"}):
        step = Chain.model_validate(how)
        at_once = link(values, runs, step, directions, cells(values, str(2010 + base)))
        assert at_once.scores.shape == (3, *values.shape[:2])
        assert at_once.terms.size == at_once.weights.size == 0
        for run in range(3):
            single = link(values, runs[run], step, directions, cells(values, str(2010 + base)))
            np.testing.assert_array_equal(at_once.scores[run], single.scores)
            stacked = link(np.stack([values, values]), runs[run], step, directions, cells(values, str(2010 + base)))
            np.testing.assert_array_equal(stacked.scores[1], single.scores)
    step = PriceIndex(method="fisher", chained=True)
    at_once = link(values, runs, step, 1, cells(values, str(2010 + base)), values)
    assert at_once.scores.shape == (3, *values.shape[:2])
    for run in range(3):
        single = link(values, runs[run], step, 1, cells(values, str(2010 + base)), values)
        np.testing.assert_array_equal(at_once.scores[run], single.scores)


def test_weights_of_a_period_count_for_the_step_that_leads_to_it():
    values = panel((10, 10), (20, 10), (20, 20))
    weights = np.array([[[7.0, 7.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    found = link(values, weights, Chain(method="chain_symmetric"), 1, cells(values))
    assert found.scores[:, 0] == pytest.approx([100, 200, 400])
    assert found.weights[:, 0].tolist() == [[0.5, 0.5], [1, 0], [0, 1]]
    # Without a weight in the base period there is nothing to start from.
    weights[1] = 0
    found = link(values, weights, Chain(method="chain_symmetric", base_period="2011"), 1, cells(values))
    assert np.isnan(found.scores).all()
