"""`to_openai()`: what comes out is what OpenAI's own types accept, and what goes in again says the same."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.chat.chat_completion_message import ChatCompletionMessage

from understudy.dialects.openai.parse_messages import read_messages
from understudy.domain.content import AnyPart, Audio, Citation, Image, Opaque, Refusal, Text, Thinking, ToolCall
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.usage import Usage

CALL = ToolCall(id="call_1", name="weather", arguments='{"city":"Lisbon"}')
CUSTOM = ToolCall(id="call_2", name="shell", arguments="ls -l", extra={"openai": {"type": "custom"}})
PICTURE = Image(data="iVBORw0KGgo=", media_type="image/png")
TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}


def response(*parts: AnyPart, **fields: Any) -> GenerationResponse:
    settings: dict[str, Any] = {"id": "chatcmpl-1", "model": "gpt-5", "created": 1_700_000_000.5} | fields
    return GenerationResponse(message=Message.assistant(parts), **settings)


def read(answer: GenerationResponse) -> ChatCompletion:
    """The answer as OpenAI's client knows it, validated, which that client itself doesn't do."""
    return ChatCompletion.model_validate(answer.to_openai(), strict=True)


def message_of(answer: GenerationResponse) -> ChatCompletionMessage:
    return read(answer).choices[0].message


def test_a_plain_answer() -> None:
    answer = response(Text("Hello "), Text("there."), finish_reason=FinishReason.STOP)
    completion = read(answer)
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-1", "gpt-5", 1_700_000_000)
    assert completion.choices[0].message.content == "Hello there."
    assert completion.choices[0].message.refusal is None
    assert completion.choices[0].message.tool_calls is None
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is None, "unknown is not zero"


def test_an_answer_of_which_nothing_is_known_but_its_text() -> None:
    completion = read(GenerationResponse(message=Message.assistant("Hello")))
    assert completion.choices[0].message.content == "Hello"
    assert completion.id


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (FinishReason.STOP, "stop"),
        (FinishReason.LENGTH, "length"),
        (FinishReason.TOOL_CALLS, "tool_calls"),
        (FinishReason.CONTENT_FILTER, "content_filter"),
        (FinishReason.PAUSED, "stop"),
        (FinishReason.ERROR, "stop"),
        (FinishReason.UNKNOWN, "stop"),
    ],
)
def test_every_finish_reason_is_a_word_that_openai_knows(reason: FinishReason, word: str) -> None:
    assert read(response(Text("x"), finish_reason=reason)).choices[0].finish_reason == word


def test_tool_calls() -> None:
    answer = response(Text("Let me see."), CALL, CUSTOM, finish_reason=FinishReason.TOOL_CALLS)
    message = message_of(answer)
    assert message.content == "Let me see."
    assert message.tool_calls is not None
    function, custom = message.tool_calls
    assert function.type == "function"
    assert (function.id, function.function.name, function.function.arguments) == (
        "call_1", "weather", '{"city":"Lisbon"}'
    )  # fmt: skip
    assert custom.type == "custom"
    assert (custom.custom.name, custom.custom.input) == ("shell", "ls -l")
    assert message_of(response(CALL)).content is None, "as OpenAI writes it"


def test_a_refusal_is_no_content() -> None:
    message = message_of(response(Refusal("I can't help with that."), finish_reason=FinishReason.STOP))
    assert (message.content, message.refusal) == (None, "I can't help with that.")


def test_thinking_goes_by_the_names_that_code_reads() -> None:
    """`reasoning_content` is what DeepSeek's API and LiteLLM say, `reasoning` what Groq, Together and OpenRouter do."""
    fields = message_of(response(Thinking("Let me "), Thinking("think."), Text("42"))).model_extra or {}
    assert fields["reasoning"] == fields["reasoning_content"] == "Let me think."
    assert "reasoning" not in response(Thinking("", signature="sig"), Text("42")).to_openai()["choices"][0]["message"]


def test_audio() -> None:
    audio = Audio(file_id="audio_1", data="UklGRg==", transcript="Hello", extra={"openai": {"expires_at": 7}})
    spoken = message_of(response(audio)).audio
    assert spoken is not None
    assert (spoken.id, spoken.data, spoken.transcript, spoken.expires_at) == ("audio_1", "UklGRg==", "Hello", 7)


def test_pictures_stand_where_routers_put_them() -> None:
    """OpenAI's form has no place for a picture in an answer; OpenRouter and LiteLLM put it into `images`."""
    message = message_of(response(Text("Here:"), PICTURE))
    assert (message.model_extra or {})["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}, "index": 0}
    ]


