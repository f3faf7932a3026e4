"""The project as it is handed over: lock, versions, what the wheel holds, no trace of its maker's machine.

Not here: what the code may import (test_walls.py); what it computes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "warehouse", "expectations")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RAW = "warehouse/catalogue/builtin/raw/"
MACHINE_PATH = re.compile(rb"(?<![\w./:-])/(?:work|home|Users|root)/\w|\.\./shared\b")


def lock_entries() -> dict[str, list[Requirement]]:
    """Pins of the lock by canonical name: more than one where versions differ by Python or platform."""
    pins: dict[str, list[Requirement]] = {}
    for block in lock_blocks():
        pin = Requirement(re.split(r"\s*\\\n", block)[0])
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    return pins


def lock_blocks() -> list[str]:
    """One text per pin: its line, its hashes, its comment."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return [block for block in re.split(r"\n(?=[^\s#])", text) if block.strip()]


def project_files() -> list[str]:
    """Files of the checkout that git keeps or would keep; without git, all but hidden folders and data."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [name for name in listing.stdout.decode("utf-8").split("\0") if name]
    else:
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        skipped = {".venv", "data", "build", "dist", "__pycache__"}
        names = [path.as_posix() for path in found if not skipped & set(path.parts) and path.parts[0][:2] != ".g"]
    return sorted(name for name in names if (ROOT / name).is_file() and "__pycache__" not in name)


def test_every_pin_of_the_lock_has_an_exact_version_and_hashes() -> None:
    blocks = lock_blocks()
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[^\s;*]+", block), block
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", block), block


def test_the_lock_holds_no_address_and_no_path() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index|--extra-index|--find-links|-f|-e|\.{0,2}/)", text, re.MULTILINE)


@pytest.mark.parametrize("wanted", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_the_lock_satisfies_what_pyproject_asks_for(wanted: str) -> None:
    requirement = Requirement(wanted)
    pins = lock_entries().get(canonicalize_name(requirement.name), [])
    assert pins, f"{requirement.name} is not in requirements.lock; run make lock"
    for pin in pins:
        version = next(iter(pin.specifier)).version
        assert requirement.specifier.contains(version), f"{pin} does not satisfy {wanted}; run make lock"


def test_the_build_backend_is_pinned_so_that_the_project_installs_offline() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    for wanted in build["requires"]:
        assert canonicalize_name(Requirement(wanted).name) in lock_entries()


def test_the_changelog_opens_with_the_version_of_the_project() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    assert versions[0] == PROJECT["version"]


def test_the_readme_shows_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make run" in text
    assert "make test" in text


def test_the_workspace_is_one_code_location() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    assert location["python_module"] == {
        "module_name": "pipelines.definitions",
        "attribute": "defs",
        "location_name": "indexhouse",
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.xdist_group("wheel")
def test_the_wheel_holds_every_file_of_the_packages(wheel: set[str]) -> None:
    on_disk = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert {Path(name).suffix for name in on_disk} >= {".py", ".yml"}
    assert sorted(on_disk - wheel) == []


@pytest.mark.xdist_group("wheel")
def test_the_wheel_holds_the_packages_and_the_command_and_nothing_else(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {*PACKAGES, f"indexhouse-{PROJECT['version']}.dist-info"}
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)
    assert PROJECT["scripts"] == {"indexhouse": "pipelines.cli:main"}


def test_git_keeps_the_raw_bytes_as_they_are() -> None:
    names = [f"{RAW}a/b.csv", "tests/data/c.csv"]
    answer = subprocess.run(
        ["git", "check-attr", "text", "--", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        pytest.skip("not a git checkout")
    assert answer.stdout.splitlines() == [f"{name}: text: unset" for name in names]


def test_no_file_of_a_package_is_ignored_by_git() -> None:
    answer = subprocess.run(
        ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "--", *PACKAGES, "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        pytest.skip("not a git checkout")
    assert [name for name in answer.stdout.splitlines() if "__pycache__" not in name] == []


def test_no_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    names = [name for name in project_files() if not name.startswith(RAW) and name != "tests/test_project.py"]
    assert "pyproject.toml" in names
    found = [
        f"{name}: {match[0].decode(errors='replace')}"
        for name in names
        if (match := MACHINE_PATH.search((ROOT / name).read_bytes()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        (b"open('/work/main/x')", True),
        (b"/home/someone/x", True),
        (b"see ../shared/DESIGN.md", True),
        (b"/Users/someone", True),
        (b"the network/work/main question", False),
        (b"example.org/home/page", False),
    ],
)
def test_a_path_of_a_machine_is_told_from_other_text(text: bytes, is_path: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is is_path


@pytest.mark.parametrize("python", ["/bin/false", "no-such-python"])
def test_make_says_which_python_it_needs(python: str, tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    answer = subprocess.run(
        ["make", "run", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert "Python 3.11 or later" in answer.stderr
    assert "make PYTHON=" in answer.stderr
    assert not (tmp_path / ".venv").exists()
