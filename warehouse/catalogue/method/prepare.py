"""Steps before scoring as they stand in YAML: screen, denominate, impute, treat.

Not here: computing them (pipelines.index.screen, denominate, impute, treat).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from warehouse.catalogue.base import AreaId, Id, Model
from warehouse.catalogue.method.scope import as_tuple, named


class Screen(Model):
    """Areas with too few values are left out of the index; they are listed with their shares."""

    availability: float = Field(0.0, ge=0, le=1, description="smallest share of indicators with a value")
    non_zero: float = Field(0.0, ge=0, le=1, description="smallest share of the values present that is not zero")
    over: Literal["all", "period"] = Field("all", description="shares over all periods together, or period by period")
    keep: tuple[AreaId, ...] = Field((), description="areas that stay whatever their shares are")
    drop: tuple[AreaId, ...] = Field((), description="areas that are left out whatever their shares are")

    @model_validator(mode="after")
    def _sound(self) -> Screen:
        if both := sorted(set(self.keep) & set(self.drop)):
            raise ValueError(f"'{both[0]}' stands in 'keep' and in 'drop'; decide for one")
        return self


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
    """Mean or median of the areas that have a value in the period, all of them or those of the area's group."""

    method: Literal["cross_section"]
    statistic: Literal["mean", "median"] = "mean"
    within: Literal["all", "group"] = Field("all", description="group: areas of the same group (`groups` of the index)")


class RowMean(Model):
    """Mean over the indicators of the same parent that the area has in the period, on min-max 0-1 scores with direction
    applied, brought back to the indicator's own scale."""

    method: Literal["row_mean"]


class Constant(Model):
    """One given value, on the scale after the denominator."""

    method: Literal["constant"]
    value: float


Impute = Annotated[
    NoImputation | Carry | Linear | CrossSection | RowMean | Constant, Field(discriminator="method"), named("method")
]
ImputeSteps = Annotated[tuple[Impute, ...], BeforeValidator(as_tuple)]


class NoTreatment(Model):
    """Outliers stay as they are."""

    method: Literal["none"]


class _Tested(Model):
    """An indicator is treated only when its distribution fails: |skewness| >= skew and excess kurtosis >= kurtosis."""

    skew: float = Field(2.0, ge=0, description="an indicator fails from this absolute skewness on ...")
    kurtosis: float = Field(3.5, description="... together with this excess kurtosis")
    over: Literal["all", "period"] = Field("all", description="all cells together, or each period on its own")


Transform = Literal["log_ct", "log_ct_orig", "log_ct_plus", "log_gii", "boxcox", "sqrt"]


class Winsorise(_Tested):
    """Move the highest (skewness > 0) or lowest value to the next one until the test passes, at most `winmax` points;
    then a second treatment for what still fails."""

    method: Literal["winsorise"]
    winmax: int = Field(5, ge=0, description="most points that are moved; ties of the last one may exceed it")
    then: Transform | None = Field(None, description="second treatment of an indicator that still fails")
    then_on: Literal["original", "winsorised"] = Field("original", description="values that `then` is applied to")
    boxcox_lambda: float | None = Field(None, description="exponent of boxcox")

    @model_validator(mode="after")
    def _sound(self) -> Winsorise:
        _needs_lambda(self.then, self.boxcox_lambda)
        return self


class TransformStep(_Tested):
    """Transform the values; with `when: outliers` only those of an indicator that fails the test."""

    method: Transform
    when: Literal["outliers", "always"] = "outliers"
    boxcox_lambda: float | None = Field(None, description="exponent of boxcox")

    @model_validator(mode="after")
    def _sound(self) -> TransformStep:
        _needs_lambda(self.method, self.boxcox_lambda)
        return self


class SdLimits(Model):
    """Values beyond mean +/- k standard deviations take no part in the parameters of the normalisation, are cut to
    those limits, or both."""

    method: Literal["sd_limits"]
    k: float = Field(3.0, gt=0)
    exclude: bool = Field(True, description="leave them out of the parameters of the normalisation")
    clip: bool = Field(False, description="cut them to the limits")
    over: Literal["all", "period"] = Field("all", description="all cells together, or each period on its own")

    @model_validator(mode="after")
    def _sound(self) -> SdLimits:
        if not self.exclude and not self.clip:
            raise ValueError("neither 'exclude' nor 'clip' is set: nothing would happen; set one, or treat: none")
        return self


def _needs_lambda(method: str | None, value: float | None) -> None:
    if method == "boxcox" and value is None:
        raise ValueError("boxcox needs 'boxcox_lambda'; 0 is the logarithm")
    if method != "boxcox" and value is not None:
        raise ValueError(f"'boxcox_lambda' belongs to boxcox; leave it out for {method or 'no second treatment'}")


Treat = Annotated[NoTreatment | Winsorise | TransformStep | SdLimits, Field(discriminator="method"), named("method")]
