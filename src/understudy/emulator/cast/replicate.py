"""Replicate, as the emulator plays it. Sources: HTTP API reference and the models' own schemas, read in November 2026.

Beside models that run by name there is one that runs by version only, as all models do that Replicate does not
maintain itself; and one that generates images.
"""

from __future__ import annotations

from hashlib import sha256

from understudy.dialects.replicate.render_models import render_model, render_openapi
from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind as K
from understudy.domain.responses import ModelInfo
from understudy.emulator.cast.base import EmulatedModel, EmulatedProvider, Words
from understudy.emulator.persona import Persona

WORDS = {
    K.AUTHENTICATION: Words(401, "You did not pass a valid authentication token"),
    K.BILLING: Words(402, "You have insufficient credit to run this model."),
    K.PERMISSION: Words(403, "You do not have permission to perform this action."),
    K.NOT_FOUND: Words(404, "The requested resource could not be found."),
    K.REQUEST_TOO_LARGE: Words(413, "Request body is too large."),
    K.RATE_LIMITED: Words(429, "Request was throttled. Your rate limit resets in ~30s."),
    K.SERVER_ERROR: Words(500, "Internal server error"),
    K.OVERLOADED: Words(503, "Service is temporarily unavailable. Please try again later. (E004)"),
    K.INVALID_REQUEST: Words(422, "- input: prompt is required", param="input"),
    K.CONTEXT_LENGTH: Words(422, "prompt is too long: 250000 tokens"),
    K.CONTENT_FILTER: Words(422, "The input was flagged as sensitive. (E005)"),
}

_TEXT: JsonObject = {"type": "string"}
_PICTURES: JsonObject = {"type": "array", "items": {"type": "string", "format": "uri"}, "default": []}
_SHARE: JsonObject = {"type": "number", "minimum": 0, "maximum": 1}

_LLAMA: JsonObject = {
    "prompt": _TEXT,
    "system_prompt": _TEXT,
    "max_tokens": {"type": "integer", "minimum": 1},
    "min_tokens": {"type": "integer", "minimum": 0},
    "temperature": {"type": "number", "minimum": 0, "maximum": 5},
    "top_p": _SHARE,
    "top_k": {"type": "integer", "minimum": -1},
    "presence_penalty": {"type": "number"},
    "frequency_penalty": {"type": "number"},
    "stop_sequences": _TEXT,
    "prompt_template": _TEXT,
    "seed": {"type": "integer"},
}
_GPT: JsonObject = {
    "prompt": _TEXT,
    "system_prompt": _TEXT,
    "messages": {"type": "array", "items": {"type": "object"}, "default": []},
    "image_input": _PICTURES,
    "reasoning_effort": {"type": "string", "enum": ["minimal", "low", "medium", "high"]},
    "verbosity": {"type": "string", "enum": ["low", "medium", "high"]},
    "max_completion_tokens": {"type": "integer", "minimum": 1},
}
_CLAUDE: JsonObject = {
    "prompt": _TEXT,
    "system_prompt": _TEXT,
    "max_tokens": {"type": "integer", "minimum": 1024, "maximum": 64_000},
    "image": {"type": "string", "format": "uri"},
    "extended_thinking": {"type": "boolean", "default": False},
    "thinking_budget_tokens": {"type": "integer", "minimum": 1024, "maximum": 64_000},
}
_PLAIN: JsonObject = {
    "prompt": _TEXT,
    "max_new_tokens": {"type": "integer", "minimum": 1},
    "temperature": {"type": "number", "minimum": 0.01, "maximum": 5},
}


def version_of(model: str) -> str:
    """Return the id of a model's only version."""
    return sha256(model.encode()).hexdigest()


def _model(name: str, inputs: JsonObject, *, official: bool = True, vision: bool = False) -> EmulatedModel:
    info = ModelInfo(id=name, owned_by=name.partition("/")[0], created=1_750_000_000.0)
    raw = render_model(info)
    raw["is_official"] = official
    raw["latest_version"]["openapi_schema"] = render_openapi(inputs, ("prompt",) if "messages" not in inputs else ())
    return EmulatedModel(id=name, capabilities=frozenset({"chat", "vision"} if vision else {"chat"}), raw=raw)


def _painter(name: str) -> EmulatedModel:
    model = _model(name, {"prompt": _TEXT})
    schemas = (model.raw or {})["latest_version"]["openapi_schema"]["components"]["schemas"]
    schemas["Output"] = {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}
    return EmulatedModel(id=name, capabilities=frozenset(), raw=model.raw)


MODELS = (
    _model("meta/meta-llama-3-70b-instruct", _LLAMA),
    _model("openai/gpt-5-mini", _GPT, vision=True),
    _model("anthropic/claude-4-sonnet", _CLAUDE, vision=True),
    _model("understudy/plain-writer", _PLAIN, official=False),
    _painter("understudy/painter"),
)

_BY_VERSION = {version_of(model.id): model.id for model in MODELS}


def bare_name(name: str) -> str:
    """Return the model of `owner/name:version`, or of a version alone."""
    return _BY_VERSION.get(name, name.partition(":")[0])


PROVIDER = EmulatedProvider(
    type="replicate",
    personas={"replicate": Persona(title="Replicate", answer_prefix="prd", counts_reasoning=False)},
    models=MODELS,
    words=WORDS,
    examined=True,
    path_model=r"/v1/(?:models|deployments)/(.+)/predictions$",
    headers=(("ratelimit-remaining", "599"), ("ratelimit-reset", "1")),
    pages={
        "/v1/account": (
            "application/json",
            b'{"type":"organization","username":"understudy","name":"Understudy","github_url":""}',
        )
    },
    predicts=True,
    bare_name=bare_name,
)
