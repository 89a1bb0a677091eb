"""Every field of the official clients' request types is understood, kept for its own wire, or refused.

What is kept becomes a warning where the request goes to another wire. A new version of a client with a field, or a kind
of content, that nobody has classified here fails these tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import anthropic.types as claude
import cohere
import groq.types.chat.completion_create_params as groq_chat
import msgspec
import ollama._types as ollama
import pytest
import together.types.chat.completion_create_params as together_chat
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.tool_result_block_param import Content as ClaudeResult
from google.genai import types as google
from huggingface_hub import InferenceClient
from openai.types.chat import completion_create_params as openai_chat
from openai.types.chat.chat_completion_content_part_param import ChatCompletionContentPartParam
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.responses import response_create_params
from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_input_item_param import ResponseInputItemParam

from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.dialects.history import localize
from understudy.dialects.server import BadRequest
from understudy.domain.content import JsonObject, Opaque, Text, ToolResult
from understudy.domain.events import Warned
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

SCHEMA: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
FUNCTION: JsonObject = {"name": "f", "parameters": SCHEMA}
HELLO: list[JsonObject] = [{"role": "user", "content": "Hello"}]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a client's type describes it, with what becomes of each of its fields."""

    client: str
    dialect: str
    path: str
    base: JsonObject
    official: frozenset[str]
    understood: JsonObject
    """Fields with a unified place, each with a value."""
    kept: str = ""
    """Fields that only this wire has."""
    reply: str = ""
    """Fields about the form of the reply, or with no effect here."""
    refused: str = ""
    """Fields that need what a server half lacks."""
    place: str = ""
    """The object in the body that holds the fields; empty for the body itself."""

    def request(self, **fields: Any) -> GenerationRequest | EmbeddingRequest:
        body = dict(self.base)
        if self.place:
            body[self.place] = {**body.get(self.place, {}), **fields}
        else:
            body |= fields
        server = dialects.load_server(self.dialect)
        found = server.parse(HttpRequest("POST", self.path, (), encode(body))).request
        assert isinstance(found, GenerationRequest | EmbeddingRequest)
        return msgspec.structs.replace(found, origin=None)


def keys(*kinds: Any) -> frozenset[str]:
    return frozenset().union(*(kind.__required_keys__ | kind.__optional_keys__ for kind in kinds))


def parameters(function: Any, *without: str) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters) - {"self", *without}


_CHAT: JsonObject = {
    "temperature": 0.5, "top_p": 0.5, "max_tokens": 5, "max_completion_tokens": 5, "seed": 1, "stop": ["x"],
    "presence_penalty": 0.1, "frequency_penalty": 0.1, "logit_bias": {"1": 2}, "logprobs": True, "top_logprobs": 2,
    "parallel_tool_calls": False, "tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required",
    "functions": [FUNCTION], "function_call": "auto", "response_format": {"type": "json_object"},
    "reasoning_effort": "low", "verbosity": "low", "service_tier": "flex", "user": "me", "metadata": {"a": "b"},
    "prompt_cache_key": "k", "safety_identifier": "me", "top_k": 4, "min_p": 0.1,
    "messages": [{"role": "user", "content": "Bye"}], "model": "other",
}  # fmt: skip
_ITEMS: JsonObject = {
    "input": "Bye", "model": "other", "instructions": "Be brief", "max_output_tokens": 5, "temperature": 0.5,
    "top_p": 0.5, "top_logprobs": 2, "tools": [{"type": "function", "strict": True, **FUNCTION}],
    "tool_choice": "required", "parallel_tool_calls": False, "text": {"verbosity": "low"},
    "reasoning": {"effort": "low"}, "service_tier": "flex", "safety_identifier": "me", "user": "me",
    "prompt_cache_key": "k", "metadata": {"a": "b"},
}  # fmt: skip
_CLAUDE: JsonObject = {
    "model": "other", "messages": [{"role": "user", "content": "Bye"}], "max_tokens": 5, "system": "Be brief",
    "metadata": {"user_id": "me"}, "stop_sequences": ["x"], "service_tier": "auto",
    "tools": [{"name": "f", "input_schema": SCHEMA}], "tool_choice": {"type": "any"},
    "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "cache_control": {"type": "ephemeral"},
}  # fmt: skip
_COHERE: JsonObject = {
    "model": "other", "messages": [{"role": "user", "content": "Bye"}], "max_tokens": 5, "temperature": 0.5,
    "p": 0.5, "k": 5, "seed": 1, "stop_sequences": ["x"], "frequency_penalty": 0.1, "presence_penalty": 0.1,
    "logprobs": True, "tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "REQUIRED",
    "response_format": {"type": "json_object"}, "thinking": {"type": "enabled"},
}  # fmt: skip
_GEMINI: JsonObject = {
    "temperature": 0.5, "topP": 0.5, "topK": 4, "maxOutputTokens": 5, "stopSequences": ["x"], "seed": 1,
    "presencePenalty": 0.1, "frequencyPenalty": 0.1, "responseLogprobs": True, "logprobs": 2,
    "thinkingConfig": {"thinkingBudget": 0}, "responseMimeType": "application/json",
}  # fmt: skip
_OLLAMA: JsonObject = {
    "model": "other", "messages": [{"role": "user", "content": "Bye"}], "format": "json", "think": True,
    "tools": [{"type": "function", "function": FUNCTION}], "logprobs": True, "top_logprobs": 2,
    "options": {"temperature": 0.5},
}  # fmt: skip
_OPTIONS: JsonObject = {
    "temperature": 0.5, "top_p": 0.5, "top_k": 4, "num_predict": 5, "seed": 1, "stop": ["x"],
    "presence_penalty": 0.1, "frequency_penalty": 0.1,
}  # fmt: skip


