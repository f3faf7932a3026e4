"""The structure that the SDMX-CSV of an index follows, as one SDMX-ML 2.1 message: three dataflows, their definitions,
concepts, and code lists with names in English and Chinese.

Not here: the data (sdmx_csv).
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from pipelines.exporting.cells import printable
from pipelines.exporting.excerpt import Excerpt

STRUCTURE = "structure.xml"
AGENCY, VERSION = "INDEXHOUSE", "1.0.0"
_NAMESPACE = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/"
_MES, _STR, _COM = (f"{{{_NAMESPACE}{part}}}" for part in ("message", "structure", "common"))
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

# Concept -> names; a dimension or attribute takes its code list from _LISTS, or has the text type of _TYPES.
_CONCEPTS = {
    "FREQ": ("Frequency", "频率"),
    "REF_AREA": ("Reference area", "地区"),
    "INDICATOR": ("Indicator", "指标"),
    "NODE": ("Node of the index", "指数节点"),
    "EDITION": ("Edition of the index", "指数版次"),
    "TIME_PERIOD": ("Time period", "时期"),
    "OBS_VALUE": ("Observation value", "观测值"),
    "OBS_STATUS": ("Observation status", "观测状态"),
    "DECIMALS": ("Decimals", "小数位数"),
    "UNIT_MEASURE": ("Unit of measure", "计量单位"),
    "DATA_SOURCE": ("Data source", "数据来源"),
    "VINTAGE": ("Date from which the value was known", "数据时点"),
    "SCORE_RANK": ("Rank, 1 is best", "排名（1 为最佳）"),
    "AREAS_RANKED": ("Number of areas that were ranked", "参与排名的地区数"),
    "COVERAGE": ("Share of observed weight", "实测权重占比"),
}
_LISTS = {
    "FREQ": "CL_FREQ", "REF_AREA": "CL_AREA", "INDICATOR": "CL_INDICATOR", "NODE": "CL_NODE", "EDITION": "CL_EDITION",
    "OBS_STATUS": "CL_OBS_STATUS", "UNIT_MEASURE": "CL_UNIT", "DATA_SOURCE": "CL_SOURCE",
}  # fmt: skip
_TYPES = {
    "OBS_VALUE": "Double", "DECIMALS": "Integer", "VINTAGE": "GregorianDay", "SCORE_RANK": "Integer",
    "AREAS_RANKED": "Integer", "COVERAGE": "Double",
}  # fmt: skip
_OF_A_VALUE = ("OBS_STATUS", "DECIMALS", "UNIT_MEASURE", "DATA_SOURCE", "VINTAGE")
_PARTS = {
    "OBSERVATION": (("FREQ", "REF_AREA", "INDICATOR"), _OF_A_VALUE),
    "INPUT": (("FREQ", "REF_AREA", "INDICATOR", "EDITION"), _OF_A_VALUE),
    "SCORE": (
        ("FREQ", "REF_AREA", "NODE", "EDITION"),
        ("OBS_STATUS", "DECIMALS", "SCORE_RANK", "AREAS_RANKED", "COVERAGE"),
    ),
}
_FLOW_NAMES = {
    "OBSERVATION": ("observations behind the index", "所用观测值"),
    "INPUT": ("values as each edition used them", "各版次采用的数值"),
    "SCORE": ("scores and ranks", "得分与排名"),
}
_FREQUENCIES = {
    "A": ("Annual", "年"), "S": ("Half-yearly", "半年"), "Q": ("Quarterly", "季"), "M": ("Monthly", "月"),
    "W": ("Weekly", "周"), "D": ("Daily", "日"),
}  # fmt: skip
_STATUSES = {
    "A": ("Normal value", "正常值"), "B": ("Time series break", "序列中断"), "D": ("Definition differs", "定义不同"),
    "E": ("Estimated value", "估计值"), "F": ("Forecast value", "预测值"), "G": ("Experimental value", "试验值"),
    "H": ("Missing value; holiday or weekend", "缺失：假日"),
    "I": ("Imputed value", "插补值"), "J": ("Derogation", "豁免"),
    "K": ("Included in another category", "含于其他类别"),
    "L": ("Missing value; not collected", "缺失：未收集"), "M": ("Missing value; cannot exist", "缺失：不存在"),
    "N": ("Not significant", "不显著"), "O": ("Missing value", "缺失值"), "P": ("Provisional value", "初步值"),
    "Q": ("Missing value; suppressed", "缺失：不公开"), "S": ("Strike and other special events", "罢工等特殊事件"),
    "U": ("Low reliability", "可靠性低"), "V": ("Unvalidated value", "未核实值"),
    "W": ("Includes data from another category", "含其他类别数据"),
    "X": ("Not included in the total", "未计入合计"),
}  # fmt: skip

Names = tuple[str, str]


def flow_id(excerpt: Excerpt, kind: str) -> str:
    """The dataflow as SDMX-CSV names it: AGENCY:ID(VERSION)."""
    return f"{AGENCY}:{_flow(excerpt, kind)}({VERSION})"


def code_of(text: str) -> str:
    """An edition as an SDMX code: those know no point."""
    return text.replace(".", "_")


def structure_message(excerpt: Excerpt) -> bytes:
    """The message as XML. The same excerpt gives the same bytes."""
    for prefix, namespace in (("mes", _MES), ("str", _STR), ("com", _COM)):
        register_namespace(prefix, namespace.strip("{}"))
    root = Element(f"{_MES}Structure")
    header = SubElement(root, f"{_MES}Header")
    SubElement(header, f"{_MES}ID").text = f"{excerpt.index_id}_{excerpt.release_id}"
    SubElement(header, f"{_MES}Test").text = "false"
    SubElement(header, f"{_MES}Prepared").text = excerpt.stamp.isoformat()
    SubElement(header, f"{_MES}Sender", id=AGENCY)
    structures = SubElement(root, f"{_MES}Structures")
    flows = SubElement(structures, f"{_STR}Dataflows")
    for kind, names in _FLOW_NAMES.items():
        flow = _maintained(flows, "Dataflow", _flow(excerpt, kind), _of_index(excerpt, names))
        SubElement(SubElement(flow, f"{_STR}Structure"), "Ref", _reference(f"DSD_{_flow(excerpt, kind)}"))
    lists = SubElement(structures, f"{_STR}Codelists")
    for name, codes in _code_lists(excerpt).items():
        listed = _maintained(lists, "Codelist", name, (name, name))
        for code, names in codes.items():
            _named(SubElement(listed, f"{_STR}Code", id=code), names)
    scheme = _maintained(SubElement(structures, f"{_STR}Concepts"), "ConceptScheme", "CS_INDEX", ("Concepts", "概念"))
    for concept, names in _CONCEPTS.items():
        _named(SubElement(scheme, f"{_STR}Concept", id=concept), names)
    definitions = SubElement(structures, f"{_STR}DataStructures")
    for kind, names in _FLOW_NAMES.items():
        definition = _maintained(definitions, "DataStructure", f"DSD_{_flow(excerpt, kind)}", _of_index(excerpt, names))
        _components(SubElement(definition, f"{_STR}DataStructureComponents"), *_PARTS[kind])
    indent(root, " ")
    return tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _flow(excerpt: Excerpt, kind: str) -> str:
    return f"{excerpt.index_id.upper()}_{kind}"


def _of_index(excerpt: Excerpt, names: Names) -> Names:
    return f"{excerpt.name_en}: {names[0]}", f"{excerpt.name_zh}：{names[1]}"


def _code_lists(excerpt: Excerpt) -> dict[str, dict[str, Names]]:
    """Code list -> code -> names, each with what the data use (and areas with what they are parts of)."""

    def listed(table: str, key: str) -> dict[str, Names]:
        rows = excerpt.tables[table].select(key, "name_en", "name_zh").unique(key, keep="first", maintain_order=True)
        return {code: (en, zh) for code, en, zh in rows.iter_rows()}

    editions = {code_of(name): names for name, names in listed("index_edition", "edition_id").items()}
    return {
        "CL_FREQ": _FREQUENCIES,
        "CL_AREA": listed("ref_area", "ref_area"),
        "CL_INDICATOR": listed("indicator", "indicator_id"),
        "CL_NODE": listed("index_node", "node_id"),
        "CL_EDITION": editions,
        "CL_OBS_STATUS": _STATUSES,
        "CL_UNIT": listed("unit", "unit_id"),
        "CL_SOURCE": listed("source", "source_id"),
    }


def _components(parent: Element, dimensions: Iterable[str], attributes: Iterable[str]) -> None:
    listed = SubElement(parent, f"{_STR}DimensionList", id="DimensionDescriptor")
    position = 0
    for position, name in enumerate(dimensions, 1):
        _component(SubElement(listed, f"{_STR}Dimension", id=name, position=str(position)), name)
    time = SubElement(listed, f"{_STR}TimeDimension", id="TIME_PERIOD", position=str(position + 1))
    _concept(time, "TIME_PERIOD")
    representation = SubElement(time, f"{_STR}LocalRepresentation")
    SubElement(representation, f"{_STR}TextFormat", textType="ObservationalTimePeriod")
    given = SubElement(parent, f"{_STR}AttributeList", id="AttributeDescriptor")
    for name in attributes:
        status = "Mandatory" if name == "OBS_STATUS" else "Conditional"
        attribute = SubElement(given, f"{_STR}Attribute", id=name, assignmentStatus=status)
        _component(attribute, name)
        relation = SubElement(attribute, f"{_STR}AttributeRelationship")
        SubElement(SubElement(relation, f"{_STR}PrimaryMeasure"), "Ref", id="OBS_VALUE")
    measures = SubElement(parent, f"{_STR}MeasureList", id="MeasureDescriptor")
    _component(SubElement(measures, f"{_STR}PrimaryMeasure", id="OBS_VALUE"), "OBS_VALUE")


def _component(element: Element, name: str) -> None:
    _concept(element, name)
    representation = SubElement(element, f"{_STR}LocalRepresentation")
    if name in _LISTS:
        enumeration = SubElement(representation, f"{_STR}Enumeration")
        SubElement(enumeration, "Ref", _reference(_LISTS[name], package="codelist", **{"class": "Codelist"}))
    else:
        SubElement(representation, f"{_STR}TextFormat", textType=_TYPES[name])


def _concept(element: Element, name: str) -> None:
    identity = SubElement(element, f"{_STR}ConceptIdentity")
    SubElement(identity, "Ref", {
        "id": name, "maintainableParentID": "CS_INDEX", "maintainableParentVersion": VERSION, "agencyID": AGENCY,
        "package": "conceptscheme", "class": "Concept",
    })  # fmt: skip


def _maintained(parent: Element, kind: str, name: str, names: Names) -> Element:
    element = SubElement(parent, f"{_STR}{kind}", id=name, agencyID=AGENCY, version=VERSION, isFinal="true")
    return _named(element, names)


def _named(element: Element, names: Names) -> Element:
    for language, name in zip(("en", "zh"), names, strict=True):
        SubElement(element, f"{_COM}Name", {_LANG: language}).text = printable(name)
    return element


def _reference(name: str, **further: str) -> dict[str, str]:
    return {"id": name, "version": VERSION, "agencyID": AGENCY} | (
        further or {"package": "datastructure", "class": "DataStructure"}
    )
