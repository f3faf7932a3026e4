"""Tables of growth: the index, its parts and its indicators over spans, each with its number of intervals.

Not here: the rates themselves (pipelines.index.growth_span).
"""

from __future__ import annotations

from pipelines.reporting.chapter import Chapter
from pipelines.reporting.figure import Cell, Column, Group, Line, Table, Value, limited
from pipelines.reporting.over_time import AREA, SHOWN_AREAS
from pipelines.reporting.reading import Row
from pipelines.reporting.text import Words, number, short_period, significant

SHOWN_SPANS = 6
SHOWN_WIDE_SPANS = 3
_SPAN = "from_period, to_period, n_years, start_value, end_value, multiple, total_pct, cagr_pct, trend_pct"
_RATES = [
    Column(Words("Start", "起点")), Column(Words("End", "终点")), Column(Words("Times", "倍数")),
    Column(Words("Total, %", "累计增长，%")), Column(Words("Per year, %", "年均增长，%")),
    Column(Words("Trend per year, %", "趋势年均，%")),
]  # fmt: skip
RULE = Words(
    "A span counts intervals, not years named: 2014 to 2018 are four. Per year: compound growth over the intervals. "
    "Trend: slope of the logarithms over all values between.",
    "时间跨度按间隔计：2014至2018年为四个间隔。年均增长：按间隔数计算的复合增速。趋势：区间内全部数值对数的斜率。",
)


def tables(chapter: Chapter) -> list[Table]:
    """Growth of the index (by area, or with its parts for a single one), then of its indicators in the focus area."""
    found = [_with_parts(chapter) if chapter.is_single else _by_area(chapter), _indicators(chapter)]
    return [table for table in found if table is not None and table.lines]


def intervals(years: float) -> Words:
    """How long a span is, as a number of intervals of a year."""
    return Words(f"{years:g} {'interval' if years == 1 else 'intervals'}", f"{years:g}个间隔")


def _with_parts(chapter: Chapter) -> Table:
    rows = chapter.release.rows(
        f"select node_id, {_SPAN} from growth_span where series_kind = 'index' and series_id = ? and edition_id = ? "
        "and ref_area = ?",
        [chapter.index_id, chapter.main.edition_id, chapter.focus.ref_area],
    )
    found = {(row["from_period"], row["to_period"], row["node_id"]): row for row in rows}
    root = [row for row in rows if row["node_id"] == chapter.root.node_id]
    spans = _in_order(chapter, root)
    lines: list[Line] = []
    for row in spans[:SHOWN_SPANS]:
        first, last = row["from_period"], row["to_period"]
        length = intervals(row["n_years"])
        lines.append(Group(Words(f"{first} to {last}: {length.en}", f"{first}至{last}：{length.zh}")))
        for node in [chapter.root, *chapter.pillars]:
            if mine := found.get((first, last, node.node_id)):
                lines.append([Cell(node.name, kind="level0" if node == chapter.root else "level1"),
                              *_rates(mine, chapter.decimals)])  # fmt: skip
    kept, cut = limited(lines, SHOWN_AREAS, Words("in the order of the spans", "按时间跨度次序"))
    return Table(f"{chapter.index_id}-growth", Words("Growth of the index and its parts", "总指数与各部分的增长"),
                 [Column(Words("Part", "部分"), "text"), *_RATES], kept, RULE, cut)  # fmt: skip


def _in_order(chapter: Chapter, rows: list[Row]) -> list[Row]:
    """One row per span: those that end last first, the longest of them first."""
    distinct = {(row["from_period"], row["to_period"]): row for row in rows}
    return sorted(distinct.values(), key=lambda r: (-chapter.place.get(r["to_period"], 0.0), -r["n_years"]))


def _rates(row: Row, decimals: int) -> list[Value]:
    return [
        number(row["start_value"], decimals), number(row["end_value"], decimals), number(row["multiple"], 2),
        number(row["total_pct"]), number(row["cagr_pct"]), number(row["trend_pct"]),
    ]  # fmt: skip


def _by_area(chapter: Chapter) -> Table:
    rows = chapter.release.rows(
        f"select ref_area, {_SPAN} from growth_span where series_kind = 'index' and series_id = ? and edition_id = ? "
        "and node_id = ?",
        [chapter.index_id, chapter.main.edition_id, chapter.root.node_id],
    )
    found = {(row["ref_area"], row["from_period"], row["to_period"]): row for row in rows}
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["from_period"], row["to_period"])
        counts[key] = counts.get(key, 0) + 1
    usual = [row for row in _in_order(chapter, rows)
             if 2 * counts[row["from_period"], row["to_period"]] >= len(chapter.areas)]  # fmt: skip
    spans = usual[:SHOWN_WIDE_SPANS]
    columns = [AREA]
    for row in spans:
        length = intervals(row["n_years"])
        years = f"{row['from_period']}–{row['to_period']}"
        name = Words(f"{years}: {length.en}", f"{years}：{length.zh}")
        columns += [Column(Words("Total, %", "累计，%"), over=name), Column(Words("Per year, %", "年均，%"), over=name)]
    lines: list[Line] = []
    for area in chapter.areas if spans else []:
        cells: list[Value] = [area.name]
        for row in spans:
            mine = found.get((area.ref_area, row["from_period"], row["to_period"]), {})
            cells += [number(mine.get("total_pct")), number(mine.get("cagr_pct"))]
        lines.append(cells)
    kept, cut = limited(lines, SHOWN_AREAS, Words("the best ranked ones", "排名最前者"))
    return Table(
        f"{chapter.index_id}-growth",
        Words("Growth of the index by area", "各地区总指数的增长"),
        columns,
        kept,
        RULE,
        cut,
    )


def _indicators(chapter: Chapter) -> Table:
    """The longest span of each indicator of the index, in the only or leading area, as observed."""
    rows = chapter.release.rows(
        f"select g.series_id, i.unit_id, {_SPAN} from growth_span g join indicator i on i.indicator_id = g.series_id "
        "where g.series_kind = 'indicator' and g.ref_area = ? and g.series_id in ("
        "select indicator_id from index_node where index_id = ? and edition_id = ? and indicator_id is not null)",
        [chapter.focus.ref_area, chapter.index_id, chapter.main.edition_id],
    )
    longest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda r: (r["n_years"], r["to_period"])):
        longest[row["series_id"]] = row
    lines: list[Line] = []
    for node in chapter.leaves:
        if found := longest.get(node.indicator_id or ""):
            lines.append([
                node.name, chapter.release.unit(found["unit_id"]), short_period(found["from_period"]),
                short_period(found["to_period"]), f"{found['n_years']:g}", significant(found["start_value"]),
                significant(found["end_value"]), number(found["multiple"], 2), number(found["total_pct"]),
                number(found["cagr_pct"]), number(found["trend_pct"]),
            ])  # fmt: skip
    columns = [
        Column(Words("Indicator", "指标"), "text"), Column(Words("Unit", "单位"), "text"),
        Column(Words("From", "起")), Column(Words("To", "止")), Column(Words("Intervals", "间隔数")), *_RATES,
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_AREAS, Words("in the order of the tree", "按树中次序"))
    caption = Words("Growth of the indicators, ", "各指标的增长，") + chapter.focus.name
    return Table(
        f"{chapter.index_id}-indicator-growth",
        caption,
        columns,
        kept,
        Words("The longest span of each series, as observed today.", "各序列最长的时间跨度，按目前观测值。"),
        cut,
    )
