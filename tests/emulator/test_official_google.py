"""Google's official client against the emulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "google"
MODEL = "gemini-3.8-flash"
OLDER = "gemini-2.5-flash"
CAPITAL = "What is the capital of France?"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather of a city",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
            ),
        )
    ]
)

Connect = Callable[..., genai.client.AsyncClient]


@pytest.fixture
async def connect(emulator: Emulator) -> AsyncIterator[Connect]:
    """Make clients; each has an HTTP client of its own, so that nothing is left open."""
    opened: list[httpx.AsyncClient] = []

    def make(*, api_key: str | None = None, timeout: float = 2) -> genai.client.AsyncClient:
        http = httpx.AsyncClient()
        opened.append(http)
        options = types.HttpOptions(
            base_url=emulator.url(PROVIDER), httpx_async_client=http, timeout=round(timeout * 1000)
        )
        return genai.Client(api_key=api_key or emulator.key, http_options=options).aio

    yield make
    for http in opened:
        await http.aclose()


@pytest.fixture
async def client(connect: Connect) -> genai.client.AsyncClient:
    return connect()


async def ask(
    client: genai.client.AsyncClient, contents: Any = "Count to 9", model: str = MODEL, **config: Any
) -> types.GenerateContentResponse:
    return await client.models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config) if config else None
    )


async def drain(client: genai.client.AsyncClient, contents: Any = CAPITAL, **config: Any) -> list[Any]:
    stream = await client.models.generate_content_stream(
        model=MODEL, contents=contents, config=types.GenerateContentConfig(**config) if config else None
    )
    return [chunk async for chunk in stream]


def said_in(answer: types.GenerateContentResponse) -> list[types.Part]:
    content = answer.candidates[0].content if answer.candidates else None
    assert content is not None
    return content.parts or []


async def test_chat(client: genai.client.AsyncClient) -> None:
    answer = await ask(client, CAPITAL)
    assert answer.text == "The capital is Paris."
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert (answer.model_version, answer.response_id) == (MODEL, "emu-emulated00000001")
    usage = answer.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count) == (12, 6)


async def test_a_stream_is_the_chat_in_pieces(client: genai.client.AsyncClient) -> None:
    chunks = await drain(client)
    assert [chunk.text for chunk in chunks if chunk.text] == ["The", " capital", " is", " Paris."]
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == 6


@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tools_and_their_signatures(client: genai.client.AsyncClient, stream: bool) -> None:
    question = "What is the weather in Paris and Oslo?"
    fields: Any = {"tools": [WEATHER], "automatic_function_calling": {"disable": True}}
    answers = await drain(client, question, **fields) if stream else [await ask(client, question, **fields)]
    parts = [part for answer in answers for part in said_in(answer)]
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Oslo"}),
    ]
    assert next(part for part in parts if part.function_call).thought_signature
    said = types.Content(role="user", parts=[types.Part(text=question)])
    # Models from 3.5 on want the ids of the calls back.
    results = [
        types.Part(
            function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": f"{n} degrees"})
        )
        for n, call in enumerate(calls)
    ]
    own = [part for part in parts if part.function_call]
    history = [said, types.Content(role="model", parts=own), types.Content(role="user", parts=results)]
    told = await ask(client, history, **fields)
    assert "0 degrees" in (told.text or "")
    for part in own:
        part.thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        await ask(client, history, **fields)


async def test_tool_choice(client: genai.client.AsyncClient) -> None:
    def choice(mode: str, *names: str) -> Any:
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=list(names) or None)  # type: ignore[arg-type]
        return types.ToolConfig(function_calling_config=calling)

    fields: Any = {"tools": [WEATHER], "automatic_function_calling": {"disable": True}}
    forced = await ask(client, "Hello", **fields, tool_config=choice("ANY", "get_weather"))
    assert [call.name for call in forced.function_calls or ()] == ["get_weather"]
    none = await ask(client, "Weather?", **fields, tool_config=choice("NONE"))
    assert none.function_calls is None
    assert none.text


async def test_structured_output(client: genai.client.AsyncClient) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
    }
    fields: Any = {"response_mime_type": "application/json", "response_json_schema": schema}
    value = json.loads((await ask(client, "Take down that Ada likes tea", **fields)).text or "")
    assert value["name"] == "Ada"
    assert isinstance(value["tags"], list)
    older: Any = {
        "response_mime_type": "application/json",
        "response_schema": {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}, "required": ["name"]},
    }
    assert json.loads((await ask(client, "Take down that Ada likes tea", **older)).text or "") == {"name": "Ada"}


async def test_thinking(client: genai.client.AsyncClient) -> None:
    shown = await ask(client, thinking_config={"include_thoughts": True, "thinking_level": "LOW"})
    thought, text = said_in(shown)
    assert thought.thought
    assert thought.text
    assert text.text == "1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert shown.usage_metadata is not None
    assert shown.usage_metadata.thoughts_token_count
    hidden = await ask(client, thinking_config={"thinking_level": "LOW"})
    assert hidden.text == text.text
    assert hidden.usage_metadata is not None
    assert hidden.usage_metadata.thoughts_token_count
    off = await ask(client, model=OLDER, thinking_config={"thinking_budget": 0})
    assert off.usage_metadata is not None
    assert not off.usage_metadata.thoughts_token_count


async def test_media(client: genai.client.AsyncClient, png: bytes) -> None:
    contents = [
        types.Part.from_bytes(data=png, mime_type="image/png"),
        types.Part.from_uri(file_uri="https://example.com/x.pdf", mime_type="application/pdf"),
        "What are these?",
    ]
    answer = await ask(client, contents)
    assert (answer.text or "").startswith("I see 1 image (image/png). I read 1 file (application/pdf).")


async def test_limits(client: genai.client.AsyncClient) -> None:
    short = await ask(client, max_output_tokens=4)
    assert short.candidates is not None
    assert (short.text, short.candidates[0].finish_reason) == ("1, 2, 3, 4,", types.FinishReason.MAX_TOKENS)
    stopped = await ask(client, stop_sequences=["5"])
    assert stopped.candidates is not None
    assert (stopped.text, stopped.candidates[0].finish_reason) == ("1, 2, 3, 4, ", types.FinishReason.STOP)


async def test_embeddings(client: genai.client.AsyncClient) -> None:
    asked: list[Any] = ["one", "two"]  # what else may be in the list depends on whether Pillow is installed
    found = await client.models.embed_content(
        model="gemini-embedding-001",
        contents=asked,
        config={"task_type": "CLUSTERING", "output_dimensionality": 8},
    )
    assert [len(item.values or ()) for item in found.embeddings or ()] == [8, 8]
    texts: Any = ["x"] * 101
    with pytest.raises(errors.ClientError, match="at most 100 requests"):
        await client.models.embed_content(model="gemini-embedding-001", contents=texts)


async def test_models_come_in_pages(client: genai.client.AsyncClient, emulator: Emulator) -> None:
    names = [model.name async for model in await client.models.list(config={"page_size": 2})]
    assert len(names) == len(set(names)) > 4
    assert f"models/{MODEL}" in names
    assert len(emulator.requests(PROVIDER)) > 3
    one = await client.models.get(model=MODEL)
    assert (one.display_name, one.input_token_limit) == ("Gemini 3.8 Flash", 1_048_576)
    with pytest.raises(errors.ClientError, match="not found") as caught:
        await client.models.get(model="nonesuch")
    assert caught.value.code == 404


async def test_token_counting(client: genai.client.AsyncClient) -> None:
    assert (await client.models.count_tokens(model=MODEL, contents=CAPITAL)).total_tokens == 12


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        (MODEL, {"temperature": 4}, "temperature"),
        (MODEL, {"thinking_config": {"thinking_budget": 0}}, "only works in thinking mode"),
        (MODEL, {"thinking_config": {"thinking_level": "MINIMAL"}}, "MINIMAL"),
        (OLDER, {"thinking_config": {"thinking_level": "LOW"}}, "not supported"),
        (OLDER, {"thinking_config": {"thinking_budget": 0, "include_thoughts": True}}, "include_thoughts"),
        (
            OLDER,
            {
                "tools": [WEATHER],
                "automatic_function_calling": {"disable": True},
                "response_mime_type": "application/json",
            },
            "unsupported",
        ),
        (MODEL, {"stop_sequences": list("abcdef")}, "stop_sequences"),
    ],
)
async def test_bad_requests(client: genai.client.AsyncClient, model: str, config: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.ClientError, match=words) as caught:
        await ask(client, model=model, **config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


async def test_a_model_is_asked_only_for_what_it_can_do(client: genai.client.AsyncClient) -> None:
    for model in ("gemini-embedding-2", "nonesuch"):
        with pytest.raises(errors.ClientError, match="is not found for API version") as caught:
            await ask(client, model=model)
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


async def test_keys(emulator: Emulator, connect: Connect) -> None:
    with pytest.raises(errors.ClientError, match="API key not valid") as caught:
        await ask(connect(api_key="wrong"))
    assert caught.value.code == 400
    told: Any = caught.value.details
    assert told["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    (request,) = emulator.requests(PROVIDER)
    assert request.authenticated is False
    assert "wrong" not in json.dumps([request.headers, request.path])


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        (K.INVALID_REQUEST, errors.ClientError, 400),
        (K.AUTHENTICATION, errors.ClientError, 400),
        (K.BILLING, errors.ClientError, 402),
        (K.PERMISSION, errors.ClientError, 403),
        (K.NOT_FOUND, errors.ClientError, 404),
        (K.RATE_LIMITED, errors.ClientError, 429),
        (K.DAILY_QUOTA, errors.ClientError, 429),
        (K.SERVER_ERROR, errors.ServerError, 500),
        (K.OVERLOADED, errors.ServerError, 503),
    ],
)
async def test_errors(
    emulator: Emulator, client: genai.client.AsyncClient, kind: K, error: type[errors.APIError], code: int
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=3)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.code == code
    body: Any = caught.value.details
    told = {detail["@type"].rpartition(".")[2]: detail for detail in body["error"]["details"]}
    assert told["RetryInfo"]["retryDelay"] == "3s"
    if code == 429:
        assert told["QuotaFailure"]["violations"][0]["quotaId"].startswith("GenerateRequestsPer")


@pytest.mark.parametrize("status", [408, 422, 502, 504])
async def test_any_status(emulator: Emulator, client: genai.client.AsyncClient, status: int) -> None:
    emulator.script(PROVIDER, [Fault.status(status)])
    with pytest.raises(errors.APIError) as caught:
        await ask(client)
    assert caught.value.code == status


async def test_an_error_in_a_stream(emulator: Emulator, client: genai.client.AsyncClient) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    stream = await client.models.generate_content_stream(model=MODEL, contents=CAPITAL)
    seen: list[str | None] = []
    with pytest.raises(errors.ServerError, match="overloaded"):
        async for chunk in stream:
            seen.append(chunk.text)
    assert seen == ["The", " capital"]


async def test_connections(emulator: Emulator, connect: Connect) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers(), Fault.reset()])
    with pytest.raises(httpx.TimeoutException):
        await ask(connect(timeout=0.5))
    client = connect()
    with pytest.raises(httpx.TransportError):
        await ask(client)
    await emulator.stop(PROVIDER)
    with pytest.raises(httpx.TransportError):
        await ask(client)


async def test_without_the_query_a_stream_is_one_growing_array(emulator: Emulator) -> None:
    async with httpx.AsyncClient() as http:
        reply = await http.post(
            f"{emulator.url(PROVIDER)}/v1beta/models/{MODEL}:streamGenerateContent",
            headers={"x-goog-api-key": emulator.key},
            json={"contents": [{"parts": [{"text": CAPITAL}]}]},
        )
    assert reply.headers["content-type"].startswith("application/json")
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in reply.json()]
    assert "".join(texts) == "The capital is Paris."
