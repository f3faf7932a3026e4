"""Where values come from: cells, formulas, vintages, corrections, gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def leaf(document: dict[str, Any]) -> dict[str, Any]:
    assert "stages" in document["tree"]
    return document["tree"]


def test_a_value_names_file_sheet_column_and_row(told: Callable) -> None:
    node = leaf(told("beijing_innovation", "CN-BJ", "2018", node="rd_intensity"))
    origin = node["stages"][0]["origin"]
    assert (origin["kind"], origin["value"], origin["unit_en"]) == ("observed", 5.65, "% of GDP")
    place = [origin[key] for key in ("source_id", "sheet", "column", "row", "locator")]
    assert place == ["yearbook_rd_intensity", "1", "I", 7, "1!I7"]
    assert origin["file"].endswith(".xls") and len(origin["snapshot_id"]) == 16
    assert (origin["vintage"], origin["vintage_basis"]) == ("2023-12-31", "assumed")


def test_an_edition_shows_what_it_knew_and_what_came_later(told: Callable) -> None:
    node = leaf(told("beijing_innovation", "CN-BJ", "2018", node="rd_intensity", edition="2019"))
    vintages = node["stages"][0]["origin"]["vintages"]
    assert [each["value"] for each in vintages if each["is_used"]] == [6.17]
    assert [each["value"] for each in vintages if not each["is_known"]] == [6.17, 5.65, 5.65084903039, 5.65]
    assert all(each["vintage"] <= "2019-10-17" for each in vintages if each["is_known"])


def test_a_formula_goes_down_to_the_cells_of_its_inputs(told: Callable) -> None:
    node = leaf(told("china_regional_innovation", "CN-GD", "2017", node="rd_expenditure_share_of_national"))
    origin = node["stages"][0]["origin"]
    assert (origin["kind"], origin["formula"]) == ("computed", "rd_expenditure / at(rd_expenditure, 'CN')")
    assert [(each["ref_area"], each["at"]) for each in origin["inputs"]] == [("CN-GD", None), ("CN", "CN")]
    assert all(each["column"] and each["row"] and each["vintages"] for each in origin["inputs"])


def test_a_missing_value_says_what_filled_it_and_which_input_is_missing(told: Callable) -> None:
    node = leaf(told("beijing_innovation", "CN-BJ", "2018", node="gdp_per_urban_employee", edition="2019"))
    raw, imputed, _ = node["stages"]
    assert raw["value"] is None and raw["origin"]["kind"] == "missing"
    assert [each["kind"] for each in raw["origin"]["inputs"]] == ["missing", "missing"]
    assert imputed["is_imputed"] and imputed["filled_by"] == "carry" and imputed["filled_zh"] == "沿用前期值"
    assert imputed["from"] == [{"period": "2017", "value": imputed["value"]}]


def test_a_correction_says_what_the_file_shows_and_why(told: Callable) -> None:
    document = told("beijing_innovation", "CN-BJ", "2012", node="enterprise_share_of_rd")
    origin = leaf(document)["stages"][0]["origin"]["inputs"][0]
    assert origin["is_corrected"] and origin["value"] == 368.6332
    assert origin["correction"]["shown"] == "368633!" and origin["correction"]["value"] == 3686332
    assert "scanning slip" in origin["correction"]["why_en"] and origin["correction"]["why_zh"]


def test_a_row_with_an_id_of_its_own_is_not_taken_for_a_cell(told: Callable) -> None:
    node = leaf(told("beijing_innovation", "CN-BJ", "2018", node="rd_intensity", edition="2019"))
    rows = {each["source_id"]: each for each in node["stages"][0]["origin"]["vintages"]}
    assert (rows["published_seed"]["locator"], rows["published_seed"]["row"]) == ("P127", None)
    assert (rows["communique_rd"]["sheet"], rows["communique_rd"]["row"]) == ("table 3", 4)
