"""What `check` refuses between the files of a catalogue, and what it keeps silent about.

Not here: the shape of single files and how the command answers (tests/cli/test_verbs), the built-in catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warehouse.catalogue.base import CatalogueError
from warehouse.catalogue.check import load_and_check

UNIT_COLUMN = {"column": "unit", "values": {"亿元": "cny_100m", "万元": "cny"}}


@pytest.fixture
def catalogue(make_small: Callable, tmp_path: Path) -> Any:
    """The small catalogue, sound until a test edits it."""
    small = make_small(tmp_path)
    load_and_check((small.catalogue,))
    return small


def problems(catalogue: Any) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load_and_check((catalogue.catalogue,))
    return caught.value.problems


def page(catalogue: Any, **layout: Any) -> None:
    """Change the layout of the source that brings one indicator, in yuan."""
    catalogue.edit("sources/page.yml", lambda source: source["layout"].update(layout))


def test_the_unit_of_a_single_indicator_must_measure_what_the_indicator_does(catalogue: Any) -> None:
    page(catalogue, unit="persons_10k")
    (problem,) = problems(catalogue)
    assert problem.startswith("sources/page.yml: layout.unit (rd_expenditure): ")
    assert "'persons_10k'" in problem and "'cny_100m'" in problem and "give the unit that the file is in" in problem


def test_another_scale_of_the_same_measure_is_no_problem(catalogue: Any) -> None:
    page(catalogue, unit="cny")
    load_and_check((catalogue.catalogue,))


def test_the_unit_must_fit_every_indicator_of_a_code_list(catalogue: Any) -> None:
    codes = {"column": "item", "values": {"R&D": "rd_expenditure", "people": "population"}}
    page(catalogue, indicator=codes)
    (problem,) = problems(catalogue)
    assert problem.startswith("sources/page.yml: layout.unit (population): ")


def test_every_unit_that_a_column_of_units_can_name_must_fit_the_indicator(catalogue: Any) -> None:
    page(catalogue, unit=UNIT_COLUMN)
    load_and_check((catalogue.catalogue,))
    page(catalogue, unit={**UNIT_COLUMN, "values": {**UNIT_COLUMN["values"], "万人": "persons_10k"}})
    (problem,) = problems(catalogue)
    assert problem.startswith("sources/page.yml: layout.unit.values (rd_expenditure): ") and "'persons_10k'" in problem


def test_a_source_that_brings_what_a_formula_computes_is_refused(catalogue: Any) -> None:
    page(catalogue, indicator="rd_intensity", unit="pct")
    found = problems(catalogue)
    assert (
        "sources/page.yml: indicator 'rd_intensity' has a formula; bring it under its own id, or drop the formula"
        in found
    )


def test_errors_of_shape_and_between_files_come_in_one_go(catalogue: Any) -> None:
    catalogue.edit("claims/page_2020.yml", lambda claims: claims.update(publishd_on="2020-06-01"))
    page(catalogue, unit="persons_10k")
    catalogue.edit("indices/strength.yml", lambda index: index["nodes"].update(gpd={"parent": "output"}))
    shape, *between = problems(catalogue)
    assert shape.startswith("claims/page_2020.yml: publishd_on: is an unknown key; did you mean 'published_on'?")
    assert [line.partition(": ")[0] for line in between] == ["sources/page.yml", "indices/strength.yml"]


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("units.yml", lambda units: units["cny_100m"].update(factr=1)),
        ("areas.yml", lambda areas: areas["CN-BJ"].update(knd="province")),
        ("indicators.yml", lambda indicators: indicators["population"].update(kind="flux")),
        ("indicators.yml", lambda indicators: indicators["gdp"].update(kind="flux")),
        ("sources/figures.yml", lambda source: source["read"].update(encodng="utf-8")),
        ("sources/page.yml", lambda source: source.update(priorty=1)),
    ],
    ids=["unit", "area", "indicator", "indicator of an index", "source of all", "source of a claim"],
)
def test_what_follows_from_a_broken_entry_is_not_told(catalogue: Any, file: str, change: Callable) -> None:
    catalogue.edit(file, change)
    (only,) = problems(catalogue)
    assert only.startswith(f"{file}: ")


def test_beside_a_file_of_ids_that_cannot_be_read_no_id_counts_as_unknown(catalogue: Any) -> None:
    catalogue.put("indicators.yml", "gdp: [unclosed\n")
    (only,) = problems(catalogue)
    assert only.startswith("indicators.yml: line ") and "is not valid YAML" in only
