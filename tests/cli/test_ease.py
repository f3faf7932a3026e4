"""What makes the command easy: completion, examples, answers to typos, hints of what comes next, progress, colours.

Not here: the tables of `query` (test_query), usage errors as such (test_help).
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines import cli, progress, say
from pipelines.terminal import paint
from tests.conftest import ROOT, clean_environment

VERBS = sorted(get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.fixture
def on_terminal(tmp_path: Path) -> Callable[..., str]:
    """Run the command on a terminal of so many columns; what it shows, stdout and stderr alike."""

    def run(*arguments: str | Path, columns: int = 80, **environment: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        kept = {k: v for k, v in clean_environment().items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=kept | {"TERM": "xterm"} | environment, cwd=tmp_path,
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        os.close(ours)
        process.wait(60)
        return shown.decode().replace("\r\n", "\n")

    return run


def complete(words: str, *options: str | Path, environment: dict[str, str] | None = None) -> list[str]:
    """What the shell would offer after these words; the last one is being written."""
    line = " ".join(["indexhouse", *map(str, options), words])
    asked = clean_environment(
        _INDEXHOUSE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1),
        **(environment or {}),
    )  # fmt: skip
    program = "import sys; sys.argv[0] = 'indexhouse'; from pipelines.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=asked, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_verbs_and_options_complete() -> None:
    assert {"query", "rebuild", "releases"} <= set(complete("r")) | set(complete("q"))
    assert complete("expor") == ["export"]
    assert "--offline" in complete("run --off")


def test_ids_complete_from_the_files_that_are_there(published_small) -> None:
    home = ("--home", published_small.home)
    ((release_id,),) = published_small.query("select release_id from release")
    assert complete("export str", *home) == ["strength"]
    assert complete("publish 2", *home) == [release_id]
    assert complete("query x --release 2", environment={"INDEXHOUSE_HOME": str(published_small.home)}) == [release_id]
    assert complete("preview fig", "--catalogue", published_small.catalogue) == ["figures"]
    assert "nbs_gdp" in complete("run --source nbs_")
    assert complete("export strength --format sdmx") == ["sdmx-csv"]


def test_completion_in_an_empty_place_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    assert complete("publish ", "--home", tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_completion_can_be_shown_for_every_shell(indexhouse: Callable) -> None:
    assert "--install-completion" in indexhouse("--help").out


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_an_example(indexhouse: Callable, verb: str) -> None:
    out = " ".join(indexhouse(verb, "--help").out.split())
    assert re.search(rf"Example: indexhouse\b.* {verb}\b", out)


def test_help_starts_without_the_heavy_parts() -> None:
    code = "import sys, pipelines.cli; print([m for m in ('duckdb', 'polars', 'pydantic', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["releses"], "Did you mean 'releases'?"),
        (["exprot", "x"], "Did you mean 'export'?"),
        (["run", "--offlne"], "--offline"),
        (["query", "select 1", "--format", "cvs"], "did you mean 'csv'?"),
        (["run", "--source", "figure"], "did you mean 'figures'?"),
        (["preview", "figurs"], "did you mean 'figures'?"),
        (["export", "strenth"], "did you mean 'strength'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_typo_ends_with_2_and_the_word_that_was_meant(indexhouse: Callable, small, arguments, hint: str) -> None:
    answer = indexhouse(*small.options, *arguments)
    assert answer.status == 2 and answer.out == ""
    assert hint in answer.err.splitlines()[-1]


@pytest.mark.parametrize("verb", ["publish", "rebuild", "query", "export"])
def test_a_mistyped_release_ends_with_2_and_the_one_that_was_meant(
    indexhouse: Callable, published_small, verb: str
) -> None:
    ((known,),) = published_small.query("select release_id from release")
    wrong = known[:-1] + ("0" if known[-1] != "0" else "1")
    rest = {"query": ["select 1", "--release", wrong], "export": ["strength", "--release", wrong]}
    answer = indexhouse(*published_small.options, verb, *rest.get(verb, [wrong]))
    assert answer.status == 2 and len(answer.errors) == 1 and f"did you mean '{known}'?" in answer.errors[0]


def test_general_options_may_stand_after_the_verb(indexhouse: Callable, published_small) -> None:
    _, home, _, catalogue = published_small.options
    answer = indexhouse("status", "--json", "--home", home, f"--catalogue={catalogue}")
    assert answer.json["home"] == home and answer.json["current_release"]
    assert indexhouse("query", "select '--home' as a", "--json", "--home", home).json == [{"a": "--home"}]


def test_status_before_the_first_run_lists_no_empty_sources_and_says_what_is_next(
    indexhouse: Callable, tmp_path: Path
) -> None:
    out = indexhouse("--home", tmp_path / "home", "status").out
    assert "none looked at yet" in out and "nbs_gdp" not in out
    assert out.splitlines()[-1].startswith("next: indexhouse run --offline")


@pytest.mark.parametrize("verb", [["releases"], ["query", "select 1"], ["export", "strength"]])
def test_without_a_release_a_verb_says_what_to_do(indexhouse: Callable, tmp_path: Path, verb: list[str]) -> None:
    answer = indexhouse("--home", tmp_path / "home", *verb)
    assert "`indexhouse run` makes" in answer.out + answer.err


def test_what_is_next_follows_from_the_state() -> None:
    calm = {"is_running": False, "current_release": {}, "last_run": None, "sources": []}
    good = calm | {"current_release": {"release_id": "x"}, "last_run": {"status": "published"}}
    stale = good | {"sources": [{"source_id": "gdp", "state": "stale"}]}
    assert say.next_step(calm).startswith("indexhouse run")
    assert say.next_step(good).startswith("indexhouse query")
    assert say.next_step(good | {"last_run": {"status": "failed"}}).startswith("indexhouse check")
    assert "preview gdp" in say.next_step(stale)
    assert "wait" in say.next_step(good | {"is_running": True})


def test_an_error_is_one_line_in_red_on_a_terminal(on_terminal: Callable, tmp_path: Path) -> None:
    shown = on_terminal("--home", tmp_path / "none", "query", "select 1")
    assert shown.startswith("\033[31merror:\033[0m ") and shown.count("\n") == 1
    assert "\033[" not in on_terminal("--home", tmp_path / "none", "query", "select 1", NO_COLOR="1")


def test_a_wide_table_is_cut_to_the_terminal_with_a_note(on_terminal: Callable, published_small) -> None:
    shown = on_terminal(*published_small.options, "query", "select * from index_node order by node_id", columns=70)
    plain = re.sub(r"\033\[\d*m", "", shown).splitlines()
    *table, note = plain
    assert all(len(line) <= 70 for line in table) and "edition_id" in table[0]
    assert re.fullmatch(r"6 rows; \d of 18 columns shown;.* --format csv or json, to see all", note)
    assert "\033[1m" in shown, "the header is bold"


def test_colours_follow_meaning_and_need_somebody_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("failed", "red", Terminal()) == "\033[31mfailed\033[0m"
    assert paint("failed", "red", io.StringIO()) == "failed"
    monkeypatch.setenv("TERM", "dumb")
    assert paint("failed", "red", Terminal()) == "failed"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("failed", "red", Terminal()) == "failed"


TIMES = {"fetch": 2.0, "read": 10.0, "core": 3.0, "observations": 1.0, "indices": 5.0, "candidate": 6.0, "publish": 1.0}


def test_the_time_left_counts_this_step_and_those_after_it() -> None:
    assert progress.time_left("core", 1.0, 0, 0, TIMES) == 2.0 + 1 + 5 + 6 + 1
    assert progress.time_left("core", 9.0, 0, 0, TIMES) == 13.0, "a step that takes longer than last time"
    assert progress.time_left("publish", 0.2, 0, 0, TIMES) == pytest.approx(0.8)
    assert progress.time_left("read", 4.0, 10, 50, TIMES) == 16.0 + 16, "what is done counts more than the last time"
    assert progress.time_left("read", 4.0, 10, 50, {}) == 16.0
    assert progress.time_left("read", 8.0, 50, 50, TIMES) == 2.0 + 16, "all are read and something is left to do"
    assert progress.time_left("fetch", 1.0, 0, 0, TIMES) == 1.0, "what follows depends on what it brings"
    assert progress.time_left("claims", 1.0, 0, 0, {}) is None


def test_the_moving_line_says_how_far_it_is() -> None:
    note = progress.Note()
    assert [*note.over(iter("abc"), "sources", 4)] == ["a", "b", "c"]
    assert progress.moment("read", note, 6.0, {}) == "[2/9] read         3 of 4 sources, 6 s, about 2 s left"
    assert progress.moment("claims", progress.Note(), 0.4, {}) == "[5/9] claims       0 s"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (59.6, "60 s"), (89, "89 s"), (100, "2 min"), (3600, "60 min"), (9000, "2 h")]
)
def test_a_span_of_time_is_said_in_words(seconds: float, said: str) -> None:
    assert progress.in_words(seconds) == said


def test_on_a_terminal_a_line_moves_and_is_gone_in_the_end(on_terminal: Callable, tmp_path: Path) -> None:
    program = tmp_path / "work.py"
    program.write_text(
        "import sys, time\nfrom pathlib import Path\nfrom pipelines import progress\n"
        "progress.BEATS_PER_SECOND = 50\nprogress.remember(Path('times.json'))\n"
        "with progress.step('read') as note:\n"
        "    for n in note.over(range(4), 'sources'):\n        time.sleep(0.05)\n"
        "    progress.warn('odd')\n    note.say('4 files')\n",
        "utf-8",
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {k: v for k, v in clean_environment().items() if k != "NO_COLOR"} | {"TERM": "xterm"}
    subprocess.run([sys.executable, program], stderr=theirs, env=environment, cwd=tmp_path, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "of 4 sources" in shown and "left" in shown
    kept = [part.split("\033[K")[-1] for part in shown.split("\r\n")]
    assert kept[0] == "\033[33mwarning:\033[0m odd"
    assert re.fullmatch(r"\[2/9\] read         \033\[32mok    \033\[0m +\d\.\d s  4 files", kept[1])
    assert "read" in (tmp_path / "times.json").read_text()


def test_in_a_pipe_nothing_moves_and_no_times_are_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress.be_quiet(False)
    progress.remember(tmp_path / "times.json")
    with progress.step("claims") as note:
        note.say("done")
    err = capfd.readouterr().err
    assert re.fullmatch(r"\[5/9\] claims       ok +\d+\.\d s  done\n", err)
    assert not (tmp_path / "times.json").exists()