def _of(known: JsonObject, official: Iterable[str]) -> JsonObject:
    return {name: known[name] for name in official if name in known}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_OPENAI_FIELDS = keys(openai_chat.CompletionCreateParamsStreaming)
_GROQ_FIELDS = keys(groq_chat.CompletionCreateParams)
_TOGETHER_FIELDS = keys(together_chat.CompletionCreateParamsStreaming)
_HF_FIELDS = parameters(InferenceClient.chat_completion, "extra_body")
_RESPONSES_FIELDS = keys(response_create_params.ResponseCreateParamsStreaming)
_CLAUDE_FIELDS = keys(claude.message_create_params.MessageCreateParamsStreaming)
_COUNT_FIELDS = keys(MessageCountTokensParams)
_COHERE_FIELDS = parameters(cohere.ClientV2.chat, "request_options")
_GEMINI_FIELDS = frozenset(_camel(name) for name in google.GenerationConfig.model_fields)

_BASE: JsonObject = {"model": "m", "messages": HELLO}
_COMPLETIONS = "/v1/chat/completions"

FORMS = (
    Form(
        client="openai", dialect="openai", path=_COMPLETIONS, base=_BASE, official=_OPENAI_FIELDS,
        understood=_of(_CHAT, _OPENAI_FIELDS), reply="stream stream_options",
        kept="audio modalities moderation n prediction prompt_cache_options prompt_cache_retention store "
        "web_search_options",
    ),
    Form(
        client="groq", dialect="openai", path=_COMPLETIONS, base=_BASE, official=_GROQ_FIELDS,
        understood=_of(_CHAT, _GROQ_FIELDS), reply="stream",
        kept="citation_options compound_custom disable_tool_validation documents exclude_domains include_domains "
        "include_reasoning n reasoning_format search_settings store",
    ),
    Form(
        client="together", dialect="openai", path=_COMPLETIONS, base=_BASE, official=_TOGETHER_FIELDS,
        understood=_of(_CHAT, _TOGETHER_FIELDS) | {"logprobs": True}, reply="stream",
        kept="chat_template_kwargs compliance context_length_exceeded_behavior echo n reasoning repetition_penalty "
        "safety_model",
    ),
    Form(
        client="huggingface", dialect="openai", path=_COMPLETIONS, base=_BASE, official=_HF_FIELDS,
        understood=_of(_CHAT, _HF_FIELDS), reply="stream stream_options", kept="n tool_prompt",
    ),
    Form(
        client="openai responses", dialect="responses", path="/v1/responses", base={"model": "m", "input": "Hello"},
        official=_RESPONSES_FIELDS, understood=_of(_ITEMS, _RESPONSES_FIELDS), reply="stream",
        kept="context_management include max_tool_calls moderation prompt prompt_cache_options "
        "prompt_cache_retention store stream_options truncation",
        refused="background conversation previous_response_id",
    ),
    Form(
        client="anthropic", dialect="anthropic", path="/v1/messages", base={**_BASE, "max_tokens": 9},
        official=_CLAUDE_FIELDS, understood=_of(_CLAUDE, _CLAUDE_FIELDS), reply="stream",
        kept="container diagnostics inference_geo speed user_profile_id workspace_id",
    ),
    Form(
        client="anthropic count", dialect="anthropic", path="/v1/messages/count_tokens", base=_BASE,
        official=_COUNT_FIELDS, understood=_of(_CLAUDE, _COUNT_FIELDS), kept="speed user_profile_id workspace_id",
    ),
    Form(
        client="cohere", dialect="cohere", path="/v2/chat", base=_BASE, official=_COHERE_FIELDS,
        understood=_of(_COHERE, _COHERE_FIELDS),
        kept="documents citation_options safety_mode priority strict_tools",
    ),
    Form(
        client="google", dialect="gemini", path="/v1beta/models/m:generateContent",
        base={"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}, official=_GEMINI_FIELDS,
        understood=_of(_GEMINI, _GEMINI_FIELDS), place="generationConfig",
        # A schema has a unified place beside the type that says what it is for; see below.
        kept="modelSelectionConfig audioTimestamp candidateCount enableAffectiveDialog mediaResolution "
        "responseModalities routingConfig speechConfig enableEnhancedCivicAnswers responseFormat translationConfig "
        "audioTranscriptionConfig responseSchema responseJsonSchema",
    ),
    Form(
        client="ollama", dialect="ollama", path="/api/chat", base=_BASE,
        official=frozenset(ollama.ChatRequest.model_fields), understood=_OLLAMA, reply="stream", kept="keep_alive",
    ),
    Form(
        client="ollama options", dialect="ollama", path="/api/chat", base=_BASE, place="options",
        official=frozenset(ollama.Options.model_fields), understood=_OPTIONS,
        kept="numa num_ctx num_batch num_gpu main_gpu low_vram f16_kv logits_all vocab_only use_mmap use_mlock "
        "embedding_only num_thread num_keep tfs_z typical_p repeat_last_n repeat_penalty mirostat mirostat_tau "
        "mirostat_eta penalize_newline",
    ),
    Form(
        client="ollama completion", dialect="ollama", path="/api/generate", base={"model": "m", "prompt": "Hello"},
        official=frozenset(ollama.GenerateRequest.model_fields), reply="stream", kept="keep_alive",
        understood={**_of(_OLLAMA, ollama.GenerateRequest.model_fields), "prompt": "Bye", "system": "Be brief",
                    "images": ["iVBORw0KGgo="]},
        refused="suffix template context raw width height steps",
    ),
    Form(
        client="openai embeddings", dialect="openai", path="/v1/embeddings", base={"model": "m", "input": "one"},
        official=keys(EmbeddingCreateParams), kept="encoding_format",
        understood={"input": ["two"], "model": "other", "dimensions": 5, "user": "me"},
    ),
    Form(
        client="ollama embeddings", dialect="ollama", path="/api/embed", base={"model": "m", "input": "one"},
        official=frozenset(ollama.EmbedRequest.model_fields), kept="truncate options keep_alive",
        understood={"input": ["two"], "model": "other", "dimensions": 5},
    ),
    Form(
        client="cohere embeddings", dialect="cohere", path="/v2/embed",
        base={"model": "m", "texts": ["one"], "input_type": "search_query"},
        official=parameters(cohere.ClientV2.embed, "request_options"), reply="embedding_types inputs images",
        understood={"texts": ["two"], "model": "other", "input_type": "clustering", "output_dimension": 5},
        kept="max_tokens truncate priority",
    ),
    Form(
        client="huggingface embeddings", dialect="hf-features", path="/models/m/pipeline/feature-extraction",
        base={"inputs": "one"}, understood={"inputs": ["two"]},
        # `text` is `inputs` on the wire, and `model` is in the address.
        official=parameters(InferenceClient.feature_extraction, "text", "model") | {"inputs"},
        kept="normalize prompt_name truncate truncation_direction dimensions encoding_format",
    ),
)  # fmt: skip

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.client)


