"""`indexhouse new`: commented skeletons of a source, an indicator or an index that run as they stand.

Not here: how an unknown file is read (sources.guess); the texts (templates/).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.settings import BUILTIN, Settings, now
from warehouse.catalogue.base import ID_PATTERN
from warehouse.catalogue.load import KINDS, MAPPINGS, Catalogue, load
from warehouse.errors import CatalogueError, IndexhouseError, suggest

if TYPE_CHECKING:
    import polars as pl

TEMPLATES = Path(__file__).parent / "templates"
METHODS = ("min_max", "hdi", "base", "chain", "entropy")
KINDS_OF_NEW = {"source": "sources", "indicator": "indicators", "index": "indices"}
LINE_WIDTH = 110
MOST_NODES = 4
LEAST_SHARE = 0.6
LEAST_PERIODS = 5
WIDE_RANGE = 100
_SIZE_FREE = ("ratio", "share")
_TEXT_FORMATS = {".xls": "excel", ".xlsx": "excel", ".html": "html", ".htm": "html"}


@dataclass(frozen=True)
class Written:
    """What was written for one entry: its own file first."""

    kind: str
    entry_id: str
    files: tuple[Path, ...]
    told: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "id": self.entry_id,
            "path": str(self.files[0]),
            "files": [str(path) for path in self.files],
            "told": list(self.told),
        }


def write_new(
    settings: Settings, kind: str, entry_id: str, origin: str | None = None, method: str | None = None
) -> Written:
    """Write the skeleton of an entry into the last catalogue folder that is not the built-in one.

    In: kind source, indicator or index; for a source a file (copied into the inbox and looked at) or an address; for an
    index the method of METHODS that it begins with. Nothing that exists is written over.
    Raises CatalogueError for what was asked wrongly, IndexhouseError where nothing can be guessed or written.
    """
    folder = _target(settings)
    if kind not in KINDS_OF_NEW:
        raise CatalogueError([f"'{kind}' is no kind of entry; {suggest(kind, KINDS_OF_NEW)}"])
    if not re.fullmatch(ID_PATTERN, entry_id) or yaml.safe_load(entry_id) != entry_id:
        raise CatalogueError(
            [f"'{entry_id}' is not an id; use lower case a-z, digits and _, a letter first, no word that YAML reads "
             "as something else (yes, no, on, off, true, false, null)"]
        )  # fmt: skip
    if origin is not None and kind != "source":
        raise CatalogueError([f"a new {kind} takes no file; leave '{origin}' out, or write `indexhouse new source`"])
    if method is not None and kind != "index":
        raise CatalogueError([f"--method belongs to a new index; leave it out for a new {kind}"])
    if method is not None and method not in METHODS:
        raise CatalogueError([f"--method '{method}' is unknown; {suggest(method, METHODS)}"])
    catalogue = load(tuple(each for each in settings.catalogue if each != folder or _holds_entries(folder)))
    section = KINDS_OF_NEW[kind]
    if entry_id in getattr(catalogue, section):
        where = catalogue.where(section, entry_id)
        raise CatalogueError([f"{where}: {kind} '{entry_id}' exists already; take another id, or edit it there"])
    if kind == "source":
        files, told = _source(folder, catalogue, entry_id, origin)
    elif kind == "indicator":
        files, told = _indicator(folder, catalogue, entry_id)
    else:
        files, told = _index(settings, folder, catalogue, entry_id, method or METHODS[0])
    return Written(kind, entry_id, _put(files), told)


def _target(settings: Settings) -> Path:
    """The folder that is written into. Raises CatalogueError where only the built-in catalogue is named."""
    mine = [folder for folder in settings.catalogue if folder.resolve() != BUILTIN.resolve()]
    if not mine:
        raise CatalogueError(
            ["the built-in catalogue is not written into; name a folder of yours: "
             "indexhouse --catalogue builtin --catalogue mine new ..."]
        )  # fmt: skip
    return mine[-1]


def _holds_entries(folder: Path) -> bool:
    names = [f"{kind}.yml" for kind in MAPPINGS]
    return any((folder / name).exists() for name in names) or any(any((folder / kind).glob("*.yml")) for kind in KINDS)


def _put(files: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write files that do not exist yet, all or none. Raises IndexhouseError naming file and remedy."""
    for path in files:
        if path.exists():
            raise CatalogueError([f"{path}: exists already and is not written over; move it away or take another id"])
    written: list[Path] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise IndexhouseError(
            f"{error.filename or path}: cannot be written ({error.strerror}); check the folder's permissions, or name "
            "another --catalogue"
        ) from None
    return tuple(files)


