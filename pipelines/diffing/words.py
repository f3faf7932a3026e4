"""Sentences of a comparison in English and Chinese: numbers, places, causes.

Not here: which causes there are (causes), the layout of an answer (console, markdown, page), methods (methods).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Words = tuple[str, str]
MINUS = "−"
_COUNTS: dict[str, Words] = {
    "revised": ("{n} {values} revised", "修订{n}个"),
    "new": ("{n} new {values}", "新增{n}个"),
    "withdrawn": ("{n} {values} withdrawn", "撤回{n}个"),
    "moved": ("{n} {values} from another source", "换用来源{n}个"),
}
CHANGE_NAMES: dict[str, Words] = {
    "revised": ("revised", "修订"), "new": ("new", "新增"), "withdrawn": ("withdrawn", "撤回"),
    "moved": ("other source", "换用来源"),
}  # fmt: skip
PART_NAMES: dict[str, Words] = {
    "total": ("total", "合计"), "data": ("data", "数据"), "method": ("method", "方法"),
    "interaction": ("interaction", "交互"), "code": ("code", "代码"), "unsplit": ("not split", "未分解"),
}  # fmt: skip
WHY: dict[str, Words] = {
    "vintage": ("a newer file", "新文件"), "source": ("another source", "换用来源"),
    "correction": ("a correction of the catalogue", "目录更正"),
    "reading": ("the same file read otherwise", "同一文件读取方式改变"),
}  # fmt: skip


def points(value: float | None, digits: int = 2) -> str:
    """A change in points with its sign; more digits where it is small; nothing for nothing."""
    if value is None:
        return ""
    if abs(value) < 1e-9:
        return "0"
    text = f"{abs(value):.{digits}f}" if abs(value) >= 5 * 10 ** -(digits + 1) else f"{abs(value):.1g}"
    return ("+" if value > 0 else MINUS) + _plain(text)


def level(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def size(value: float) -> str:
    return points(abs(value)).lstrip("+")


def percent(value: float | None) -> str:
    if value is None:
        return ""
    digits = 1 if abs(value) >= 0.1 else 2
    return points(value, digits) + " %"


def printed(value: float | None, decimals: int | None) -> str:
    """A value as its source printed it; of a file that holds binary numbers with up to 12 digits."""
    if value is None:
        return ""
    return f"{value:.{decimals}f}" if decimals is not None and 0 <= decimals <= 12 else f"{value:.12g}"


def period_words(period: str) -> Words:
    return period, f"{period}年" if re.fullmatch(r"\d{4}", period) else period


def counted(counts: Mapping[str, int]) -> Words:
    """How many values are new, revised, and so on; both empty for none."""
    parts: list[Words] = []
    for name, (en, zh) in _COUNTS.items():
        n = counts.get(name, 0)
        noun = "" if parts else "value" if n == 1 else "values"
        if n:
            parts.append((" ".join(en.format(n=n, values=noun).split()), zh.format(n=n)))
    if not parts:
        return "", ""
    return ", ".join(part for part, _ in parts), "数值" + "、".join(part for _, part in parts)


def example(row: Mapping[str, Any], area: Words) -> Words:
    """One changed value with its place: what it was, what it is, in which file."""
    when = period_words(row["time_period"])
    where = " ".join(filter(None, [row["new_file_name"] or row["old_file_name"], row["new_locator"] or ""]))
    old, new = printed(row["old_obs_value"], row["old_decimals"]), printed(row["new_obs_value"], row["new_decimals"])
    told = {
        "revised": (f"{old} → {new}", f"{old}→{new}"),
        "moved": (f"{new}, same number", f"{new}，数值不变"),
        "new": (f"{new}, none before", f"{new}，此前无"),
        "withdrawn": (f"{old}, withdrawn", f"{old}，已撤回"),
    }[row["change"]]
    share = percent(row["change_pct"]) if row["change"] == "revised" else ""
    en = f"{area[0]} {when[0]} {told[0]}" + (f" ({share})" if share else "") + (f", {where}" if where else "")
    zh = f"{area[1]}{when[1]}{told[1]}" + (f"（{share}）" if share else "") + (f"，{where}" if where else "")
    return en, zh


def cause(
    index: Words | None, edition: str, what: Words, effect: float, area: Words, period: str, mean: float, scores: int,
    also: Sequence[tuple[str, float]], detail: Words,
) -> Words:  # fmt: skip
    """One cause: what moved which score by how much, on average by how much, in which other editions, and why. Without
    `index` it is not named: there is but one."""
    when = period_words(period)
    average = ("", "")
    if scores > 1:
        average = f" ({size(mean)} on average over {scores} scores)", f"（{scores}个得分平均{size(mean)}分）"
    en = f"{what[0]} moved {area[0]} {when[0]} by {points(effect)} points{average[0]}"
    does = "上升" if effect > 0 else "下降"
    zh = f"{what[1]}使{area[1]}{when[1]}得分{does}{size(effect)}分{average[1]}"
    if index is not None:
        en, zh = f"{index[0]}, {edition}: {en}", f"{index[1]}（{edition}）：{zh}"
    else:
        en = en[0].upper() + en[1:]
    if detail[0]:
        en, zh = f"{en}: {detail[0]}", f"{zh}：{detail[1]}"
    if also:
        listed = ", ".join(f"{name} {points(value)}" for name, value in also)
        en, zh = f"{en}; also {listed}", f"{zh}；其他版次：{listed}"
    return f"{en}.", f"{zh}。"


def _plain(text: str) -> str:
    """A number without exponent."""
    return f"{float(text):.12f}".rstrip("0").rstrip(".") if "e" in text else text
