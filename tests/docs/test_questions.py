"""The page of ten questions: each has a command with an answer; that the answers are right is held by test_commands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
ASKED = (
    "Where does this number come from?", "Why did the score move?", "What did we publish in 2019?",
    "Would a revision change the sentence?", "How robust is the rank?", "Which sources are late?", "What is missing?",
    "What was corrected, and why?", "Which rows were rejected?", "How do I cite this?",
)  # fmt: skip


def test_every_question_has_one_command_or_query_and_its_answer() -> None:
    text = PAGE.read_text("utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [part.splitlines()[0] for part in parts] == [f"{n}. {asked}" for n, asked in enumerate(ASKED, 1)]
    for part in parts:
        blocks = re.findall(r"^```console\n\$ (indexhouse [^\n]+)\n(.+?)^```", part, re.MULTILINE | re.DOTALL)
        assert blocks, part.splitlines()[0]
        assert all("..." not in answer for _, answer in blocks), "answers are shown whole: every line is tested"


def test_the_list_leads_to_every_question() -> None:
    listed = re.findall(r"^\d+\. \[(.+)\]\(#(.+)\)$", PAGE.read_text("utf-8"), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", f"{n}. {asked}").lower().replace(" ", "-") for n, asked in enumerate(ASKED, 1)]
    assert listed == list(zip(ASKED, anchors, strict=True))
