"""The stages of one cell of an indicator: raw, denominated, imputed, treated, normalised, each with all that it was
computed from.

Not here: the origin of the values (origin), the tree above the indicators (tree).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

import numpy as np

from pipelines.explaining.notes import method_of, translated
from pipelines.explaining.opened import Opened
from pipelines.explaining.origin import Document, Origins
from pipelines.explaining.replay import Replay
from pipelines.index.describe import short, words_of
from pipelines.index.period import shift_years
from pipelines.index.rank import Floats
from pipelines.index.scope import Mask
from pipelines.index.stages import LeafSteps
from pipelines.index.statistics import highest, lowest, moments
from pipelines.index.treat import winsorise
from warehouse.catalogue.method.normalise import BaseRatio, NoNormalisation, RankScore
from warehouse.catalogue.method.prepare import CrossSection, NoImputation, NoTreatment, SdLimits, Winsorise
from warehouse.catalogue.method.scope import GivenScope, ReferenceScope
from warehouse.rounding import round_significant

_STEPS: dict[tuple[int, str | None], tuple[Any, Document]] = {}  # by the object, which is kept so that its id is too


class Cell:
    """One leaf in one area and period of a replayed edition."""

    def __init__(self, replay: Replay, leaf: str, area: int, period: int) -> None:
        self.replay, self.leaf, self.area, self.period = replay, leaf, area, period
        self.place = replay.tree.leaves.index(leaf)
        self.steps: LeafSteps = replay.model.steps[self.place]

    @property
    def at(self) -> tuple[int, int, int]:
        return self.period, self.area, self.place

    def value(self, stage: str) -> float | None:
        return number(self.replay.stages.data[stage][self.at])

    def panel(self, stage: str) -> Floats:
        """All values (periods, areas) of the leaf after a stage."""
        return self.replay.stages.data[stage][:, :, self.place]

    def notes(self) -> Iterator[tuple[str, Mask]]:
        """The notes on this cell, each with its whole mask (periods, areas, leaves)."""
        for text, mask in self.replay.stages.notes.items():
            if mask[self.at]:
                yield text, mask

    def before(self, stage: str) -> str:
        """The stage that a stage takes its values from."""
        order = self.replay.index.method.order
        place = order.index(stage)
        return order[place - 1] if place else "raw"


def number(value: Any) -> float | None:
    """A float for JSON: None for NaN."""
    found = float(value)
    return None if isnan(found) else found


def step_document(step: Any, base_period: str | None = None) -> Document:
    """A step of the method: its name, all its options, the short form of `index_node`, words in both languages."""
    key = (id(step), base_period)
    if key not in _STEPS or _STEPS[key][0] is not step:
        options = step.model_dump(mode="json")
        method = options.pop("method", None)
        words = words_of(step, base_period)
        told = {
            "method": method,
            "options": options,
            "short": short(step) if method else None,
            "words_en": words[0],
            "words_zh": words[1],
        }
        _STEPS[key] = step, told
    return _STEPS[key][1]


def stages_of(cell: Cell, opened: Opened, origins: Origins) -> list[Document]:
    """The stages that ran on a cell, in their order; those that do nothing for this indicator are left out.

    `value` is unrounded: the next stage starts from it. None: missing, with the reason in a note.
    """
    replay, steps = cell.replay, cell.steps
    area, period = replay.panel.areas[cell.area], replay.panel.periods[cell.period]
    origin = origins.of(replay.indicator_of(cell.leaf), area, period)
    found: list[Document] = [{"stage": "raw", "value": cell.value("raw"), "origin": origin}]
    for stage in replay.index.method.order:
        if stage == "screen" and replay.stages.screened is not None:
            found.append({"stage": stage, "value": cell.value(stage), **_screened(cell)})
        elif stage == "denominate" and steps.denominate is not None:
            by, lag = steps.denominate.by, steps.denominate.lag
            divisor = origins.of(by, area, (shift_years(period, -lag) if lag else period) or period)
            rule = {"by": by, "lag": lag, "scale": steps.denominate.scale, "denominator": divisor}
            found.append({"stage": stage, "value": cell.value(stage), **rule})
        elif stage == "impute" and not all(isinstance(step, NoImputation) for step in steps.impute):
            found.append({"stage": stage, "value": cell.value(stage), **_imputed(cell)})
        elif stage == "treat" and not isinstance(steps.treat, NoTreatment):
            found.append({"stage": stage, "value": cell.value(stage), **_treated(cell)})
        elif stage == "normalise" and not isinstance(steps.normalise, NoNormalisation):
            found.append({"stage": stage, "value": cell.value(stage), **_normalised(cell)})
    return found


def notes_of(cell: Cell) -> list[Document]:
    """What happened to a cell or why it is missing, as `input_note` has it, in both languages."""
    texts = ["missing"] if cell.value("raw") is None else []
    texts += [text for text, _ in cell.notes()]
    return [{"en": text, "zh": translated(text)} for text in texts]


def _screened(cell: Cell) -> Document:
    """Whether the area stays, and the shares that decide it."""
    screened = cell.replay.stages.screened
    assert screened is not None
    here = cell.period, cell.area
    return {
        "rule": step_document(cell.replay.index.method.screen),
        "is_kept": bool(screened.kept[here]),
        "availability": number(screened.availability[here]),
        "non_zero": number(screened.non_zero[here]),
    }


# impute


def _imputed(cell: Cell) -> Document:
    """Which rule filled a cell and what it took: neighbours in time, areas of the period, or siblings."""
    stages, replay = cell.replay.stages, cell.replay
    is_imputed = bool(stages.is_imputed[cell.at])
    document: Document = {
        "rules": [step_document(step) for step in cell.steps.impute],
        "is_imputed": is_imputed,
        "filled_by": None,
        "from": [],
    }
    if not is_imputed:
        return document
    text = next(text for text, _ in cell.notes() if method_of(text))
    method = method_of(text)
    document |= {"filled_by": method, "filled_en": text, "filled_zh": translated(text)}
    if method in ("carry", "linear"):
        values = cell.panel("impute")
        ends = [end for end in (int(stages.before[cell.at]), int(stages.after[cell.at])) if end >= 0]
        document["from"] = [
            {"period": replay.panel.periods[end], "value": number(values[end, cell.area])} for end in ends
        ]
    elif method == "cross_section":
        step = next(each for each in cell.steps.impute if isinstance(each, CrossSection))
        here = _seen(cell, method)[cell.period, :, cell.place]
        groups = replay.model.inputs.cells.groups if step.within == "group" else None
        document["statistic"] = step.statistic
        document["from"] = [
            {"ref_area": area, "value": number(here[place])}
            for place, area in enumerate(replay.panel.areas)
            if not np.isnan(here[place]) and (groups is None or groups[place] == groups[cell.area])
        ]
    elif method == "row_mean":
        document["from"] = _siblings(cell)
    return document


def _siblings(cell: Cell) -> list[Document]:
    """The indicator itself first (without a value), then those beside it: each with worst and best over the panel."""
    replay = cell.replay
    seen = _seen(cell, "row_mean")
    own = cell.panel(cell.before("impute"))
    found = []
    for place, leaf in enumerate(replay.tree.leaves):
        steps = replay.model.steps[place]
        if steps.parent != cell.steps.parent:
            continue
        shares = steps.impute == cell.steps.impute
        values = seen[:, :, place] if shares else replay.stages.data[cell.before("impute")][:, :, place]
        low, high = float(lowest(values, (0, 1))), float(highest(values, (0, 1)))
        here = values[cell.period, cell.area]
        if leaf != cell.leaf and (np.isnan(here) or not low < high):
            continue
        worst, best = (low, high) if steps.direction > 0 else (high, low)
        value = own[cell.period, cell.area] if leaf == cell.leaf else here
        found.append({"node_id": leaf, "value": number(value), "worst": number(worst), "best": number(best)})
    return sorted(found, key=lambda each: (each["node_id"] != cell.leaf, each["node_id"]))


def _seen(cell: Cell, method: str) -> Floats:
    """All values as an imputation step saw them: filled by the steps before it, not by itself or those after."""
    methods: list[str] = [step.method for step in cell.steps.impute]
    later = set(methods[methods.index(method) :])
    values = cell.replay.stages.data["impute"].copy()
    for text, mask in cell.replay.stages.notes.items():
        if method_of(text) in later:
            values[mask] = np.nan
    return values


# treat


def _treated(cell: Cell) -> Document:
    """The test of the distribution, and the numbers with which a treated value can be computed again."""
    step, stages = cell.steps.treat, cell.replay.stages
    document: Document = {
        "rule": step_document(step),
        "direction": cell.steps.direction,
        "is_treated": bool(stages.is_treated[cell.at]),
        "parameters": _parameters(cell, TREATMENT),
        "winsorised_to": None,
        "transform": None,
    }
    if isinstance(step, NoTreatment | SdLimits):
        return document
    values = cell.panel(cell.before("treat"))
    block = values[cell.period] if step.over == "period" else values.reshape(-1)
    marks = {text for text, mask in stages.notes.items() if _in_block(cell, mask, step.over)}
    moved = block
    transform = next((text.removeprefix(TRANSFORMED) for text in marks if text.startswith(TRANSFORMED)), None)
    if isinstance(step, Winsorise) and (transform is None or step.then_on == "winsorised"):
        moved = winsorise(block[None], step.winmax, step.skew, step.kurtosis).values[0]
        if not np.array_equal(moved, block, equal_nan=True):
            document["winsorised_to"] = [number(lowest(moved, -1)), number(highest(moved, -1))]
    if transform is not None:
        document["transform"] = {
            "method": transform,
            "low": number(lowest(moved, -1)),
            "high": number(highest(moved, -1)),
            "boxcox_lambda": step.boxcox_lambda,
            "is_mirrored": transform == "log_ct_plus" and float(moments(moved[None], -1)[0][0]) < 0,
        }
    return document


TRANSFORMED = "transformed by "
TREATMENT = (
    "skewness", "kurtosis", "skewness_treated", "kurtosis_treated", "winsorised", "lower_limit", "upper_limit"
)  # fmt: skip


def _in_block(cell: Cell, mask: Mask, over: str) -> bool:
    """Whether a note is on any cell of the series that this cell is treated with."""
    mine = mask[:, :, cell.place]
    return bool(mine[cell.period].any() if over == "period" else mine.any())


# normalise


def _normalised(cell: Cell) -> Document:
    """The step with its options, the direction, and the parameters of this cell; of ranks the places in the field."""
    step, replay = cell.steps.normalise, cell.replay
    document: Document = {
        "rule": step_document(step, replay.base_period),
        "direction": cell.steps.direction,
        "parameters": _parameters(cell, TREATMENT, inverse=True),
        "rests_on": None,
    }
    scope = getattr(step, "scope", None)
    if isinstance(step, RankScore):
        values = round_significant(cell.panel(cell.before("normalise")))
        field = values[cell.period] if step.over == "period" else values.reshape(-1)
        here = values[cell.period, cell.area] * cell.steps.direction
        turned = field[~np.isnan(field)] * cell.steps.direction
        document["rests_on"] = {"over": step.over, "values": len(turned), "worse": int((turned < here).sum())}
    elif isinstance(step, BaseRatio):
        document["rests_on"] = {"base_period": step.period or replay.base_period}
    elif scope is not None and not isinstance(scope, GivenScope):
        document["rests_on"] = _scope_document(cell, scope)
    return document


def _scope_document(cell: Cell, scope: Any) -> Document:
    """Which cells the parameters are estimated on."""
    periods, areas = list(cell.replay.panel.periods), list(cell.replay.panel.areas)
    if isinstance(scope, ReferenceScope):
        periods = [each for each in periods if not scope.periods or each in scope.periods]
        areas = [each for each in areas if not scope.areas or each in scope.areas]
    elif scope.over == "period":
        periods = [periods[cell.period]]
    return {"over": scope.over, "first_period": periods[0] if periods else None,
            "last_period": periods[-1] if periods else None, "areas": len(areas)}  # fmt: skip


def _parameters(cell: Cell, names: tuple[str, ...], inverse: bool = False) -> Document:
    """The parameters of the leaf that have one of these names (or none of them), those of other areas left out."""
    area = cell.replay.panel.areas[cell.area]
    found: Document = {}
    for places, parameters in cell.replay.stages.parameters:
        at = np.flatnonzero(places == cell.place)
        if not len(at):
            continue
        for name, values in parameters.items():
            kind, _, whose = name.partition(" ")
            if (kind in names) == inverse or (whose and whose != area):
                continue
            found[kind] = number(values[cell.period if len(values) > 1 else 0, at[0]])
    return found
