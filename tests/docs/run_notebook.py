"""A notebook without Jupyter: its code cells in one namespace, each with what it prints and the value of its last line.

Run as a process (python run_notebook.py NOTEBOOK), so that nothing of it stays; the answer is one JSON list of texts.
Not here: comparing with what the notebook shows (test_notebook).
"""

from __future__ import annotations

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def run(cells: list[str]) -> list[str]:
    space: dict[str, Any] = {"__name__": "__main__"}
    return [_run(source, space) for source in cells]


def _run(source: str, space: dict[str, Any]) -> str:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "cell", "exec"), space)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space) if last is not None else None
    return printed.getvalue() + (f"{value!r}\n" if value is not None else "")


if __name__ == "__main__":
    notebook = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    print(json.dumps(run(code)))
