"""The numbers of the built-in release against raw files, figures known by heart, and arithmetic done again in NumPy."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.settings import BUILTIN

DATA = Path(__file__).parents[1] / "data"
RAW = BUILTIN / "raw"
EDITIONS = [
    ("beijing_innovation", "2019"), ("beijing_innovation", "latest"), ("beijing_innovation", "latest_geometric"),
    ("china_regional_innovation", "2019"), ("china_regional_innovation", "latest"),
]  # fmt: skip
GEOMETRIC = {("beijing_innovation", "latest_geometric")}
KEY = ["ref_area", "time_period"]


# what was said, and when


def test_gdp_of_beijing_2017_stands_in_three_vintages(builtin) -> None:
    sql = """select vintage, obs_value from observation_vintage where source_id = 'nbs_gdp' and indicator_id = 'gdp'
             and ref_area = 'CN-BJ' and time_period = '2017' order by vintage"""
    assert builtin.query(sql) == [
        (date(2018, 12, 31), 28014.94), (date(2024, 12, 31), 29883.0), (date(2026, 3, 31), 31325.9),
    ]  # fmt: skip
    sql = """select obs_value, vintage, source_id, unit_id from observation
             where indicator_id = 'gdp' and ref_area = 'CN-BJ' and time_period = '2017'"""
    assert builtin.query(sql) == [(31325.9, date(2026, 3, 31), "nbs_gdp", "cny_100m")]


def test_rd_intensity_of_beijing_2018_is_617_and_is_565(builtin) -> None:
    sql = """select source_id, vintage, vintage_basis, round(obs_value, 2) from observation_vintage
             where indicator_id = 'rd_intensity' and ref_area = 'CN-BJ' and time_period = '2018'"""
    rows = builtin.query(sql)
    assert ("communique_rd", date(2019, 8, 30), "declared", 6.17) in rows
    assert {value for *_, value in rows} == {6.17, 5.65}
    sql = """select round(obs_value, 2) from observation
             where indicator_id = 'rd_intensity' and ref_area = 'CN-BJ' and time_period = '2018'"""
    assert builtin.query(sql) == [(5.65,)]


def test_28_times_the_nation_was_right_on_the_day_and_is_not_today(builtin) -> None:
    sql = """select stated_value, verdict_as_published, verdict_latest, is_vintage_dependent, computed_published_low,
             computed_published_high, computed_latest_low, computed_latest_high from claim where claim_id = 'F005'"""
    ((stated, published, latest, depends, *bounds),) = builtin.query(sql)
    assert (stated, published, latest, depends) == (2.8, "consistent", "inconsistent", True)
    assert bounds == pytest.approx([6.165 / 2.195, 6.175 / 2.185, 5.645 / 2.145, 5.655 / 2.135], rel=1e-9)


def test_verdicts_are_those_worked_out_by_hand(builtin) -> None:
    with (DATA / "claims" / "expected_verdicts.csv").open(encoding="utf-8") as file:
        expected = {
            row["claim_id"]: (row["verdict_as_published"], row["verdict_latest"], row["is_vintage_dependent"])
            for row in csv.DictReader(file)
        }
    found = {
        claim: (published, latest, str(depends).lower())
        for claim, published, latest, depends in builtin.query(
            "select claim_id, verdict_as_published, verdict_latest, coalesce(is_vintage_dependent, false) from claim"
        )
    }
    assert {claim: found.get(claim) for claim in expected} == expected
    assert len([claim for claim in found if claim.startswith("F")]) == 142


def test_every_testable_claim_shows_what_it_was_computed_from(builtin) -> None:
    sql = """select claim_id from claim where verdict_latest in ('consistent', 'compatible')
             and (computed_latest_low is null or computed_latest_high < computed_latest_low)"""
    assert builtin.query(sql) == []
    assert builtin.query("select count(*) from claim where reason_en is null or reason_zh is null") == [(0,)]


# the accounting, from the raw files


def snapshot_row(builtin, source_id: str, file_name: str) -> tuple[int, ...]:
    sql = """select rows_in, rows_loaded + rows_unchanged, rows_quarantined, rows_excluded from snapshot
             where source_id = ? and file_name like '%' || ?"""
    (row,) = builtin.query(sql, [source_id, file_name])
    return row


@pytest.mark.parametrize(
    ("source_id", "file_name", "encoding"),
    [
        ("nbs_gdp", "gdp_1993_2017_downloaded_2018-12_gb18030.csv", "gb18030"),
        ("nbs_gdp", "gdp_2019_2023_downloaded_2024-03_gb18030_no_preamble.csv", "gb18030"),
        ("nbs_gdp", "gdp_2006_2024_downloaded_2026-03_after_5th_census_gb18030.csv", "gb18030"),
        ("nbs_gdp", "gdp_2011_2025_downloaded_2026-05_after_5th_census_utf8bom_tabs.csv", "utf-8-sig"),
        ("nbs_tech_contract_turnover", "technology_market_turnover_2011_2025_utf8bom_tabs.csv", "utf-8-sig"),
    ],
)
def test_every_cell_of_a_wide_table_is_accounted_for(builtin, source_id: str, file_name: str, encoding: str) -> None:
    text = (RAW / "nbs_exports" / file_name).read_bytes().decode(encoding)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text))]
    start = next(n for n, row in enumerate(rows) if row and row[0] == "地区")
    years = [n for n, cell in enumerate(rows[start]) if cell.endswith("年")]
    body = [row for row in rows[start + 1 :] if len(row) > max(years) and any(row[1:])]
    cells = [row[n] for row in body for n in years]
    filled = sum(cell != "" for cell in cells)
    assert len(body) == 31 and filled > 100
    assert snapshot_row(builtin, source_id, file_name) == (len(cells), filled, 0, len(cells) - filled)


@pytest.mark.parametrize("year", [2011, 2014, 2017])
def test_every_cell_of_a_workbook_is_accounted_for(builtin, year: int) -> None:
    from openpyxl import load_workbook

    path = RAW / "nbs_rd_bulletin" / "hand_tables" / f"raw-{year}.xlsx"
    sheet = load_workbook(path, read_only=True).worksheets[0]
    sheet.reset_dimensions()
    header, *body = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    cells = [cell for row in body for cell in row[1 : len(header)]]
    filled = sum(cell is not None for cell in cells)
    assert snapshot_row(builtin, "communique_rd_hand", f"raw-{year}.xlsx") == (
        len(cells),
        filled,
        0,
        len(cells) - filled,
    )


def test_rows_of_the_national_table_that_stand_twice_are_loaded_once(builtin) -> None:
    with (RAW / "nbs_national" / "a0201.csv").open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    wanted = {(year, code) for year, _, code, value in rows if code in ("A020102", "A020106") and value.strip()}
    expected = (len(rows), len(wanted), 0, len(rows) - len(wanted))
    assert len({tuple(row[:3]) for row in rows}) < len(rows)
    assert snapshot_row(builtin, "hgnd_gdp", "a0201.csv") == expected


def test_cells_in_are_loaded_unchanged_quarantined_or_excluded(builtin) -> None:
    sql = """select source_id, file_name from snapshot
             where rows_in is null or rows_in <> rows_loaded + rows_unchanged + rows_quarantined + rows_excluded"""
    assert builtin.query(sql) == []
    sql = """select (select sum(rows_loaded) from snapshot)
             - (select count(*) from observation_vintage where obs_value is not null)"""
    ((difference,),) = builtin.query(sql)
    assert difference == 0


def test_every_folder_of_the_yearbook_and_every_file_is_a_snapshot(builtin) -> None:
    files = {path.name for path in (RAW / "china_st_yearbook").rglob("*.xls*")}
    kept = builtin.query("select distinct parse_filename(file_name) from snapshot where source_id like 'yearbook_%'")
    assert files and {name for (name,) in kept} >= files


# the indices, computed again


def inputs(builtin, index_id: str, edition_id: str) -> pl.DataFrame:
    return builtin.frame(
        f"""select i.node_id, i.ref_area, i.time_period, i.normalised, i.weight_effective, n.parent_id
            from index_input as i join index_node as n using (index_id, edition_id, node_id)
            where index_id = '{index_id}' and edition_id = '{edition_id}' order by all"""
    )


def weighted_mean(values: np.ndarray, weights: np.ndarray, is_geometric: bool) -> float:
    share = weights / weights.sum()
    return float(np.exp(share @ np.log(values)) if is_geometric else share @ values)


@pytest.mark.parametrize(("index_id", "edition_id"), EDITIONS)
def test_scores_are_the_weighted_means_of_their_inputs(builtin, index_id: str, edition_id: str) -> None:
    scores = {
        row[:3]: row[3]
        for row in builtin.query(
            f"""select node_id, ref_area, time_period, score from index_score where index_id = '{index_id}'
                and edition_id = '{edition_id}' and node_kind in ('index', 'pillar') and score is not null"""
        )
    }
    is_geometric = (index_id, edition_id) in GEOMETRIC
    rows = inputs(builtin, index_id, edition_id).filter(
        pl.col("normalised").is_not_null() & (pl.col("weight_effective") > 0)
    )
    seen = 0
    for group, node in ((KEY, None), ([*KEY, "parent_id"], "pillar")):
        for keys, part in rows.group_by(group):
            place = (index_id if node is None else str(keys[2]), str(keys[0]), str(keys[1]))
            if place not in scores:
                continue
            mean = weighted_mean(part["normalised"].to_numpy(), part["weight_effective"].to_numpy(), is_geometric)
            assert scores[place] == pytest.approx(mean, rel=1e-9, abs=1e-9), place
            seen += 1
    assert seen == len(scores) > 40


@pytest.mark.parametrize(("index_id", "edition_id"), EDITIONS)
def test_effective_weights_sum_to_one(builtin, index_id: str, edition_id: str) -> None:
    sums = inputs(builtin, index_id, edition_id).group_by(KEY).agg(pl.col("weight_effective").sum())["weight_effective"]
    positive = sums.drop_nulls().filter(sums.drop_nulls() > 0).to_numpy()
    assert len(positive) and np.abs(positive - 1).max() < 1e-9


@pytest.mark.parametrize(("index_id", "edition_id"), EDITIONS)
def test_ranks_count_the_areas_above(builtin, index_id: str, edition_id: str) -> None:
    frame = builtin.frame(
        f"""select node_id, time_period, score, score_rank, areas_ranked from index_score
            where index_id = '{index_id}' and edition_id = '{edition_id}' and score is not null"""
    )
    for _, part in frame.group_by("node_id", "time_period"):
        score = part["score"].to_numpy()
        above = (score[None, :] > score[:, None]).sum(axis=1)
        assert (part["score_rank"].to_numpy() == above + 1).all()
        assert set(part["areas_ranked"]) == {len(score)}


@pytest.mark.parametrize(("index_id", "edition_id"), EDITIONS)
def test_contributions_add_up_to_the_change_of_the_score(builtin, index_id: str, edition_id: str) -> None:
    where = f"where index_id = '{index_id}' and edition_id = '{edition_id}'"
    frame = builtin.frame(
        f"""select c.node_id, c.ref_area, c.time_period, c.previous_period, c.node_kind, c.contribution,
                   c.contribution_share, n.parent_id, s.score - p.score as change
            from index_contribution as c
            join index_node as n using (index_id, edition_id, node_id)
            join index_score as s on s.index_id = c.index_id and s.edition_id = c.edition_id and s.node_id = c.index_id
                 and s.ref_area = c.ref_area and s.time_period = c.time_period
            join index_score as p on p.index_id = c.index_id and p.edition_id = c.edition_id and p.node_id = c.index_id
                 and p.ref_area = c.ref_area and p.time_period = c.previous_period
            {where.replace("index_id", "c.index_id").replace("edition_id", "c.edition_id")}"""
    )
    top = frame.filter(pl.col("node_kind") == "index")
    assert top.height and (top["contribution"] - top["change"]).abs().max() < 1e-9
    leaves = frame.filter(pl.col("node_kind") == "indicator")
    total = leaves.group_by(KEY).agg(pl.col("contribution").sum().alias("total"), pl.col("change").first())
    assert total.height == top.height and (total["total"] - total["change"]).abs().max() < 1e-9
    pillars = frame.filter(pl.col("node_kind") == "pillar").select("node_id", *KEY, pl.col("contribution").alias("own"))
    below = leaves.group_by("parent_id", *KEY).agg(pl.col("contribution").sum())
    both = pillars.join(below, left_on=["node_id", *KEY], right_on=["parent_id", *KEY])
    assert both.height and (both["own"] - both["contribution"]).abs().max() < 1e-9
    shares = frame.filter(pl.col("contribution_share").is_not_null())
    assert (shares["contribution_share"] * shares["change"] - shares["contribution"]).abs().max() < 1e-8


@pytest.mark.parametrize(("index_id", "edition_id"), [each for each in EDITIONS if each not in GEOMETRIC])
def test_a_contribution_is_weight_times_change_where_no_weight_moved(builtin, index_id: str, edition_id: str) -> None:
    rows = inputs(builtin, index_id, edition_id).filter(
        pl.col("normalised").is_not_null() & (pl.col("weight_effective") > 0)
    )
    contributions = builtin.frame(
        f"""select node_id, ref_area, time_period, previous_period, contribution from index_contribution
            where index_id = '{index_id}' and edition_id = '{edition_id}' and node_kind = 'indicator'"""
    )
    joined = contributions.join(rows, on=["node_id", *KEY]).join(
        rows.select("node_id", "ref_area", "time_period", before="normalised", weight_before="weight_effective"),
        left_on=["node_id", "ref_area", "previous_period"], right_on=["node_id", "ref_area", "time_period"],
    )  # fmt: skip
    moved = (pl.col("weight_effective") - pl.col("weight_before")).abs().max().over(KEY)
    complete = pl.len().over(KEY) == contributions["node_id"].n_unique()
    steady = joined.filter(complete & (moved < 1e-12))
    expected = steady["weight_effective"].to_numpy() * (steady["normalised"].to_numpy() - steady["before"].to_numpy())
    assert steady.height > 30
    assert np.abs(steady["contribution"].to_numpy() - expected).max() < 1e-9


def test_the_published_score_of_the_office_is_beside_the_index_and_not_in_it(builtin) -> None:
    sql = """select obs_value from observation
             where indicator_id = 'bjstic_index' and ref_area = 'CN-BJ' and time_period = '2018'"""
    assert builtin.query(sql) == [(322.9,)]
    assert builtin.query("select node_id from index_node where indicator_id = 'bjstic_index'") == []


def test_yearly_growth_is_the_change_over_the_year_before(builtin) -> None:
    frame = builtin.frame(
        "select obs_value, previous_value, change_abs, change_pct from growth where change_pct is not null"
    ).drop_nulls()
    now, before = frame["obs_value"].to_numpy(), frame["previous_value"].to_numpy()
    assert frame.height > 10_000
    np.testing.assert_allclose(frame["change_abs"].to_numpy(), now - before, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(frame["change_pct"].to_numpy(), 100 * (now - before) / before, rtol=1e-7, atol=1e-7)
