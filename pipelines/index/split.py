"""Split the change of a function of several children over them, so that the parts sum to it exactly.

Not here: which function a node of an index is (aggregate, index_number), how parts go down a tree (contribute).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Mask

SHAPLEY_CHILDREN = 10
KEPT = 2_000_000  # scores of combinations kept at a time, so that those of a large panel fit in memory
WORKED_ON = 200_000  # numbers that go into them at a time, so that they stay in the cache of a core

Share = tuple[list[int], list[int], list[float]]
"""Of one child: combinations without it, the same ones with it, and what their difference counts; a power of two
many."""


def logarithmic_mean(a: Floats, b: Floats) -> Floats:
    """(b - a)/(ln b - ln a), a where both are equal; both above 0."""
    with np.errstate(all="ignore"):
        growth = (b - a) / a
        return a * np.where(growth == 0, 1.0, growth / np.log1p(growth))


def by_replacement(value: Callable[[Mask, slice], Floats], shape: tuple[int, int, int]) -> Floats:
    """Move the children from the period before to the period one by one, and average what each move does over the
    orders: over all orders (Shapley) up to ten children, else over their own order and its reverse.

    In: shape (steps, areas, children); `value(moved, steps)` gives the score (combinations, steps, areas) of some of
    the steps when the children in moved (combinations, children) are in the period and the others in the period before.
    Out: the term of each child, of that shape, exactly 0 for a child that never makes a difference; the terms sum to
    the score with all moved minus the score with none.
    Source: METHOD.md section 7; Shapley, A value for n-person games (1953).
    """
    steps, areas, n = shape
    moved, shares = _all_orders(n) if n <= SHAPLEY_CHILDREN else _two_orders(n)
    terms = np.zeros(shape)
    block = max(1, KEPT // (len(moved) * max(1, areas)))
    for first in range(0, steps, block):
        chosen = slice(first, min(first + block, steps))
        at_once = max(1, WORKED_ON // ((chosen.stop - first) * max(1, areas) * n))
        values = np.concatenate([value(moved[i : i + at_once], chosen) for i in range(0, len(moved), at_once)])
        for child, (without, included, counts) in enumerate(shares):
            parts = (values[included] - values[without]) * np.array(counts)[:, None, None]
            while len(parts) > 1:
                parts = parts[: len(parts) // 2] + parts[len(parts) // 2 :]
            terms[chosen, :, child] = parts[0]
    return terms


def _all_orders(n: int) -> tuple[Mask, list[Share]]:
    """All combinations of n children, numbered by their bits; adding a child to s others counts s! (n - s - 1)!/n!."""
    factor = [1.0 / n]
    for size in range(1, n):
        factor.append(factor[-1] * size / (n - size))
    shares = []
    for child in range(n):
        without = [number for number in range(1 << n) if not number >> child & 1]
        shares.append(
            (without, [each | 1 << child for each in without], [factor[each.bit_count()] for each in without])
        )
    return (np.arange(1 << n)[:, None] >> np.arange(n)) % 2 == 1, shares


def _two_orders(n: int) -> tuple[Mask, list[Share]]:
    """The combinations on the way from the first child to the last (the first k moved: row k), and from the last to the
    first (the last k moved: row n + k; none and all are rows 0 and n)."""
    ahead = np.tri(n + 1, n, -1, dtype=bool)
    back = [0, *range(n + 1, 2 * n), n]
    shares = [([c, back[n - 1 - c]], [c + 1, back[n - c]], [0.5, 0.5]) for c in range(n)]
    return np.concatenate([ahead, ~ahead[-2:0:-1]]), shares
