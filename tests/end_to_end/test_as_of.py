"""The state of a day, and going back and forth between releases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

DAY = "2019-10-17"


@pytest.fixture(scope="module")
def back_then(builtin, tmp_path_factory: pytest.TempPathFactory, fingerprint_of: Callable) -> dict[str, Any]:
    """A copy of the built-in home after `run --as-of 2019-10-17`: the report and the release folder of that day."""
    from pipelines import progress
    from pipelines.run import run
    from pipelines.settings import BUILTIN, Settings

    home = tmp_path_factory.mktemp("back_then") / "home"
    shutil.copytree(builtin.home, home)
    before = fingerprint_of(home / "release")
    progress.be_quiet()
    report = run(Settings(home, (BUILTIN,)), as_of=date.fromisoformat(DAY), offline=True)
    return {
        "home": home,
        "before": before,
        "report": report,
        "file": home / "release" / report.release_id / "indexhouse.duckdb",
    }


@pytest.fixture
def then(back_then: dict[str, Any], query_release: Callable) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda sql: query_release(back_then["file"], sql)


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("as_of")]


def test_the_current_release_is_left_alone(back_then: dict[str, Any], fingerprint_of: Callable) -> None:
    assert back_then["report"].status == "built"
    after = fingerprint_of(back_then["home"] / "release")
    assert {name: after[name] for name in back_then["before"]} == back_then["before"]


def test_the_release_of_a_day_holds_what_was_known_then(then: Callable) -> None:
    assert then("select as_of, data_vintage <= as_of from release") == [(date(2019, 10, 17), True)]
    assert then("select count(*) > 1000, max(vintage) <= date '2019-10-17' from observation_vintage") == [(True, True)]
    assert then(
        "select max(superseded_on) <= date '2019-10-17' from observation_vintage where superseded_on is not null"
    ) in ([(True,)], [(None,)])
    assert then("select max(vintage) <= date '2019-10-17' from observation") == [(True,)]
    later = "select snapshot_id from snapshot where vintage > date '2019-10-17'"
    used = "select snapshot_id from observation_vintage"
    assert then(f"{later} and snapshot_id not in ({used})") == [], "files that date each value may hold older ones"
    assert then("select max(vintage) <= date '2019-10-17' from revision") in ([(True,)], [(None,)])


def test_figures_are_those_of_the_day(then: Callable) -> None:
    sql = """select obs_value, vintage, source_id from observation
             where indicator_id = '{}' and ref_area = 'CN-BJ' and time_period = '{}'"""
    assert then(sql.format("gdp", 2017)) == [(28014.94, date(2018, 12, 31), "nbs_gdp")]
    assert then(sql.format("rd_intensity", 2018)) == [(6.17, date(2019, 8, 30), "communique_rd")]


def test_both_verdicts_of_a_claim_are_those_of_the_day(then: Callable) -> None:
    sql = """select verdict_as_published, verdict_latest, coalesce(is_vintage_dependent, false) from claim
             where claim_id = 'F005'"""
    assert then(sql) == [("consistent", "consistent", False)]
    assert then("select count(*) from claim where is_vintage_dependent") == [(0,)]


def test_the_edition_of_2019_is_the_same_then_and_today(builtin, then: Callable) -> None:
    sql = """select index_id, node_id, ref_area, time_period, score, score_rank from index_score
             where edition_id = '2019' order by all"""
    rows = then(sql)
    assert len(rows) > 100 and rows == builtin.query(sql)


def test_the_release_of_a_day_becomes_current_by_publish_and_goes_by_rollback(
    back_then: dict[str, Any], indexhouse: Callable, fingerprint_of: Callable
) -> None:
    home, release_id = back_then["home"], back_then["report"].release_id
    today = back_then["before"]["indexhouse.duckdb"]
    answer = indexhouse("--home", home, "publish", release_id, "--json")
    assert answer.status == 0 and answer.json == {"release_id": release_id}
    after = fingerprint_of(home / "release")
    assert after["indexhouse.duckdb"] == after[f"{release_id}/indexhouse.duckdb"] != today
    assert indexhouse("--home", home, "query", "select as_of from release", "--json").json == [{"as_of": DAY}]
    assert indexhouse("--home", home, "rollback").status == 0
    assert fingerprint_of(home / "release")["indexhouse.duckdb"] == today


@pytest.fixture(scope="module")
def two_releases(published_small, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The small home with a second release; `.ids` are both, oldest first."""
    from pipelines import progress
    from pipelines.run import run
    from pipelines.settings import Settings

    small = published_small.copy(tmp_path_factory.mktemp("two"))
    ((first,),) = small.query("select release_id from release")
    small.drop("2022-03-01", factor=1.2)
    progress.be_quiet()
    second = run(Settings(small.home, (small.catalogue,)), offline=True)
    assert second.status == "published"
    small.ids = (first, second.release_id)
    return small


@pytest.fixture
def pair(two_releases: Any, tmp_path: Path) -> Any:
    copied = two_releases.copy(tmp_path / "pair")
    copied.ids = two_releases.ids
    return copied


def current(small: Any) -> str:
    return small.query("select release_id from release")[0][0]


def test_run_never_comes_back_to_what_was_rolled_back(pair: Any, indexhouse: Callable) -> None:
    first, second = pair.ids
    assert indexhouse(*pair.options, "rollback", "--json").json == {"release_id": first}
    answer = indexhouse(*pair.options, "run", "--offline")
    assert answer.status == 0 and current(pair) == first
    assert "rolled back" in answer.out and f"indexhouse publish {second}" in answer.out
    marks = {row["release_id"]: row for row in indexhouse(*pair.options, "releases", "--json").json}
    assert marks[second]["is_rolled_back"] and marks[first]["is_current"]

    assert indexhouse(*pair.options, "publish", second).status == 0
    assert current(pair) == second
    assert indexhouse(*pair.options, "run", "--offline", "--json").json["status"] == "nothing_changed"
    assert current(pair) == second


def test_news_after_a_rollback_are_published(pair: Any, indexhouse: Callable) -> None:
    indexhouse(*pair.options, "rollback")
    pair.drop("2023-03-01", factor=1.3)
    document = indexhouse(*pair.options, "run", "--offline", "--json").json
    assert document["status"] == "published" and current(pair) == document["release_id"] not in pair.ids


def test_folders_of_releases_never_change(pair: Any, indexhouse: Callable, fingerprint_of: Callable) -> None:
    before = {release_id: fingerprint_of(pair.release / release_id) for release_id in pair.ids}
    for arguments in (["rollback"], ["publish", pair.ids[1]], ["rollback"], ["publish", pair.ids[0]]):
        assert indexhouse(*pair.options, *arguments).status == 0
    assert {release_id: fingerprint_of(pair.release / release_id) for release_id in pair.ids} == before


def test_no_publish_builds_and_leaves_the_current_release(
    small, indexhouse: Callable, fingerprint_of: Callable
) -> None:
    before = fingerprint_of(small.release)
    small.drop("2022-03-01", factor=1.2)
    document = indexhouse(*small.options, "run", "--offline", "--no-publish", "--json").json
    assert document["status"] == "built" and (small.release / document["release_id"] / "indexhouse.duckdb").exists()
    after = fingerprint_of(small.release)
    assert {name: after[name] for name in before} == before
    assert indexhouse(*small.options, "publish", document["release_id"]).status == 0
    assert current(small) == document["release_id"]
