"""Pages that are worked through from top to bottom: files are saved, commands are typed, answers are compared.

In a page, a bold path on a line of its own names the file that the YAML or CSV block after it is saved as, or with
`(at the end)` behind it is added to. A ```console block holds commands after `$ `, each followed by its answer on
stdout and, where it fails, its error lines; a command that fails ends with a comment `# status 1`. A command without
an answer must succeed, whatever it says. `...` stands for any number of lines. Paths, ids and times are masked; a
release id in a command is the one that stood at its place in an answer.

Not here: commands on the built-in release (test_commands).
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STEP = re.compile(r"^\*\*`(?P<path>[^`]+)`\*\*(?P<append> \(at the end\))?\n\n```(?:yaml|csv)\n(?P<content>.*?)^```|"
                  r"^```console\n(?P<console>.*?)^```", re.MULTILINE | re.DOTALL)  # fmt: skip
STATUS = re.compile(r"\s+# status (\d+)$")
RELEASE = re.compile(r"\b\d{8}-[0-9a-f]{8}\b")
ANY = "..."
MASKS = (
    (r"\b\d{8}-[0-9a-f]{8}\b", "ID"),
    (r"(?<![\w/])/\S*?(?=(?:home|mine)/)", ""),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", "TIME"),
)


@dataclass(frozen=True)
class Command:
    """One typed line, the status that it should end with, and the answer as the page shows it."""

    line: str
    status: int
    answer: str


@dataclass
class Session:
    """A folder in which pages are worked through, one after another."""

    folder: Path
    indexhouse: Callable[..., Any]
    monkeypatch: Any
    where: Path = field(init=False)
    releases: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.where = self.folder

    def work_through(self, page: Path, rewrite: bool = False) -> list[str]:
        """Do what the page says. Out: every place where an answer is not the shown one, empty where all are."""
        text, differences = page.read_text("utf-8"), []
        answers: list[tuple[Command, str]] = []
        for match in STEP.finditer(text):
            if match["path"]:
                target = self.where / match["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                before = target.read_text("utf-8") if match["append"] else ""
                target.write_text(before + match["content"], "utf-8")
                continue
            for command in commands(match["console"]):
                found, status = self.type(command)
                if status != command.status:
                    differences.append(f"$ {command.line}\nends with status {status}\n{found}")
                    continue
                shown, given = RELEASE.findall(command.answer), RELEASE.findall(found)
                if len(shown) == len(given):
                    self.releases.update(zip(shown, given, strict=True))
                answers.append((command, found))
                if not agrees(command.answer, found):
                    differences.append(f"$ {command.line}\n{found}")
        if rewrite and not any("ends with status" in each for each in differences):
            page.write_text(rewritten(text, answers, self.of_today), "utf-8")
        return differences

    def type(self, command: Command) -> tuple[str, int]:
        """What a command says on stdout, with its errors where it fails, and its status."""
        self.monkeypatch.chdir(self.where)
        line = self.of_today(command.line)
        if not line.startswith("indexhouse "):
            return self._shell(line), 0
        done = self.indexhouse(*shlex.split(line)[1:])
        errors = "".join(f"{line}\n" for line in done.errors)
        return done.out + (errors if done.status else ""), done.status

    def of_today(self, line: str) -> str:
        """A line with the ids that releases have here in place of those that the page shows."""
        return RELEASE.sub(lambda match: self.releases.get(match[0], match[0]), line)

    def _shell(self, line: str) -> str:
        """A line for the shell; the folder that it goes to and the variables that it sets are kept."""
        done = subprocess.run(
            ["bash", "-ec", f"{line}\npwd >&2\nenv >&2"], cwd=self.where, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"$ {line}\n{done.stderr}"
        self.where = Path(done.stderr.splitlines()[0])
        for name, value in re.findall(r"^(INDEXHOUSE_\w+)=(.*)$", done.stderr, re.MULTILINE):
            self.monkeypatch.setenv(name, value)
        return done.stdout


def commands(console: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        line, _, answer = part.partition("\n")
        status = STATUS.search(line)
        yield Command(STATUS.sub("", line), int(status[1]) if status else 0, answer)


def masked(text: str) -> list[str]:
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in lines if line.strip("─ ")]


def agrees(shown: str, found: str) -> bool:
    """Whether an answer is the shown one; an empty one stands for any, `...` for any lines."""
    expected, lines = masked(shown), masked(found)
    if not expected:
        return True
    if ANY not in expected:
        return expected == lines
    rest = iter(lines)
    return all(line in rest for line in expected if line != ANY)


def rewritten(text: str, answers: list[tuple[Command, str]], of_today: Callable[[str], str]) -> str:
    """The page with the present answers in place of the shown ones; those with `...` stay."""
    done, rest = "", text
    for command, found in answers:
        status = f"  # status {command.status}" if command.status else ""
        head = f"$ {command.line}{status}\n"
        before, _, rest = rest.partition(head + command.answer)
        inner = re.sub(r"\A(?:\s*\n)+|\s+\Z", "", found)
        lines = [re.sub(MASKS[1][0], "", line).rstrip() for line in inner.splitlines()]
        fresh = "".join(f"{line}\n" for line in lines)
        is_kept = command.answer and agrees(command.answer, found)
        done += before + of_today(head) + (of_today(command.answer) if is_kept else fresh)
    return done + rest
