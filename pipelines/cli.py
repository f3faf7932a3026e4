"""The `indexhouse` command: thin verbs over tested functions; exit status and the one line that an error ends with.

Not here: what a verb does. Heavy parts are imported by the verb that needs them, so that the others start at once.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import completing
from pipelines.settings import Settings, from_environment
from pipelines.terminal import paint
from warehouse.errors import CatalogueError, IndexhouseError, UnknownNameError, suggest

DONE, FAILED, USAGE, BUSY = 0, 1, 2, 75

app = typer.Typer(
    name="indexhouse",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Raw indicator files to a validated DuckDB release of composite indices and growth metrics.",
)
_debug = False
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]


@app.callback()
def _main(
    context: typer.Context,
    home: Annotated[str | None, typer.Option(help="Home folder (INDEXHOUSE_HOME, default ./data).")] = None,
    catalogue: Annotated[
        list[str] | None,
        typer.Option(help="Catalogue folder, repeatable, later ones override; 'builtin' is the one that ships."),
    ] = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
) -> None:
    global _debug
    _debug = debug
    context.obj = lambda: from_environment(home, tuple(catalogue or ()))


def _settings(context: typer.Context) -> Settings:
    try:
        settings: Settings = context.obj()
    except IndexhouseError as error:
        _complain(error)
        raise typer.Exit(USAGE) from None
    return settings


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a date; write it as 2019-10-17") from None


def _answer(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))


@app.command()
def run(
    context: typer.Context,
    as_of: Annotated[
        str | None, typer.Option(help="Build the state of a day (2019-10-17); does not switch to it.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Look at this source only; repeatable.", autocompletion=completing.source_ids),
    ] = None,
    offline: Annotated[bool, typer.Option(help="Look at no source that needs the network.")] = False,
    publish: Annotated[bool, typer.Option(help="Switch to the new release when all checks have passed.")] = True,
    as_json: Json = False,
) -> None:
    """Fetch, build, check and publish. Read, validated and loaded in between, recorded in Dagster.

    Example: indexhouse run --offline
    """
    settings, day = _settings(context), _date(as_of)
    from pipelines import progress, say, validation
    from pipelines.publishing import has_release

    if not has_release(settings):
        validation.warm()
    from pipelines.run import run as run_once

    progress.remember(settings.home / "step_seconds.json")
    report = run_once(settings, day, tuple(source or ()), offline, publish)
    if as_json:
        return _answer(report.as_json())
    say.run_report(settings, report)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """How this installation is, and what to do next. Release, last run, sources, next ticks, daemon.

    Example: indexhouse status --json
    """
    from pipelines import say
    from pipelines.status import status_of

    document = status_of(_settings(context))
    _answer(document) if as_json else say.status(document)


@app.command()
def check(context: typer.Context, as_json: Json = False) -> None:
    """Check catalogue and data; changes nothing. All errors of the catalogue at once, then all expectations.

    Example: indexhouse --catalogue builtin --catalogue mine check
    """
    from pipelines import say
    from pipelines.checking import check_everything

    found = check_everything(_settings(context))
    _answer(found.as_json()) if as_json else say.check_report(found)
    if found.errors:
        raise typer.Exit(FAILED)


@app.command()
def preview(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Source id.", autocompletion=completing.source_ids)],
    file: Annotated[
        Path | None, typer.Argument(help="A file to read; without it the newest one of the source.")
    ] = None,
    rows: Annotated[int, typer.Option(help="How many rows of each kind to show.")] = 10,
    as_json: Json = False,
) -> None:
    """What is read from a file; writes nothing. Rows, and rejects with reasons.

    Example: indexhouse preview nbs_gdp --rows 5
    """
    from pipelines import say
    from pipelines.previewing import preview_source

    found = preview_source(_settings(context), source, file)
    _answer(found.as_json(rows)) if as_json else say.preview(found, rows)
    if found.file_problems:
        raise typer.Exit(FAILED)


@app.command()
def new(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="source, indicator or index.")],
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="Its id: a-z, digits, _.")],
    origin: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|URL]", help="For a source: a file to guess from, or its address."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="For an index: min_max (default), hdi, base, chain or entropy.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a skeleton that runs into your catalogue.

    Example: indexhouse --catalogue builtin --catalogue mine new index ours --method hdi
    """
    from pipelines.scaffold import write_new

    written = write_new(_settings(context), kind, entry_id, origin, method)
    if as_json:
        return _answer(written.as_json())
    for line in (*(f"wrote {path}" for path in written.files), *written.told):
        print(line)


