"""The names of attributes and metrics, from one table, in both versions of OpenTelemetry's GenAI conventions.

`released` is version 1.41, the last one in open-telemetry/semantic-conventions, which released packages and back ends
know. `draft` is that of open-telemetry/semantic-conventions-genai, which has no stable name yet.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.settings.tracing import Backend, Profile


class Name(msgspec.Struct, frozen=True):
    """A name in both versions; `None` where a version lacks it."""

    released: str | None
    draft: str | None


def _same(name: str) -> Name:
    return Name(name, name)


ATTRIBUTES: Mapping[str, Name] = {
    "operation": _same("gen_ai.operation.name"),
    "provider": _same("gen_ai.provider.name"),
    "conversation": _same("gen_ai.conversation.id"),
    "output_type": _same("gen_ai.output.type"),
    "request_model": _same("gen_ai.request.model"),
    "stream": _same("gen_ai.request.stream"),
    "max_tokens": _same("gen_ai.request.max_tokens"),
    "temperature": _same("gen_ai.request.temperature"),
    "top_p": _same("gen_ai.request.top_p"),
    "top_k": _same("gen_ai.request.top_k"),
    "frequency_penalty": _same("gen_ai.request.frequency_penalty"),
    "presence_penalty": _same("gen_ai.request.presence_penalty"),
    "seed": _same("gen_ai.request.seed"),
    "reasoning_level": Name(None, "gen_ai.request.reasoning.level"),
    "dimensions": _same("gen_ai.embeddings.dimension.count"),
    "response_model": _same("gen_ai.response.model"),
    "response_id": _same("gen_ai.response.id"),
    "finish_reasons": _same("gen_ai.response.finish_reasons"),
    "first_chunk": _same("gen_ai.response.time_to_first_chunk"),
    "input_tokens": _same("gen_ai.usage.input_tokens"),
    "output_tokens": _same("gen_ai.usage.output_tokens"),
    "cache_read_tokens": _same("gen_ai.usage.cache_read.input_tokens"),
    "cache_write_tokens": Name("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"),
    "reasoning_tokens": _same("gen_ai.usage.reasoning.output_tokens"),
    "audio_input_tokens": Name(None, "gen_ai.usage.audio.input_tokens"),
    "audio_output_tokens": Name(None, "gen_ai.usage.audio.output_tokens"),
    "input_messages": _same("gen_ai.input.messages"),
    "output_messages": _same("gen_ai.output.messages"),
    "error": _same("error.type"),
    "address": _same("server.address"),
    "port": _same("server.port"),
}
"""Attributes of the conventions, by what they are here. Those of `understudy` alone begin with `understudy.`."""

METRICS: Mapping[str, Name] = {
    "duration": Name("gen_ai.client.operation.duration", "gen_ai.client.inference.duration"),
    "embeddings_duration": Name("gen_ai.client.operation.duration", "gen_ai.client.embeddings.duration"),
    "first_chunk": Name("gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.inference.time_to_first_chunk"),
    "input_tokens": Name("gen_ai.client.token.usage", "gen_ai.client.inference.operation.input_tokens"),
    "output_tokens": Name("gen_ai.client.token.usage", "gen_ai.client.inference.operation.output_tokens"),
    "embeddings_tokens": Name("gen_ai.client.token.usage", "gen_ai.client.embeddings.operation.input_tokens"),
}
"""Histograms, by what they measure."""

BACKENDS: Mapping[Backend, Mapping[str, str]] = {
    # https://langfuse.com/integrations/native/opentelemetry#property-mapping
    "langfuse": {
        "cost": "gen_ai.usage.cost",
        "first_content": "langfuse.observation.completion_start_time",
        "label": "langfuse.trace.metadata.",
        "input": "input.value",
        "output": "output.value",
    },
    # Its own attributes; a trace begins with what was asked and answered by OpenInference's.
    "mlflow": {
        "costs": "mlflow.llm.cost",
        "label": "mlflow.traceTag.",
        "input": "input.value",
        "output": "output.value",
    },
    # https://arize-ai.github.io/openinference/spec/semantic_conventions.html
    "phoenix": {"kind": "openinference.span.kind", "input": "input.value", "output": "output.value"},
}
"""Attributes that a back end reads besides those of the conventions, by what they are here. That of a label begins
with this."""

OPERATIONS: Mapping[str, str] = {"chat": "chat", "embed": "embeddings"}
"""The conventions' names of operations; others have their own."""

PROVIDERS: Mapping[str, str] = {"azure-openai": "azure.ai.openai", "google": "gcp.gemini"}
"""The conventions' names of providers where they differ from the types here."""


def attribute_names(profile: Profile) -> Mapping[str, str]:
    """Return the names of a version's attributes; without those that it lacks."""
    return _names(ATTRIBUTES, profile)


def metric_names(profile: Profile) -> Mapping[str, str]:
    """Return the names of a version's metrics."""
    return _names(METRICS, profile)


def _names(table: Mapping[str, Name], profile: Profile) -> Mapping[str, str]:
    found = {key: name.released if profile == "released" else name.draft for key, name in table.items()}
    return {key: name for key, name in found.items() if name is not None}
