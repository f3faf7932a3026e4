"""Where the weights of children come from, as it stands in YAML: one class a method.

Not here: computing them (pipelines.index.weight); benefit of the doubt, which sets weights per area (aggregate).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from warehouse.catalogue.base import Id, Model
from warehouse.catalogue.method.scope import AllScope, Estimated, named

_ALL = AllScope(over="all")


class GivenWeights(Model):
    """The `weight` of each node, rescaled to sum 1 inside its parent."""

    method: Literal["given"]


class EqualWeights(Model):
    """All children of a node count the same."""

    method: Literal["equal"]


class EntropyWeights(Model):
    """Entropy weights (熵权法) on min-max 0-1 scores plus epsilon: what varies more counts more."""

    method: Literal["entropy"]
    epsilon: float = Field(1e-4, gt=0, description="added to every 0-1 score, so that a logarithm exists")
    scope: Estimated = _ALL


class CriticWeights(Model):
    """CRITIC: standard deviation times sum of (1 - correlation) among siblings, on min-max 0-1 scores."""

    method: Literal["critic"]
    scope: Estimated = _ALL


class AhpWeights(Model):
    """Analytic hierarchy process: principal eigenvector of a matrix of pairwise comparisons, refused when
    inconsistent."""

    method: Literal["ahp"]
    pairs: dict[Id, dict[Id, float]] = Field(
        description="{a: {b: 3}}: a counts three times b; each pair of siblings once, the inverse follows"
    )
    max_ratio: float = Field(0.1, ge=0, description="largest consistency ratio that is accepted")

    @model_validator(mode="after")
    def _sound(self) -> AhpWeights:
        for one, row in self.pairs.items():
            for other, value in row.items():
                if value <= 0:
                    raise ValueError(f"'{one}' against '{other}' is {value:g}; a comparison is above 0")
                if one == other and value != 1:
                    raise ValueError(f"'{one}' against itself is {value:g}; it is 1")
                back = self.pairs.get(other, {}).get(one)
                if one != other and back is not None and abs(back * value - 1) > 1e-6:
                    raise ValueError(
                        f"'{one}' against '{other}' is {value:g}, the other way {back:g}; give one of them"
                    )
        return self


class PcaWeights(Model):
    """Loadings of the first principal component of the scaled children, turned so that they sum above 0."""

    method: Literal["pca"]
    negative: Literal["error", "zero"] = Field(
        "error", description="a negative loading stops the index, or counts as 0"
    )
    scope: Estimated = _ALL


Weighting = Annotated[
    GivenWeights | EqualWeights | EntropyWeights | CriticWeights | AhpWeights | PcaWeights,
    Field(discriminator="method"),
    named("method"),
]