@each_form
def test_each_field_is_classified(form: Form) -> None:
    classified = {*form.understood, *form.kept.split(), *form.reply.split(), *form.refused.split()}
    assert classified == form.official


@each_form
def test_what_is_understood_has_a_unified_place(form: Form) -> None:
    base = form.request()
    for name, value in form.understood.items():
        request = form.request(**{name: value})
        unified = msgspec.structs.replace(request, extra=base.extra)
        assert unified != base, name
        # What has the same name everywhere may also be kept, so that it goes back as it came.
        assert name not in _extra(request, form) or getattr(request, name) == value, name


@each_form
def test_what_only_this_wire_has_is_kept_and_missed_elsewhere(form: Form) -> None:
    for name in form.kept.split():
        value: Any = "base64" if name == "encoding_format" else {"x": 5}
        value = True if name == "strict_tools" else ["x"] if name == "include" else value
        request = form.request(**{name: value})
        assert _extra(request, form)[name] == value
        if isinstance(request, GenerationRequest):
            assert (form.place or name) in missed(form, name, value)


@each_form
def test_what_cannot_be_done_is_refused(form: Form) -> None:
    for name in form.refused.split():
        with pytest.raises(BadRequest, match=name):
            form.request(**{name: 5})


def _extra(request: GenerationRequest | EmbeddingRequest, form: Form) -> JsonObject:
    kept: JsonObject = (request.extra or {}).get(form.dialect, {})
    if not form.place:
        return kept
    inner: JsonObject = kept.get(form.place, {})
    return inner


