"""What an emulated provider writes, as it stands on the wire: one answer for each operation and form of it.

The requests are written by hand, as a vendor's documentation shows them; they are played without a socket.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from understudy.domain.content import JsonObject
from understudy.domain.failures import FailureKind
from understudy.emulator import Fault, cast
from understudy.emulator.actor import Actor
from understudy.emulator.staging import StreamedAnswer
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import encode

PARAMETERS: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: JsonObject = {"name": "get_weather", "description": "The weather of a city", "parameters": PARAMETERS}
TOOL: JsonObject = {"type": "function", "function": WEATHER}
FILTERED = Fault.refusal()


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an emulated provider, and the form of its answer, by which a client chooses the type."""

    name: str
    provider: str
    form: str
    path: str
    body: JsonObject | None = None
    headers: tuple[tuple[str, str], ...] = ()
    fault: Fault | None = None


def played(scene: Scene) -> list[Any]:
    """Return the JSON that the provider writes: one value, or one for each event of a stream."""
    return [json.loads(text) for text in written(scene)]


def written(scene: Scene) -> list[str]:
    """Return the same, as text."""
    actor = Actor(cast.find(scene.provider), None)
    method = "GET" if scene.body is None else "POST"
    key = (("authorization", "Bearer key"), ("x-api-key", "key"), ("x-goog-api-key", "key"), ("api-key", "key"))
    headers = (*key, ("anthropic-version", "2023-06-01"), *scene.headers)
    body = None if scene.body is None else encode(scene.body)
    answer = actor.answer(actor.call(HttpRequest(method, scene.path, headers, body)), 1, scene.fault)
    if isinstance(answer, HttpReply):
        assert answer.status < 400 or scene.form == "error", (answer.status, answer.body)
        return [answer.body.decode()]
    return _events(answer)


def _events(answer: StreamedAnswer) -> list[str]:
    whole = b"".join(frame.data for frame in answer.frames).decode()
    if whole.startswith("["):
        return [whole]
    lines = whole.splitlines()
    data = [line.removeprefix("data:").strip() for line in lines if not line.startswith(("event:", "id:"))]
    return [text for text in data if text and text != "[DONE]"]


def user(text: str) -> list[JsonObject]:
    return [{"role": "user", "content": text}]


CAPITAL = user("What is the capital of France?")
ASK = user("What is the weather in Paris?")
FORM: JsonObject = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}


def completions(provider: str, path: str, model: str, thinker: str, **thinking: Any) -> list[Scene]:
    """Return the scenes of a provider in OpenAI's form, each whole and as a stream."""
    usage: JsonObject = {"stream": True, "stream_options": {"include_usage": True}}
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": ({"model": model, "messages": CAPITAL}, None),
        "tools": ({"model": model, "messages": ASK, "tools": [TOOL], "tool_choice": "required"}, None),
        "schema": ({"model": model, "messages": CAPITAL, "response_format": FORM}, None),
        "length": ({"model": model, "messages": CAPITAL, "max_tokens": 2}, None),
        "thinking": ({"model": thinker, "messages": CAPITAL, **thinking}, None),
        "filtered": ({"model": model, "messages": CAPITAL}, FILTERED),
    }
    found = []
    for name, (body, fault) in bodies.items():
        found.append(Scene(name=name, provider=provider, form="chat", path=path, body=body, fault=fault))
        streamed = body | usage
        found.append(
            Scene(name=f"{name} stream", provider=provider, form="chunk", path=path, body=streamed, fault=fault)
        )
    return found


def errors(provider: str, path: str, body: JsonObject) -> list[Scene]:
    """Return each kind of error that a provider has words for, and the one of an unknown address."""
    kinds = [
        Scene(name=f"{kind}", provider=provider, form="error", path=path, body=body, fault=Fault.error(kind))
        for kind in (*cast.find(provider).words, FailureKind.INVALID_REQUEST)
    ]
    mount = Actor(cast.find(provider), None).mount
    return [*kinds, Scene(name="unknown address", provider=provider, form="error", path=f"{mount}/nowhere")]


