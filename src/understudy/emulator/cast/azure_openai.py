"""Azure OpenAI, as the emulator plays it. Sources: Microsoft's data-plane description and documentation (2026-11)."""

from __future__ import annotations

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.usage import Usage
from understudy.emulator.cast import openai
from understudy.emulator.cast.base import CHAT, EMBEDDING, THINKING_CHAT, EmulatedModel, EmulatedProvider, Words
from understudy.emulator.persona import Persona

WORDS = {
    **openai.WORDS,
    K.AUTHENTICATION: Words(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key.",
        None,
        "401",
    ),
    K.PERMISSION: Words(403, "Access denied due to Virtual Network/Firewall rules.", None, "403"),
    K.NOT_FOUND: Words(
        404,
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
        "invalid_request_error",
        "DeploymentNotFound",
    ),
    K.RATE_LIMITED: Words(
        429, "Requests to this operation have exceeded the token rate limit of your deployment.", None, "429"
    ),
    K.CONTENT_FILTER: Words(
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        None,
        "content_filter",
        "prompt",
    ),
}

_SAFE: JsonObject = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}
_UNSEEN = {"filtered": False, "detected": False}
_OF_PROMPT = [{"prompt_index": 0, "content_filter_results": {**_SAFE, "jailbreak": _UNSEEN}}]


def _dress(body: JsonObject, usage: Usage) -> JsonObject:
    """Add what OpenAI adds, and the results of the content filter."""
    body = openai.dress(body, usage)
    body.pop("service_tier", None)
    choices = body.get("choices")
    if not choices:
        return body
    filtered = [{**choice, "content_filter_results": _SAFE} for choice in choices]
    if body.get("object") == "chat.completion.chunk":
        return {**body, "choices": filtered}
    return {**body, "choices": filtered, "prompt_filter_results": _OF_PROMPT}


_AHEAD: JsonObject = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": _OF_PROMPT,
}
"""The first chunk of a stream has no choices."""


PROVIDER = EmulatedProvider(
    type="azure-openai",
    personas={
        "openai": Persona(title="Azure OpenAI", answer_prefix="chatcmpl-", thinking="hidden"),
        "responses": Persona(title="Azure OpenAI", answer_prefix="resp_", thinking="encrypted"),
    },
    models=(
        EmulatedModel(id="gpt-6-luna", capabilities=THINKING_CHAT),
        EmulatedModel(id="gpt-5-mini", capabilities=THINKING_CHAT),
        EmulatedModel(id="gpt-4.1", capabilities=CHAT),
        EmulatedModel(id="gpt-4.1-mini", capabilities=CHAT),
        EmulatedModel(id="text-embedding-3-small", capabilities=EMBEDDING, dimensions=1536),
    ),
    words=WORDS,
    checks=(openai.wrong_kind_of_model,),
    examined=True,
    mount="/openai",
    dress=_dress,
    ahead=_AHEAD,
    request_id_header="apim-request-id",
    headers=(
        ("x-ms-region", "Emulated"),
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "999"),
    ),
)
