"""What a target needs otherwise than the dialect's plain form, done to the body by its quirks.

Rendered and patched bodies both pass through here, so a request that came in on this wire fits every target too.
"""

from __future__ import annotations

from collections.abc import Set
from functools import lru_cache
from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.patching import Body, is_received
from understudy.dialects.quirks import Quirks, nearest_effort
from understudy.domain.content import JsonObject
from understudy.wire.splice import SplicedObject

_WIRE = {
    "max_tokens": ("max_completion_tokens", "max_tokens"),
    "reasoning": ("reasoning_effort", "reasoning_format", "include_reasoning"),
    "output": ("response_format",),
    "user": ("user", "safety_identifier"),
    "cache_key": ("prompt_cache_key",),
}
"""Names on the wire of request fields that are called otherwise there."""

_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}
)
_BESIDE_NONE = _SAMPLING - {"logit_bias"}
"""Sampling that models which can reason accept while they do not."""
_NEUTRAL: dict[str, Any] = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "n": 1,
    "logprobs": False,
}
"""Values that every model accepts, because they are the default."""

_NOT_IN_CHAT = frozenset({"max"})
"""Efforts that only the Responses API accepts."""

DISPLAY = frozenset({"reasoning_format", "include_reasoning"})
"""Fields of Groq's API for how thinking is shown."""

_CONCERNED = frozenset(
    {"reasoning_effort", "max_completion_tokens", "max_tokens", "user", "safety_identifier", "parallel_tool_calls"}
    | {"tool_choice", "response_format", "logprobs", "top_logprobs", "stop"}
    | DISPLAY
)
"""Fields that some targets need otherwise, besides those that they refuse. Most requests have few of them."""

_MEDIA = {"image_url": "image", "input_audio": "audio", "file": "file"}
_ALL_MEDIA = frozenset(_MEDIA.values())


def apply_quirks(
    body: Body, quirks: Quirks, notes: WarningLog, *, came_in: bool = False, messages: list[JsonObject] | None = None
) -> None:
    """Change the body in place; everything omitted or changed becomes a warning.

    A body that came in on this wire keeps its spellings where the target takes either. `messages` are those that a
    quirk may concern, if that is known; by default all of the body's.
    """
    if is_concerned(set(body), quirks):
        _apply_to_fields(body, quirks, notes, came_in=came_in)
    if messages is None and (not is_received(body) or _may_change(body, quirks)):
        messages = body.get("messages")
    if isinstance(messages, list):
        for message in messages:
            if isinstance(message, dict):
                _apply_to_message(message, quirks, notes)


def is_concerned(names: Set[str], quirks: Quirks) -> bool:
    """Check whether the quirks may change one of the fields with these names, the messages apart."""
    return not _CONCERNED.isdisjoint(names) or not _names_of(quirks.refused).isdisjoint(names)


def _apply_to_fields(body: Body, quirks: Quirks, notes: WarningLog, *, came_in: bool) -> None:
    """Change all fields but the messages."""
    if "reasoning" not in quirks.refused:
        _apply_to_effort(body, quirks, notes)
        _apply_to_display(body, quirks, notes)
    if not (came_in and quirks.other_max_tokens):
        _rename(body, "max_completion_tokens", "max_tokens", quirks.max_tokens_field)
    if not came_in or "safety_identifier" in quirks.refused:
        _rename(body, "user", "safety_identifier", quirks.user_field)
    _refuse(body, quirks, notes)
    _apply_to_tools(body, quirks, notes)
    _apply_to_format(body, quirks, notes)
    if quirks.logprobs_as_count:
        _count_logprobs(body)
    stop = body.get("stop")
    if quirks.stop_as_list and isinstance(stop, str):
        body["stop"] = stop = [stop]
    if quirks.max_stop is not None and isinstance(stop, list) and len(stop) > quirks.max_stop:
        body["stop"] = stop[: quirks.max_stop]
        notes.clamp("stop", f"only {quirks.max_stop} stop sequences are accepted")


