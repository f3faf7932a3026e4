"""How an unknown file may be read: format, encoding, delimiter, header, and which column is what, found by its content.

Known areas and periods are what a guess stands on; what comes out is a beginning for a person, proven by reading the
file with it. Not here: writing it down as a catalogue entry (pipelines.scaffold).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from pipelines.sources.lookup import Lookup, Terms, lookup_of
from pipelines.sources.periods import parse_period
from pipelines.sources.read import read_snapshot
from pipelines.sources.readers import Grid, read_grids
from pipelines.sources.readers.archive import unpack
from pipelines.sources.reasons import RejectedFileError
from warehouse.catalogue.base import ID_PATTERN, IndexhouseError
from warehouse.catalogue.indicator import Area, Indicator, Unit, fold_name
from warehouse.catalogue.source import Marks, Read, Source

ENCODINGS = ("utf-8-sig", "utf-16", "gb18030", "big5", "cp1252")
DELIMITERS = (",", "\t", ";", "|")
SAMPLE_BYTES = 300_000
SAMPLE_ROWS = 400
MOST_INDICATORS = 200
LEAST_LETTERS = 2
_NUMBERS = {
    ("", "."): r"[-+−]?\d+(\.\d+)?([eE][-+]?\d+)?",
    (",", "."): r"[-+−]?\d{1,3}(,\d{3})+(\.\d+)?",
    (".", ","): r"[-+−]?\d{1,3}(\.\d{3})*(,\d+)?",
    ("", ","): r"[-+−]?\d+,\d+",
    (" ", "."): r"[-+−]?\d{1,3}([  \u2009\u202f]\d{3})+(\.\d+)?",
    ("'", "."): r"[-+−]?\d{1,3}(['’]\d{3})+(\.\d+)?",
}
_NUMBER = re.compile("|".join(f"(?:{form})" for form in _NUMBERS.values()))
_CODE = re.compile(r"(^|[_ ])(code|id|no\.?)$|代码|编码|序号", re.IGNORECASE)
_SERIES = re.compile(r"indicator|measure|series|variable|指标|项目", re.IGNORECASE)
_UNIT_IN_HEADER = re.compile(r"[（(\[]([^()（）\[\]]+)[）)\]]\s*$")
_UNIT_IN_TITLE = re.compile(r"(?:单位|\bunits?)\s*[:：]\s*([^)）\n]+)", re.IGNORECASE)
_YEAR = r"(?<!\d)((?:19|20)\d{2})(?!\d)"
_DAY = r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)"


@dataclass(frozen=True)
class Guess:
    """Keys of a source that reads the file, the indicators that the catalogue lacks, and how many of the file's value
    cells come out as values."""

    read: dict[str, Any]
    layout: dict[str, Any]
    marks: dict[str, Any] = field(default_factory=dict)
    vintage: dict[str, Any] = field(default_factory=dict)
    indicators: dict[str, dict[str, str]] = field(default_factory=dict)
    cells: int = 0
    values: int = 0

    @property
    def source(self) -> dict[str, Any]:
        """The guessed keys of the source, without those that say nothing."""
        keys = {"vintage": self.vintage, "read": self.read, "layout": self.layout, "marks": self.marks}
        return {key: value for key, value in keys.items() if value}


@dataclass(frozen=True)
class _Terms:
    areas: Mapping[str, Area]
    indicators: Mapping[str, Indicator]
    units: Mapping[str, Unit]


def guess(content: bytes, file_name: str, source_id: str, catalogue: Terms) -> Guess:
    """The way of reading a file that gives the most values.

    In: its bytes and name, the id that the source will have, the catalogue (areas decide what is a place). Out: Guess.
    Raises IndexhouseError where no way gives any value, with what was looked for.
    """
    best: Guess | None = None
    try:
        unpack(content)
    except RejectedFileError as error:
        raise IndexhouseError(f"{file_name}: {error}") from None
    for read in _ways_to_read(content):
        for one in _guesses(_sample(content, read), file_name, source_id, read, catalogue):
            tried = _tried(one, _sample(content, read), file_name, catalogue)
            if tried is not None and (best is None or tried.values > best.values):
                best = tried
        if best is not None and best.values and read["format"] != "csv":
            break
    final = _tried(best, content, file_name, catalogue) if best is not None else None
    if final is None or not final.values:
        raise IndexhouseError(
            f"{file_name}: no table of numbers with areas of the catalogue and periods is found in it; declare its "
            "areas (areas.yml) first, or leave the file out and fill in the skeleton by hand"
        )
    return final


def _ways_to_read(content: bytes) -> Iterator[dict[str, Any]]:
    """Keys of `read` that fit the bytes: by their signature, else as text in every encoding with every delimiter."""
    head = unpack(content)[:SAMPLE_BYTES]
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        yield {"format": "excel"}
        yield from ({"format": "excel", "sheets": [sheet]} for sheet in range(2, 11))
        return
    for encoding in ENCODINGS:
        if encoding == "utf-16" and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        text = head.decode(encoding, "ignore")
        if "�" in text or len(text.encode(encoding, "ignore")) < len(head) - 4:
            continue
        plain = {} if encoding == "utf-8-sig" else {"encoding": encoding}
        if "<table" in text.lower():
            yield {"format": "html", **plain}
            continue
        for delimiter in DELIMITERS:
            if delimiter in text:
                yield {"format": "csv", **plain, **({} if delimiter == "," else {"delimiter": delimiter})}


def _sample(content: bytes, read: Mapping[str, Any]) -> bytes:
    """The beginning of a large text file, whole lines; other files as they are."""
    content = unpack(content)
    if read["format"] != "csv" or len(content) <= SAMPLE_BYTES or read.get("encoding") == "utf-16":
        return content
    return content[: content.rfind(b"\n", 0, SAMPLE_BYTES) + 1] or content


def _tried(one: Guess, content: bytes, file_name: str, catalogue: Terms) -> Guess | None:
    """A guess with what comes out of it; None where the file cannot be read so."""
    try:
        source = Source.model_validate(
            {"name_en": "x", "provider": "x", "licence": "x", "priority": 0, "fetch": {"kind": "folder", "path": "x"}}
            | one.source
        )
    except ValidationError:
        return None
    declared = {key: Indicator.model_validate(value) for key, value in one.indicators.items()}
    units = {"one": Unit(name_en="one"), **catalogue.units}
    reading = read_snapshot(
        content, file_name, source, _Terms(catalogue.areas, {**catalogue.indicators, **declared}, units)
    )
    if reading.is_rejected:
        return None
    values = int((reading.readings["outcome"] == "value").sum())
    return replace(one, cells=reading.readings.height, values=values)


def _guesses(content: bytes, file_name: str, source_id: str, read: dict[str, Any], catalogue: Terms) -> Iterator[Guess]:
    try:
        grids = read_grids(content, Read.model_validate(read))
    except (RejectedFileError, ValidationError):
        return
    for grid in grids:
        table = _Table.of(grid, file_name, catalogue)
        for layout, indicators in table.layouts(source_id):
            yield Guess(read, layout, table.marks(), _vintage(file_name, layout), indicators)


def _vintage(file_name: str, layout: Mapping[str, Any]) -> dict[str, Any]:
    return {"file": _DAY} if re.search(_DAY, file_name) and "file" not in _mapping(layout["period"]) else {}


def _mapping(role: Any) -> dict[str, Any]:
    return role if isinstance(role, dict) else {}


@dataclass
class _Table:
    """A grid as rows of text, and what its cells are known as."""

    rows: list[list[str]]
    file_name: str
    lookup: Lookup
    names: dict[str, str]
    top_areas: list[str]
    units: Mapping[str, Unit]
    values: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, grid: Grid, file_name: str, catalogue: Terms) -> _Table:
        lookup = lookup_of(catalogue)
        names: dict[str, str] = {}
        for key, indicator in catalogue.indicators.items():
            if indicator.formula is None:
                names |= {fold_name(text): key for text in (indicator.name_en, indicator.name_zh, key)}
        tops = [key for key, area in catalogue.areas.items() if area.kind != "world"]
        rows = [list(row) for row in grid.frame.head(SAMPLE_ROWS).iter_rows()]
        return cls(rows, file_name, lookup, names, tops, catalogue.units)

    def layouts(self, source_id: str) -> Iterator[tuple[dict[str, Any], dict[str, dict[str, str]]]]:
        """Layouts that the cells suggest, with the indicators that they name and the catalogue lacks."""
        width = len(self.rows[0]) if self.rows else 0
        known = [Counter(self._is_area(row[c]) for row in self.rows)[True] for c in range(width)]
        area = max(range(width), key=lambda c: (known[c], -c), default=None)
        area = None if area is None or not known[area] else area
        for shape in (self._wide, self._long):
            if (found := shape(area, source_id)) is not None:
                layout, indicators = found
                yield layout, indicators
                header = layout["header"]
                if "find" in header:
                    yield {**layout, "header": {"row": self.header + 1}}, indicators

    def marks(self) -> dict[str, Any]:
        """How the value cells print numbers and gaps, as far as it differs from the defaults."""
        numbers = [text for text in self.values if _NUMBER.fullmatch(text)]
        fits = {form: sum(bool(re.fullmatch(p, text)) for text in numbers) for form, p in _NUMBERS.items()}
        plain = {text for text in numbers if re.fullmatch(_NUMBERS["", "."], text)}
        others = [text for text in numbers if text not in plain]
        group, decimal = max(fits, key=lambda form: fits[form]) if others else ("", ".")
        if others and all(re.fullmatch(_NUMBERS[",", "."], text) for text in others):
            group, decimal = ",", "."
        known = Marks().missing
        gaps = Counter(text for text in self.values if text not in numbers and text not in known)
        missing = [text for text, _ in gaps.most_common(8) if len(text) <= 8 and not re.search(r"\d", text)]
        found: dict[str, Any] = {"decimal": decimal} if decimal != "." else {}
        found |= {"group": group} if group else {}
        return found | ({"missing": [*known, *missing]} if missing else {})

    # A table with a column for each period, or one row for each.

    def _wide(self, area: int | None, source_id: str) -> tuple[dict[str, Any], dict[str, dict[str, str]]] | None:
        for number, row in enumerate(self.rows[:40]):
            if area is not None and self._is_area(row[area]):
                return None
            columns = [
                c for c, cell in enumerate(row) if c != area and _is_period(cell) and self._has_numbers(number, c)
            ]
            if not columns:
                continue
            self.header = number
            below = self._data(area, columns)
            self.values = [line[c] for line in below for c in columns]
            shapes = dict.fromkeys(re.sub(r"\d", r"\\d", re.escape(fold_name(row[c]))) for c in columns)
            layout = self._frame(area, below, {"header": f"^({'|'.join(shapes)})$"})
            others = [c for c in range(len(row)) if c != area and c not in columns]
            label = self._label(below, area, [c for c in others if self._is_label(below, c)], row)
            if area is None and label is None:
                return None
            texts = [line[label] for line in below if line[label]] if label is not None else [self._subject(source_id)]
            unit = self._title_unit()
            ids, declared = self._indicators(dict.fromkeys(texts), source_id, unit)
            if label is None:
                layout["indicator"] = next(iter(ids.values()))
            else:
                layout["indicator"] = self._role(label, ids)
            if unit is not None:
                layout["unit"] = unit
            return layout, declared
        return None

    def _long(self, area: int | None, source_id: str) -> tuple[dict[str, Any], dict[str, dict[str, str]]] | None:
        width = len(self.rows[0]) if self.rows else 0
        dates = [sum(_is_period(row[c]) for row in self.rows) if c != area else 0 for c in range(width)]
        period = max(range(width), key=lambda c: (dates[c], -c), default=0)
        is_column = bool(dates) and dates[period] >= 0.5 * sum(bool(row[period]) for row in self.rows)
        starts = [
            number
            for number, row in enumerate(self.rows)
            if (area is None or self._is_area(row[area])) and (not is_column or _is_period(row[period]))
        ]
        when = {"column": period} if is_column else self._single_period()
        if not starts or when is None or (area is None and not is_column):
            return None
        above = [n for n in range(starts[0]) if self._is_header(self.rows[n])]
        self.header = above[-1] if above else -1
        below = [self.rows[number] for number in starts]
        heads = self.rows[self.header] if above else [""] * width
        taken = {area, period} if is_column else {area}
        numeric = [c for c in range(width) if c not in taken and self._is_numeric(below, c)]
        codes = [c for c in numeric if _CODE.search(heads[c])]
        columns = [c for c in numeric if c not in codes]
        texts = [c for c in range(width) if c not in taken and c not in numeric and any(line[c] for line in below)]
        if not columns:
            return None
        self.values = [line[c] for line in below for c in columns]
        if is_column:
            when = {"column": self._column(period)}
        layout = self._frame(area, below, when)
        if not above:
            layout["header"] = {"rows": 0, "row": starts[0] + 1}
        units = next((c for c in texts if self._all_units(below, c)), None)
        keys = [area, period if is_column else None]
        label = self._dimension(below, keys, [c for c in texts if c != units], heads)
        if label is not None and len(columns) == 1:
            ids, declared = self._indicators(dict.fromkeys(line[label] for line in below), source_id, None)
            layout |= {"indicator": self._role(label, ids), "value": self._column(columns[0])}
            if units is not None:
                layout["unit"] = {"column": self._column(units)}
                for line in reversed(below):
                    if (key := ids.get(line[label])) in declared:
                        declared[key]["unit"] = self.lookup.unit(line[units]) or "one"
            return layout, declared
        if area is None and texts:
            return None
        named = {heads[c] or f"column {c + 1}": c for c in columns}
        ids, declared = self._indicators(dict.fromkeys(named), source_id, None)
        layout["columns"] = [self._value_column(text, place, ids[text]) for text, place in named.items()]
        if codes:
            layout["unused_columns"] = [f"^{re.escape(fold_name(heads[c]))}$" for c in codes]
        return layout, declared

    # Pieces of a layout.

    def _frame(self, area: int | None, below: list[list[str]], period: dict[str, Any]) -> dict[str, Any]:
        head = self.rows[self.header] if self.header >= 0 else []
        place = head[area] if head and area is not None else next((cell for cell in head if cell), "")
        find = {"find": f"^{re.escape(fold_name(place))}$"} if place else {"row": self.header + 1}
        layout: dict[str, Any] = {"header": find}
        notes = self._notes(area, below)
        if notes:
            layout["footer"] = notes
        layout["area"] = {"column": self._column(area)} if area is not None else self._single_area()
        layout["period"] = period
        return layout

    def _column(self, place: int) -> str | int:
        """A column by its header where that tells it from the others, else by its number."""
        head = [fold_name(cell) for cell in self.rows[self.header]] if self.header >= 0 else []
        is_telling = bool(head) and bool(head[place]) and sum(cell.startswith(head[place]) for cell in head) == 1
        return self.rows[self.header][place] if is_telling else place + 1

    def _role(self, label: int, ids: Mapping[str, str]) -> dict[str, Any]:
        """The role of a column of indicators; printed texts that are ids need no translation."""
        translated = {text: key for text, key in ids.items() if text != key}
        return {"column": self._column(label)} | ({"values": dict(ids)} if translated else {})

    def _value_column(self, header: str, place: int, indicator: str) -> dict[str, Any]:
        head = [fold_name(cell) for cell in self.rows[self.header]] if self.header >= 0 else []
        is_single = bool(head) and head.count(head[place]) == 1 and bool(head[place]) and self._has_one_header_row()
        column: dict[str, Any] = {"indicator": indicator}
        column |= {"header": f"^{re.escape(head[place])}$"} if is_single else {"position": place + 1}
        unit = self._printed_unit(header)
        return column | ({"unit": unit} if unit else {})

    def _has_one_header_row(self) -> bool:
        following = self.rows[self.header + 1] if self.header + 1 < len(self.rows) else []
        return any(_NUMBER.fullmatch(cell) for cell in following)

    def _notes(self, area: int | None, below: list[list[str]]) -> list[str]:
        """Patterns of the lines below the table: text without any number cell."""
        last = max((n for n, row in enumerate(self.rows) if any(row is line for line in below)), default=-1)
        lines = [[cell for cell in row if cell] for row in self.rows[last + 1 :]]
        notes = [line[0] for line in lines if line and not any(_NUMBER.fullmatch(cell) for cell in line)]
        words = dict.fromkeys(re.split(r"[:：\s]", text)[0][:6] for text in notes)
        return [f"^{re.escape(word)}" for word in list(words)[:3] if word]

    def _single_area(self) -> str:
        """The area that title or file name tell, else the first one of the catalogue."""
        texts = [fold_name(cell) for row in self.rows[: max(self.header, 0)] for cell in row if cell]
        texts.append(fold_name(self.file_name))
        hits = [name for name in self.lookup.areas if len(name) > 1 and any(name in text for text in texts)]
        if hits:
            return self.lookup.areas[max(hits, key=lambda name: (len(name), name))]
        return next(iter(self.top_areas), "")

    def _single_period(self) -> dict[str, Any] | None:
        if re.search(_YEAR, self.file_name):
            return {"file": _YEAR}
        first = next((n for n, row in enumerate(self.rows) if sum(bool(cell) for cell in row) >= 2), 0)
        return {"title": _YEAR} if any(re.search(_YEAR, cell) for row in self.rows[:first] for cell in row) else None

    def _title_unit(self) -> str | None:
        for text in (cell for row in self.rows[: max(self.header, 0)] for cell in row):
            if (match := _UNIT_IN_TITLE.search(text)) and (unit := self.lookup.unit(match[1].strip())):
                return unit
            if unit := self._printed_unit(text):
                return unit
        return None

    def _printed_unit(self, header: str) -> str | None:
        """The unit in brackets at the end of a header, where one unit only is spelled so."""
        match = _UNIT_IN_HEADER.search(header)
        found = self.lookup.unit_names.get(fold_name(match[1]), ()) if match else ()
        return found[0] if len(found) == 1 else None

    def _subject(self, source_id: str) -> str:
        """What a table of one indicator is about: an indicator that its title or name tells, else the source's id."""
        texts = [cell for row in self.rows[: max(self.header, 0)] for cell in row if cell]
        texts = [re.split(r"[:：]", text)[-1].strip() for text in texts] + [self.file_name.split(".")[0]]
        return next((text for text in texts if _bare(text) in self.names), source_id)

    def _indicators(
        self, texts: Mapping[str, Any], source_id: str, unit: str | None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Printed name -> indicator id; those that the catalogue lacks, with the unit that is printed or `one`."""
        ids: dict[str, str] = {}
        declared: dict[str, dict[str, str]] = {}
        for text in [each for each in texts if each][:MOST_INDICATORS]:
            known, printed = self.names.get(_bare(text)), self._printed_unit(text) or unit
            if known and (printed is None or self.lookup.conversion(printed, self.lookup.indicators[known].unit)):
                ids[text] = known
                continue
            name = _UNIT_IN_HEADER.sub("", text).strip() or text
            ids[text] = self._free_id(name, source_id, declared)
            language = "name_zh" if re.search(r"[\u4e00-\u9fff]", name) else "name_en"
            declared[ids[text]] = {language: name, "unit": printed or "one"}
        return ids, declared

    def _free_id(self, name: str, source_id: str, declared: Mapping[str, Any]) -> str:
        slug = re.sub(r"[^a-z0-9]+", "_", fold_name(re.sub(r"\s", "_", name))).strip("_")
        base = slug if re.fullmatch(ID_PATTERN, slug) and len(slug) > LEAST_LETTERS else source_id
        taken = {*self.lookup.indicators, *declared}
        if base not in taken and base == slug:
            return base
        return next(f"{base[:58]}_{n}" for n in range(1, 10_000) if f"{base[:58]}_{n}" not in taken)

    # What a column or a cell is.

    def _is_area(self, text: str) -> bool:
        return bool(text) and fold_name(text) in self.lookup.areas

    def _data(self, area: int | None, columns: list[int]) -> list[list[str]]:
        rows = self.rows[self.header + 1 :]
        if area is not None:
            return [row for row in rows if self._is_area(row[area])]
        return [row for row in rows if any(_NUMBER.fullmatch(row[c]) for c in columns)]

    def _has_numbers(self, above: int, column: int) -> bool:
        return any(_NUMBER.fullmatch(row[column]) for row in self.rows[above + 1 :])

    def _is_numeric(self, below: list[list[str]], column: int) -> bool:
        texts = [line[column] for line in below if line[column] and line[column] not in Marks().missing]
        numbers = sum(bool(_NUMBER.fullmatch(text)) for text in texts)
        return numbers > 0 and numbers >= 0.6 * len(texts)

    def _is_header(self, row: list[str]) -> bool:
        cells = [cell for cell in row if cell]
        return len(cells) >= 2 and 2 * sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) < len(cells)

    def _is_label(self, below: list[list[str]], column: int) -> bool:
        texts = [line[column] for line in below]
        return all(texts) and not self._is_numeric(below, column) and len(set(texts)) > 1

    def _label(self, below: list[list[str]], area: int | None, texts: list[int], heads: list[str]) -> int | None:
        """The column that says which indicator a row is: the first one without areas, else what tells rows apart."""
        return next(iter(texts), None) if area is None else self._dimension(below, [area], texts, heads)

    def _all_units(self, below: list[list[str]], column: int) -> bool:
        return all(line[column] and self.lookup.unit(line[column]) for line in below)

    def _dimension(
        self, below: list[list[str]], keys: list[int | None], texts: list[int], heads: list[str]
    ) -> int | None:
        """The text column that says which indicator a row of one area and period is; None where no row repeats."""
        places = [key for key in keys if key is not None]
        marks = [tuple(fold_name(line[c]) for c in places) for line in below]
        if len(set(marks)) == len(marks):
            return None

        def fitness(column: int) -> tuple[float, ...]:
            cells = [line[column] for line in below]
            told = len({(*mark, cell) for mark, cell in zip(marks, cells, strict=True)})
            known = sum(_bare(cell) in self.names for cell in cells) / len(cells)
            return (bool(_SERIES.search(heads[column])), known, told, -len(set(cells)), -column)

        few = [c for c in texts if len({line[c] for line in below}) <= min(MOST_INDICATORS, len(below) - 1)]
        return max(few, key=fitness, default=None)


def _bare(text: str) -> str:
    """A printed name as names of indicators are compared: folded, without a unit in brackets at its end."""
    return fold_name(_UNIT_IN_HEADER.sub("", text))


def _is_period(text: str) -> bool:
    if not re.search(r"(?:19|20)\d{2}", text) or len(text) > 24:
        return False
    found = parse_period(text)
    return found is not None and 1900 <= int(found[1][:4]) <= 2100
