"""Which values changed, why, and which source brought them; on statements altered in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.diffing.compare import compare
from pipelines.diffing.sides import Choice, Side, open_side
from pipelines.diffing.values import changed_values, files_known

Alter = Callable[..., Side]
ONE = (pl.col("indicator_id") == "gdp") & (pl.col("ref_area") == "CN-BJ") & (pl.col("time_period") == "2018")
NEWEST = ONE & (pl.col("vintage") == date(2021, 3, 1))


@pytest.fixture(scope="module")
def side(published_small: Any) -> Side:
    return open_side(published_small.release, published_small.query("select release_id from release")[0][0])


def changed(old: Side, new: Side) -> pl.DataFrame:
    return changed_values(old, new, old.known(None), new.known(None))


def put(where: pl.Expr, **columns: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Statements with other cells in some rows."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.when(where).then(pl.lit(value, dtype=frame[name].dtype)).otherwise(name).alias(name)
            for name, value in columns.items()
        )

    return change


def test_equal_releases_have_no_changed_value(side: Side) -> None:
    assert changed(side, side).is_empty()


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"obs_value": 2500.0}, "reading"),
        ({"obs_value": 2500.0, "is_corrected": True}, "correction"),
        ({"obs_value": 2500.0, "vintage": date(2021, 6, 1)}, "vintage"),
        ({"obs_value": 2500.0, "snapshot_id": "0" * 16}, "vintage"),
    ],
)
def test_a_revision_says_why_it_came(side: Side, alter: Alter, columns: dict[str, Any], why: str) -> None:
    found = changed(side, alter(side, values=put(NEWEST, **columns)))
    (row,) = found.to_dicts()
    assert (row["change"], row["why"]) == ("revised", why)
    assert (row["old_obs_value"], row["new_obs_value"]) == (2425.5, 2500.0)
    assert row["change_abs"] == pytest.approx(74.5) and row["change_pct"] == pytest.approx(100 * (2500 / 2425.5 - 1))


def test_a_value_that_came_or_went_is_new_or_withdrawn(side: Side, alter: Alter) -> None:
    without = alter(side, values=lambda frame: frame.filter(~ONE))
    (gone,), (came,) = changed(side, without).to_dicts(), changed(without, side).to_dicts()
    assert (gone["change"], gone["old_obs_value"], gone["new_obs_value"]) == ("withdrawn", 2425.5, None)
    assert (came["change"], came["old_obs_value"], came["new_obs_value"]) == ("new", None, 2425.5)
    assert gone["why"] is came["why"] is None and gone["change_pct"] is None


def test_a_source_that_takes_over_with_the_same_number_is_told_but_no_revision(side: Side, alter: Alter) -> None:
    there = (
        (pl.col("indicator_id") == "rd_expenditure")
        & (pl.col("ref_area") == "CN-BJ")
        & (pl.col("time_period") == "2019")
    )
    same = put(there & (pl.col("source_id") == "page"), obs_value=134.01)

    def first(document: dict[str, Any]) -> None:
        document["sources"]["page"]["priority"] = 1

    old = alter(side, values=same, release_id="20990101-00000001")
    (row,) = changed(old, alter(side, first, same)).to_dicts()
    assert (row["change"], row["old_source_id"], row["new_source_id"]) == ("moved", "figures", "page")
    (row,) = changed(side, alter(side, first)).to_dicts()
    assert (row["change"], row["why"], row["new_obs_value"]) == ("revised", "source", 134.0)
    document = compare(Choice(side, alter(side, first))).document()
    assert document["catalogue"]["sources"]["changed"] == ["page"]
    assert [(row["source_id"], row["values_revised"]) for row in document["sources"]["rows"]] == [("page", 1)]


def test_files_known_at_a_date_are_those_that_say_anything_by_then(side: Side) -> None:
    known = files_known(side, date(2020, 12, 31))
    assert sorted(known["file_name"]) == ["figures-2020-03-01.csv", "page.csv"]
    assert files_known(side, None).height == 3


def test_values_are_listed_revisions_first_and_the_largest_share_first(side: Side, alter: Alter) -> None:
    mine = pl.col("indicator_id") == "gdp"
    share = 1 + pl.col("time_period").cast(pl.Int32, strict=False) / 1e5
    other = alter(side, values=lambda frame: frame.filter(~(mine & (pl.col("time_period") == "2016"))).with_columns(
        pl.when(mine).then(pl.col("obs_value") * share).otherwise("obs_value").alias("obs_value")))  # fmt: skip
    found = compare(Choice(side, other)).document(None)["values"]
    assert found["counts"] == {"revised": 12, "new": 0, "withdrawn": 4, "moved": 0}
    kinds = [row["change"] for row in found["rows"]]
    assert kinds == ["revised"] * 12 + ["withdrawn"] * 4
    shares = [abs(row["change_pct"]) for row in found["rows"] if row["change"] == "revised"]
    assert shares == sorted(shares, reverse=True)
    (line,) = found["indicators"]["rows"]
    assert (line["indicator_id"], line["areas"], line["indices"]) == ("gdp", 4, ["strength"])
