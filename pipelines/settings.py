"""Where things are and how the product is configured, from the environment and the command line.

Not here: what the catalogue says, and the layout inside the folders named here (their owners know it).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import warehouse
from warehouse.errors import IndexhouseError

BUILTIN = Path(warehouse.__file__).parent / "catalogue" / "builtin"
EXECUTORS = ("in_process", "multiprocess", "dask")


@dataclass(frozen=True)
class Settings:
    """One installation: its home folder, its catalogue folders (a later one overrides), and how it runs."""

    home: Path
    catalogue: tuple[Path, ...]
    executor: str = "in_process"
    alert_url: str = ""
    timezone: str = "Asia/Shanghai"
    keep: int = 10

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def readings(self) -> Path:
        return self.home / "readings"

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def release(self) -> Path:
        return self.home / "release"

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def dagster(self) -> Path:
        return self.home / "dagster"

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process the same settings."""
        return {
            "INDEXHOUSE_HOME": str(self.home),
            "INDEXHOUSE_CATALOGUE": os.pathsep.join(map(str, self.catalogue)),
            "INDEXHOUSE_EXECUTOR": self.executor,
            "INDEXHOUSE_ALERT_URL": self.alert_url,
            "INDEXHOUSE_TIMEZONE": self.timezone,
            "INDEXHOUSE_KEEP": str(self.keep),
        }


def from_environment(home: str | None = None, catalogue: tuple[str, ...] = ()) -> Settings:
    """Settings from INDEXHOUSE_HOME, _CATALOGUE (folders joined by the path separator), _EXECUTOR, _ALERT_URL,
    _TIMEZONE, _KEEP; the arguments (from the command line) win.

    Raises IndexhouseError naming the variable, its value and the remedy.
    """
    named = catalogue or tuple(filter(None, os.environ.get("INDEXHOUSE_CATALOGUE", "").split(os.pathsep)))
    folders = tuple(BUILTIN if name == "builtin" else Path(name).expanduser().resolve() for name in named)
    executor = os.environ.get("INDEXHOUSE_EXECUTOR") or "in_process"
    if executor not in EXECUTORS:
        raise IndexhouseError(f"INDEXHOUSE_EXECUTOR: '{executor}' is unknown; use one of {', '.join(EXECUTORS)}")
    timezone = os.environ.get("INDEXHOUSE_TIMEZONE") or "Asia/Shanghai"
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise IndexhouseError(
            f"INDEXHOUSE_TIMEZONE: '{timezone}' is not a time zone; use a name like Asia/Shanghai or UTC"
        ) from None
    keep = os.environ.get("INDEXHOUSE_KEEP") or "10"
    if not keep.isdigit() or int(keep) < 1:
        raise IndexhouseError(f"INDEXHOUSE_KEEP: '{keep}' is not a number of releases; use 1 or more")
    return Settings(
        home=Path(home or os.environ.get("INDEXHOUSE_HOME") or "data").expanduser().resolve(),
        catalogue=folders or (BUILTIN,),
        executor=executor,
        alert_url=os.environ.get("INDEXHOUSE_ALERT_URL", ""),
        timezone=timezone,
        keep=int(keep),
    )


def now() -> datetime:
    """The time of this run in UTC, whole seconds, without a zone mark (as the tables hold it)."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