def _may_change(body: SplicedObject, quirks: Quirks) -> bool:
    """Check whether the quirks may change messages that came in as bytes, without decoding them: by the words that
    occur in what they change."""
    words = words_of(quirks)
    if not quirks.message_names and body.may_have_key("messages", "name"):  # calls and tools have names, too
        words.append("name")
    return body.may_have("messages", *words)


def words_of(quirks: Quirks) -> list[str]:
    """Return keys and kinds, without one of which no message is changed, but for its name."""
    words: list[str] = []
    if quirks.system_role != "as_given":
        words += {"system", "developer"} - {quirks.system_role}
    if quirks.reasoning_field is not None or "thinking" in quirks.refused:
        words.append("reasoning")
    if quirks.joined_texts:
        words.append("text")
    if "cache" in quirks.refused:
        words.append("prompt_cache_breakpoint")
    if not quirks.inputs >= _ALL_MEDIA:
        words += [kind for kind, medium in _MEDIA.items() if medium not in quirks.inputs]
    if not quirks.image_urls:
        words.append("image_url")
    return words


def _count_logprobs(body: Body) -> None:
    """Request alternatives by a number; the token itself is the first of them."""
    alternatives = body.pop("top_logprobs", None)
    match body.get("logprobs"):
        case True:
            body["logprobs"] = alternatives or 1
        case False:
            del body["logprobs"]
        case _:
            pass


