"""JSON Schemas of the catalogue files, for editors: `python -m warehouse.catalogue.schemas [--check]`.

Not here: the models that they are made from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from warehouse.catalogue.load import KINDS, MAPPINGS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of one kind of file: a mapping id -> entry, or one entry (id = file name)."""
    entry = KINDS[kind].model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"indexhouse {kind}"}
    if kind not in MAPPINGS:
        return entry | head
    definitions = entry.pop("$defs", {})
    return head | {"type": "object", "additionalProperties": entry, "$defs": definitions}


def texts() -> dict[Path, str]:
    """File -> content of every schema."""
    return {
        FOLDER / f"{kind}.schema.json": json.dumps(schema_of(kind), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        for kind in KINDS
    }


def main(arguments: list[str]) -> int:
    """Write the schemas, or with --check say which are not current (exit status 1)."""
    if "--check" in arguments:
        stale = [path for path, text in texts().items() if not path.exists() or path.read_text("utf-8") != text]
        for path in stale:
            print(f"{path.name}: is not current; run `make schemas` and commit the change", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in texts().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
