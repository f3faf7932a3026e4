"""Random numbers counted by run, and what each run of an analysis chooses from them.

Not here: the runs themselves (simulate), the sample matrices of Sobol indices (sobol).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method.robustness import Uncertainty, VaryWeights
from warehouse.rounding import round_significant

Positions = NDArray[np.int64]
"""Positions in a list of alternatives; AS_IS: as the index has it."""
AS_IS = -1
LISTED = ("impute", "treat", "normalise", "aggregate")
CHOICES = (*LISTED, "leave_out")
_WORDS = 4  # numbers that one step of Philox's counter gives


class Stream(IntEnum):
    """What a sequence of numbers is for: one seed gives each an own sequence, so that none shifts another."""

    CHOICES = 0
    WEIGHTS = 1
    SAMPLES = 2
    WEIGHT_SETS = 3
    RESAMPLES = 4


class Choices(NamedTuple):
    """What runs choose: (runs, 5) positions of the alternatives of CHOICES, the last one the position of the leaf
    that is left out; and (runs, weights) uniform numbers that the weights are drawn from, no columns where weights do
    not vary."""

    position: Positions
    u: Floats


def uniforms(seed: int, first: int, count: int, columns: int, stream: Stream = Stream.CHOICES) -> Floats:
    """Draw uniform numbers in [0, 1) for consecutive runs.

    In: seed 0 to 2^63 - 1, number of the first run, how many runs, numbers per run. Out: (count, columns), multiples
    of 2^-53. Row r depends on the seed, the stream, the number of columns and the run only: it is the same whatever
    runs are drawn with it, on any machine.
    Source: Philox4x64-10 (Salmon et al. 2011), a counter per four numbers; METHOD.md section 8.
    """
    blocks = -(-columns // _WORDS)
    key = np.array([seed, int(stream)], dtype=np.uint64)
    words = np.random.Philox(counter=first * blocks, key=key).random_raw(count * blocks * _WORDS)
    return np.asarray((words.reshape(count, blocks * _WORDS)[:, :columns] >> np.uint64(11)) * 2.0**-53)


def choice(u: Floats, n: int) -> Positions:
    """Turn uniform numbers into positions 0 to n - 1, each an equal slice of [0, 1). In/Out: any shape."""
    return np.floor(u * n).astype(np.int64)


def vary_share(u: Floats, share: float) -> Floats:
    """Turn uniform numbers into multipliers 1 + share (2 u - 1): uniform between 1 - share and 1 + share. In/Out: any
    shape."""
    return 1.0 + share * (2.0 * u - 1.0)


def vary_dirichlet(u: Floats, shares: Floats, concentration: float) -> Floats:
    """Turn uniform numbers into shares from a Dirichlet distribution around nominal ones.

    In: u (..., children), shares broadcastable to it, not negative, sum 1 over children. Out: (..., children), sum 1;
    a child without a share keeps 0; the nominal shares where all draws of a row vanish. Mean: the nominal shares;
    variance s (1 - s)/(concentration + 1).
    Source: gamma variates of shape concentration x share (Devroye 1986, chapter XI.4), from the inverse of their
    distribution function and rounded to 12 significant digits, because that function is SciPy's.
    """
    from scipy.special import gammaincinv

    shape = np.broadcast_to(concentration * shares, np.broadcast_shapes(u.shape, shares.shape))
    gammas = np.where(shape > 0, round_significant(gammaincinv(np.where(shape > 0, shape, 1.0), u)), 0.0)
    total = gammas.sum(axis=-1, keepdims=True)
    return np.where(total > 0, gammas / np.where(total > 0, total, 1.0), shares)


def draw_choices(
    uncertainty: Uncertainty, shares: Mapping[str, Floats], leaves: int, first: int, count: int
) -> Choices:
    """Draw what consecutive runs of the Monte Carlo analysis choose, each factor on its own.

    In: nominal shares of the children of inner nodes (see `draw_weights`), number of leaves.
    """
    u = uniforms(uncertainty.seed, first, count, len(CHOICES), Stream.CHOICES)
    columns = weight_columns(uncertainty, shares)
    weights = uniforms(uncertainty.seed, first, count, columns, Stream.WEIGHTS)
    return Choices(choose(uncertainty, leaves, dict(zip(CHOICES, u.T, strict=True)), count), weights)


def choose(uncertainty: Uncertainty, leaves: int, u: Mapping[str, Floats], count: int) -> Positions:
    """Turn one uniform number (count,) per factor into positions (count, 5) of CHOICES.

    Each alternative that is listed takes an equal slice; leaving out: an equal slice for none, then one for each
    leaf. A factor that does not vary stays AS_IS.
    """
    position = np.full((count, len(CHOICES)), AS_IS, dtype=np.int64)
    for column, factor in enumerate(LISTED):
        if alternatives := getattr(uncertainty, factor):
            position[:, column] = choice(u[factor], len(alternatives))
    if uncertainty.leave_out:
        position[:, -1] = choice(u["leave_out"], leaves + 1) - 1
    return position


def weight_columns(uncertainty: Uncertainty, shares: Mapping[str, Floats]) -> int:
    """How many numbers a set of weights is drawn from: one per child, 0 where weights do not vary."""
    return sum(each.shape[-1] for each in shares.values()) if uncertainty.weights else 0


def draw_weights(vary: VaryWeights | None, shares: Mapping[str, Floats], u: Floats) -> dict[str, Floats]:
    """Weights of many runs at once.

    In: shares by inner node, (children) or with periods and areas in front, sum 1 over children; u (runs, columns) as
    counted by `weight_columns`, nodes in the order of their ids. Out: by inner node (runs, periods or 1, areas or 1,
    children), of any scale; nothing where weights do not vary.
    """
    if vary is None:
        return {}
    found: dict[str, Floats] = {}
    at = 0
    for node in sorted(shares):
        nominal = shares[node]
        nominal = nominal.reshape((1,) * (3 - nominal.ndim) + nominal.shape)
        own = u[:, None, None, at : at + nominal.shape[-1]]
        at += nominal.shape[-1]
        if vary.share is not None:
            found[node] = nominal * vary_share(own, vary.share)
        elif vary.dirichlet is not None:
            found[node] = vary_dirichlet(own, nominal, vary.dirichlet)
    return found