def test_citations_are_annotations() -> None:
    raw = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2}}
    text = Text(
        "Lisbon",
        citations=(
            Citation(url="https://example.com", start=0, end=6),
            Citation(title="a document without an address", cited_text="…"),
            Citation(raw=raw, dialect="openai"),
        ),
    )
    annotations = message_of(response(text)).annotations
    assert annotations is not None
    assert [each.url_citation.url for each in annotations] == ["https://example.com", "u"]
    assert annotations[0].url_citation.end_index == 6


def test_usage_is_counted_as_openai_does_where_classes_include_each_other() -> None:
    usage = Usage(
        input=10, cache_read=5, cache_write=3, cache_write_1h=2, audio_input=1, output=4, reasoning=6, audio_output=2
    )
    found = read(response(Text("x"), usage=usage)).usage
    assert found is not None
    assert (found.prompt_tokens, found.completion_tokens, found.total_tokens) == (21, 12, 33)
    assert found.prompt_tokens_details is not None
    assert found.completion_tokens_details is not None
    assert (found.prompt_tokens_details.cached_tokens, found.prompt_tokens_details.audio_tokens) == (5, 1)
    assert found.completion_tokens_details.reasoning_tokens == 6
    assert (found.prompt_tokens_details.model_extra or {}).get("cache_write_tokens", 5) == 5
    assert read(response(Text("x"), usage=Usage(input=3))).usage is not None


def test_facts_of_the_answer() -> None:
    extra = {"service_tier": "default", "system_fingerprint": "fp_1", "logprobs": {"content": [TOKEN]}}
    completion = read(response(Text("Hi"), extra=extra))
    assert (completion.service_tier, completion.system_fingerprint) == ("default", "fp_1")
    assert completion.choices[0].logprobs is not None
    assert completion.choices[0].logprobs.content is not None
    assert completion.choices[0].logprobs.content[0].token == "Hi"


@pytest.mark.parametrize("tier", ["standard", "on_demand", "batch", "standard_only"])
def test_a_service_tier_of_another_provider_is_no_service_tier_of_openai(tier: str) -> None:
    assert read(response(Text("Hi"), extra={"service_tier": tier})).service_tier is None


@pytest.mark.parametrize(
    "logprobs",
    [
        {"content": [{"token": "Hi", "logprob": -0.1}]},
        {"content": [{"logprobs": [-0.1], "token_ids": [7], "text": "Hi"}]},
        {"tokens": ["Hi"], "token_logprobs": [-0.1]},
        [{"token": "Hi", "logprob": -0.1}],
        {"content": "?"},
    ],
)
def test_log_probabilities_in_another_form_do_no_harm(logprobs: Any) -> None:
    found = read(response(Text("Hi"), extra={"logprobs": logprobs})).choices[0].logprobs
    assert found is None or found.content is None or all(token.top_logprobs == [] for token in found.content)


ANSWERS = {
    "text": (Text("Hello"),),
    "calls": (Text("Let me see."), CALL, CUSTOM),
    "call alone": (CALL,),
    "refusal": (Refusal("No."),),
    "thinking": (Thinking("Hm."), Text("42")),
    "audio": (Audio(file_id="audio_1"),),
    "nothing": (),
}


@pytest.mark.parametrize("parts", ANSWERS.values(), ids=ANSWERS)
def test_an_answers_message_goes_in_again_and_says_the_same(parts: tuple[AnyPart, ...]) -> None:
    """The commonest line of code written against that form: `messages.append(response.choices[0].message)`."""
    message = response(*parts).to_openai()["choices"][0]["message"]
    (again,) = read_messages([message])
    assert tuple(part for part in again.parts if not isinstance(part, Audio)) == tuple(
        part for part in parts if not isinstance(part, Audio)
    )
    dumped = ChatCompletionMessage.model_validate(message).model_dump(exclude_none=True)
    assert read_messages([dumped])[0].parts == again.parts


def test_what_only_one_dialect_knows_is_left_out() -> None:
    message = response(Text("x"), Opaque("anthropic", {"type": "server_tool_use"})).to_openai()["choices"][0]["message"]
    assert message["content"] == "x"
    assert "anthropic" not in str(message)


def test_vectors_in_openais_form() -> None:
    answer = EmbeddingResponse(
        embeddings=((0.5, 0.25), (1.0, 0.0)), model="text-embedding-3-small", usage=Usage(input=4)
    )
    found = CreateEmbeddingResponse.model_validate(answer.to_openai(), strict=True)
    assert [each.embedding for each in found.data] == [[0.5, 0.25], [1.0, 0.0]]
    assert [each.index for each in found.data] == [0, 1]
    assert (found.model, found.usage.prompt_tokens, found.usage.total_tokens) == ("text-embedding-3-small", 4, 4)
