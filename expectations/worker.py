"""The process in which Great Expectations judges DuckDB files, asked and answering by a JSON line each.

It imports Great Expectations while its parent still reads files, says that it is ready, answers until stdin
ends and leaves. Nothing but answers reaches stdout: whatever libraries print goes to stderr.
Not here: what is expected (plan), the parent's side (client).
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, TextIO
from urllib.parse import quote

from expectations.judgement import SHOWN_ROWS, Expectation, Result, Suite, row_text

OPTIONS = "access_mode=READ_ONLY&autoinstall_known_extensions=false&autoload_known_extensions=false"
FOUND = "rows_found_in_all"
COLON_NAME = re.compile(r"(?<![:\w\\]):(?=\w)")


def main() -> None:
    """Answer requests until stdin ends. Ctrl-C is the parent's business: it closes our stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _claim_stdout()
    _leave_with_parent(os.getppid())
    judge = Judge()
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        if line.strip():
            _answer(answers, reply(judge, line))
    sys.stderr.flush()
    os._exit(0)  # DuckDB 2.0 prints leak reports when the interpreter is taken down in order


def reply(judge: Judge, line: str) -> dict[str, Any]:
    """The answer to one request: results, or the error that kept the whole file from being judged."""
    try:
        request = json.loads(line)
        suites = [Suite.from_json(each) for each in request["suites"]]
        return {"results": [asdict(each) for each in judge.judge(Path(request["file"]), suites)]}
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return {"error": _one_line(error)}


