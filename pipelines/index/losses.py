"""What was lost on the way to a score, in words a reader of a release needs: values, scores, areas left out.

Not here: the notes on single cells (tabulate), the judgements on the release (expectations).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.index.panel import Panel
from pipelines.index.scope import Mask
from pipelines.index.score import NodeScores
from pipelines.index.stages import Stages
from pipelines.index.tree import Tree


@dataclass(frozen=True)
class IndexWarning:
    """Something lost on the way to a score: '' in area or period means all of them."""

    index_id: str
    edition_id: str
    node_id: str
    ref_area: str
    time_period: str
    text: str


def losses(
    index_id: str, edition_id: str, tree: Tree, panel: Panel, stages: Stages, scores: NodeScores
) -> Iterator[IndexWarning]:
    """Indicators without data, values that did not become a score, children that a node could not take: one line per
    node, reason and area. Areas that were screened out on purpose are not among them (`screened_out`)."""

    def located(node: str, text: str, mask: Mask) -> Iterator[IndexWarning]:
        if mask.any(axis=0).all() and len(panel.areas) > 1:
            period = _only(np.asarray(mask.any(axis=1)), panel)
            yield IndexWarning(index_id, edition_id, node, "", period, f"{text} ({mask.sum()} cells)")
            return
        for place in np.flatnonzero(mask.any(axis=0)):
            column = mask[:, place]
            period = _only(column, panel)
            yield IndexWarning(index_id, edition_id, node, panel.areas[place], period, f"{text} ({column.sum()} cells)")

    raw = stages.data["raw"]
    for place, leaf in enumerate(tree.leaves):
        if np.isnan(raw[:, :, place]).all():
            yield IndexWarning(index_id, edition_id, leaf, "", "", "no observation in any area and period")
    kept = np.ones(raw.shape[:2], dtype=bool) if stages.screened is None else stages.screened.kept
    without = np.isnan(stages.scores) & kept[:, :, None]
    for place, leaf in enumerate(tree.leaves):
        for text, mask in stages.notes.items():
            lost = mask[:, :, place] & without[:, :, place]
            if lost.any():
                yield from located(leaf, text, lost)
    for node in sorted(scores.refused):
        if scores.refused[node].any():
            text = "a child's score is not above 0; state a floor or choose another aggregation"
            yield from located(node, text, scores.refused[node])
    for node in sorted(scores.notes):
        for text, mask in scores.notes[node].items():
            if mask.any():
                yield from located(node, text, mask)


def screened_out(panel: Panel, stages: Stages) -> tuple[str, ...]:
    """The areas that the screening left out, with their shares: `XX: 71 % of the indicators have a value, 95 % of those
    are not zero`; with the period where it is period by period."""
    found = stages.screened
    if found is None:
        return ()
    is_same = bool((found.kept == found.kept[:1]).all())
    lines = []
    for period in range(1 if is_same else len(panel.periods)):
        for area in np.flatnonzero(~found.kept[period]):
            where = panel.areas[area] if is_same else f"{panel.areas[area]} {panel.periods[period]}"
            present, non_zero = found.availability[period, area], found.non_zero[period, area]
            shares = (
                f"{100 * present:.3g} % of the indicators have a value, {100 * non_zero:.3g} % of those are not zero"
            )
            lines.append(f"{where}: {shares}")
    return tuple(lines)


def _only(periods: Mask, panel: Panel) -> str:
    return panel.periods[int(periods.argmax())] if periods.sum() == 1 else ""