def _openai() -> list[Scene]:
    base = "/v1"
    vectors: JsonObject = {"model": "text-embedding-3-small", "input": ["one", "two"]}
    chat: JsonObject = {"model": "gpt-4.1-mini", "messages": CAPITAL}

    def at(form: str, name: str, path: str, body: JsonObject | None = None) -> Scene:
        return Scene(name=name, provider="openai", form=form, path=f"{base}{path}", body=body)

    return [
        *completions("openai", f"{base}/chat/completions", "gpt-4.1-mini", "gpt-6-luna", reasoning_effort="low"),
        at("chat", "legacy functions", "/chat/completions", chat | {"messages": ASK, "functions": [WEATHER]}),
        at("chunk", "legacy functions stream", "/chat/completions",
           chat | {"messages": ASK, "functions": [WEATHER], "stream": True}),
        at("embeddings", "floats", "/embeddings", vectors),
        at("embeddings64", "base64", "/embeddings", vectors | {"encoding_format": "base64"}),
        at("models", "list", "/models"),
        at("model", "one", "/models/gpt-4.1-mini"),
        *errors("openai", f"{base}/chat/completions", chat),
        *_responses("openai", f"{base}/responses"),
        at("count", "count", "/responses/input_tokens", {"model": "gpt-6-luna", "input": "hello"}),
    ]  # fmt: skip


def _responses(provider: str, path: str) -> list[Scene]:
    model: JsonObject = {"model": "gpt-6-luna"}
    ask = "What is the weather in Paris?"
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": ({"input": "What is the capital of France?"}, None),
        "thinking": ({"input": "Why?", "reasoning": {"effort": "low", "summary": "auto"}}, None),
        "tools": ({"input": ask, "tools": [{"type": "function", "strict": False, **WEATHER}],
                   "tool_choice": "required"}, None),
        "schema": ({"input": "Paris", "text": {"format": {"type": "json_schema", "name": "place", "schema": SCHEMA}}},
                   None),
        "length": ({"input": "Count to 99", "max_output_tokens": 16}, None),
        "filtered": ({"input": "Hello"}, FILTERED),
    }  # fmt: skip
    found = []
    for name, (body, fault) in bodies.items():
        whole, streamed = model | body, model | body | {"stream": True}
        found.append(
            Scene(name=f"responses {name}", provider=provider, form="response", path=path, body=whole, fault=fault)
        )
        found.append(
            Scene(name=f"responses {name} stream", provider=provider, form="response event", path=path, body=streamed,
                  fault=fault)
        )  # fmt: skip
    return found


def _azure() -> list[Scene]:
    def at(form: str, name: str, path: str, body: JsonObject | None = None) -> Scene:
        return Scene(name=name, provider="azure-openai", form=form, path=f"/openai/v1{path}", body=body)

    path = "/openai/v1/chat/completions"
    vectors: JsonObject = {"model": "text-embedding-3-small", "input": ["one", "two"]}
    return [
        *completions("azure-openai", path, "gpt-4.1-mini", "gpt-6-luna", reasoning_effort="low"),
        at("embeddings", "floats", "/embeddings", vectors),
        at("models", "list", "/models"),
        at("model", "one", "/models/gpt-4.1-mini"),
        *errors("azure-openai", path, {"model": "gpt-4.1-mini", "messages": CAPITAL}),
        *_responses("azure-openai", "/openai/v1/responses"),
    ]


def _groq() -> list[Scene]:
    path, model = "/openai/v1/chat/completions", "openai/gpt-oss-20b"
    return [
        *completions("groq", path, model, model, reasoning_effort="low"),
        Scene(name="list", provider="groq", form="models", path="/openai/v1/models"),
        Scene(name="one", provider="groq", form="model", path=f"/openai/v1/models/{model}"),
        *errors("groq", path, {"model": model, "messages": CAPITAL}),
    ]


def _together() -> list[Scene]:
    path, model = "/v1/chat/completions", "openai/gpt-oss-120b"
    vectors: JsonObject = {"model": "intfloat/multilingual-e5-large-instruct", "input": ["one", "two"]}
    return [
        *completions("together", path, model, model, reasoning_effort="low"),
        Scene(name="floats", provider="together", form="embeddings", path="/v1/embeddings", body=vectors),
        Scene(name="list", provider="together", form="models", path="/v1/models"),
        *errors("together", path, {"model": model, "messages": CAPITAL}),
    ]