def _claim_stdout() -> TextIO:
    """Keep the real stdout for answers; point descriptor 1 and sys.stdout at stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message, ensure_ascii=False, allow_nan=False), file=answers, flush=True)


def _leave_with_parent(parent: int) -> None:
    """End when the parent is gone, also while busy or when another child of it still holds our stdin open."""

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(1.0):
            if os.getppid() != parent:
                os._exit(0)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


class Judge:
    """Great Expectations, imported once; every request gets a data source of its own, which is closed."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        import great_expectations as gx
        import great_expectations.expectations as gxe
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self.gx: Any = gx
        self.gxe: Any = gxe
        self.failing_rows = _failing_rows(self.gxe.UnexpectedRowsExpectation)
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = ProgressBarsConfig(globally=False)
        with self._opened(":memory:") as source:
            asset = source.add_query_asset("warm_up", query="select 1 as one")
            batch = asset.get_batch(asset.build_batch_request())
            for probe in (
                Expectation("warm_up", "in_set", "one is one", column="one", values=("1",)),
                Expectation("warm_up", "sql", "nothing", sql="select 1 as one where false"),
            ):
                self._verdicts(batch, [self._own(probe)], "COMPLETE")

    def judge(self, file: Path, suites: list[Suite]) -> list[Result]:
        """Judge every suite on one file, in the given order. Raises only when the file cannot be opened.

        Queries name their tables themselves, so all of them go in one pass; an asset a table would cost 15 ms each.
        """
        if not file.is_file():
            raise FileNotFoundError(f"{file}: there is no such file to validate")
        asked = [(suite.table, each) for suite in suites for each in suite.expectations]
        found: dict[str, Result] = {}
        # the rules of the first border add up no fractions: their results do not depend on the order of rows
        threads = 2 if any(each.check_id.startswith("intake.") for _, each in asked) else 1
        with self._opened(str(file), threads) as source:
            rows = self._row_counts(source)
            whole = source.add_query_asset("whole file", query="select 1 as one")
            found |= self._judge_batch(whole, [pair for pair in asked if pair[1].kind == "sql"], rows)
            for table in dict.fromkeys(table for table, each in asked if each.kind != "sql"):
                part = [pair for pair in asked if pair[0] == table and pair[1].kind != "sql"]
                try:
                    asset = source.add_table_asset(f"table {table}", table_name=table)
                except Exception as error:
                    found |= {each.check_id: _broken(table, each, _one_line(error)) for _, each in part}
                else:
                    found |= self._judge_batch(asset, part, rows)
        return [found[each.check_id] for _, each in asked]

    @contextmanager
    def _opened(self, file: str, threads: int = 1) -> Iterator[Any]:
        """A data source on one file. GX keeps two engines; both are disposed: others can write again."""
        import sqlalchemy
        from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

        def buffer_rows(con: Any, cursor: Any, sql: Any, parameters: Any, context: Any, many: Any) -> None:
            # GX closes its connection before it fetches; that rolls back, and DuckDB drops the pending result
            if cursor.description:
                strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=cursor.fetchall())
                context.cursor_fetch_strategy = strategy

        address = "duckdb:///:memory:" if file == ":memory:" else f"duckdb:///{quote(file)}?{OPTIONS}&threads={threads}"
        engines: list[Any] = []
        try:
            source = self.context.data_sources.add_sql("judged", connection_string=address)
            engines = [source.get_engine(), source.get_execution_engine().engine]
            sqlalchemy.event.listen(engines[1], "after_cursor_execute", buffer_rows)
            yield source
        finally:
            for engine in engines:
                engine.dispose()
            if "judged" in self.context.data_sources.all():
                self.context.data_sources.delete("judged")

    def _row_counts(self, source: Any) -> dict[str, int]:
        import sqlalchemy

        with source.get_execution_engine().engine.connect() as con:
            names = "select table_name from information_schema.tables where table_schema = 'main' order by all"
            tables = [row[0] for row in con.execute(sqlalchemy.text(names)).fetchall()]
            each = [f"(select count(*) from {_quoted(name)})" for name in tables]
            counts = con.execute(sqlalchemy.text(f"select {', '.join(each) or '0'}")).fetchone()
            return dict(zip(tables, counts or (), strict=False))

    def _judge_batch(self, asset: Any, part: list[tuple[str, Expectation]], rows: dict[str, int]) -> dict[str, Result]:
        """Judge in one pass: queries with their rows, Great Expectations' own expectations without."""
        found: dict[str, Result] = {}
        built: list[Any] = []
        for table, each in part:
            try:
                built.append(self._own(each))
            except Exception as error:
                found[each.check_id] = _broken(table, each, _one_line(error))
        if not built:
            return found
        batch, verdicts, why = None, {}, "no verdict"
        try:
            batch = asset.get_batch(asset.build_batch_request())
            verdicts = self._verdicts(batch, built, "COMPLETE" if part[0][1].kind == "sql" else "BOOLEAN_ONLY")
        except Exception as error:
            why = _one_line(error)
        for table, each in part:
            if each.check_id in found:
                continue
            verdict = verdicts.get(each.check_id)
            if verdict is None:
                found[each.check_id] = _broken(table, each, why)
            else:
                found[each.check_id] = self._result(batch, table, each, verdict, rows.get(table, 0))
        return found

    def _verdicts(self, batch: Any, built: list[Any], detail: str) -> dict[str, Any]:
        suite = self.gx.ExpectationSuite(name="judged", expectations=built)
        validation = batch.validate(suite, result_format={"result_format": detail})
        return {each.expectation_config.meta["check_id"]: each for each in validation.results}

    def _own(self, each: Expectation) -> Any:
        """Our expectation in Great Expectations' words. What its constructors print is not for anyone."""
        severity = "critical" if each.severity == "error" else "warning"
        common = {"severity": severity, "meta": {"check_id": each.check_id}}
        gxe = self.gxe
        with redirect_stdout(io.StringIO()):
            if each.kind == "row_count":
                return gxe.ExpectTableRowCountToBeBetween(min_value=each.minimum, **common)
            if each.kind == "not_null":
                return gxe.ExpectColumnValuesToNotBeNull(column=each.column, **common)
            if each.kind == "in_set":
                values = list(each.values)
                return gxe.ExpectColumnValuesToBeInSet(column=each.column, value_set=values, **common)
            if each.kind == "sql":
                return self.failing_rows(unexpected_rows_query=_query(each.sql), **common)
        raise ValueError(f"{each.check_id}: expectation kind '{each.kind}' is unknown")

    def _result(self, batch: Any, table: str, each: Expectation, verdict: Any, rows: int) -> Result:
        if why := _raised(verdict.exception_info or {}):
            return _broken(table, each, why)
        if verdict.success:
            return _judged(table, each, rows, 0, "no failing row" if each.kind == "sql" else "as expected")
        if each.kind != "sql":
            return self._located(batch, table, each, rows)
        details = verdict.result["details"]["unexpected_rows"]
        failing = [{key: _plain(value) for key, value in dict(row).items() if key != FOUND} for row in details]
        failed = int(verdict.result["observed_value"])
        failed = max(failed, sum(int(row.get("rows_failed") or 1) for row in failing))
        return _judged(table, each, rows, failed, _observed(each, failing, failed), failing, "failed")

    def _located(self, batch: Any, table: str, each: Expectation, rows: int) -> Result:
        """A failed expectation of GX's own: its rows by the query beside it, or what stands there instead."""
        if each.kind == "row_count" or not each.sql:
            return _judged(table, each, rows, 0, f"{rows} rows", [], "failed")
        query = Expectation(**{**asdict(each), "kind": "sql"})
        try:
            verdict = self._verdicts(batch, [self._own(query)], "COMPLETE")[each.check_id]
        except Exception as error:
            return _broken(table, each, _one_line(error))
        if verdict.success:
            return _judged(table, each, rows, 0, "failing rows could not be named", [], "failed")
        return self._result(batch, table, query, verdict, rows)


