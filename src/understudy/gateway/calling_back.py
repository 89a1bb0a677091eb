"""Calls of functions that stand for tools of the Responses API, on their way to the caller: in their own form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME
from understudy.domain import events as e
from understudy.domain.content import AnyPart, ToolCall
from understudy.domain.responses import GenerationResponse
from understudy.gateway.custom_input import InputReader, whole_input
from understudy.gateway.flattening import Table


class CallingBack:
    """Gives the calls of one answer their names, namespaces and inputs back."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._readers: dict[int, InputReader] = {}

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events with the calls as the caller knows them."""
        if not any(type(event) in _CHANGED for event in batch):
            return batch
        return [back for event in batch for back in self._event(event)]

    def _event(self, event: Any) -> Iterator[Any]:
        if event.wire is not None:
            yield event  # read from this wire format, so the call has its own form already
            return
        match event:
            case e.ToolCallStarted(index, call_id, name) if (flat := self._table.get(name)) is not None:
                if flat.is_custom:
                    self._readers[index] = InputReader()
                yield e.PartExtra(index, NAME, flat.fields)  # ahead of the call, for it decides its form
                yield e.ToolCallStarted(index, call_id, flat.name)
            case e.ToolCallDelta(index, arguments) if index in self._readers:
                if text := self._readers[index].feed(arguments):
                    yield e.ToolCallDelta(index, text)
            case e.PartAdded(index, ToolCall() as call):
                yield e.PartAdded(index, self._call(call))
            case e.Finished():
                yield from self._rest()
                yield event
            case e.Restarted():
                self._readers = {}
                yield event
            case _:
                yield event

    def _rest(self) -> Iterator[e.ToolCallDelta]:
        for index, reader in self._readers.items():
            if text := reader.close():
                yield e.ToolCallDelta(index, text)

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return an answer with the calls as the caller knows them."""
        parts = tuple(self._part(part) for part in response.message.parts)
        if parts == response.message.parts:
            return response
        return replace(response, message=replace(response.message, content=parts))

    def _part(self, part: AnyPart) -> AnyPart:
        return self._call(part) if isinstance(part, ToolCall) else part

    def _call(self, call: ToolCall) -> ToolCall:
        flat = self._table.get(call.name)
        if flat is None or (call.extra is not None and NAME in call.extra):
            return call
        arguments = whole_input(call.arguments) if flat.is_custom else call.arguments
        return replace(call, name=flat.name, arguments=arguments, extra={NAME: flat.fields})


_CHANGED = frozenset({e.ToolCallStarted, e.ToolCallDelta, e.PartAdded, e.Finished, e.Restarted})
