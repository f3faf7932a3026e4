"""The notes of a release: what changed since the release that was current when it was made, as Markdown beside it.

They depend on what was current before, so they stand beside the release file and not in it. Not here: comparing
(compare), writing the folder of a release (publishing).
"""

from __future__ import annotations

from pathlib import Path

from pipelines import progress
from pipelines.diffing.compare import compare
from pipelines.diffing.layout import Paragraph, Section, sections
from pipelines.diffing.markdown import markdown
from pipelines.diffing.sides import Choice, Side, open_side
from warehouse.catalogue.load import Catalogue
from warehouse.releases import current, read_release

NOTES = "notes.md"
SECONDS = 1.0
LARGE = 1_000_000  # statements; beyond, reading both releases takes longer than a publish should


def write_notes(root: Path, staged: Path, catalogue: Catalogue) -> Path:
    """Write notes.md beside a staged release file. In: the release folder, the file, the catalogue it is made from.

    Notes never stop a release: where they cannot be made they say why, and a warning does.
    """
    path = staged.with_name(NOTES)
    try:
        text = notes(root, staged, catalogue)
    except Exception as error:
        why = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        progress.warn(f"{NOTES}: the release is not compared with the one before ({why})")
        text = _short("", (f"Not compared with the release before: {why}.", f"未与前一版本比较：{why}。"))
    path.write_text(text, "utf-8")
    return path


def notes(root: Path, staged: Path, catalogue: Catalogue) -> str:
    """The text of the notes. Where the split of the data change by indicator would take long it is left to the command.

    Raises IndexhouseError where the current release cannot be compared."""
    facts = read_release(staged)
    before = current(root)
    if facts.as_of is not None:
        told = (
            f"The state as of {facts.as_of}; `indexhouse diff {facts.release_id}` compares it with the current one.",
            f"{facts.as_of}所知的状态；indexhouse diff {facts.release_id}将其与当前版本比较。",
        )
        return _short(facts.release_id, told)
    if before is None:
        told = ("The first release: there is none to compare it with.", "首个版本：没有可比较的版本。")
        return _short(facts.release_id, told)
    choice = Choice(open_side(root, before.release_id), Side(staged, facts, catalogue))
    if max(choice.old.size, choice.new.size) > LARGE:
        told = (
            f"Too large to be compared in passing: `indexhouse diff {before.release_id} {facts.release_id}` does it.",
            f"数据量较大，发布时不作比较：可运行indexhouse diff {before.release_id} {facts.release_id}。",
        )
        return _short(facts.release_id, told)
    return markdown(sections(compare(choice, seconds=SECONDS).document()))


def _short(heading: str, told: tuple[str, str]) -> str:
    return markdown([Section((f"Release {heading}".strip(), f"版本 {heading}".strip()), (Paragraph(told),), 1)])
