"""Vega-Lite specifications of lines and dots, with tokens for every text and CSS variables for every colour.

The same specification is drawn once for paper and again in the browser; tokens give both languages, variables give
light and dark. Plots have fixed paddings, so that nothing depends on which fonts a machine has.
Not here: bars, which numbers are shown (over_time, areas), the drawing (drawing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.reporting.figure import Chart, Mark, Tokens
from pipelines.reporting.text import Words, number, shortened

WIDTH = 720
ROW = 20
WIDEST_LABELS = 250
LABEL_WIDTH = 40
SERIES = tuple(f"var(--s{n})" for n in range(1, 9))
DASHES: tuple[tuple[int, ...], ...] = (
    (),
    (7, 3),
    (2, 3),
    (9, 3, 2, 3),
    (4, 2),
    (8, 2, 2, 2, 2, 2),
    (12, 4),
    (6, 2, 1, 2),
)
ACCENT, MUTED, INK, INK2, GRID = "var(--accent)", "var(--muted)", "var(--ink)", "var(--ink2)", "var(--grid)"
UP, DOWN = "var(--up)", "var(--down)"
SHORT_AXIS = 12
CONFIG: dict[str, Any] = {
    "aria": False, "font": "sans-serif", "background": "transparent", "view": {"stroke": None},
    "axis": {"labelColor": INK2, "titleColor": INK2, "gridColor": GRID, "domainColor": "var(--axis)",
             "tickColor": "var(--axis)", "labelFontSize": 12, "labelPadding": 5, "tickSize": 4, "title": None},
    "header": {"labelColor": INK, "labelFontSize": 12, "labelAnchor": "start", "labelPadding": 3, "title": None},
    "text": {"color": INK, "fontSize": 12}, "point": {"opacity": 1},
    "mark": {"invalid": "break-paths-filter-domains"},
}  # fmt: skip
_SCORE = Words("Score", "得分")
_PERIOD = Words("Period", "时期")
AREA = Words("Area", "地区")


@dataclass(frozen=True)
class Series:
    """One line: a value per period, None where it is missing."""

    mark: Mark
    values: dict[str, float | None]
    is_background: bool = False
    is_strong: bool = False


@dataclass(frozen=True)
class Axis:
    """The time axis: periods in order, and where each lies in years."""

    periods: Sequence[str]
    place: dict[str, float]

    @property
    def is_short(self) -> bool:
        """Quarters or months that fit side by side; years are a scale of numbers."""
        return len(self.periods) <= SHORT_AXIS and any(not text.isdigit() for text in self.periods)

    def encoding(self) -> dict[str, Any]:
        if self.is_short:
            return {"field": "p", "type": "ordinal", "scale": {"type": "point", "padding": 0.3},
                    "sort": list(self.periods), "axis": {"labelAngle": 0, "labelOverlap": True}}  # fmt: skip
        first, last = self.place[self.periods[0]], self.place[self.periods[-1]]
        room = max(0.25, (last - first) * 0.015)
        return {"field": "x", "type": "quantitative",
                "scale": {"domain": [first - room, last + room], "nice": False, "zero": False},
                "axis": {"format": "d", "tickMinStep": 1, "grid": False, "labelOverlap": True}}  # fmt: skip


def lines(axis: Axis, series: Sequence[Series], decimals: int, band: dict[str, tuple[float, float]] | None = None,
          points: Sequence[Series] = (), height: int = 300) -> Chart:  # fmt: skip
    """Lines over time, with a band behind them and loose points beside them; missing periods break a line."""
    tokens = Tokens()
    tooltip = [{"field": "s", "title": tokens(Words("Series", "序列"))}, {"field": "p", "title": tokens(_PERIOD)},
               {"field": "v", "title": tokens(Words("Value", "数值")), "format": f",.{decimals}f"}]  # fmt: skip
    x = axis.encoding()
    layers: list[dict[str, Any]] = []
    if band:
        rows = [{"x": axis.place[p], "p": p, "lo": short(lo), "hi": short(hi)} for p, (lo, hi) in band.items()]
        layers.append({
            "data": {"values": rows}, "mark": {"type": "area", "color": ACCENT, "opacity": 0.16},
            "encoding": {"x": x, "y": {"field": "lo", "type": "quantitative"}, "y2": {"field": "hi"}},
        })  # fmt: skip
    y = {"field": "v", "type": "quantitative", "scale": {"zero": False}, "axis": {"tickCount": 5}}
    behind = [each for each in series if each.is_background]
    if behind:
        rows = [row for n, each in enumerate(behind) for row in _rows(axis, each, tokens, n)]
        layers.append({
            "data": {"values": rows}, "mark": {"type": "line", "strokeWidth": 1, "color": MUTED},
            "encoding": {"x": x, "y": y, "detail": {"field": "k"}, "tooltip": tooltip},
        })  # fmt: skip
    for each in series:
        if not each.is_background:
            colour = each.mark.colour
            layers.append({
                "data": {"values": _rows(axis, each, tokens)},
                "mark": {"type": "line", "color": colour, "strokeDash": list(each.mark.dash),
                         "strokeWidth": 2.6 if each.is_strong else 1.8,
                         "point": {"filled": True, "size": 24, "color": colour}},
                "encoding": {"x": x, "y": y, "tooltip": tooltip},
            })  # fmt: skip
    for each in points:
        layers.append({
            "data": {"values": [row for row in _rows(axis, each, tokens) if row["v"] is not None]},
            "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 110, "color": each.mark.colour},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        })  # fmt: skip
    shown = [v for each in (*series, *points) for v in each.values.values() if v is not None]
    shown += [end for ends in (band or {}).values() for end in ends]
    reach = max(shown) - min(shown)
    digits = max(len(number(v, 0)) for v in shown) + (0 if reach >= 8 else 2 if reach >= 0.5 else 4)
    return finished({"layer": layers}, tokens, height, (14 + 8 * digits, 14, 12, 26))


@dataclass(frozen=True)
class Dot:
    """One area in a chart of dots: its place, the interval around it, and what stands at the right end."""

    name: Words
    value: float | None
    low: float | None
    high: float | None
    label: str
    said: str


def intervals(dots: Sequence[Dot], domain: tuple[float, float] | None, measure: Words, decimals: int = 0) -> Chart:
    """A dot with its interval for each area, in order. `domain`: the ends of the axis; None: as the data have it."""
    tokens = Tokens()
    rows = [{"i": i, "n": tokens(fitting(dot.name)), "v": short(dot.value), "lo": short(dot.low),
             "hi": short(dot.high), "t": dot.said, "r": dot.label} for i, dot in enumerate(dots)]  # fmt: skip
    y = row_axis(len(rows))
    scale: dict[str, Any] = (
        {"zero": False} if domain is None else {"domain": list(domain), "nice": False, "zero": False}
    )
    axis: dict[str, Any] = {"tickCount": 8, "orient": "top"}
    if domain is not None:
        step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if domain[1] / size <= 8)
        axis |= {"values": sorted({1, *range(step, int(domain[1]) + 1, step)}), "format": "d"}
    x = {"type": "quantitative", "scale": scale, "axis": axis}
    tooltip = [{"field": "n", "title": tokens(AREA)}, {"field": "t", "title": tokens(measure)}]
    layers: list[dict[str, Any]] = [
        {"transform": [{"filter": "isValid(datum.lo)"}],
         "mark": {"type": "rule", "strokeWidth": 8, "color": ACCENT, "opacity": 0.26, "strokeCap": "round"},
         "encoding": {"y": y, "x": x | {"field": "lo"}, "x2": {"field": "hi"}, "tooltip": tooltip}},
        {"mark": {"type": "point", "filled": True, "size": 46, "color": ACCENT},
         "encoding": {"y": y, "x": x | {"field": "v"}, "tooltip": tooltip}},
        {"mark": {"type": "text", "align": "left", "baseline": "middle", "color": INK2},
         "encoding": {"y": y, "x": {"value": {"expr": "width + 10"}}, "text": {"field": "r"}}},
        row_names(y),
    ]  # fmt: skip
    labels = label_room([dot.name for dot in dots])
    return finished({"data": {"values": rows}, "layer": layers}, tokens, ROW * len(rows), (labels, 58, 26, 6))


def pairs(rows_of: Sequence[tuple[Words, float | None, float | None]], then: Mark, now: Mark, decimals: int) -> Chart:
    """Two dots on a line for each area: then and now."""
    tokens = Tokens()
    names = [tokens.own(then.name), tokens.own(now.name)]
    lines_, dots = [], []
    for i, (area, before, after) in enumerate(rows_of):
        label = tokens(fitting(area))
        lines_.append({"i": i, "n": label, "a": short(before), "b": short(after)})
        dots += [
            {"i": i, "n": label, "s": name, "v": short(value)}
            for name, value in zip(names, (before, after), strict=True)
        ]
    y = row_axis(len(rows_of))
    x = {"type": "quantitative", "scale": {"zero": False}, "axis": {"tickCount": 7, "orient": "top"}}
    tooltip = [{"field": "n", "title": tokens(AREA)}, {"field": "s", "title": tokens(Words("Edition", "版次"))},
               {"field": "v", "title": tokens(_SCORE), "format": f".{decimals}f"}]  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"data": {"values": lines_}, "transform": [{"filter": "isValid(datum.a) && isValid(datum.b)"}],
         "mark": {"type": "rule", "color": MUTED, "strokeWidth": 2.5},
         "encoding": {"y": y, "x": x | {"field": "a"}, "x2": {"field": "b"}}},
        {"data": {"values": dots}, "mark": {"type": "point", "filled": True, "size": 52, "opacity": 1},
         "encoding": {"y": y, "x": x | {"field": "v"}, "tooltip": tooltip,
                      "shape": {"field": "s", "type": "nominal", "legend": None,
                                "scale": {"domain": names, "range": ["diamond", "circle"]}},
                      "color": {"field": "s", "type": "nominal", "legend": None,
                                "scale": {"domain": names, "range": [then.colour, now.colour]}}}},
        {"data": {"values": lines_}, **row_names(y)},
    ]  # fmt: skip
    labels = label_room([area for area, _, _ in rows_of])
    return finished({"layer": layers}, tokens, ROW * len(rows_of), (labels, 14, 26, 6))


def small_multiples(axis: Axis, series: Sequence[tuple[Words, dict[str, float | None]]], decimals: int) -> Chart:
    """One little plot for each area, all on the same scales, in the given order."""
    tokens = Tokens()
    names = [tokens.own(Words(shortened(name.en, 22), shortened(name.zh, 22))) for name, _ in series]
    rows = [
        {"x": axis.place[p], "p": p, "v": short(values.get(p)), "n": token}
        for token, (_, values) in zip(names, series, strict=True)
        for p in axis.periods
    ]
    x = axis.encoding()
    x["axis"] = {
        "format": "d",
        "labelOverlap": False,
        "grid": False,
        "labelFontSize": 10,
        "domain": False,
        "ticks": False,
    }
    if axis.is_short:
        x["axis"] |= {"labelOverlap": True, "labelAngle": 0}
    else:
        x["axis"] |= {
            "values": sorted({axis.place[axis.periods[0]], axis.place[axis.periods[-1]]}),
            "labelAlign": {"condition": {"test": "datum.index > 0", "value": "right"}, "value": "left"},
        }
    tooltip = [{"field": "n", "title": tokens(AREA)}, {"field": "p", "title": tokens(_PERIOD)},
               {"field": "v", "title": tokens(_SCORE), "format": f".{decimals}f"}]  # fmt: skip
    spec = {
        "data": {"values": rows}, "columns": 5, "spacing": {"row": 14, "column": 14},
        "facet": {"field": "n", "type": "nominal", "sort": names, "header": {"title": None}},
        "spec": {
            "width": 118, "height": 70,
            "mark": {"type": "area", "line": {"color": ACCENT, "strokeWidth": 1.8}, "color": ACCENT, "opacity": 0.12},
            "encoding": {"x": x, "tooltip": tooltip,
                         "y": {"field": "v", "type": "quantitative", "axis": {"tickCount": 3, "labelFontSize": 10,
                                                                              "domain": False, "ticks": False}}},
        },
    }  # fmt: skip
    return Chart(spec, tuple(tokens.texts), 0, (34, 0, 0, 0), cells=len(names))


def finished(spec: dict[str, Any], tokens: Tokens, height: int, padding: tuple[int, int, int, int]) -> Chart:
    left, right, top, bottom = padding
    whole = {
        "width": WIDTH - left - right, "height": height, "autosize": "none",
        "padding": {"left": left, "right": right, "top": top, "bottom": bottom}, **spec,
    }  # fmt: skip
    return Chart(whole, tuple(tokens.texts), height, padding)


def _rows(axis: Axis, series: Series, tokens: Tokens, number_of: int | None = None) -> list[dict[str, Any]]:
    """Rows for every period between the first and the last value of a series, missing ones too."""
    known = [p for p in axis.periods if series.values.get(p) is not None]
    if not known:
        return []
    name = tokens(series.mark.name)
    first, last = axis.periods.index(known[0]), axis.periods.index(known[-1])
    kept = axis.periods[first : last + 1]
    rows = [{"x": axis.place[p], "p": p, "s": name, "v": short(series.values.get(p))} for p in kept]
    return rows if number_of is None else [row | {"k": number_of} for row in rows]


def row_axis(count: int) -> dict[str, Any]:
    """One row per item; their names are texts of their own, since two items may have the same one."""
    return {"field": "i", "type": "ordinal", "axis": None,
            "scale": {"domain": list(range(count)), "paddingInner": 0.1, "paddingOuter": 0.1}}  # fmt: skip


def row_names(y: dict[str, Any], bold: str = "false") -> dict[str, Any]:
    return {
        "mark": {"type": "text", "align": "right", "baseline": "middle", "limit": WIDEST_LABELS - 12,
                 "fontWeight": {"expr": f"{bold} ? 'bold' : 'normal'"}},
        "encoding": {"y": y, "x": {"value": -8}, "text": {"field": "n"}},
    }  # fmt: skip


def label_room(names: Sequence[Words]) -> int:
    """Pixels that the names need on the left; a Chinese character is as wide as two Latin ones."""
    widest = max(
        (min(LABEL_WIDTH, sum(2 if ord(c) > 0x2E7F else 1 for c in text)) for name in names for text in name), default=0
    )
    return max(70, min(WIDEST_LABELS, 18 + round(6.4 * widest)))


def fitting(name: Words) -> Words:
    return Words(shortened(name.en, LABEL_WIDTH), shortened(name.zh, LABEL_WIDTH))


def short(value: float | None) -> float | None:
    """Seven significant digits draw the same picture in fewer bytes."""
    return None if value is None else float(f"{value:.7g}")