def _huggingface() -> list[Scene]:
    path, model = "/v1/chat/completions", "openai/gpt-oss-120b"
    feature = "/hf-inference/models/thenlper/gte-large/pipeline/feature-extraction"
    return [
        *completions("huggingface", path, model, model, reasoning_effort="low"),
        Scene(name="vectors", provider="huggingface", form="vectors", path=feature, body={"inputs": ["one", "two"]}),
        Scene(name="one vector", provider="huggingface", form="vector", path=feature, body={"inputs": "one"}),
        Scene(name="list", provider="huggingface", form="models", path="/v1/models"),
        *errors("huggingface", path, {"model": model, "messages": CAPITAL}),
    ]


def _anthropic() -> list[Scene]:
    path = "/v1/messages"
    base: JsonObject = {"model": "claude-sonnet-4-6", "max_tokens": 2048, "messages": CAPITAL}
    tool: JsonObject = {"name": "get_weather", "description": "The weather", "input_schema": PARAMETERS}
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": (base, None),
        "thinking": (base | {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
        "tools": (base | {"messages": ASK, "tools": [tool], "tool_choice": {"type": "any"}}, None),
        "schema": (base | {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, None),
        "length": (base | {"max_tokens": 2}, None),
        "stop": (base | {"stop_sequences": ["capital"]}, None),
        "filtered": (base, FILTERED),
    }
    found = []
    for name, (body, fault) in bodies.items():
        found.append(Scene(name=name, provider="anthropic", form="message", path=path, body=body, fault=fault))
        streamed = body | {"stream": True}
        found.append(
            Scene(name=f"{name} stream", provider="anthropic", form="event", path=path, body=streamed, fault=fault)
        )
    counted: JsonObject = {"model": "claude-sonnet-4-6", "messages": CAPITAL}
    return [
        *found,
        Scene(name="count", provider="anthropic", form="count", path=f"{path}/count_tokens", body=counted),
        Scene(name="list", provider="anthropic", form="models", path="/v1/models"),
        Scene(name="one", provider="anthropic", form="model", path="/v1/models/claude-sonnet-4-6"),
        *errors("anthropic", path, base),
    ]


def _google() -> list[Scene]:
    home = "/v1beta/models/gemini-3.8-flash"
    base: JsonObject = {"contents": [{"role": "user", "parts": [{"text": "What is the capital of France?"}]}]}
    tools: JsonObject = {
        "contents": [{"role": "user", "parts": [{"text": "What is the weather in Paris?"}]}],
        "tools": [{"functionDeclarations": [WEATHER]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    }
    form: JsonObject = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": (base, None),
        "thinking": (base | {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}, None),
        "tools": (tools, None),
        "schema": (base | {"generationConfig": form}, None),
        "length": (base | {"generationConfig": {"maxOutputTokens": 2}}, None),
        "filtered": (base, FILTERED),
    }
    found = []
    for name, (body, fault) in bodies.items():
        plain, stream = f"{home}:generateContent", f"{home}:streamGenerateContent"
        found += [
            Scene(name=name, provider="google", form="answer", path=plain, body=body, fault=fault),
            Scene(name=f"{name} stream", provider="google", form="answer", path=f"{stream}?alt=sse", body=body,
                  fault=fault),
            Scene(name=f"{name} array", provider="google", form="answers", path=stream, body=body, fault=fault),
        ]  # fmt: skip
    item: JsonObject = {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "one"}]}}
    embed = "/v1beta/models/gemini-embedding-001"
    return [
        *found,
        Scene(name="vector", provider="google", form="embedding", path=f"{embed}:embedContent", body=item),
        Scene(name="vectors", provider="google", form="embeddings", path=f"{embed}:batchEmbedContents",
              body={"requests": [item, item]}),
        Scene(name="count", provider="google", form="count", path=f"{home}:countTokens", body=base),
        Scene(name="list", provider="google", form="models", path="/v1beta/models"),
        Scene(name="one", provider="google", form="model", path=home),
        *errors("google", f"{home}:generateContent", base),
    ]  # fmt: skip


