"""The one validator of this process: started early, shared by both borders, closed at the end.

Not here: what is expected (expectations.plan) and when it is asked (intake, publishing).
"""

from __future__ import annotations

import atexit
from pathlib import Path

from expectations.client import Validator
from expectations.judgement import Result, Suite

_validator: Validator | None = None


def warm() -> None:
    """Start the worker process and return at once: its import of Great Expectations overlaps with other work."""
    global _validator
    if _validator is None:
        _validator = Validator()
        atexit.register(close)
    _validator.start()


def validate(file: Path, plan: list[Suite]) -> list[Result]:
    """Judge a DuckDB file that nobody holds open for writing."""
    warm()
    assert _validator is not None
    return _validator.validate(file, plan)


def close() -> None:
    """End the worker process; a later `warm` starts another."""
    global _validator
    if _validator is not None:
        _validator.close()
        _validator = None
