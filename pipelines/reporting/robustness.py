"""How sure an index is: what the model runs varied, which choice matters, what leaving an indicator out does.

Also whether its parts belong together. Not here: the runs (pipelines.index.robust), the intervals (chapter).
"""

from __future__ import annotations

from typing import Any

from pipelines.reporting.chapter import Chapter
from pipelines.reporting.figure import Cell, Column, Line, Table, limited
from pipelines.reporting.text import MISSING, Words, listed, number, period, same

SHOWN_LEFT_OUT = 10
SHOWN_FLAGS = 15
FACTORS = {
    "weights": Words("weights", "权重"),
    "impute": Words("how gaps are filled", "缺失值填补"),
    "treat": Words("treatment of outliers", "异常值处理"),
    "normalise": Words("scale", "标准化方法"),
    "aggregate": Words("kind of mean", "合成方法"),
    "leave_out": Words("an indicator left out", "剔除一项指标"),
}
MEASURES = {
    "mean_abs_rank_change": Words("mean change of rank", "平均排名变动"),
    "mean_abs_score_change": Words("mean change of score", "平均得分变动"),
    "abs_score_change": Words("change of the score of", "得分变动："),
}
FLAGS = {
    "redundant": Words("nearly the same as each other", "几近重复"),
    "negative": Words("against each other", "相互反向"),
    "weak": Words("hardly related to its parent", "与上级关系微弱"),
    "low_alpha": Words("hang together loosely", "内部一致性低"),
    "weight_gap": Words("counts for much more or less than its weight", "实际影响与权重不符"),
}


def varied(chapter: Chapter) -> Words | None:
    """What the Monte Carlo runs vary, in a sentence; None without any."""
    entry: dict[str, Any] | None = chapter.release.entry("indices", chapter.index_id).get("uncertainty")
    if not entry or not chapter.runs:
        return None
    parts = []
    if "weights" in entry:
        share = (entry["weights"] or {}).get("share") if isinstance(entry["weights"], dict) else None
        spread = f" (±{100 * share:g} %)" if share else ""
        parts.append(Words(f"the weights{spread}", f"权重{spread.replace(' (', '（').replace(' %)', '%）')}"))
    for key, en, zh in (
        ("impute", "ways of filling gaps", "种缺失值填补方法"),
        ("treat", "treatments of outliers", "种异常值处理方法"),
        ("normalise", "scales", "种标准化方法"),
        ("aggregate", "kinds of mean", "种合成方法"),
    ):
        if isinstance(entry.get(key), list) and len(entry[key]) > 1:
            parts.append(Words(f"{len(entry[key])} {en}", f"{len(entry[key])}{zh}"))
    if entry.get("leave_out"):
        parts.append(Words("one indicator left out or none", "剔除一项指标与否"))
    what = listed(parts)
    said_of = Words(f", which vary {what.en}", f"，变动因素为{what.zh}") if parts else Words("", "")
    return Words(
        f"Intervals hold 90 % of {chapter.runs} model runs{said_of.en}: what other sensible choices would have given, "
        "not sampling error.",
        f"区间为{chapter.runs}次模型运行的90%范围{said_of.zh}；反映其他合理选择的结果，而非抽样误差。",
    )


def _sensitivity(chapter: Chapter) -> list[dict[str, Any]]:
    """Rows of the newest period of the main edition that has any."""
    return chapter.release.rows(
        "select time_period, factor, measure, first_order, total_order, total_order_low, total_order_high, effect "
        "from sensitivity where index_id = ? and edition_id = ? and time_period = ("
        "select max(time_period) from sensitivity where index_id = ? and edition_id = ?)",
        [chapter.index_id, chapter.main.edition_id] * 2,
    )


def _measure(chapter: Chapter, text: str) -> Words:
    name, _, area = text.partition(" ")
    known = MEASURES.get(name, same(name))
    return known + Words(f" {chapter.release.area(area).en}", chapter.release.area(area).zh) if area else known


