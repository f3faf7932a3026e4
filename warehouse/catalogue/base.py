"""The base of every catalogue model, and the shape of ids.

Not here: the models themselves (unit, area, indicator, source, index, claim) and the errors (warehouse.errors).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from warehouse.errors import CatalogueError, IndexhouseError, suggest

__all__ = ["AreaId", "CatalogueError", "Id", "IndexhouseError", "Labelled", "Model", "TimePeriod", "suggest"]

ID_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
AREA_PATTERN = r"^[A-Z0-9][A-Z0-9_-]{0,31}$"
PERIOD_PATTERN = r"^\d{4}(-(Q[1-4]|\d{2}(-\d{2}(/P\d+[YMD])?)?))?$"

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
AreaId = Annotated[str, StringConstraints(pattern=AREA_PATTERN)]
TimePeriod = Annotated[str, StringConstraints(pattern=PERIOD_PATTERN)]


class Model(BaseModel):
    """Base of every catalogue model: frozen, unknown keys refused, numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class Labelled(Model):
    """Anything with a name in English and Chinese; a missing language falls back to the other one."""

    name_en: str = ""
    name_zh: str = ""

    def model_post_init(self, context: Any, /) -> None:
        if not self.name_en and self.name_zh:
            object.__setattr__(self, "name_en", self.name_zh)
        if not self.name_zh and self.name_en:
            object.__setattr__(self, "name_zh", self.name_en)
