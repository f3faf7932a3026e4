"""What the site has beyond the pages of docs/: README, CHANGELOG, LICENSE and notebooks as pages.

It also sees to it that no page loads anything from the network. Loaded by mkdocs, in the environment of
docs/requirements.lock. Not here: settings and navigation (mkdocs.yml).
"""

from __future__ import annotations

import json
import logging
import re
from html import unescape
from pathlib import Path
from typing import Any

import jieba
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

HERE = Path(__file__).parent
DOCS, ROOT = HERE.parent, HERE.parents[1]
PROJECT = {
    "README.md": "project/readme.md",
    "CHANGELOG.md": "project/changelog.md",
    "LICENSE": "project/licence.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
OUTSIDE = re.compile(r"\]\((?:\.\./)*(" + "|".join(map(re.escape, PROJECT)) + ")")
ASSETS = ("extra.css", "iframe-worker.js")
REMOTE = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*\shref=\"?(?:https?:)?//")
CLICKED_ONLY = re.compile(r"<link[^>]*\srel=\"?(?:canonical|alternate|next|prev)")


def on_config(config: Any) -> Any:
    """Headings of any script get an anchor, the same as on GitHub."""
    jieba.setLogLevel(logging.WARNING)
    config["mdx_configs"].setdefault("toc", {})["slugify"] = anchor
    return config


def anchor(heading: str, blank: str) -> str:
    """The anchor of a heading: lower case, letters, digits, _ and - only, blanks as dashes."""
    return re.sub(r"[^\w\- ]", "", unescape(heading).lower()).strip().replace(" ", blank)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside of docs/, and the assets of this folder, which is left out as a whole."""
    for name in ASSETS:
        files.append(File.generated(config, f"extra/{name}", content=(HERE / name).read_text("utf-8")))
    for name, page in PROJECT.items():
        text = (ROOT / name).read_text("utf-8")
        if name == "LICENSE":
            text = f"# Licence\n\n```text\n{text}```\n"
        files.append(File.generated(config, page, content=text))
    for path in sorted((DOCS / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=notebook(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links that leave docs/ lead to the pages made of those files; those to code are only text."""
    own = page.file.src_uri
    up = "../" * own.count("/")
    if own == PROJECT["README.md"]:
        markdown = re.sub(r"```mermaid\n.*?```", f"![How it flows]({up}images/architecture.svg)", markdown, flags=re.S)
    if own in PROJECT.values():
        markdown = re.sub(r"\]\((?:\.\./)*docs/", f"]({up}", markdown)
        markdown = re.sub(r"\[([^\]]*)\]\([\w./-]*\.py\)", r"\1", markdown)
    markdown = OUTSIDE.sub(lambda match: f"]({up}{PROJECT[match[1]]}", markdown)
    markdown = re.sub(r"^```(\w+) \w+$", r"```\1", markdown, flags=re.M)
    return re.sub(r"\]\(((?:[\w./-]*/)?[\w-]+)\.ipynb", r"](\1.md", markdown)


def on_post_build(config: Any) -> None:
    """Fail where a built page would load anything from the network."""
    for path in sorted(Path(config["site_dir"]).rglob("*.html")):
        for match in REMOTE.finditer(path.read_text("utf-8")):
            if not CLICKED_ONLY.match(match[0]):
                raise PluginError(f"{path.name}: loads something from the network: {match[0]}")


def notebook(path: Path) -> str:
    """A notebook as Markdown: cells in order, each code cell followed by what it printed."""
    parts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            text = "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
