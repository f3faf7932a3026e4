"""What of a release belongs to one index, and what of it may be passed on.

Not here: how it is written down (csv_folder, datapackage, sdmx_csv, xlsx), in which words (words).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.catalogue.formula import inputs, parse, terms
from warehouse.db import Connection, quote, read_only_release
from warehouse.errors import UnknownNameError, suggest

STAGES = ("raw", "denominated", "imputed", "treated")
# Whoever builds a release again gets other values here; without them the same release gives the same bytes.
_OF_THE_BUILD = ("run_id", "built_at")
_BY_EDITION = (
    "index_edition", "index_node", "index_score", "rank_interval", "index_input", "index_parameter",
    "index_contribution", "sensitivity", "coherence",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column as the table `dictionary` describes it."""

    name: str
    type: str
    is_key: bool
    unit_id: str | None
    description_en: str
    description_zh: str


@dataclass(frozen=True)
class LeftOut:
    """An indicator whose values may not be passed on, and the sources that forbid it."""

    indicator_id: str
    name_en: str
    name_zh: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Excerpt:
    """The tables of a release as far as they are about one index, in the order in which they are shown.

    `file`: the release file. `edition_id`: the only edition in it; None for all. `direct`: sources of its values;
    `behind`: those of further observations that go along, and of what values are computed from. `note_en`, `note_zh`:
    what the catalogue says of the index.
    """

    file: Path
    index_id: str
    edition_id: str | None
    release_id: str
    data_vintage: date
    name_en: str
    name_zh: str
    note_en: str
    note_zh: str
    tables: Mapping[str, pl.DataFrame]
    columns: Mapping[str, tuple[Column, ...]]
    left_out: tuple[LeftOut, ...]
    direct: frozenset[str]
    behind: frozenset[str]

    @property
    def scoreboard(self) -> str:
        return f"scoreboard_{self.index_id}"

    @property
    def stamp(self) -> datetime:
        """The one time that a file made from this excerpt may bear: it depends on the release only."""
        return datetime.combine(self.data_vintage, datetime.min.time())


def take(file: Path, index_id: str, edition_id: str | None = None, manifest: Path | None = None) -> Excerpt:
    """Take one index, and one edition or all of them, out of a release file.

    `manifest`: where the release folder has one; says which denominators the index uses, and what it is about.
    Missing is NULL. Values of sources that may not be passed on are NULL in every table, with a row in `left_out`.
    Raises UnknownNameError for an index or edition that is not in the release.
    """
    with read_only_release(file) as con:
        _check_known(con, index_id, edition_id)
        declared = _declared(manifest, index_id)
        where, bound = "index_id = ?", [index_id]
        if edition_id is not None:
            where, bound = f"{where} and edition_id = ?", [index_id, edition_id]
        tables = {name: _rows(con, name, where, bound) for name in _BY_EDITION}
        board = f"scoreboard_{index_id}"
        tables[board] = _rows(con, board, "? in (edition_id, '')", [edition_id or ""])
        series = "series_kind = 'index' and series_id = ? and ? in (edition_id, '')"
        tables |= {name: _rows(con, name, series, [index_id, edition_id or ""]) for name in ("growth", "growth_span")}
        tables["release"] = _rows(con, "release").drop(_OF_THE_BUILD)
        known = _rows(con, "indicator")
        texts = {name: text for name, text in known.select("indicator_id", "formula").iter_rows() if text}
        formulas = {name: inputs(text) for name, text in texts.items()}
        own = set(tables["index_node"]["indicator_id"].drop_nulls())
        wanted = own | _denominators(declared)
        for name in list(wanted):
            wanted |= _below(name, formulas)
        values = tables["index_input"]
        direct = set(values["source_id"].drop_nulls())
        tables["indicator"] = known.filter(pl.col("indicator_id").is_in(list(wanted)))
        tables["unit"] = _rows(con, "unit").filter(pl.col("unit_id").is_in(tables["indicator"]["unit_id"].to_list()))
        named = {term.area for name in wanted & set(texts) for term in terms(parse(texts[name])) if term.area}
        areas = set(values["ref_area"]) | named
        listed = ", ".join("?" * len(wanted)), ", ".join("?" * len(areas))
        mine = f"indicator_id in ({listed[0]}) and ref_area in ({listed[1]})"
        tables["observation"] = _rows(con, "observation", mine, [*sorted(wanted), *sorted(areas)])
        behind = _sources_of(con, wanted - own, tables["index_edition"]) | set(tables["observation"]["source_id"])
        behind -= direct
        tables["source"] = _rows(con, "source").filter(pl.col("source_id").is_in(list(direct | behind)))
        tables["ref_area"] = _areas(_rows(con, "ref_area"), areas)
        files = [frame.select("source_id", "snapshot_id") for frame in (values, tables["observation"])]
        tables["snapshot"] = _rows(con, "snapshot").join(
            pl.concat(files), on=["source_id", "snapshot_id"], how="semi", maintain_order="left"
        )
        tables["quality"] = _checks(_rows(con, "quality"), index_id, tables["index_edition"]["edition_id"], tables)
        tables, left_out = _without_forbidden(tables, _forbidden(con, formulas, set(known["indicator_id"])), declared)
        dictionary = _rows(con, "dictionary").sort("table_name", "ordinal")
        columns = {name: _columns(dictionary, name, frame) for name, frame in tables.items()}
    order = (
        "release", "index_edition", "index_node", board, "index_score", "rank_interval", "index_input",
        "index_parameter", "index_contribution", "growth", "growth_span", "sensitivity", "coherence", "observation",
        "indicator", "unit", "ref_area", "source", "snapshot", "quality",
    )  # fmt: skip
    root = tables["index_node"].filter(pl.col("node_kind") == "index").row(0, named=True)
    release = tables["release"].row(0, named=True)
    return Excerpt(
        file, index_id, edition_id, release["release_id"], release["data_vintage"], root["name_en"], root["name_zh"],
        str(declared.get("description_en") or ""), str(declared.get("description_zh") or ""),
        {name: tables[name] for name in order}, {name: columns[name] for name in order}, left_out,
        frozenset(direct), frozenset(behind),
    )  # fmt: skip


