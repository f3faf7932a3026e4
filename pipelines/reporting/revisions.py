"""What was revised since the release before (or since the vintage before), and what that did to the scores.

Not here: the revisions themselves (warehouse/sql/revision.sql), a full comparison of two releases (`indexhouse diff`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.reporting.chapter import Chapter, Edition
from pipelines.reporting.figure import Cell, Column, Line, Table, Value, limited, signed
from pipelines.reporting.over_time import compared_edition
from pipelines.reporting.reading import BEFORE, Release
from pipelines.reporting.text import Words, number, period, plural, same, short_period, significant
from warehouse.db import QueryError

SHOWN_VALUES = 20
SHOWN_SCORES = 20
SHOWN_INPUTS = 15
MOST_COMPARED = 5_000_000
_INDICATOR = Column(Words("Indicator", "指标"), "text")
_AREA = Column(Words("Area", "地区"), "text")
_PERIOD = Column(Words("Period", "时期"), "code")
_THEN, _NOW = Column(Words("Before", "原值")), Column(Words("Now", "新值"))
_PCT = Column(Words("Change, %", "变化，%"))


@dataclass(frozen=True)
class Revisions:
    """What is compared, in a paragraph, and the tables."""

    intro: list[Words]
    tables: list[Table]


def revisions(release: Release, chapters: list[Chapter]) -> Revisions:
    """Against the release before where one is kept, else against the vintage before; then edition against edition."""
    found = _since_release(release, chapters) if release.has_previous else None
    if found is None:
        found = _since_vintage(release)
    effects = [table for chapter in chapters for table in _edition_effects(chapter)]
    return Revisions(found.intro, [*found.tables, *effects])


def _since_release(release: Release, chapters: list[Chapter]) -> Revisions | None:
    """None where the release before has not the tables of this one."""
    try:
        before = release.one(
            f"select release_id, data_vintage, code_version, catalogue_hash from {BEFORE}.main.release"
        )
        changed = _changed_values(release)
        counts = _counts(release)
        scores = [table for chapter in chapters if (table := _changed_scores(release, chapter))]
        sources = _newer_sources(release)
    except QueryError:
        return None
    facts = release.facts
    n = {key: f"{count:,}" for key, count in counts.items()}
    intro = [Words(
        f"Compared with release {before['release_id']} (data to {before['data_vintage']}): {n['changed']} of "
        f"{n['known']} observations have another value, {n['added']} came in, {n['gone']} went.",
        f"与发布版{before['release_id']}（数据截至{before['data_vintage']}）相比：{n['known']}个观测值中"
        f"{n['changed']}个数值不同，新增{n['added']}个，减少{n['gone']}个。",
    )]  # fmt: skip
    if _is_narrowed(release):
        intro.append(Words("Counted are the indicators that an index uses.", "仅计指数所用指标。"))
    same_code = before["code_version"] == facts["code_version"]
    same_catalogue = before["catalogue_hash"] == facts["catalogue_hash"]
    if same_code and same_catalogue:
        intro.append(
            Words(
                "Code and catalogue are the same: every difference comes from the data.",
                "程序和目录均未变，差异全部来自数据。",
            )
        )
    else:
        what = Words("code and catalogue", "程序和目录") if not same_code and not same_catalogue else (
            Words("code", "程序") if same_catalogue else Words("catalogue", "目录"))  # fmt: skip
        intro.append(
            Words(
                f"The {what.en} changed too; differences may come from them.", f"{what.zh}也有变化，差异可能由此产生。"
            )
        )
    if chapters and not scores:
        intro.append(Words("No score of an index changed.", "各指数得分均无变化。"))
    return Revisions(intro, [table for table in (sources, changed, *scores) if table is not None])


def _compared(release: Release) -> tuple[str, str]:
    """The observations of both releases as two relations; of a very large release those that an index uses."""
    only = " where indicator_id in (select indicator_id from index_node)" if _is_narrowed(release) else ""
    columns = "indicator_id, ref_area, freq, time_period, obs_value, true as is_there"
    now, before = (f"(select {columns} from {name}.observation{only})" for name in ("main", f"{BEFORE}.main"))
    return now, before


def _is_narrowed(release: Release) -> bool:
    n: int = release.one("select count(*) as n from main.observation")["n"]
    return n > MOST_COMPARED


def _counts(release: Release) -> dict[str, int]:
    now, before = _compared(release)
    return release.one(
        "select count(*) filter (n.is_there) as known, count(*) filter (n.is_there and b.is_there is null) as added, "
        "count(*) filter (n.is_there is null) as gone, "
        "count(*) filter (n.is_there and b.is_there and n.obs_value is distinct from b.obs_value) as changed "
        f"from {now} n full join {before} b using (indicator_id, ref_area, freq, time_period)"
    )


def _newer_sources(release: Release) -> Table | None:
    rows = release.rows(
        "select n.source_id, b.latest_vintage as earlier, n.latest_vintage as later from main.source n "
        f"left join {BEFORE}.main.source b using (source_id) "
        "where n.latest_vintage is distinct from b.latest_vintage order by n.source_id"
    )
    lines: list[Line] = [
        [release.source(row["source_id"]), str(row["earlier"] or ""), str(row["later"] or "")] for row in rows
    ]
    columns = [Column(Words("Source", "来源"), "text"), Column(Words("Vintage before", "原时点"), "code"),
               Column(Words("Vintage now", "新时点"), "code")]  # fmt: skip
    return (
        Table("revised-sources", Words("Sources that brought something newer", "有更新数据的来源"), columns, lines)
        if lines
        else None
    )


def _changed_values(release: Release) -> Table | None:
    """The largest changes of values that both releases have; those that an index uses first."""
    now, before = _compared(release)
    rows = release.rows(
        "select indicator_id, ref_area, time_period, b.obs_value as earlier, n.obs_value as later, "
        "100 * (n.obs_value / nullif(b.obs_value, 0) - 1) as pct, "
        "indicator_id in (select indicator_id from index_node) as is_used "
        f"from {now} n join {before} b using (indicator_id, ref_area, freq, time_period) "
        "where n.obs_value is distinct from b.obs_value "
        f"order by is_used desc, abs(pct) desc nulls last, indicator_id, ref_area, time_period limit {SHOWN_VALUES + 1}"
    )
    lines: list[Line] = [
        [release.indicator(r["indicator_id"]), release.area(r["ref_area"]), short_period(r["time_period"]),
         significant(r["earlier"], 6), significant(r["later"], 6), number(r["pct"], 2, True)]
        for r in rows[:SHOWN_VALUES]
    ]  # fmt: skip
    cut = None
    if len(rows) > SHOWN_VALUES:
        cut = Words(
            f"Shown: the {SHOWN_VALUES} largest changes, indicators of an index first.",
            f"显示变化最大的{SHOWN_VALUES}个，指数所用指标在前。",
        )
    columns = [_INDICATOR, _AREA, _PERIOD, _THEN, _NOW, _PCT]
    return Table("revised-values", Words("Revised values", "修订的数值"), columns, lines, None, cut) if lines else None


def _changed_scores(release: Release, chapter: Chapter) -> Table | None:
    """Scores of the main edition that differ from the release before, the largest differences first."""
    rows = release.rows(
        "select ref_area, time_period, b.score as earlier, n.score as later, b.score_rank as rank_then, "
        "n.score_rank as rank_now, n.score - b.score as difference, b.method_version = n.method_version as same_method "
        f"from main.index_score n join {BEFORE}.main.index_score b "
        "using (index_id, edition_id, node_id, ref_area, time_period) "
        "where index_id = ? and edition_id = ? and node_id = ? and n.score is distinct from b.score "
        "order by abs(difference) desc nulls last, ref_area, time_period",
        [chapter.index_id, chapter.main.edition_id, chapter.root.node_id],
    )
    if not rows:
        return None
    d = chapter.decimals + 1
    lines: list[Line] = [
        [release.area(r["ref_area"]), short_period(r["time_period"]), number(r["earlier"], d), number(r["later"], d),
         signed(r["difference"], d), number(r["rank_then"], 0), number(r["rank_now"], 0)]
        for r in rows
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_SCORES, Words("the largest differences", "差异最大者"))
    note = None
    if not all(row["same_method"] for row in rows):
        note = Words("The method of this edition changed too.", "该版次的方法也有变化。")
    columns = [_AREA, _PERIOD, _THEN, _NOW, Column(Words("Difference", "差")), Column(Words("Rank before", "原排名")),
               Column(Words("Rank now", "新排名"))]  # fmt: skip
    caption = Words("Effect on the scores: ", "对得分的影响：") + chapter.name
    return Table(f"{chapter.index_id}-revised-scores", caption, columns, kept, note, cut)


def _since_vintage(release: Release) -> Revisions:
    """The revisions of the newest vintage that has any."""
    newest = release.one("select max(vintage) as vintage, count(distinct vintage) as vintages from revision")
    if newest["vintage"] is None:
        return Revisions([Words("No earlier release is kept to compare with, and no source has revised a value.",
                                "没有可供比较的较早发布版，各来源也未修订过数值。")], [])  # fmt: skip
    rows = release.rows(
        "select source_id, indicator_id, count(*) as n, median(abs(change_pct)) as middle, "
        "max(abs(change_pct)) as largest from revision where vintage = ? "
        "group by source_id, indicator_id order by n desc, source_id, indicator_id",
        [newest["vintage"]],
    )
    n = sum(row["n"] for row in rows)
    values = plural(n, "value", "values", "个数值")
    intro = Words(
        f"No earlier release is kept to compare with. The newest revisions of the sources carry the vintage "
        f"{newest['vintage']}: {values.en}.",
        f"没有可供比较的较早发布版。各来源最近一次修订的时点为{newest['vintage']}：{values.zh}。",
    )
    lines: list[Line] = [
        [release.indicator(r["indicator_id"]), release.source(r["source_id"]), str(r["n"]), number(r["middle"], 2),
         number(r["largest"], 2)]
        for r in rows
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_VALUES, Words("the most revised", "修订最多者"))
    columns = [_INDICATOR, Column(Words("Source", "来源"), "text"), Column(Words("Values revised", "修订个数")),
               Column(Words("Median size, %", "中位幅度，%")), Column(Words("Largest, %", "最大幅度，%"))]  # fmt: skip
    caption = Words(f"Revisions of {newest['vintage']}", f"{newest['vintage']}的修订")
    return Revisions([intro], [Table("newest-revisions", caption, columns, kept, None, cut)])


def _edition_effects(chapter: Chapter) -> list[Table]:
    """Inputs that an earlier edition knew otherwise, by what they do to the index; only under one method."""
    against = compared_edition(chapter)
    if against is None or against[0].version != chapter.main.version or against[0].variant_of:
        return []
    edition, p = against
    rows = chapter.release.rows(
        "select node_id, ref_area, t.raw as earlier, n.raw as later, n.is_imputed or t.is_imputed as is_filled, "
        "t.source_id as source_then, n.source_id as source_now, "
        "n.weight_effective * (n.normalised - t.normalised) as effect "
        "from index_input n join index_input t using (index_id, node_id, ref_area, time_period) "
        "where index_id = ? and time_period = ? and n.edition_id = ? and t.edition_id = ? "
        "and n.normalised is distinct from t.normalised order by abs(effect) desc nulls last, node_id, ref_area",
        [chapter.index_id, p, chapter.main.edition_id, edition.edition_id],
    )
    names = {node.node_id: node.name for node in chapter.nodes}
    lines: list[Line] = []
    d = chapter.decimals + 1
    for row in rows:
        if row["effect"] is not None and round(row["effect"], d) == 0:
            continue
        pct = None
        if row["earlier"] and row["later"] is not None:
            pct = 100 * (row["later"] / row["earlier"] - 1)
        cells: list[Value] = [names.get(row["node_id"], same(row["node_id"]))]
        if not chapter.is_single:
            cells.append(chapter.release.area(row["ref_area"]))
        cells += [significant(row["earlier"], 6), significant(row["later"], 6), number(pct, 2, True),
                  signed(row["effect"], d), _source(row["source_then"], row["source_now"])]  # fmt: skip
        lines.append(cells)
    kept, cut = limited(lines, SHOWN_INPUTS, Words("the largest effects", "影响最大者"))
    if not kept:
        return []
    columns = [_INDICATOR, *([] if chapter.is_single else [_AREA]), _THEN, _NOW, _PCT,
               Column(Words("Effect, points", "影响，点")), Column(Words("Source", "来源"), "code")]  # fmt: skip
    return [
        Table(
            f"{chapter.index_id}-edition-effects",
            _caption(chapter, edition, p),
            columns,
            kept,
            _note(chapter, edition, p),
            cut,
        )
    ]


def _caption(chapter: Chapter, edition: Edition, p: str) -> Words:
    when = period(p)
    return Words(f"{chapter.name.en}: inputs of {when.en} that edition {edition.edition_id} knew otherwise",
                 f"{chapter.name.zh}：{edition.edition_id}版所知不同的{when.zh}输入值")  # fmt: skip


def _note(chapter: Chapter, edition: Edition, p: str) -> Words:
    then = chapter.score(edition.edition_id, chapter.focus.ref_area, p)
    now = chapter.score(chapter.main.edition_id, chapter.focus.ref_area, p)
    scores = Words("", "")
    if chapter.is_single and then is not None and now is not None:
        d = chapter.decimals
        scores = Words(
            f"Score {number(then, d)} then, {number(now, d)} now. ",
            f"当时得分{number(then, d)}，现为{number(now, d)}。",
        )
    text = scores + Words("Effect: weight in the index times the difference of the scores of the indicator",
                 "影响＝在总指数中的权重×指标得分之差")  # fmt: skip
    if {(node.aggregation or "arithmetic").partition("(")[0] for node in chapter.nodes} != {"arithmetic"}:
        text += Words(", an approximation under this method", "，在此方法下为近似值")
    return text + Words(". A value that was missing then may have been filled.", "。当时缺失的值可能已被填补。")


def _source(then: str | None, now: str | None) -> Cell:
    return Cell(same(now or "" if then == now or not then else f"{then} → {now or '–'}"), "code")