def missed(form: Form, name: str, value: Any) -> set[str]:
    """Return the subjects of the warnings where the request goes out over another wire."""
    body = {**form.base, form.place: {name: value}} if form.place else {**form.base, name: value}
    server = dialects.load_server(form.dialect)
    request = server.parse(HttpRequest("POST", form.path, (), encode(body))).request
    assert isinstance(request, GenerationRequest)
    other = dialects.load("cohere" if form.dialect != "cohere" else "ollama")
    if request.origin is None:
        return {form.place or name}  # A text completion is answered as a chat, which has no origin.
    events = localize(request, other, Endpoint(provider="p", base_url="http://h")).warnings
    return {event.warning.what for event in events if isinstance(event, Warned)}


# -- spellings ----------------------------------------------------------------------------------------------------


class Spelling(msgspec.Struct, frozen=True):
    """Two bodies that mean the same, of which clients send either."""

    name: str
    dialect: str
    path: str
    older: JsonObject
    present: JsonObject


def _chat_spelling(name: str, older: JsonObject, present: JsonObject) -> Spelling:
    return Spelling(name, "openai", _COMPLETIONS, _BASE | older, _BASE | present)


_WRAPPED: JsonObject = {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}
_CLAUDE_FORM: JsonObject = {"type": "json_schema", "schema": SCHEMA}
_GENERATE = "/v1beta/models/m:generateContent"
_TEXT: JsonObject = {"parts": [{"text": "Hello"}]}
_TURN: JsonObject = {"role": "user", **_TEXT}


def _gemini_spelling(name: str, older: JsonObject, present: JsonObject) -> Spelling:
    return Spelling(name, "gemini", _GENERATE, {"contents": [_TURN]} | older, {"contents": [_TURN]} | present)


