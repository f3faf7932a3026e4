"""Data quality and freshness: checks, what became of every cell, how old the sources are, what was filled; sources.

Not here: the checks (expectations), the accounting (warehouse/sql).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from pipelines.reporting.chapter import Chapter
from pipelines.reporting.figure import Cell, Column, Line, Table, limited
from pipelines.reporting.reading import Release
from pipelines.reporting.text import MISSING, Words, number, plural, same, shortened

SHOWN_CHECKS = 40
SHOWN_SOURCES = 300
OBSERVED_WIDTH = 420
CADENCES = {
    "daily": Words("daily", "每日"),
    "weekly": Words("weekly", "每周"),
    "monthly": Words("monthly", "每月"),
    "quarterly": Words("quarterly", "每季"),
    "yearly": Words("yearly", "每年"),
    "once": Words("once", "一次"),
}
NOT_PASSED_ON = Words("The raw files are not passed on.", "原始文件不予转发。")
SEVERITIES = {"error": Words("error", "错误"), "warning": Words("warning", "警告")}


@dataclass(frozen=True)
class Quality:
    """The state of the data in a few sentences, and the tables behind them."""

    facts: list[Words]
    tables: list[Table]


def quality(release: Release, chapters: list[Chapter]) -> Quality:
    """Checks, accounting, quarantine, freshness, inputs that were filled."""
    facts, tables = [], []
    for text, table in (
        _checks(release),
        _accounting(release),
        _quarantine(release),
        _freshness(release),
        _inputs(release, chapters),
    ):
        if text is not None:
            facts.append(text)
        if table is not None and table.lines:
            tables.append(table)
    return Quality(facts, tables)


def _checks(release: Release) -> tuple[Words | None, Table | None]:
    n = release.one(
        "select count(*) as total, count(*) filter (status = 'failed') as failed, "
        "count(*) filter (status = 'failed' and severity = 'error') as stopping from quality"
    )
    rows = release.rows(
        "select check_id, table_name, expectation, severity, rows_checked, rows_failed, observed from quality "
        "where status = 'failed' order by severity, check_id"
    )
    made = plural(n["total"], "check was", "checks were", "项检查")
    text = Words(
        f"{made.en} made, {n['failed']} found something to report.",
        f"共做{made.zh}，其中{n['failed']}项有需要说明的情况。",
    )
    if n["failed"] and not n["stopping"]:
        text += Words(" All of these are warnings: none stops a release.", "均为警告，不阻止发布。")
    lines: list[Line] = [
        [
            Cell(same(row["check_id"]), "code"), SEVERITIES.get(row["severity"], same(row["severity"])),
            Cell(same(row["expectation"]), more=_said(row["observed"]), is_asis=True),
            f"{row['rows_failed']:,}" if row["rows_failed"] is not None else MISSING,
            f"{row['rows_checked']:,}" if row["rows_checked"] is not None else MISSING,
        ]
        for row in rows
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_CHECKS, Words("errors first", "错误在前"))
    columns = [
        Column(Words("Check", "检查"), "code"),
        Column(Words("Severity", "严重程度"), "text"),
        Column(Words("What was expected", "预期"), "wide"),
        Column(Words("Found", "不符")),
        Column(Words("Of", "检查数")),
    ]
    return text, Table("failed-checks", Words("Checks that found something", "有情况的检查"), columns, kept, None, cut)


def _said(observed: str | None) -> Words | None:
    return same(shortened(observed, OBSERVED_WIDTH)) if observed else None


def _accounting(release: Release) -> tuple[Words | None, Table | None]:
    rows = release.rows(
        "select source_id, count(*) as files, sum(rows_in) as n, sum(rows_loaded) as loaded, "
        "sum(rows_unchanged) as unchanged, sum(rows_quarantined) as quarantined, sum(rows_excluded) as excluded "
        "from snapshot group by source_id order by source_id"
    )
    if not rows:
        return None, None
    total = {
        key: sum(int(row[key]) for row in rows)
        for key in ("files", "n", "loaded", "unchanged", "quarantined", "excluded")
    }
    files = plural(total["files"], "file", "files", "个文件")
    text = Words(
        f"Every one of {total['n']:,} cells in {files.en} is accounted for: {total['loaded']:,} loaded, "
        f"{total['unchanged']:,} unchanged, {total['quarantined']:,} quarantined, {total['excluded']:,} excluded by a "
        "stated rule.",
        f"{files.zh}的{total['n']:,}个单元格均有去向：采用{total['loaded']:,}，未变{total['unchanged']:,}，"
        f"隔离{total['quarantined']:,}，按规则排除{total['excluded']:,}。",
    )
    lines: list[Line] = [
        [Cell(release.source(row["source_id"]), more=None), *(f"{int(row[key]):,}" for key in total)] for row in rows
    ]
    if len(lines) > 1:
        lines.append(
            [Cell(Words("All sources", "全部来源"), "total"), *(Cell(same(f"{n:,}"), "total") for n in total.values())]
        )
    columns = [
        Column(Words("Source", "来源"), "text"),
        Column(Words("Files", "文件")),
        Column(Words("Cells", "单元格")),
        Column(Words("Loaded", "采用")),
        Column(Words("Unchanged", "未变")),
        Column(Words("Quarantined", "隔离")),
        Column(Words("Excluded", "排除")),
    ]
    kept, cut = limited(lines, SHOWN_SOURCES, Words("in the order of their ids", "按编号次序"))
    return text, Table("accounting", Words("What became of every cell", "每个单元格的去向"), columns, kept, None, cut)


def _quarantine(release: Release) -> tuple[Words | None, Table | None]:
    rows = release.rows(
        "select source_id, reason_code, reason_en, reason_zh, count(*) as n, min(locator) as place "
        "from quarantine group by all order by n desc, source_id, reason_code"
    )
    if not rows:
        return None, None
    lines: list[Line] = [
        [
            release.source(r["source_id"]),
            Words(r["reason_en"], r["reason_zh"]),
            f"{r['n']:,}",
            Cell(same(r["place"] or ""), "code"),
        ]
        for r in rows
    ]
    kept, cut = limited(lines, SHOWN_CHECKS, Words("the most frequent ones", "最常见者"))
    columns = [
        Column(Words("Source", "来源"), "text"),
        Column(Words("Reason", "原因"), "wide"),
        Column(Words("Cells", "单元格")),
        Column(Words("For example", "示例位置"), "code"),
    ]
    return None, Table("quarantine", Words("What was not trusted", "不予采信的内容"), columns, kept, None, cut)


def _freshness(release: Release) -> tuple[Words | None, Table | None]:
    rows = release.rows(
        "select source_id, cadence, max_age_days, latest_vintage, latest_retrieved_at, "
        "date_diff('day', latest_retrieved_at::date, (select built_at::date from release)) as age from source "
        "where latest_retrieved_at is not null order by latest_vintage desc, source_id"
    )
    if not rows:
        return None, None
    late = [row for row in rows if row["max_age_days"] is not None and row["age"] > row["max_age_days"]]
    text = Words(f"The newest data are of {release.data_vintage}. ", f"最新数据的时点为{release.data_vintage}。")
    if late:
        text += Words(f"{len(late)} of {len(rows)} sources were overdue when this release was built.",
                      f"本版构建时，{len(rows)}个来源中有{len(late)}个逾期。")  # fmt: skip
    else:
        text += Words("No source was overdue when this release was built.", "本版构建时无逾期来源。")
    lines: list[Line] = [
        [
            release.source(row["source_id"]),
            CADENCES.get(row["cadence"], same(row["cadence"])),
            str(row["latest_vintage"] or ""),
            f"{row['latest_retrieved_at']:%Y-%m-%d}",
            f"{max(0, row['age'])}",
            Cell(Words("overdue", "逾期"), "bad")
            if row in late
            else Words(f"within {row['max_age_days']} days", f"{row['max_age_days']}天内")
            if row["max_age_days"] is not None
            else Words("no limit", "不限"),
        ]
        for row in rows
    ]
    columns = [
        Column(Words("Source", "来源"), "text"),
        Column(Words("Published", "发布频率"), "text"),
        Column(Words("Newest vintage", "最新时点"), "code"),
        Column(Words("Retrieved", "获取日期"), "code"),
        Column(Words("Days before the build", "距构建天数")),
        Column(Words("Due", "时限"), "text"),
    ]
    kept, cut = limited(lines, SHOWN_SOURCES, Words("the newest ones", "最新者"))
    return text, Table("freshness", Words("How fresh the sources are", "各来源的更新情况"), columns, kept, None, cut)


def _inputs(release: Release, chapters: list[Chapter]) -> tuple[Words | None, Table | None]:
    """For every edition: values that were observed, filled, treated, missing."""
    rows = release.rows(
        "select index_id, edition_id, count(*) as n, count(*) filter (is_imputed) as filled, "
        "count(*) filter (is_treated) as treated, count(*) filter (normalised is null) as missing from index_input "
        "group by index_id, edition_id order by index_id, edition_id"
    )
    if not rows:
        return None, None
    names = {chapter.index_id: chapter.name for chapter in chapters}
    lines: list[Line] = [
        [
            names.get(r["index_id"], same(r["index_id"])),
            Cell(same(r["edition_id"]), "code"),
            f"{r['n']:,}",
            f"{r['filled']:,}",
            number(100 * r["filled"] / r["n"]),
            f"{r['treated']:,}",
            f"{r['missing']:,}",
        ]
        for r in rows
    ]
    columns = [
        Column(Words("Index", "指数"), "text"),
        Column(Words("Edition", "版次"), "code"),
        Column(Words("Input values", "输入值")),
        Column(Words("Filled", "填补")),
        Column(Words("Filled, %", "填补比例，%")),
        Column(Words("Treated", "处理异常值")),
        Column(Words("Without a score", "无得分")),
    ]
    return None, Table("inputs", Words("Inputs that were filled or treated", "填补或处理过的输入值"), columns, lines)


def sources(release: Release) -> Table:
    """Every source with provider, licence, citation and address."""
    rows = release.rows(
        "select source_id, provider, licence, redistribute, citation, url from source order by source_id"
    )
    lines: list[Line] = [
        [
            Cell(release.source(row["source_id"]), below=same(row["source_id"]), link=web_address(row["url"])),
            Cell(same(row["provider"]), is_asis=True),
            Cell(same(row["licence"]), is_asis=True, below=None if row["redistribute"] else NOT_PASSED_ON),
            Cell(same(row["citation"] or MISSING), is_asis=True),
        ]
        for row in rows
    ]  # fmt: skip
    columns = [
        Column(Words("Source", "来源"), "wide"), Column(Words("Provider", "提供方"), "wide"),
        Column(Words("Licence", "许可"), "wide"), Column(Words("To be cited as", "引用格式"), "wide"),
    ]  # fmt: skip
    kept, cut = limited(lines, SHOWN_SOURCES, Words("in the order of their ids", "按编号次序"))
    return Table("source-list", Words("Sources, licences, citations", "来源、许可与引用"), columns, kept, None, cut)


def web_address(url: str | None) -> str:
    """The address if a browser may follow it as a web page; empty for anything else."""
    try:
        parts = urlsplit((url or "").strip())
    except ValueError:
        return ""
    return parts.geturl() if parts.scheme in ("http", "https") and parts.netloc else ""
