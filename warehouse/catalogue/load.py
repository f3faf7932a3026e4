"""Loading a catalogue: strict YAML, typed models, folders laid over one another, and one digest of it all.

Not here: whether the ids in one file are known in another (check).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from warehouse.catalogue.base import AREA_PATTERN, ID_PATTERN, CatalogueError, Model, suggest
from warehouse.catalogue.claim import Publication
from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.catalogue.source import Source

MAX_YAML_BYTES = 4_000_000

KINDS: dict[str, type[Model]] = {
    "units": Unit,
    "areas": Area,
    "indicators": Indicator,
    "sources": Source,
    "indices": Index,
    "claims": Publication,
}
MAPPINGS = ("units", "areas", "indicators")


@dataclass(frozen=True)
class Catalogue:
    """Everything declared: id -> model per kind; `origin` names the file of each (kind, id)."""

    folders: tuple[Path, ...]
    units: dict[str, Unit] = field(default_factory=dict)
    areas: dict[str, Area] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    indices: dict[str, Index] = field(default_factory=dict)
    claims: dict[str, Publication] = field(default_factory=dict)
    origin: dict[tuple[str, str], Path] = field(default_factory=dict)

    @cached_property
    def document(self) -> dict[str, dict[str, Any]]:
        """The whole catalogue as plain JSON data, sorted: what a manifest keeps and a digest is made of."""
        return {kind: {key: dump(model) for key, model in sorted(getattr(self, kind).items())} for kind in KINDS}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content; layout and order of the files do not matter."""
        return digest_of(self.document)

    def where(self, kind: str, key: str) -> str:
        """The file of one entry, for messages: relative to its catalogue folder."""
        path = self.origin.get((kind, key))
        return _shown(path, self.folders) if path else f"{kind}/{key}"


def dump(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_defaults=True)


