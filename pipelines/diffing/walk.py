"""Split the change of a whole index over what changed, by changing one thing after the other.

Not here: what changed (parts), the split of one node's change over its children (index.split, index.contribute).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipelines.index.rank import Floats


def walk(state: Callable[[Sequence[bool]], Floats], n: int) -> Floats:
    """What each of n things did to the scores: the mean of its step in their own order and in the reverse of it.

    In: `state(done)` gives the scores, of one shape, with those things changed that `done` marks. Out: (n, *shape);
    the sum over n is the score with all changed minus that with none, but for rounding. A state without a score where
    both ends have one counts as the mean of the two; where an end has none all is NaN.
    Two orders instead of all n!: where things act alone or in pairs this is the mean over all orders (the Shapley
    value); only what three or more do together depends on the order.
    Source: Shapley, A value for n-person games (1953).
    """
    first, last = state([False] * n), state([True] * n)
    middle = (first + last) / 2
    terms = np.zeros((n, *first.shape))

    def filled(done: list[bool]) -> Floats:
        if all(done) or not any(done):
            return last if all(done) else first
        found = state(done)
        return np.where(np.isnan(found), middle, found)

    for order in (range(n), range(n - 1, -1, -1)):
        done, before = [False] * n, first
        for thing in order:
            done[thing] = True
            after = filled(done)
            terms[thing] += (after - before) / 2
            before = after
    return np.where(np.isnan(middle), np.nan, terms)
