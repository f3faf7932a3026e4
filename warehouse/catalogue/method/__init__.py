"""The steps of a method as they stand in YAML, and the method as a whole: one module a stage, one class a method.

Not here: the tree they apply to (catalogue.index), computing them (pipelines.index).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from warehouse.catalogue.base import Model
from warehouse.catalogue.method.aggregate import Aggregate, Mean
from warehouse.catalogue.method.normalise import MinMax, Normalise
from warehouse.catalogue.method.prepare import ImputeSteps, NoImputation, NoTreatment, Screen, Treat
from warehouse.catalogue.method.weight import GivenWeights, Weighting

Stage = Literal["screen", "denominate", "impute", "treat", "normalise"]


class Method(Model):
    """Defaults of every step; a node may override all but the order and the screening."""

    order: tuple[Stage, ...] = Field(
        ("screen", "denominate", "impute", "treat", "normalise"),
        description="stages in the order in which they run, normalise last; one that is left out does not run",
    )
    screen: Screen = Screen()
    impute: ImputeSteps = Field((NoImputation(method="none"),), description="one step, or several tried in turn")
    treat: Treat = NoTreatment(method="none")
    normalise: Normalise = MinMax(method="min_max")
    weighting: Weighting = GivenWeights(method="given")
    aggregate: Aggregate = Mean(method="arithmetic")
    coverage: float = Field(
        0.0, ge=0, le=1, description="smallest observed weight at which a node above indicators has a score"
    )

    @model_validator(mode="after")
    def _sound_order(self) -> Method:
        twice = sorted({stage for stage in self.order if self.order.count(stage) > 1})
        if twice:
            raise ValueError(f"'order' names '{twice[0]}' more than once; each stage runs at most once")
        if "normalise" in self.order[:-1]:
            raise ValueError("'order' must end with 'normalise': the stages before it work on the natural scale")
        return self
