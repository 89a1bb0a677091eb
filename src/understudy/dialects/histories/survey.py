"""One look at a conversation, which decides what steps it needs: an ordinary one passes without any."""

from __future__ import annotations

from operator import attrgetter

from understudy.dialects.base import Dialect, Endpoint
from understudy.dialects.histories.arguments import are_objects
from understudy.dialects.histories.foreign import is_foreign
from understudy.dialects.histories.rules import HistoryRules
from understudy.domain.census import Census, census_of
from understudy.domain.content import Opaque, Provenance, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message, Role


class Survey:
    """What the messages hold that a step may have to change.

    Every message of every call is looked at, so each question is asked of all parts at once, and only if a kind of part
    that it concerns occurs.
    """

    __slots__ = ("calls", "foreign", "marks", "names", "odd", "parts_in_results", "void")

    def __init__(self, messages: tuple[Message, ...], dialect: Dialect, endpoint: Endpoint) -> None:
        census, rules = census_of(messages), dialect.history
        self.calls = Role.TOOL in map(_role, messages)
        """Calls, results, or messages of tools."""
        self.names: set[str] = set()
        """The names in calls and results."""
        self.foreign = self.odd = self.marks = self.parts_in_results = False
        """Parts by another provider or server of this dialect; arguments that are not an object, where they must be;
        cache marks, where their number is limited; results that consist of parts, into which the steps look."""
        self.void = not rules.empty_text and _is_any_void(census.texts, rules)
        """Text that the wire format refuses because it holds nothing."""
        if census.contents:
            self._see(census, dialect, endpoint)

    def _see(self, census: Census, dialect: Dialect, endpoint: Endpoint) -> None:
        """Note what is in the parts."""
        rules, kinds, parts = dialect.history, census.kinds, census.parts
        results: list[ToolResult] = []
        origins: set[Provenance | None] = set()
        if ToolCall in kinds:
            calls = [part for part in parts if type(part) is ToolCall]
            self.calls = True
            self.names.update(map(_name, calls))
            self.odd = rules.object_arguments and not are_objects(map(_arguments, calls))
            origins.update(map(_provenance, calls))
        if ToolResult in kinds:
            results = [part for part in parts if type(part) is ToolResult]
            self.calls = True
            self.names.update(filter(None, map(_name, results)))
            self.parts_in_results = not _STRING.issuperset(map(type, map(_content, results)))
        if not kinds.isdisjoint(_AUTHORED):
            origins.update([_provenance(part) for part in parts if type(part) in _AUTHORED])
        self.foreign = any(origin is not None and is_foreign(origin, dialect.name, endpoint) for origin in origins)
        self.marks = rules.cache_marks is not None and (self.parts_in_results or any(map(_cache, parts)))
        if not rules.empty_text and not self.void:
            texts = [part.text for part in parts if type(part) is Text or type(part) is Refusal]
            texts += map(_content, results)
            self.void = self.parts_in_results or not all(census.contents) or _is_any_void(texts, rules)


def _is_any_void(texts: list[str], rules: HistoryRules) -> bool:
    """Check whether one of the strings is empty, or blank where the wire format refuses that."""
    return not all(texts) or (not rules.blank_text and any(map(str.isspace, texts)))


_role, _cache, _content = attrgetter("role"), attrgetter("cache"), attrgetter("content")
_name, _arguments, _provenance = attrgetter("name"), attrgetter("arguments"), attrgetter("provenance")
_STRING = frozenset({str})
_AUTHORED: frozenset[type] = frozenset({Text, Refusal, Thinking, Opaque})
"""Kinds of parts that have an origin, besides calls. All parts of an answer have the same."""