def index_ids(con: Connection) -> list[str]:
    """The indices of an open release."""
    return [name for (name,) in con.execute("select distinct index_id from index_edition order by 1").fetchall()]


def _check_known(con: Connection, index_id: str, edition_id: str | None) -> None:
    if index_id not in (known := index_ids(con)):
        raise UnknownNameError(f"index '{index_id}' is not in this release; {suggest(index_id, known)}")
    found = con.execute("select edition_id from index_edition where index_id = ?", [index_id]).fetchall()
    if edition_id is not None and (edition_id,) not in found:
        hint = suggest(edition_id, [name for (name,) in found])
        raise UnknownNameError(f"index '{index_id}' has no edition '{edition_id}'; {hint}")


def _rows(con: Connection, table: str, where: str = "true", bound: Sequence[str] = ()) -> pl.DataFrame:
    """Rows of a table in the order in which the release keeps them: by key."""
    return con.sql(f"select * from {quote(table)} where {where}", params=list(bound)).pl()


def _declared(manifest: Path | None, index_id: str) -> dict[str, Any]:
    """The declaration of the index in the manifest; empty where there is none to read."""
    if manifest is None:
        return {}
    try:
        document: dict[str, Any] = json.loads(manifest.read_bytes())["catalogue"]["indices"][index_id]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return document


def _denominators(document: Any) -> set[str]:
    """The indicators that the declaration of an index, its editions and variants divide by."""
    return {by for key, part in _parts(document) if key == "denominate" for by in _by(part)}


def _by(part: Any) -> list[str]:
    return [part["by"]] if isinstance(part, dict) and isinstance(part.get("by"), str) else []