def _refuse(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    refused = quirks.refused
    effort = body.get("reasoning_effort") or ("none" if quirks.default_effort_none else None)
    if quirks.sampling_without_effort and effort == "none":
        refused = refused - _BESIDE_NONE
    for name, keys in _keys_of(refused):
        for key in keys:
            if body.get(key) is None or (key in _NEUTRAL and body[key] == _NEUTRAL[key]):
                continue
            del body[key]
            notes.drop(name, "the model refuses it")


@lru_cache(maxsize=256)
def _keys_of(refused: frozenset[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the refused fields in order, each with its names on the wire."""
    return tuple((name, _WIRE.get(name, (name,))) for name in sorted(refused))


@lru_cache(maxsize=256)
def _names_of(refused: frozenset[str]) -> frozenset[str]:
    """Return all names on the wire of the refused fields."""
    return frozenset(key for _, keys in _keys_of(refused) for key in keys)


def _rename(body: Body, one: str, other: str, wanted: str) -> None:
    """Write a field under the accepted one of its two names; if both are present, the accepted one counts."""
    unwanted = other if wanted == one else one
    value = body.pop(unwanted, None)
    if value is not None and body.get(wanted) is None:
        body[wanted] = value


def _apply_to_effort(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    effort, accepted = body.get("reasoning_effort"), quirks.efforts
    if effort is None or accepted is None or effort in (accepted := accepted - _NOT_IN_CHAT):
        return
    sent = "default" if "default" in accepted else nearest_effort(effort, accepted)
    if sent is None:
        del body["reasoning_effort"]
        notes.drop("reasoning", f"the model does not support the effort {effort!r}")
    else:
        body["reasoning_effort"] = sent
        notes.clamp("reasoning", f"the model does not support the effort {effort!r}: {sent!r} is the nearest")


def _apply_to_display(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    """Leave out whether thinking is shown, where that cannot be chosen. Groq's models accept either of two fields."""
    if quirks.reasoning_display not in ("always", "never"):
        return
    form, included = body.pop("reasoning_format", None), body.pop("include_reasoning", None)
    if form is None and included is None:
        return
    shown, always = form != "hidden" and included is not False, quirks.reasoning_display == "always"
    if shown != always:
        notes.drop("reasoning display", f"thinking is {'always' if always else 'not'} shown here")


def _apply_to_tools(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    if not quirks.parallel_switch and body.pop("parallel_tool_calls", None) is not None:
        notes.drop("parallel_tool_calls", "the target has no such setting")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        if "allowed_tools" in quirks.refused:
            _narrow(body, choice.get("allowed_tools"), notes)
        return
    mode = choice if isinstance(choice, str) else "tool"
    if mode in ("auto", "none", "required", "tool") and mode not in quirks.tool_choice:
        del body["tool_choice"]
        notes.drop("tool_choice", f"the target does not support the mode {mode!r}")


def _narrow(body: Body, allowed: Any, notes: WarningLog) -> None:
    """Send only the allowed tools, where the choice itself cannot be restricted."""
    if not isinstance(allowed, dict):
        return
    names = {name for tool in allowed.get("tools") or () if (name := _tool_name(tool))}
    body["tools"] = [tool for tool in body.get("tools") or () if _tool_name(tool) in names]
    body["tool_choice"] = allowed.get("mode", "auto")
    notes.emulate("tool_choice", "only the allowed tools are sent")


def _tool_name(tool: Any) -> str | None:
    match tool:
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
            return name
    return None


def _apply_to_format(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("text", "json_object", "json_schema") or kind in quirks.output_formats:
        return
    if kind == "json_schema" and "json_object" in quirks.output_formats:
        body["response_format"] = {"type": "json_object"}
        notes.emulate("output", "the model does not support a schema: only JSON is requested")
        return
    del body["response_format"]
    notes.drop("output", f"the model does not support the output format {kind!r}")


def _apply_to_message(message: JsonObject, quirks: Quirks, notes: WarningLog) -> None:
    role = message.get("role")
    if role in ("system", "developer") and quirks.system_role not in ("as_given", role):
        message["role"] = quirks.system_role
        if quirks.system_role == "user":
            notes.emulate("system", "the model does not accept system messages: it is sent as a user message")
    if not quirks.message_names and role != "function" and message.pop("name", None) is not None:
        notes.drop("name", "message names are refused")
    if role == "assistant":
        _apply_to_thinking(message, quirks, notes)
    content = message.get("content")
    if isinstance(content, list):
        kept = [fitted for part in content if (fitted := _apply_to_part(part, quirks, notes)) is not None]
        message["content"] = _joined(kept, quirks, notes) if kept or not content else ""


def _joined(parts: list[Any], quirks: Quirks, notes: WarningLog) -> Any:
    """Return texts as one string where a list of them may be refused."""
    if not quirks.joined_texts or not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        return parts
    if any(part.keys() - {"type", "text"} for part in parts):
        notes.drop("extra", "texts are sent as one string here, without further fields")
    return "\n\n".join(str(part.get("text") or "") for part in parts)


def _apply_to_thinking(message: JsonObject, quirks: Quirks, notes: WarningLog) -> None:
    field = quirks.reasoning_field
    if field is not None:
        _rename(message, "reasoning", "reasoning_content", field)
    elif "thinking" in quirks.refused:
        found = [message.pop(key, None) for key in ("reasoning", "reasoning_content")]
        if any(found):
            notes.drop("thinking", "thinking is not accepted in requests here")


def _apply_to_part(part: Any, quirks: Quirks, notes: WarningLog) -> Any:
    if not isinstance(part, dict):
        return part
    if "cache" in quirks.refused and "prompt_cache_breakpoint" in part:
        part = {key: value for key, value in part.items() if key != "prompt_cache_breakpoint"}
        notes.drop("cache", "prompts are cached automatically here, without cache marks")
    medium = _MEDIA.get(part.get("type", ""))
    return part if medium is None or is_medium_accepted(medium, part.get("image_url"), quirks, notes) else None


def is_medium_accepted(medium: str, image: Any, quirks: Quirks, notes: WarningLog) -> bool:
    """Check whether the target accepts a medium, and an image in the form in which it is given; note it if not."""
    if medium not in quirks.inputs:
        notes.drop(medium, "the target does not accept it")
        return False
    url = image.get("url") if isinstance(image, dict) else image
    if medium == "image" and not quirks.image_urls and isinstance(url, str) and not url.startswith("data:"):
        notes.drop("image url", "the target accepts images only as bytes")
        return False
    return True
