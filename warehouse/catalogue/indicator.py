"""What is measured: units, areas and indicators.

Not here: where the numbers come from (source) and what is made of them (index).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from pydantic import Field, model_validator

from warehouse.catalogue.base import AreaId, Id, Labelled, Model

Kind = Literal["stock", "flow", "ratio", "share", "rank", "index"]


class Unit(Labelled):
    """A unit of measure. `base` and `factor` scale it (1 unit = factor base units); without `base` it is its own
    dimension, or the quotient of two others (`per: [patents, persons]`)."""

    base: Id | None = Field(None, description="unit that this one is a multiple of; leave out for a base unit")
    factor: float = Field(1.0, gt=0, description="how many base units make one of this unit")
    per: tuple[Id, Id] | None = Field(None, description="[numerator unit, denominator unit] of a compound base unit")
    spellings: tuple[str, ...] = Field((), description="how files print this unit, for the check of the printed unit")

    @model_validator(mode="after")
    def _one_definition(self) -> Unit:
        if self.base and self.per:
            raise ValueError("give either 'base' (a multiple) or 'per' (a quotient), not both")
        if not self.base and self.factor != 1.0:
            raise ValueError("'factor' needs 'base': say which unit this one is a multiple of")
        return self


class Area(Labelled):
    """A reference area: ISO 3166 code, names, kind, parent, and the spellings that files use."""

    kind: Literal["world", "country", "region", "province", "city", "zone"] = "country"
    parent: AreaId | None = None
    spellings: tuple[str, ...] = Field((), description="further spellings; blanks, case and width never matter")

    def all_spellings(self, area_id: str) -> set[str]:
        return {fold_name(text) for text in (area_id, self.name_en, self.name_zh, *self.spellings) if text}


class Plausible(Model):
    """Range outside of which a value is quarantined, in the indicator's unit, and the jump that raises a warning."""

    min: float | None = None
    max: float | None = None


class Indicator(Labelled):
    """A measured or computed quantity. With `formula` it is computed from other indicators, in base units."""

    definition_en: str = ""
    definition_zh: str = ""
    unit: Id
    direction: Literal[1, -1, 0] = Field(1, description="1: more is better, -1: less is better, 0: neither")
    kind: Kind = "flow"
    formula: str | None = Field(
        None,
        description="over indicator ids: + - * / ( ), numbers, lag(x, years), at(x, 'AREA'), computed in base units",
    )
    denominator: Id | None = Field(None, description="indicator that the values are usually divided by")
    plausible: Plausible = Plausible()
    max_yearly_change_pct: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _named(self) -> Indicator:
        if not self.name_en:
            raise ValueError("needs name_en or name_zh")
        return self


_BLANKS = re.compile(r"\s+")


def fold_name(text: str) -> str:
    """Fold a printed name for comparison: compatibility form, no blanks of any kind, case folded."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text)).casefold()
