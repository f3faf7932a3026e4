"""The report of the built-in release: its numbers are those of the tables, its languages complete, its page accessible.

Not here: other catalogues (test_shapes.py), where the file comes from (test_writing.py).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from typing import Any

import pytest
from lxml import html

from pipelines.reporting.text import number, significant, span

BEIJING, CHINA = "beijing_innovation", "china_regional_innovation"
INHERITED = "ancestor-or-self::*[@lang='en' or @lang='zh-CN'][1]"


@pytest.fixture(scope="module")
def document(builtin_page: Any) -> html.HtmlElement:
    return builtin_page.document


def test_the_file_is_small(builtin_page: Any) -> None:
    assert 1_000_000 < builtin_page.file.stat().st_size < 3_000_000


def test_the_page_loads_nothing(document: html.HtmlElement, builtin_page: Any) -> None:
    assert not document.xpath("//link | //img | //iframe | //object | //embed | //video | //audio | //form | //base")
    assert not document.xpath("//*[@src or @srcset or @background or @poster or @action]")
    assert not document.xpath("//*[@*[name()='xlink:href']]")
    for style in document.xpath("//style/text() | //@style"):
        assert "url(" not in style and "@import" not in style
    addresses = {a.get("href") for a in document.xpath("//a")}
    beside = {
        address.partition("#")[0] for address in addresses if not address.startswith(("#", "https://", "http://"))
    }
    assert beside == {f"explain_{BEIJING}.html", f"explain_{CHINA}.html"}
    assert all((builtin_page.file.parent / name).is_file() for name in beside)
    assert not document.xpath("//svg//@*[contains(., 'url(')]"), "references would meet those of other drawings"


def test_only_the_scripts_of_the_page_may_run(document: html.HtmlElement) -> None:
    (policy,) = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy and "http" not in policy
    assert "'unsafe-inline'" not in re.search(r"script-src ([^;]*)", policy)[1]
    scripts = document.xpath("//script[not(@type)]/text()")
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts}
    assert hashes == set(re.search(r"script-src ([^;]*)", policy)[1].split())
    assert not document.xpath("//@*[starts-with(name(), 'on')]")


def test_the_headline_is_the_score_with_its_change_and_intervals(document: html.HtmlElement, builtin: Any) -> None:
    ((score, change),) = builtin.query(
        f"select score, change_abs from scoreboard_{BEIJING} where edition_id = 'latest' and time_period = '2023'"
    )
    intervals = {
        measure: (low, high)
        for measure, low, high in builtin.query(
            "select measure, p05, p95 from rank_interval where index_id = ? and edition_id = 'latest' "
            "and node_id = index_id and time_period = '2023'",
            [BEIJING],
        )
    }
    card = document.xpath(f"//article[@aria-labelledby='card-{BEIJING}']")[0]
    assert [each.text_content() for each in card.xpath(".//dd[contains(@class, 'value')]")][:2] == [
        number(score), number(change, 1, True)
    ]  # fmt: skip
    details = [each.xpath("./span[@lang='en']/text()")[0] for each in card.xpath(".//dd[@class='detail']")]
    assert details[0] == f"90 % interval {span(intervals['score']).en}"
    assert details[1] == f"90 % interval {span(intervals['change'], 1, True).en}"


def test_ranks_scores_and_intervals_are_those_of_the_tables(builtin_page: Any, builtin: Any) -> None:
    rows = builtin.query(
        "select s.score_rank, a.name_en, s.score, i.p05, i.p95, r.p05, r.p95, b.change_abs "
        "from index_score s join ref_area a using (ref_area) "
        f"join scoreboard_{CHINA} b using (edition_id, ref_area, time_period) "
        "join rank_interval i on i.index_id = s.index_id and i.edition_id = s.edition_id and i.node_id = s.node_id "
        "and i.ref_area = s.ref_area and i.time_period = s.time_period and i.measure = 'score' "
        "join rank_interval r on r.index_id = s.index_id and r.edition_id = s.edition_id and r.node_id = s.node_id "
        "and r.ref_area = s.ref_area and r.time_period = s.time_period and r.measure = 'rank' "
        "where s.index_id = ? and s.edition_id = 'latest' and s.node_id = s.index_id and s.time_period = '2023' "
        "order by s.score_rank", [CHINA],
    )  # fmt: skip
    expected = [
        [str(rank), name, number(score), span((low, high)).en, span((first, last), 0).en, number(change, 1, True)]
        for rank, name, score, low, high, first, last, change in rows
    ]
    assert len(expected) == 31
    assert [row[:6] for row in builtin_page.rows(f"{CHINA}-ranks-table")] == expected


def test_the_course_of_the_index_stands_beside_its_editions_and_the_published_score(
    builtin_page: Any, builtin: Any
) -> None:
    rows = {row[0]: row for row in builtin_page.rows(f"{BEIJING}-time-table")}
    scores = {
        (edition, period): score
        for edition, period, score in builtin.query(f"select edition_id, time_period, score from scoreboard_{BEIJING}")
    }
    assert list(rows) == [str(year) for year in range(2023, 2009, -1)]
    for period, row in rows.items():
        found = [scores.get((edition, period)) for edition in ("latest", "2019", "latest_geometric")]
        assert [row[1], row[3], row[4]] == [number(score) for score in found]
    assert rows["2018"][5] == number(scores["latest", "2018"] - scores["2019", "2018"], 1, True)
    assert rows["2018"][6] == "322.9"


def test_contributions_sum_to_the_change(builtin_page: Any, builtin: Any) -> None:
    shown = builtin_page.rows(f"{BEIJING}-moved-table")
    added = dict(builtin.query(
        "select n.name_en, c.contribution from index_contribution c "
        "join index_node n using (index_id, edition_id, node_id) "
        "where index_id = ? and edition_id = 'latest' and time_period = '2023' and n.parent_id is not null",
        [BEIJING]))  # fmt: skip
    assert {row[0]: row[1] for row in shown} == {name: number(value, 2, True) for name, value in added.items()}
    ((change,),) = builtin.query(
        f"select change_abs from scoreboard_{BEIJING} where edition_id = 'latest' and time_period = '2023'"
    )
    leaves = [float(row[1].replace("−", "-")) for row in shown if row[0] not in _pillars(builtin)]
    assert sum(leaves) == pytest.approx(change, abs=0.1)


def _pillars(builtin: Any) -> set[str]:
    return {name for (name,) in builtin.query("select distinct name_en from index_node where node_kind = 'pillar'")}


def test_growth_says_how_many_intervals_it_counts(builtin_page: Any, builtin: Any) -> None:
    groups = builtin_page.document.xpath(
        f"//table[@id='{BEIJING}-growth']//tr[@class='group']//span[@lang='en']/text()"
    )
    assert "2014 to 2018: 4 intervals" in groups and "2010 to 2023: 13 intervals" in groups
    ((total, yearly),) = builtin.query(
        "select total_pct, cagr_pct from growth_span where series_kind = 'index' and series_id = ? and "
        "edition_id = 'latest' and node_id = series_id and from_period = '2010' and to_period = '2023'", [BEIJING]
    )  # fmt: skip
    first = builtin_page.rows(f"{BEIJING}-growth")[0]
    assert [first[4], first[5]] == [number(total), number(yearly)]


def test_all_142_statements_stand_with_both_verdicts(builtin_page: Any, builtin: Any) -> None:
    rows = builtin_page.rows("beijing_2019-statements")
    claims = builtin.query(
        "select claim_id, statement_en, verdict_as_published, verdict_latest, computed_latest_low, "
        "computed_latest_high from claim order by claim_id"
    )
    assert len([row for row in rows if row[0].startswith("F")]) == 142
    assert [row[0] for row in rows] == [claim[0] for claim in claims]
    for row, (_, statement, then, now, low, high) in zip(rows, claims, strict=True):
        assert row[1] == statement
        assert row[3].startswith(then.replace("_", " ")) and row[4].startswith(now.replace("_", " "))
        if low is not None and high is not None:
            assert row[4].endswith(significant(high, 5))


def test_statements_on_assumed_dates_are_marked_as_hindsight(document: html.HtmlElement, builtin: Any) -> None:
    assumed = {claim for (claim,) in builtin.query("select claim_id from claim where reason_en like '%hindsight%'")}
    marked = document.xpath("//table[@id='beijing_2019-statements']//th[.//abbr[@class='hind']]")
    assert {th.text_content().rstrip("‡") for th in marked} == assumed and assumed
    listed = document.xpath("//table[@id='beijing_2019-assumed']//tbody/tr/td[last()]")
    assert {name for cell in listed for name in cell.text_content().split(", ")} == assumed


def test_every_source_stands_with_licence_and_citation(builtin_page: Any, builtin: Any) -> None:
    rows = builtin_page.rows("source-list")
    sources = builtin.query("select provider, licence, citation from source order by source_id")
    assert [tuple(row[1:]) for row in rows] == [
        (provider, licence, citation or "–") for provider, licence, citation in sources
    ]


def test_hashes_and_commands_make_the_release_again(document: html.HtmlElement, builtin: Any) -> None:
    text = document.xpath("//section[@id='reproduce']")[0].text_content()
    ((release_id, catalogue, inputs, code),) = builtin.query(
        "select release_id, catalogue_hash, input_hash, code_version from release"
    )
    for part in (f"indexhouse rebuild {release_id}", catalogue, inputs, code):
        assert part in text
    assert hashlib.sha256(builtin.file.read_bytes()).hexdigest() in text
    assert json.loads((builtin.folder / "latest.json").read_text())["sha256"] in text


def test_the_linked_data_describe_the_dataset(document: html.HtmlElement, builtin: Any) -> None:
    linked = json.loads(document.xpath("//script[@type='application/ld+json']/text()")[0])
    assert linked["@type"] == "Dataset" and linked["@context"] == "https://schema.org/"
    assert linked["temporalCoverage"] == "2010/2023"
    assert {place["name"] for place in linked["spatialCoverage"]} >= {"Beijing", "Tibet"}
    assert len(linked["isBasedOn"]) == len(builtin.query("select 1 from source"))
    assert linked["distribution"][0]["sha256"] == hashlib.sha256(builtin.file.read_bytes()).hexdigest()


def test_every_text_has_its_twin_in_the_other_language(document: html.HtmlElement) -> None:
    for element in document.xpath("//body//*[@lang][not(contains(@class, 'asis'))]"):
        language = element.get("lang")
        twin = element.getnext() if language == "en" else element.getprevious()
        assert twin is not None and twin.get("lang") == {"en": "zh-CN", "zh-CN": "en"}[language], element.text_content()
        assert element.text_content().strip() and twin.text_content().strip()


NEUTRAL = re.compile(r"[\s\d.,;:()（）·±%†‡|/\\=+−–→#&-]*")


def test_text_without_a_twin_is_a_number_a_name_or_a_code(document: html.HtmlElement) -> None:
    shared = document.xpath(
        "//body//text()[not(ancestor::script or ancestor::style or ancestor::code or ancestor::pre or ancestor::math)]"
        f"[not({INHERITED}[not(self::html)])]"
    )
    words = {text.strip() for text in shared if not NEUTRAL.fullmatch(text)}
    in_code = {e.text_content() for e in document.xpath("//*[contains(@class, 'code') or @class='below']")}
    foreign = {word for word in words if not any(word in code for code in in_code)}
    names = {"AMPI", "indexhouse.duckdb (SHA-256)", "Papers in SCI", "CC0"}
    unknown = {
        word for word in foreign - names
        if not re.fullmatch(r"indexhouse [\w.+]+|\d{8}-[0-9a-f]{8}|latest(_geometric)?|\d+  \S+", word)
    }  # fmt: skip
    assert unknown == set()


def test_the_document_is_labelled_for_screen_readers(document: html.HtmlElement) -> None:
    assert document.get("lang") == "en"
    assert len(document.xpath("//h1")) == 1 and document.xpath("//main") and document.xpath("//nav[@aria-labelledby]")
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids))
    for attribute in ("aria-labelledby", "aria-describedby"):
        assert {name for value in document.xpath(f"//@{attribute}") for name in value.split()} <= set(ids)
    assert {href[1:] for href in document.xpath("//a/@href") if href.startswith("#")} <= set(ids)
    for label in document.xpath("//input[not(@type='hidden')]/@id"):
        assert document.xpath(f"//label[@for='{label}']")


def test_every_table_has_a_caption_and_scopes(document: html.HtmlElement) -> None:
    tables = document.xpath("//table")
    assert len(tables) > 20
    for table in tables:
        assert table.xpath("./caption")[0].text_content().strip()
        assert not table.xpath(".//th[not(@scope)]")
        assert not table.xpath("./tbody/tr[not(th)]"), "every row has its heading"
        width = sum(int(th.get("colspan", 1)) for th in table.xpath("./thead/tr[1]/th"))
        assert {len(tr) for tr in table.xpath("./tbody/tr[not(@class='group')]")} == {width}


def test_every_chart_has_a_name_a_description_and_its_numbers_as_a_table(document: html.HtmlElement) -> None:
    figures = document.xpath("//figure[.//div[@class='chart']]")
    assert len(figures) == 10
    for figure in figures:
        chart = figure.xpath(".//div[@class='chart']")[0]
        assert chart.get("role") == "img" and chart.get("aria-labelledby") and chart.get("aria-describedby")
        assert figure.xpath(".//table") or "above" in figure.xpath(".//p[@class='note']")[0].text_content()


def test_headings_go_down_one_step_at_a_time(document: html.HtmlElement) -> None:
    levels = [int(heading.tag[1]) for heading in document.xpath("//h1 | //main//h2 | //main//h3 | //main//h4")]
    assert levels[0] == 1
    assert {(a, b) for a, b in pairwise(levels) if b > a + 1} == set()
