"""What a publication said: its statements, how each is re-computed, and cross-checks among them.

Not here: the arithmetic and the verdicts (pipelines.claims); the numbers themselves (sources).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from warehouse.catalogue.base import AreaId, Id, Labelled, Model, TimePeriod, suggest

ClaimId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")]
Sentence = Annotated[str, StringConstraints(min_length=1)]
Measure = Literal[
    "level", "total", "count", "multiple", "cagr", "growth_points", "share", "ratio", "rank",
    "direction", "comparison", "category", "date",
]  # fmt: skip
Qualifier = Literal[
    "exact", "reach", "implied", "near", "nearly_half", "about", "about_one_third", "over", "at_least",
    "at_most", "direction", "comparison",
]  # fmt: skip

WORDED = ("category", "date")
WHOLE_UNITS = {"rank"}
CALLS = {
    "at": "at(x, 'AREA'): x of another area",
    "lag": "lag(x, years): x that many years earlier",
    "on": "on(x, 'PERIOD'): x of a stated period",
    "first": "first(x): x in the first year of the span",
    "last": "last(x): x in the last year of the span",
    "total": "total(x): sum of x over the years of the span",
    "multiple": "multiple(x): last(x) / first(x), both above zero",
    "cagr": "cagr(x): multiple(x) ** (1 / years) - 1",
    "rank": "rank(x): place of x among the areas of the claim's rank_group, 1 = highest",
    "whole": "whole(x): the whole numbers inside x",
    "over": "over(x): x read as a lower bound (up to 1.2 x)",
    "between": "between(a, b): from the lowest of a to the highest of b",
}
SECOND = {"at": str, "on": str, "lag": int}
INTERVALS = "years"


class Reason(Model):
    """Why a statement cannot be tested, in both languages."""

    reason_en: Sentence
    reason_zh: Sentence


class Claim(Model):
    """One statement, or one cross-check between statements.

    `formula` re-computes the stated number in base units; without it the measure decides (see `expression`).
    """

    statement_en: Sentence
    statement_zh: Sentence
    indicator: Id | None = None
    ref_area: AreaId
    comparator_area: AreaId | None = None
    time_period: TimePeriod = Field(description="a year, a date, or a span: 2014-01-01/P5Y is five years from 2014")
    measure: Measure
    formula: str | None = Field(
        None,
        max_length=600,
        description=f"over indicators and + - * / **, numbers, {INTERVALS} (of the span, less one), "
        + "; ".join(CALLS.values())
        + "; cross-checks also name statements (F003)",
    )
    qualifier: Qualifier = "exact"
    stated_value: float | None = Field(None, description="in `unit`; directions and comparisons: 1 up, -1 down")
    unit: Id = Field("one", description="unit of the stated value")
    digit: float | None = Field(None, gt=0, description="worth of the last printed digit; default: that of the number")
    tolerance_pct: float = Field(5, gt=0, lt=100, description="width of `about`")
    rank_group: str = Field("province", description="kind of the areas that rank() compares")
    not_testable: Reason | None = None
    note_en: str = ""
    note_zh: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Claim:
        if self.formula is not None and self.not_testable:
            raise ValueError("give either 'formula' or 'not_testable', not both")
        if self.formula is not None:
            parse(self.formula)
        if not self.not_testable:
            if self.measure in WORDED:
                raise ValueError(f"a {self.measure} cannot be computed; add 'not_testable' with its reason")
            if self.expression is None:
                raise ValueError("needs 'indicator' or 'formula' to be re-computed, or 'not_testable' with its reason")
            if self.stated_value is None:
                raise ValueError("needs 'stated_value', or 'not_testable' with its reason")
        if self.stated_value is not None and self.stated_value <= 0 and self.qualifier in ("near", "over", "about"):
            raise ValueError(f"'{self.qualifier}' needs a stated_value above zero")
        return self

    @property
    def last_digit(self) -> float:
        """Worth of the last printed digit: as declared, else that of the shortest print; 0 for a rank."""
        if self.digit is not None:
            return self.digit
        if self.stated_value is None or self.unit in WHOLE_UNITS:
            return 0.0
        exponent = Decimal(repr(self.stated_value)).normalize().as_tuple().exponent
        return float(Decimal(1).scaleb(min(int(exponent), 0)))

    @property
    def expression(self) -> str | None:
        """The formula, or the one that follows from the measure; None where nothing is computed."""
        if self.not_testable:
            return None
        if self.formula is not None or self.indicator is None:
            return self.formula
        x, other = self.indicator, f"at({self.indicator}, '{self.comparator_area}')"
        return {
            "multiple": f"multiple({x})",
            "cagr": f"cagr({x})",
            "rank": f"rank({x})",
            "growth_points": f"last({x}) - first({x})",
            "direction": f"last({x}) - first({x})",
            "ratio": f"{x} / {other}" if self.comparator_area else None,
            "share": f"{x} / {other}" if self.comparator_area else x,
            "comparison": None,
        }.get(self.measure, x)


class Publication(Labelled):
    """A publication whose statements are held against the warehouse; its id is the file's name."""

    published_on: date
    citation: str = ""
    url: str = ""
    source_id: Id = Field(description="the source that holds its own numbers: never evidence for its statements")
    repeated_by: tuple[Id, ...] = Field((), description="further sources that only repeat it: no evidence either")
    claims: dict[ClaimId, Claim]
    crosschecks: dict[ClaimId, Claim] = {}
    note_en: str = ""
    note_zh: str = ""

    @model_validator(mode="after")
    def _distinct(self) -> Publication:
        if twice := sorted(set(self.claims) & set(self.crosschecks)):
            raise ValueError(f"{', '.join(twice)} stand in claims and in crosschecks; give the cross-check its own id")
        return self

    @property
    def statements(self) -> dict[str, Claim]:
        """Claims and cross-checks in one mapping, in file order."""
        return {**self.claims, **self.crosschecks}

    @property
    def own_sources(self) -> frozenset[str]:
        return frozenset((self.source_id, *self.repeated_by))


