"""`indexhouse export`: where it writes, what it never overwrites, what it says, how it answers a wrong name.

Not here: the content of the files (the tests beside this one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest


@pytest.fixture
def export(indexhouse: Callable, published_small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run the verb in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: indexhouse(*published_small.options, "export", *arguments)


@pytest.fixture(scope="module")
def release_id(published_small) -> str:
    ((name,),) = published_small.query("select release_id from release")
    return str(name)


def test_a_workbook_lands_in_the_working_folder_under_a_telling_name(export, release_id, tmp_path: Path) -> None:
    answer = export("strength")
    name = f"strength_{release_id}.xlsx"
    assert answer.status == 0 and [path.name for path in tmp_path.iterdir()] == [name]
    assert f"wrote {name}: 1 file" in answer.out and release_id in answer.out
    assert openpyxl.load_workbook(tmp_path / name)["scores 得分"].max_row == 17


@pytest.mark.parametrize(("form", "folder"), [("csv", "csv"), ("sdmx-csv", "sdmx_csv"), ("datapackage", "datapackage")])
def test_other_forms_get_a_folder_of_their_own(export, release_id, tmp_path: Path, form: str, folder: str) -> None:
    assert export("strength", "--format", form).status == 0
    (made,) = tmp_path.iterdir()
    assert made.name == f"strength_{release_id}_{folder}" and (made / "README.md").is_file()
    assert not list(made.rglob(".*")), "nothing temporary is left"


def test_output_names_the_file_or_the_folder(export, release_id, tmp_path: Path) -> None:
    export("strength", "--output", "deep/er/mine.xlsx")
    assert (tmp_path / "deep/er/mine.xlsx").is_file()
    export("strength", "--output", "deep")
    assert (tmp_path / "deep" / f"strength_{release_id}.xlsx").is_file()
    export("strength", "--format", "csv", "--output", "deep/csv")
    assert (tmp_path / "deep/csv/index_score.csv").is_file()


def test_the_same_export_again_changes_nothing_and_other_content_is_never_overwritten(export, tmp_path: Path) -> None:
    target = tmp_path / "mine.xlsx"
    assert export("strength", "--output", "mine.xlsx").status == 0
    first = target.read_bytes()
    assert export("strength", "--output", "mine.xlsx").status == 0 and target.read_bytes() == first
    target.write_bytes(b"edited by hand")
    answer = export("strength", "--output", "mine.xlsx")
    assert answer.status == 1 and "--overwrite" in answer.errors[0] and len(answer.errors) == 1
    assert target.read_bytes() == b"edited by hand"
    assert export("strength", "--output", "mine.xlsx", "--overwrite").status == 0 and target.read_bytes() == first


def test_files_of_others_in_the_folder_are_left_alone(export, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert export("strength", "--format", "csv", "--output", "out", "--overwrite").status == 0
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_refused_export_writes_nothing_at_all(export, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "unit.csv").write_text("mine")
    assert export("strength", "--format", "csv", "--output", "out").status == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["unit.csv"]


@pytest.mark.parametrize("form", ["xlsx", "csv", "sdmx-csv", "datapackage"])
def test_json_lists_every_file_with_its_hash(export, form: str, release_id) -> None:
    answer = export("strength", "--format", form, "--json")
    document = answer.json
    assert document["index_id"] == "strength" and document["release_id"] == release_id
    assert document["format"] == form and document["left_out"] == []
    assert document["editions"] == ["latest"]
    for file in document["files"]:
        assert hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest() == file["sha256"]
        assert Path(file["path"]).stat().st_size == file["size_bytes"]


def test_one_edition_is_named_in_the_file(export, release_id, tmp_path: Path) -> None:
    assert export("strength", "--edition", "latest").status == 0
    assert (tmp_path / f"strength_latest_{release_id}.xlsx").is_file()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["strenght"], "did you mean 'strength'?"),
        (["strength", "--edition", "lates"], "did you mean 'latest'?"),
        (["strength", "--format", "xlx"], "did you mean 'xlsx'?"),
    ],
)
def test_a_wrong_name_ends_with_2_and_the_closest_known_one(export, tmp_path: Path, arguments, hint: str) -> None:
    answer = export(*arguments)
    assert answer.status == 2 and answer.out == "" and hint in answer.err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_an_unknown_release_ends_with_2_and_the_closest_known_one(export, release_id) -> None:
    answer = export("strength", "--release", release_id[:-1] + ("0" if release_id[-1] != "0" else "1"))
    assert answer.status == 2 and f"did you mean '{release_id}'?" in answer.errors[0]


def test_a_kept_release_is_exported_by_its_id(export, release_id) -> None:
    assert export("strength", "--release", release_id, "--json").json["release_id"] == release_id


def test_before_the_first_run_it_says_what_to_do(indexhouse: Callable, tmp_path: Path) -> None:
    answer = indexhouse("--home", tmp_path, "export", "strength")
    assert answer.status == 1 and "indexhouse run" in answer.errors[0]


@pytest.mark.parametrize(("form", "output"), [("csv", "file.txt"), ("xlsx", "file.txt/x.xlsx")])
def test_a_place_that_cannot_be_written_is_one_line(export, tmp_path: Path, form: str, output: str) -> None:
    (tmp_path / "file.txt").write_text("a file")
    answer = export("strength", "--format", form, "--output", output)
    assert answer.status == 1 and len(answer.errors) == 1 and "another" in answer.errors[0]
    assert (tmp_path / "file.txt").read_text() == "a file"
