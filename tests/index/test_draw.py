"""Random numbers by run, and what runs choose from them.

Not here: what comes of the choices (test_simulate, test_sobol).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.draw import (
    AS_IS,
    Stream,
    choice,
    choose,
    draw_choices,
    draw_weights,
    uniforms,
    vary_dirichlet,
    vary_share,
    weight_columns,
)
from warehouse.catalogue.method.robustness import Uncertainty

SHARES = {"b": np.array([0.25, 0.75]), "a": np.array([0.5, 0.3, 0.2])}
ALL = Uncertainty.model_validate(
    {
        "seed": 5,
        "weights": {"share": 0.25},
        "impute": ["none", "linear"],
        "normalise": ["min_max", "z_score", "rank"],
        "aggregate": ["arithmetic", "geometric"],
        "leave_out": True,
    }
)


def philox(counter: int, key: tuple[int, int]) -> list[int]:
    """Philox4x64-10 of Salmon et al. (2011), word by word."""
    mask = 2**64 - 1
    words = [(counter >> 64 * i) & mask for i in range(4)]
    k0, k1 = key
    for _ in range(10):
        one, other = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [(other >> 64) ^ words[1] ^ k0, other & mask, (one >> 64) ^ words[3] ^ k1, one & mask]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return words


@pytest.mark.parametrize(("seed", "columns"), [(0, 1), (2**63 - 1, 6)])
def test_numbers_are_those_of_the_published_generator(seed, columns):
    blocks = -(-columns // 4)
    for run in (0, 3, 10**9):
        words = [word for i in range(blocks) for word in philox(run * blocks + i + 1, (seed, int(Stream.SAMPLES)))]
        wanted = [(word >> 11) / 2**53 for word in words[:columns]]
        assert uniforms(seed, run, 1, columns, Stream.SAMPLES)[0].tolist() == wanted


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**7), st.integers(0, 40), st.integers(0, 40), st.integers(1, 9))
@settings(deadline=None)
def test_a_run_draws_the_same_whatever_is_drawn_with_it(seed, first, before, count, columns):
    whole = uniforms(seed, first, before + count, columns)
    assert (whole[before:] == uniforms(seed, first + before, count, columns)).all()
    assert ((whole >= 0) & (whole < 1)).all()


def test_streams_and_seeds_do_not_share_numbers():
    numbers = [uniforms(seed, 0, 50, 4, stream).reshape(-1) for seed in (1, 2) for stream in Stream]
    assert len(np.unique(np.concatenate(numbers))) == 50 * 4 * 10


def test_no_columns_are_drawn_as_no_columns():
    assert uniforms(1, 0, 3, 0).shape == (3, 0)


def test_alternatives_take_equal_slices():
    u = (np.arange(1200) + 0.5) / 1200
    for n in (1, 2, 3, 7):
        counts = np.bincount(choice(u, n), minlength=n)
        assert len(counts) == n and counts.max() - counts.min() <= 1
    assert choice(np.array([0.0, 1 - 2.0**-53]), 3).tolist() == [0, 2]
    assert all(choice(np.array([1 - 2.0**-53]), n)[0] == n - 1 for n in [*range(1, 2000), 2**40, 2**40 + 1])


def test_a_share_varies_evenly_around_one():
    assert vary_share(np.array([0.0, 0.25, 0.5, 0.75]), 0.2).tolist() == pytest.approx([0.8, 0.9, 1.0, 1.1], rel=1e-15)


def test_dirichlet_shares_are_scaled_gamma_quantiles():
    from scipy.stats import gamma

    u = uniforms(1, 0, 20, 3)
    shares = np.array([0.5, 0.3, 0.2])
    found = vary_dirichlet(u, shares, 40.0)
    for row, numbers in zip(found, u, strict=True):
        gammas = [gamma.ppf(number, 40.0 * share) for number, share in zip(numbers, shares, strict=True)]
        assert row.tolist() == pytest.approx([each / sum(gammas) for each in gammas], rel=1e-10)


def test_dirichlet_has_the_mean_and_variance_it_promises():
    shares = np.array([0.5, 0.3, 0.2])
    found = vary_dirichlet(uniforms(2, 0, 20_000, 3), shares, 30.0)
    assert found.sum(axis=1) == pytest.approx(1.0, rel=1e-12)
    assert found.mean(axis=0) == pytest.approx(shares, abs=0.003)
    assert found.var(axis=0) == pytest.approx(shares * (1 - shares) / 31, rel=0.05)


def test_a_child_without_a_share_stays_without_one():
    found = vary_dirichlet(uniforms(2, 0, 10, 3), np.array([0.6, 0.0, 0.4]), 5.0)
    assert (found[:, 1] == 0).all() and (found[:, 0] > 0).all()


def test_a_row_whose_gammas_all_vanish_keeps_the_nominal_shares():
    assert vary_dirichlet(np.zeros((1, 2)), np.array([0.6, 0.4]), 5.0).tolist() == [[0.6, 0.4]]


def test_weights_are_drawn_node_by_node_in_the_order_of_ids():
    u = uniforms(3, 0, 4, 5, Stream.WEIGHTS)
    found = draw_weights(ALL.weights, SHARES, u)
    for run in range(4):
        for node, columns in (("a", (0, 1, 2)), ("b", (3, 4))):
            wanted = [SHARES[node][i] * (0.75 + 0.5 * u[run, column]) for i, column in enumerate(columns)]
            assert found[node][run, 0, 0].tolist() == pytest.approx(wanted, rel=1e-14)
    assert weight_columns(ALL, SHARES) == 5


def test_weights_by_period_vary_by_the_same_factor_in_all_periods():
    shares = {"a": np.array([[[0.5, 0.5]], [[0.1, 0.9]]])}
    found = draw_weights(ALL.weights, shares, uniforms(3, 0, 6, 2, Stream.WEIGHTS))["a"]
    assert found.shape == (6, 2, 1, 2)
    factors = found / shares["a"]
    np.testing.assert_allclose(factors[:, 0], factors[:, 1], rtol=1e-14)


def test_without_varying_weights_there_are_none():
    fixed = Uncertainty(seed=1, leave_out=True)
    assert weight_columns(fixed, SHARES) == 0
    assert draw_weights(fixed.weights, SHARES, np.empty((3, 0))) == {}


def test_leaving_out_draws_none_first_and_then_each_leaf_evenly():
    u = {"leave_out": (np.arange(8) + 0.5) / 8}
    position = choose(Uncertainty(seed=1, leave_out=True), 3, u, 8)
    assert position[:, -1].tolist() == [-1, -1, 0, 0, 1, 1, 2, 2]
    assert (position[:, :-1] == AS_IS).all()


def test_a_factor_that_does_not_vary_leaves_the_others_as_they_are():
    whole = draw_choices(ALL, SHARES, 4, 0, 50)
    fewer = draw_choices(ALL.model_copy(update={"impute": ()}), SHARES, 4, 0, 50)
    assert (fewer.position[:, 0] == AS_IS).all()
    assert (fewer.position[:, 1:] == whole.position[:, 1:]).all() and (fewer.u == whole.u).all()


def test_choices_of_a_run_do_not_depend_on_the_runs_before_it():
    whole = draw_choices(ALL, SHARES, 4, 0, 50)
    part = draw_choices(ALL, SHARES, 4, 30, 20)
    assert (whole.position[30:] == part.position).all() and (whole.u[30:] == part.u).all()


def test_alternatives_are_drawn_evenly():
    position = draw_choices(ALL, SHARES, 4, 0, 30_000).position
    for column, n in enumerate((2, 0, 3, 2)):
        if n:
            assert np.bincount(position[:, column]) == pytest.approx([30_000 / n] * n, rel=0.03)
    assert np.bincount(position[:, -1] + 1) == pytest.approx([6000] * 5, rel=0.05)
