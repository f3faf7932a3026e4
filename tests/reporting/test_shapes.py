"""A good report for any catalogue: few and many areas and indicators, gaps, no intervals, one language, hostile names.

Not here: the numbers of the built-in report (test_builtin_report.py), revisions (test_revisions.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from pipelines.reporting.quality import web_address

SHAPES: dict[str, dict[str, Any]] = {
    "one_area": {"areas": 1},
    "one_area_one_indicator": {"areas": 1, "indicators": 1, "pillars": 0},
    "two_areas": {"areas": 2},
    "thirty_one_areas": {"areas": 31, "indicators": 8, "pillars": 4},
    "two_hundred_areas": {"areas": 200, "indicators": 2},
    "two_hundred_indicators": {"areas": 2, "indicators": 200, "pillars": 10, "periods": ("2020", "2021")},
    "flat_with_two_hundred_indicators": {"areas": 1, "indicators": 200, "pillars": 0, "periods": ("2020", "2021")},
    "no_intervals": {"has_intervals": False},
    "one_period": {"periods": ("2021",)},
    "missing_years": {"periods": ("2010", "2011", "2015", "2021"), "gaps": frozenset({(0, "2011"), (1, "2021")})},
    "nothing_to_compare_with": {"gaps": frozenset({(n, "2020") for n in range(3)})},
    "quarters": {"periods": ("2020-Q3", "2020-Q4", "2021-Q1", "2021-Q2")},
    "one_language": {"is_english_only": True, "claims": 2},
    "claims": {"claims": 5},
    "ten_indices": {"indices": 10, "areas": 5, "indicators": 2},
    "no_index": {"indices": 0},
}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;⟦0⟧ "


@pytest.fixture(scope="module")
def page_of(make_page: Callable[..., Any]) -> Callable[[str], Any]:
    """The report of a shape, made once."""
    return cache(lambda name: make_page(**SHAPES[name]))


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_empty_or_broken_is_shown(page_of: Callable[[str], Any], shape: str) -> None:
    page = page_of(shape)
    document = page.document
    assert page.file.stat().st_size < 3_000_000
    for name in ("revisions", "quality", "sources", "reproduce"):
        assert document.xpath(f"//section[@id='{name}']")
    texts = {text.strip() for text in document.xpath("//body//text()[not(ancestor::script)]")}
    assert not texts & {"None", "nan", "NaN", "inf", "undefined", "Undefined", "[]", "{}"}
    assert not document.xpath("//table[not(tbody/tr)]"), "a table without rows"
    assert not document.xpath("//figure[not(.//svg) and not(.//table)]"), "a figure without content"
    assert not document.xpath("//section[count(*) < 2]"), "a section with a heading only"
    assert not document.xpath("//ul[not(li)] | //ol[not(li)] | //dl[not(div)]"), "a list without items"
    assert not document.xpath("//*[self::p or self::dt or self::dd or self::h3 or self::h4][not(.//text())]")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_chart_is_drawn_and_can_be_drawn_again(page_of: Callable[[str], Any], shape: str) -> None:
    document = page_of(shape).document
    charts = document.xpath("//div[@class='chart']")
    store = document.xpath("//script[@id='live']/text()")
    live = json.loads(store[0])["charts"] if store else {}
    assert {chart.get("data-chart") for chart in charts} == set(live)
    for chart in charts:
        (svg,) = chart.xpath(".//div[@class='drawn']/svg")
        assert svg.xpath(".//path | .//line") and not svg.xpath(".//text[contains(., '⟦')]")
    scripts = document.xpath("//script[not(@type)]")
    assert len(scripts) == (2 if live else 1), "the charting library comes where something is charted, and once"


def test_two_hundred_areas_are_in_the_table_and_cut_by_a_stated_rule_in_the_charts(
    page_of: Callable[[str], Any],
) -> None:
    page = page_of("two_hundred_areas")
    assert len(page.rows("idx0-ranks-table")) == 200
    text = page.text
    assert "The chart shows the first 60 of 200 areas." in text
    assert "The first 40 areas by rank." in text
    assert "The chart shows the 40 areas that changed most." in text


def test_a_table_beyond_its_limit_says_what_it_left_out(make_page: Callable[..., Any]) -> None:
    page = make_page(areas=260, indicators=1, pillars=0, periods=("2021",))
    assert len(page.rows("idx0-ranks-table")) == 250
    assert "Shown: 250 of 260 rows, the best ranked ones." in page.text
    assert "显示260行中的250行：排名最前者。" in page.text


def test_two_hundred_indicators_are_charted_by_their_pillars(page_of: Callable[[str], Any]) -> None:
    live = json.loads(page_of("two_hundred_indicators").document.xpath("//script[@id='live']/text()")[0])
    moved = live["charts"]["idx0-moved"]["spec"]["data"]["values"]
    assert len(moved) == 12, "ten pillars between the two scores"
    live = json.loads(page_of("flat_with_two_hundred_indicators").document.xpath("//script[@id='live']/text()")[0])
    chart = live["charts"]["idx0-moved"]
    assert len(chart["spec"]["data"]["values"]) == 27
    assert ["176 others", "其余176项"] in chart["texts"]


def test_chapters_beyond_the_eighth_are_counted_and_still_have_their_headline(page_of: Callable[[str], Any]) -> None:
    page = page_of("ten_indices")
    assert len(page.document.xpath("//article[@class='card']")) == 10
    assert len(page.document.xpath("//section[contains(@class, 'chapter')][starts-with(@id, 'idx')]")) == 8
    assert "the other 2 stand in the tables of the release" in page.text


def test_without_intervals_none_is_promised(page_of: Callable[[str], Any]) -> None:
    def promised(page: Any) -> int:
        return len(re.findall(r"90 % interval|model runs", "".join(page.document.xpath("//main//text()"))))

    assert promised(page_of("no_intervals")) == 0
    assert promised(page_of("thirty_one_areas")) > 0


def test_a_gap_breaks_the_line_and_is_not_bridged(page_of: Callable[[str], Any]) -> None:
    live = json.loads(page_of("missing_years").document.xpath("//script[@id='live']/text()")[0])
    rows = [row for layer in live["charts"]["idx0-time"]["spec"]["layer"] for row in layer["data"]["values"]]
    assert [row["v"] for row in rows if row["p"] == "2011"].count(None) == 1
    cells = page_of("missing_years").rows("idx0-time-table")
    assert [row[0] for row in cells if row[-1] == "–"] == ["area 1"]


def test_a_catalogue_in_one_language_shows_its_names_once(page_of: Callable[[str], Any]) -> None:
    document = page_of("one_language").document
    names = document.xpath("//table[@id='idx0-ranks-table']//td[starts-with(., 'area')]")
    assert len(names) == 3 and not [name for name in names if name.xpath("./span")]
    (statement,) = document.xpath("//table[@id='page-statements']//tr[th='F001' or starts-with(th, 'F001')]/td[1]")
    assert statement.text == "It grew by 1 %."


def test_a_hostile_name_stays_text(make_page: Callable[..., Any]) -> None:
    document = make_page(prefix=HOSTILE, claims=2, areas=5).document
    assert len(document.xpath("//script")) == 4, "linked data, chart data, charting library, own script"
    assert not document.xpath("//img | //*[@onerror] | //iframe")
    for place in ("td", "th", "h1", "h2", "figcaption", "li", "text"):
        assert any(text.startswith(HOSTILE[:20]) for text in document.xpath(f"//{place}//text() | //{place}/text()")), (
            place
        )
    linked = json.loads(document.xpath("//script[@type='application/ld+json']/text()")[0])
    assert linked["name"] == f"{HOSTILE}index 0"


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//example.org", "", None, "http://["]
)
def test_an_address_that_is_no_web_page_is_not_linked(address: str | None) -> None:
    assert web_address(address) == ""


def test_a_web_page_is_linked() -> None:
    assert web_address(" https://example.org/a?b=c ") == "https://example.org/a?b=c"
