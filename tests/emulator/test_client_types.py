"""Every answer of an emulator holds what the official client's types demand, and what its service always writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.client_answers import SCENES, Scene, written
from tests.emulator.client_types import READERS, Complaint
from understudy import providers

each_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.provider} {scene.form} {scene.name}")

KNOWN: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    # Recorded pieces of a call have its index and its arguments alone, whatever the types say.
    ("together", "chunk"): (("delta.role", "missing"), ("delta.tool_calls", "missing"), ("finish_reason", "literal")),
    ("huggingface", "chunk"): (("delta.role", "missing"), ("delta.tool_calls", "union")),
    # A content filter is a fault that can be set for every provider; these have no word for it.
    ("together", "chat"): (("finish_reason", "literal"),),
    ("groq", "chat"): (("finish_reason", "literal"),),
    # Recorded: Azure's first chunk, with what its filter found in the prompt, names no object.
    ("azure-openai", "chunk"): (("object", "literal"),),
    # Recorded, and unknown to the types, which the client builds from the fields that it knows.
    ("google", "answer"): (("usageMetadata.serviceTier", "extra"),),
    ("google", "answers"): (("usageMetadata.serviceTier", "extra"),),
    ("google", "count"): (("promptTokensDetails", "extra"),),
    # In the vendor's table of statuses, not in its client's list of types.
    ("anthropic", "error"): (("error.type", "literal"),),
}
"""Where a service is at odds with its client's types: the end of the place, and what is wrong there."""


def unexpected(scene: Scene) -> Iterator[Complaint]:
    known = KNOWN.get((scene.provider, scene.form), ())
    for text in written(scene):
        for wrong in READERS[scene.provider][scene.form](text):
            if not any(place in wrong.place and wrong.kind == kind for place, kind in known):
                yield wrong


@each_scene
def test_nothing_is_missing_or_of_another_type(scene: Scene) -> None:
    assert list(unexpected(scene)) == []


def test_each_known_difference_still_exists() -> None:
    met = set()
    for scene in SCENES:
        for text in written(scene):
            met |= {(scene.provider, scene.form, one.kind) for one in READERS[scene.provider][scene.form](text)}
    assert met == {(*at, kind) for at, ways in KNOWN.items() for _, kind in ways}


def test_every_provider_and_form_is_played() -> None:
    assert {scene.provider for scene in SCENES} == set(providers.types())
    assert {(scene.provider, scene.form) for scene in SCENES} >= {
        (provider, form) for provider, forms in READERS.items() for form in forms
    }


_COUNTS = "prompt_tokens completion_tokens total_tokens"
_ENTRY = "version displayName description inputTokenLimit outputTokenLimit supportedGenerationMethods"

ALWAYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("openai", "chat"): (
        *("service_tier", "system_fingerprint", "choices[].message.refusal", "choices[].message.annotations"),
        *("usage.prompt_tokens_details.cached_tokens", "usage.prompt_tokens_details.audio_tokens"),
        *("usage.completion_tokens_details.reasoning_tokens", "usage.completion_tokens_details.audio_tokens"),
        "usage.completion_tokens_details.accepted_prediction_tokens",
        "usage.completion_tokens_details.rejected_prediction_tokens",
    ),
    ("openai", "chunk"): ("service_tier", "system_fingerprint"),
    ("azure-openai", "chat"): (
        *("system_fingerprint", "prompt_filter_results", "choices[].content_filter_results"),
        *("usage.prompt_tokens_details.cached_tokens", "usage.completion_tokens_details.reasoning_tokens"),
    ),
    ("groq", "chat"): (
        *("service_tier", "system_fingerprint", "usage_breakdown", "x_groq.id", "x_groq.seed"),
        *("usage.queue_time", "usage.prompt_time", "usage.completion_time", "usage.total_time"),
    ),
    ("groq", "chunk"): ("system_fingerprint",),
    ("groq", "models"): (
        *("data[].active", "data[].context_window", "data[].max_completion_tokens", "data[].public_apps"),
        *("data[].input_modalities", "data[].output_modalities", "data[].supported_features"),
    ),
    ("together", "chat"): ("prompt", "choices[].seed", "choices[].message.tool_calls", "choices[].logprobs"),
    ("anthropic", "message"): (
        *("stop_sequence", "usage.service_tier", "usage.cache_creation_input_tokens", "usage.cache_read_input_tokens"),
        "usage.cache_creation.ephemeral_5m_input_tokens",
        "usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    ("google", "answer"): (
        *("modelVersion", "responseId", "candidates[].content.role", "usageMetadata.totalTokenCount"),
        *("usageMetadata.promptTokensDetails[].modality", "usageMetadata.promptTokensDetails[].tokenCount"),
    ),
    ("google", "count"): ("promptTokensDetails[].modality",),
    ("google", "embeddings"): ("usageMetadata.promptTokenCount", "usageMetadata.promptTokenDetails"),
    ("google", "models"): tuple(f"models[].{name}" for name in _ENTRY.split()),
    ("google", "model"): tuple(_ENTRY.split()),
    ("cohere", "chat"): (
        *("usage.billed_units.input_tokens", "usage.billed_units.output_tokens"),
        *("usage.tokens.input_tokens", "usage.tokens.output_tokens"),
    ),
    ("cohere", "embeddings"): ("meta.api_version.version", "meta.billed_units.input_tokens", "response_type", "texts"),
    ("cohere", "model"): ("endpoints", "finetuned", "context_length", "tokenizer_url", "default_endpoints"),
    ("ollama", "chat"): ("model", "created_at", "message.role", "message.content", "done"),
    ("ollama", "completion"): ("model", "created_at", "response", "done"),
    ("ollama", "embeddings"): ("model", "total_duration", "load_duration", "prompt_eval_count"),
    ("ollama", "models"): (
        *("models[].name", "models[].model", "models[].modified_at", "models[].size", "models[].digest"),
        *("models[].details.format", "models[].details.family", "models[].details.families"),
        *("models[].details.parent_model", "models[].details.parameter_size", "models[].details.quantization_level"),
    ),
    ("ollama", "model"): (
        *("modelfile", "parameters", "template", "license", "modified_at", "capabilities"),
        *("details.family", "details.parameter_size", "model_info.general.architecture"),
    ),
    ("replicate", "prediction"): ("urls.get", "urls.cancel", "created_at", "logs", "input"),
    ("huggingface", "chat"): ("system_fingerprint", *(f"usage.{name}" for name in _COUNTS.split())),
}
"""What all recorded answers of a service hold although its client's types leave it optional, and readers built on these
rely on. Ollama's list: its API documentation, and `ListModelResponse` of its server."""


@pytest.mark.parametrize("at", ALWAYS, ids=" ".join)
def test_what_a_service_always_writes_is_written(at: tuple[str, str]) -> None:
    answers = [
        json.loads(text)
        for scene in SCENES
        if (scene.provider, scene.form) == at and scene.fault is None
        for text in written(scene)
    ]
    assert answers
    found = {path for path in ALWAYS[at] if all(holds(answer, path) for answer in answers if _is_whole(answer))}
    assert found == set(ALWAYS[at])


def _is_whole(answer: dict[str, Any]) -> bool:
    """Leave out Azure's chunk before a stream."""
    return bool(answer.get("object") != "")


def holds(value: Any, path: str) -> bool:
    """Check whether a path is in a value, in each item of its lists."""
    if not path:
        return True
    if isinstance(value, list):
        return all(holds(item, path) for item in value)
    here = next((name for name in sorted(value, key=len, reverse=True) if _begins(path, name)), None)
    return here is not None and holds(value[here], path[len(here) :].removeprefix("[]").removeprefix("."))


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}[]"))
