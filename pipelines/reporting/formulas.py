"""The formulas of the methods as MathML, written here in a line of text each.

Not here: the method in words (index_edition.method_en), computing it (pipelines.index).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from pipelines.reporting.text import Words


class Formula(NamedTuple):
    """A formula as a line of text, and what its letters mean."""

    line: str
    where: Words


_X = Words("x value of the indicator", "x为指标值")
_TURNED = Words("; turned round where less is better", "；逆向指标反向处理")
_SCALED = Words("; min and max over the scope that the method states", "；min、max取自方法所述范围")
NORMALISE: dict[str, Formula] = {
    "none": Formula("y = x", _X),
    "min_max": Formula(
        "y = l + (u - l) * {x - min}/{max - min}",
        _X + Words(", l to u the scale", "，l至u为得分区间") + _SCALED + _TURNED,
    ),
    "z_score": Formula(
        "y = m + s * {x - mean}/sd",
        _X + Words(", m and s mean and spread of the scale", "，m、s为得分的均值和标准差") + _TURNED,
    ),
    "rank": Formula("y = rank(x)", Words("1 for the worst, ties take the smallest", "最差者为1，并列取最小")),
    "borda": Formula("y = rank(x) - 1", Words("0 for the worst", "最差者为0")),
    "percentile_rank": Formula("y = {rank(x) - 1}/{n - 1}", Words("n areas with a value", "n为有值地区数")),
    "goalposts": Formula(
        "y = s * {x - low}/{high - low}",
        _X + Words(", low and high the goalposts, s the scale", "，low、high为目标区间，s为满分") + _TURNED,
    ),
    "distance_to_target": Formula(
        "y = {x - min}/{t - min}", _X + Words(", t the target", "，t为目标值") + _SCALED + _TURNED
    ),
    "distance_to_reference": Formula(
        "y = 1 - {x_ref - x}/{x_ref - min}", _X + Words(", ref the reference area", "，ref为参照地区") + _TURNED
    ),
    "fraction_of_max": Formula("y = x/max", _X + Words("; min/x where less is better", "；逆向指标为min/x")),
    "base_ratio": Formula(
        "y_t = v * x_t/x_base", _X + Words(", v the score of the base period", "，v为基期得分") + _TURNED
    ),
    "ampi": Formula(
        "y = 70 + 60 * {x - x_ref + D}/{2 D}",
        _X + Words(", D half the range, 100 at the reference", "，D为极差的一半，参照值得100分") + _TURNED,
    ),
}
_WEIGHTED = Words(
    "yᵢ scores of the parts, wᵢ their weights, which sum to 1; weights of missing parts are spread",
    "yᵢ为各部分得分，wᵢ为权重，合计为1；缺失部分的权重按比例分摊",
)
_CHAIN = Words("wᵢ weights, d 1 or -1 by direction", "wᵢ为权重，d按方向取1或-1")
_PRICE = Words("pₜ prices and qₜ quantities of the period, 0 the base", "pₜ、qₜ为当期价格和数量，0为基期")
AGGREGATE: dict[str, Formula] = {
    "arithmetic": Formula("I = sum_i w_i y_i", _WEIGHTED),
    "geometric": Formula("I = prod_i y_i^{w_i}", _WEIGHTED),
    "harmonic": Formula("I = 1/{sum_i w_i/y_i}", _WEIGHTED),
    "power_mean": Formula("I = (sum_i w_i y_i^p)^{1:p}", _WEIGHTED),
    "median": Formula("I = median(y_i, w_i)", Words("weighted median of the parts", "各部分的加权中位数")),
    "min": Formula("I = min(y_i)", Words("the lowest of the parts", "各部分中的最低者")),
    "copeland": Formula(
        "I = n_beats - n_beaten",
        Words("areas that it beats by weight, less those that beat it", "按权重胜出的地区数减去落败的地区数"),
    ),
    "mpi": Formula(
        "I = M - S^2/M", Words("M mean and S standard deviation of the parts (n-1)", "M为各部分均值，S为标准差（n-1）")
    ),
    "ampi": Formula(
        "I = M - S^2/M", Words("M mean and S standard deviation of the parts (n)", "M为各部分均值，S为标准差（n）")
    ),
    "topsis": Formula(
        "I = d_worst/{d_worst + d_ideal}",
        Words("distances to the worst and to the ideal point", "与最差点、理想点的距离"),
    ),
    "benefit_of_the_doubt": Formula(
        "I = max_w sum_i w_i y_i",
        Words(
            "each area with the weights that suit it best, no area above 1", "各地区取对其最有利的权重，任何地区不超过1"
        ),
    ),
    "chain_symmetric": Formula(
        "I_t = I_{t-1} {200 + G_t}/{200 - G_t}, G_t = sum_i w_i * 200 d {x_t - x_{t-1}}/{x_t + x_{t-1}}", _CHAIN
    ),
    "chain_geometric": Formula("I_t = I_{t-1} prod_i (x_t/x_{t-1})^{d w_i}", _CHAIN),
    "laspeyres": Formula("I = {sum p_t q_0}/{sum p_0 q_0}", _PRICE),
    "paasche": Formula("I = {sum p_t q_t}/{sum p_0 q_t}", _PRICE),
    "fisher": Formula("I = sqrt{L * P}", Words("L Laspeyres, P Paasche", "L为拉氏指数，P为帕氏指数")),
    "tornqvist": Formula("I = prod (p_t/p_0)^{(s_0 + s_t):2}", Words("s shares in value", "s为价值份额")),
}
GROWTH = Formula(
    "g = (x_T/x_0)^{1:n} - 1", Words("n intervals between the first and the last period", "n为首末期之间的间隔数")
)
CONTRIBUTION = Formula(
    "c_i = w_{i,t} y_{i,t} - w_{i,t-1} y_{i,t-1}",
    Words("for an arithmetic mean; the contributions sum exactly to the change", "算术平均时；各贡献之和恰为总变化"),
)
_WORD = re.compile(r"\s*(sum|prod|sqrt|[A-Za-z]+|\d+|[-+*/:=^_(){},])")
_BIG = {"sum": "∑", "prod": "∏"}
_SIGN = {"-": "−", "*": "\u2062", ":": "/"}


def mathml(line: str) -> str:
    """A line of text as MathML. `{...}` is a group that is not shown, `a/b` a fraction, `a:b` the same on one line."""
    reader = _Reader(line)
    body = "".join(reader.expression())
    return f'<math displaystyle="true">{body}</math>'


class _Reader:
    """Reads a line from left to right; the grammar has no more than the formulas above need."""

    def __init__(self, line: str) -> None:
        self.words = [match[1] for match in _WORD.finditer(line)]
        self.at = 0

    @property
    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        self.at += 1
        return self.words[self.at - 1]

    def expression(self, end: str = "") -> Iterator[str]:
        while self.next and self.next != end:
            term = self._scripted()
            if self.next == "/":
                self.take()
                term = f"<mfrac>{term}{self._scripted()}</mfrac>"
            yield term
        if end and self.next:
            self.take()

    def _scripted(self) -> str:
        is_big = self.next in _BIG
        base, below, above = self._atom(), "", ""
        while self.next in ("_", "^"):
            if self.take() == "_":
                below = self._atom()
            else:
                above = self._atom()
        if is_big:
            return f"<munder>{base}{below}</munder>" if below else base
        if below and above:
            return f"<msubsup>{base}{below}{above}</msubsup>"
        if below:
            return f"<msub>{base}{below}</msub>"
        return f"<msup>{base}{above}</msup>" if above else base

    def _atom(self) -> str:
        word = self.take()
        if word == "{":
            return f"<mrow>{''.join(self.expression('}'))}</mrow>"
        if word == "(":
            return f"<mrow><mo>(</mo>{''.join(self.expression(')'))}<mo>)</mo></mrow>"
        if word == "sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        if word in _BIG:
            return f'<mo movablelimits="false">{_BIG[word]}</mo>'
        if word.isdigit():
            return f"<mn>{word}</mn>"
        if word.isalpha():
            return f"<mi>{word}</mi>"
        return f"<mo>{escape(_SIGN.get(word, word))}</mo>"