def choices(chapter: Chapter) -> Table | None:
    """The share of the variance that each choice explains, in the newest period that has one. None without any."""
    rows = [row for row in _sensitivity(chapter) if row["total_order"] is not None]
    rows.sort(key=lambda row: (row["measure"], -row["total_order"]))
    lines: list[Line] = []
    for row in rows:
        ends = (row["total_order_low"], row["total_order_high"])
        between = MISSING if None in ends else f"{number(100 * ends[0], 0)}–{number(100 * ends[1], 0)}"
        first = None if row["first_order"] is None else 100 * row["first_order"]
        lines.append([
            FACTORS.get(row["factor"], same(row["factor"])), _measure(chapter, row["measure"]), number(first, 0),
            number(100 * row["total_order"], 0), between,
        ])  # fmt: skip
    if not lines:
        return None
    when = period(rows[0]["time_period"])
    columns = [
        Column(Words("Choice", "选择"), "text"), Column(Words("Result watched", "所观察结果"), "text"),
        Column(Words("Alone, % of variance", "单独解释方差，%")), Column(Words("With interactions, %", "含交互，%")),
        Column(Words("95 % interval, %", "95%区间，%")),
    ]  # fmt: skip
    note = Words("Sobol indices; estimates may lie a little outside 0 to 100.", "Sobol指数；估计值可能略超出0至100。")
    return Table(
        f"{chapter.index_id}-choices",
        Words(f"Which choice matters most, {when.en}", f"哪一选择影响最大，{when.zh}"),
        columns,
        lines,
        note,
    )


def left_out(chapter: Chapter) -> Table | None:
    """What leaving each indicator out does to ranks or scores, the largest effects. None without any."""
    rows = [row for row in _sensitivity(chapter) if row["effect"] is not None]
    rows.sort(key=lambda row: (-row["effect"], row["factor"]))
    if not rows:
        return None
    names = {node.node_id: node.name for node in chapter.nodes}
    decimals = 2 if "rank" in rows[0]["measure"] else chapter.decimals + 1
    lines: list[Line] = [[names.get(r["factor"], same(r["factor"])), number(r["effect"], decimals)] for r in rows]
    kept, cut = limited(lines, SHOWN_LEFT_OUT, Words("the largest effects", "影响最大者"))
    columns = [Column(Words("Indicator left out", "剔除的指标"), "text"), Column(_measure(chapter, rows[0]["measure"]))]
    return Table(
        f"{chapter.index_id}-left-out",
        Words("If one indicator were left out", "剔除单项指标的影响"),
        columns,
        kept,
        None,
        cut,
    )


def coherence(chapter: Chapter) -> Table | None:
    """What is remarkable about how the parts go together. None without any."""
    rows = chapter.release.rows(
        "select node_id, other_node_id, measure, measure_value, flag from coherence where index_id = ? "
        "and edition_id = ? and flag is not null order by flag, abs(measure_value) desc, node_id, other_node_id",
        [chapter.index_id, chapter.main.edition_id],
    )
    names = {node.node_id: node.name for node in chapter.nodes}
    lines: list[Line] = [
        [
            names.get(row["node_id"], same(row["node_id"])),
            names.get(row["other_node_id"], same(row["other_node_id"])) if row["other_node_id"] else "",
            Cell(same(row["measure"]), "code"),
            number(row["measure_value"], 2),
            FLAGS.get(row["flag"], same(row["flag"])),
        ]
        for row in rows
    ]
    kept, cut = limited(lines, SHOWN_FLAGS, Words("by kind and size", "按类别和大小"))
    columns = [
        Column(Words("Part", "部分"), "text"),
        Column(Words("Held against", "对照部分"), "text"),
        Column(Words("Measure", "度量"), "code"),
        Column(Words("Value", "数值")),
        Column(Words("What is remarkable", "值得注意之处"), "text"),
    ]
    return Table(
        f"{chapter.index_id}-coherence",
        Words("Whether the parts belong together", "各部分的内在一致性"),
        columns,
        kept,
        None,
        cut,
    )
