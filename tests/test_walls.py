"""The walls of the house, held on the syntax tree: who may import what, and constructs that are never used.

Not here: what the code computes; how the project is packaged (test_project.py).
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = {"warehouse": 0, "expectations": 1, "pipelines": 2, "tests": 3}
PACKAGES = ("warehouse", "expectations", "pipelines")
HEAVY = {"great_expectations", "pandas", "scipy", "altair", "fastexcel", "msoffcrypto", "lxml"}
NETWORK = {"httpx", "requests", "urllib.request", "urllib3", "http.client", "aiohttp"}
PICKLES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "constants", "misc"}
SAFE_LOADERS = {"SafeLoader", "CSafeLoader"}
UNSAFE_YAML = {"unsafe_load", "unsafe_load_all", "full_load", "full_load_all", "UnsafeLoader", "FullLoader"}
LAX_XML = {"resolve_entities", "huge_tree"}


class Import(NamedTuple):
    """One imported module; `is_eager` when importing the file imports it."""

    module: str
    line: int
    is_eager: bool


def python_files(*folders: str) -> list[str]:
    """Paths of all Python files below the folders, relative to the checkout."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path.relative_to(ROOT).as_posix() for path in found]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def absolute(path: str, node: ast.ImportFrom) -> str:
    """The absolute name of the module that a `from` import names, in the file at this path."""
    if not node.level:
        return node.module or ""
    package = Path(path).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def dynamic_import(node: ast.Call) -> str:
    """The module that a call of import_module or __import__ with a literal names, else the empty string."""
    if ast.unparse(node.func).split(".")[-1] not in {"import_module", "__import__"} or not node.args:
        return ""
    return str(node.args[0].value) if isinstance(node.args[0], ast.Constant) else ""


def imports(path: str, tree: ast.AST, is_eager: bool = True) -> Iterator[Import]:
    """Every import in the tree: statements, and calls of import_module or __import__ with a literal."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, is_eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(path, node)
            yield Import(module, node.lineno, is_eager)
            yield from (Import(f"{module}.{alias.name}", node.lineno, is_eager) for alias in node.names)
        elif isinstance(node, ast.Call) and (module := dynamic_import(node)):
            yield Import(module, node.lineno, is_eager)
        is_lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if is_type_checking(node):
            assert isinstance(node, ast.If)
            yield from imports(path, ast.Module(node.body, []), is_eager=False)
            yield from imports(path, ast.Module(node.orelse, []), is_eager)
        else:
            yield from imports(path, node, is_eager and not is_lazy)


def within(name: str, parents: set[str]) -> bool:
    """True if the module is one of these or inside one."""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def layer_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Imports against the direction tests -> pipelines -> expectations -> warehouse, or across pipelines."""
    layer = Path(path).parts[0]
    for module, line, _ in imports(path, tree):
        if LAYERS.get(module.split(".")[0], -1) > LAYERS[layer]:
            yield f"{path}:{line}: {layer} must not import {module}"
    engine_rooms = {
        "pipelines/sources/": {"pipelines.index"},
        "pipelines/index/": {"pipelines.sources"},
    }
    callers = {"pipelines.assets", "pipelines.definitions", "pipelines.run", "pipelines.cli"}
    for room, neighbours in engine_rooms.items():
        if path.startswith(room):
            for module, line, _ in imports(path, tree):
                if within(module, neighbours | callers):
                    yield f"{path}:{line}: {room} must not import {module}"


