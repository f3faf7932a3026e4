"""How indicators are brought on a common scale, as it stands in YAML: one class a method.

Bounds, targets and goalposts are on the natural scale of the indicator after its treatment; the engine turns them.
Not here: computing them (pipelines.index.normalise).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from warehouse.catalogue.base import AreaId, Model
from warehouse.catalogue.method.scope import AllScope, Period, Scope, check_given

_ALL = AllScope(over="all")


class NoNormalisation(Model):
    """The values as they are; direction is applied by index numbers only."""

    method: Literal["none"]


class MinMax(Model):
    """l + (u - l)(x - min)/(max - min), turned for less-is-better."""

    method: Literal["min_max"]
    lower: float = 0.0
    upper: float = 100.0
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> MinMax:
        if self.upper <= self.lower:
            raise ValueError(f"'upper' ({self.upper:g}) must be above 'lower' ({self.lower:g})")
        check_given(self.scope, ("min", "max"))
        return self


class ZScore(Model):
    """m + s (x - mean)/sd with n-1, turned for less-is-better."""

    method: Literal["z_score"]
    mean: float = 0.0
    sd: float = Field(1.0, gt=0)
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> ZScore:
        check_given(self.scope, ("mean", "sd"))
        return self


class RankScore(Model):
    """rank: 1 for the worst, ties take the smallest; borda: rank - 1; percentile_rank: (rank - 1)/(n - 1)."""

    method: Literal["rank", "borda", "percentile_rank"]
    over: Literal["period", "all"] = "period"


class Goalposts(Model):
    """scale (x - low)/(high - low), turned for less-is-better; low and high on the natural scale."""

    method: Literal["goalposts"]
    low: float
    high: float
    scale: float = Field(100.0, gt=0)
    log: bool = Field(False, description="take the logarithm of value, low and high")
    cap: bool = Field(True, description="cut to 0..scale")

    @model_validator(mode="after")
    def _sound(self) -> Goalposts:
        if self.high <= self.low:
            raise ValueError(
                f"'high' ({self.high:g}) must be above 'low' ({self.low:g}); for less-is-better set 'direction: -1'"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"'log: true' needs 'low' above 0 (is {self.low:g})")
        return self


class DistanceToTarget(Model):
    """(x - min)/(t - min), or (max - x)/(max - t) for less-is-better; the target on the natural scale."""

    method: Literal["distance_to_target"]
    target: float
    cap: bool = Field(True, description="no more than 1")
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> DistanceToTarget:
        check_given(self.scope, ("min", "max"))
        return self


class DistanceToReference(Model):
    """1 - (ref - x)/(ref - min), or 1 - (x - ref)/(max - ref): how far from a reference area, which scores 1."""

    method: Literal["distance_to_reference"]
    area: AreaId
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> DistanceToReference:
        check_given(self.scope, ("min", "max"))
        return self


class FractionOfMax(Model):
    """x/max, or min/x for less-is-better: the best scores 1."""

    method: Literal["fraction_of_max"]
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> FractionOfMax:
        check_given(self.scope, ("min", "max"))
        return self


class BaseRatio(Model):
    """value x_t / x_base of the same area, upside down for less-is-better."""

    method: Literal["base_ratio"]
    period: Period | None = Field(None, description="default: the base_period of the index")
    value: float = Field(100.0, gt=0)


class AmpiReference(Model):
    """What scores 100 in AMPI: a given value, an area's value, or the mean over the areas, in a stated period."""

    value: float | None = None
    area: AreaId | None = None
    period: Period | None = Field(None, description="default: the base_period of the index")

    @model_validator(mode="after")
    def _one(self) -> AmpiReference:
        if self.value is not None and (self.area is not None or self.period is not None):
            raise ValueError("give either 'value', or 'area' and/or 'period'")
        return self


class Ampi(Model):
    """70 + 60 (x - ref + D)/(2 D), D half the range: 100 at the reference, 70 to 130 for a range centred on it."""

    method: Literal["ampi"]
    reference: AmpiReference = AmpiReference()
    scope: Scope = _ALL

    @model_validator(mode="after")
    def _sound(self) -> Ampi:
        check_given(self.scope, ("min", "max"))
        return self


_ALIASES: dict[str, dict[str, Any]] = {
    "scaled": {"method": "goalposts", "cap": False},
    "distance_to_max": {"method": "min_max", "lower": 0.0, "upper": 1.0},
}


def _by_name(value: Any) -> Any:
    """A name alone is a step; `scaled` and `distance_to_max` are other names."""
    step = {"method": value} if isinstance(value, str) else value
    if isinstance(step, dict) and step.get("method") in _ALIASES:
        return {**_ALIASES[step["method"]], **{key: each for key, each in step.items() if key != "method"}}
    return step


Normalise = Annotated[
    NoNormalisation
    | MinMax
    | ZScore
    | RankScore
    | Goalposts
    | DistanceToTarget
    | DistanceToReference
    | FractionOfMax
    | BaseRatio
    | Ampi,
    Field(discriminator="method"),
    BeforeValidator(_by_name),
]
