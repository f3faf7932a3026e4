"""A blocking expectation broken on purpose: the run fails, the release stays, run record and status say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from pipelines.marts import growth, indices, observations


def _repeat_a_row(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame.head(1)])


def _take_out_an_area(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(ref_area=pl.lit("CN-NOWHERE"))


def _one_contribution_more(frame: pl.DataFrame) -> pl.DataFrame:
    row = pl.int_range(pl.len()) == frame["node_kind"].to_list().index("indicator")
    return frame.with_columns(
        contribution=pl.when(row).then(pl.col("contribution") + 1).otherwise(pl.col("contribution"))
    )


def _two_ranked_first(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        score_rank=pl.when(pl.col("score_rank") == 2).then(1).otherwise(pl.col("score_rank")).cast(pl.Int32)
    )


# What is spoilt, and the table that the message names
FAULTS: dict[str, tuple[Any, str, Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "key twice": (growth, "growth", _repeat_a_row, "growth"),
    "unknown area": (observations, "observation", _take_out_an_area, "observation"),
    "contributions do not add up": (indices, "index_contribution", _one_contribution_more, "index_contribution"),
    "ranks do not follow scores": (indices, "index_score", _two_ranked_first, "index_score"),
    "vintages lost": (observations, "observation_vintage", lambda frame: frame.head(1), "observation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_table_never_reaches_readers(
    small,
    indexhouse: Callable,
    fingerprint_of: Callable,
    dagster_runs: Callable,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    family, spoilt, spoil, table = FAULTS[fault]
    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)
    build = family.build

    def broken(workspace: Any) -> dict[str, int]:
        rows = build(workspace)
        path = workspace.file(f"marts/{spoilt}.parquet")
        spoil(pl.read_parquet(path)).write_parquet(path)
        return rows

    monkeypatch.setattr(family, "build", broken)
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 1 and answer.out == "" and "Traceback" not in answer.err
    assert fingerprint_of(small.release) == before
    assert any(table in line for line in answer.errors), answer.err

    job, status, told = dagster_runs(small.home)[-1]
    assert (job, status) == ("build", "FAILURE") and table in told
    last = indexhouse(*small.options, "status", "--json").json["last_run"]
    assert last["status"] == "failed" and table in "\n".join([last["message"], *last["problems"]])
    assert table in indexhouse(*small.options, "status").out

    monkeypatch.setattr(family, "build", build)
    recovered = indexhouse(*small.options, "run", "--offline", "--json")
    assert recovered.status == 0 and recovered.json["status"] == "published"
    assert indexhouse(*small.options, "status", "--json").json["last_run"]["status"] == "published"


def test_cells_that_do_not_add_up_stop_the_run(
    small, indexhouse: Callable, fingerprint_of: Callable, dagster_runs: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.core import Core

    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)
    monkeypatch.setattr(Core, "unbalanced", lambda self: ["figures / figures-2022-03-01.csv: in 48 = 47 + 0 + 0 + 0"])
    answer = indexhouse(*small.options, "run", "--offline")
    assert answer.status == 1 and fingerprint_of(small.release) == before
    _, status, told = dagster_runs(small.home)[-1]
    assert status == "FAILURE" and "figures-2022-03-01.csv: in 48" in told
    assert any("figures-2022-03-01.csv" in line or "accounting" in line for line in answer.errors), answer.err
