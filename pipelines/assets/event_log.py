"""Dagster's own SQLite event log with one kept connection per file, for runs from the command line.

The stock class makes an engine and a connection for every statement, five for each event of an asset: half of the time
of a build. The files are the same, so the web server and the daemon read them with the stock class.
Not here: what is logged.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool

BUSY_TIMEOUT_SECONDS = 30


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """SqliteEventLogStorage that connects once per file. One process, any threads; `dispose` closes."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: dict[str, Connection] = {}
        self._kept_lock = threading.Lock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "KeptSqliteEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._kept_lock:
            if shard not in self._kept:
                self._kept[shard] = self._open(shard)
            with self._kept[shard].begin():
                yield self._kept[shard]

    def _open(self, shard: str) -> Connection:
        if not os.path.exists(self.path_for_shard(shard)):
            with super()._connect(shard):  # makes the file and its tables
                pass
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        connection = engine.connect()
        # the log survives a killed process; a power cut may cost its last lines, never its consistency
        connection.execute(text("pragma synchronous = normal"))
        connection.commit()
        return connection

    def dispose(self) -> None:
        with self._kept_lock:
            for connection in self._kept.values():
                connection.close()
                connection.engine.dispose()
            self._kept.clear()
        super().dispose()


def overrides(folder: str) -> dict[str, Any]:
    """Instance settings that put this class in place of the stock one, over the stock files in `folder`."""

    def storage(module: str, name: str, part: str) -> dict[str, Any]:
        return {"module": module, "class": name, "config": {"base_dir": f"{folder}/{part}"}}

    return {
        "event_log_storage": storage(__name__, KeptSqliteEventLogStorage.__name__, "history/runs"),
        "run_storage": storage("dagster._core.storage.runs", "SqliteRunStorage", "history"),
        # what the steps print goes to the terminal; catching it in files costs two processes a step
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        },
        "schedule_storage": storage("dagster._core.storage.schedules", "SqliteScheduleStorage", "schedules"),
    }
