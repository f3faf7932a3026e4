"""The Monte Carlo analysis of ASEM connectivity, run by run: the engine's own draws, scored by the independent program.

Not here: quantiles of the runs (tests/index/test_simulate.py), Sobol estimators (tests/index/test_sobol.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.index.draw import draw_choices, draw_weights
from pipelines.index.robust import model_of, plan_of
from pipelines.index.stages import inputs_of
from pipelines.index.tree import tree_of
from pipelines.sources.read import read_snapshot
from tests.replications import test_asem as asem
from tests.replications.independent import score_once
from tests.replications.independent_steps import Panel, denominate
from warehouse.catalogue.index import Index
from warehouse.catalogue.load import load

RUNS = 100
UNCERTAINTY: dict[str, Any] = {
    "seed": 7,
    "runs": RUNS,
    "weights": {"share": 0.25},
    "leave_out": True,
    "impute": [[{"method": "cross_section", "within": "group"}], [{"method": "cross_section", "statistic": "median"}]],
    "treat": [
        "none",
        {"method": "winsorise", "winmax": 5, "then": "log_ct"},
        {"method": "winsorise", "winmax": 1, "then": "log_ct_plus"},
        {"method": "sd_limits", "k": 2, "clip": True},
        {"method": "boxcox", "boxcox_lambda": 0.3},
    ],
    "normalise": [
        {"method": "min_max", "lower": 1},
        {"method": "z_score", "mean": 100, "sd": 10},
        "percentile_rank",
        "fraction_of_max",
        {"method": "ampi", "reference": {"period": 2018}},
    ],
    "aggregate": [
        "arithmetic",
        {"method": "geometric", "floor": 1},
        "median",
        "copeland",
        "mpi",
        "topsis",
        {"method": "power_mean", "p": 2},
    ],
}


def plain(step: Any) -> dict[str, Any]:
    found: dict[str, Any] = step.model_dump(mode="json")
    return found


def test_every_run_is_what_the_independent_program_makes_of_its_choices() -> None:
    catalogue = load((asem.FOLDER,))
    source = catalogue.sources["asem_2018"]
    name = source.fetch.files[0]  # type: ignore[union-attr]
    read = read_snapshot((asem.FOLDER / name).read_bytes(), Path(name).name, source, catalogue).readings
    values = read.filter(pl.col("outcome") == "value")
    observations = values.with_columns(source_id=pl.lit("a"), snapshot_id=pl.lit("a"))
    document = catalogue.indices["asem"].model_dump(mode="json", by_alias=True, exclude_unset=True)
    index = Index.model_validate(document | {"variants": [], "uncertainty": UNCERTAINTY})
    drawn = index.uncertainty
    assert drawn is not None
    tree = tree_of("asem", index)
    inputs = inputs_of(tree, index, observations, catalogue.indicators, catalogue.areas, None)
    model = model_of(tree, index, inputs, catalogue.indicators)
    plan = plan_of(index, model, model.scores)
    choices = draw_choices(drawn, plan.shares, plan.leaves, 0, RUNS)

    meta = [row for row in asem.rows_of("asem_imeta.csv") if row["Type"] == "Indicator"]
    names = asem.names_of_codes()
    panel_values = {}
    for row in meta:
        column = asem.column("asem", row["iCode"])
        divisor = row["Denominator"]
        panel_values[names[row["iCode"]]] = denominate(column, asem.column("asem", divisor)) if divisor else column
    groups = {row["uCode"]: row["EurAsia_group"] for row in asem.rows_of("asem_idata.csv")}
    panel = Panel(*asem.axes("asem"), panel_values, groups, base_period="2018")

    compared = 0
    for run in range(RUNS):
        impute, treat, normalise, aggregate, left_out = (int(place) for place in choices.position[run])
        weights = draw_weights(drawn.weights, plan.shares, choices.u[run : run + 1])
        found = plan.score((impute, treat, normalise), weights, aggregate, left_out)
        multipliers = {
            child: float(weights[node][0, 0, 0, place]) / float(plan.shares[node].reshape(-1)[place])
            for node in weights
            for place, child in enumerate(tree.children[node])
        }
        again = score_once(
            panel,
            asem.tree_of("asem", {}),
            plain(drawn.normalise[normalise]),
            plain(drawn.aggregate[aggregate]),
            screening={"availability": 0.9},
            order=["impute", "screen", "treat", "normalise"],
            imputation=[plain(step) for step in drawn.impute[impute]],
            treatment=plain(drawn.treat[treat]),
            multipliers=multipliers,
            left_out=None if left_out < 0 else tree.leaves[left_out],
        )
        for node, scores in found.items():
            other = again.get(node, np.full(scores.shape[-1], np.nan))
            assert asem.far(np.asarray(scores).reshape(1, -1), other) < 1e-9, (run, node)
            compared += 1
    assert compared == RUNS * len(tree.children)
