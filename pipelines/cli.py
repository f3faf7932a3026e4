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

from pipelines.settings import Settings, from_environment
from warehouse.errors import CatalogueError, IndexhouseError

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
    source: Annotated[list[str] | None, typer.Option(help="Look at this source only; repeatable.")] = None,
    offline: Annotated[bool, typer.Option(help="Look at no source that needs the network.")] = False,
    publish: Annotated[bool, typer.Option(help="Switch to the new release when all checks have passed.")] = True,
    as_json: Json = False,
) -> None:
    """Fetch, read, validate, load, build, check and publish; recorded in Dagster. Example: indexhouse run --offline"""
    settings, day = _settings(context), _date(as_of)
    from pipelines import say, validation
    from pipelines.publishing import has_release

    if not has_release(settings):
        validation.warm()
    from pipelines.run import run as run_once

    report = run_once(settings, day, tuple(source or ()), offline, publish)
    if as_json:
        return _answer(report.as_json())
    say.run_report(settings, report)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Last run, stale and overdue sources, failed checks, next ticks, whether the daemon is alive, current release."""
    from pipelines import say
    from pipelines.status import status_of

    document = status_of(_settings(context))
    _answer(document) if as_json else say.status(document)


@app.command()
def check(context: typer.Context, as_json: Json = False) -> None:
    """Validate the catalogue (all errors at once), then all expectations on the current data; changes nothing."""
    from pipelines import say
    from pipelines.checking import check_everything

    found = check_everything(_settings(context))
    _answer(found.as_json()) if as_json else say.check_report(found)
    if found.errors:
        raise typer.Exit(FAILED)


@app.command()
def preview(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Source id.")],
    file: Annotated[
        Path | None, typer.Argument(help="A file to read; without it the newest one of the source.")
    ] = None,
    rows: Annotated[int, typer.Option(help="How many rows of each kind to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Show what reader and mapping make of a file: rows, rejects with reasons. Writes nothing."""
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
    """Write a skeleton that runs into your catalogue folder. Example: indexhouse new index ours --method hdi"""
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
    release_id: Annotated[str | None, typer.Option("--release", help="Release id; default: the current one.")] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
    as_json: Json = False,
) -> None:
    """Read-only SQL on a release. Example: indexhouse query "select * from scoreboard_beijing_innovation" """
    from pipelines.querying import FORMATS, query_release

    form = "json" if as_json else form
    if form not in FORMATS:
        raise typer.BadParameter(f"'{form}' is unknown; use one of {', '.join(FORMATS)}")
    query_release(_settings(context), sql, release_id, form)


@app.command()
def releases(context: typer.Context, as_json: Json = False) -> None:
    """List the releases; the current one is marked."""
    from pipelines import say
    from warehouse.releases import list_releases

    found = list_releases(_settings(context).release)
    _answer([asdict(each) for each in found]) if as_json else say.releases(found)


@app.command()
def publish(
    context: typer.Context, release_id: Annotated[str, typer.Argument(help="Release id.")], as_json: Json = False
) -> None:
    """Make a built release the current one."""
    from pipelines.publishing import publish_release

    _switched(publish_release(_settings(context), release_id), as_json)


@app.command()
def rollback(context: typer.Context, as_json: Json = False) -> None:
    """Make the previous release the current one; `run` never comes back to what was rolled back from."""
    from pipelines.publishing import roll_back

    _switched(roll_back(_settings(context)), as_json)


def _switched(release_id: str, as_json: bool) -> None:
    _answer({"release_id": release_id}) if as_json else print(f"{release_id} is the current release")


@app.command()
def rebuild(
    context: typer.Context, release_id: Annotated[str, typer.Argument(help="Release id.")], as_json: Json = False
) -> None:
    """Build a release again from its manifest and prove that its tables are byte-equal."""
    from pipelines.rebuilding import rebuild as rebuild_release

    proof = rebuild_release(_settings(context), release_id)
    if as_json:
        return _answer(proof.as_json())
    print(f"{release_id}: {proof.equal_tables} tables rebuilt, all byte-equal (every table but `release`)")


@app.command()
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port of the web UI on the loopback address.")] = 3000,
    with_web: Annotated[bool, typer.Option("--web/--no-web", help="Start the web UI beside the scheduler.")] = True,
) -> None:
    """Dagster web UI (read-only, loopback) and the scheduler daemon, until interrupted."""
    from pipelines.serve import serve as serve_forever

    raise typer.Exit(serve_forever(_settings(context), port, with_web))


def main() -> None:
    """Entry point: run the command, turn errors into one line on stderr and an exit status."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    try:
        app()
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


def _status_of(error: IndexhouseError) -> int:
    if isinstance(error, CatalogueError):
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
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    mark = "\033[31merror:\033[0m" if colour else "error:"
    lines = str(error).splitlines() or [type(error).__name__]
    for line in lines:
        print(f"{mark} {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
