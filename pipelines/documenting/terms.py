"""The coded words of the tables and of the catalogue, said in English and Chinese.

Not here: names and texts of entries (they come from the catalogue).
"""

from __future__ import annotations

from pipelines.reporting.text import Words, same

_TERMS: dict[str, dict[str, tuple[str, str]]] = {
    "direction": {
        "1": ("more is better", "越大越好"),
        "-1": ("less is better", "越小越好"),
        "0": ("neither; each index says", "无方向，由各指数规定"),
    },
    "kind": {
        "stock": ("stock: a state at a point in time", "存量：某一时点的状态"),
        "flow": ("flow: a sum over the period", "流量：时期内的合计"),
        "ratio": ("ratio", "比率"),
        "share": ("share", "占比"),
        "rank": ("rank: 1 is best", "位次：1为最优"),
        "index": ("index number", "指数"),
    },
    "cadence": {
        "daily": ("daily", "每日"),
        "weekly": ("weekly", "每周"),
        "monthly": ("monthly", "每月"),
        "quarterly": ("quarterly", "每季"),
        "yearly": ("yearly", "每年"),
        "once": ("once", "一次性"),
    },
    "scope": {
        "complete": ("complete: what a newer file leaves out is withdrawn", "完整：新文件未列者视为撤回"),
        "partial": ("partial: what a newer file leaves out is not mentioned", "部分：新文件未列者视为未提及"),
    },
    "area_kind": {
        "world": ("world", "世界"),
        "country": ("country", "国家"),
        "region": ("region", "区域"),
        "province": ("province", "省级"),
        "city": ("city", "城市"),
        "zone": ("zone", "园区"),
    },
    "node_kind": {
        "index": ("index", "指数"),
        "pillar": ("pillar", "一级指标"),
        "sub_pillar": ("sub-pillar", "分级指标"),
        "indicator": ("indicator", "基础指标"),
    },
    "basis": {
        "declared": ("declared", "声明"),
        "retrieved": ("day of retrieval", "获取日期"),
        "assumed": ("assumed (hindsight)", "假定（事后推定）"),
    },
    "freq": {
        "A": ("yearly", "年度"),
        "S": ("half-yearly", "半年度"),
        "Q": ("quarterly", "季度"),
        "M": ("monthly", "月度"),
        "W": ("weekly", "周度"),
        "D": ("daily", "日度"),
    },
    "verdict": {
        "consistent": ("consistent", "一致"),
        "compatible": ("compatible", "相容"),
        "inconsistent": ("inconsistent", "不一致"),
        "not_testable": ("not testable", "无法检验"),
    },
    "yes": {"True": ("yes", "是"), "False": ("no", "否")},
}


def term(group: str, code: object) -> Words:
    """A coded word in both languages; the code itself where it has no words, nothing for none."""
    if code is None or code == "":
        return Words("", "")
    found = _TERMS[group].get(str(code))
    return Words(*found) if found else same(code)
