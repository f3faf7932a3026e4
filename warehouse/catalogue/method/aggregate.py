"""How children are put together, as it stands in YAML: means, outranking, penalised means, index numbers over time.

Not here: computing them (pipelines.index.aggregate, index_number, doubt).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from warehouse.catalogue.base import Id, Model
from warehouse.catalogue.method.scope import Period, named


class Mean(Model):
    """Weighted arithmetic mean or median, or the smallest child."""

    method: Literal["arithmetic", "median", "min"]


class PositiveMean(Model):
    """Weighted geometric or harmonic mean; without a floor, a child not above 0 leaves the score missing, with a
    warning."""

    method: Literal["geometric", "harmonic"]
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


class Copeland(Model):
    """Outranking: number of areas of the period that an area beats by weight, minus number that beat it."""

    method: Literal["copeland"]


class Penalised(Model):
    """Mean minus (or plus) a penalty for imbalance: mpi M -/+ s^2/M with n-1; ampi the same with n."""

    method: Literal["mpi", "ampi"]
    penalty: Literal["minus", "plus"] = Field("minus", description="minus when a high score is good")
    ddof: Literal[0, 1] | None = Field(None, description="default: 1 for mpi, 0 for ampi")


class Topsis(Model):
    """Closeness to the ideal: d-/(d- + d+) on vector-normalised scores times weights."""

    method: Literal["topsis"]
    over: Literal["all", "period"] = Field("all", description="where the ideal and the anti-ideal are taken")


class BenefitOfTheDoubt(Model):
    """Per area the weights that maximise its own weighted sum while no area exceeds 1, with bounds on each child's
    share."""

    method: Literal["benefit_of_the_doubt"]
    low: float = Field(0.0, ge=0, lt=1, description="smallest share of a child in the sum")
    high: float = Field(1.0, gt=0, le=1, description="largest share of a child in the sum")
    bounds: dict[Id, tuple[float, float]] = Field({}, description="[low, high] of single children")
    over: Literal["all", "period"] = Field("period", description="among the areas of the period, or of all periods")

    @model_validator(mode="after")
    def _sound(self) -> BenefitOfTheDoubt:
        for name, (low, high) in {"low, high": (self.low, self.high), **self.bounds}.items():
            if not 0 <= low <= high <= 1:
                raise ValueError(f"bounds of '{name}' are {low:g} to {high:g}; write 0 <= low <= high <= 1")
        return self


class Chain(Model):
    """A chained index number of the children: chain_symmetric (symmetric growth rates) or chain_geometric."""

    method: Literal["chain_symmetric", "chain_geometric"]
    value: float = Field(100.0, gt=0, description="score in the base period")
    base_period: Period | None = Field(None, description="default: that of the index, else the first period")
    gaps: Literal["bridge", "sit_out"] = Field(
        "sit_out", description="a gap of k periods: the k-th root of the ratio in each, or the child's weight is spread"
    )


class PriceIndex(Model):
    """A price index of the children (prices) by their `quantity` indicators, against the base period or chained."""

    method: Literal["laspeyres", "paasche", "fisher", "tornqvist"]
    chained: bool = Field(False, description="link by link from period to period, instead of straight to the base")
    value: float = Field(100.0, gt=0, description="score in the base period")
    base_period: Period | None = Field(None, description="default: that of the index, else the first period")


IndexNumber = Chain | PriceIndex
Aggregate = Annotated[
    Mean | PositiveMean | PowerMean | Copeland | Penalised | Topsis | BenefitOfTheDoubt | Chain | PriceIndex,
    Field(discriminator="method"),
    named("method"),
]