def digest_of(document: Any) -> str:
    """SHA-256 of plain data as it stands: order counts, as that of the nodes of a tree does."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def from_document(document: dict[str, dict[str, Any]], folders: tuple[Path, ...] = ()) -> Catalogue:
    """The catalogue that a manifest holds."""
    parts = {kind: {key: model.model_validate(value) for key, value in document[kind].items()}
             for kind, model in KINDS.items()}  # fmt: skip
    return Catalogue(folders=folders, **parts)  # type: ignore[arg-type]


def load(folders: tuple[Path, ...]) -> Catalogue:
    """Read and type every YAML file of the folders; an id of a later folder replaces the same id of an earlier one.

    Raises CatalogueError with every problem of every file.
    """
    catalogue, problems, _ = load_what_can_be(folders)
    if problems:
        raise CatalogueError(problems)
    return catalogue


def load_what_can_be(folders: tuple[Path, ...]) -> tuple[Catalogue, list[str], set[str]]:
    """The entries that are sound, every problem of the others, and the ids of those ('' for a whole file of ids)."""
    problems: list[str] = []
    broken: set[str] = set()
    catalogue = Catalogue(folders=folders)
    for folder in folders:
        if not folder.is_dir():
            problems.append(
                f"{folder}: the catalogue folder does not exist; give a folder with sources/, units.yml, ..."
            )
            continue
        files = _files(folder)
        if not files:
            problems.append(f"{folder}: the catalogue folder is empty; it needs units.yml, areas.yml, "
                            "indicators.yml and sources/<id>.yml (see docs/catalogue.md)")  # fmt: skip
        problems.extend(_unknown_files(folder))
        seen: dict[tuple[str, str], Path] = {}
        for kind, path in files:
            shown = _shown(path, folders)
            try:
                data = _parse(path)
            except CatalogueError as error:
                problems.extend(f"{shown}: {text}" for text in error.problems)
                broken.add("" if kind in MAPPINGS else path.stem)
                continue
            entries = data if kind in MAPPINGS else {path.stem: data}
            if not isinstance(entries, dict):
                problems.append(f"{shown}: holds a {type(entries).__name__}; it must map ids to their fields")
                broken.add("" if kind in MAPPINGS else path.stem)
                continue
            for key, value in entries.items():
                found = _add(catalogue, seen, kind, key, value, path, shown)
                problems.extend(found)
                broken |= {str(key)} if found else set()
    return catalogue, problems, broken


def _files(folder: Path) -> list[tuple[str, Path]]:
    """(kind, file) of a folder, sorted: <kind>.yml for mappings, and every <kind>/*.yml."""
    found = []
    for kind in KINDS:
        if kind in MAPPINGS and (folder / f"{kind}.yml").is_file():
            found.append((kind, folder / f"{kind}.yml"))
        found.extend((kind, path) for path in sorted((folder / kind).glob("*.yml")))
    return found


def _unknown_files(folder: Path) -> list[str]:
    known = {f"{kind}.yml" for kind in MAPPINGS}
    strangers = [p for p in sorted(folder.glob("*.y*ml")) if p.name not in known]
    strangers += [p for kind in KINDS for p in sorted((folder / kind).glob("*.yaml"))]
    return [
        f"{path.relative_to(folder)}: is not a file of the catalogue; {suggest(path.name, known)} "
        "(sources/, indices/ and claims/ hold one document a file, ending in .yml)"
        for path in strangers
    ]


def _add(
    catalogue: Catalogue, seen: dict[tuple[str, str], Path], kind: str, key: Any, value: Any, path: Path, shown: str
) -> list[str]:
    pattern = AREA_PATTERN if kind == "areas" else ID_PATTERN
    if not isinstance(key, str) or not re.fullmatch(pattern, key):
        return [
            f"{shown}: '{key}' is not an id; use {'ISO 3166 codes' if kind == 'areas' else 'lower case a-z, 0-9, _'}"
        ]
    if (kind, key) in seen:
        return [f"{shown}: {key}: is declared in {seen[kind, key].name} already; keep one of the two"]
    seen[kind, key] = path
    prefix = f"{shown}: " if kind not in MAPPINGS else f"{shown}: {key}."
    try:
        model = KINDS[kind].model_validate(value)
    except ValidationError as error:
        return [f"{prefix}{_explain(item, KINDS[kind])}" for item in error.errors()]
    getattr(catalogue, kind)[key] = model
    catalogue.origin[kind, key] = path
    return []


def _explain(item: Any, model: type[Model]) -> str:
    """One pydantic error as `key: what (value); remedy`."""
    loc = [str(part) for part in item["loc"] if not str(part).startswith("function-")]
    key, value, kind = ".".join(loc) or "(document)", item.get("input"), item["type"]
    if kind == "extra_forbidden":
        return f"{key}: is an unknown key; {suggest(loc[-1], _keys_at(model, loc[:-1]))}"
    if kind == "missing":
        return f"{key}: is missing; add it"
    text = item["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(value, (dict, list, tuple)) or value is None else f" (value '{value}')"
    if kind == "literal_error" and isinstance(value, str):
        known = [part.strip("' ") for part in text.removeprefix("Input should be ").replace(" or ", ",").split(",")]
        return f"{key}: '{value}' is unknown; {suggest(value, known)} ({text[0].lower()}{text[1:]})"
    return f"{key}: {text[0].lower()}{text[1:]}{shown}"


def _keys_at(model: Any, loc: list[str]) -> list[str]:
    """Field names allowed at a place inside a model, for suggestions; empty where the place is not a model."""
    for part in loc:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = fields[part].annotation
        while (inner := _inner_models(model, part)) is not None and inner is not model:
            model = inner
    return [name for candidate in _models_in(model) for name in candidate.model_fields]


def _inner_models(annotation: Any, tag: str) -> Any:
    tagged = [m for m in _models_in(annotation) if _has_tag(m, tag)]
    return tagged[0] if tagged else None


def _has_tag(model: Any, tag: str) -> bool:
    return any(tag in getattr(f.annotation, "__args__", ()) for f in model.model_fields.values())


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML that also refuses what the safe one lets pass: the same key twice, and anchors (alias bombs)."""

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        if node is None:
            return None
        _refuse_aliases(node, set())
        return self.construct_document(node)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (str, int)) and key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands in line {keys[key]} already; keep one", key_node.start_mark
                )
            keys[key if isinstance(key, (str, int)) else str(key)] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


def _refuse_aliases(node: Any, seen: set[int]) -> None:
    """A node reached twice is an alias."""
    if isinstance(node, yaml.ScalarNode):
        return
    if id(node) in seen:
        raise yaml.constructor.ConstructorError(
            None, None, "anchors and aliases are not allowed; write the value out", node.start_mark
        )
    seen.add(id(node))
    for item in node.value:
        for child in item if isinstance(item, tuple) else (item,):
            _refuse_aliases(child, seen)


def _parse(path: Path) -> Any:
    """One YAML document. Raises CatalogueError for anything that is not one, with line and remedy."""
    try:
        content = path.read_bytes()
        if len(content) > MAX_YAML_BYTES:
            raise CatalogueError([f"is larger than {MAX_YAML_BYTES} bytes; data belongs into raw/, not into YAML"])
        text = content.decode("utf-8-sig")
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except OSError as error:
        raise CatalogueError([f"cannot be read ({error.strerror}); check the file and its permissions"]) from None
    except UnicodeDecodeError as error:
        raise CatalogueError([f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CatalogueError([f"{place}is not valid YAML: {getattr(error, 'problem', None) or error}"]) from None
    if data is None:
        raise CatalogueError(["is empty; fill it in or remove it"])
    return data


def _shown(path: Path, folders: tuple[Path, ...]) -> str:
    for folder in folders:
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)
