"""The server: Dagster's web UI, read-only and on loopback, and the scheduler daemon; one of each per home.

Not here: what is scheduled (assets.automation).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.dagster_home import instance_folder
from pipelines.settings import Settings
from warehouse.errors import IndexhouseError

STOP_SECONDS = 20.0
POLL_SECONDS = 0.5


def serve(settings: Settings, port: int, with_web: bool) -> int:
    """Run the daemon (and the web UI) until interrupted or one of them ends; returns the exit status.

    Raises IndexhouseError when a server of this home is running already: two daemons would run each tick twice.
    """
    folder = instance_folder(settings)
    lock = FileLock(settings.home / ".serve.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IndexhouseError(f"{settings.home}: a server of this home is running already; stop it first") from None
    environment = os.environ | {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        **settings.as_environment(),
    }
    location = ["-m", "pipelines.definitions", "-a", "defs"]
    programs = Path(sys.executable).parent
    commands = [[str(programs / "dagster-daemon"), "run", *location]]
    if with_web:
        commands.append([str(programs / "dagster-webserver"), *location, "--host", "127.0.0.1", "--port", str(port),
                         "--read-only"])  # fmt: skip
        print(
            f"web UI: http://127.0.0.1:{port} (read-only); scheduler daemon started; stop with Ctrl-C", file=sys.stderr
        )
    processes = [subprocess.Popen(command, env=environment, start_new_session=True) for command in commands]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(POLL_SECONDS)
        return max(process.poll() or 0 for process in processes) or 1
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)
        lock.release()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask each process group to end, then make it end."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
