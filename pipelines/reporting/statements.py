"""The published statements and their verdicts, as published and with the latest data, and the dates they assume.

Not here: the verdicts (pipelines.claims).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date

from pipelines.reporting import bars
from pipelines.reporting.figure import Cell, Column, Figure, Group, Line, Mark, Table, limited
from pipelines.reporting.reading import Release, Row
from pipelines.reporting.text import MISSING, Words, day, same, significant, words

SHOWN = 600
VERDICTS = {
    "consistent": Words("consistent", "一致"), "compatible": Words("compatible", "相容"),
    "inconsistent": Words("inconsistent", "不一致"), "not_testable": Words("not testable", "无法检验"),
}  # fmt: skip
COLOURS = {"consistent": "var(--good)", "compatible": "var(--fair)", "inconsistent": "var(--bad)",
           "not_testable": "var(--untested)"}  # fmt: skip
QUALIFIERS = {
    "near": Words("near", "近"), "nearly_half": Words("nearly half", "近半"), "about": Words("about", "约"),
    "about_one_third": Words("about one third", "约三分之一"), "over": Words("over", "超过"),
    "at_least": Words("at least", "不低于"), "at_most": Words("at most", "不高于"), "implied": Words("implied", "隐含"),
}  # fmt: skip
DIRECTIONS = {1: Words("up", "上升"), -1: Words("down", "下降"), 0: Words("unchanged", "持平")}
# The words that pipelines.claims.reason writes for an observation whose date of becoming known is assumed.
ASSUMED = re.compile(r"\(([a-z][a-z0-9_]*), assumed known (\d{4}-\d{2}-\d{2}) - hindsight\)")


@dataclass(frozen=True)
class Publication:
    """One publication: what it is, how its statements fared, and the tables."""

    publication_id: str
    name: Words
    published_on: Words
    citation: str
    note: Words | None
    n_statements: int
    n_crosschecks: int
    n_hindsight: int
    summary: Words
    chart: Figure
    noted: Table | None
    statements: Table
    assumed: Table | None


def publications(release: Release) -> list[Publication]:
    """Every publication with statements, in the order of their ids."""
    rows = release.rows(
        "select publication_id, claim_id, statement_en, statement_zh, measure, qualifier, stated_value, "
        "computed_published_low, computed_published_high, computed_latest_low, computed_latest_high, "
        "verdict_as_published, verdict_latest, is_vintage_dependent, reason_en, reason_zh "
        "from claim order by publication_id, claim_id"
    )
    by_publication: dict[str, list[Row]] = {}
    for row in rows:
        by_publication.setdefault(row["publication_id"], []).append(row)
    return [_publication(release, publication_id, mine) for publication_id, mine in by_publication.items()]


def assumed_dates(row: Row) -> list[tuple[str, str]]:
    """Sources and assumed dates that the verdicts of a statement rest on, as far as its reason names them."""
    return list(dict.fromkeys(ASSUMED.findall(row["reason_en"] or "")))


def _publication(release: Release, publication_id: str, rows: list[Row]) -> Publication:
    entry = release.entry("claims", publication_id)
    crosschecks = set(entry.get("crosschecks", {}))
    own = [row for row in rows if row["claim_id"] not in crosschecks]
    checks = [row for row in rows if row["claim_id"] in crosschecks]
    name = words(entry.get("name_en"), entry.get("name_zh")) or same(publication_id)
    published = str(entry.get("published_on") or "")
    units = {**entry.get("claims", {}), **entry.get("crosschecks", {})}
    hindsight = sum(1 for row in rows if assumed_dates(row))
    return Publication(
        publication_id, name, _published(published), entry.get("citation") or "",
        words(entry.get("note_en"), entry.get("note_zh")), len(own), len(checks), hindsight, _summary(own),
        _chart(publication_id, own, published),
        _noted(release, publication_id, rows, units), _all(release, publication_id, own, checks, units),
        _assumed(release, publication_id, rows),
    )  # fmt: skip


def _published(text: str) -> Words:
    try:
        return day(date.fromisoformat(text))
    except ValueError:
        return same(text)


def _summary(rows: list[Row]) -> Words:
    n = Counter(row["verdict_latest"] for row in rows)
    then = Counter(row["verdict_as_published"] for row in rows)
    testable = sum(then[v] for v in VERDICTS if v != "not_testable")
    now = sum(n[v] for v in VERDICTS if v != "not_testable")
    turned = sum(1 for row in rows if row["is_vintage_dependent"])
    return Words(
        f"With what was known on the day of publication, {testable} of {len(rows)} statements can be tested: "
        f"{then['consistent']} are consistent with the data, {then['compatible']} compatible, {then['inconsistent']} "
        f"inconsistent. With the latest data {now} can be tested: {n['consistent']}, {n['compatible']} and "
        f"{n['inconsistent']}. The verdict of {turned} depends on the vintage.",
        f"按发布当日已知数据，{len(rows)}条陈述中有{testable}条可检验：一致{then['consistent']}条，相容{then['compatible']}条，"
        f"不一致{then['inconsistent']}条。按最新数据有{now}条可检验：依次为{n['consistent']}、{n['compatible']}、{n['inconsistent']}条。"
        f"{turned}条的结论取决于数据时点。",
    )


def _chart(publication_id: str, rows: list[Row], published: str) -> Figure:
    marks = tuple(Mark(VERDICTS[v], COLOURS[v], "bar") for v in VERDICTS)
    counts = [
        (Words("As published", "发布时"), [sum(r["verdict_as_published"] == v for r in rows) for v in VERDICTS]),
        (Words("Latest data", "最新数据"), [sum(r["verdict_latest"] == v for r in rows) for v in VERDICTS]),
    ]
    lines: list[Line] = []
    for verdict, text in VERDICTS.items():
        crossed = [
            sum(r["verdict_as_published"] == verdict and r["verdict_latest"] == v for r in rows) for v in VERDICTS
        ]
        lines.append([text, *map(str, crossed), str(sum(crossed))])
    columns = [Column(Words("As published \\ latest", "发布时 \\ 最新"), "text"),
               *(Column(text) for text in VERDICTS.values()), Column(Words("Together", "合计"))]  # fmt: skip
    return Figure(
        f"{publication_id}-verdicts",
        Words("Verdicts", "检验结论"),
        Words("number of statements", "陈述条数"),
        _summary(rows),
        bars.verdicts(counts, marks) if rows else None,
        Table(
            f"{publication_id}-verdicts-table",
            Words("Verdicts as published and latest", "发布时与最新结论对照"),
            columns,
            lines,
        ),
        marks,
    )


def _columns() -> list[Column]:
    return [
        Column(Words("No.", "编号"), "code"),
        Column(Words("Statement", "陈述"), "wide"),
        Column(Words("Stated", "所述"), "text"),
        Column(
            Words("As published", "发布时"), "text", Words("Verdict, and the number computed again", "结论与复算值")
        ),
        Column(
            Words("Latest data", "最新数据"), "text", Words("Verdict, and the number computed again", "结论与复算值")
        ),
    ]


def _line(release: Release, row: Row, units: dict[str, dict[str, str]], is_open: bool) -> Line:
    statement = words(row["statement_en"], row["statement_zh"]) or same("")
    reason = words(row["reason_en"], row["reason_zh"])
    text = Cell(statement, "told" if is_open and reason else "", more=reason)
    return [
        Cell(same(row["claim_id"]), "hindsight" if assumed_dates(row) else ""), text, _stated(release, row, units),
        _verdict(row["verdict_as_published"], _computed(row, "published")),
        _verdict(row["verdict_latest"], _computed(row, "latest"), row["is_vintage_dependent"]),
    ]  # fmt: skip


def _stated(release: Release, row: Row, units: dict[str, dict[str, str]]) -> Cell:
    """What was printed: how exact, the number, and its unit on a line below."""
    value = row["stated_value"]
    if value is None:
        return Cell(same(MISSING))
    if row["measure"] in ("direction", "comparison"):
        return Cell(DIRECTIONS.get(int(value), same(significant(value))))
    unit_id = "one" if row["measure"] == "rank" else units.get(row["claim_id"], {}).get("unit", "one")
    figure = same(significant(value, 6))
    if qualifier := QUALIFIERS.get(row["qualifier"] or ""):
        figure = Words(f"{qualifier.en} {figure.en}", f"{qualifier.zh}{figure.zh}")
    return Cell(figure, below=None if unit_id == "one" else release.unit(unit_id))


def _computed(row: Row, which: str) -> Words | None:
    """The computed number: one where its ends print the same, open where one end is missing; None without any."""
    low, high = row[f"computed_{which}_low"], row[f"computed_{which}_high"]
    if low is None and high is None:
        return None
    if high is None:
        return Words(f"above {significant(low, 5)}", f"高于{significant(low, 5)}")
    if low is None:
        return Words(f"below {significant(high, 5)}", f"低于{significant(high, 5)}")
    ends = dict.fromkeys((significant(low, 5), significant(high, 5)))
    return Words(" to ".join(ends), "至".join(ends))


def _verdict(verdict: str, computed: Words | None, is_turned: bool = False) -> Cell:
    kind = f"verdict {verdict}{' turned' if is_turned else ''}"
    return Cell(VERDICTS.get(verdict, same(verdict)), kind, below=computed)


def _noted(release: Release, publication_id: str, rows: list[Row], units: dict[str, dict[str, str]]) -> Table | None:
    """What a reader should know first: verdicts that turned, and statements that the data contradict."""
    turned = [row for row in rows if row["is_vintage_dependent"]]
    wrong = [
        row
        for row in rows
        if row not in turned and "inconsistent" in (row["verdict_as_published"], row["verdict_latest"])
    ]
    lines: list[Line] = []
    for title, part in (
        (Words("The verdict depends on when the data were taken", "结论取决于数据时点"), turned),
        (Words("Inconsistent with the data", "与数据不一致"), wrong),
    ):
        if part:
            lines += [Group(title), *(_line(release, row, units, True) for row in part)]
    kept, cut = limited(lines, SHOWN, Words("in the order of their numbers", "按编号次序"))
    caption = Words("Verdicts to know first", "首先应知的结论")
    return Table(f"{publication_id}-noted", caption, _columns(), kept, None, cut) if lines else None


def _all(
    release: Release, publication_id: str, own: list[Row], checks: list[Row], units: dict[str, dict[str, str]]
) -> Table:
    lines: list[Line] = [_line(release, row, units, False) for row in own]
    if checks:
        if own:
            lines.insert(0, Group(Words(f"{len(own)} statements", f"{len(own)}条陈述")))
        lines += [Group(Words(f"{len(checks)} cross-checks among them", f"{len(checks)}项互相核对")),
                  *(_line(release, row, units, False) for row in checks)]  # fmt: skip
    kept, cut = limited(lines, SHOWN, Words("in the order of their numbers", "按编号次序"))
    return Table(f"{publication_id}-statements", Words("All statements", "全部陈述"), _columns(), kept, None, cut)


def _assumed(release: Release, publication_id: str, rows: list[Row]) -> Table | None:
    """The dates that are assumed, hindsight, with the statements that rest on each."""
    resting: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for found in assumed_dates(row):
            resting.setdefault(found, []).append(row["claim_id"])
    lines: list[Line] = [
        [release.source(source_id), when, str(len(ids)), Cell(same(", ".join(ids)), "code")]
        for (source_id, when), ids in sorted(resting.items())
    ]
    columns = [
        Column(Words("Source", "来源"), "text"), Column(Words("Taken as known from", "推定已知日期"), "code"),
        Column(Words("Statements", "条数")), Column(Words("Their numbers", "编号"), "code"),
    ]  # fmt: skip
    return (
        Table(f"{publication_id}-assumed", Words("Assumed dates (hindsight)", "推定的时点（事后所知）"), columns, lines)
        if lines
        else None
    )
