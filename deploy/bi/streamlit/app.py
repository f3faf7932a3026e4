"""A page of a release in Streamlit: INDEXHOUSE_RELEASE=/srv/indexhouse/release streamlit run app.py."""

import json
import os
from pathlib import Path

import duckdb
import streamlit as st

RELEASE = Path(os.environ.get("INDEXHOUSE_RELEASE", "/srv/indexhouse/release"))
SETTINGS = {"enable_external_access": "false", "lock_configuration": "true"}


@st.cache_data
def rows(sql: str, release_id: str):
    """Kept until the release changes: its id is part of what the answer is kept under."""
    with duckdb.connect(str(RELEASE / release_id / "indexhouse.duckdb"), read_only=True, config=SETTINGS) as con:
        return con.execute(sql).df()


release_id = json.loads((RELEASE / "latest.json").read_text())["release_id"]
st.title("Innovation index 创新指数")
st.caption(f"Release 发布版本 {release_id}")
year = st.selectbox("Year 年份", rows("select distinct period_year from index_score order by 1 desc", release_id))
st.line_chart(
    rows(
        "select period_start, edition_id, score from index_score "
        "where index_id = 'beijing_innovation' and node_kind = 'index' order by 1, 2",
        release_id,
    ),
    x="period_start", y="score", color="edition_id",
)  # fmt: skip
st.dataframe(
    rows(
        "select score_rank, area_name_en, area_name_zh, score, change_abs from scoreboard_china_regional_innovation "
        f"where edition_id = 'latest' and period_year = {int(year)} order by 1",
        release_id,
    )
)
