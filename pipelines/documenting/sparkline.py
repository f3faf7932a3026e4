"""A series as a line of the height of a word, in SVG.

Not here: which series (facts), charts with axes (reporting).
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, EDGE = 120, 24, 3


def sparkline(values: Sequence[float | None]) -> str:
    """The SVG of a series from its lowest to its highest value; gaps stay gaps, a value alone is a dot.

    In: values in the order of time, None where missing. Out: the empty text where nothing is known. It is read aloud by
    the numbers beside it, so it is hidden from screen readers.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    points = [_point(position, value, len(values), low, high) for position, value in enumerate(values)]
    lines, dots = [], []
    for run in _runs(points):
        if len(run) == 1:
            dots.append(run[0])
        else:
            lines.append("M" + "L".join(f"{x:g} {y:g}" for x, y in run))
    last = [point for point in points if point is not None][-1]
    marks = "".join(f'<circle cx="{x:g}" cy="{y:g}" r="1.2"/>' for x, y in dots if (x, y) != last)
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        + (f'<path d="{"".join(lines)}"/>' if lines else "")
        + marks
        + f'<circle class="last" cx="{last[0]:g}" cy="{last[1]:g}" r="2"/></svg>'
    )


def _point(position: int, value: float | None, count: int, low: float, high: float) -> tuple[float, float] | None:
    if value is None:
        return None
    across = position / (count - 1) if count > 1 else 0.5
    # Halved before they are subtracted: the span of two huge numbers of opposite sign is no number.
    up = (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
    return (
        round(EDGE + across * (WIDTH - 2 * EDGE), 1),
        round(HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE), 1),
    )


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The points without gaps between them, run by run."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]