@dataclass(frozen=True)
class Names:
    """What a formula mentions."""

    indicators: frozenset[str]
    statements: frozenset[str]
    areas: frozenset[str]


@lru_cache(maxsize=4096)
def parse(formula: str) -> ast.expr:
    """Parse a formula of the small claim language; only arithmetic, names and the calls of CALLS are let in.

    Raises ValueError naming the piece that is not allowed and what is.
    """
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"'{formula}' is not a formula; write it like rd_intensity / at(rd_intensity, 'CN')") from None
    _admit(tree, formula)
    return tree


def _admit(node: ast.expr, formula: str) -> None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
        _admit(node.left, formula)
        _admit(node.right, formula)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        _admit(node.operand, formula)
    elif isinstance(node, ast.Name) or _is_number(node):
        return
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        _admit_call(node, node.func.id, formula)
    else:
        raise ValueError(
            f"'{ast.unparse(node)}' is not allowed in a formula; use + - * / **, numbers, ids and " + ", ".join(CALLS)
        )


def _is_number(node: ast.expr) -> bool:
    value = node.value if isinstance(node, ast.Constant) else None
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _admit_call(node: ast.Call, name: str, formula: str) -> None:
    if name not in CALLS:
        raise ValueError(f"'{name}' is not a function of formulas; {suggest(name, CALLS)}")
    wanted = 2 if name in SECOND or name == "between" else 1
    if len(node.args) != wanted or node.keywords:
        raise ValueError(f"'{ast.unparse(node)}' has the wrong arguments; write {CALLS[name]}")
    _admit(node.args[0], formula)
    if name == "between":
        _admit(node.args[1], formula)
    elif name in SECOND:
        second = node.args[1]
        if not (isinstance(second, ast.Constant) and type(second.value) is SECOND[name]):
            raise ValueError(f"'{ast.unparse(node)}' has the wrong arguments; write {CALLS[name]}")


def names_in(formula: str) -> Names:
    """Indicators (lower case), statements (upper case) and areas that a formula mentions."""
    words = {node.id for node in _nodes(formula) if isinstance(node, ast.Name)} - set(CALLS) - {INTERVALS}
    areas = {
        str(node.args[1].value)
        for node in _nodes(formula)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "at"
        and isinstance(node.args[1], ast.Constant)
    }
    statements = {word for word in words if word[:1].isupper()}
    return Names(frozenset(words - statements), frozenset(statements), frozenset(areas))


def _nodes(formula: str) -> Iterator[ast.AST]:
    return ast.walk(parse(formula))


def problems(
    publication: Publication,
    indicators: Collection[str],
    areas: Collection[str],
    units: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
) -> list[str]:
    """Every reference of a publication to something undeclared, as `key: what; remedy`.

    A check whose known names are not given (None) is left out.
    """
    found = []
    if sources is not None:
        found += [
            f"{key}: '{name}' is no source; {suggest(name, sources)}"
            for key, names in (
                ("source_id", (publication.source_id,)),
                ("repeated_by", publication.repeated_by),
            )
            for name in names
            if name not in sources
        ]
    for part, statements in (("claims", publication.claims), ("crosschecks", publication.crosschecks)):
        for claim_id, claim in statements.items():
            for key, text in _claim_problems(publication, claim_id, claim, indicators, areas, units, kinds):
                found.append(f"{part}.{claim_id}.{key}: {text}")
    return found


def _claim_problems(
    publication: Publication,
    claim_id: str,
    claim: Claim,
    indicators: Collection[str],
    areas: Collection[str],
    units: Collection[str] | None,
    kinds: Collection[str] | None,
) -> Iterator[tuple[str, str]]:
    if claim.indicator is not None and claim.indicator not in indicators:
        yield "indicator", f"'{claim.indicator}' is unknown; {suggest(claim.indicator, indicators)}"
    for key, area in (("ref_area", claim.ref_area), ("comparator_area", claim.comparator_area)):
        if area is not None and area not in areas:
            yield key, f"'{area}' is unknown; {suggest(area, areas)}"
    if units is not None and claim.unit not in units:
        yield "unit", f"'{claim.unit}' is unknown; {suggest(claim.unit, units)}"
    if claim.expression is None:
        return
    names = names_in(claim.expression)
    for name in sorted(names.indicators - set(indicators) - {claim.indicator}):
        yield "formula", f"'{name}' is no indicator; {suggest(name, indicators)}"
    for area in sorted(names.areas - set(areas) - {claim.comparator_area}):
        yield "formula", f"'{area}' is no area; {suggest(area, areas)}"
    if kinds is not None and "rank(" in claim.expression and claim.rank_group not in kinds:
        yield "rank_group", f"no area is of kind '{claim.rank_group}'; {suggest(claim.rank_group, kinds)}"
    for name in sorted(names.statements):
        if claim_id in publication.claims:
            yield (
                "formula",
                f"'{name}' is the publication's own, which cannot confirm itself; move this to crosschecks",
            )
        elif name not in publication.claims:
            yield "formula", f"'{name}' is no statement; {suggest(name, publication.claims)}"
        elif publication.claims[name].stated_value is None:
            yield "formula", f"'{name}' states no number; leave it out"
