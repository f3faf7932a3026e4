"""Sentences that say why a verdict is what it is, in English and Chinese.

Not here: the verdict itself (stated, judge).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.claims.compute import Computed, Gap
from pipelines.claims.evidence import Knowledge, Observation
from pipelines.claims.interval import Interval
from pipelines.claims.stated import Verdict

SHOWN = 6
WORDS = {
    "consistent": ("inside the stated range", "落在所述范围内"),
    "compatible": ("partly inside the stated range", "与所述范围部分重合"),
    "inconsistent": ("outside the stated range", "落在所述范围之外"),
}
BEYOND = ("beyond what such a phrase is taken to mean", "高于此类说法通常所指的范围")
_SPAN = re.compile(r"(\d{4})-01-01/P(\d+)Y")


@dataclass(frozen=True)
class Finding:
    """One judgement: the computed interval in the unit of the statement, the verdict, what it rests on."""

    verdict: Verdict
    computed: Interval | None
    basis: Computed
    stated: Interval | None
    why_en: str = ""
    why_zh: str = ""


def describe(as_published: Finding, latest: Finding, published_on: str, knowledge: Knowledge) -> tuple[str, str]:
    """Reason for the two judgements of one statement, English and Chinese; one sentence when they agree."""
    first, second = _sentence(as_published, knowledge), _sentence(latest, knowledge)
    if first == second:
        return f"As published and latest: {first[0]}", f"发布时与最新：{first[1]}"
    return (
        f"As published ({published_on}): {first[0]} Latest: {second[0]}",
        f"发布时（{published_on}）：{first[1]}最新：{second[1]}",
    )


def _sentence(finding: Finding, knowledge: Knowledge) -> tuple[str, str]:
    rests_en, rests_zh = _rests_on(finding.basis, knowledge)
    if finding.why_en:
        after_en, after_zh = (f"; from {rests_en}", f"；依据{rests_zh}") if rests_en else ("", "")
        return f"{finding.why_en}{after_en}.", f"{finding.why_zh}{after_zh}。"
    if finding.verdict == "not_testable":
        gaps_en, gaps_zh = _gaps(finding.basis.gaps, knowledge)
        return f"not testable, no other source holds {gaps_en}.", f"无法检验，其他来源没有{gaps_zh}。"
    assert finding.computed is not None and finding.stated is not None
    word_en, word_zh = WORDS[finding.verdict]
    computed, stated = finding.computed, finding.stated
    if finding.verdict == "compatible" and not computed.overlaps(stated):
        word_en, word_zh = BEYOND
    return (
        f"{span_en(computed)} from {rests_en}: {word_en} ({span_en(stated)}).",
        f"依据{rests_zh}得{span_zh(computed)}，{word_zh}（{span_zh(stated)}）。",
    )


def span_en(x: Interval) -> str:
    if x.low == x.high:
        return number(x.low)
    if math.isinf(x.high):
        return f"{'above' if x.low_open else 'at least'} {number(x.low)}"
    if math.isinf(x.low):
        return f"{'below' if x.high_open else 'at most'} {number(x.high)}"
    return f"{number(x.low)} to {number(x.high)}"


def span_zh(x: Interval) -> str:
    if x.low == x.high:
        return number(x.low)
    if math.isinf(x.high):
        return f"{'高于' if x.low_open else '不低于'}{number(x.low)}"
    if math.isinf(x.low):
        return f"{'低于' if x.high_open else '不高于'}{number(x.high)}"
    return f"{number(x.low)}至{number(x.high)}"


def period_en(period: str) -> str:
    match = _SPAN.fullmatch(period)
    return f"{match[1]} to {int(match[1]) + int(match[2]) - 1}" if match else period


def period_zh(period: str) -> str:
    match = _SPAN.fullmatch(period)
    text = f"{match[1]}至{int(match[1]) + int(match[2]) - 1}" if match else period
    return f"{text}年" if match or period.isdigit() else text


def number(value: float) -> str:
    """Six significant digits, large numbers in full."""
    return f"{value:.0f}" if abs(value) >= 1e6 else f"{value:.6g}"


def _rests_on(basis: Computed, knowledge: Knowledge) -> tuple[str, str]:
    parts = [_observation(each, knowledge) for each in basis.used[:SHOWN]]
    if (more := len(basis.used) - SHOWN) > 0:
        parts.append((f"{more} more", f"另外{more}个数值"))
    if basis.ranked:
        parts.append((f"all {basis.ranked} areas compared", f"全部{basis.ranked}个地区的比较"))
    if basis.statements:
        parts.append((f"the page's own {', '.join(basis.statements)}", f"版面自身的{'、'.join(basis.statements)}"))
    return ", ".join(en for en, _ in parts), "、".join(zh for _, zh in parts)


def _observation(found: Observation, knowledge: Knowledge) -> tuple[str, str]:
    name_en, name_zh = knowledge.indicator_names.get(found.indicator_id, (found.indicator_id,) * 2)
    area_en, area_zh = knowledge.area_names.get(found.ref_area, (found.ref_area,) * 2)
    late = found.vintage_basis == "assumed"
    how_en, how_zh = ("assumed known {} - hindsight", "推定{}起已知，属事后所知") if late else ("known {}", "{}起已知")
    known_en = f"{found.source_id}, {how_en.format(found.vintage)}"
    known_zh = f"{found.source_id}，{how_zh.format(found.vintage)}"
    return (
        f"{name_en}, {area_en} {period_en(found.time_period)} = {found.printed} ({known_en})",
        f"{area_zh}{period_zh(found.time_period)}{name_zh}{found.printed}（{known_zh}）",
    )


def _gaps(gaps: Iterable[Gap], knowledge: Knowledge) -> tuple[str, str]:
    listed = list(gaps)
    parts = [_gap(gap, knowledge) for gap in listed[:SHOWN]]
    if (more := len(listed) - SHOWN) > 0:
        parts.append((f"{more} more", f"另外{more}项"))
    return ", ".join(en for en, _ in parts), "、".join(zh for _, zh in parts)


def _gap(gap: Gap, knowledge: Knowledge) -> tuple[str, str]:
    name_en, name_zh = knowledge.indicator_names.get(gap.what, (gap.what,) * 2)
    if gap.wanted is not None:
        return (
            f"{name_en} of all {gap.wanted} areas in {period_en(gap.time_period)} ({gap.present} have it)",
            f"{period_zh(gap.time_period)}全部{gap.wanted}个地区的{name_zh}（仅有{gap.present}个）",
        )
    area_en, area_zh = knowledge.area_names.get(gap.ref_area, (gap.ref_area,) * 2)
    return (
        f"{name_en} of {area_en} in {period_en(gap.time_period)}",
        f"{area_zh}{period_zh(gap.time_period)}{name_zh}",
    )
