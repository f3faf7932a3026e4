"""What a page shows of data: tables, charts, and figures that join a chart with its table and its words.

Not here: how they are drawn (charts, drawing) and written as HTML (markup).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.reporting.text import Words, number, same

UNSEEN = "\u200b"


@dataclass(frozen=True)
class Cell:
    """One cell. `kind`: a class of its own (good, bad, hindsight ...); `share`: 0 to 1, how dark it is shaded;
    `below`: a second line; `more`: a longer text that opens; `is_asis`: text that exists in one language only."""

    text: Words
    kind: str = ""
    share: float | None = None
    below: Words | None = None
    more: Words | None = None
    is_asis: bool = False
    link: str = ""


def signed(value: float | None, decimals: int) -> Cell:
    """A change with its sign, coloured by its direction; one that rounds to nothing has neither."""
    text = number(value, decimals, True)
    return Cell(same(text), {"+": "up", "−": "down"}.get(text[0], ""))


@dataclass(frozen=True)
class Group:
    """A heading across a table: the rows after it belong together."""

    text: Words


@dataclass(frozen=True)
class Column:
    """The head of a column. `kind`: number, text, code, or wide for long text; `over`: a head above several."""

    head: Words
    kind: str = "number"
    over: Words | None = None


Value = Cell | Words | str
Line = Sequence[Value] | Group


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows. `cut`: what was left out and by which rule; None: nothing."""

    table_id: str
    caption: Words
    columns: Sequence[Column]
    lines: Sequence[Line]
    note: Words | None = None
    cut: Words | None = None


@dataclass(frozen=True)
class Mark:
    """One entry of a legend: its name and how it is drawn (line, dash, area, dot, diamond, bar)."""

    name: Words
    colour: str
    shape: str = "line"
    dash: tuple[int, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification whose texts are tokens, and the words that they stand for.

    `padding`: left, right, top, bottom around the plot in pixels; `cells`: plots side by side in a facet, else 0.
    """

    spec: dict[str, Any]
    texts: tuple[Words, ...]
    height: int
    padding: tuple[int, int, int, int]
    cells: int = 0


@dataclass(frozen=True)
class Figure:
    """A titled chart with a sentence that says what it shows, its legend, its table and a note."""

    figure_id: str
    title: Words
    unit: Words
    alternative: Words
    chart: Chart | None
    table: Table | None
    legend: tuple[Mark, ...] = ()
    note: Words | None = None


@dataclass
class Tokens:
    """Collects the texts of a chart; the specification holds tokens, so that one drawing serves both languages."""

    texts: list[Words] = field(default_factory=list)
    _known: dict[Words, str] = field(default_factory=dict)

    def __call__(self, text: Words | str) -> str:
        pair = same(text) if isinstance(text, str) else text
        if pair not in self._known:
            self._known[pair] = f"⟦{len(self.texts)}⟧"
            self.texts.append(pair)
        return self._known[pair]

    def own(self, text: Words) -> str:
        """A token for this one series; series of the same name stay apart, by a mark that no eye sees."""
        while any(text.en == known.en or text.zh == known.zh for known in self.texts):
            text += same(UNSEEN)
        self.texts.append(text)
        return f"⟦{len(self.texts) - 1}⟧"


def limited(lines: Iterable[Line], limit: int, rule: Words) -> tuple[list[Line], Words | None]:
    """The first lines of a table, and the sentence that says what was left out; groups do not count."""
    kept: list[Line] = []
    shown = total = 0
    for line in lines:
        if isinstance(line, Group):
            if shown < limit:
                kept.append(line)
            continue
        total += 1
        if shown < limit:
            kept.append(line)
            shown += 1
    if total <= limit:
        return kept, None
    said = Words(f"Shown: {limit} of {total} rows, {rule.en}.", f"显示{total}行中的{limit}行：{rule.zh}。")
    return kept, said
