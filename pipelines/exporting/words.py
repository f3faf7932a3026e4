"""What an export says of itself, in English and Chinese: title, citation, headline, how to read it, what is left out.

Not here: the tables (excerpt), the forms in which this is written (xlsx, csv_folder, datapackage, sdmx_csv).
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipelines.exporting.excerpt import Excerpt

LEADERS = 3

# (English, Chinese): what whoever opens the files must know, whatever their form.
HOW_TO_READ = (
    ("An empty cell is a missing value, never zero.", "空单元格表示缺失值，绝不表示零。"),
    (
        "Ranks run from 1, the best; ties share the smallest rank. Intervals are the 5 % and 95 % quantiles over many "
        "runs with varied method.",
        "排名以 1 为最佳，并列者取最小名次；区间为多次变动方法运行的 5% 与 95% 分位数。",
    ),
    (
        "Stages of a value: raw (as observed), denominated (divided by its denominator), imputed (gaps filled), "
        "treated (outliers treated), normalised (on the common scale, direction applied).",
        "数值的各阶段：raw 原始值，denominated 除以分母后，imputed 填补缺失后，treated 处理异常值后，"
        "normalised 标准化后（已计方向）。",
    ),
    (
        "An edition says what was known: 'latest' is everything known to this release, an edition with a date only "
        "what was known on that day.",
        "版次表示所用的数据状态：latest 为本发布所知的全部数据，带日期者仅用当日已知的数据。",
    ),
    (
        "An apostrophe in front of a text that begins with = + - @, a tab or a carriage return was added, so that no "
        "spreadsheet runs it as a formula.",
        "以 = + - @、制表符或回车开头的文本前加了撇号，以免被电子表格当作公式执行。",
    ),
)


def title(excerpt: Excerpt) -> str:
    """The name of the index in both languages, once where they are the same."""
    return _both(excerpt.name_en, excerpt.name_zh)


def citation(excerpt: Excerpt) -> tuple[str, str]:
    """How to cite the numbers, English and Chinese."""
    edition = f", edition {excerpt.edition_id}" if excerpt.edition_id else ""
    edition_zh = f"，版次 {excerpt.edition_id}" if excerpt.edition_id else ""
    return (
        f"{excerpt.name_en}{edition}, release {excerpt.release_id} (data as of {excerpt.data_vintage}), computed with "
        "indexhouse from the sources listed here; cite these as well.",
        f"{excerpt.name_zh}{edition_zh}，发布版本 {excerpt.release_id}（数据截至 {excerpt.data_vintage}），"
        "由 indexhouse 据所列来源计算；请一并引用各来源。",
    )


def editions(excerpt: Excerpt) -> Iterator[tuple[str, str]]:
    """Each edition with what it is, and the periods it covers."""
    for row in excerpt.tables["index_edition"].iter_rows(named=True):
        periods = f"{row['first_period'] or '?'} - {row['last_period'] or '?'}"
        base = f"; base 基期 {row['base_period']}" if row["base_period"] else ""
        variant = f"; variant of 变体，基于 {row['variant_of']}" if row["variant_of"] else ""
        yield row["edition_id"], f"{_both(row['name_en'], row['name_zh'])}; {periods}{base}{variant}"


def headlines(excerpt: Excerpt) -> Iterator[tuple[str, str]]:
    """Each edition with its newest scores: the first areas by rank, with their change."""
    board = excerpt.tables[excerpt.scoreboard].filter(pl.col("score").is_not_null())
    for edition in board["edition_id"].unique(maintain_order=True):
        rows = board.filter(pl.col("edition_id") == edition)
        newest = rows.sort("period_start")["time_period"][-1]
        is_ranked = rows["ref_area"].n_unique() > 1
        best = rows.filter(pl.col("time_period") == newest).sort("score_rank", "ref_area").head(LEADERS)
        parts = []
        for row in best.iter_rows(named=True):
            rank = f"{row['score_rank']}. " if is_ranked else ""
            moved = "" if row["change_abs"] is None else f" ({row['change_abs']:+.1f})"
            parts.append(f"{rank}{_both(row['area_name_en'], row['area_name_zh'])} {row['score']:.1f}{moved}")
        yield edition, f"{newest}: {', '.join(parts)}"


def left_out(excerpt: Excerpt) -> Iterator[tuple[str, str]]:
    """One sentence for each indicator whose values are left out, English and Chinese."""
    for each in excerpt.left_out:
        sources = ", ".join(each.sources)
        yield (
            f"{each.indicator_id} ({each.name_en}): its values before normalisation are left out; the licence of "
            f"{sources} does not allow passing them on.",
            f"{each.indicator_id}（{each.name_zh}）：标准化之前的数值未包含；来源 {sources} 的许可不允许转发。",
        )


def role(excerpt: Excerpt, source_id: str) -> tuple[str, str]:
    """What the index uses a source for, English and Chinese."""
    if source_id in excerpt.direct:
        return "values of the index", "指数直接使用"
    return "observations behind the index", "指数背后的观测值"


def page(excerpt: Excerpt, files: list[tuple[str, str, str]]) -> str:
    """The page that lies beside the files of an export, as Markdown. In: file, what it holds in English, in Chinese."""
    lines = [f"# {title(excerpt)}", ""]
    lines += [text for text in (excerpt.note_en, excerpt.note_zh) if text] + [""]
    lines += [f"Release 发布版本: {excerpt.release_id}", f"Data as of 数据截至: {excerpt.data_vintage}", ""]
    lines += ["## Editions 版次", "", *(f"- {name}: {text}" for name, text in editions(excerpt)), ""]
    lines += ["## Newest scores 最新得分", "", *(f"- {name}: {text}" for name, text in headlines(excerpt)), ""]
    lines += ["## How to read 阅读说明", "", *(f"- {en} {zh}" for en, zh in HOW_TO_READ), ""]
    if excerpt.left_out:
        lines += ["## Left out 未包含", "", *(f"- {en} {zh}" for en, zh in left_out(excerpt)), ""]
    lines += ["## Method 方法", ""]
    for row in excerpt.tables["index_edition"].iter_rows(named=True):
        lines += [f"- {row['edition_id']}: {row['method_en'] or ''} {row['method_zh'] or ''}".rstrip()]
    lines += ["", "## Citation 引用", "", *citation(excerpt), "", "## Sources 来源", ""]
    for row in excerpt.tables["source"].iter_rows(named=True):
        named = f"{row['source_id']}: {_both(row['name_en'], row['name_zh'])}, {row['provider']}"
        cited = f" Cite 引用: {row['citation']}." if row["citation"] else ""
        lines += [f"- {named}. Licence 许可: {row['licence']}.{cited} {row['url'] or ''}".rstrip()]
    lines += ["", "## Files 文件", "", "| file | holds | 内容 |", "|---|---|---|"]
    lines += [f"| {name} | {en} | {zh} |" for name, en, zh in files]
    return "\n".join(lines) + "\n"


def _both(en: str, zh: str) -> str:
    return en if en == zh else f"{en} {zh}"