def _query(sql: str) -> str:
    """A rule's query as GX takes it: rows sorted, braces and colons literal, the batch named."""
    literal = COLON_NAME.sub(r"\\:", sql.replace("{", "{{").replace("}", "}}"))
    counted = f"select *, count(*) over () as {FOUND}"
    return f"with batch as (select * from {{batch}}) {counted} from (\n{literal}\n) as failing order by all"


def _failing_rows(base: Any) -> Any:
    """UnexpectedRowsExpectation that runs its query once: how many rows there are stands in each of them."""

    class FailingRows(base):
        metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

        def _validate(self, metrics: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            rows = metrics["unexpected_rows_query.table"]
            found = int(dict(rows[0])[FOUND]) if rows else 0
            return super()._validate({**metrics, "unexpected_rows_query.row_count": found}, *arguments, **named)

    return FailingRows


def _judged(
    table: str, each: Expectation, rows: int, failed: int, observed: str,
    failing: Sequence[dict[str, Any]] = (), status: Literal["passed", "failed"] = "passed",
) -> Result:  # fmt: skip
    kept = list(failing[: each.keep_rows])
    return Result(each.check_id, table, each.column, each.description, each.severity, status, rows, failed,
                  observed, kept, each.message)  # fmt: skip


def _broken(table: str, each: Expectation, why: str) -> Result:
    """A check that could not be run: failed, and an error whatever its severity."""
    observed = f"the check could not be run: {why}"
    return Result(each.check_id, table, each.column, each.description, "error", "failed", 0, 0, observed, [],
                  each.message, True)  # fmt: skip


def _raised(info: dict[str, Any]) -> str:
    """The message of what a check raised, or empty text. GX nests one entry per metric that failed."""
    entries = [info] if "raised_exception" in info else list(info.values())
    texts = {str(each.get("exception_message")) for each in entries if each.get("raised_exception")}
    return " ".join(min(texts).split())[:300] if texts else ""


def _observed(each: Expectation, failing: list[dict[str, Any]], failed: int) -> str:
    first = "; ".join(row_text(each.message, row) for row in failing[:SHOWN_ROWS])
    more = "; ..." if len(failing) > SHOWN_ROWS else ""
    return f"{failed} failing {'row' if failed == 1 else 'rows'}: {first}{more}"


def _plain(value: Any) -> Any:
    """A cell as JSON data."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


if __name__ == "__main__":
    main()
