"""Bodies that came in over the wire format in which they go on, without what another author wrote for itself.

What bears a foreign signature is removed from the bytes: thinking blocks, reasoning items, and signatures of calls and
texts. Everything else keeps its bytes, because newer models of Anthropic check that what stands before their thinking
was not changed. Who wrote what is for the caller to say: a gateway that has seen the answer, or sealed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from understudy.dialects.anthropic.wire import NAME as ANTHROPIC
from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.histories.foreign import is_foreign, is_same_model
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain.content import JsonObject, Provenance
from understudy.domain.requests import GenerationRequest
from understudy.wire.json import BadJson, as_objects
from understudy.wire.splice import SplicedObject

IsForeign = Callable[[object], bool]
"""Whether a value of a body is a signature that the target does not accept."""

SIGNATURES = ("thoughtSignature", "thought_signature")
"""Google's service takes both spellings."""
_COMPACTIONS = frozenset({"compaction", "compaction_summary", "context_compaction"})
_SEALED = _COMPACTIONS | {"reasoning", "item_reference"}
"""Types of items of the Responses API that only the account understands in which they were made."""
_WHY = "another account or model wrote it, and only that one accepts it"


def without_foreign_bytes(
    request: GenerationRequest, dialect: str, endpoint: Endpoint, notes: WarningLog
) -> GenerationRequest:
    """Return a request without what others than the endpoint's account, or its model, wrote in its body."""
    origin = request.origin
    if origin is None:
        return request
    foreign = {name for name, author in origin.signers.items() if _refuses(endpoint, dialect, author)}
    if not foreign:
        return request
    try:
        body = SplicedObject(origin.body)
        remove_foreign(body, dialect, lambda value: isinstance(value, str) and value in foreign, notes)
    except BadJson:
        return request  # refused where it is encoded
    notes.drop("thinking", _WHY)
    return with_body(request, body.to_bytes())


def _refuses(endpoint: Endpoint, dialect: str, author: Provenance) -> bool:
    bound = endpoint.quirks.thinking_bound_to_model
    return is_foreign(author, dialect, endpoint) or (bound and not is_same_model(author.model, endpoint.model))


def with_body(request: GenerationRequest, body: bytes) -> GenerationRequest:
    """Return a request with another body. What was removed from it is not filled in again from what was read before."""
    origin = request.origin
    if origin is None or origin.body is body:
        return request
    own = (request.extra or {}).get(origin.dialect, {})
    request = replace(request, origin=replace(origin, body=body))
    gone = [name for name in _REMOVED if name in own and name.encode() not in body]
    if not gone:
        return request
    rest = {name: value for name, value in own.items() if name not in gone}
    return replace(request, extra={**(request.extra or {}), origin.dialect: rest})


_REMOVED = ("context_management",)


def remove_foreign(body: SplicedObject, dialect: str, foreign: IsForeign, notes: WarningLog) -> None:
    """Remove what bears a foreign signature, and note what else had to be left out with it. Raise `BadJson`."""
    if (remove := _REMOVING.get(dialect)) is not None:
        remove(body, foreign, notes)


def _of_anthropic(body: SplicedObject, foreign: IsForeign, notes: WarningLog) -> None:
    kept = []
    removed = False
    for message in body.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            rest = [block for block in content if not _is_foreign_block(block, foreign)]
            removed = removed or len(rest) < len(content)
            if content and not rest:
                continue  # nothing else was answered; a message must not be empty
            if len(rest) < len(content):
                message["content"] = rest
        kept.append(message)
    if removed:
        body["messages"] = kept
    without_budget(body, notes)


def _is_foreign_block(block: object, foreign: IsForeign) -> bool:
    match block:
        case {"type": "thinking", "signature": value} | {"type": "redacted_thinking", "data": value}:
            return foreign(value)
    return False


def without_budget(body: SplicedObject, notes: WarningLog) -> None:
    """Switch Anthropic's thinking by budget off for a turn that another one began without thinking.

    The service refuses it then: "a final `assistant` message must start with a thinking block". Adaptive thinking has
    no such rule.
    """
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return
    messages = body.get("messages")
    if not isinstance(messages, list) or not _is_unsigned(messages):
        return
    del body["thinking"]
    management = body.get("context_management")
    if isinstance(management, dict):
        edits = [edit for edit in as_objects(management.get("edits")) if not _clears_thinking(edit)]
        if edits:
            management["edits"] = edits
        else:
            del body["context_management"]
    notes.drop(
        "reasoning",
        "this turn was begun by another model, and the service demands that one with thinking begins with it",
    )


def _clears_thinking(edit: JsonObject) -> bool:
    """Check whether an edit needs thinking ("`clear_thinking_20251015` strategy requires `thinking` to be enabled")."""
    return str(edit.get("type")).startswith("clear_thinking")


def _is_unsigned(messages: list[Any]) -> bool:
    """Check whether the assistant's turn under way, with its calls and results, does not begin with thinking."""
    begin: list[Any] = []
    for message in reversed(as_objects(messages)):
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text"}]
        if message.get("role") == "assistant":
            begin = blocks
        elif message.get("role") == "user" and all(block.get("type") != "tool_result" for block in as_objects(blocks)):
            break
    return bool(begin) and begin[0].get("type") not in ("thinking", "redacted_thinking")


def _of_responses(body: SplicedObject, foreign: IsForeign, notes: WarningLog) -> None:
    items = body.get("input")
    if not isinstance(items, list):
        return
    body["input"] = [item for item in items if not _is_foreign_item(item, foreign)]
    gone = {item["type"] for item in items if _is_foreign_item(item, foreign)}
    if gone & _COMPACTIONS:
        notes.drop("compaction", _WHY)


def _is_foreign_item(item: object, foreign: IsForeign) -> bool:
    """Check an item by what it holds encrypted; one that the service keeps by its id."""
    if not isinstance(item, dict) or item.get("type") not in _SEALED:
        return False
    return foreign(item.get("encrypted_content") or item.get("id"))


def _of_gemini(body: SplicedObject, foreign: IsForeign, _: WarningLog) -> None:
    kept: list[Any] = []
    for content in body.get("contents") or ():
        parts = content.get("parts") if isinstance(content, dict) else None
        if isinstance(parts, list):
            rest = [part for part in parts if not _is_foreign_thought(part, foreign)]
            for part in as_objects(rest):
                for name in SIGNATURES:
                    if foreign(part.get(name)):
                        del part[name]
            if parts and not rest:
                continue
            if len(rest) < len(parts):
                content["parts"] = rest
        kept.append(content)
    if kept:
        body["contents"] = kept


def _is_foreign_thought(part: object, foreign: IsForeign) -> bool:
    return isinstance(part, dict) and part.get("thought") is True and any(foreign(part.get(n)) for n in SIGNATURES)


_REMOVING: Mapping[str, Callable[[SplicedObject, IsForeign, WarningLog], None]] = {
    ANTHROPIC: _of_anthropic,
    RESPONSES: _of_responses,
    GEMINI: _of_gemini,
}
