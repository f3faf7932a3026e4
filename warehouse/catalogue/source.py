"""What a source is: where its files come from, when they were known, how they are read and what they mean.

Not here: the code that fetches and reads (pipelines.sources); the units, areas and indicators it maps to.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from warehouse.catalogue.base import AreaId, Id, Labelled, Model, TimePeriod


def _pattern(text: Any) -> Any:
    if isinstance(text, str):
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"'{text}' is not a regular expression: {error}") from None
    return text


def last_day(text: Any) -> Any:
    """A date, or the last day of a partial one: 2018 -> 2018-12-31, 2018-12 -> 2018-12-31."""
    if isinstance(text, int):
        text = str(text)
    if isinstance(text, str):
        if re.fullmatch(r"\d{4}", text):
            return date(int(text), 12, 31)
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            year, month = int(match[1]), int(match[2])
            following = date(year + month // 12, month % 12 + 1, 1) if 1 <= month <= 12 else None
            if following is None:
                raise ValueError(f"'{text}' is not a month")
            return date.fromordinal(following.toordinal() - 1)
    return text


Pattern = Annotated[str, BeforeValidator(_pattern)]
VintageDate = Annotated[date, BeforeValidator(last_day)]
Text = Annotated[str, StringConstraints(min_length=1)]


class Bundled(Model):
    """Files that ship with the catalogue; their retrieval date is declared, so every machine makes the same records."""

    kind: Literal["bundled"]
    files: tuple[Text, ...] = Field(description="globs, relative to the catalogue folder")
    retrieved: date


class Folder(Model):
    """A folder that people drop files into; a file is retrieved when it is first seen."""

    kind: Literal["folder"]
    path: Text = Field(description="absolute, or relative to the catalogue folder; ~ and $VARIABLES are expanded")
    files: tuple[Text, ...] = ("*",)


class Http(Model):
    """Plain HTTP(S) GET of one or more addresses, conditional on ETag and Last-Modified."""

    kind: Literal["http"]
    urls: tuple[Text, ...]
    headers: dict[str, str] = Field({}, description="request headers; 'env:NAME' takes the value of a variable")
    media_types: tuple[str, ...] = Field((), description="accepted content types; empty: any but HTML for csv, excel")
    allow_private: bool = Field(False, description="allow loopback and private addresses (an intranet server)")
    max_mb: float = Field(512, gt=0)
    timeout_s: float = Field(30, gt=0, description="longest wait for a connection or for the next bytes")
    deadline_s: float = Field(300, gt=0, description="longest time for one address, retries included")
    attempts: int = Field(4, ge=1, description="tries on 429, 5xx, time-outs and broken answers")


Fetch = Annotated[Bundled | Folder | Http, Field(discriminator="kind")]


class Read(Model):
    """How bytes become a table of text cells."""

    format: Literal["csv", "excel", "html", "text"]
    encoding: str = Field("utf-8-sig", description="of csv, html and text")
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    quote: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = '"'
    sheets: tuple[str | int, ...] = Field((), description="Excel sheets by name or 1-based position; empty: the first")
    table: Pattern | None = Field(None, description="HTML: the first table in whose text this pattern is found")
    pattern: Pattern | None = Field(
        None, description="text: each hit is a row, each named group a column (named in row 1, the header)"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"'{value}' is not an encoding; use utf-8-sig, gb18030, latin-1, ...") from None
        return value

    @model_validator(mode="after")
    def _pattern_for_text(self) -> Read:
        groups = re.compile(self.pattern).groupindex if self.pattern else {}
        if self.format == "text" and not groups:
            raise ValueError("format text needs 'pattern' with named groups: (?P<area>...)")
        return self


class Role(Model):
    """Where one piece of a cell's meaning stands. Exactly one of column, header, file, title, value."""

    column: str | int | None = Field(None, description="a column of the table: its header (folded) or 1-based position")
    header: Pattern | None = Field(None, description="pattern on the header of the value's column; group 1 is taken")
    file: Pattern | None = Field(None, description="pattern on the file name; group 1 is taken")
    title: Pattern | None = Field(None, description="pattern on the text above the header; group 1 is taken")
    value: str | None = Field(None, description="the same for every cell")
    values: dict[str, str] = Field({}, description="printed text -> our id, where they differ")
    unused: tuple[Pattern, ...] = Field(
        (), description="patterns on printed areas, periods, indicators that are not wanted: excluded, not quarantined"
    )

    @field_validator("unused", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _plain_value(cls, data: Any) -> Any:
        return {"value": str(data)} if isinstance(data, (str, int)) else data

    @model_validator(mode="after")
    def _one_place(self) -> Role:
        given = [k for k in ("column", "header", "file", "title", "value") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of column, header, file, title, value (given: {given or 'none'})")
        return self


class Header(Model):
    """Where the header block starts; it ends before the first row whose area (first role) column holds text."""

    find: Pattern | None = Field(None, description="pattern of a folded cell in the header's first row")
    row: int | None = Field(None, ge=1, description="1-based row as a person sees it, when it never moves")
    rows: int | None = Field(None, ge=0, description="number of header rows; 0: the file has no header; default: found")
    repeat: bool = Field(False, description="the header comes again below: stacked half-tables in one sheet")


class Column(Model):
    """One column of values: which indicator it is, found by name, by alternative names or by position."""

    indicator: Id
    header: tuple[Pattern, ...] = Field((), description="patterns on the folded header text (all header rows joined)")
    position: int | None = Field(None, ge=1, description="1-based column, when headers cannot tell")
    unit: Id | None = None
    optional: bool = Field(False, description="some files do not have it")
    when: Pattern | None = Field(None, description="only in files whose name matches")

    @field_validator("header", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _findable(self) -> Column:
        if not self.header and self.position is None:
            raise ValueError("needs 'header' (patterns) or 'position'")
        return self


class Layout(Model):
    """Where area, period, indicator, unit and value of each cell stand.

    Value columns are one of: `columns` (an indicator each), every column whose header matches the period's
    `header` pattern (wide years), or the single `value` column (long form).
    """

    header: Header = Header()
    footer: tuple[Pattern, ...] = Field((), description="first cell of the row where notes begin; rows below are text")
    area: Role
    period: Role
    indicator: Role | None = None
    value: str | int | None = Field(None, description="long form: the column with the values")
    columns: tuple[Column, ...] = ()
    unused_columns: tuple[Pattern, ...] = Field((), description="value columns that are not wanted, by header")
    unit: Role | Id | None = Field(None, description="unit of the file: an id, or where it is printed (then checked)")
    vintage: Role | None = Field(None, description="a column that dates each value")
    vintage_basis: Role | None = Field(None, description="with vintage: declared or assumed; default: declared")
    status: Role | None = None
    locator: Role | None = Field(None, description="a column that names the place, when rows have ids of their own")
    freq: Literal["A", "S", "Q", "M", "W", "D"] = "A"


class ConstantMissing(Model):
    """A number that is no value where it stands in every period that a file prints for an area and an indicator."""

    value: float = Field(description="the number, in the unit of the file")
    indicators: tuple[Id, ...] = Field((), description="empty: all indicators of the source")
    except_areas: tuple[str, ...] = Field((), description="printed area names or area ids where the number is a value")
    min_periods: int = Field(2, ge=1, description="fewest periods in which it must stand")
    why_en: str
    why_zh: str = ""


class Marks(Model):
    """How the provider prints numbers and their absence."""

    missing: tuple[str, ...] = ("", "..", "…", "-", "—", "NA", "N/A", "n/a", ":")
    decimal: Literal[".", ","] = "."
    group: Literal["", ",", ".", " ", "'"] = ""
    status: dict[str, Literal["A", "B", "D", "E", "F", "G", "I", "P", "U", "V", "X"]] = Field(
        {}, description="suffix of a number -> SDMX observation status"
    )
    constant_missing: tuple[ConstantMissing, ...] = Field(
        (), description="numbers that stand for a missing value where an area has them in every period"
    )


class Assumed(Model):
    """A publication rule for files that print no date."""

    lag_months: int = Field(ge=0, description="end of the period plus this many months")
    per: Literal["file", "observation"] = Field(
        "file",
        description="file: newest period of the file + lag; observation: each value's own period + lag",
    )


class Vintage(Model):
    """From when the values were known: declared, printed in the file, or assumed; none: the retrieval date."""

    declared: VintageDate | None = None
    file: Pattern | None = Field(None, description="pattern on the file name; group 1 is the date")
    title: Pattern | None = Field(None, description="pattern on the text above the table (whole text of an HTML page)")
    assumed: Assumed | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> Vintage:
        if sum(x is not None for x in (self.declared, self.file, self.title, self.assumed)) > 1:
            raise ValueError("give only one of declared, file, title, assumed")
        return self


class FileNote(Model):
    """What is particular about some files: vintage, retrieval, or changed reading; later notes win."""

    match: Text = Field(description="glob on the file name")
    vintage: VintageDate | None = None
    retrieved: date | None = None
    read: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    approve_volume: bool = Field(False, description="this file may have far fewer rows than the one before")
    why: str = ""


class Exclusion(Model):
    """A stated rule that keeps cells out; a cell is excluded when everything that is given matches."""

    code: Id
    why_en: str
    why_zh: str = ""
    files: str | None = Field(None, description="glob on the file name")
    areas: tuple[str, ...] = Field((), description="printed area names")
    periods: tuple[TimePeriod, ...] = ()
    indicators: tuple[Id, ...] = ()
    column: Pattern | None = Field(None, description="pattern on the folded header of the value's column")
    where: dict[str | int, Pattern] = Field(
        {}, description="column of the table (header or 1-based position) -> pattern on its whole cell in the row"
    )

    @model_validator(mode="after")
    def _some_condition(self) -> Exclusion:
        given = (self.files, self.areas, self.periods, self.indicators, self.column, self.where)
        if not any(given):
            raise ValueError("needs at least one of files, areas, periods, indicators, column, where")
        return self


class Correction(Model):
    """A slip of the provider, put right in the open; fails loudly once the provider has fixed it."""

    indicator: Id
    ref_area: AreaId
    time_period: TimePeriod
    expect: str = Field(description="the text that the file shows")
    value: float = Field(description="the right value, in the file's unit")
    until: VintageDate | None = Field(None, description="vintages from this date on are right by themselves")
    why_en: str
    why_zh: str = ""

    @field_validator("expect", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, (int, float)) else value


class Volume(Model):
    """How many areas per period a file may lose against the preceding accepted vintage."""

    warn_pct: float = Field(20, ge=0, le=100)
    reject_pct: float = Field(50, ge=0, le=100)
    min_areas: int = Field(1, ge=0, description="a file with fewer areas is rejected, also the first one")


class Source(Labelled):
    """One table of one provider over all its files."""

    provider: str
    licence: str
    citation: str = ""
    url: str = ""
    redistribute: bool = True
    cadence: Literal["daily", "weekly", "monthly", "quarterly", "yearly", "once"] = "yearly"
    cron: str | None = Field(None, description="when to look at the source, if not as its cadence says (cron syntax)")
    max_age_days: int | None = Field(None, gt=0, description="older than this: the source counts as stale")
    scope: Literal["complete", "partial"] = Field("complete", description="does a file list everything it covers?")
    priority: int = Field(ge=0, description="among sources of one number the lowest wins")
    priority_for: dict[Id, int] = {}
    fetch: Fetch
    files: tuple[FileNote, ...] = ()
    vintage: Vintage = Vintage()
    read: Read
    layout: Layout
    marks: Marks = Marks()
    exclude: tuple[Exclusion, ...] = ()
    corrections: tuple[Correction, ...] = ()
    volume: Volume = Volume()
    max_quarantined_pct: float = Field(
        50, ge=0, le=100, description="a file with more rejected cells is rejected whole"
    )
    note_en: str = ""
    note_zh: str = ""