SPELLINGS = (
    _chat_spelling("max_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
    _chat_spelling("one stop", {"stop": "x"}, {"stop": ["x"]}),
    _chat_spelling("functions", {"functions": [FUNCTION]}, {"tools": [{"type": "function", "function": FUNCTION}]}),
    _chat_spelling("function_call", {"function_call": "none"}, {"tool_choice": "none"}),
    _chat_spelling(
        "function_call of a name", {"function_call": {"name": "f"}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
    _chat_spelling("user", {"user": "me"}, {"safety_identifier": "me"}),
    _chat_spelling(
        "text as parts", {"messages": [{"role": "user", "content": ["Hello"]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
    ),
    _chat_spelling(
        "image as a string", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x:y"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x:y"}}]}]},
    ),
    # Together's former documentation, and llama.cpp's server.
    _chat_spelling("schema beside", {"response_format": {"type": "json_object", "schema": SCHEMA}}, _WRAPPED),
    _chat_spelling("bare schema", {"response_format": {"type": "json_schema", "schema": SCHEMA}}, _WRAPPED),
    # Hugging Face's text-generation-inference, and what its client makes for it.
    _chat_spelling("value", {"response_format": {"type": "json", "value": SCHEMA}}, _WRAPPED),
    _chat_spelling("object value", {"response_format": {"type": "json_object", "value": SCHEMA}}, _WRAPPED),
    Spelling(
        "text input", "responses", "/v1/responses", {"model": "m", "input": "Hello"},
        {"model": "m", "input": [{"role": "user", "content": "Hello"}]},
    ),
    Spelling(
        "message without a type", "responses", "/v1/responses", {"model": "m", "input": HELLO},
        {"model": "m", "input": [{"type": "message", **HELLO[0]}]},
    ),
    # Beta header structured-outputs-2025-11-13.
    Spelling(
        "output_format", "anthropic", "/v1/messages", _BASE | {"max_tokens": 5, "output_format": _CLAUDE_FORM},
        _BASE | {"max_tokens": 5, "output_config": {"format": _CLAUDE_FORM}},
    ),
    Spelling(
        "custom tool", "anthropic", "/v1/messages",
        _BASE | {"max_tokens": 5, "tools": [{"type": "custom", "name": "f", "input_schema": SCHEMA}]},
        _BASE | {"max_tokens": 5, "tools": [{"name": "f", "input_schema": SCHEMA}]},
    ),
    Spelling(
        "schema", "cohere", "/v2/chat", _BASE | {"response_format": {"type": "json_object", "schema": SCHEMA}},
        _BASE | {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
    ),
    _gemini_spelling("one content", {"contents": _TURN}, {}),
    _gemini_spelling("one part", {"contents": [{"role": "user", "parts": {"text": "Hello"}}]}, {}),
    _gemini_spelling("no role", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}, {}),
    _gemini_spelling(
        "snake case",
        {"system_instruction": _TEXT, "generation_config": {"max_output_tokens": 5, "stop_sequences": ["x"]}},
        {"systemInstruction": _TEXT, "generationConfig": {"maxOutputTokens": 5, "stopSequences": ["x"]}},
    ),
    _gemini_spelling(
        "tools in snake case", {"tools": {"function_declarations": [FUNCTION]}},
        {"tools": [{"functionDeclarations": [FUNCTION]}]},
    ),
    _gemini_spelling(
        "schema",
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": {
            "type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}},
        {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
    ),
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: f"{spelling.dialect} {spelling.name}")
def test_either_spelling_means_the_same(spelling: Spelling) -> None:
    server = dialects.load_server(spelling.dialect)
    older, present = (
        server.parse(HttpRequest("POST", spelling.path, (), encode(body))).request
        for body in (spelling.older, spelling.present)
    )
    assert isinstance(older, GenerationRequest)
    assert isinstance(present, GenerationRequest)
    assert _unified(older) == _unified(present)


def _unified(request: GenerationRequest) -> GenerationRequest:
    """Return a request without what is only for its own wire."""
    tools = tuple(
        msgspec.structs.replace(tool, extra=None) if hasattr(tool, "extra") else tool for tool in request.tools
    )
    messages = tuple(msgspec.structs.replace(message, extra=None) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages, tools=tools, origin=None, extra=None)


DOCUMENTS = (
    ([{"data": {"output": "Sunny"}}], "Sunny"),
    ([{"data": "Sunny"}], "Sunny"),
    ([{"id": "1", "data": {"output": "Sunny"}}, {"data": {"output": "Dry"}}], "Sunny Dry"),
    ([{"data": {"title": "Weather", "text": "Sunny"}}], '{"title":"Weather","text":"Sunny"}'),
    ([{"data": {"degrees": 22}}], '{"degrees":22}'),
)


@pytest.mark.parametrize(("documents", "text"), DOCUMENTS)
def test_a_document_in_a_result_of_coheres_is_its_text(documents: list[JsonObject], text: str) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    content = [{"type": "document", "document": document} for document in documents]
    messages = [
        *HELLO, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": content},
    ]  # fmt: skip
    raw = encode({"model": "m", "messages": messages})
    request = dialects.load_server("cohere").parse(HttpRequest("POST", "/v2/chat", (), raw)).request
    assert isinstance(request, GenerationRequest)
    (result,) = request.messages[2].parts
    assert isinstance(result, ToolResult)
    assert " ".join(part.text for part in result.content if isinstance(part, Text)) == text


# -- kinds of content ---------------------------------------------------------------------------------------------


def tags(union: Any) -> Iterator[str]:
    """Return the values of `type` in a union of a client's types."""
    if get_origin(union) in (Union, UnionType):
        for member in get_args(union):
            yield from tags(member)
    elif hasattr(union, "__metadata__"):
        yield from tags(union.__origin__)
    else:
        kind = get_type_hints(union)["type"]
        while get_origin(kind) is not Literal:
            kind = get_args(kind)[0]
        yield from get_args(kind)


_PIXEL = "iVBORw0KGgo="
CLAUDE_BLOCKS: JsonObject = {
    "text": {"text": "x"},
    "image": {"source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}},
    "document": {"source": {"type": "text", "media_type": "text/plain", "data": "x"}},
    "thinking": {"thinking": "x", "signature": "y"},
    "redacted_thinking": {"data": "x"},
    "tool_use": {"id": "c", "name": "f", "input": {}},
    "tool_result": {"tool_use_id": "c", "content": "x"},
}
CLAUDE_OPAQUE = (
    "search_result server_tool_use web_search_tool_result web_fetch_tool_result code_execution_tool_result "
    "bash_code_execution_tool_result text_editor_code_execution_tool_result tool_search_tool_result container_upload"
)


def test_each_block_of_anthropics_client_is_read() -> None:
    assert {*CLAUDE_BLOCKS, *CLAUDE_OPAQUE.split()} == set(tags(claude.ContentBlockParam))
    for kind in tags(claude.ContentBlockParam):
        part = _claude({"type": kind, **CLAUDE_BLOCKS.get(kind, {"x": 1})})
        assert isinstance(part, Opaque) == (kind in CLAUDE_OPAQUE.split()), kind


def test_each_content_of_a_result_of_anthropics_client_is_read() -> None:
    opaque = {"search_result", "tool_reference", "browser_state"}
    assert {"text", "image", "document"} | opaque == set(tags(ClaudeResult))
    for kind in tags(ClaudeResult):
        inner = {"type": kind, **CLAUDE_BLOCKS.get(kind, {"x": 1})}
        result = _claude({"type": "tool_result", "tool_use_id": "c", "content": [inner]})
        assert isinstance(result.content[0], Opaque) == (kind in opaque), kind


def _claude(block: JsonObject) -> Any:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [block]}]}
    request = dialects.load_server("anthropic").parse(HttpRequest("POST", "/v1/messages", (), encode(body))).request
    assert isinstance(request, GenerationRequest)
    return request.messages[0].parts[0]


