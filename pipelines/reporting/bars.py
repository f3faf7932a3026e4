"""Vega-Lite specifications of the charts made of bars: waterfall, stacked contributions, verdicts.

Not here: lines and dots (charts), which numbers are shown (movement, statements), the drawing (drawing).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.reporting.charts import (
    AREA,
    DOWN,
    INK,
    INK2,
    ROW,
    UP,
    finished,
    fitting,
    label_room,
    row_axis,
    row_names,
    short,
)
from pipelines.reporting.figure import Chart, Mark, Tokens
from pipelines.reporting.text import Words, number


def waterfall(steps: Sequence[tuple[Words, float | None, bool]], start: float, end: float, first: Words, last: Words,
              decimals: int) -> Chart:  # fmt: skip
    """From one score to the next. Steps are (name, points, whether it only sums up those below it)."""
    tokens = Tokens()
    rows: list[dict[str, Any]] = [_total(0, tokens(fitting(first)), start, decimals)]
    level = start
    for name, value, is_heading in steps:
        row: dict[str, Any] = {"i": len(rows), "n": tokens(fitting(name))}
        if is_heading:
            row |= {"h": True, "e": short(level), "t": number(value, decimals, True)}
        elif value is not None:
            row |= {
                "a": short(level),
                "b": short(level + value),
                "c": short(value),
                "t": number(value, decimals, True),
                "e": short(max(level, level + value)),
            }
            level += value
        rows.append(row)
    rows.append(_total(len(rows), tokens(fitting(last)), end, decimals))
    ends = [row[key] for row in rows for key in ("a", "b") if row.get(key) is not None]
    low, high = min(ends), max(ends)
    reach = (high - low) or 1.0
    x = {"type": "quantitative", "scale": {"domain": [low - 0.04 * reach, high + 0.02 * reach], "nice": False},
         "axis": {"tickCount": 5}}  # fmt: skip
    y = row_axis(len(rows))
    tooltip = [{"field": "n", "title": tokens(Words("Part", "部分"))},
               {"field": "t", "title": tokens(Words("Points", "点"))}]  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"transform": [{"filter": "isValid(datum.c)"}], "mark": {"type": "bar", "height": 11},
         "encoding": {"y": y, "x": x | {"field": "a"}, "x2": {"field": "b"}, "tooltip": tooltip,
                      "color": {"condition": {"test": "datum.c < 0", "value": DOWN}, "value": UP}}},
        {"transform": [{"filter": "datum.k"}], "mark": {"type": "point", "filled": True, "shape": "diamond",
                                                         "size": 90, "color": INK},
         "encoding": {"y": y, "x": x | {"field": "a"}, "tooltip": tooltip}},
        {"transform": [{"filter": "isValid(datum.e)"}],
         "mark": {"type": "text", "align": "left", "dx": 6, "baseline": "middle"},
         "encoding": {"y": y, "x": x | {"field": "e"}, "text": {"field": "t"}}},
        row_names(y, "datum.h || datum.k"),
    ]  # fmt: skip
    layers[2]["mark"]["fontWeight"] = {"expr": "datum.k || datum.h ? 'bold' : 'normal'"}
    labels = label_room([first, last, *(name for name, _, _ in steps)])
    return finished(
        {"data": {"values": rows}, "layer": layers},
        tokens,
        ROW * len(rows),
        (labels, 18 + 8 * len(number(end, decimals)), 6, 26),
    )


def parts_by_area(areas: Sequence[tuple[Words, float | None, Sequence[float | None]]], parts: Sequence[Mark],
                  decimals: int) -> Chart:  # fmt: skip
    """What each part added to the change of each area: stacked bars, and a dot for the sum."""
    tokens = Tokens()
    names = [tokens.own(part.name) for part in parts]
    rows, sums = [], []
    for i, (area, total, values) in enumerate(areas):
        label = tokens(fitting(area))
        sums.append({"i": i, "n": label, "v": short(total), "t": number(total, decimals, True)})
        for o, (name, value) in enumerate(zip(names, values, strict=True)):
            if value is not None:
                rows.append(
                    {"i": i, "n": label, "s": name, "o": o, "v": short(value), "t": number(value, decimals, True)}
                )
    y = row_axis(len(areas))
    x = {"field": "v", "type": "quantitative", "axis": {"tickCount": 7}}
    tooltip = [{"field": "n", "title": tokens(AREA)}, {"field": "t", "title": tokens(Words("Points", "点"))}]
    part_tooltip = [tooltip[0], {"field": "s", "title": tokens(Words("Part", "部分"))}, tooltip[1]]
    layers: list[dict[str, Any]] = [
        {"data": {"values": rows}, "mark": {"type": "bar", "height": 12},
         "encoding": {"y": y, "x": x | {"stack": "zero"}, "tooltip": part_tooltip,
                      "order": {"field": "o", "type": "quantitative"},
                      "color": {"field": "s", "type": "nominal", "legend": None,
                                "scale": {"domain": names, "range": [part.colour for part in parts]}}}},
        {"data": {"values": sums}, "mark": {"type": "point", "filled": True, "size": 44, "color": INK,
                                            "stroke": "var(--paper)", "strokeWidth": 1.2},
         "encoding": {"y": y, "x": x, "tooltip": tooltip}},
        {"data": {"values": sums}, **row_names(y)},
        {"data": {"values": [{"z": 0}]}, "mark": {"type": "rule", "color": INK2},
         "encoding": {"x": {"field": "z", "type": "quantitative"}}},
    ]  # fmt: skip
    labels = label_room([name for name, _, _ in areas])
    return finished({"layer": layers}, tokens, ROW * len(areas), (labels, 14, 6, 26))


def verdicts(bars: Sequence[tuple[Words, Sequence[int]]], parts: Sequence[Mark]) -> Chart:
    """How many statements got which verdict, one bar for each day of knowledge."""
    tokens = Tokens()
    names = [tokens.own(part.name) for part in parts]
    rows: list[dict[str, Any]] = []
    for i, (bar, counts) in enumerate(bars):
        label, done = tokens(fitting(bar)), 0
        for name, count in zip(names, counts, strict=True):
            if count:
                rows.append(
                    {"i": i, "n": label, "s": name, "a": done, "b": done + count, "m": done + count / 2, "v": count}
                )
            done += count
    total = max((row["b"] for row in rows), default=1)
    y = row_axis(len(bars))
    x = {"type": "quantitative", "scale": {"domain": [0, total], "nice": False}, "axis": {"tickCount": 6}}
    tooltip = [{"field": "n", "title": tokens(Words("Judged by", "依据"))},
               {"field": "s", "title": tokens(Words("Verdict", "结论"))},
               {"field": "v", "title": tokens(Words("Statements", "条数"))}]  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"data": {"values": rows}, "mark": {"type": "bar", "height": 24, "stroke": "var(--paper)"},
         "encoding": {"y": y, "x": x | {"field": "a"}, "x2": {"field": "b"}, "tooltip": tooltip,
                      "color": {"field": "s", "type": "nominal", "legend": None,
                                "scale": {"domain": names, "range": [part.colour for part in parts]}}}},
        {"data": {"values": [row for row in rows if row["v"] >= total * 0.03]},
         "mark": {"type": "text", "baseline": "middle", "color": "var(--on-bar)", "fontWeight": "bold"},
         "encoding": {"y": y, "x": x | {"field": "m"}, "text": {"field": "v"}}},
        {"data": {"values": [{"i": i, "n": tokens(fitting(bar))} for i, (bar, _) in enumerate(bars)]}, **row_names(y)},
    ]  # fmt: skip
    return finished({"layer": layers}, tokens, 36 * len(bars), (130, 14, 6, 26))


def _total(i: int, name: str, value: float, decimals: int) -> dict[str, Any]:
    place = short(value)
    return {"i": i, "n": name, "a": place, "b": place, "e": place, "t": number(value, decimals), "k": True}
