"""docs/cli.md, the page of the command, its verbs and their options: `python -m pipelines.cli_page [--check]`.

Not here: the verbs (cli), how they are used day by day (docs/operations.md).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from warehouse.tables_page import keep_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """\
# The command

<!-- Made from pipelines/cli.py by `python -m pipelines.cli_page`. Do not edit. -->

`indexhouse [OPTIONS] VERB`. Answers go to stdout; progress, warnings and errors go to stderr. `--json` gives one JSON
document on stdout and nothing else there. Colours appear on a terminal only, and not where `NO_COLOR` is set.
Exit statuses, environment variables and the work of a day: [operations.md](operations.md).

"""


def page() -> str:
    """The whole page: general options, a list of the verbs, then a section for each, in the order of the help."""
    from typer.main import get_command

    from pipelines.cli import app

    command: Any = get_command(app)
    verbs: dict[str, Any] = {name: verb for name, verb in command.commands.items() if not verb.hidden}
    text = HEAD + _table(command.params) + "\n| verb | does |\n|---|---|\n"
    text += "".join(f"| [{name}](#{name}) | {_cell(_about(verb)[0])} |\n" for name, verb in verbs.items())
    return text + "".join(_section(name, verb) for name, verb in verbs.items())


def _section(name: str, verb: Any) -> str:
    about, examples = _about(verb)
    parts = [f"\n## {name}\n\n{about}\n\n```text\n{_usage(name, verb)}\n```\n"]
    parts += [f"\nExample: `{example}`\n" for example in examples]
    table = _table(verb.params)
    return "".join(parts) + (f"\n{table}" if table else "")


def _about(verb: Any) -> tuple[str, list[str]]:
    """What a verb does in one paragraph, and its examples."""
    text = " ".join((verb.help or "").split("\f")[0].split())
    about, *examples = text.replace("Examples:", "Example:").split("Example:")
    return about.strip(), [example.strip() for example in examples]


def _usage(name: str, verb: Any) -> str:
    words = [f"indexhouse {name}"]
    words += ["[OPTIONS]"] if any(_is_option(each) for each in verb.params) else []
    for each in verb.params:
        if not _is_option(each):
            shown = _name(each)
            words.append(shown if each.required or shown.startswith("[") else f"[{shown}]")
    return " ".join(words)


def _table(params: list[Any]) -> str:
    rows = [_row(each) for each in params if "--help" not in each.opts and not each.hidden]
    return "| argument or option | default | meaning |\n|---|---|---|\n" + "".join(rows) if rows else ""


def _row(param: Any) -> str:
    name = _name(param)
    if _is_option(param):
        name = ", ".join(f"`{each}`" for each in (*param.opts, *param.secondary_opts))
        if not param.is_flag:
            name += f" {_name(param)}" + (" (repeatable)" if param.multiple else "")
    else:
        name = f"`{name}`"
    return f"| {name} | {_default(param)} | {_cell(getattr(param, 'help', None) or '')} |\n"


def _is_option(param: Any) -> bool:
    return str(param.param_type_name) == "option"


def _name(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _default(param: Any) -> str:
    if param.required:
        return "required"
    if _is_option(param) and param.is_flag:
        return f"`{(param.opts if param.default else param.secondary_opts)[0]}`" if param.secondary_opts else ""
    return f"`{param.default}`" if param.default not in (None, "", (), []) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is current (exit status 1 when not)."""
    return keep_page(PAGE, page(), "pipelines.cli_page", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
