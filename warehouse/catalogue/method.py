"""The steps of a method as they stand in YAML: one class a method, told apart by `method`.

Not here: the tree they apply to (index), computing them (pipelines.index).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from warehouse.catalogue.base import AreaId, Id, Model, TimePeriod

Period = Annotated[TimePeriod, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Stage = Literal["denominate", "impute", "treat", "normalise"]


def _named(key: str) -> BeforeValidator:
    """Let a step be written by its name alone: `aggregate: geometric` is `aggregate: {method: geometric}`."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


# Where parameters are estimated


class AllScope(Model):
    """Over all areas and all periods of the edition: a new year may change earlier scores."""

    over: Literal["all"]


class PeriodScope(Model):
    """Over the areas of each period on its own: scores of two periods are not comparable in level."""

    over: Literal["period"]


class ReferenceScope(Model):
    """Over stated periods and areas, then frozen: a new year changes no earlier score."""

    over: Literal["reference"]
    periods: tuple[Period, ...] = Field((), description="empty: all periods of the edition")
    areas: tuple[AreaId, ...] = Field((), description="empty: all areas of the index")

    @model_validator(mode="after")
    def _something_fixed(self) -> ReferenceScope:
        if not self.periods and not self.areas:
            raise ValueError("needs 'periods', 'areas' or both; for all of both write scope: all")
        return self


class GivenScope(Model):
    """Numbers written in the YAML, on the natural scale of the indicator (after the denominator)."""

    over: Literal["given"]
    values: dict[Literal["min", "max", "mean", "sd"], float]

    @model_validator(mode="after")
    def _sound(self) -> GivenScope:
        low, high = self.values.get("min"), self.values.get("max")
        if low is not None and high is not None and high <= low:
            raise ValueError(f"'max' ({high:g}) must be above 'min' ({low:g})")
        if self.values.get("sd", 1.0) <= 0:
            raise ValueError(f"'sd' ({self.values['sd']:g}) must be above 0")
        return self


Scope = Annotated[AllScope | PeriodScope | ReferenceScope | GivenScope, Field(discriminator="over"), _named("over")]


# Steps: one class a method, told apart by `method`


class Denominate(Model):
    """x / (d / scale): d is an indicator of the same area, of the same period or `lag` years before."""

    by: Id
    lag: int = Field(0, ge=0, description="years between the value and its denominator")
    scale: float = Field(1.0, gt=0, description="per how many units of the denominator")


class NoImputation(Model):
    """A missing value stays missing."""

    method: Literal["none"]


class Carry(Model):
    """The nearest value of the same area before (forward) or after (back)."""

    method: Literal["carry"]
    direction: Literal["forward", "back", "both"] = Field("forward", description="both: forward first, then back")
    max_age: int | None = Field(None, ge=1, description="periods that a value may be carried; none: any number")


class Linear(Model):
    """Linear in time between the nearest values of the same area."""

    method: Literal["linear"]
    ends: Literal["hold", "leave"] = Field("leave", description="before the first and after the last value")


class CrossSection(Model):
    """Mean or median of the areas that have a value in the period."""

    method: Literal["cross_section"]
    statistic: Literal["mean", "median"] = "mean"


class Constant(Model):
    """One given value, on the scale after the denominator."""

    method: Literal["constant"]
    value: float


Impute = Annotated[
    NoImputation | Carry | Linear | CrossSection | Constant, Field(discriminator="method"), _named("method")
]


class NoTreatment(Model):
    """Outliers stay as they are."""

    method: Literal["none"]


Treat = Annotated[NoTreatment, _named("method")]


class MinMax(Model):
    """l + (u - l)(x - min)/(max - min), turned for less-is-better."""

    method: Literal["min_max"]
    lower: float = 0.0
    upper: float = 100.0
    scope: Scope = AllScope(over="all")

    @model_validator(mode="after")
    def _sound(self) -> MinMax:
        if self.upper <= self.lower:
            raise ValueError(f"'upper' ({self.upper:g}) must be above 'lower' ({self.lower:g})")
        _check_given(self.scope, ("min", "max"))
        return self


class ZScore(Model):
    """m + s (x - mean)/sd with n-1, turned for less-is-better."""

    method: Literal["z_score"]
    mean: float = 0.0
    sd: float = Field(1.0, gt=0)
    scope: Scope = AllScope(over="all")

    @model_validator(mode="after")
    def _sound(self) -> ZScore:
        _check_given(self.scope, ("mean", "sd"))
        return self


class BaseRatio(Model):
    """value x_t / x_base of the same area, upside down for less-is-better."""

    method: Literal["base_ratio"]
    period: Period | None = Field(None, description="default: the base_period of the index")
    value: float = Field(100.0, gt=0)


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


class RankScore(Model):
    """rank: 1 for the worst, ties take the smallest; borda: rank - 1; percentile_rank: (rank - 1)/(n - 1)."""

    method: Literal["rank", "borda", "percentile_rank"]
    over: Literal["period", "all"] = "period"


Normalise = Annotated[
    MinMax | ZScore | BaseRatio | Goalposts | RankScore, Field(discriminator="method"), _named("method")
]


class GivenWeights(Model):
    """The `weight` of each node, rescaled to sum 1 inside its parent."""

    method: Literal["given"]


class EqualWeights(Model):
    """All children of a node count the same."""

    method: Literal["equal"]


Weighting = Annotated[GivenWeights | EqualWeights, Field(discriminator="method"), _named("method")]


class Mean(Model):
    """Weighted arithmetic or harmonic mean, weighted median, or the smallest child."""

    method: Literal["arithmetic", "harmonic", "median", "min"]


class Geometric(Model):
    """exp(sum w ln y); without a floor, a child not above 0 leaves the score missing, with a warning."""

    method: Literal["geometric"]
    floor: float | None = Field(None, gt=0, description="lower scores count as this one")


class PowerMean(Model):
    """(sum w y^p)^(1/p)."""

    method: Literal["power_mean"]
    p: float

    @model_validator(mode="after")
    def _sound(self) -> PowerMean:
        if self.p == 0:
            raise ValueError("'p: 0' is the geometric mean; write method: geometric")
        return self


Aggregate = Annotated[Mean | Geometric | PowerMean, Field(discriminator="method"), _named("method")]


def _as_steps(value: Any) -> Any:
    return (value,) if isinstance(value, (str, dict, Model)) else value


ImputeSteps = Annotated[tuple[Impute, ...], BeforeValidator(_as_steps)]


def _check_given(scope: Any, needed: tuple[str, ...]) -> None:
    if isinstance(scope, GivenScope) and set(scope.values) != set(needed):
        raise ValueError(f"scope 'given' needs exactly {' and '.join(needed)} (given: {sorted(scope.values)})")


class Method(Model):
    """Defaults of every step; a node may override all but the order."""

    order: tuple[Stage, ...] = ("denominate", "impute", "treat", "normalise")
    impute: ImputeSteps = Field((NoImputation(method="none"),), description="one step, or several tried in turn")
    treat: Treat = NoTreatment(method="none")
    normalise: Normalise = MinMax(method="min_max")
    weighting: Weighting = GivenWeights(method="given")
    aggregate: Aggregate = Mean(method="arithmetic")
    coverage: float = Field(
        0.0, ge=0, le=1, description="smallest observed weight at which a node above indicators has a score"
    )

    @model_validator(mode="after")
    def _whole_order(self) -> Method:
        if (
            sorted(self.order) != sorted(("denominate", "impute", "treat", "normalise"))
            or self.order[-1] != "normalise"
        ):
            raise ValueError("'order' needs each of denominate, impute, treat, normalise once, normalise last")
        return self