@app.command()
def query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(help="SQL; the tables of docs/tables.md.")],
    release_id: Annotated[
        str | None,
        typer.Option("--release", help="Release id; default: current one.", autocompletion=completing.release_ids),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="table, csv, json or parquet.", autocompletion=completing.query_formats)
    ] = "table",
    as_json: Json = False,
) -> None:
    """Read-only SQL on a release.

    Example: indexhouse query "select * from scoreboard_beijing_innovation"
    """
    from pipelines.querying import FORMATS, query_release

    form = "json" if as_json else form
    if form not in FORMATS:
        raise _unknown_format(form, FORMATS)
    query_release(_settings(context), sql, release_id, form)


def _unknown_format(form: str, known: tuple[str, ...]) -> typer.BadParameter:
    hint = suggest(form, known)
    more = "" if hint.startswith("known") else f" known: {', '.join(known)}"
    return typer.BadParameter(f"--format '{form}' is unknown; {hint}{more}")


@app.command()
def export(
    context: typer.Context,
    index: Annotated[str, typer.Argument(help="Index id.", autocompletion=completing.index_ids)],
    form: Annotated[
        str,
        typer.Option("--format", help="xlsx, csv, sdmx-csv or datapackage.", autocompletion=completing.export_formats),
    ] = "xlsx",
    release_id: Annotated[
        str | None,
        typer.Option("--release", help="Release id; default: current one.", autocompletion=completing.release_ids),
    ] = None,
    edition: Annotated[str | None, typer.Option(help="Only this edition or variant; default: all of them.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write into, or a file *.xlsx. Default: the working folder.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
    as_json: Json = False,
) -> None:
    """An index to take away. Scores, ranks, weights, data, method and sources: as a workbook, CSV or a data package.

    Example: indexhouse export beijing_innovation --format xlsx --output beijing.xlsx
    """
    from pipelines import say
    from pipelines.exporting.export import FORMATS, export_index

    if form not in FORMATS:
        raise _unknown_format(form, FORMATS)
    done = export_index(_settings(context), index, form, release_id, edition, output, overwrite)
    _answer(done.as_json()) if as_json else say.exported(done)


@app.command()
def explain(
    context: typer.Context,
    index: Annotated[str, typer.Argument(help="Index: its id or name.")],
    area: Annotated[str, typer.Argument(help="Area: its code or name, also in Chinese: CN-BJ, Beijing, 北京.")],
    period: Annotated[str, typer.Argument(help="Period, such as 2018 or 2018-Q1.")],
    node: Annotated[str | None, typer.Option(help="Begin with this node (a pillar, an indicator).")] = None,
    edition: Annotated[str | None, typer.Option(help="Edition or variant; default: the one that knows most.")] = None,
    release_id: Annotated[str | None, typer.Option("--release", help="Release id; default: the current one.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only scores and weights, no lines below them.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="All digits of every number.")] = False,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    html: Annotated[Path | None, typer.Option(help="Write the page of the index, opened here, to this file.")] = None,
    as_json: Json = False,
) -> None:
    """From a score down to the source cells, and up again. Example: indexhouse explain beijing_innovation 北京 2018"""
    if language not in ("en", "zh"):
        raise typer.BadParameter(f"'{language}' is unknown; use en or zh")
    from pipelines.explaining.opened import open_release
    from pipelines.explaining.page import write_page
    from pipelines.explaining.terminal import draw
    from pipelines.explaining.tree import explain as explain_score

    with open_release(_settings(context), release_id) as opened:
        document = explain_score(opened, index, area, period, node, edition)
        if html is not None:
            write_page(opened, html, document["index_id"], document)
    if as_json:
        return _answer(document)
    print(f"wrote {html}") if html is not None else draw(document, language, exact, brief)


@app.command()
def releases(context: typer.Context, as_json: Json = False) -> None:
    """List the releases; the current one is marked.

    Example: indexhouse releases
    """
    from pipelines import say
    from warehouse.releases import list_releases

    found = list_releases(_settings(context).release)
    _answer([asdict(each) for each in found]) if as_json else say.releases(found)


@app.command()
def publish(
    context: typer.Context,
    release_id: Annotated[str, typer.Argument(help="Release id.", autocompletion=completing.release_ids)],
    as_json: Json = False,
) -> None:
    """Make a built release the current one.

    Example: indexhouse publish 20191017-f4cb49a0
    """
    from pipelines.publishing import publish_release

    _switched(publish_release(_settings(context), release_id), as_json)


@app.command()
def rollback(context: typer.Context, as_json: Json = False) -> None:
    """Make the previous release the current one. `run` never comes back to what was rolled back from.

    Example: indexhouse rollback
    """
    from pipelines.publishing import roll_back

    _switched(roll_back(_settings(context)), as_json)


def _switched(release_id: str, as_json: bool) -> None:
    _answer({"release_id": release_id}) if as_json else print(f"{release_id} is the current release")


@app.command()
def report(
    context: typer.Context,
    release_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="Release id; default: the current one.", autocompletion=completing.release_ids
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Where the HTML report of a release is. One file for any browser; made where it is missing.

    Example: indexhouse report
    """
    from pipelines.reporting.writing import report_of

    file = report_of(_settings(context), release_id)
    if as_json:
        return _answer({"release_id": file.parent.name, "file": str(file), "size_bytes": file.stat().st_size})
    print(file)


@app.command()
def rebuild(
    context: typer.Context,
    release_id: Annotated[str, typer.Argument(help="Release id.", autocompletion=completing.release_ids)],
    as_json: Json = False,
) -> None:
    """Build a release again and prove it equal. From its manifest, byte for byte, table by table.

    Example: indexhouse rebuild 20191017-f4cb49a0
    """
    from pipelines.rebuilding import rebuild as rebuild_release

    proof = rebuild_release(_settings(context), release_id)
    if as_json:
        return _answer(proof.as_json())
    print(f"{release_id}: {proof.equal_tables} tables rebuilt, all byte-equal (every table but `release`)")


@app.command()
def diff(
    context: typer.Context,
    old: Annotated[
        str | None,
        typer.Argument(metavar="A", help="Release id, or INDEX:EDITION.", autocompletion=completing.release_ids),
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="B",
            help="The same; default: the current release, the last edition of the index.",
            autocompletion=completing.release_ids,
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, html or json.")] = "text",
    top: Annotated[int, typer.Option(min=1, help="How many rows each list shows, the largest first.")] = 10,
    every: Annotated[bool, typer.Option("--all", help="Show all rows of every list.")] = False,
    as_json: Json = False,
) -> None:
    """What changed between two releases (default: previous and current) or two editions, split into data and method.

    Example: indexhouse diff beijing_innovation:2019 beijing_innovation:latest
    """
    from pipelines.diffing.answer import FORMATS, answer

    form = "json" if as_json else form
    if form not in FORMATS:
        raise typer.BadParameter(f"'{form}' is unknown; use one of {', '.join(FORMATS)}")
    answer(_settings(context), old, new, form, None if every else top)


@app.command()
def docs(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write into: empty, or of an earlier time. Default: docs in the home.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Catalogue and data dictionary as HTML pages. In English and Chinese, with the figures of the current release.

    Example: indexhouse docs --output pages
    """
    from pipelines.documenting.write import write_pages

    written = write_pages(_settings(context), output)
    if as_json:
        return _answer(written.as_json())
    print(f"wrote {written.pages} pages; open {written.folder / 'index.html'}")


@app.command()
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port of the web UI on the loopback address.")] = 3000,
    with_web: Annotated[bool, typer.Option("--web/--no-web", help="Start the web UI beside the scheduler.")] = True,
) -> None:
    """Web UI and scheduler, until interrupted. Dagster's UI is read-only and on the loopback address.

    Example: indexhouse --home /srv/indexhouse serve
    """
    from pipelines.serve import serve as serve_forever

    raise typer.Exit(serve_forever(_settings(context), port, with_web))


def main() -> None:
    """Entry point: run the command, turn errors into one line on stderr and an exit status."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        app(_with_general_options_first(sys.argv[1:]))
    except IndexhouseError as error:
        if _debug:
            raise
        _complain(error)
        sys.exit(_status_of(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except KeyboardInterrupt:
        print("interrupted; the current release is unchanged", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if _debug:
            raise
        _complain(_unforeseen(error))
        sys.exit(FAILED)


def _with_general_options_first(arguments: list[str]) -> list[str]:
    """The arguments with --home, --catalogue and --debug before the verb, wherever they were written."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first: list[str] = []
    rest: list[str] = []
    at = 0
    while at < end:
        word = arguments[at]
        takes = 2 if word in ("--home", "--catalogue") else 1
        is_general = takes == 2 or word == "--debug" or word.startswith(("--home=", "--catalogue="))
        (first if is_general else rest).extend(arguments[at : min(at + takes, end)])
        at += takes
    return [*first, *rest, *arguments[end:]]


def _status_of(error: IndexhouseError) -> int:
    if isinstance(error, CatalogueError | UnknownNameError):
        return USAGE
    return BUSY if type(error).__name__ == "HomeLockedError" else FAILED


def _unforeseen(error: Exception) -> IndexhouseError:
    """An error that nobody expected, as one line; its first line says what, `--debug` says where."""
    first = (str(error).splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}"
    return IndexhouseError(f"{what}; nothing was published; run again with --debug to see where")


def _complain(error: IndexhouseError) -> None:
    """The error on stderr, one line each; with --json also as the one document on stdout."""
    if "--json" in sys.argv:
        _answer({"status": "failed", "problems": str(error).splitlines()})
    mark = paint("error:", "red", sys.stderr)
    lines = str(error).splitlines() or [type(error).__name__]
    for line in lines:
        print(f"{mark} {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