def _filled(template: str, /, **facts: object) -> str:
    return Template((TEMPLATES / template).read_text("utf-8")).substitute(facts)


def _dumped(mapping: Mapping[str, Any]) -> str:
    """YAML of a mapping, innermost mappings and lists on one line."""
    return yaml.safe_dump(
        dict(mapping), allow_unicode=True, sort_keys=False, default_flow_style=None, width=LINE_WIDTH
    ).rstrip()


def _indented(text: str, blanks: int) -> str:
    return "\n".join(" " * blanks + line if line else line for line in text.splitlines())


def _name(entry_id: str) -> str:
    return entry_id.replace("_", " ").capitalize()


# A source


def _source(
    folder: Path, catalogue: Catalogue, source_id: str, origin: str | None
) -> tuple[dict[Path, bytes], tuple[str, ...]]:
    measured = [key for key, indicator in catalogue.indicators.items() if indicator.formula is None]
    if not measured and (origin is None or _is_address(origin)):
        raise IndexhouseError(
            "the catalogue has no indicator that a source could bring; give a file, so that its columns are declared: "
            f"indexhouse new source {source_id} FILE"
        )
    keys: dict[str, Any] = {
        "fetch": {"kind": "folder", "path": f"inbox/{source_id}"},
        "read": {"format": "csv"},
        "layout": {
            "header": {"row": 1},
            "area": {"column": "area"},
            "period": {"column": "year"},
            "indicator": (measured or [""])[0],
            "value": "value",
        },
    }
    inbox = folder / "inbox" / source_id
    files: dict[Path, bytes] = {}
    told: list[str] = []
    if origin is None:
        files[inbox / ".keep"] = b""
        said = f"A skeleton: its files go into inbox/{source_id}/ and look like: area,year,value."
        told.append(f"put a file into {inbox}, then: indexhouse preview {source_id}")
    elif _is_address(origin):
        keys["fetch"] = {"kind": "http", "urls": [origin]}
        keys["read"] = {"format": _TEXT_FORMATS.get(Path(origin.partition("?")[0]).suffix.lower(), "csv")}
        said = "A skeleton: nothing was fetched, so the layout is an example."
        told.append(f"save the file once and say what stands where: indexhouse preview {source_id} FILE")
    else:
        from pipelines.sources.guess import guess

        path = Path(origin).expanduser()
        content = _bytes(path)
        found = guess(content, path.name, source_id, catalogue)
        keys |= found.source
        keys["fetch"] |= {"files": [f"*{path.suffix}"]}
        files[inbox / path.name.lstrip(".~$")] = content
        files |= _declared(folder, catalogue, source_id, found.indicators)
        said = f"Guessed from {path.name}: {found.values} of {found.cells} cells are values. Check every guess."
        told.append(f"{found.values} of {found.cells} cells of {path.name} are values")
        if found.indicators:
            told.append(f"declared for its columns: {', '.join(found.indicators)}; give them names, units, directions")
        told.append(f"next: indexhouse preview {source_id}")
    text = _filled(
        "source.yml",
        id=source_id,
        name=_name(source_id),
        origin=said,
        priority=_last_priority(catalogue),
        where="area",
        **{key: _section(key, keys) for key in ("fetch", "vintage", "read", "layout", "marks")},
    )
    return {folder / "sources" / f"{source_id}.yml": text.encode(), **files}, tuple(told)


_EXAMPLES = {
    "vintage": r"# vintage: {file: '(\d{4}-\d{2}-\d{2})'}",
    "marks": '# marks: {missing: ["", "..", "-"], decimal: ".", group: ","}',
}


def _section(key: str, keys: Mapping[str, Any]) -> str:
    return _dumped({key: keys[key]}) if key in keys else _EXAMPLES[key]


