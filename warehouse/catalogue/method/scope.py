"""Where parameters are estimated: over all cells, each period on its own, a frozen reference, or given numbers.

Not here: which cells that are in a panel (pipelines.index.scope).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from warehouse.catalogue.base import AreaId, Model, TimePeriod

Period = Annotated[TimePeriod, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


def named(key: str) -> BeforeValidator:
    """Let a step be written by its name alone: `aggregate: geometric` is `aggregate: {method: geometric}`."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


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


_ALL = AllScope(over="all")
Scope = Annotated[AllScope | PeriodScope | ReferenceScope | GivenScope, Field(discriminator="over"), named("over")]
Estimated = Annotated[AllScope | PeriodScope | ReferenceScope, Field(discriminator="over"), named("over")]


def check_given(scope: Any, needed: tuple[str, ...]) -> None:
    """Raise ValueError where a given scope does not hold exactly the numbers that a method needs."""
    if isinstance(scope, GivenScope) and set(scope.values) != set(needed):
        raise ValueError(f"scope 'given' needs exactly {' and '.join(needed)} (given: {sorted(scope.values)})")


def as_tuple(value: Any) -> Any:
    """One step where several are allowed is a list of one."""
    return (value,) if isinstance(value, (str, int, Mapping, Model)) else value
