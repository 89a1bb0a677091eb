"""What a target needs otherwise than the plain form, done to the body by its quirks.

Rendered and patched bodies both pass through here, so a request that came in on this wire fits every target too.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.openai.quirks import is_medium_accepted
from understudy.dialects.patching import Body, is_received
from understudy.dialects.quirks import Quirks, nearest_effort
from understudy.dialects.responses.wire import ENCRYPTED, LOGPROBS
from understudy.domain.content import JsonObject
from understudy.wire.splice import SplicedObject

_WIRE = {"max_tokens": "max_output_tokens", "cache_key": "prompt_cache_key", "user": "safety_identifier"}
"""Names on the wire of request fields that are called otherwise there."""

_SAMPLING = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})
_FIELDS = _SAMPLING | {"max_tokens", "cache_key", "user", "metadata", "service_tier", "parallel_tool_calls"}
_NEUTRAL: dict[str, Any] = {"temperature": 1, "top_p": 1, "top_logprobs": 0}
"""Values that every model accepts, because they are the default."""

_MEDIA = {"input_image": "image", "input_file": "file"}


def apply_quirks(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    """Change the body in place; everything omitted or changed becomes a warning."""
    _apply_to_reasoning(body, quirks, notes)
    _refuse(body, quirks, notes)
    _apply_to_text(body, quirks, notes)
    _apply_to_tools(body, quirks, notes)
    items = body.get("input") if not is_received(body) or _may_change(body, quirks) else None
    if isinstance(items, list):
        body["input"] = [_apply_to_item(item, quirks, notes) if isinstance(item, dict) else item for item in items]


def _may_change(body: SplicedObject, quirks: Quirks) -> bool:
    """Check whether the quirks may change items that came in as bytes, without decoding them: by the words that occur
    in what they change."""
    words = [kind for kind, medium in _MEDIA.items() if medium not in quirks.inputs or not quirks.image_urls]
    if quirks.system_role != "as_given":
        words += {"system", "developer"} - {quirks.system_role}
    if not quirks.cache_breakpoints:
        words.append("prompt_cache_breakpoint")
    return body.may_have("input", *words)


def _apply_to_reasoning(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict):
        return
    if "reasoning" in quirks.refused:
        del body["reasoning"]
        _exclude(body, ENCRYPTED)
        notes.drop("reasoning", "the model refuses it")
        return
    effort = reasoning.get("effort")
    nearest = nearest_effort(effort, quirks.efforts or ())
    if nearest is not None and nearest != effort:
        body["reasoning"] = {**reasoning, "effort": nearest}
        notes.clamp("reasoning", f"the model does not support the effort {effort!r}: {nearest!r} is the nearest")


def _refuse(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    refused = quirks.refused & _FIELDS
    reasoning = body.get("reasoning")
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    if quirks.sampling_without_effort and (effort or ("none" if quirks.default_effort_none else None)) == "none":
        refused = refused - _SAMPLING
    for name in sorted(refused):
        if name == "logprobs" and _exclude(body, LOGPROBS):
            notes.drop(name, "the model refuses it")
        key = _WIRE.get(name, name)
        if body.get(key) is None or (key in _NEUTRAL and body[key] == _NEUTRAL[key]):
            continue
        del body[key]
        notes.drop(name, "the model refuses it")


def _exclude(body: Body, name: str) -> bool:
    include = body.get("include")
    if not isinstance(include, list) or name not in include:
        return False
    rest = [other for other in include if other != name]
    if rest:
        body["include"] = rest
    else:
        del body["include"]
    return True


def _apply_to_text(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    text = body.get("text")
    if not isinstance(text, dict):
        return
    text = dict(text)
    wanted = text.get("format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind in ("json_object", "json_schema") and kind not in quirks.output_formats:
        del text["format"]
        if kind == "json_schema" and "json_object" in quirks.output_formats:
            text["format"] = {"type": "json_object"}
            notes.emulate("output", "the model does not support a schema: only JSON is requested")
        else:
            notes.drop("output", f"the model does not support the output format {kind!r}")
    if "verbosity" in quirks.refused and text.pop("verbosity", None) is not None:
        notes.drop("verbosity", "the model refuses it")
    if text or not body["text"]:
        body["text"] = text
    else:
        del body["text"]


def _apply_to_tools(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    if not quirks.parallel_switch and body.pop("parallel_tool_calls", None) is not None:
        notes.drop("parallel_tool_calls", "the target has no such setting")
    match body.get("tool_choice"):
        case str(mode):
            pass
        case {"type": "function"}:
            mode = "tool"
        case _:
            return
    if mode in ("auto", "none", "required", "tool") and mode not in quirks.tool_choice:
        del body["tool_choice"]
        notes.drop("tool_choice", f"the target does not support the mode {mode!r}")


def _apply_to_item(item: JsonObject, quirks: Quirks, notes: WarningLog) -> JsonObject:
    role = item.get("role")
    if role in ("system", "developer") and quirks.system_role not in ("as_given", role):
        item = {**item, "role": quirks.system_role}
    for key in ("content", "output"):
        pieces = item.get(key)
        if isinstance(pieces, list) and item.get("type") != "reasoning":
            kept = [fitted for piece in pieces if (fitted := _apply_to_piece(piece, quirks, notes)) is not None]
            item = {**item, key: kept if kept or not pieces else ""}
    return item


def _apply_to_piece(piece: Any, quirks: Quirks, notes: WarningLog) -> Any:
    if not isinstance(piece, dict):
        return piece
    if "prompt_cache_breakpoint" in piece and not quirks.cache_breakpoints:
        piece = {key: value for key, value in piece.items() if key != "prompt_cache_breakpoint"}
        notes.drop("cache", "prompts are cached automatically here, without cache marks")
    medium = _MEDIA.get(piece.get("type", ""))
    return piece if medium is None or is_medium_accepted(medium, piece.get("image_url"), quirks, notes) else None