def _is_address(origin: str) -> bool:
    return origin.startswith(("http://", "https://"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IndexhouseError(f"{path}: cannot be read ({error.strerror}); name an existing file") from None


def _last_priority(catalogue: Catalogue) -> int:
    taken = [p for source in catalogue.sources.values() for p in (source.priority, *source.priority_for.values())]
    return 10 * (max(taken, default=0) // 10 + 1)


def _declared(
    folder: Path, catalogue: Catalogue, source_id: str, indicators: Mapping[str, Mapping[str, str]]
) -> dict[Path, bytes]:
    """Files that declare what the columns of a file are called and the catalogue lacks."""
    if not indicators:
        return {}
    text = f'# Columns of source {source_id} that no indicator was known for; see docs/catalogue.md, "Indicators".\n'
    text += "\n".join(_dumped({key: {**names, "direction": 1}}) for key, names in indicators.items()) + "\n"
    files = {folder / "indicators" / f"{source_id}.yml": text.encode()}
    if "one" not in catalogue.units:
        files[folder / "units" / f"{source_id}.yml"] = b"one: {name_en: ratio, name_zh: \xe6\xaf\x94\xe5\x80\xbc}\n"
    return files


# An indicator


def _indicator(folder: Path, catalogue: Catalogue, indicator_id: str) -> tuple[dict[Path, bytes], tuple[str, ...]]:
    example = next((key for key, each in catalogue.indicators.items() if each.formula is None), None)
    if example is None:
        unit, formula = next(iter(catalogue.units), "one"), "# formula: one_indicator / another_one"
        told = "no source brings it yet: declare one, or give it a formula"
    else:
        unit, formula = catalogue.indicators[example].unit, f"formula: {example}"
        told = f"it is a copy of {example} until you write its formula, or remove that line and let a source bring it"
    note = "# Computed from other indicators, in base units; remove the line where a source brings the values."
    text = _filled("indicator.yml", id=indicator_id, name=_name(indicator_id), unit=unit,
                   formula=_indented(f"{note}\n{formula}", 2))  # fmt: skip
    return {folder / "indicators" / f"{indicator_id}.yml": text.encode()}, (told,)


# An index


@dataclass(frozen=True)
class _Choice:
    """What an index can be made from: areas of one kind, indicators with values there, and the first period."""

    areas: dict[str, str]
    indicators: tuple[str, ...]
    first: str
    ranges: dict[str, tuple[float, float]]


def _index(
    settings: Settings, folder: Path, catalogue: Catalogue, index_id: str, method: str
) -> tuple[dict[Path, bytes], tuple[str, ...]]:
    choice = _choose(_local_values(settings, catalogue), catalogue)
    facts = {
        "id": index_id,
        "name": _name(index_id),
        "method": method,
        "areas": _dumped({"areas": choice.areas}).partition(": ")[2],
        "first": choice.first,
        "nodes": _nodes(choice, catalogue, method, index_id),
    }
    text = "".join(_filled(name, **facts) for name in ("index_head.yml", f"index_{method}.yml", "index_tail.yml"))
    told = (
        f"it goes from {choice.first} on, with indicators that have values: {', '.join(choice.indicators)}",
        "next: put in yours, then `indexhouse check` and `indexhouse run`",
    )
    return {folder / "indices" / f"{index_id}.yml": text.encode()}, told


def _nodes(choice: _Choice, catalogue: Catalogue, method: str, index_id: str) -> str:
    """The lines of the tree: two pillars where there are indicators enough, goalposts at each one for hdi."""
    taken = {*catalogue.indicators, index_id}
    pillars = [name for name in ("first_pillar", "second_pillar") if name not in taken]
    is_flat = method == "chain" or len(choice.indicators) < 3 or len(pillars) < 2
    lines = []
    if not is_flat:
        own = ", aggregate: arithmetic" if method == "hdi" else ""
        for pillar, zh in zip(pillars, ("第一支柱", "第二支柱"), strict=True):
            lines.append(f"  {pillar}: {{name_en: {_name(pillar)}, name_zh: {zh}, weight: 1{own}}}")
    for place, key in enumerate(choice.indicators):
        parts = [] if is_flat else [f"parent: {pillars[2 * place // len(choice.indicators)]}"]
        parts.append("weight: 1")
        if method == "hdi":
            smallest, largest = choice.ranges[key]
            low, high = _goalposts(smallest, largest)
            log = ", log: true" if low > 0 and largest > WIDE_RANGE * smallest else ""
            parts.append(f"normalise: {{method: goalposts, low: {low:g}, high: {high:g}, scale: 1{log}}}")
            lines.append(f"  # its values go from {smallest:g} to {largest:g}")
        lines.append(f"  {key}: {{{', '.join(parts)}}}")
    return "\n".join(lines)


def _goalposts(low: float, high: float) -> tuple[float, float]:
    """Round numbers well below and above the values: half the smallest, a tenth above the largest."""
    bottom = _round(low / 2 if low > 0 else low - abs(low) / 10, math.floor)
    top = _round(high + abs(high) / 10, math.ceil)
    return bottom, top if top > bottom else bottom + 1


def _round(value: float, way: Any) -> float:
    """One significant digit, down or up."""
    if value == 0:
        return 0.0
    step = 10.0 ** math.floor(math.log10(abs(value)))
    return float(f"{way(value / step) * step:.6g}")


def _choose(values: pl.DataFrame, catalogue: Catalogue) -> _Choice:
    """The kind of area with the most values, and the indicators that cover it best, those free of size first.

    In: indicator_id, ref_area, time_period, obs_value of yearly values. Raises IndexhouseError where there are none.
    """
    import polars as pl

    kinds = {key: area.kind for key, area in catalogue.areas.items()}
    sound = [key for key, each in catalogue.indicators.items() if each.direction != 0 and each.formula is None]
    usable = values.filter(pl.col("indicator_id").is_in(sound)).with_columns(
        kind=pl.col("ref_area").replace_strict(kinds, default="", return_dtype=pl.String)
    )
    per_kind = usable.group_by("kind").agg(
        areas=pl.col("ref_area").n_unique(), cells=pl.len(), name=pl.col("kind").first()
    )
    if per_kind.is_empty():
        raise IndexhouseError(
            "no indicator of the catalogue has yearly values in a file here; declare a source first "
            "(indexhouse new source ID FILE), or fetch the files with `indexhouse run`"
        )
    order = per_kind.sort(pl.col("areas") < 2, -pl.col("cells").cast(pl.Int64), "name")
    kind = order["kind"][0]
    mine = usable.filter(pl.col("kind") == kind)
    told = mine.group_by("indicator_id").agg(
        areas=pl.col("ref_area").n_unique(), periods=pl.col("time_period").n_unique(), low=pl.col("obs_value").min(),
        high=pl.col("obs_value").max(),
    )  # fmt: skip
    rows = {row["indicator_id"]: row for row in told.iter_rows(named=True)}
    most = {key: max(row[key] for row in rows.values()) for key in ("areas", "periods")}

    def fitness(key: str) -> tuple[bool, bool, bool, bool, int]:
        row = rows[key]
        is_constant, is_positive = row["low"] == row["high"], row["low"] > 0
        is_thin = row["areas"] < LEAST_SHARE * most["areas"] or row["periods"] < min(LEAST_PERIODS, most["periods"])
        is_size = catalogue.indicators[key].kind not in _SIZE_FREE
        return is_constant, not is_positive, is_thin, is_size, sound.index(key)

    chosen = sorted(sorted(rows, key=fitness)[:MOST_NODES], key=sound.index)
    within = mine.filter(pl.col("indicator_id").is_in(chosen))
    yearly = within.group_by("time_period").agg(
        indicators=pl.col("indicator_id").n_unique(), cells=pl.len().cast(pl.Int64)
    )
    full = yearly.filter(pl.col("indicators") == pl.col("indicators").max())
    first = str(full.filter(pl.col("cells") >= LEAST_SHARE * pl.col("cells").max())["time_period"].min())
    ends = (
        within.filter(pl.col("time_period") >= first)
        .group_by("indicator_id")
        .agg(low=pl.col("obs_value").min(), high=pl.col("obs_value").max())
    )
    ranges = {key: (float(low), float(high)) for key, low, high in ends.iter_rows()}
    return _Choice({"kind": kind}, tuple(key for key in chosen if key in ranges), first, ranges)


def _local_values(settings: Settings, catalogue: Catalogue) -> pl.DataFrame:
    """Yearly values of all files that are here: of bundled and dropped ones, and of what was fetched into the home."""
    import polars as pl

    from pipelines.sources.read import read_snapshot

    columns = ["indicator_id", "ref_area", "time_period", "obs_value"]
    parts = [pl.DataFrame(schema={name: pl.Float64 if name == "obs_value" else pl.String for name in columns})]
    for source_id, source in sorted(catalogue.sources.items()):
        for name, content in _local_files(settings, catalogue, source_id):
            readings = read_snapshot(content, name, source, catalogue).readings
            parts.append(
                readings.filter(
                    (pl.col("outcome") == "value")
                    & (pl.col("freq") == "A")
                    & (pl.col("time_period").str.len_chars() == 4)
                ).select(columns)
            )
    return pl.concat(parts).unique(["indicator_id", "ref_area", "time_period"], keep="first", maintain_order=True)


def _local_files(settings: Settings, catalogue: Catalogue, source_id: str) -> Iterable[tuple[str, bytes]]:
    from pipelines.sources.fetch import fetch
    from warehouse.catalogue.source import Http
    from warehouse.snapshots import SnapshotStore

    source = catalogue.sources[source_id]
    if isinstance(source.fetch, Http):
        store = SnapshotStore(settings.snapshots)
        return [(record.file_name, store.read(record)) for record in store.records(source_id)]
    fetched = fetch(source, source_id, catalogue.folders, lambda *_: None, now()).fetched
    return [(each.file_name, each.content) for each in fetched]
