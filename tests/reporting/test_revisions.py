"""Revisions in the report: against the release before where one is kept, else against the vintage before.

Not here: the revisions of the sources themselves (tests of the warehouse).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.reporting.text import number


def said(page: Any) -> str:
    return " ".join(page.document.xpath("//section[@id='revisions']/p//span[@lang='en']/text()"))


def test_without_an_earlier_release_the_newest_vintage_with_revisions_is_told(builtin_page: Any, builtin: Any) -> None:
    ((vintage, count),) = builtin.query(
        "select vintage, count(*) from revision where vintage = (select max(vintage) from revision) group by 1"
    )
    assert f"The newest revisions of the sources carry the vintage {vintage}: {count} values." in said(builtin_page)
    rows = builtin_page.rows("newest-revisions")
    assert sum(int(row[2]) for row in rows) == count


def test_editions_of_one_method_show_what_later_data_did(builtin_page: Any, builtin: Any) -> None:
    rows = {row[0]: row for row in builtin_page.rows("beijing_innovation-edition-effects")}
    assert rows["R&D intensity (published)"][1:4] == ["6.17", "5.65", "−8.43"]
    ((effect,),) = builtin.query(
        "select n.weight_effective * (n.normalised - t.normalised) from index_input n join index_input t "
        "using (index_id, node_id, ref_area, time_period) where index_id = 'beijing_innovation' "
        "and node_id = 'rd_intensity' and time_period = '2018' and n.edition_id = 'latest' and t.edition_id = '2019'"
    )
    assert rows["R&D intensity (published)"][4] == number(effect, 2, True)


def test_a_release_is_compared_with_the_one_before(make_page: Callable[..., Any], tmp_path: Path) -> None:
    first = make_page(tmp_path, areas=3)
    assert "No earlier release is kept" in said(first)
    second = make_page(tmp_path, areas=3, number=2, factor=1.1)
    text = said(second)
    assert (
        "Compared with release 20260101-00000001 (data to 2026-01-01): 36 of 36 observations have another value" in text
    )
    assert "Code and catalogue are the same: every difference comes from the data." in text
    assert len(second.rows("revised-values")) == 20
    assert "Shown: the 20 largest changes, indicators of an index first." in second.text
    assert {row[5] for row in second.rows("revised-values")} == {"+10.00"}
    scores = second.rows("idx0-revised-scores")
    assert len(scores) == 12
    first_score = {row[1]: row[2] for row in first.rows("idx0-ranks-table")}
    last = {row[0]: row for row in scores if row[1] == "2021"}
    for name, row in last.items():
        assert float(row[2]) == pytest.approx(float(first_score[name]), abs=0.051)
        assert float(row[3]) - float(row[2]) == pytest.approx(float(row[4]), abs=0.011)


def test_areas_that_came_and_went_are_counted(make_page: Callable[..., Any], tmp_path: Path) -> None:
    make_page(tmp_path, areas=3)
    second = make_page(tmp_path, areas=2, indicators=5, number=2)
    assert "0 of 24 observations have another value, 0 came in, 12 went." in said(second)
    assert "No score of an index changed." in said(second)


def test_a_release_before_that_cannot_be_read_is_passed_over(make_page: Callable[..., Any], tmp_path: Path) -> None:
    damaged = tmp_path / "20260101-00000009"
    damaged.mkdir()
    (damaged / "indexhouse.duckdb").write_bytes(b"no database")
    assert "No earlier release is kept" in said(make_page(tmp_path))


def test_of_a_very_large_release_the_indicators_of_an_index_are_compared(
    make_page: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.reporting.revisions.MOST_COMPARED", 10)
    make_page(tmp_path, areas=3)
    second = make_page(tmp_path, areas=3, number=2, factor=1.1)
    assert "Counted are the indicators that an index uses." in said(second)
    assert "36 of 36 observations have another value" in said(second)
