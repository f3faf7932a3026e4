"""Published indices computed again from published inputs, by YAML alone, and compared number by number.

Not here: indices of which no scores are published (the other tests of this folder).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines.sources.read import read_snapshot
from warehouse.catalogue.load import load
from warehouse.catalogue.source import Source

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "replications.md"
# Of sums of printed decimals: 0.1 + 0.2 is not 0.3, but within this of it.
BINARY = 1e-9


@dataclass(frozen=True)
class Case:
    """One published series: where it is computed, how near it must come, how often it does."""

    title: str
    catalogue: str
    index: str
    node: str
    published: str
    tolerance: float
    rows: int
    within: int
    editions: tuple[str, ...] = ("latest",)

    def compare(self, replica: Callable[[str], Any]) -> pl.DataFrame:
        frame: pl.DataFrame = replica(self.catalogue).compare(self.index, self.editions, self.node, self.published)
        return frame.with_columns(difference=(pl.col("score") - pl.col("published")).abs())

    def near(self) -> pl.Expr:
        """Whether a row is near enough; one without a score is not."""
        return (pl.col("difference") <= self.tolerance + BINARY).fill_null(False)


GROUPED = ("latest", "groups", "world")
HDI = Case("HDI 1990-2022", "hdi", "hdi", "hdi", "hdi_published", 0.0005, 6171, 6171, GROUPED)
GII = Case("GII 2011-2016", "gii", "gii", "gii", "gii_published", 0.095, 820, 817)
SDG = Case("SDG Index 2000-2022", "sdg", "sdg", "sdg", "sdg_index_published", 0.1, 4140, 4080, GROUPED)
PARTS, REPORT = "hfi_of_published_parts", "sdg_report_2023"
CASES = (
    HDI,
    GII,
    Case("HFI 2008-2017, hf_score", "hfi", PARTS, PARTS, "hf_score_published", 0.005, 1540, 1540),
    Case("HFI 2008-2017, ef_score", "hfi", "hfi", "economic_freedom", "ef_score_published", 0.04, 1540, 1540),
    Case("HFI 2008-2017, pf_score", "hfi", "hfi", "personal_freedom", "pf_score_published", 0.038, 1540, 1540),
    Case("HFI 2008-2017, hf_score from all parts", "hfi", "hfi", "hfi", "hf_score_published", 0.0313, 1540, 1540),
    SDG,
    Case("SDG Index of the report 2023", "sdg", REPORT, REPORT, "report_index_published", 1e-8, 166, 166),
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_published_scores_are_computed_again(case: Case, replica: Callable[[str], Any]) -> None:
    rows = case.compare(replica)
    assert rows.height == case.rows
    assert rows.filter(case.near()).height == case.within, rows.filter(~case.near())


@pytest.mark.slow
def test_the_hdi_is_equal_in_all_printed_decimals(replica: Callable[[str], Any]) -> None:
    rows = HDI.compare(replica)
    printed = [(f"{row['score']:.3f}", f"{row['published']:.3f}") for row in rows.iter_rows(named=True)]
    assert len(printed) == 6171 and all(score == published for score, published in printed)
    assert rows.filter(pl.col("ref_area").str.starts_with("HDR-")).height == 11 * 33


@pytest.mark.slow
def test_an_hdi_that_was_not_published_is_computed_for_rwanda_only(replica: Callable[[str], Any]) -> None:
    unpublished = replica("hdi").frame(
        """
        select s.ref_area, s.time_period, s.score from index_score as s
        left join observation as o
            on o.indicator_id = 'hdi_published' and o.ref_area = s.ref_area and o.time_period = s.time_period
        where s.node_id = 'hdi' and s.edition_id = 'latest' and s.score is not null and o.obs_value is null
        order by s.time_period
        """
    )
    assert unpublished["ref_area"].to_list() == ["RWA"] * 4
    assert unpublished["time_period"].to_list() == ["1990", "1991", "1992", "1993"]


@pytest.mark.slow
def test_exactly_three_published_gii_scores_do_not_follow_from_their_pillars(replica: Callable[[str], Any]) -> None:
    alarms = GII.compare(replica).filter(~GII.near())
    assert alarms.select("ref_area", "time_period", "published", pl.col("score").round(3)).rows() == [
        ("CHE", "2011", 63.82, 62.13),
        ("LKA", "2011", 30.36, 27.85),
        ("TJK", "2012", 26.4, 25.995),
    ]


@pytest.mark.slow
def test_rows_of_the_hfi_that_were_appended_are_excluded_and_counted(replica: Callable[[str], Any]) -> None:
    counted = replica("hfi").frame("select rows_in, rows_loaded, rows_excluded, rows_quarantined from snapshot")
    assert counted.rows() == [(188732, 22843, 165889, 0)]


@pytest.mark.slow
def test_the_zeros_that_are_found_are_the_blanks_of_the_report(replica: Callable[[str], Any]) -> None:
    """The report of 2023 prints blanks where the long file has zeros; it takes no part in finding them."""

    def missing(index_id: str) -> set[tuple[str, str]]:
        cells = replica("sdg").frame(
            "select ref_area, node_id from index_input where index_id = $index_id and edition_id = 'latest' "
            "and time_period = '2022' and raw is null",
            index_id=index_id,
        )
        return {(area, node.removeprefix("report_")) for area, node in cells.rows()}

    found = missing("sdg")
    assert found == missing("sdg_report_2023")
    assert len(found) == 72 and {goal for _, goal in found} == {"goal_1", "goal_10", "goal_14"}


@pytest.mark.slow
def test_the_sdg_index_differs_in_the_year_of_the_report_only(replica: Callable[[str], Any]) -> None:
    rows = SDG.compare(replica)
    assert set(rows.filter(~SDG.near())["time_period"]) == {"2022"}
    of_report = replica("sdg").compare("sdg", ("regional_means", "groups", "world"), "sdg", "sdg_index_published")
    rest = of_report.filter(pl.col("time_period") == "2022").filter(
        ((pl.col("score") - pl.col("published")).abs() > SDG.tolerance + BINARY).fill_null(True)
    )
    assert rest["ref_area"].to_list() == ["SDSN-E-EURO-ASIA", "SDSN-HIC"]


@pytest.mark.slow
def test_without_its_exception_the_rule_for_zeros_takes_a_score_of_burundi(replica: Callable[[str], Any]) -> None:
    folder = HERE / "sdg"
    catalogue, document = load((folder,)), yaml.safe_load((folder / "sources" / "panel.yml").read_text("utf-8"))
    assert [rule.pop("except_areas", []) for rule in document["marks"]["constant_missing"]] == [["BDI"], []]
    (file,) = document["fetch"]["files"]
    readings = read_snapshot((folder / file).read_bytes(), file, Source.model_validate(document), catalogue).readings
    values = readings.filter(outcome="value").select("indicator_id", "ref_area", "time_period", "obs_value")
    goals, published = values.filter(pl.col("indicator_id") != SDG.published), values.filter(indicator_id=SDG.published)
    area_and_year = ["ref_area", "time_period"]
    rows = published.join(goals.group_by(area_and_year).agg(score=pl.col("obs_value").mean()), on=area_and_year)
    rows = rows.with_columns(difference=(pl.col("score") - pl.col("obs_value")).abs())
    assert rows.filter(SDG.near()).height == 4058
    lost = rows.filter(~SDG.near() & (pl.col("time_period") < "2022"))
    assert set(lost["ref_area"]) == {"BDI"} and lost.height == 22
    kept = replica("sdg").frame("select indicator_id from observation where indicator_id like 'goal_%'")
    assert kept.height - goals.height == 23


@pytest.mark.parametrize("name", ["asem", "compind", "gii", "hdi", "hfi", "sdg"])
def test_raw_files_are_those_that_their_note_names(name: str) -> None:
    note = (HERE / name / "raw" / "SOURCE.md").read_text("utf-8")
    noted = dict(re.findall(r"^\| (\S+) \|.*\| `([0-9a-f]{64})` \|$", note, re.MULTILINE))
    files = {path.name: path for path in (HERE / name / "raw").iterdir() if path.name != "SOURCE.md"}
    assert set(noted) == set(files)
    for file_name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == noted[file_name], file_name
    assert "Licence" in note


def test_the_page_shows_what_is_tested() -> None:
    table = {
        cells[0]: cells[2:5]
        for line in PAGE.read_text("utf-8").splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
    }
    for case in CASES:
        shown = [re.sub(r"(?<=\d) (?=\d{3})", "", cell) for cell in table[case.title]]
        assert shown == [str(case.rows), str(case.within), f"{case.tolerance:g}"], case.title
