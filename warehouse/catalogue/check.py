"""Cross-checks of a catalogue: every id that one file names must be declared in another, and must fit.

Not here: the shape of each file (the models) and judging data (expectations).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from warehouse.catalogue.base import CatalogueError, IndexhouseError, suggest
from warehouse.catalogue.claim import problems as claim_problems
from warehouse.catalogue.formula import problems as formula_problems
from warehouse.catalogue.index import Index
from warehouse.catalogue.index_check import problems as index_problems
from warehouse.catalogue.load import Catalogue, load_what_can_be
from warehouse.catalogue.measure import conversion, measure
from warehouse.catalogue.source import Bundled, Role, Source


def load_and_check(folders: tuple[Path, ...]) -> Catalogue:
    """A sound catalogue. Raises CatalogueError with every problem of its files and between them, in one go.

    What follows only from an entry that is broken itself is left out.
    """
    catalogue, problems, broken = load_what_can_be(folders)
    if "" not in broken:
        problems += [
            text for text in _problems(catalogue, bool(broken)) if not any(f"'{name}'" in text for name in broken)
        ]
    if problems:
        raise CatalogueError(problems)
    return catalogue


def _problems(catalogue: Catalogue, is_partial: bool = False) -> list[str]:
    return [
        *_units(catalogue),
        *_areas(catalogue),
        *_indicators(catalogue, is_partial),
        *_formulas(catalogue),
        *_sources(catalogue),
        *_priorities(catalogue),
        *_indices(catalogue),
        *_claims(catalogue),
    ]


def indicators_of(source: Source, catalogue: Catalogue) -> set[str]:
    """The indicators that a source can bring: of its columns, its code list, or any when the file holds our ids."""
    layout = source.layout
    variants = [layout, *(layout.model_validate(merge(layout.model_dump(exclude_unset=True), note.layout))
                          for note in source.files if note.layout)]  # fmt: skip
    found: set[str] = set()
    for variant in variants:
        found |= {column.indicator for column in variant.columns}
        role = variant.indicator
        if role is None:
            continue
        if role.value is not None:
            found.add(role.value)
        elif role.values:
            found |= set(role.values.values())
        else:
            found |= {key for key, indicator in catalogue.indicators.items() if indicator.formula is None}
    return found


def merge(base: dict, change: dict) -> dict:  # type: ignore[type-arg]
    """`change` laid over `base`, mappings merged, everything else replaced."""
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _units(catalogue: Catalogue) -> Iterator[str]:
    for unit_id in catalogue.units:
        try:
            measure(unit_id, catalogue.units)
        except IndexhouseError as error:
            yield f"{catalogue.where('units', unit_id)}: {unit_id}: {error}"


def _areas(catalogue: Catalogue) -> Iterator[str]:
    claimed: dict[str, str] = {}
    for area_id, area in catalogue.areas.items():
        where = f"{catalogue.where('areas', area_id)}: {area_id}"
        if area.parent and area.parent not in catalogue.areas:
            yield f"{where}: parent '{area.parent}' is unknown; {suggest(area.parent, catalogue.areas)}"
        elif _leads_back(area_id, {k: a.parent for k, a in catalogue.areas.items()}):
            yield f"{where}: its parents lead back to itself; break the circle"
        for spelling in sorted(area.all_spellings(area_id)):
            if spelling in claimed:
                yield f"{where}: spelling '{spelling}' is claimed by {claimed[spelling]} too; keep it in one of the two"
            claimed.setdefault(spelling, area_id)


def _leads_back(start: str, parents: Mapping[str, str | None]) -> bool:
    seen, here = set(), parents.get(start)
    while here is not None and here not in seen:
        if here == start:
            return True
        seen.add(here)
        here = parents.get(here)
    return False


def _indicators(catalogue: Catalogue, is_partial: bool) -> Iterator[str]:
    brought = set().union(*(indicators_of(source, catalogue) for source in catalogue.sources.values()), set())
    for key, indicator in catalogue.indicators.items():
        where = f"{catalogue.where('indicators', key)}: {key}"
        if indicator.unit not in catalogue.units:
            yield f"{where}: unit '{indicator.unit}' is unknown; {suggest(indicator.unit, catalogue.units)}"
        if indicator.denominator and indicator.denominator not in catalogue.indicators:
            yield (f"{where}: denominator '{indicator.denominator}' is unknown; "
                   f"{suggest(indicator.denominator, catalogue.indicators)}")  # fmt: skip
        low, high = indicator.plausible.min, indicator.plausible.max
        if low is not None and high is not None and low > high:
            yield f"{where}: plausible.min {low} is above plausible.max {high}; exchange them"
        if indicator.formula is None and key not in brought and not is_partial:
            yield f"{where}: no source brings it and it has no formula; add one, or remove the indicator"


def _formulas(catalogue: Catalogue) -> Iterator[str]:
    for key, text in formula_problems(catalogue.indicators, catalogue.units, catalogue.areas).items():
        yield f"{catalogue.where('indicators', key)}: {key}: {text}"


def _sources(catalogue: Catalogue) -> Iterator[str]:
    computed = {key for key, indicator in catalogue.indicators.items() if indicator.formula is not None}
    for source_id, source in catalogue.sources.items():
        where = catalogue.where("sources", source_id)
        for indicator_id in sorted(indicators_of(source, catalogue) - set(catalogue.indicators)):
            yield f"{where}: indicator '{indicator_id}' is unknown; {suggest(indicator_id, catalogue.indicators)}"
        for indicator_id in sorted(indicators_of(source, catalogue) & computed):
            yield f"{where}: indicator '{indicator_id}' has a formula; bring it under its own id, or drop the formula"
        yield from (f"{where}: {text}" for text in _source_units(source, catalogue))
        rules = [(f"exclude.{i}", rule.indicators) for i, rule in enumerate(source.exclude)]
        rules += [
            (f"marks.constant_missing.{i}", rule.indicators) for i, rule in enumerate(source.marks.constant_missing)
        ]
        for key, named in rules:
            for indicator_id in sorted(set(named) - indicators_of(source, catalogue)):
                yield f"{where}: {key}: '{indicator_id}' is no indicator of this source; remove it or correct its id"
        for number, correction in enumerate(source.corrections):
            place = f"{where}: corrections.{number}"
            if correction.indicator not in catalogue.indicators:
                yield f"{place}: indicator '{correction.indicator}' is unknown; " + suggest(
                    correction.indicator, catalogue.indicators
                )
            if correction.ref_area not in catalogue.areas:
                hint = suggest(correction.ref_area, catalogue.areas)
                yield f"{place}: ref_area '{correction.ref_area}' is unknown; {hint}"
        if isinstance(source.fetch, Bundled):
            folder = folder_of(catalogue, source_id)
            for pattern in source.fetch.files:
                if not any(folder.glob(pattern)):
                    yield f"{where}: fetch.files: '{pattern}' matches no file in {folder.name}/; add it or rename"


def folder_of(catalogue: Catalogue, source_id: str) -> Path:
    """The catalogue folder that declares a source; its bundled files are relative to it."""
    return catalogue.origin["sources", source_id].parent.parent


def _source_units(source: Source, catalogue: Catalogue) -> Iterator[str]:
    default = source.layout.unit if isinstance(source.layout.unit, str) else None
    if default and default not in catalogue.units:
        yield f"layout.unit: '{default}' is unknown; {suggest(default, catalogue.units)}"
        return
    for place, unit_id, indicator_id in _read_in(source, default):
        indicator = catalogue.indicators.get(indicator_id)
        if indicator is None or indicator.unit not in catalogue.units:
            continue
        try:
            conversion(unit_id, indicator.unit, catalogue.units)
        except IndexhouseError as error:
            yield f"{place} ({indicator_id}): {error}; give the unit that the file is in"


def _read_in(source: Source, default: str | None) -> Iterator[tuple[str, str, str]]:
    """(place in the YAML, unit of the file, indicator) wherever the YAML says both."""
    layout = source.layout
    for column in layout.columns:
        if unit_id := column.unit or default:
            yield "layout.columns", unit_id, column.indicator
    if layout.indicator is None:
        return
    if default:
        named = layout.indicator.values.values() if layout.indicator.value is None else (layout.indicator.value,)
        yield from (("layout.unit", default, name) for name in sorted(set(named)))
    if isinstance(layout.unit, Role) and layout.indicator.value is not None:
        units = sorted(set(layout.unit.values.values()))
        yield from (("layout.unit.values", unit_id, layout.indicator.value) for unit_id in units)


def _priorities(catalogue: Catalogue) -> Iterator[str]:
    taken: dict[tuple[str, int], list[str]] = defaultdict(list)
    for source_id, source in catalogue.sources.items():
        for indicator_id in indicators_of(source, catalogue):
            priority = source.priority_for.get(indicator_id, source.priority)
            taken[indicator_id, priority].append(source_id)
        for indicator_id in sorted(set(source.priority_for) - indicators_of(source, catalogue)):
            where = catalogue.where("sources", source_id)
            yield f"{where}: priority_for: '{indicator_id}' is not of this source; remove it"
    for (indicator_id, priority), sources in sorted(taken.items()):
        if len(sources) > 1:
            first, second, *_ = sorted(sources)
            yield (
                f"{catalogue.where('sources', second)}: priority {priority} for '{indicator_id}' is {first}'s too; "
                "give each its own (priority_for)"
            )


def _indices(catalogue: Catalogue) -> Iterator[str]:
    for index_id, index in catalogue.indices.items():
        where = catalogue.where("indices", index_id)
        for text in index_problems(index_id, index, catalogue.indicators, catalogue.areas):
            yield f"{where}: {text}"
        if index.splice is not None:
            yield from (f"{where}: splice.{text}" for text in _splice_problems(index_id, index, catalogue))


def _splice_problems(index_id: str, index: Index, catalogue: Catalogue) -> Iterator[str]:
    """What is wrong with the index that another one continues."""
    assert index.splice is not None
    earlier = catalogue.indices.get(index.splice.index)
    if earlier is None:
        yield f"index: '{index.splice.index}' is unknown; {suggest(index.splice.index, catalogue.indices)}"
        return
    if earlier.freq != index.freq:
        yield f"index: '{index.splice.index}' has freq {earlier.freq}, this one {index.freq}; they need the same"
    editions = [*(each.id for each in earlier.editions), *(each.id for each in earlier.variants)]
    if index.splice.edition not in editions:
        yield f"edition: '{index.splice.edition}' is unknown; {suggest(index.splice.edition, editions)}"
    continued = {key: each.splice.index for key, each in catalogue.indices.items() if each.splice is not None}
    if _leads_back(index_id, continued):
        yield f"index: '{index_id}' leads back to itself by way of '{index.splice.index}'; end the circle"


def _claims(catalogue: Catalogue) -> Iterator[str]:
    for publication_id, publication in catalogue.claims.items():
        kinds = {area.kind for area in catalogue.areas.values()}
        for text in claim_problems(
            publication, catalogue.indicators, catalogue.areas, catalogue.units, catalogue.sources, kinds
        ):
            yield f"{catalogue.where('claims', publication_id)}: {text}"