def library_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Libraries outside the one room that may import them, and heavy ones imported with the module."""
    rooms = {
        "duckdb": ("warehouse/",),
        "great_expectations": ("expectations/",),
        "dagster": ("pipelines/definitions.py", "pipelines/run.py", "pipelines/assets/"),
        **dict.fromkeys(NETWORK, ("pipelines/sources/http.py", "pipelines/alert.py")),
    }
    for module, line, is_eager in imports(path, tree):
        for library, allowed in rooms.items():
            if within(module, {library}) and not path.startswith(allowed):
                yield f"{path}:{line}: {library} belongs in {' and '.join(allowed)} only"
        if is_eager and within(module, HEAVY):
            yield f"{path}:{line}: import {module} inside the function that needs it"


def name_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Modules and folders whose name says nothing: what is in them lives with its owner."""
    for part in Path(path).with_suffix("").parts:
        if part.lstrip("_") in NAMELESS:
            yield f"{path}: no module is called {part}; its content lives with its owner"


def pickle_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Imports of anything that runs code when it reads bytes."""
    for module, line, _ in imports(path, tree):
        if within(module, PICKLES):
            yield f"{path}:{line}: {module} runs code on reading"


def xml_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """Parser options that open files or lift limits; a literal False is the safe setting and passes."""
    for node in ast.walk(tree):
        is_off = False
        if isinstance(node, ast.keyword):
            name, is_off = node.arg, isinstance(node.value, ast.Constant) and node.value.value is False
        else:
            name = node.value if isinstance(node, ast.Constant) else None
        if name in LAX_XML and not is_off:
            yield f"{path}:{getattr(node, 'lineno', 0)}: {name} stays off"


def safe_loaders(tree: ast.Module) -> set[str]:
    """Names of the safe YAML loaders and of the classes in this file that derive from them."""
    safe = set(SAFE_LOADERS)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and {ast.unparse(base).split(".")[-1] for base in node.bases} & safe:
            safe.add(node.name)
    return safe


def yaml_breaches(path: str, tree: ast.Module) -> Iterator[str]:
    """YAML read by anything but a safe loader."""
    safe = safe_loaders(tree)
    bare = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "yaml"
        for alias in node.names
        if alias.name in {"load", "load_all"}
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name | ast.alias):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", getattr(node, "name", ""))
            if name in UNSAFE_YAML:
                yield f"{path}:{node.lineno}: {name} builds objects from YAML; use safe_load"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"yaml.load", "yaml.load_all"} | bare:
            loaders = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "Loader")]
            if not loaders or ast.unparse(loaders[0]).split(".")[-1] not in safe:
                yield f"{path}:{node.lineno}: yaml.load without a SafeLoader; use safe_load"


IN_PACKAGES = [layer_breaches, library_breaches, name_breaches, pickle_breaches, xml_breaches, yaml_breaches]
IN_TESTS = [layer_breaches, name_breaches]


def breaches(path: str, text: str) -> list[str]:
    """All breaches in one file, by the rules of its layer."""
    tree = ast.parse(text, filename=path)
    rules = IN_TESTS if path.startswith("tests/") else IN_PACKAGES
    return [breach for rule in rules for breach in dict.fromkeys(rule(path, tree))]


@pytest.mark.parametrize("folder", LAYERS)
def test_no_file_breaches_a_wall(folder: str) -> None:
    files = python_files(folder)
    assert files, f"no Python file found in {folder}"
    found = [breach for path in files for breach in breaches(path, (ROOT / path).read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("warehouse/db.py", "import pipelines.run"),
        ("warehouse/db.py", "def f():\n    from expectations import plan"),
        ("expectations/plan.py", "from pipelines import settings"),
        ("pipelines/cli.py", "import tests.conftest"),
        ("pipelines/sources/conform.py", "from pipelines.index import score"),
        ("pipelines/sources/conform.py", "from .. import index"),
        ("pipelines/index/score.py", "from pipelines.sources.readers import csv"),
        ("pipelines/index/score.py", "import pipelines.assets.mart"),
        ("pipelines/cli.py", "import duckdb"),
        ("pipelines/cli.py", "def f():\n    import importlib\n    importlib.import_module('duckdb')"),
        ("expectations/plan.py", "from duckdb import connect"),
        ("warehouse/db.py", "def f():\n    import great_expectations as gx"),
        ("pipelines/cli.py", "def f():\n    import dagster"),
        ("warehouse/db.py", "from dagster import asset"),
        ("pipelines/cli.py", "import httpx"),
        ("warehouse/snapshots.py", "from urllib.request import urlopen"),
        ("expectations/worker.py", "import great_expectations"),
        ("pipelines/index/score.py", "from scipy import stats"),
        ("pipelines/sources/readers/html.py", "try:\n    import lxml.html\nexcept ImportError:\n    pass"),
        ("pipelines/sources/readers/excel.py", "class A:\n    import fastexcel"),
        ("warehouse/utils.py", ""),
        ("pipelines/common/score.py", ""),
        ("tests/helpers.py", ""),
        ("warehouse/db.py", "import pickle"),
        ("warehouse/db.py", "from cloudpickle import loads"),
        ("pipelines/sources/readers/html.py", "etree.XMLParser(resolve_entities=True)"),
        ("pipelines/sources/readers/html.py", "options = {'huge_tree': True}"),
        ("warehouse/catalogue/load.py", "import yaml\nyaml.load(text)"),
        ("warehouse/catalogue/load.py", "import yaml\nyaml.load(text, Loader=yaml.Loader)"),
        ("warehouse/catalogue/load.py", "from yaml import load\nload(text, Other)"),
        ("warehouse/catalogue/load.py", "import yaml\nyaml.unsafe_load(text)"),
        ("warehouse/catalogue/load.py", "from yaml import full_load"),
    ],
)
def test_a_breach_is_seen(path: str, text: str) -> None:
    assert breaches(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "pipelines/cli.py",
            "import warehouse.db\nfrom expectations import plan\nfrom pipelines import settings",
        ),
        (
            "pipelines/assets/mart.py",
            "import dagster\nfrom pipelines.index import score\nimport pipelines.sources",
        ),
        ("warehouse/db.py", "import duckdb"),
        ("expectations/worker.py", "def f():\n    import great_expectations"),
        (
            "pipelines/index/score.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
        ),
        ("pipelines/sources/http.py", "import httpx"),
        ("pipelines/sources/readers/html.py", "etree.XMLParser(resolve_entities=False)"),
        ("warehouse/catalogue/load.py", "import yaml\nyaml.load(text, Loader=yaml.CSafeLoader)"),
        (
            "warehouse/catalogue/load.py",
            "import yaml\nclass Strict(yaml.SafeLoader): pass\nyaml.load(text, Strict)",
        ),
        ("tests/test_release.py", "import duckdb\nimport pipelines.cli\nimport httpx"),
    ],
)
def test_what_is_allowed_passes(path: str, text: str) -> None:
    assert breaches(path, text) == []


WATCHED_IMPORT = """
import importlib, json, os, sys
modules, folders = json.loads(sys.argv[1]), tuple(json.loads(sys.argv[2]))
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = os.path.abspath(arguments[0])
        if path.startswith(folders) and "__pycache__" not in path and not path.endswith(".py"):
            opened.append(path)
sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
print(json.dumps({"opened": opened, "loaded": sorted(sys.modules)}))
"""


def test_importing_the_modules_reads_no_file_and_loads_nothing_heavy(tmp_path: Path) -> None:
    dagster_rooms = ("pipelines/definitions.py", "pipelines/run.py", "pipelines/assets/")
    paths = [path for path in python_files(*PACKAGES) if not path.startswith(dagster_rooms)]
    modules = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in paths]
    modules = [module for module in modules if not module.endswith(".__main__")]
    folders = [f"{ROOT / package}/" for package in PACKAGES] + [f"{tmp_path}/"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{WATCHED_IMPORT}"
    answer = subprocess.run(
        [sys.executable, "-c", code, json.dumps(modules), json.dumps(folders)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert seen["opened"] == []
    assert not {name for name in seen["loaded"] if within(name, HEAVY | {"dagster"})}
    assert list(tmp_path.iterdir()) == []
