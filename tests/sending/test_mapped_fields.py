"""Fields that only some requests have: those of counted prompts, of bodies that came in, and of single models.

Expectations are those of the official clients' types, or written by hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from ollama._types import Options
from openai.types.responses import input_token_count_params

import understudy as u
from tests.sending.bodies import ASK, SCHEMA, came_in, sent
from tests.sending.conversations import PNG
from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.quirks import Quirks
from understudy.dialects.replicate.encode import encode_chat
from understudy.dialects.replicate.encode_settings import encode_inputs
from understudy.dialects.replicate.schema import InputSchema
from understudy.domain.content import CacheMark
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, WireOrigin

EVERYTHING: dict[str, Any] = {
    "max_tokens": 5000, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "stop": ("END",), "user": "u-1",
    "service_tier": "auto", "metadata": {"a": "b"}, "seed": 1, "tools": (u.Tool(name="f"),),
    "tool_choice": u.ToolChoice("auto"), "output": u.OutputFormat(json_schema=SCHEMA),
}  # fmt: skip


def test_counted_prompts_hold_only_what_the_count_of_anthropic_takes() -> None:
    taken = set(message_count_tokens_params.MessageCountTokensParams.__annotations__)
    known = set(message_create_params.MessageCreateParamsBase.__annotations__) | {"temperature", "top_p", "top_k"}
    request = u.GenerationRequest(messages=(ASK,), extra={"anthropic": {"stream": True}}, **EVERYTHING)
    body = sent("anthropic", Operation.COUNT_TOKENS, request)
    assert body.keys() - taken == set()
    assert {"messages", "model", "tools", "tool_choice", "output_config"} <= body.keys()
    whole = dict.fromkeys(known, 1) | {"stream": True, "messages": [], "model": "a-model"}
    counted = sent("anthropic", Operation.COUNT_TOKENS, came_in("anthropic", whole))
    refused = {"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier"}
    assert counted.keys() & refused == set()


def test_counted_prompts_hold_all_that_the_count_of_responses_takes() -> None:
    taken = set(input_token_count_params.InputTokenCountParams.__annotations__)
    whole: dict[str, Any] = dict.fromkeys(taken, "x") | {"max_output_tokens": 100, "user": "u-1", "store": False}
    assert sent("responses", Operation.COUNT_TOKENS, came_in("responses", whole)).keys() == taken


CONFIGURED = {
    "anthropic": {
        "max_tokens": 99, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "stop": ("END",), "user": "u-1",
        "service_tier": "auto", "cache": CacheMark(), "reasoning": u.Reasoning(effort="low"),
    },
    "cohere": {
        "max_tokens": 99, "temperature": 0.5, "top_p": 0.5, "top_k": 5, "stop": ("END",), "seed": 1, "logprobs": True,
        "presence_penalty": 0.5, "frequency_penalty": 0.5, "reasoning": u.Reasoning(budget=99),
    },
    "gemini": {"max_tokens": 99, "temperature": 0.5, "top_p": 0.5, "service_tier": "flex"},
    "ollama": {"max_tokens": 99, "temperature": 0.5, "reasoning": u.Reasoning(effort="low")},
    "openai": {
        "max_tokens": 99, "temperature": 0.5, "top_p": 0.5, "seed": 1, "user": "u-1", "service_tier": "auto",
        "reasoning": u.Reasoning(effort="low"), "output": u.OutputFormat(kind="json_object"), "verbosity": "low",
    },
    "responses": {"max_tokens": 99, "temperature": 0.5, "top_p": 0.5, "user": "u-1", "service_tier": "auto"},
}  # fmt: skip
FORMS: dict[str, dict[str, Any]] = {
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    "responses": {"model": "a-model", "input": "Hello"},
}
FORM = {"model": "a-model", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    ("dialect", "field"), [(dialect, field) for dialect, fields in CONFIGURED.items() for field in fields]
)
def test_configured_values_fill_a_body_that_came_in(dialect: str, field: str) -> None:
    form = FORMS.get(dialect, FORM)
    quirks = Quirks(max_output_tokens=4096, output_formats=frozenset({"text", "json_object", "json_schema"}))
    value = CONFIGURED[dialect][field]
    without = sent(dialect, Operation.CHAT, came_in(dialect, form), quirks)
    assert sent(dialect, Operation.CHAT, came_in(dialect, form, **{field: value}), quirks) != without


def test_configured_thinking_fills_a_body_for_anthropic_that_came_in() -> None:
    quirks = Quirks(thinking_modes=frozenset({"enabled"}), max_output_tokens=9000)
    request = came_in("anthropic", FORM, reasoning=u.Reasoning(budget=2000))
    assert sent("anthropic", Operation.CHAT, request, quirks)["thinking"] == {"type": "enabled", "budget_tokens": 2000}


def test_options_of_ollama_beside_options_are_moved_into_them() -> None:
    unified = {"num_predict", "temperature", "top_p", "top_k", "seed", "stop", "presence_penalty", "frequency_penalty"}
    only_loading = {"embedding_only", "f16_kv", "logits_all", "low_vram", "vocab_only"}
    for name in Options.model_fields.keys() - unified - only_loading:
        request = u.GenerationRequest(messages=(ASK,), extra={"ollama": {name: 1}})
        assert sent("ollama", Operation.CHAT, request)["options"] == {name: 1}, name
    mixed = {"num_ctx": 1, "keep_alive": "5m", "options": {"num_gpu": 2}}
    body = sent("ollama", Operation.CHAT, u.GenerationRequest(messages=(ASK,), extra={"ollama": mixed}))
    assert (body["keep_alive"], body["options"]) == ("5m", {"num_ctx": 1, "num_gpu": 2})


@pytest.mark.parametrize("dialect", ["ollama", "openai", "cohere", "hf_features"])
def test_options_of_the_entry_fill_a_request_for_vectors_that_came_in(dialect: str) -> None:
    name = "hf-features" if dialect == "hf_features" else dialect
    body = json.dumps({"input": ["a"], "texts": ["a"], "inputs": ["a"], "model": "another"}).encode()
    request = EmbeddingRequest(texts=("a",), model="a-model", origin=WireOrigin(name, body))
    filled = sent(name, Operation.EMBED, request, options={"x_own": 1})
    assert filled["x_own"] == 1
    assert filled["model"] == ("another" if name == "hf-features" else "a-model")  # there it is part of the address
    assert filled[{"cohere": "texts", "hf_features": "inputs"}.get(dialect, "input")] == ["a"]


INPUTS: dict[str, tuple[str, ...]] = {
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_length"),
    "temperature": ("temperature",), "top_p": ("top_p",), "top_k": ("top_k",), "min_p": ("min_p",), "seed": ("seed",),
    "presence_penalty": ("presence_penalty",), "frequency_penalty": ("frequency_penalty",),
    "verbosity": ("verbosity",), "stop": ("stop_sequences", "stop"),
}  # fmt: skip


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in INPUTS.items() for name in names])
def test_models_at_replicate_get_a_value_under_their_own_name(field: str, name: str) -> None:
    options: dict[str, Any] = {field: {"stop": ("END",), "verbosity": "low"}.get(field, 2)}
    request = u.GenerationRequest(messages=(ASK,), **options)
    inputs = encode_inputs(request, InputSchema(properties={"prompt": {}, name: {}}), WarningLog())
    assert name in inputs


@pytest.mark.parametrize("name", ["image_input", "images", "image", "input_images", "input_image"])
def test_models_at_replicate_get_images_under_their_own_name(name: str) -> None:
    request = u.GenerationRequest(messages=(u.Message.user("Look", u.Image(data=PNG)),))
    inputs = encode_inputs(request, InputSchema(properties={"prompt": {}, name: {}}), WarningLog())
    assert inputs[name] == f"data:image/png;base64,{PNG}"


@pytest.mark.parametrize("name", ["system_prompt", "system_instruction"])
def test_models_at_replicate_get_system_prompts_under_their_own_name(name: str) -> None:
    request = u.GenerationRequest(messages=(u.Message.system("Be brief"), ASK))
    inputs = encode_inputs(request, InputSchema(properties={"prompt": {}, name: {}}), WarningLog())
    assert inputs == {"prompt": "Hello", name: "Be brief"}


@pytest.mark.parametrize("name", ["thinking_budget", "thinking_budget_tokens", "extended_thinking", "enable_thinking"])
def test_models_at_replicate_get_reasoning_under_their_own_name(name: str) -> None:
    request = u.GenerationRequest(messages=(ASK,), reasoning=u.Reasoning(budget=2000))
    inputs = encode_inputs(request, InputSchema(properties={"prompt": {}, name: {}}), WarningLog())
    assert inputs[name] == (2000 if "budget" in name else True)


@pytest.mark.parametrize(("field", "value"), [("temperature", 0.25), ("top_p", 0.5), ("top_k", 5)])
def test_sampling_that_thinking_excludes_is_not_sent_to_anthropic(field: str, value: float) -> None:
    quirks = Quirks(thinking_modes=frozenset({"enabled"}), max_output_tokens=9000)
    options: dict[str, Any] = {field: value}
    request = u.GenerationRequest(messages=(ASK,), reasoning=u.Reasoning(budget=2000), **options)
    body = sent("anthropic", Operation.CHAT, request, quirks)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert field not in body


def test_a_model_in_the_body_of_a_request_for_vectors_is_that_of_the_target() -> None:
    request = EmbeddingRequest(texts=("a",), extra={"gemini": {"model": "another"}})
    body = sent("gemini", Operation.EMBED, request)
    assert (body["model"], body["requests"][0]["model"]) == ("models/a-model", "models/a-model")


def test_requests_for_vectors_in_geminis_own_form_are_sent_as_they_are() -> None:
    item = {"content": {"parts": [{"text": "a"}]}, "title": "A", "taskType": "RETRIEVAL_DOCUMENT"}
    request = EmbeddingRequest(texts=("a",), extra={"gemini": {"requests": [item]}})
    assert sent("gemini", Operation.EMBED, request)["requests"] == [{**item, "model": "models/a-model"}]


def test_a_version_of_a_model_at_replicate_is_sent() -> None:
    endpoint = Endpoint(provider="p", base_url="http://host", model="a/model")
    request = u.GenerationRequest(messages=(ASK,))
    schema = InputSchema(properties={"prompt": {}})
    body = encode_chat(request, endpoint, schema, "v1", WarningLog())
    assert body == {"version": "v1", "input": {"prompt": "Hello"}}


PURPOSES = {
    "cohere": {
        "document": "search_document", "query": "search_query", "classification": "classification",
        "clustering": "clustering",
    },
    "gemini": {
        "document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY", "classification": "CLASSIFICATION",
        "clustering": "CLUSTERING",
    },
}  # fmt: skip


@pytest.mark.parametrize("purpose", PURPOSES["cohere"])
def test_the_purpose_of_vectors_has_each_vendors_name(purpose: Any) -> None:
    request = EmbeddingRequest(texts=("a",), input_type=purpose)
    assert sent("cohere", Operation.EMBED, request)["input_type"] == PURPOSES["cohere"][purpose]
    (item,) = sent("gemini", Operation.EMBED, request)["requests"]
    assert item["taskType"] == PURPOSES["gemini"][purpose]


def test_the_models_in_a_batch_for_gemini_that_came_in_are_the_targets() -> None:
    item = {"model": "models/b", "content": {"parts": [{"text": "a"}]}}
    origin = WireOrigin("gemini", json.dumps({"requests": [item]}).encode())
    body = sent("gemini", Operation.EMBED, EmbeddingRequest(texts=("a",), origin=origin))
    assert body == {"requests": [{**item, "model": "models/a-model"}]}


def test_counted_prompts_hold_all_that_the_count_of_gemini_takes() -> None:
    request = u.GenerationRequest(
        messages=(u.Message.system("Be brief."), ASK),
        tools=(u.Tool(name="f"),),
        tool_choice=u.ToolChoice("required"),
        max_tokens=9,
        extra={"gemini": {"cachedContent": "cachedContents/c"}},
    )
    assert sent("gemini", Operation.COUNT_TOKENS, request) == {
        "generateContentRequest": {
            "model": "models/a-model",
            "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
            "cachedContent": "cachedContents/c",
        }
    }


@pytest.mark.parametrize(
    ("display", "summary"),
    [("auto", "auto"), ("concise", "concise"), ("detailed", "detailed"), ("summarized", "auto"), ("omitted", None)],
)
def test_summaries_of_reasoning_have_their_names_in_responses(display: Any, summary: str | None) -> None:
    request = u.GenerationRequest(messages=(ASK,), reasoning=u.Reasoning(effort="low", display=display))
    assert sent("responses", Operation.CHAT, request)["reasoning"].get("summary") == summary


@pytest.mark.parametrize("place", ["generateContentRequest", "generate_content_request"])
def test_a_count_for_gemini_that_came_in_keeps_all_but_its_model(place: str) -> None:
    asked = {"contents": [{"parts": [{"text": "Hello"}]}]}
    request = came_in("gemini", {"model": "b", place: {**asked, "model": "models/b"}}, temperature=0.5)
    model = "models/a-model"
    assert sent("gemini", Operation.COUNT_TOKENS, request) == {"model": model, place: {**asked, "model": model}}


def test_a_model_in_the_body_for_gemini_is_that_of_the_target() -> None:
    request = u.GenerationRequest(messages=(ASK,), extra={"gemini": {"model": "another"}})
    assert sent("gemini", Operation.CHAT, request)["model"] == "models/a-model"


@pytest.mark.parametrize("effort", ["low", "medium", "high", "max"])
def test_levels_of_thinking_are_sent_to_ollama(effort: Any) -> None:
    request = u.GenerationRequest(messages=(ASK,), reasoning=u.Reasoning(effort=effort))
    assert sent("ollama", Operation.CHAT, request)["think"] == effort


CHATTING = ("anthropic", "cohere", "gemini", "ollama", "openai", "responses")
LAYERS: dict[str, Any] = {"options": {"xA": 1, "xC": 1}, "dialect": {"xB": 2, "xC": 2}, "provider": {"xC": 3}}


@pytest.mark.parametrize("dialect", CHATTING)
def test_own_fields_of_entry_dialect_and_provider_are_sent_the_nearest_last(dialect: str) -> None:
    extra = {dialect: LAYERS["dialect"], "p": LAYERS["provider"]}
    request = u.GenerationRequest(messages=(ASK,), extra=extra)
    body = sent(dialect, Operation.CHAT, request, options=LAYERS["options"])
    assert (body["xA"], body["xB"], body["xC"]) == (1, 2, 3)


@pytest.mark.parametrize("dialect", ["cohere", "gemini", "ollama", "openai"])
def test_own_fields_of_vectors_are_sent_the_nearest_last(dialect: str) -> None:
    request = EmbeddingRequest(texts=("a",), extra={dialect: LAYERS["dialect"], "p": LAYERS["provider"]})
    body = sent(dialect, Operation.EMBED, request, options=LAYERS["options"])
    fields = body["requests"][0] if dialect == "gemini" else body
    assert (fields["xA"], fields["xB"], fields["xC"]) == (1, 2, 3)


@pytest.mark.parametrize("dialect", [name for name in CHATTING if name != "gemini"])
def test_the_model_of_a_request_is_sent_where_the_target_names_none(dialect: str) -> None:
    request = u.GenerationRequest(messages=(ASK,), model="b")
    assert sent(dialect, Operation.CHAT, request, model=None)["model"] == "b"
    if dialect in ("cohere", "ollama", "openai"):
        vectors = EmbeddingRequest(texts=("a",), model="b")
        assert sent(dialect, Operation.EMBED, vectors, model=None)["model"] == "b"


def test_the_encoding_of_vectors_is_that_of_the_target_in_openais_form() -> None:
    request = EmbeddingRequest(texts=("a",))
    assert sent("openai", Operation.EMBED, request, Quirks(embed_format="base64"))["encoding_format"] == "base64"
    assert "encoding_format" not in sent("openai", Operation.EMBED, request)


@pytest.mark.parametrize(
    ("field", "value", "own"), [("max_tokens", 99, "max_tokens"), ("user", "u-1", "safety_identifier")]
)
def test_a_second_spelling_of_openais_counts_as_set(field: str, value: Any, own: str) -> None:
    body = sent("openai", Operation.CHAT, came_in("openai", {**FORM, own: value}, **{field: value}))
    assert body == {**FORM, own: value}


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "cohere"])
def test_own_fields_start_no_stream(dialect: str) -> None:
    body = sent(dialect, Operation.CHAT, u.GenerationRequest(messages=(ASK,), extra={dialect: {"stream": True}}))
    assert not body.get("stream")
    assert dialect != "openai" or "stream" not in body
