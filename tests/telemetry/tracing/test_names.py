"""The names of attributes and metrics, held against the registry of the conventions that OpenTelemetry publishes."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, server_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes

from understudy.providers import ProviderType
from understudy.telemetry.tracing.names import ATTRIBUTES, METRICS, OPERATIONS, PROVIDERS, attribute_names

REGISTRY = {
    value
    for module in (gen_ai_attributes, server_attributes, error_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
RENAMED = {
    # open-telemetry/semantic-conventions-genai, docs/gen-ai/non-normative/migration.md
    "gen_ai.usage.cache_creation.input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.client.operation.duration": "gen_ai.client.inference.duration",
    "gen_ai.client.operation.time_to_first_chunk": "gen_ai.client.inference.time_to_first_chunk",
}


def test_every_released_name_is_in_the_registry() -> None:
    released = set(attribute_names("released").values())
    assert released - REGISTRY == set()
    metrics = {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    assert {name.released for name in METRICS.values()} - metrics == set()


def test_no_released_name_is_deprecated() -> None:
    deprecated = {"gen_ai.system", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.prompt_tokens"}
    assert not deprecated & set(attribute_names("released").values())


def test_what_the_draft_renames_is_renamed_and_nothing_else() -> None:
    both = [(each.released, each.draft) for each in ATTRIBUTES.values() if each.released is not None]
    assert {old: new for old, new in both if old != new} == {old: new for old, new in RENAMED.items() if "usage" in old}
    assert METRICS["duration"].draft == RENAMED["gen_ai.client.operation.duration"]
    assert METRICS["first_chunk"].draft == RENAMED["gen_ai.client.operation.time_to_first_chunk"]


def test_providers_have_the_conventions_names_where_there_are_some() -> None:
    known = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    named = {PROVIDERS.get(each.value, each.value) for each in ProviderType}
    assert named & known == {"openai", "anthropic", "gcp.gemini", "azure.ai.openai", "cohere", "groq"}
    assert named - known == {"ollama", "together", "replicate", "huggingface"}


def test_operations_have_the_conventions_names() -> None:
    known = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    assert set(OPERATIONS.values()) <= known
