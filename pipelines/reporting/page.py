"""The page: everything that a release has to say, put into the templates, in one file that needs nothing else.

Not here: what is said (headline, over_time, areas, ...), where the file goes (writing).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.reporting import (
    areas,
    charts,
    citing,
    drawing,
    growing,
    headline,
    markup,
    method,
    movement,
    over_time,
    quality,
    revisions,
    robustness,
    statements,
    text,
)
from pipelines.reporting.chapter import Chapter, chapters
from pipelines.reporting.reading import Release

TEMPLATES = Path(__file__).parent / "templates"
FULL_CHAPTERS = 8


def page(release: Release, proof: citing.Proof, explained: Collection[str] = ()) -> str:
    """The report of a release as HTML. `explained`: indices that have a page of explanations beside the report."""
    with ThreadPoolExecutor(max_workers=1) as artist:
        return _page(release, proof, explained, artist)


def _page(release: Release, proof: citing.Proof, explained: Collection[str], artist: Executor) -> str:
    """The charts are drawn while the tables are written: the one engine is not Python's."""
    found = chapters(release)
    told = [_told(chapter) for chapter in found[:FULL_CHAPTERS]]
    publications = statements.publications(release)
    figures = [figure for chapter in told for figure in chapter["figures"]]
    figures += [publication.chart for publication in publications]
    charted = {figure.figure_id: figure.chart for figure in figures if figure.chart is not None}
    pictures = {figure_id: artist.submit(drawing.drawn, chart) for figure_id, chart in charted.items()}
    live = {figure_id: drawing.spec_json(chart) for figure_id, chart in charted.items()}
    scripts = {name: (TEMPLATES / name).read_text("utf-8") for name in ("vega.js", "report.js")} if live else {
        "report.js": (TEMPLATES / "report.js").read_text("utf-8")}  # fmt: skip
    environment = _environment()
    environment.globals["drawn"] = lambda figure_id: Markup(pictures[figure_id].result())
    return environment.get_template("report.html.j2").render(
        release=release,
        facts=release.facts,
        title=citing.title(found),
        headlines=[headline.headline(chapter) for chapter in found],
        chapters=told,
        explained=explained,
        left_chapters=max(0, len(found) - FULL_CHAPTERS),
        publications=publications,
        revisions=revisions.revisions(release, found),
        quality=quality.quality(release, found),
        sources=quality.sources(release),
        commands=citing.commands(release, found),
        citation=citing.citation(release, found),
        bibtex=citing.bibtex(release, found),
        proof=proof,
        dataset=citing.dataset(release, found, proof),
        live={"config": charts.CONFIG, "charts": live},
        style=Markup((TEMPLATES / "style.css").read_text("utf-8")),
        scripts={name: Markup(content) for name, content in scripts.items()},
        licence=Markup((TEMPLATES / "vega.LICENSE.txt").read_text("utf-8")),
        policy=_policy(list(scripts.values())),
    )


def _told(chapter: Chapter) -> dict[str, Any]:
    """One index with all its figures and tables."""
    return {
        "chapter": chapter,
        "figures": [*over_time.figures(chapter), *movement.figures(chapter), *areas.figures(chapter)],
        "growth": growing.tables(chapter),
        "method": method.method(chapter),
        "varied": robustness.varied(chapter),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"both": markup.both, "asis": markup.asis, "script_json": markup.script_json}
    environment.globals |= {
        "say": lambda en, zh: markup.both(text.Words(en, zh)),
        "table": markup.table, "is_short": markup.is_short, "swatch": markup.swatch,
        "mathml": lambda line: Markup(line),
        "day": text.day, "period": text.period,
    }  # fmt: skip
    return environment


def _policy(scripts: list[str]) -> str:
    """What the browser may do: run these scripts and no other, load nothing, send nothing."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
