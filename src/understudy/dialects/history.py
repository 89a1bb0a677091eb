"""Conversations that began elsewhere, made fit for one target before its encoder writes them.

What only another provider understands is dropped, and the rest is formed as the wire format demands
(`HistoryRules`), step by step. One look at the messages decides which steps are needed, so an ordinary conversation
passes as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from understudy.dialects.base import Dialect, Endpoint, WarningLog
from understudy.dialects.forced_calls import answering, as_output, forced_tool
from understudy.dialects.histories.arguments import with_object_arguments
from understudy.dialects.histories.cache_marks import with_last_marks
from understudy.dialects.histories.foreign import note_unspoken, without_foreign
from understudy.dialects.histories.result_media import with_media_moved
from understudy.dialects.histories.survey import Survey
from understudy.dialects.histories.texts import without_void_text
from understudy.dialects.histories.tool_loops import paired
from understudy.dialects.histories.tool_names import ToolNames, restoring, with_accepted_names
from understudy.dialects.histories.turns import with_a_message, with_user_first
from understudy.domain.events import Event
from understudy.domain.messages import AnyTool, Message, Tool, are_functions
from understudy.domain.requests import GenerationRequest, outline_of, whole_of


class Localized(msgspec.Struct, frozen=True):
    """A request for one target, what was left out or changed, and what to restore in the answer."""

    request: GenerationRequest
    warnings: list[Event] = []
    names: Mapping[str, str] = {}
    """The names of tools."""
    call: str | None = None
    """The tool as whose call the answer is to be given."""

    @property
    def restores(self) -> bool:
        """Whether anything is to be restored."""
        return bool(self.names) or self.call is not None

    def dialect(self, dialect: Dialect, endpoint: Endpoint) -> Dialect:
        """Return the dialect that restores names of tools, and a call, in its answers."""
        dialect = restoring(dialect, self.names) if self.names else dialect
        return dialect if self.call is None else answering(dialect, self.call, self.request, endpoint)


def goes_unchanged(request: GenerationRequest) -> bool:
    """Check whether `localize` returns a request as it is that came in over the wire format in which it goes on."""
    return request.tool_choice is None and request.origin is not None and not request.origin.signers


def localize(request: GenerationRequest, dialect: Dialect, endpoint: Endpoint) -> Localized:
    """Return the request as a target accepts it. One that came in over this wire format is forwarded unchanged, but for
    what is known to be by another author."""
    tool = forced_tool(request, dialect, endpoint) if request.tool_choice is not None else None
    notes = WarningLog()
    if tool is not None:
        request = as_output(whole_of(request), tool, endpoint, notes)
    if request.origin is not None and request.origin.dialect == dialect.name:
        return _forwarded(request, dialect, endpoint) if request.origin.signers else Localized(request)
    if outline_of(request) is not None:
        raise AssertionError("an outline has not all messages: it is read before it goes to another wire format")
    note_unspoken(request, notes)
    rules = dialect.history
    found, originals = Survey(request.messages, dialect, endpoint), {}
    if rules.tool_name is not None and (found.names or request.tools):
        names = ToolNames(rules.tool_name, notes)
        if not names.accept(found.names | _offered(request.tools)):
            request = with_accepted_names(request, names)
        originals = names.originals
    if rules.cache_marks is not None:
        request = with_last_marks(request, rules.cache_marks, notes, in_messages=found.marks)
    messages = _formed(request.messages, dialect, endpoint, found, notes)
    if request.messages and not messages:
        messages = with_a_message(notes)
    if messages is not request.messages:
        request = replace(request, messages=messages)
    return Localized(request, notes.events(), originals, tool.name if tool is not None else None)


def _forwarded(request: GenerationRequest, dialect: Dialect, endpoint: Endpoint) -> Localized:
    from understudy.dialects.histories.received import without_foreign_bytes  # few requests need it

    notes = WarningLog()
    request = without_foreign_bytes(request, dialect.name, endpoint, notes)
    return Localized(request, notes.events())


def _offered(tools: tuple[AnyTool, ...]) -> set[str]:
    return set(map(_name, tools if are_functions(tools) else [tool for tool in tools if isinstance(tool, Tool)]))


_name = attrgetter("name")


def _formed(
    messages: tuple[Message, ...], dialect: Dialect, endpoint: Endpoint, found: Survey, notes: WarningLog
) -> tuple[Message, ...]:
    """Return the messages in the form that the wire demands."""
    rules, quirks = dialect.history, endpoint.quirks
    if found.foreign:
        messages = without_foreign(messages, dialect.name, endpoint, notes)
    if found.void and not rules.empty_text:
        messages = without_void_text(messages, dialect.name, rules, notes)
    if found.odd:
        messages = with_object_arguments(messages, dialect.name, notes)
    if found.calls and rules.paired:
        messages = paired(messages, notes, unique_ids=rules.unique_ids)
    if found.parts_in_results:
        accepted = rules.result_media if quirks.result_media is None else quirks.result_media
        if moves := quirks.inputs - accepted:
            messages = with_media_moved(messages, moves, notes)
    if rules.user_first:
        messages = with_user_first(messages, quirks.prefill, notes)
    return messages
