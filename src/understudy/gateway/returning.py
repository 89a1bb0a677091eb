"""Bodies on the way back to the client's own vendor: without what other vendors wrote, which it would refuse.

The client sends sealed values where its vendor has signatures of its own. In the bytes that are forwarded, the blocks,
items and signatures that hold one are removed, and a sealed compaction becomes the summary that it is. Everything else
keeps its bytes, because newer models of Anthropic check that what stands before their thinking was not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from understudy.dialects.anthropic.wire import NAME as ANTHROPIC
from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain.content import JsonObject
from understudy.domain.requests import WireOrigin
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.gateway.compaction import ITEMS, SEALED, summary_of, told
from understudy.gateway.sealing import BEGINNING, CannotOpen, Sealer, is_sealed
from understudy.wire.json import as_objects
from understudy.wire.splice import SplicedObject

_MARK = BEGINNING.encode()
_BUDGET = b'"budget_tokens"'
"""A turn that another vendor began without thinking bears no mark, and yet Anthropic refuses a budget for it."""


def returned(origin: WireOrigin, sealer: Sealer) -> tuple[WireOrigin, list[Warning]]:
    """Return the body without what other vendors wrote, and what else had to be left out with it."""
    clean = _CLEAN.get(origin.dialect)
    if clean is None or (_MARK not in origin.body and _BUDGET not in origin.body):
        return origin, []
    body = SplicedObject(origin.body)
    warnings = clean(body, sealer)
    return WireOrigin(origin.dialect, body.to_bytes(), origin.headers), warnings


def _is_sealed(value: object) -> bool:
    return isinstance(value, str) and is_sealed(value)


def _of_anthropic(body: SplicedObject, _: Sealer) -> list[Warning]:
    kept = []
    removed = False
    messages = body.get("messages") or () if body.may_mention("messages", BEGINNING) else ()
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            rest = [block for block in content if not _is_foreign_block(block)]
            removed = removed or len(rest) < len(content)
            if content and not rest:
                continue  # nothing else was answered; a message must not be empty
            if len(rest) < len(content):
                message["content"] = rest
        kept.append(message)
    if removed:
        body["messages"] = kept
    return _without_budget(body)


def _is_foreign_block(block: object) -> bool:
    match block:
        case {"type": "thinking", "signature": value} | {"type": "redacted_thinking", "data": value}:
            return _is_sealed(value)
    return False


def _without_budget(body: SplicedObject) -> list[Warning]:
    """Switch thinking by budget off for a turn that another vendor began without thinking of Anthropic's.

    The service refuses it then: "a final `assistant` message must start with a thinking block". Adaptive thinking has
    no such rule.
    """
    thinking = body.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return []
    messages = body.get("messages")
    if not isinstance(messages, list) or not _is_unsigned(messages):
        return []
    del body["thinking"]
    management = body.get("context_management")
    if isinstance(management, dict):
        edits = [edit for edit in as_objects(management.get("edits")) if not _clears_thinking(edit)]
        if edits:
            management["edits"] = edits
        else:
            del body["context_management"]
    why = "this turn was begun by another model, and the service demands that one with thinking begins with it"
    return [Warning(WarningKind.DROPPED, "reasoning", why)]


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


def _of_responses(body: SplicedObject, sealer: Sealer) -> list[Warning]:
    items = body.get("input")
    if not isinstance(items, list):
        return []
    kept: list[Any] = []
    for item in items:
        sealed = item.get(SEALED) if isinstance(item, dict) else None
        if not isinstance(sealed, str) or not is_sealed(sealed):
            kept.append(item)
        elif item.get("type") in ITEMS:
            try:
                text = told(summary_of(sealed, sealer))
            except CannotOpen:
                continue  # the warning was given where the messages were opened
            kept.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    body["input"] = kept
    return []


def _of_gemini(body: SplicedObject, _: Sealer) -> list[Warning]:
    kept: list[Any] = []
    for content in body.get("contents") or ():
        parts = content.get("parts") if isinstance(content, dict) else None
        if isinstance(parts, list):
            rest = [part for part in parts if not _is_carrier(part)]
            for part in as_objects(rest):
                for name in _SIGNATURES:
                    if _is_sealed(part.get(name)):
                        del part[name]
            if parts and not rest:
                continue
            if len(rest) < len(parts):
                content["parts"] = rest
        kept.append(content)
    if kept:
        body["contents"] = kept
    return []


_SIGNATURES = ("thoughtSignature", "thought_signature")
"""The service takes both spellings."""


def _is_carrier(part: object) -> bool:
    """Check whether a part is a thought that holds a sealed value and nothing else."""
    return isinstance(part, dict) and part.get("thought") is True and any(_is_sealed(part.get(n)) for n in _SIGNATURES)


_CLEAN: Mapping[str, Callable[[SplicedObject, Sealer], list[Warning]]] = {
    ANTHROPIC: _of_anthropic,
    RESPONSES: _of_responses,
    GEMINI: _of_gemini,
}
