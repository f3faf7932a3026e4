"""Every page of the catalogue and the dictionary as text: one per indicator, source, index and publication, and lists.

Not here: what a release knows (facts), how pages look (templates/), where they are written (write).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.documenting.facts import Facts
from pipelines.documenting.sparkline import sparkline
from pipelines.documenting.terms import term
from pipelines.index.describe import method_words
from pipelines.index.tree import Tree, tree_of
from pipelines.marts import release_tables
from pipelines.reporting.text import Words, number, same, significant, words
from warehouse.catalogue.formula import inputs
from warehouse.catalogue.index import AreaFilter, Index
from warehouse.catalogue.load import Catalogue
from warehouse.catalogue.source import Bundled, Folder, Http, Source

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("style.css", "pages.js")
SAFE_ADDRESS = ("https://", "http://")
_TOKEN = re.compile(r"([a-z][a-z0-9_]*)")


def pages(catalogue: Catalogue, facts: Facts) -> Iterator[tuple[str, str]]:
    """(path inside the folder, text) of every page and of what they share. The same input gives the same bytes."""
    book = _Book(catalogue, facts)
    yield from ((name, (TEMPLATES / name).read_text("utf-8")) for name in ASSETS)
    yield "search.js", f"window.CATALOGUE_ENTRIES = {json.dumps(book.entries(), ensure_ascii=False)};\n"
    yield "index.html", book.overview()
    for indicator_id in catalogue.indicators:
        yield f"indicator/{indicator_id}.html", book.indicator(indicator_id)
    for source_id in catalogue.sources:
        yield f"source/{source_id}.html", book.source(source_id)
    for index_id in catalogue.indices:
        yield f"index/{index_id}.html", book.index(index_id)
    for publication_id in catalogue.claims:
        yield f"publication/{publication_id}.html", book.publication(publication_id)
    yield "areas.html", book.areas()
    yield "units.html", book.units()
    yield "dictionary.html", book.dictionary()


class _Book:
    """One catalogue, what its release knows, and the templates that both are written into."""

    def __init__(self, catalogue: Catalogue, facts: Facts) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self.catalogue, self.facts = catalogue, facts
        self.counts, self.area_counts = facts.counts(), facts.area_counts()
        self.tables = release_tables(catalogue)
        self.uses = _uses(catalogue)
        release = facts.release()
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, keep_trailing_newline=True,
        )  # fmt: skip
        self.environment.globals.update(
            term=term, catalogue=catalogue, release=release, number=number, significant=significant,
            is_behind=release is not None and release["catalogue_hash"] != catalogue.digest,
            spark=self._spark, named=self.named, label=_label, formula=self._formula, shown=_shown, counts=self.counts,
        )  # fmt: skip

    def overview(self) -> str:
        return self._page(
            "overview", "", indices=list(self.catalogue.indices), publications=list(self.catalogue.claims)
        )

    def indicator(self, indicator_id: str) -> str:
        return self._page(
            "indicator", "../", id=indicator_id, entry=self.catalogue.indicators[indicator_id],
            facts=self.facts.indicator(indicator_id), uses=self.uses.get(indicator_id, {}),
            declared_in=self.catalogue.where("indicators", indicator_id), sources=self._sources_of(indicator_id),
        )  # fmt: skip

    def source(self, source_id: str) -> str:
        source = self.catalogue.sources[source_id]
        found = self.facts.source(source_id)
        brought = [(row["indicator_id"], row["n"], row["used"]) for row in found.indicators]
        if not brought:
            brought = [(key, 0, 0) for key in _declared_indicators(source) if key in self.catalogue.indicators]
        return self._page(
            "source", "../", id=source_id, entry=source, facts=found, brought=brought, where=_fetched_from(source),
            vintages=_vintage_rule(source), declared_in=self.catalogue.where("sources", source_id),
        )  # fmt: skip

    def index(self, index_id: str) -> str:
        index = self.catalogue.indices[index_id]
        tree = tree_of(index_id, index)
        return self._page(
            "index", "../", id=index_id, entry=index, facts=self.facts.index(index_id), tree=tree,
            nodes=list(_downwards(tree, index_id)), method=Words(*method_words(index, index.base_period)),
            areas=self._areas_of(index), declared_in=self.catalogue.where("indices", index_id),
        )  # fmt: skip

    def publication(self, publication_id: str) -> str:
        found = self.facts.claims(publication_id)
        return self._page(
            "publication", "../", id=publication_id, entry=self.catalogue.claims[publication_id],
            claims={row["claim_id"]: row for row in found},
            declared_in=self.catalogue.where("claims", publication_id),
        )  # fmt: skip

    def areas(self) -> str:
        return self._page("areas", "", area_counts=self.area_counts)

    def units(self) -> str:
        uses: dict[str, int] = {}
        for indicator in self.catalogue.indicators.values():
            uses[indicator.unit] = uses.get(indicator.unit, 0) + 1
        return self._page("units", "", uses=uses)

    def dictionary(self) -> str:
        return self._page("dictionary", "", tables=list(self.tables.values()))

    def entries(self) -> list[list[str]]:
        """What the search box looks through: kind, id, name en, name zh, further text, address."""
        found = []
        for kind, folder in (("indicators", "indicator"), ("sources", "source"), ("indices", "index"),
                             ("claims", "publication")):  # fmt: skip
            for key, entry in getattr(self.catalogue, kind).items():
                more = [getattr(entry, name, "") for name in ("definition_en", "definition_zh", "provider", "citation",
                        "description_en", "description_zh")]  # fmt: skip
                found.append([folder, key, entry.name_en, entry.name_zh, " ".join(filter(None, more)),
                              f"{folder}/{key}.html"])  # fmt: skip
        for key, area in self.catalogue.areas.items():
            found.append(["area", key, area.name_en, area.name_zh, " ".join(area.spellings), f"areas.html#{key}"])
        for key, unit in self.catalogue.units.items():
            found.append(["unit", key, unit.name_en, unit.name_zh, " ".join(unit.spellings), f"units.html#{key}"])
        for table in self.tables.values():
            about = f"{table.grain_en} {table.grain_zh}"
            found.append(["table", table.name, "", "", about, f"dictionary.html#{table.name}"])
            for column in table.columns:
                about = f"{column.description_en} {column.description_zh}"
                found.append(["column", f"{table.name}.{column.name}", "", "", about, f"dictionary.html#{table.name}"])
        return found

    def named(self, kind: str, key: str | None) -> Words:
        """The name of an entry in both languages; its id where it is not declared."""
        entry = getattr(self.catalogue, kind).get(key or "")
        return (words(entry.name_en, entry.name_zh) if entry else None) or same(key or "")

    def _page(self, template: str, root: str, **context: Any) -> str:
        return self.environment.get_template(f"{template}.html").render(root=root, **context)

    def _spark(self, values: tuple[float | None, ...]) -> Any:
        from markupsafe import Markup

        return Markup(sparkline(values))

    def _formula(self, text: str, root: str) -> Any:
        """A formula in which every indicator is a link to its page."""
        from markupsafe import Markup, escape

        parts = [
            Markup('<a href="{0}indicator/{1}.html">{1}</a>').format(root, part)
            if part in self.catalogue.indicators
            else escape(part)
            for part in _TOKEN.split(text)
        ]
        return Markup("").join(parts)

    def _sources_of(self, indicator_id: str) -> list[str]:
        """Sources whose declaration names the indicator, for a catalogue without a release."""
        return [key for key, source in self.catalogue.sources.items() if indicator_id in _declared_indicators(source)]

    def _areas_of(self, index: Index) -> Words:
        if isinstance(index.areas, AreaFilter):
            count, kind = len(index.area_ids(self.catalogue.areas)), index.areas.kind
            below = self.named("areas", index.areas.parent) if index.areas.parent else None
            en = f"{count} areas of kind {kind}" + (f" in {below.en}" if below else "")
            zh = (f"{below.zh}的" if below else "") + f"{count}个“{term('area_kind', kind).zh}”地区"
            return Words(en, zh)
        named = [self.named("areas", area) for area in index.areas]
        return Words(", ".join(each.en for each in named), "、".join(each.zh for each in named))


def _label(entry: Any, part: str = "name") -> Words | None:
    """A text of an entry in both languages (name, definition, note, why, ...); None where it has none."""
    return words(getattr(entry, f"{part}_en", ""), getattr(entry, f"{part}_zh", ""))


def _shown(value: Any) -> str:
    """A value as it stands in YAML: numbers without needless zeros, dates as text."""
    return f"{value:.12g}" if isinstance(value, float) else "" if value is None else str(value)


def _downwards(tree: Tree, node: str) -> Iterator[str]:
    """The nodes of a tree as a reader goes through it: every node before those below it, siblings as declared."""
    yield node
    for child in sorted(tree.children.get(node, ()), key=tree.declared.index):
        yield from _downwards(tree, child)


def _uses(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """Indicator -> where it is used: `indices`, `formulas`, `denominators`, `claims` -> ids in catalogue order."""
    found: dict[str, dict[str, list[str]]] = {}

    def use(indicator_id: str | None, where: str, entry_id: str) -> None:
        if indicator_id in catalogue.indicators:
            entries = found.setdefault(indicator_id or "", {}).setdefault(where, [])
            if entry_id not in entries:
                entries.append(entry_id)

    for index_id, index in catalogue.indices.items():
        parents = {node.parent for node in index.nodes.values()}
        for node_id, node in index.nodes.items():
            if node_id not in parents:
                use(node.indicator or node_id, "indices", index_id)
            use(node.quantity, "indices", index_id)
            if node.denominate is not None:
                use(getattr(node.denominate, "by", None), "indices", index_id)
        for benchmark in index.benchmarks:
            use(benchmark.indicator, "benchmarks", index_id)
    for key, indicator in catalogue.indicators.items():
        for used in inputs(indicator.formula) if indicator.formula else ():
            use(used, "formulas", key)
        use(indicator.denominator, "denominators", key)
    for publication_id, publication in catalogue.claims.items():
        for claim in publication.claims.values():
            use(getattr(claim, "indicator", None), "claims", publication_id)
    return found


def _declared_indicators(source: Source) -> list[str]:
    layout = source.layout
    found = [column.indicator for column in layout.columns]
    if layout.indicator is not None:
        found += [layout.indicator.value] if layout.indicator.value else list(layout.indicator.values.values())
    return list(dict.fromkeys(found))


def _fetched_from(source: Source) -> tuple[Words, list[str]]:
    """How files come in words, and their places: globs, or addresses without what may be secret in them."""
    fetch = source.fetch
    if isinstance(fetch, Bundled):
        return Words(f"files that ship with the catalogue, retrieved {fetch.retrieved}",
                     f"随目录附带的文件，获取日期{fetch.retrieved}"), list(fetch.files)  # fmt: skip
    if isinstance(fetch, Folder):
        return Words("files that people put into a folder", "由人放入文件夹的文件"), [
            f"{fetch.path}/{each}" for each in fetch.files
        ]
    assert isinstance(fetch, Http)
    return Words("fetched from the network", "从网络获取"), [_without_secrets(url) for url in fetch.urls]


def _without_secrets(url: str) -> str:
    """An address without user, password and query, where keys stand."""
    scheme, found, rest = url.partition("://")
    place, question, _ = rest.partition("?")
    host, slash, path = place.partition("/")
    shown = f"{scheme}{found}{host.rpartition('@')[2]}{slash}{path}"
    return f"{shown}?…" if question else shown


def _vintage_rule(source: Source) -> Words:
    rule = source.vintage
    if source.layout.vintage is not None:
        return Words("a column of the file dates each value", "由文件中的一列逐值注明")
    if rule.declared:
        return Words(f"declared: {rule.declared}", f"声明：{rule.declared}")
    if rule.file:
        return Words("the date in the name of the file", "取自文件名中的日期")
    if rule.title:
        return Words("the date in the title of the table", "取自表题中的日期")
    if rule.assumed:
        months = rule.assumed.lag_months
        return Words(
            f"assumed: {months} months after the period (hindsight, marked as such)",
            f"假定：时期结束后{months}个月（事后推定，已标注）",
        )
    if any(note.vintage for note in source.files):
        return Words("declared file by file", "逐个文件声明")
    return Words("the day of retrieval", "获取日期")
