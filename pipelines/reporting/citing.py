"""How a release is cited, described for search engines (schema.org/Dataset), and made again: lines and hashes.

Not here: the hashes themselves (pipelines.publishing, warehouse.releases).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.reporting.chapter import Chapter
from pipelines.reporting.quality import web_address
from pipelines.reporting.reading import Release
from pipelines.reporting.text import Words, listed

SHOWN_PLACES = 60
SHOWN_VARIABLES = 200
_IN_TEX: dict[int, str] = {ord("&"): r"\&", ord("%"): r"\%", ord("{"): "", ord("}"): "", ord("\\"): ""}


@dataclass(frozen=True)
class Proof:
    """What identifies the release file that the report was made from."""

    file_name: str
    sha256: str
    size_bytes: int


def title(chapters: list[Chapter]) -> Words:
    """The name of the report: its index, or its indices."""
    if len(chapters) == 1:
        return chapters[0].name
    if 1 < len(chapters) <= 3:
        return listed([chapter.name for chapter in chapters])
    return Words("Composite indices", "综合指数") if chapters else Words("Indicators", "指标")


def citation(release: Release, chapters: list[Chapter]) -> Words:
    """One line to cite the release with."""
    facts, name = release.facts, title(chapters)
    version = facts["code_version"].partition("+")[0]
    return Words(
        f"{name.en}. Release {facts['release_id']}, data to {facts['data_vintage']}. "
        f"Computed with indexhouse {version}, {facts['built_at']:%Y}.",
        f"{name.zh}。发布版{facts['release_id']}，数据截至{facts['data_vintage']}。"
        f"由indexhouse {version}计算，{facts['built_at']:%Y}年。",
    )


def bibtex(release: Release, chapters: list[Chapter]) -> str:
    """The same as an entry for BibTeX."""
    facts = release.facts
    key = f"indexhouse_{facts['release_id'].replace('-', '_')}"
    name = title(chapters).en.translate(_IN_TEX)
    return (
        f"@misc{{{key},\n  title   = {{{name}}},\n  year    = {{{facts['built_at']:%Y}}},\n"
        f"  version = {{{facts['release_id']}}},\n  note    = {{Data to {facts['data_vintage']}; indexhouse "
        f"{facts['code_version']}}}\n}}"
    )


def commands(release: Release, chapters: list[Chapter]) -> list[tuple[str, Words]]:
    """Command lines that prove, explain and ask the release, with what each does."""
    release_id = release.facts["release_id"]
    found = [
        (
            f"indexhouse rebuild {release_id}",
            Words(
                "builds the release again from its manifest and proves that every table is byte-equal",
                "按清单重建该发布版，并证明各表逐字节相同",
            ),
        ),
    ]
    for chapter in chapters[:1]:
        found.append((
            f"indexhouse explain {chapter.index_id} {chapter.focus.ref_area} {chapter.period}",
            Words("from a score down to the cells of the source files", "由得分逐层追溯到来源文件的单元格"),
        ))  # fmt: skip
    table = f"scoreboard_{chapters[0].index_id}" if chapters else "observation"
    found.append(
        (f'indexhouse query "select * from {table}" --release {release_id}', Words("any question in SQL", "以SQL查询"))
    )
    found.append((f"sha256sum release/{release_id}/indexhouse.duckdb", Words("gives the hash below", "得到下列哈希值")))
    return found


def dataset(release: Release, chapters: list[Chapter], proof: Proof) -> dict[str, Any]:
    """The release as a schema.org/Dataset; only what the release knows, nothing made up."""
    facts, name = release.facts, title(chapters)
    periods = sorted({(c.place[p], p) for c in chapters for p in (c.periods[0], c.periods[-1])})
    places = dict.fromkeys(area.name.en for chapter in chapters for area in chapter.areas)
    parts = [node for chapter in chapters for node in (chapter.root, *chapter.pillars)]
    described = [chapter.description.en for chapter in chapters if chapter.description]
    sources = release.rows("select name_en, provider, licence, citation, url from source order by source_id")
    document: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": name.en,
        "alternateName": name.zh if name.zh != name.en else None,
        "description": " ".join(described) or f"{name.en}: scores, ranks, intervals, contributions and sources.",
        "identifier": facts["release_id"],
        "version": facts["release_id"],
        "dateModified": f"{facts['built_at']:%Y-%m-%d}",
        "inLanguage": ["en", "zh-CN"],
        "isAccessibleForFree": True,
        "temporalCoverage": f"{periods[0][1]}/{periods[-1][1]}" if periods else None,
        "spatialCoverage": [{"@type": "Place", "name": place} for place in list(places)[:SHOWN_PLACES]],
        "variableMeasured": [
            {"@type": "PropertyValue", "name": node.name.en, "alternateName": node.name.zh, "propertyID": node.node_id}
            for node in parts[:SHOWN_VARIABLES]
        ],
        "measurementTechnique": [chapter.main.method.en for chapter in chapters if chapter.main.method.en],
        "citation": citation(release, chapters).en,
        "isBasedOn": [
            {
                key: value
                for key, value in {
                    "@type": "Dataset",
                    "name": row["name_en"],
                    "description": row["citation"] or row["provider"],
                    "license": row["licence"],
                    "url": web_address(row["url"]),
                    "creator": {"@type": "Organization", "name": row["provider"]},
                }.items()
                if value
            }
            for row in sources
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": proof.file_name,
                "contentUrl": proof.file_name,
                "encodingFormat": "application/vnd.duckdb",
                "contentSize": f"{proof.size_bytes} B",
                "sha256": proof.sha256,
            },
            {
                "@type": "DataDownload",
                "name": "parquet",
                "contentUrl": "parquet/",
                "encodingFormat": "application/vnd.apache.parquet",
            },
        ],
    }
    return {key: value for key, value in document.items() if value}
