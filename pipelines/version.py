"""The version of the code that makes a release: the package's version and a hash of its source files.

Not here: the version of the catalogue (its digest) or of a method (index_edition.method_version).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("pipelines", "warehouse", "expectations")
_SUFFIXES = (".py", ".sql", ".yml")


@cache
def package_version() -> str:
    try:
        return version("indexhouse")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def code_version() -> str:
    """`<package version>+<8 hex>`: equal code gives an equal string wherever it is installed.

    The built-in catalogue is not code: it counts through its own digest.
    """
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            relative = path.relative_to(root).as_posix()
            if path.suffix in _SUFFIXES and "/builtin/" not in relative:
                digest.update(relative.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{package_version()}+{digest.hexdigest()[:8]}"
