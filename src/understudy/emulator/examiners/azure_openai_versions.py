"""The rules of Azure OpenAI about the version in the address."""

from __future__ import annotations

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import openai
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.base import CHAT, EMBED, PROMPTS, Rule
from understudy.emulator.examiners.openai_shapes import section

_REFERENCE = "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
_LIFECYCLE = "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"
_READ = "2026-11-28"


def is_dated(request: CheckedRequest) -> bool:
    """Check whether the address is of the API with dated versions, not of the one under `/openai/v1`."""
    return "/openai/v1/" not in request.path


def _version(request: CheckedRequest) -> Words | None:
    if not is_dated(request) or request.query.get("api-version"):
        return None
    return Words(404, "Resource not found", None, "404")


def _model(request: CheckedRequest) -> Words | None:
    """Refuse a request to the undated API that names no deployment; in the other its address does."""
    return None if is_dated(request) or request.model_name else say.missing("model")


def _since(version: str, name: str) -> Check:
    """Return the check that a parameter is not sent to a version before the one that brought it."""

    def check(request: CheckedRequest) -> Words | None:
        given = request.query.get("api-version", "")
        if request.body.get(name) is None or not is_dated(request) or not "0" < given[:10] < version:
            return None
        return say.refuse(f"Unrecognized request argument supplied: {name}")

    return check


def _schemas(request: CheckedRequest) -> Words | None:
    given = request.query.get("api-version", "")
    kind = section(request.body, "response_format").get("type")
    if kind != "json_schema" or not is_dated(request) or not "0" < given[:10] < "2024-08-01":
        return None
    message = "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"
    return say.refuse(message)


def _rule(name: str, source: str, check: Check) -> Rule:
    return Rule(name=name, source=source, read=_READ, check=check)


VERSION = Rule(name="api-version", source=_REFERENCE, read=_READ, check=_version, operations=CHAT | EMBED | PROMPTS)
NAMED_MODEL = openai.MODEL
"""Responses have no deployment in their address."""
MODEL = Rule(name="model", source=_LIFECYCLE, read=_READ, check=_model, operations=CHAT | EMBED | PROMPTS)
CHAT_RULES = (
    _rule("stream-options-of-version", _REFERENCE, _since("2024-09-01", "stream_options")),
    _rule("schemas-of-version", _LIFECYCLE, _schemas),
)
