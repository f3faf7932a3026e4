"""The release tables as declared in tables.yml: DDL, comments, dictionary, schemas, and frames made to fit.

Not here: writing a release (publish), judging its content (expectations), values of the tables (pipelines).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from warehouse.db import quote, quote_text
from warehouse.errors import IndexhouseError

if TYPE_CHECKING:
    pass

RELEASE_ID = "release_id"
TYPES: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "INTEGER": pl.Int32(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "DATE": pl.Date(),
    "TIMESTAMP": pl.Datetime("us"),
}
# Words that DuckDB refuses as a bare table or column name: categories reserved and type_function of
# duckdb_keywords().
_RESERVED_WORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast
    check collate collation column columns concurrently constraint create cross default deferrable desc
    describe distinct do else end except false fetch for foreign freeze from full generated glob group
    having ilike in initially inner intersect into is isnull join lambda lateral leading left like limit map
    natural not notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing
    positional primary qualify references returning right select semi show similar some struct summarize
    symmetric table tablesample then to trailing true try_cast tuple union
    unique unpack unpivot using variadic
    verbose when where window with
"""
RESERVED = frozenset(_RESERVED_WORDS.split())
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN_KEYS = {"type", "key", "nullable", "unit", "allowed", "en", "zh"}
_TABLE_KEYS = {"grain", "en", "zh", "columns", "per_index", "pillar"}


@dataclass(frozen=True)
class Column:
    """One column: SQL type, place in the key, may it be NULL, fixed unit, allowed values, meaning."""

    name: str
    type: str
    is_key: bool
    nullable: bool
    unit_id: str | None
    allowed: tuple[str, ...]
    description_en: str
    description_zh: str


@dataclass(frozen=True)
class Table:
    """One table: what a row is, what it is for, and its columns in the order of the contract."""

    name: str
    grain_en: str
    grain_zh: str
    description_en: str
    description_zh: str
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.is_key)

    @property
    def content(self) -> tuple[Column, ...]:
        """The columns that whoever computes the table fills: all but the release id that ends it."""
        return tuple(c for c in self.columns if c.name != RELEASE_ID or c.is_key)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def tables(scoreboards: Mapping[str, Sequence[tuple[str, str, str]]]) -> dict[str, Table]:
    """Every table of a release by name, in the order of the contract.

    In: index id -> its pillars (id, name_en, name_zh) in the order of the tree; each makes a table
    scoreboard_<index>. Raises IndexhouseError for a name that cannot be a table or column.
    """
    found: dict[str, Table] = {}
    for table in _declared():
        if isinstance(table, Table):
            found[table.name] = table
        else:
            made = [table.fill(index_id, pillars) for index_id, pillars in sorted(scoreboards.items())]
            found.update((scoreboard.name, scoreboard) for scoreboard in made)
    return found


def ddl(table: Table) -> str:
    """The CREATE TABLE of a release table: types only; a key or constraint would shut out old clients."""
    columns = ", ".join(f"{quote(column.name)} {column.type}" for column in table.columns)
    return f"create table {quote(table.name)} ({columns})"


def table_comment(table: Table) -> str:
    """The comment on a table: grain and purpose, English then Chinese."""
    return f"{table.grain_en} {table.description_en} | {table.grain_zh}{table.description_zh}"


def column_comment(column: Column) -> str:
    """The comment on a column, English then Chinese."""
    return f"{column.description_en} | {column.description_zh}"


def comments(table: Table) -> list[str]:
    """The COMMENT ON statements of a table and its columns."""
    name = quote(table.name)
    return [f"comment on table {name} is {quote_text(table_comment(table))}"] + [
        f"comment on column {name}.{quote(column.name)} is {quote_text(column_comment(column))}"
        for column in table.columns
    ]


def dictionary_rows(declared: Mapping[str, Table]) -> pl.DataFrame:
    """The table `dictionary`: one row per column of the given tables."""
    rows = [
        (t.name, c.name, c.type, ordinal, c.is_key, c.unit_id, c.description_en, c.description_zh)
        for t in declared.values()
        for ordinal, c in enumerate(t.columns, start=1)
    ]
    return pl.DataFrame(rows, schema=polars_schema(declared["dictionary"]), orient="row")