def test_each_part_of_openais_client_is_read() -> None:
    parts: JsonObject = {
        "text": "x",
        "image_url": {"url": "https://h/x.png"},
        "input_audio": {"data": "eA==", "format": "wav"},
        "file": {"file_id": "f"},
    }
    assert set(parts) == set(tags(ChatCompletionContentPartParam))
    content = [{"type": kind, kind: value} for kind, value in parts.items()]
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    request = dialects.load_server("openai").parse(HttpRequest("POST", _COMPLETIONS, (), encode(body))).request
    assert isinstance(request, GenerationRequest)
    assert not any(isinstance(part, Opaque) for part in request.messages[0].parts)


ITEMS: JsonObject = {
    "message": {"role": "user", "content": "x"},
    "function_call": {"call_id": "c", "name": "f", "arguments": "{}"},
    "function_call_output": {"call_id": "c", "output": "x"},
    "custom_tool_call": {"call_id": "c", "name": "f", "input": "x"},
    "custom_tool_call_output": {"call_id": "c", "output": "x"},
    "reasoning": {"id": "r", "summary": []},
}
OPAQUE_ITEMS = (
    "file_search_call computer_call computer_call_output web_search_call tool_search_call tool_search_output "
    "additional_tools compaction image_generation_call code_interpreter_call local_shell_call "
    "local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output mcp_list_tools "
    "mcp_approval_request mcp_approval_response mcp_call compaction_trigger program program_output"
)


def test_each_item_of_openais_client_is_read() -> None:
    assert {*ITEMS, *OPAQUE_ITEMS.split(), "item_reference"} == set(tags(ResponseInputItemParam))
    for kind in {*ITEMS, *OPAQUE_ITEMS.split()}:
        (part,) = _response_parts([{"type": kind, **ITEMS.get(kind, {"id": "x"})}])
        assert isinstance(part, Opaque) == (kind not in ITEMS), kind
    with pytest.raises(BadRequest, match="referenced"):
        _response_parts([{"type": "item_reference", "id": "x"}])


def test_each_content_of_openais_items_is_read() -> None:
    content: JsonObject = {
        "input_text": {"text": "x"},
        "input_image": {"image_url": "https://h/x.png"},
        "input_file": {"file_id": "f"},
    }
    assert set(content) == set(tags(ResponseInputContentParam))
    parts = _response_parts([{"role": "user", "content": [{"type": kind, **own} for kind, own in content.items()]}])
    assert not any(isinstance(part, Opaque) for part in parts)


def _response_parts(items: list[JsonObject]) -> tuple[Any, ...]:
    body = {"model": "m", "input": items}
    request = dialects.load_server("responses").parse(HttpRequest("POST", "/v1/responses", (), encode(body))).request
    assert isinstance(request, GenerationRequest)
    return request.messages[0].parts
