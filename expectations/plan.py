"""What is expected at the two borders: derived from tables.yml, the catalogue and rules.yml, as plain data.

Not here: the rules in SQL (rules.yml), the scale of scores (scale), judging (worker), asking for it (client).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from expectations.judgement import Expectation, Result, Suite, messages, quality_rows
from expectations.scale import scale_rows
from warehouse.catalogue.base import PERIOD_PATTERN

if TYPE_CHECKING:
    from warehouse.catalogue.load import Catalogue
    from warehouse.tables import Table

__all__ = ["Expectation", "Result", "Suite", "intake_plan", "messages", "quality_rows", "release_plan"]

Border = Literal["intake", "release"]

OUTCOMES = ("value", "missing", "excluded", "quarantined")
KEPT_FILES = 200
SCORE_TOLERANCE = 1e-6
ALWAYS_FILLED = (
    "release", "dictionary", "source", "snapshot", "indicator", "unit", "ref_area", "observation",
    "observation_vintage",
)  # fmt: skip
FILLED_WITH_INDICES = ("index_edition", "index_node", "index_input", "index_score")


def intake_plan() -> list[Suite]:
    """What the readings of all files must be like before they are loaded: the first border.

    A failing row of severity error carries source_id, sequence and snapshot_id, one row per file, so that the
    file can be rejected; up to 200 files are named.
    """
    own = [
        Expectation(
            "intake.reading.outcome_known", "in_set", "a cell is a value, missing, excluded or quarantined",
            column="outcome", values=OUTCOMES, keep_rows=KEPT_FILES, message=_FILE_MESSAGE,
            sql=_per_file(f"{_LOCATED} where outcome not in {_listed(OUTCOMES)}"),
        ),
        *(
            Expectation(
                f"intake.reading.{column}_given", "not_null", f"a cell has a {column}", column=column,
                keep_rows=KEPT_FILES, message=_FILE_MESSAGE,
                sql=_per_file(f"{_LOCATED} where {column} is null"),
            )
            for column in ("source_id", "snapshot_id", "locator", "outcome")
        ),
        _rule(
            "intake", "reading", "period_form",
            {
                "expectation": "the period of a value has SDMX form", "column": "time_period", "cells": True,
                "sql": "with said as (select distinct time_period from reading where outcome = 'value'),\n"
                       "odd as (\n    select time_period from said\n"
                       f"    where not coalesce(regexp_full_match(time_period, {_text(PERIOD_PATTERN)}), false)\n)\n"
                       "select c.source_id, c.snapshot_id, c.cell\n"
                       "from cell as c semi join odd as o on o.time_period is not distinct from c.time_period\n"
                       "where c.outcome = 'value'",
            },
        ),
    ]  # fmt: skip
    return _suites({"reading": own}, "intake")


def release_plan(tables: Iterable[Table], catalogue: Catalogue) -> list[Suite]:
    """What a staged release must be like before it is published: the second border.

    In: the declared tables of the release (per-index ones expanded), the catalogue that it was made from.
    """
    declared = list(tables)
    filled = set(ALWAYS_FILLED)
    filled |= set(FILLED_WITH_INDICES if catalogue.indices else ()) | set(["claim"] if catalogue.claims else ())
    own: dict[str, list[Expectation]] = {}
    for table in declared:
        own[table.name] = [_key(table), _cells(table)]
        if table.name in filled:
            own[table.name].append(
                Expectation(f"release.{table.name}.filled", "row_count", "the table has rows", minimum=1)
            )
    own["dictionary"] += [_columns(declared)]
    own["release"] += [_one_release(declared)]
    own["claim"] += _claims(catalogue)
    own["index_edition"] += _editions(catalogue)
    own["index_score"] += _scale(catalogue)
    for index_id in sorted(catalogue.indices):
        if f"scoreboard_{index_id}" in own:
            own[f"scoreboard_{index_id}"].append(_scoreboard(index_id))
    return _suites(own, "release")


def _suites(own: dict[str, list[Expectation]], border: Border) -> list[Suite]:
    """The given expectations and the rules of a border, one suite a table, in a stable order."""
    for name, rule in _rules(border).items():
        own.setdefault(rule["table"], []).append(_rule(border, rule["table"], name, rule))
    return [Suite(table, tuple(expectations)) for table, expectations in own.items()]


# rules.yml

_FILE_MESSAGE = "{source_id} {file_name}: {cells}"
_LOCATED = "select source_id, snapshot_id, locator as cell from reading"


@cache
def _document() -> dict[str, Any]:
    import yaml

    return yaml.load((files("expectations") / "rules.yml").read_text("utf-8"), Loader=yaml.CSafeLoader)


def _rules(border: Border) -> dict[str, dict[str, Any]]:
    document = _document()[border]
    return {name: {**rule, "with": document["with"]} for name, rule in document["rules"].items()}


def _rule(border: Border, table: str, name: str, rule: dict[str, Any]) -> Expectation:
    sql, message = rule["sql"], rule.get("message", "")
    relations = rule.get("with") or _document()[border]["with"]
    if rule.get("cells"):
        sql, message = _per_file(sql), _FILE_MESSAGE
    return Expectation(
        f"{border}.{table}.{name}", "sql", rule["expectation"], rule.get("severity", "error"),
        column=rule.get("column", ""), sql=f"with {relations}\nselect * from (\n{sql}\n) as failing",
        message=message, keep_rows=KEPT_FILES if border == "intake" else 20,
    )  # fmt: skip


def _per_file(sql: str) -> str:
    """One failing row per file for a query of failing cells: their number and the first three."""
    return (
        "select c.source_id, f.sequence, c.snapshot_id, f.file_name,\n"
        "    cast(count(*) as integer) as rows_failed,\n"
        "    concat(array_to_string(list(c.cell order by c.cell)[1:3], ', '),\n"
        "        case when count(*) > 3 then concat(' and ', count(*) - 3, ' more') else '' end) as cells\n"
        f"from (\n{sql}\n) as c\n"
        "left join (select source_id, snapshot_id, min(sequence) as sequence, min(file_name) as file_name\n"
        "           from intake group by source_id, snapshot_id) as f\n"
        "    on f.source_id = c.source_id and f.snapshot_id = c.snapshot_id\n"
        "group by c.source_id, f.sequence, c.snapshot_id, f.file_name"
    )


# derived from tables.yml


def _key(table: Table) -> Expectation:
    """Key columns are never NULL and together unique; a failing row shows the key and how often it stands."""
    key = table.key
    names = ", ".join(_name(each) for each in key)
    missing = " or ".join(f"{_name(each)} is null" for each in key)
    return Expectation(
        f"release.{table.name}.key", "sql", "the key is unique and never NULL", column=", ".join(key),
        sql=f"select {names}, cast(count(*) as integer) as rows_failed from {_name(table.name)}\n"
            f"group by {names} having count(*) > 1 or {missing}",
        message=_placed(key) + ": {rows_failed} rows, or a part of the key is NULL",
    )  # fmt: skip


def _cells(table: Table) -> Expectation:
    """Cells against their declaration: filled, of the vocabulary, finite, periods that fit their dates."""
    checks: list[tuple[str, str]] = []
    names = {column.name for column in table.columns}
    for column in table.columns:
        name = _name(column.name)
        if not column.nullable and not column.is_key:
            checks.append((f"{name} is null", f"{column.name} is NULL"))
        if column.allowed:
            allowed = _listed(column.allowed)
            checks.append((f"{name} not in {allowed}", f"{column.name} is not of its vocabulary"))
        if column.type == "DOUBLE":
            checks.append((f"not isfinite({name})", f"{column.name} is NaN or infinite"))
        if column.name == "time_period" or column.name.endswith("_period"):
            blank = "" if column.name == "time_period" and "period_start" in names else f" and {name} <> ''"
            pattern = _text(PERIOD_PATTERN)
            checks.append((f"not regexp_full_match({name}, {pattern}){blank}", f"{column.name} is not a period"))
    if {"time_period", "period_start", "period_year"} <= names:
        year = "substr(time_period, 1, 4)"
        checks.append((f"cast(year(period_start) as varchar) <> {year}", "period_start is of another year"))
        checks.append(("period_year <> year(period_start)", "period_year is not that of period_start"))
    key = table.key
    problem = ", ".join(f"case when {condition} then {_text(what)} end" for condition, what in checks)
    return Expectation(
        f"release.{table.name}.cells", "sql", "every cell is as declared: filled, of its vocabulary, finite",
        sql=f"select * from (\nselect {', '.join(_name(each) for each in key)},\n"
            f"concat_ws(', ', {problem}) as problem\n"
            f"from {_name(table.name)}\n) as judged where problem <> ''",
        message=_placed(key) + ": {problem}",
    )  # fmt: skip


def _columns(tables: Sequence[Table]) -> Expectation:
    """The columns of all tables in one query: as an expectation a table, reflection would cost 20 ms each."""
    declared = _values(
        (table.name, column.name, f"{ordinal}. {column.type}")
        for table in tables
        for ordinal, column in enumerate(table.columns, start=1)
    )
    return Expectation(
        "release.dictionary.columns", "sql",
        "exactly the declared tables and columns are there, in order and type",
        sql="select coalesce(d.table_name, c.table_name) as table_name,\n"
            "    coalesce(d.column_name, c.column_name) as column_name,\n"
            "    coalesce(d.declared, 'nothing') as declared, coalesce(c.found, 'nothing') as found\n"
            f"from (values {declared}) as d (table_name, column_name, declared)\n"
            "full join (\n"
            "    select table_name, column_name, concat(ordinal_position, '. ', data_type) as found\n"
            "    from information_schema.columns where table_schema = 'main'\n) as c\n"
            "    on c.table_name = d.table_name and c.column_name = d.column_name\n"
            "where c.found is distinct from d.declared",
        message="{table_name}.{column_name}: declared {declared}, found {found}",
    )  # fmt: skip


def _one_release(tables: Sequence[Table]) -> Expectation:
    each = " union all ".join(
        f"select {_text(table.name)} as table_name, release_id, count(*) as rows_found\n"
        f"from {_name(table.name)} group by release_id"
        for table in tables
    )
    return Expectation(
        "release.release.one_id", "sql", "every row of every table belongs to the one release",
        column="release_id",
        sql=f"select * from ({each}) as told\n"
            "where release_id is distinct from (select max(release_id) from release)\n"
            "   or (table_name = 'release' and rows_found > 1)",
        message="{table_name}: {rows_found} rows of release '{release_id}'",
    )  # fmt: skip


# derived from the catalogue


def _claims(catalogue: Catalogue) -> list[Expectation]:
    rows = [
        (publication_id, claim_id)
        for publication_id, publication in sorted(catalogue.claims.items())
        for claim_id in publication.statements
    ]
    return _all_there("claim", ("publication_id", "claim_id"), rows, "every declared statement has its verdict")


def _editions(catalogue: Catalogue) -> list[Expectation]:
    rows = [
        (index_id, edition_id)
        for index_id, index in sorted(catalogue.indices.items())
        for edition_id in (*(each.id for each in index.editions), *(each.id for each in index.variants))
    ]
    return _all_there("index_edition", ("index_id", "edition_id"), rows, "every declared edition and variant is built")


def _all_there(
    table: str, key: tuple[str, ...], rows: Sequence[tuple[str, ...]], description: str
) -> list[Expectation]:
    """The declared keys are exactly those of the table."""
    if not rows:
        return []
    names = ", ".join(key)
    sql = (
        f"select {names}, min(place) as place from (\n"
        f"    select {names}, 'declared only' as place from (values {_values(rows)}) as declared ({names})\n"
        f"    union all select {names}, 'built only' from {table}\n"
        f") as both_sides group by {names} having count(*) = 1"
    )
    check_id, message = f"release.{table}.declared", _placed(key) + ": {place}"
    return [Expectation(check_id, "sql", description, column=names, sql=sql, message=message)]


def _scale(catalogue: Catalogue) -> list[Expectation]:
    """Scores inside the bounds that the method sets, where it sets any (see scale)."""
    rows = scale_rows(catalogue)
    if not rows:
        return []
    sql = (
        "select s.index_id, s.edition_id, s.node_id, s.ref_area, s.time_period, s.score, b.low, b.high\n"
        "from index_score as s\n"
        f"inner join (values {_values(rows)})\n"
        "    as b (index_id, edition_id, node_id, low, high, periods, areas)\n"
        "    on b.index_id = s.index_id and b.edition_id = s.edition_id and b.node_id = s.node_id\n"
        "where (b.periods = '' or list_contains(string_split(b.periods, ' '), s.time_period))\n"
        "  and (b.areas = '' or list_contains(string_split(b.areas, ' '), s.ref_area))\n"
        f"  and (s.score < b.low - {SCORE_TOLERANCE} or s.score > b.high + {SCORE_TOLERANCE})"
    )
    key = ("index_id", "edition_id", "node_id", "ref_area", "time_period")
    message = _placed(key) + ": score {score} is outside {low} to {high}"
    description = "a score lies on the scale of its method"
    return [Expectation("release.index_score.scale", "sql", description, column="score", sql=sql, message=message)]


def _scoreboard(index_id: str) -> Expectation:
    table = f"scoreboard_{index_id}"
    return Expectation(
        f"release.{table}.same_score", "sql", "the scoreboard shows the scores and ranks of the index",
        column="score",
        sql="select coalesce(b.edition_id, s.edition_id) as edition_id,\n"
            "    coalesce(b.ref_area, s.ref_area) as ref_area,\n"
            "    coalesce(b.time_period, s.time_period) as time_period, b.score as shown, s.score as score\n"
            f"from {_name(table)} as b\n"
            "full join (\n    select * from index_score\n"
            f"    where index_id = {_text(index_id)} and node_kind = 'index'\n) as s\n"
            "    on s.edition_id = b.edition_id and s.ref_area = b.ref_area\n"
            "    and s.time_period = b.time_period\n"
            "where b.score is distinct from s.score or b.score_rank is distinct from s.score_rank",
        message="{edition_id} {ref_area} {time_period}: {shown} on the scoreboard, {score} by the index",
    )  # fmt: skip


# text


def _placed(key: Iterable[str]) -> str:
    """The part of a message that names a row by its key."""
    return " ".join(f"{{{name}}}" for name in key)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(value: str | float) -> str:
    return _text(value) if isinstance(value, str) else f"cast({value!r} as double)"


def _listed(values: Iterable[str]) -> str:
    return f"({', '.join(_text(each) for each in values)})"


def _values(rows: Iterable[tuple[str | float, ...]]) -> str:
    return ",\n".join(f"({', '.join(_literal(each) for each in row)})" for row in rows)
