"""The notebook gives the outputs that it shows, on the built-in release.

Not here: how its cells are run (run_notebook).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def shown(cell: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in cell["outputs"])


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_the_outputs_that_it_shows(path: Path, builtin: Any, request: pytest.FixtureRequest) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_notebook.py")), str(path)],
        env={**os.environ, "INDEXHOUSE_HOME": str(builtin.home), "PYTHONPATH": str(ROOT)},
        cwd=builtin.home,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    notebook = json.loads(path.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if request.config.getoption("--rewrite-pages", default=False):
        for cell, text in zip(cells, found, strict=True):
            lines = text.splitlines(keepends=True)
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert [shown(cell) for cell in cells] == found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_free_of_its_makers_traces(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    assert notebook["nbformat"] == 4
    assert path.stat().st_size < 100_000
    for cell in notebook["cells"]:
        assert cell["metadata"] == {} and cell.get("execution_count") is None
        assert all(output["output_type"] == "stream" for output in cell.get("outputs", []))