def _cohere() -> list[Scene]:
    path = "/v2/chat"
    base: JsonObject = {"model": "command-a-03-2025", "messages": CAPITAL}
    thinking: JsonObject = {"model": "command-a-reasoning-08-2025", "thinking": {"type": "enabled"}}
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": (base, None),
        "thinking": (base | thinking, None),
        "tools": (base | {"messages": ASK, "tools": [TOOL], "tool_choice": "REQUIRED"}, None),
        "schema": (base | {"response_format": {"type": "json_object", "json_schema": PARAMETERS}}, None),
        "length": (base | {"max_tokens": 2}, None),
        "filtered": (base, FILTERED),
    }
    found = []
    for name, (body, fault) in bodies.items():
        found.append(Scene(name=name, provider="cohere", form="chat", path=path, body=body, fault=fault))
        streamed = body | {"stream": True}
        found.append(
            Scene(name=f"{name} stream", provider="cohere", form="event", path=path, body=streamed, fault=fault)
        )
    vectors: JsonObject = {
        "model": "embed-v4.0", "input_type": "search_query", "texts": ["one", "two"], "embedding_types": ["float"],
    }  # fmt: skip
    both = vectors | {"embedding_types": ["float", "base64"]}
    counted: JsonObject = {"text": "hello", "model": "command-a-03-2025"}
    return [
        *found,
        Scene(name="floats", provider="cohere", form="embeddings", path="/v2/embed", body=vectors),
        Scene(name="base64", provider="cohere", form="embeddings", path="/v2/embed", body=both),
        Scene(name="count", provider="cohere", form="count", path="/v1/tokenize", body=counted),
        Scene(name="list", provider="cohere", form="models", path="/v1/models"),
        Scene(name="one", provider="cohere", form="model", path="/v1/models/command-a-03-2025"),
        *errors("cohere", path, base),
    ]


def _ollama() -> list[Scene]:
    base: JsonObject = {"model": "llama3.2", "messages": CAPITAL}
    bodies: dict[str, tuple[JsonObject, Fault | None]] = {
        "plain": (base, None),
        "thinking": (base | {"model": "qwen3", "think": True}, None),
        "tools": (base | {"messages": ASK, "tools": [TOOL]}, None),
        "schema": (base | {"format": SCHEMA}, None),
        "length": (base | {"options": {"num_predict": 2}}, None),
        "filtered": (base, FILTERED),
    }
    found = []
    for name, (body, fault) in bodies.items():
        whole = body | {"stream": False}
        found.append(Scene(name=name, provider="ollama", form="chat", path="/api/chat", body=whole, fault=fault))
        found.append(
            Scene(name=f"{name} stream", provider="ollama", form="chat", path="/api/chat", body=body, fault=fault)
        )
    prompt: JsonObject = {"model": "llama3.2", "prompt": "What is the capital of France?"}

    def at(form: str, name: str, path: str, body: JsonObject | None = None) -> Scene:
        return Scene(name=name, provider="ollama", form=form, path=f"/api{path}", body=body)

    return [
        *found,
        at("completion", "completion", "/generate", prompt | {"stream": False}),
        at("completion", "completion stream", "/generate", prompt),
        at("embeddings", "vectors", "/embed", {"model": "nomic-embed-text", "input": ["one", "two"]}),
        at("embedding", "older vector", "/embeddings", {"model": "nomic-embed-text", "prompt": "one"}),
        at("models", "list", "/tags"),
        at("model", "one", "/show", {"model": "llama3.2"}),
        *errors("ollama", "/api/chat", base | {"stream": False}),
        *(
            msgspec.structs.replace(scene, name=f"v1 {scene.name}", form=f"v1 {scene.form}")
            for scene in completions("ollama", "/v1/chat/completions", "llama3.2", "qwen3", reasoning_effort="low")
        ),
    ]


def _replicate() -> list[Scene]:
    path = "/v1/models/meta/meta-llama-3-70b-instruct/predictions"
    body: JsonObject = {"input": {"prompt": "What is the capital of France?"}}
    wait = (("prefer", "wait"),)
    return [
        Scene(name="starting", provider="replicate", form="prediction", path=path, body=body),
        Scene(name="waited for", provider="replicate", form="prediction", path=path, body=body, headers=wait),
        Scene(name="filtered", provider="replicate", form="prediction", path=path, body=body, headers=wait,
              fault=FILTERED),
        Scene(name="list", provider="replicate", form="models", path="/v1/models"),
        Scene(name="one", provider="replicate", form="model", path="/v1/models/meta/meta-llama-3-70b-instruct"),
        *errors("replicate", path, body),
    ]  # fmt: skip


SCENES: tuple[Scene, ...] = (
    *_ollama(), *_openai(), *_anthropic(), *_google(), *_groq(), *_together(), *_azure(), *_replicate(),
    *_huggingface(), *_cohere(),
)  # fmt: skip