def _parts(document: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for key, part in document.items():
            yield key, part
            yield from _parts(part)
    elif isinstance(document, list):
        for part in document:
            yield from _parts(part)


def _below(name: str, formulas: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Everything that an indicator is computed from, however deep."""
    found: set[str] = set()
    waiting = list(formulas.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += formulas.get(each, ())
    return found


def _sources_of(con: Connection, indicators: Iterable[str], editions: pl.DataFrame) -> set[str]:
    """Sources of these indicators, as preferred today and, for each edition as of a day, all that were known then."""
    names = sorted(indicators)
    if not names:
        return set()
    listed = ", ".join("?" * len(names))
    found = con.execute(f"select distinct source_id from observation where indicator_id in ({listed})", names)
    sources = {source for (source,) in found.fetchall()}
    for day in editions["as_of"].drop_nulls().unique():
        then = con.execute(
            f"""select distinct source_id from observation_vintage where indicator_id in ({listed})
                and vintage <= ? and (superseded_on is null or superseded_on > ?)""",
            [*names, day, day],
        )
        sources |= {source for (source,) in then.fetchall()}
    return sources


def _areas(known: pl.DataFrame, used: set[str]) -> pl.DataFrame:
    """The areas that are used, and those that they are parts of."""
    parents = dict(known.select("ref_area", "parent_area").iter_rows())
    wanted = set(used)
    for area in used:
        while (parent := parents.get(area)) is not None and parent not in wanted:
            wanted.add(parent)
            area = parent
    return known.filter(pl.col("ref_area").is_in(list(wanted)))


def _checks(quality: pl.DataFrame, index_id: str, editions: Iterable[str], tables: Iterable[str]) -> pl.DataFrame:
    """The checks of the tables that go along; of those made per index and edition only the own ones."""
    shared = quality.filter(
        pl.col("table_name").is_in([*tables, "observation", "observation_vintage", "dictionary"])
        & ~pl.col("check_id").str.contains(r"^(method|screen|coherence)\.")
    )
    ends = [f".{index_id}.{edition}" for edition in editions]
    own = quality.filter(
        pl.col("check_id").str.contains(r"^(method|screen|coherence)\.")
        & pl.any_horizontal(pl.lit(False), *(pl.col("check_id").str.ends_with(end) for end in ends))
    )
    return pl.concat([own, shared]).sort("check_id")


def _columns(dictionary: pl.DataFrame, table: str, frame: pl.DataFrame) -> tuple[Column, ...]:
    rows = dictionary.filter(pl.col("table_name") == table).select(
        "column_name", "column_type", "is_key", "unit_id", "description_en", "description_zh"
    )
    described = {row[0]: Column(*row) for row in rows.iter_rows()}
    return tuple(described[name] for name in frame.columns)


def _forbidden(con: Connection, formulas: Mapping[str, tuple[str, ...]], known: set[str]) -> dict[str, set[str]]:
    """Indicator -> the sources of its values, or of what it is computed from, that may not be passed on."""
    found: dict[str, set[str]] = {}
    rows = con.execute(
        """select distinct indicator_id, source_id from observation_vintage
           where source_id in (select source_id from source where not redistribute)"""
    ).fetchall()
    for indicator, source in rows:
        found.setdefault(indicator, set()).add(source)
    below = {name: _below(name, formulas) for name in known}
    tainted = {name: {s for part in {name, *below[name]} for s in found.get(part, ())} for name in known}
    return {name: sources for name, sources in tainted.items() if sources}


def _without_forbidden(
    tables: dict[str, pl.DataFrame], forbidden: Mapping[str, set[str]], declared: dict[str, Any]
) -> tuple[dict[str, pl.DataFrame], tuple[LeftOut, ...]]:
    """Take out what must not be passed on: for a node that uses such a source, every stage before the common scale and
    every parameter, because one of them would give away the others; the observations themselves; and the examples that
    checks of observations quote. Scores are the index's own and stay."""
    if not forbidden:
        return tables, ()
    quotes = pl.col("table_name").is_in(["observation", "observation_vintage"])
    quality = tables["quality"].with_columns(pl.when(~quotes).then("observed").alias("observed"))
    stopped: list[tuple[str, str]] = []
    sources_of: dict[str, set[str]] = {}
    nodes = tables["index_node"].filter(pl.col("node_kind") == "indicator").sort("edition_id", "ordinal")
    divided_by = _denominators(declared) if declared else set(forbidden)
    for edition, node, indicator in nodes.select("edition_id", "node_id", "indicator_id").iter_rows():
        rows = tables["index_input"].filter((pl.col("edition_id") == edition) & (pl.col("node_id") == node))
        found = _used(rows, forbidden.get(indicator, set()))
        if rows.filter(pl.col("raw") != pl.col("denominated")).height:
            found |= {source for by in divided_by for source in forbidden.get(by, ())}
        if found:
            stopped.append((edition, node))
            sources_of.setdefault(indicator, set()).update(found)
    seen = tables["observation"]
    for (indicator,), rows in seen.group_by("indicator_id", maintain_order=True):
        if found := _used(rows, forbidden.get(str(indicator), set())):
            sources_of.setdefault(str(indicator), set()).update(found)
    banned = {source for found in forbidden.values() for source in found}
    is_banned = pl.col("source_id").is_in(list(banned)) | (
        pl.col("is_derived") & pl.col("indicator_id").is_in(list(forbidden))
    )
    mark = pl.DataFrame(stopped, schema={"edition_id": pl.String, "node_id": pl.String}, orient="row")
    on = ["edition_id", "node_id"]
    values = tables["index_input"].join(
        mark.with_columns(is_stopped=pl.lit(True)), on=on, how="left", maintain_order="left"
    )
    tables = tables | {
        "quality": quality,
        "observation": seen.filter(~is_banned),
        "index_input": values.with_columns(
            pl.when(pl.col("is_stopped").is_null()).then(pl.col(stage)).alias(stage) for stage in STAGES
        ).drop("is_stopped"),
        "index_parameter": tables["index_parameter"].join(mark, on=on, how="anti", maintain_order="left"),
    }
    left_out = [
        LeftOut(name, en, zh, tuple(sorted(sources_of[name])))
        for name, en, zh in tables["indicator"].select("indicator_id", "name_en", "name_zh").iter_rows()
        if name in sources_of
    ]
    return tables, tuple(left_out)


def _used(rows: pl.DataFrame, forbidden: set[str]) -> set[str]:
    """The forbidden sources that these rows of one indicator come from, directly or by what they are computed from."""
    sources = set(rows["source_id"].drop_nulls())
    return set(forbidden) if "derived" in sources else sources & forbidden