def polars_schema(table: Table) -> pl.Schema:
    """Columns and types of the frame that fills a table (see Table.content)."""
    return pl.Schema({column.name: TYPES[column.type] for column in table.content})


def conform_frame(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Make a frame fit its table: declared types and column order, sorted by key.

    In: every content column in any order (a frame without any column is an empty table); a trailing release
    id is dropped, staging fills it. Out: doubles rounded to 12 significant digits, NaN and infinity NULL, -0
    as 0. Raises IndexhouseError for a column missing, unknown or of another type, a NULL in the key, or a key
    that stands twice, naming table, column and the first key.
    """
    if not frame.width:
        return pl.DataFrame(schema=polars_schema(table))
    known = [column.name for column in table.content]
    given = [name for name in frame.columns if name in known or name != RELEASE_ID]
    if missing := [name for name in known if name not in given]:
        raise IndexhouseError(
            f"table {table.name}: column {', '.join(missing)} is missing; whoever fills it must give it"
        )
    if unknown := [name for name in given if name not in known]:
        raise IndexhouseError(f"table {table.name}: column {', '.join(unknown)} is not declared; add it to tables.yml")
    fitted = pl.DataFrame([_fit(frame.get_column(c.name), c, table.name) for c in table.content])
    return _sort_by_key(fitted, table)


def _fit(series: pl.Series, column: Column, table: str) -> pl.Series:
    """One column in its declared type; a type that would have to be guessed at is refused."""
    target, given = TYPES[column.type], series.dtype
    if given == pl.Null:
        return series.cast(target)
    if column.type == "VARCHAR" and (given == pl.String or isinstance(given, pl.Categorical | pl.Enum)):
        return series.cast(pl.String)
    if column.type == "DOUBLE" and given.is_numeric():
        return _fit_double(series)
    if column.type == "INTEGER" and given.is_numeric():
        return _fit_integer(series, f"table {table}, column {column.name}")
    if column.type == "TIMESTAMP" and isinstance(given, pl.Datetime):
        naive = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if given.time_zone else series
        return naive.cast(target)
    if given == target:
        return series
    raise IndexhouseError(
        f"table {table}, column {column.name}: is {given}, {column.type} is declared; convert it first"
    )


def _fit_double(series: pl.Series) -> pl.Series:
    from warehouse.rounding import round_significant

    rounded = round_significant(series.cast(pl.Float64).to_numpy())
    fitted = pl.Series(series.name, rounded, dtype=pl.Float64)
    return fitted.set(~fitted.is_finite(), None)


def _fit_integer(series: pl.Series, where: str) -> pl.Series:
    if series.dtype.is_float():
        series = series.set(~series.is_finite(), None)
        broken = series.filter(series != series.round())
        if len(broken):
            raise IndexhouseError(f"{where}: {broken[0]} is not a whole number, INTEGER is declared; round it first")
    try:
        return series.cast(pl.Int32)
    except pl.exceptions.InvalidOperationError:
        raise IndexhouseError(
            f"{where}: {series.abs().max()!s} does not fit into an INTEGER of 32 bits; use another unit"
        ) from None


def _sort_by_key(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    key = list(table.key)
    for name in key:
        holes = frame.filter(pl.col(name).is_null())
        if holes.height:
            raise IndexhouseError(
                f"table {table.name}, column {name}: is NULL in {holes.height} rows, a key never is; first: "
                f"{_show(holes, key)}; the empty string means not applicable"
            )
    frame = frame.sort(key)
    repeated = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)
    doubles = frame.filter(repeated.fill_null(False))
    if doubles.height:
        raise IndexhouseError(
            f"table {table.name}: the key ({', '.join(key)}) stands twice in {doubles.height} rows; first: "
            f"{_show(doubles, key)}; one row per key is needed"
        )
    return frame


def _show(frame: pl.DataFrame, key: list[str]) -> str:
    row = frame.select(key).row(0, named=True)
    return ", ".join(f"{name}={'NULL' if value is None else str(value)}" for name, value in row.items())


@dataclass(frozen=True)
class _Template:
    """The declaration of scoreboard_<index_id>, waiting for an index and its pillars."""

    table: Table
    pillar: Column

    def fill(self, index_id: str, pillars: Sequence[tuple[str, str, str]]) -> Table:
        base = self.table
        name = _checked_name(f"{base.name}_{index_id}", f"index '{index_id}': table")
        own = [self._column(index_id, *pillar) for pillar in pillars]
        taken = [c.name for c in base.columns]
        for column in own:
            if taken.count(column.name):
                raise IndexhouseError(
                    f"index '{index_id}': pillar '{column.name}' is a column of {name} already; rename it"
                )
            taken.append(column.name)
        columns = (*base.columns[:-1], *own, base.columns[-1])
        return Table(name, base.grain_en, base.grain_zh, base.description_en, base.description_zh, columns)

    def _column(self, index_id: str, pillar_id: str, name_en: str, name_zh: str) -> Column:
        kind = self.pillar
        return Column(
            _checked_name(pillar_id, f"index '{index_id}': pillar"), kind.type, False, True, kind.unit_id, (),
            kind.description_en.replace("{name}", name_en), kind.description_zh.replace("{name}", name_zh),
        )  # fmt: skip


@cache
def _declared() -> tuple[Table | _Template, ...]:
    """tables.yml, checked once per process. Raises IndexhouseError naming table, column and key."""
    import yaml

    try:
        from yaml import CSafeLoader as SafeLoader
    except ImportError:
        from yaml import SafeLoader  # type: ignore[assignment]
    text = (files("warehouse") / "tables.yml").read_text("utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=SafeLoader)
    return tuple(_table(name, given, document["shared"]) for name, given in document["tables"].items())


def _table(name: str, given: dict[str, Any], shared: dict[str, Any]) -> Table | _Template:
    where = f"tables.yml: {name}"
    _known_keys(given, _TABLE_KEYS, where)
    columns = [_column(key, shared.get(key, {}) | own, f"{where}.{key}") for key, own in given["columns"].items()]
    if RELEASE_ID not in given["columns"]:
        columns.append(_column(RELEASE_ID, shared[RELEASE_ID], f"{where}.{RELEASE_ID}"))
    if [c.is_key for c in columns] != sorted((c.is_key for c in columns), reverse=True) or not columns[0].is_key:
        raise IndexhouseError(f"{where}: key columns stand first, and there is at least one; reorder the columns")
    grain = given["grain"]
    table = Table(_checked_name(name, where), grain["en"], grain["zh"], given["en"], given["zh"], tuple(columns))
    if not given.get("per_index"):
        return table
    return _Template(table, _column("pillar", given["pillar"], f"{where}.pillar"))


def _column(name: str, given: dict[str, Any], where: str) -> Column:
    _known_keys(given, _COLUMN_KEYS, where)
    if given.get("type") not in TYPES:
        raise IndexhouseError(f"{where}: type '{given.get('type')}' is unknown; use one of {', '.join(TYPES)}")
    if not given.get("en") or not given.get("zh"):
        raise IndexhouseError(f"{where}: needs a description in English (en) and Chinese (zh)")
    is_key = bool(given.get("key", False))
    return Column(
        name=_checked_name(name, where),
        type=given["type"],
        is_key=is_key,
        nullable=not is_key and bool(given.get("nullable", True)),
        unit_id=given.get("unit"),
        allowed=tuple(given.get("allowed", ())),
        description_en=given["en"],
        description_zh=given["zh"],
    )


def _known_keys(given: dict[str, Any], known: Iterable[str], where: str) -> None:
    if unknown := set(given) - set(known):
        raise IndexhouseError(f"{where}: key '{min(unknown)}' is unknown; use {', '.join(sorted(known))}")


def _checked_name(name: str, where: str) -> str:
    if not _NAME.fullmatch(name):
        raise IndexhouseError(f"{where} '{name}': needs lower-case letters, digits and _, a letter first, at most 63")
    if name in RESERVED:
        raise IndexhouseError(f"{where} '{name}': is a keyword of SQL; choose another name")
    return name
