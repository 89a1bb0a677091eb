"""Finds in a user's text what an emulated model needs: names, numbers, quotations, and the tools it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from json import JSONDecoder

import msgspec

from understudy.domain.content import Json, JsonObject
from understudy.domain.messages import Message, Tool
from understudy.domain.requests import OutputFormat
from understudy.emulator.schema import Hint
from understudy.emulator.validator import is_valid

_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|`([^`\n]{1,200})`|(?<!\w)'([^'\n]{1,200})'(?!\w)")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,300}(?:\.\d{1,300})?(?![\w.]*\d)")
_LIST = re.compile(r",|\band\b|\bboth\b|\beach\b|&|;", re.I)
_WORD = re.compile(r"[a-z]+")
_IN_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_NAMES = frozenset(
    {"I", "I'm", "I'd", "JSON", "OK", "Please", "What", "What's", "How", "And", "Celsius", "Fahrenheit"}
)
_PLAIN_VERBS = frozenset(
    {"get", "set", "list", "find", "the", "for", "and", "from", "with", "all", "tool", "function", "call", "run", "use"}
)
_PLAIN_WORD = re.compile("about|given|their|there|these|those|which|where|value|returns?|current|using")
_PROSE = re.compile("answer|text|reply|response|summary|explanation|message|content|reasoning|query|question", re.I)


class Reading(msgspec.Struct, frozen=True):
    """The contents of a text."""

    text: str
    quoted: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The likely subjects of the text: quotations, else proper names."""
        return self.quoted or self.names

    @property
    def enumerates(self) -> bool:
        """Whether the text asks for several things at once."""
        return len(self.subjects) > 1 and _LIST.search(self.text) is not None


def read(text: str) -> Reading:
    """Read a text."""
    quoted = [next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)]
    names = [name for name in _NAME.findall(text) if name not in _NO_NAMES]
    numbers = [float(number) if "." in number else int(number) for number in _NUMBER.findall(text)]
    return Reading(text, tuple(dict.fromkeys(quoted)), tuple(dict.fromkeys(names)), tuple(numbers))


def hint_from(reading: Reading, answer: str = "", *, start: int = 0) -> Hint:
    """Return a hint for `schema.fill`: values mentioned in the text, in order.

    `answer` is proposed for properties that ask for prose; `start` skips that many subjects, so that parallel calls
    differ from each other.
    """

    def hint(name: str, schema: JsonObject) -> Json:
        lower = reading.text.lower()
        members = [m for m in schema.get("enum", ()) if isinstance(m, str) and m.lower() in lower]
        if _PROSE.fullmatch(name):
            members += [answer or reading.text]
        subjects = reading.subjects[start:] or reading.subjects
        candidates: Iterable[Json] = (*members, *subjects, *reading.numbers)
        return next((c for c in candidates if _kind_matches(c, schema) and is_valid(c, schema)), None)

    return hint


def _kind_matches(candidate: Json, schema: JsonObject) -> bool:
    """Check that a name is proposed for a string and a number for a number; references are not followed."""
    kinds = schema.get("type", "string" if "enum" in schema else None)
    wanted = "string" if isinstance(candidate, str) else "number"
    allowed = kinds if isinstance(kinds, list) else [kinds]
    return (wanted in allowed or (wanted == "number" and "integer" in allowed)) and "format" not in schema


def select_tools(text: str, tools: Iterable[Tool]) -> list[Tool]:
    """Return the tools that a text seems to ask for: it has words of their name, or several of their description."""
    words = {_stem(word) for word in _WORD.findall(text.lower())}
    return [tool for tool in tools if _names(tool) & words or len(_words_about(tool) & words) > 1]


def _names(tool: Tool) -> set[str]:
    words = _WORD.findall(_IN_CAMEL.sub("_", tool.name).lower())
    return {_stem(word) for word in words if len(word) > 2 and word not in _PLAIN_VERBS}


def _words_about(tool: Tool) -> set[str]:
    words = _WORD.findall((tool.description or "").lower())
    return {_stem(word) for word in words if len(word) > 4 and not _PLAIN_WORD.fullmatch(word)}


def _stem(word: str) -> str:
    """Return the word without the ending that most often keeps it from matching a word of a name."""
    for ending in ("ing", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word[: -len(ending)]
    return word


def requested_output(messages: Iterable[Message]) -> OutputFormat | None:
    """Return the output format that the text of a prompt asks for, where the wire has no field for it."""
    text = "\n".join(message.text for message in messages)
    place = text.find("JSON Schema: {")
    if place < 0:
        return None
    try:
        schema, _ = JSONDecoder().raw_decode(text, place + len("JSON Schema: "))
    except ValueError:
        return None
    return OutputFormat(json_schema=schema)
