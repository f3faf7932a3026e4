"""What varies in the analysis of an index, and what is looked at, as it stands in YAML.

Not here: the runs (pipelines.index.simulate, sobol) and the correlations (pipelines.index.cohere).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from warehouse.catalogue.base import AreaId, Model
from warehouse.catalogue.method.aggregate import Aggregate
from warehouse.catalogue.method.normalise import Normalise
from warehouse.catalogue.method.prepare import ImputeSteps, Treat
from warehouse.catalogue.method.scope import Period, as_tuple


class VaryWeights(Model):
    """Weights of every node: each times an even draw from 1 +/- share, or a Dirichlet draw around the nominal
    shares."""

    share: float | None = Field(None, gt=0, lt=1, description="0.25: each weight between 75 and 125 % of its own")
    dirichlet: float | None = Field(None, gt=0, description="concentration: shares vary less the larger it is")

    @model_validator(mode="after")
    def _one(self) -> VaryWeights:
        if (self.share is None) == (self.dirichlet is None):
            raise ValueError("give either 'share' or 'dirichlet'")
        return self


class Sensitivity(Model):
    """Sobol indices: N (d + 2) runs over the d choices that vary."""

    samples: int = Field(128, ge=2, le=1_000_000, description="N")
    weight_sets: int = Field(1000, ge=2, description="drawn sets of weights that the factor 'weights' chooses from")
    bootstrap: int = Field(200, ge=0, description="resamples of the interval; 0: no interval")
    area: AreaId | None = Field(None, description="also the score of this area, beside the mean change of rank")


class Uncertainty(Model):
    """Monte Carlo over the choices of the method. Alternatives are drawn evenly, exactly those that are listed; list
    the method of the index too if it is one of them."""

    seed: int = Field(ge=0, lt=2**31, description="the same seed gives the same bytes on any machine")
    runs: int = Field(1000, ge=2, le=10_000_000)
    weights: VaryWeights | None = None
    impute: tuple[ImputeSteps, ...] = Field((), description="alternatives, each a step or a list of steps")
    treat: tuple[Treat, ...] = ()
    normalise: tuple[Normalise, ...] = ()
    aggregate: tuple[Aggregate, ...] = ()
    leave_out: bool = Field(False, description="each run also leaves out one indicator or none, drawn evenly")
    sensitivity: Sensitivity | None = None

    @model_validator(mode="after")
    def _something(self) -> Uncertainty:
        if not self.factors():
            raise ValueError("nothing varies; give weights, impute, treat, normalise, aggregate or leave_out")
        for key in ("impute", "treat", "normalise", "aggregate"):
            if len(getattr(self, key)) == 1:
                raise ValueError(f"'{key}' has one alternative only, so it does not vary; list two or leave it out")
        return self

    def factors(self) -> tuple[str, ...]:
        """The choices that vary, in the order in which they are drawn."""
        listed = [key for key in ("impute", "treat", "normalise", "aggregate") if getattr(self, key)]
        return (*listed, *(["weights"] if self.weights else []), *(["leave_out"] if self.leave_out else []))


class Coherence(Model):
    """When a correlation among the parts of an index is flagged."""

    over: Literal["last", "all"] | None = Field(
        None, description="areas of the last period, or all areas and periods; default: last with five areas or more"
    )
    redundant: float = Field(0.92, gt=0, le=1, description="siblings correlated above this are redundant")
    weak: float = Field(0.3, ge=0, lt=1, description="correlation with the parent below this is weak")
    alpha: float = Field(0.7, ge=0, le=1, description="Cronbach's alpha of siblings below this is low")


class Rebase(Model):
    """Multiply every series of the index so that it has `value` in `period`."""

    period: Period
    value: float = Field(100.0, gt=0)


class Splice(Model):
    """Scale the index onto an earlier one, on a period that both have or on the mean of several; before it stand the
    scores of the earlier one."""

    index: str = Field(description="index to be continued")
    edition: str = Field("latest", description="its edition")
    periods: Annotated[tuple[Period, ...], BeforeValidator(as_tuple)] = Field(min_length=1)
