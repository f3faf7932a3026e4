"""An index as SDMX-CSV 2.0: the observations behind it, what each edition used, its scores, and their structure.

observations.csv: one row per indicator, area and period, as the release knows it today; also what computed indicators
are computed from. inputs.csv: one row per edition, indicator, area and period with a value, as that edition used it.
scores.csv: one row per edition, node, area and period; a missing score has an empty OBS_VALUE and status O.
Not here: the structure message (sdmx_structure).
"""

from __future__ import annotations

import polars as pl

from pipelines.exporting import words
from pipelines.exporting.cells import csv_bytes
from pipelines.exporting.csv_folder import PAGE
from pipelines.exporting.excerpt import Excerpt
from pipelines.exporting.sdmx_structure import STRUCTURE, code_of, flow_id, structure_message
from pipelines.index.period import ordinal
from warehouse.db import read_only_release
from warehouse.errors import IndexhouseError

OBSERVATIONS, INPUTS, SCORES = "observations.csv", "inputs.csv", "scores.csv"
INFORMATION = "I"


def write(excerpt: Excerpt) -> dict[str, bytes]:
    """The files of the export by name. Raises IndexhouseError where two editions would be one SDMX code."""
    named = excerpt.tables["index_edition"]["edition_id"].to_list()
    if len({code_of(edition) for edition in named}) < len(named):
        raise IndexhouseError(
            f"index '{excerpt.index_id}': two editions differ by a point only, which SDMX codes do not know; "
            "name one with --edition"
        )
    seen, used, scored = observations(excerpt), inputs(excerpt, _status(excerpt)), scores(excerpt)
    listed = [
        (OBSERVATIONS, "observations behind the index, as known to this release", "所用观测值（本发布所知）"),
        (INPUTS, "values as each edition used them", "各版次采用的数值"),
        (SCORES, "scores of every node", "各节点得分"),
        (STRUCTURE, "structure message (SDMX-ML 2.1): dimensions, attributes, code lists", "结构定义与代码表"),
    ]
    return {
        OBSERVATIONS: csv_bytes(seen),
        INPUTS: csv_bytes(used),
        SCORES: csv_bytes(scored),
        STRUCTURE: structure_message(excerpt),
        PAGE: words.page(excerpt, listed).encode(),
    }


def observations(excerpt: Excerpt) -> pl.DataFrame:
    """The observations in the columns of SDMX-CSV, sorted by key; missing is an empty OBS_VALUE with its status.

    DECIMALS: digits after the point as the provider prints them (0 where it prints whole tens or hundreds), empty
    where the file holds floating-point numbers or the value is computed.
    """
    found = excerpt.tables["observation"]
    return _message(excerpt, "OBSERVATION", found, {"INDICATOR": pl.col("indicator_id"), **_value("obs_value")})


def inputs(excerpt: Excerpt, status: pl.DataFrame) -> pl.DataFrame:
    """The raw values of the index in the columns of SDMX-CSV, sorted by key; no row for a missing value.

    In: obs_status and decimals by indicator, area, period, source and vintage. OBS_STATUS is A where neither of today's
    tables has the value: it was computed as of the day of its edition.
    """
    nodes = excerpt.tables["index_node"].select("edition_id", "node_id", "indicator_id")
    values = excerpt.tables["index_input"].filter(pl.col("raw").is_not_null())
    place = ["indicator_id", "ref_area", "time_period"]
    found = (
        values.join(nodes, on=["edition_id", "node_id"], how="left", maintain_order="left")
        .join(status, on=[*place, "source_id", "vintage"], how="left", maintain_order="left")
        .unique(["edition_id", *place], keep="first", maintain_order=True)
    )
    key = {"INDICATOR": pl.col("indicator_id"), "EDITION": _edition(found)}
    return _message(excerpt, "INPUT", found, {**key, **_value("raw")})


def scores(excerpt: Excerpt) -> pl.DataFrame:
    """Scores in the columns of SDMX-CSV, sorted by key, with rank and coverage as attributes."""
    found = excerpt.tables["index_score"]
    return _message(
        excerpt,
        "SCORE",
        found,
        {
            "NODE": pl.col("node_id"),
            "EDITION": _edition(found),
            "TIME_PERIOD": pl.col("time_period"),
            "OBS_VALUE": pl.col("score"),
            "OBS_STATUS": pl.when(pl.col("score").is_null()).then(pl.lit("O")).otherwise(pl.lit("A")),
            "DECIMALS": pl.lit(None, pl.Int32),
            "SCORE_RANK": pl.col("score_rank"),
            "AREAS_RANKED": pl.col("areas_ranked"),
            "COVERAGE": pl.col("coverage"),
        },
    )


def _status(excerpt: Excerpt) -> pl.DataFrame:
    """Status and decimals of what the release ever knew of the indicators, by area, period, source and vintage."""
    names = excerpt.tables["index_node"]["indicator_id"].drop_nulls().unique().sort().to_list()
    listed = ", ".join("?" * len(names))
    columns = "indicator_id, ref_area, time_period, source_id, vintage, obs_status, decimals"
    with read_only_release(excerpt.file) as con:
        return con.sql(
            f"""select distinct on (indicator_id, ref_area, time_period, source_id, vintage) {columns}
                from (select {columns}, 0 as turn from observation where indicator_id in ({listed})
                      union all select {columns}, 1 as turn from observation_vintage where indicator_id in ({listed}))
                order by indicator_id, ref_area, time_period, source_id, vintage, turn""",
            params=[*names, *names],
        ).pl()


def _message(excerpt: Excerpt, kind: str, found: pl.DataFrame, columns: dict[str, pl.Expr]) -> pl.DataFrame:
    periods = {period: place[0] for period in found["time_period"].unique() if (place := ordinal(period))}
    freq = pl.col("time_period").replace_strict(periods, default="A", return_dtype=pl.String)
    frequency = pl.col("freq") if "freq" in found.columns else freq
    frame = found.select(
        STRUCTURE=pl.lit("dataflow"),
        STRUCTURE_ID=pl.lit(flow_id(excerpt, kind)),
        ACTION=pl.lit(INFORMATION),
        FREQ=frequency,
        REF_AREA=pl.col("ref_area"),
        **columns,
    )
    return frame.sort(frame.columns[3 : frame.columns.index("OBS_VALUE")])


def _value(column: str) -> dict[str, pl.Expr]:
    """The period, a value and what is known of it."""
    return {
        "TIME_PERIOD": pl.col("time_period"),
        "OBS_VALUE": pl.col(column),
        "OBS_STATUS": pl.col("obs_status").fill_null("A"),
        "DECIMALS": pl.col("decimals").clip(lower_bound=0),
        "UNIT_MEASURE": pl.col("unit_id"),
        "DATA_SOURCE": pl.col("source_id"),
        "VINTAGE": pl.col("vintage"),
    }


def _edition(found: pl.DataFrame) -> pl.Expr:
    codes = {name: code_of(name) for name in found["edition_id"].unique()}
    return pl.col("edition_id").replace_strict(codes, default=None, return_dtype=pl.String)
