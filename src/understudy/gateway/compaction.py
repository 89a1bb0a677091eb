"""Compaction: the conversation so far as one item, which stands for it from then on.

Codex asks for one with the item `compaction_trigger` at the end of the input, and gives up unless exactly one item
`compaction` comes back (openai/codex, `codex-rs/core/src/compact_remote_v2.rs`). A provider that speaks the Responses
API gets the request as it came, and only OpenAI can read its item. From any other provider a summary is requested, and
the item holds it sealed; in later requests it is opened again, so every provider can go on from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME
from understudy.domain import events as e
from understudy.domain.content import AnyPart, JsonObject, Opaque, Text
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.gateway.flattening import item_of
from understudy.gateway.sealing import CannotOpen, Sealer

TRIGGER = "compaction_trigger"
ITEMS = frozenset({"compaction", "compaction_summary", "context_compaction"})
"""Types of items that hold a compaction; Codex knows all three (`codex-rs/protocol/src/models.rs`)."""
SEALED = "encrypted_content"

INSTRUCTION = """\
Stop working on the task now, and call no tools. The conversation above is about to be replaced by what you write next.
Another model, which sees nothing else, will go on from it. Write a report for that model:

- the user's task, with every requirement, preference and limit that was stated;
- what has been done so far, with the names of files, functions and commands that matter;
- what was found out, decided or ruled out, and why;
- the present state: what works, what fails, and with which message;
- what is left to do, in order, beginning with the very next step.

Be exact and complete, but brief. Quote names, paths, numbers and error messages as they are."""

_OF_THE_ANSWER = (*e.CONTENT_EVENTS, e.PartExtra, e.CitationAdded)

HEADING = "Here is a report on the conversation so far, which it replaces. Go on from it:"


def is_requested(request: GenerationRequest) -> bool:
    """Check whether a request asks for a compaction."""
    return bool(request.messages) and any(item_of(part).get("type") == TRIGGER for part in request.messages[-1].parts)


def as_summary(request: GenerationRequest) -> GenerationRequest:
    """Return the request for a summary that takes the place of one for a compaction."""
    *earlier, last = request.messages
    rest = tuple(part for part in last.parts if item_of(part).get("type") != TRIGGER)
    messages = (*earlier, *((replace(last, content=rest),) if rest else ()), Message.user(INSTRUCTION))
    return replace(request, messages=messages, tools=(), tool_choice=None, parallel_tool_calls=None, output=None)


def summary_of(sealed: str, sealer: Sealer) -> str:
    """Return the summary in a sealed item. Raise `CannotOpen`."""
    summary = sealer.open_json(sealed, "compaction")
    if not isinstance(summary, str):
        raise CannotOpen("what was sealed is not a summary")
    return summary


def told(summary: str) -> str:
    """Return the text that a model is given in place of the conversation."""
    return f"{HEADING}\n\n{summary}"


def is_compaction(part: AnyPart) -> bool:
    """Check whether a part is a compaction, by whomever."""
    return item_of(part).get("type") in ITEMS


class Compacting:
    """Makes a compaction of an answer that is a summary. What is one already passes."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._texts: list[str] = []
        self._id = "understudy"
        self._is_made = False

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events without the pieces of the summary, but with the item at its end."""
        return [made for event in batch for made in self._event(event)]

    def _event(self, event: Any) -> Iterator[Any]:
        if event.wire is not None:
            yield event  # the answer of a provider that speaks the Responses API
            return
        match event:
            case e.TextDelta(_, text) | e.PartAdded(_, Text(text)):
                self._texts.append(text)
            case e.PartAdded(_, part) if is_compaction(part):
                self._is_made = True
                yield event
            case e.Restarted():
                self._texts, self._is_made = [], False
                yield event
            case e.Started(id=made_id):
                self._id = made_id or self._id
                yield event
            case e.Finished():
                if not self._is_made:
                    yield e.PartAdded(0, self._item("".join(self._texts)))
                yield event
            case _ if not isinstance(event, _OF_THE_ANSWER):
                yield event

    def _item(self, summary: str) -> Opaque:
        sealed = self._sealer.seal_json(summary.strip(), "compaction")
        item: JsonObject = {"id": f"cmp_{self._id.removeprefix('resp_')}", "type": "compaction", SEALED: sealed}
        return Opaque(NAME, item)

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return an answer that is a compaction."""
        if any(is_compaction(part) for part in response.message.parts):
            return response
        self._id = response.id or self._id
        part = self._item(response.text)
        return replace(response, message=replace(response.message, content=(part,)))
