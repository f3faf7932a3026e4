"""Stages of a whole index at once and in blocks: the same numbers, and the input stays as it is.

Not here: single stages (test_steps, test_impute, test_treat, ...), the tree and the frames (test_build).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipelines.index import stages
from pipelines.index.panel import Panel
from pipelines.index.scope import Cells
from pipelines.index.stages import Inputs, run_scores, run_stages, steps_of
from pipelines.index.tree import Tree, tree_of
from warehouse.catalogue.index import Index

PERIODS, AREAS, LEAVES = 4, 5, 6
METHODS = {
    "nothing filled": {"treat": {"method": "winsorise", "then": "log_ct"}},
    "carried": {"impute": {"method": "carry"}, "treat": {"method": "sd_limits", "k": 1.5}},
    "from siblings": {"impute": [{"method": "row_mean"}, {"method": "constant", "value": 1}], "normalise": "rank"},
}


def made(method: dict[str, object], **own: dict[str, object]) -> tuple[Tree, Index, Inputs]:
    """Two pillars whose indicators take turns, some of them with steps of their own, a fifth of the cells missing."""
    named = {"name_en": "Test"}
    nodes: dict[str, object] = {"left": dict(named), "right": dict(named)}
    nodes |= {
        f"x{n}": named | {"parent": ("left", "right")[n % 2], "direction": -1 if n == 2 else 1} | own.get(f"x{n}", {})
        for n in range(LEAVES)
    }
    areas = tuple(f"A{n}" for n in range(AREAS))
    document = {"areas": areas, "periods": {"from": 2010, "to": 2013}, "method": method, "nodes": nodes}
    index = Index.model_validate(named | document)
    tree = tree_of("test", index)
    rng = np.random.default_rng(3)
    values = np.exp(rng.standard_normal((PERIODS, AREAS, LEAVES)))
    values[rng.random(values.shape) < 0.2] = np.nan
    periods = ("2010", "2011", "2012", "2013")
    row = np.full(values.shape, -1)
    panel = Panel(periods, areas, tree.leaves, values, row, pl.DataFrame())
    return tree, index, Inputs(panel, Cells(periods, areas), {}, {})


@pytest.mark.parametrize("leaves", [1, 2, 5, 100])
@pytest.mark.parametrize("name", METHODS)
def test_blocks_of_any_size_give_the_scores_of_the_whole(
    name: str, leaves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, index, inputs = made(METHODS[name], x4={"impute": "linear"})
    steps = steps_of(tree, index, {})
    before = inputs.panel.values.copy()
    whole = run_stages(inputs, steps, index.method.order, index.method.screen)
    monkeypatch.setattr(stages, "BLOCK_LEAVES", leaves)
    monkeypatch.setattr(stages, "BLOCK_CELLS", 1)
    scores, observed = run_scores(inputs, steps, index.method.order)
    np.testing.assert_array_equal(scores, whole.scores)
    np.testing.assert_array_equal(observed, whole.observed)
    np.testing.assert_array_equal(inputs.panel.values, before)


def test_steps_of_single_indicators_change_no_other_indicator() -> None:
    own = {"impute": [{"method": "carry", "max_age": 1}, {"method": "constant", "value": 2}], "treat": "sqrt"}
    tree, index, inputs = made({"impute": {"method": "linear", "ends": "hold"}}, x1=own, x3=own)
    _, plain, _ = made({"impute": {"method": "linear", "ends": "hold"}})
    mixed = run_stages(inputs, steps_of(tree, index, {}), index.method.order, index.method.screen)
    alike = run_stages(inputs, steps_of(tree, plain, {}), plain.method.order, plain.method.screen)
    others = [n for n, leaf in enumerate(tree.leaves) if leaf not in ("x1", "x3")]
    for name, values in mixed.data.items():
        np.testing.assert_array_equal(values[:, :, others], alike.data[name][:, :, others])
    for name in ("is_imputed", "is_treated", "before", "after"):
        np.testing.assert_array_equal(getattr(mixed, name)[:, :, others], getattr(alike, name)[:, :, others])
    assert not mixed.notes["set to the given value"][:, :, others].any()
    assert mixed.notes["set to the given value"].any()


def test_a_filled_cell_says_which_periods_it_comes_from_whichever_step_filled_it() -> None:
    steps = [{"method": "carry", "max_age": 1}, {"method": "linear", "ends": "hold"}]
    tree, index, inputs = made({"impute": steps})
    inputs.panel.values[:, 0, 0] = [1, np.nan, np.nan, 4]
    found = run_stages(inputs, steps_of(tree, index, {}), index.method.order, index.method.screen)
    assert found.data["impute"][:, 0, 0].tolist() == [1, 1, 2.5, 4]
    assert found.before[:, 0, 0].tolist() == [-1, 0, 1, -1]
    assert found.after[:, 0, 0].tolist() == [-1, -1, 3, -1]
    assert found.is_imputed[:, 0, 0].tolist() == [False, True, True, False]
