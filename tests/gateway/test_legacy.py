"""Older APIs in front of today's providers, as their official clients and their documentation know them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.conftest import Open
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.emulator import Emulator, Fault
from understudy.gateway.legacy.texts import TextRenderer, render_text

PATH = "/v1/completions"
ASKED = {"model": "groq", "prompt": "What is the capital of France?"}
TEXT = "The capital is Paris."


def sent(emulator: Emulator, provider: str) -> Any:
    """Return the body of the last request that a provider received."""
    return emulator.requests(provider)[-1].body


async def test_a_prompt_is_answered_by_a_chat(opened: Open) -> None:
    caller, emulator, _ = await opened("groq")
    fields = {"max_tokens": 9, "stop": ["\n"], "temperature": 0.5, "seed": 1, "n": 1, "best_of": 1, "logprobs": None}
    answer = await caller.post(PATH, {**ASKED, **fields})
    assert answer.status == 200
    body = answer.json
    assert body["object"] == "text_completion"
    assert body["choices"] == [{"text": TEXT, "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    chat = sent(emulator, "groq")
    assert chat["messages"] == [{"role": "user", "content": ASKED["prompt"]}]
    assert (chat["stop"], chat["temperature"], chat["seed"]) == (["\n"], 0.5, 1)
    assert not chat.keys() & {"prompt", "n", "best_of", "echo", "suffix"}


async def test_one_prompt_in_a_list_is_a_prompt_and_echo_repeats_it(opened: Open) -> None:
    caller, _, _ = await opened("anthropic")
    asked = {"model": "anthropic", "prompt": [ASKED["prompt"]], "echo": True}
    assert (await caller.post(PATH, asked)).json["choices"][0]["text"] == f"{ASKED['prompt']}{TEXT}"
    streamed = await caller.post(PATH, {**asked, "stream": True})
    assert "".join(each["choices"][0]["text"] for each in streamed.events) == f"{ASKED['prompt']}{TEXT}"


async def test_a_stream_is_in_chunks_of_this_form(opened: Open) -> None:
    caller, _, _ = await opened("anthropic")
    asked = {"model": "anthropic", "prompt": ASKED["prompt"], "stream": True, "stream_options": {"include_usage": True}}
    answer = await caller.post(PATH, asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, usage = answer.events
    assert {each["object"] for each in (*chunks, usage)} == {"text_completion"}
    assert len({each["id"] for each in (*chunks, usage)}) == 1
    assert "".join(each["choices"][0]["text"] for each in chunks) == TEXT
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert (usage["choices"], usage["usage"]["completion_tokens"] > 0) == ([], True)
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_a_stream_that_breaks_has_no_end_mark(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", fallback={"max_attempts": 1})
    emulator.script("openai", always=Fault.cut(after=4))
    answer = await caller.post(PATH, {**ASKED, "model": "openai", "stream": True})
    assert "[DONE]" not in answer.text
    assert answer.events[-1]["error"]["type"] == "server_error"


CHANCES: Any = [
    {
        "token": "The",
        "logprob": -0.1,
        "top_logprobs": [{"token": "The", "logprob": -0.1}, {"token": "A", "logprob": -3}],
    },
    {"token": " end", "logprob": -0.5, "top_logprobs": []},
]
LISTS = {
    "tokens": ["The", " end"],
    "token_logprobs": [-0.1, -0.5],
    "top_logprobs": [{"The": -0.1, "A": -3}, {}],
    "text_offset": [0, 3],
}


async def test_log_probabilities_are_requested(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    for count, top in ((2, 2), (0, None)):
        assert (await caller.post(PATH, {**ASKED, "model": "openai/gpt-4.1", "logprobs": count})).status == 200
        chat = sent(emulator, "openai")
        assert (chat["logprobs"], chat.get("top_logprobs")) == (True, top)


def test_log_probabilities_are_in_lists() -> None:
    message = Message(Role.ASSISTANT, "The end")
    response: GenerationResponse = GenerationResponse(message=message, extra={"logprobs": {"content": CHANCES}})
    inbound = Inbound(operation=Operation.CHAT, request=GenerationRequest(messages=(Message.user("hi"),)))
    assert json.loads(render_text(response, inbound).body)["choices"][0]["logprobs"] == LISTS
    renderer = TextRenderer(inbound)
    frames = [renderer.feed(e.FactReported("logprobs", {"content": [each]}, append=True)) for each in CHANCES]
    parts = [json.loads(each.removeprefix(b"data: "))["choices"][0]["logprobs"] for each in frames]
    assert {name: [value for part in parts for value in part[name]] for name in LISTS} == LISTS


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [464, 3139]}, "prompt"),
        ({"prompt": [[464], [3139]]}, "prompt"),
        ({"prompt": {"text": "hi"}}, "prompt"),
        ({"n": 2}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "the end"}, "suffix"),
        ({"echo": "yes"}, "echo"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 5, "echo": True}, "logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
    ],
    ids=str,
)
async def test_what_a_chat_cannot_do_is_refused_by_its_name(changed: dict[str, Any], param: str, opened: Open) -> None:
    caller, emulator, _ = await opened("groq")
    answer = await caller.post(PATH, {**ASKED, **changed})
    assert (answer.status, answer.json["error"]["param"]) == (400, param)
    assert answer.json["error"]["message"].startswith(param)
    assert not emulator.requests("groq")


async def test_vectors_of_version_1_are_one_list_without_types(opened: Open) -> None:
    caller, emulator, _ = await opened("cohere")
    asked = {"model": "cohere/embed-v4.0", "texts": ["one", "two"], "input_type": "search_query", "truncate": "END"}
    body = (await caller.post("/v1/embed", asked)).json
    assert body["response_type"] == "embeddings_floats"
    assert body["texts"] == ["one", "two"]
    assert [type(number) for vector in body["embeddings"] for number in vector[:1]] == [float, float]
    assert (sent(emulator, "cohere")["input_type"], sent(emulator, "cohere")["truncate"]) == ("search_query", "END")
    typed = (await caller.post("/v1/embed", {**asked, "embedding_types": ["float"]})).json
    assert typed["response_type"] == "embeddings_by_type"
    assert typed["embeddings"] == {"float": body["embeddings"]}
    assert typed["meta"]["api_version"] == {"version": "1"}


async def test_vectors_of_version_1_need_not_be_for_a_purpose(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    asked = {"model": "openai/text-embedding-3-small", "texts": ["one"]}
    answer = await caller.post("/v1/embed", asked)
    assert (answer.status, len(answer.json["embeddings"])) == (200, 1)
    assert "input_type" not in sent(emulator, "openai")
    wrong: dict[str, Any]
    for wrong in (
        {"texts": []},
        {"images": ["data:image/png;base64,AA=="]},
        {"input_type": "poetry"},
        {"texts": "one"},
    ):
        refused = await caller.post("/v1/embed", {**asked, **wrong})
        assert refused.status == 400, wrong
        assert isinstance(refused.json["message"], str)
