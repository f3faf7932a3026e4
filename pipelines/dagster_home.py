"""The folder of Dagster's run history and its settings: no telemetry, a time limit for runs.

Not here: Dagster itself; this is a file that it reads.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.settings import Settings
from warehouse.snapshots import write_atomically

MAX_RUNTIME_SECONDS = 3 * 3600
CONFIG = f"""\
# Written by indexhouse when it is missing; yours to edit (storage on PostgreSQL, run launchers, ...).
nux:
  enabled: false
telemetry:
  enabled: false
run_monitoring:
  enabled: true
  max_runtime_seconds: {MAX_RUNTIME_SECONDS}
  poll_interval_seconds: 60
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    granularity: run
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: -1
"""


def instance_folder(settings: Settings) -> Path:
    """The folder for DAGSTER_HOME, with its dagster.yaml."""
    folder = settings.dagster
    if not (folder / "dagster.yaml").exists():
        write_atomically(folder / "dagster.yaml", CONFIG.encode())
    return folder
