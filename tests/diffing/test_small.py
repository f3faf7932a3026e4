"""A revision, a change of weight, and both, in releases of the small catalogue: held against numbers worked by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

ROUNDED = 1e-8  # scores are published with 12 significant digits
# Beijing 2018, from the file: R&D 121.55, GDP 2425.5, then 2910.6; in 2016 R&D 100.00, GDP 2000.0.
RD = 121.55 / 100.00 * 100
GDP_OLD, GDP_NEW = 2425.5 / 2000.0 * 100, 2910.6 / 2000.0 * 100
INTENSITY_OLD, INTENSITY_NEW = ((121.55 / gdp) / (100.00 / 2000.0) * 100 for gdp in (2425.5, 2910.6))
INPUT_OLD, INPUT_NEW = ((2 * intensity + RD) / 3 for intensity in (INTENSITY_OLD, INTENSITY_NEW))


def index(comparison: Any) -> dict[str, Any]:
    (each,) = comparison.editions
    return each.root.row(by_predicate=(pl.col("ref_area") == "CN-BJ") & (pl.col("time_period") == "2018"), named=True)


def test_a_revision_is_data_change_and_nothing_else(small_releases: Any) -> None:
    row = index(small_releases.compared(small_releases.base, small_releases.revised))
    expected = (1 * (INPUT_NEW - INPUT_OLD) + 3 * (GDP_NEW - GDP_OLD)) / 4
    assert row["score_total"] == pytest.approx(expected, abs=ROUNDED) == row["score_data"]
    assert expected == pytest.approx(15.4071734, abs=1e-7)
    assert (row["score_method"], row["score_interaction"], row["score_code"], row["score_unsplit"]) == (0, 0, 0, None)


def test_only_the_revised_cell_moves(small_releases: Any) -> None:
    (each,) = small_releases.compared(small_releases.base, small_releases.revised).editions
    moved = each.cells.filter(pl.col("score_total") != 0)
    assert set(moved.select("ref_area", "time_period").unique().rows()) == {("CN-BJ", "2018")}
    assert sorted(moved["node_id"]) == ["gdp", "input", "output", "rd_intensity", "strength"]


def test_the_revision_is_split_by_leaf_as_worked_by_hand(small_releases: Any) -> None:
    comparison = small_releases.compared(small_releases.base, small_releases.revised)
    (cause,) = comparison.causes
    assert (cause.kind, cause.cause_id, cause.largest[1:]) == ("data", "gdp", ("CN-BJ", "2018"))
    through = dict(cause.nodes)
    assert through["gdp"] == pytest.approx(0.75 * (GDP_NEW - GDP_OLD), abs=ROUNDED)
    assert through["rd_intensity"] == pytest.approx((INTENSITY_NEW - INTENSITY_OLD) / 6, abs=ROUNDED)
    assert sum(through.values()) == pytest.approx(cause.largest[0], abs=1e-9)
    assert cause.mean_abs == pytest.approx(abs(cause.largest[0]) / 16, abs=1e-9)


def test_the_cause_names_old_new_place_and_way_in_both_languages(small_releases: Any) -> None:
    document = small_releases.compared(small_releases.base, small_releases.revised).document()
    (row,) = document["causes"]["rows"]
    assert row["en"] == (
        "GDP moved 北京 2018 by +15.41 points (0.96 on average over 16 scores): 1 value revised (北京 2018 2425.5 → "
        "2910.6 (+20.0 %), figures-2022-03-01.csv C4), through R&D intensity −2.78."
    )
    assert row["zh"] == (
        "GDP使北京2018年得分上升15.41分（16个得分平均0.96分）：数值修订1个（北京2018年2425.5→2910.6（+20.0 %），"
        "figures-2022-03-01.csv C4），经由R&D intensity−2.78。"
    )


def test_the_revised_value_stands_with_source_place_and_reason(small_releases: Any) -> None:
    document = small_releases.compared(small_releases.base, small_releases.revised).document()
    assert document["values"]["counts"] == {"revised": 1, "new": 0, "withdrawn": 0, "moved": 0}
    (row,) = document["values"]["rows"]
    assert (row["indicator_id"], row["ref_area"], row["time_period"], row["change"], row["why"]) == (
        "gdp", "CN-BJ", "2018", "revised", "vintage",
    )  # fmt: skip
    assert (row["old_obs_value"], row["new_obs_value"]) == (2425.5, 2910.6)
    assert row["change_pct"] == pytest.approx(20.0, abs=1e-9)
    assert (row["old_file_name"], row["new_file_name"]) == ("figures-2021-03-01.csv", "figures-2022-03-01.csv")
    assert (row["old_locator"], row["new_locator"]) == ("C4", "C4")
    assert str(row["new_vintage"]) == "2022-03-01"


def test_the_source_says_what_its_new_file_brought(small_releases: Any) -> None:
    document = small_releases.compared(small_releases.base, small_releases.revised).document()
    (row,) = document["sources"]["rows"]
    assert row["source_id"] == "figures" and row["file_names"] == ["figures-2022-03-01.csv"]
    assert (row["rows_in"], row["rows_loaded"], row["rows_unchanged"]) == (36, 1, 35)
    assert (row["values_revised"], row["values_new"], row["values_withdrawn"]) == (1, 0, 0)


def test_a_weight_is_method_change_and_nothing_else(small_releases: Any) -> None:
    comparison = small_releases.compared(small_releases.revised, small_releases.weighted)
    row = index(comparison)
    expected = (INPUT_NEW + GDP_NEW) / 2 - (INPUT_NEW + 3 * GDP_NEW) / 4
    assert row["score_total"] == pytest.approx(expected, abs=ROUNDED) == row["score_method"]
    assert (row["score_data"], row["score_interaction"], row["score_code"]) == (0, 0, 0)
    (cause,) = comparison.causes
    assert (cause.kind, cause.cause_id) == ("method", "weights")
    assert cause.detail == ("weight of Output: 3 → 1", "Output的权重：3→1")


def test_data_and_weight_together_leave_an_interaction(small_releases: Any) -> None:
    row = index(small_releases.compared(small_releases.base, small_releases.weighted))
    data = (1 * (INPUT_NEW - INPUT_OLD) + 3 * (GDP_NEW - GDP_OLD)) / 4
    method = (INPUT_OLD + GDP_OLD) / 2 - (INPUT_OLD + 3 * GDP_OLD) / 4
    interaction = ((INPUT_NEW - INPUT_OLD) - (GDP_NEW - GDP_OLD)) / 4
    assert row["score_data"] == pytest.approx(data, abs=ROUNDED)
    assert row["score_method"] == pytest.approx(method, abs=ROUNDED)
    assert row["score_interaction"] == pytest.approx(interaction, abs=ROUNDED)
    assert row["score_total"] == pytest.approx(data + method + interaction, abs=ROUNDED)
    assert row["score_new"] == pytest.approx((INPUT_NEW + GDP_NEW) / 2, abs=ROUNDED)
    parts = [row[f"score_{name}"] for name in ("data", "method", "interaction", "code")]
    assert sum(parts) == pytest.approx(row["score_total"], abs=1e-9)
    assert (data, method, interaction) == pytest.approx((15.4071734, -3.4851238, -8.8478266), abs=1e-7)


def test_there_and_back_is_the_same_with_the_other_sign(small_releases: Any) -> None:
    there = small_releases.compared(small_releases.base, small_releases.weighted).editions[0].cells
    back = small_releases.compared(small_releases.weighted, small_releases.base).editions[0].cells
    assert there["score_total"].equals(-back["score_total"])


def test_the_same_release_twice_says_that_nothing_changed(small_releases: Any) -> None:
    document = small_releases.compared(small_releases.base, small_releases.base).document()
    assert document["is_same"] is True
    assert document["causes"]["total"] == document["values"]["total"] == document["sources"]["total"] == 0
