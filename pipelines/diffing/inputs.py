"""What an index rests on: the observed values behind its indicators, and the values of one release as another's method
reads them.

Not here: which values were known on a day (sides), scores (corners).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import polars as pl

from pipelines.diffing.sides import Side, Subject
from pipelines.index.formula import evaluate
from pipelines.index.period import period_frame
from warehouse.catalogue.formula import inputs, parse, terms
from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Indicator, Unit
from warehouse.catalogue.load import Catalogue
from warehouse.catalogue.measure import measure
from warehouse.rounding import round_significant

KEY = ("indicator_id", "ref_area", "freq", "time_period")


def used(index: Index) -> tuple[str, ...]:
    """The indicators that an index reads itself: of its leaves, their denominators and quantities; sorted."""
    parents = {node.parent for node in index.nodes.values()}
    found = set()
    for node_id, node in index.nodes.items():
        if node_id not in parents:
            found |= {node.indicator or node_id, node.quantity or "", node.denominate.by if node.denominate else ""}
    return tuple(sorted(found - {""}))


def reach(names: Iterable[str], indicators: Mapping[str, Indicator]) -> tuple[frozenset[str], frozenset[str]]:
    """The observed indicators behind some indicators, and the computed ones on the way; unknown ones are left out."""
    observed, computed, waiting = set(), set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in observed or name in computed or name not in indicators:
            continue
        formula = indicators[name].formula
        if formula is None:
            observed.add(name)
        else:
            computed.add(name)
            waiting += _inputs(formula)
    return frozenset(observed), frozenset(computed)


_inputs = cache(inputs)


def joint(method: Side, data: Side, own: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The observed values of one release as the method of another reads them, in the other's units.

    In: `own` of the release of the method, `other` of the release of the data. What only one of the two catalogues
    declares, an indicator or an area, comes with its values: that it came or went is a change of method, not of data.
    The same holds for an indicator that is observed in one and computed in the other, or of unlike units.
    """
    mine, theirs = method.catalogue, data.catalogue
    if mine.digest == theirs.digest:
        return other
    shared, areas = shared_indicators(mine, theirs), sorted(set(mine.areas) & set(theirs.areas))
    is_shared = pl.col("indicator_id").is_in(sorted(shared)) & pl.col("ref_area").is_in(areas)
    in_mine = pl.col("indicator_id").is_in(sorted(mine.indicators)) & pl.col("ref_area").is_in(sorted(mine.areas))
    foreign = other.filter(is_shared)
    beyond = other.filter(~is_shared & ~in_mine)
    return pl.concat([converted(foreign, shared), own.filter(~is_shared), converted(beyond, shared)]).sort(KEY)


def shared_indicators(mine: Catalogue, theirs: Catalogue) -> dict[str, tuple[float, str]]:
    """Indicators that mean the same in two catalogues, and what turns values of theirs into mine: factor and unit."""
    found = {}
    for name in mine.indicators.keys() & theirs.indicators.keys():
        one, two = mine.indicators[name], theirs.indicators[name]
        if (one.formula is None) != (two.formula is None):
            continue
        here, there = measure(one.unit, mine.units), measure(two.unit, theirs.units)
        if here.dimension == there.dimension:
            found[name] = (there.factor / here.factor, one.unit)
    return found


def converted(values: pl.DataFrame, units: Mapping[str, tuple[float, str]]) -> pl.DataFrame:
    """Values in other units, rounded to 12 digits; those whose factor is 1 stay as they are."""
    factors = {name: pair for name, pair in units.items() if pair[0] != 1.0}
    changed = pl.col("indicator_id").is_in(sorted(factors))
    if not factors or not values.select(changed.any()).item():
        return values
    factor = values["indicator_id"].replace_strict(
        list(factors), [pair[0] for pair in factors.values()], default=1.0, return_dtype=pl.Float64
    )
    numbers = round_significant((values["obs_value"] * factor).fill_null(float("nan")).to_numpy())
    unit = pl.col("indicator_id").replace_strict(
        list(factors), [pair[1] for pair in factors.values()], default=pl.col("unit_id"), return_dtype=pl.String
    )
    return values.with_columns(
        pl.when(changed).then(pl.Series(numbers, nan_to_null=True)).otherwise("obs_value").alias("obs_value"),
        pl.when(changed).then(None).otherwise("decimals").cast(pl.Int32).alias("decimals"),
        unit.alias("unit_id"),
    )


def with_computed(
    observed: pl.DataFrame, names: Iterable[str], indicators: Mapping[str, Indicator], units: Mapping[str, Unit]
) -> pl.DataFrame:
    """Observations as an index needs them: the observed values behind some indicators, and the computed ones beside
    them, in the columns of the table `observation`."""
    wanted, computed = reach(names, indicators)
    dates = period_frame(observed["time_period"].unique().to_list())
    known = observed.filter(pl.col("indicator_id").is_in(sorted(wanted)))
    known = known.join(dates, on="time_period", how="left").with_columns(is_derived=pl.lit(False))
    declared = {name: indicators[name] for name in wanted | computed}
    made = evaluate(known, declared, units)
    return pl.concat([known, made.select(known.columns)]).sort(KEY)


def behind(subject: Subject) -> frozenset[str]:
    """The observed indicators behind an edition, by its own catalogue."""
    return reach(used(subject.index), subject.side.catalogue.indicators)[0]


def areas_behind(subject: Subject) -> frozenset[str]:
    """The areas whose values an edition reads: its own, and those that formulas name."""
    catalogue = subject.side.catalogue
    computed = reach(used(subject.index), catalogue.indicators)[1]
    formulas = (catalogue.indicators[name].formula for name in computed)
    named = {term.area for formula in formulas if formula for term in terms(parse(formula)) if term.area}
    return frozenset(subject.index.area_ids(catalogue.areas)) | named
