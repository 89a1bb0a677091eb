"""Adapts a body to the quirks of its target.

Encoded and patched bodies both pass through here. A request that came in as this dialect is changed only where the
target would refuse it, and keeps its own spelling: names in camel case or snake case.
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.gemini.names import spelling
from understudy.dialects.gemini.thinking import apply_thinking_quirks
from understudy.dialects.gemini.wire import PLAIN, SIGNATURE
from understudy.dialects.patching import Body, is_received
from understudy.dialects.quirks import Quirks
from understudy.domain.content import JsonObject
from understudy.wire.json import as_objects

PLACEHOLDER = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`, which Google documents for calls by another model."""

_REFUSABLE = {**PLAIN, "stop": "stopSequences"}
_FORMS = ("responseMimeType", "responseJsonSchema", "responseSchema")


def apply_quirks(body: Body, quirks: Quirks, notes: WarningLog) -> None:
    """Change the body in place, with a warning for everything dropped or changed."""
    place = spelling(body, "generationConfig")
    config = body.get(place)
    if isinstance(config, dict) and config:
        _apply_to_settings(config, quirks, notes)
        apply_thinking_quirks(config, quirks, notes)
        _apply_to_output(config, body, quirks, notes)
        if not config:
            del body[place]
    if quirks.thought_signatures and (
        not is_received(body) or body.may_mention("contents", "functionCall", "function_call")
    ):
        _sign(body, notes)


def _apply_to_settings(config: JsonObject, quirks: Quirks, notes: WarningLog) -> None:
    for name, field in _REFUSABLE.items():
        if name in quirks.refused and config.pop(spelling(config, field), None) is not None:
            notes.drop(name, "this model refuses or ignores it")
    place = spelling(config, "maxOutputTokens")
    ceiling, asked = quirks.max_output_tokens, config.get(place)
    if ceiling is not None and isinstance(asked, int) and asked > ceiling:
        notes.clamp("max_tokens", f"this model returns at most {ceiling} tokens")
        config[place] = ceiling
    place = spelling(config, "stopSequences")
    stops = config.get(place)
    if quirks.max_stop is not None and isinstance(stops, list) and len(stops) > quirks.max_stop:
        notes.clamp("stop", f"this API accepts at most {quirks.max_stop} stop sequences")
        config[place] = stops[: quirks.max_stop]


def _apply_to_output(config: JsonObject, body: Body, quirks: Quirks, notes: WarningLog) -> None:
    present = [place for form in _FORMS if (place := spelling(config, form)) in config]
    if not present:
        return
    if "json_schema" not in quirks.output_formats:
        why = "this model does not support output formats"
    elif not quirks.output_with_tools and _has_functions(body):
        why = "this model does not support it together with tools"
    else:
        return
    notes.drop("output", why)
    for place in present:
        del config[place]


def _has_functions(body: Body) -> bool:
    tools = body.get("tools")
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and tool.get(spelling(tool, "functionDeclarations")) for tool in tools
    )


def _sign(body: Body, notes: WarningLog) -> None:
    """Add a signature to the first call of each step of the current turn if it is missing: the service requires one.

    The turn began with the user's last message; results of tools do not count.
    """
    contents = body.get("contents")
    if not isinstance(contents, list):
        return
    turn = max((at for at, content in enumerate(contents) if _is_of_user(content)), default=-1)
    for content in contents[turn + 1 :]:
        call = next((part for part in _parts(content) if spelling(part, "functionCall") in part), None)
        if call is not None and not call.get(spelling(call, SIGNATURE)):
            call[SIGNATURE] = PLACEHOLDER
            notes.emulate("thinking", "calls by other models have a placeholder for the signature")


def _is_of_user(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("role") != "model"
        and any(spelling(part, "functionResponse") not in part for part in _parts(content))
    )


def _parts(content: Any) -> list[JsonObject]:
    return as_objects(content.get("parts")) if isinstance(content, dict) else []
