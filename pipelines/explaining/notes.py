"""The notes of the method on cells and scores in Chinese, and which step of imputation wrote them.

Not here: what a note is about (pipelines.index).
"""

from __future__ import annotations

import re

IMPUTED = {
    "linear between its neighbours in time": "linear",
    "carried forward": "carry",
    "carried back": "carry",
    "mean of the areas in the period": "cross_section",
    "median of the areas in the period": "cross_section",
    "mean of the areas of its group in the period": "cross_section",
    "median of the areas of its group in the period": "cross_section",
    "mean of the indicators beside it": "row_mean",
    "set to the given value": "constant",
}
_CHINESE = (
    (r"missing", "缺失"),
    (r"linear between its neighbours in time", "按前后时期线性内插"),
    (r"carried forward", "沿用前期值"),
    (r"carried back", "沿用后期值"),
    (r"mean of the areas in the period", "取同期各地区均值"),
    (r"median of the areas in the period", "取同期各地区中位数"),
    (r"mean of the areas of its group in the period", "取同期同组地区均值"),
    (r"median of the areas of its group in the period", "取同期同组地区中位数"),
    (r"mean of the indicators beside it", "取同一上级下其他指标的均值"),
    (r"set to the given value", "取给定值"),
    (r"its area is in no group", "所属地区未分组"),
    (r"its group has no value in the period", "同组地区当期无值"),
    (r"no two different values to compare it with the indicators beside it", "取值全同，无法与其他指标比较"),
    (r"no indicator beside it has a value", "其他指标均无值"),
    (r"its area is screened out", "所属地区未通过筛选"),
    (r"denominator (\S+) is missing or zero", r"分母\1缺失或为零"),
    (r"winsorised", "缩尾处理"),
    (r"winsorised (\d+) points and still an outlier", r"缩尾\1点后仍为异常"),
    (r"transformed by (\S+)", r"经\1变换"),
    (r"(\S+) changes nothing: constant", r"\1未改变数值：取值全同"),
    (r"log_gii changes nothing: no value above 1", "log_gii未改变数值：无大于1的值"),
    (r"(\S+) and still an outlier", r"经\1后仍为异常"),
    (r"square root of a negative value", "负数不能开平方"),
    (r"(\S+) is too large a number", r"\1的结果过大"),
    (r"beyond mean \+/- (\S+) standard deviations: not in the parameters", r"超出均值±\1倍标准差：不参与参数估计"),
    (r"beyond mean \+/- (\S+) standard deviations: cut", r"超出均值±\1倍标准差：已截断"),
    (r"constant indicator", "指标取值全同"),
    (r"too few values to scale by", "数值过少，无法标准化"),
    (r"only one value to rank", "仅一个值，无法排名"),
    (r"value is not above 0", "数值不大于0"),
    (r"value is not above 0, so it has no logarithm", "数值不大于0，无对数"),
    (r"no value in the base period (\S+)", r"基期\1无值"),
    (r"value of the base period (\S+) is not above 0", r"基期\1的值不大于0"),
    (r"no value of the reference area (\S+) in the period", r"参照地区\1当期无值"),
    (r"the reference area (\S+) is not better than the worst value", r"参照地区\1不优于最差值"),
    (r"fraction_of_max needs a maximum above 0", "占最优值之比要求最大值大于0"),
    (r"fraction_of_max of less-is-better needs all values above 0", "逆向指标占最优值之比要求各值均大于0"),
    (
        r"the target is on or beyond the worst value of the scope, and the value has not reached it",
        "目标值不优于最差值，且该值未达到",
    ),
    (r"no value of the reference \((.*)\)", r"参照值缺失（\1）"),
    (r"the score is not a finite number", "得分不是有限数"),
    (r"not above 0, so without growth", "不大于0，无增长率"),
    (r"coverage is below the threshold", "覆盖率低于阈值"),
    (r"growth over a gap, even in all its periods", "跨缺口的增长，均摊到各期"),
    (r"sits out: no value in the period before", "不参与：上期无值"),
    (r"price not above 0", "价格不大于0"),
    (r"quantity below 0", "数量小于0"),
    (r"sits out: no price and quantity to compare with", "不参与：无可比的价格和数量"),
    (r"nothing to compare with the base period (\S+)", r"与基期\1无可比项"),
    (r"the chain breaks: no growth from (\S+) to (\S+)", r"链条中断：\1至\2无增长率"),
    (r"(\S+) has no number for these scores", r"\1对这些得分无结果"),
    (r"no score above 0 in (\S+), so it cannot be rebased", r"\1无大于0的得分，无法换基"),
    (r"no score of both on the overlap, so it cannot be spliced", "重叠期无共同得分，无法衔接"),
    (r"a child is below 0; benefit of the doubt needs scores from 0 up", "有下级项小于0；最有利权重法要求得分不小于0"),
    (r"score 0: the share bounds want a share of a child that is 0", "得分为0：份额界限要求为0的下级项占有份额"),
    (
        r"upper share bounds raised in proportion: those of the children present sum below 1",
        "份额上限按比例上调：现有各项上限之和不足1",
    ),
    (
        r"a child's score is not above 0; state a floor or choose another aggregation",
        "有下级项得分不大于0；请设下限或另选合成方法",
    ),
)
_PATTERNS = [(re.compile(pattern), chinese) for pattern, chinese in _CHINESE]


def translated(note: str) -> str:
    """A note in Chinese; the note itself where there is no translation."""
    for pattern, chinese in _PATTERNS:
        if found := pattern.fullmatch(note):
            return found.expand(chinese)
    return note


def method_of(note: str) -> str | None:
    """The method of imputation that a note tells of; None for any other note."""
    return IMPUTED.get(note)
