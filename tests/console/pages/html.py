"""Reads pages as a browser does, and states what is wrong with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from xml.etree.ElementTree import Element

import html5lib

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_FIELDS = ("input", "select", "textarea")


def read(html: str) -> Element:
    """Return the document of a page, without namespaces. Raise `html5lib.html5parser.ParseError` if it is malformed."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    document: Element = parser.parse(html)
    for each in document.iter():
        if isinstance(each.tag, str):
            each.tag = each.tag.rpartition("}")[2]
    return document


def read_part(html: str) -> Element:
    """Return the document around a part of a page."""
    return read(f"<!doctype html><html lang=en><head><title>part</title></head><body>{html}</body></html>")


def words_of(element: Element) -> str:
    """Return the text of an element."""
    return " ".join("".join(element.itertext()).split())


def faults(html: str) -> list[str]:
    """Return what is wrong with a page: what a strict policy blocks, what a screen reader misses, and characters that
    must not be there."""
    document = read(html)
    elements = [each for each in document.iter() if isinstance(each.tag, str)]
    return [*_policy(elements), *_names(document, elements), *_structure(elements), *_characters(html)]


def _policy(elements: list[Element]) -> Iterator[str]:
    for each in elements:
        for name, value in each.attrib.items():
            if name == "style" or name.startswith("on"):
                yield f"<{each.tag}> has the attribute {name}"
            if name in ("href", "src", "action", "data-live") and not re.match(r"/(?!/)|#|\?", value):
                yield f"<{each.tag}> goes to {value!r}"
        if each.tag == "style" or (each.tag == "script" and ("src" not in each.attrib or (each.text or "").strip())):
            yield f"<{each.tag}> is inline"
        if each.tag in ("iframe", "object", "embed", "base", "img", "foreignObject"):
            yield f"there is an <{each.tag}>"


def _names(document: Element, elements: list[Element]) -> Iterator[str]:
    ids = Counter(each.attrib["id"] for each in elements if "id" in each.attrib)
    yield from (f"the id {name!r} is there {count} times" for name, count in ids.items() if count > 1)
    labelled = {each.attrib.get("for") for each in elements if each.tag == "label"}
    inner = [one for each in elements if each.tag == "svg" for one in each]
    for each in elements:
        name = each.attrib.get("aria-label")
        if each.tag in _FIELDS and each.attrib.get("type") != "hidden" and each.attrib.get("id") not in labelled:
            yield f"{each.attrib.get('name')!r} has no label"
        if each.tag in ("button", "a", "summary") and not (name or words_of(each)):
            yield f"a <{each.tag}> has no words"
        if each.tag == "svg" and each.attrib.get("role") == "img" and not (name and each.find("title") is not None):
            yield "a picture has no title"
        if each.tag == "svg" and not {"role", "aria-hidden"} & each.attrib.keys() and each not in inner:
            yield "a picture is neither described nor hidden"
        for reference in (each.attrib.get("aria-describedby"), each.attrib.get("aria-labelledby")):
            if reference and reference not in ids:
                yield f"{reference!r} is referred to and not there"
        if each.tag == "form" and each.attrib.get("method") == "post":
            fields = {one.attrib.get("name") for one in each.iter("input")}
            if "csrf" not in fields and each.attrib["action"] != "/console/sign-in":
                yield f"the form to {each.attrib['action']!r} has no token"


def _structure(elements: list[Element]) -> Iterator[str]:
    levels = [int(each.tag[1]) for each in elements if re.fullmatch("h[1-6]", str(each.tag))]
    if levels.count(1) != 1 or levels[0] != 1:
        yield f"the headings are {levels}"
    yield from (f"h{one} follows h{before}" for before, one in pairwise(levels) if one > before + 1)
    if sum(each.tag == "main" for each in elements) != 1:
        yield "there is not exactly one <main>"
    for each in elements:
        if each.tag == "table":
            if each.find("caption") is None:
                yield "a table has no caption"
            heads = [one for one in each.iter("th") if one.attrib.get("scope") not in ("col", "row")]
            if heads:
                yield "a heading of a table has no scope"
            widths = {_width(row) for row in each.iter("tr")}
            if len(widths) > 1:
                yield f"the rows of a table have {sorted(widths)} cells"


def _width(row: Element) -> int:
    return sum(int(each.attrib.get("colspan", 1)) for each in row if each.tag in ("th", "td"))


def _characters(html: str) -> Iterator[str]:
    yield from (f"there is a raw U+{ord(each):04X}" for each in sorted(set(_CONTROLS.findall(html))))
    if re.search(r"\b(?:None|Undefined|nan|inf)\b", re.sub(r"<[^>]*>", " ", html)):
        yield "a missing value is shown as Python has it"
