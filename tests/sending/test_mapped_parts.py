"""Parts of messages that only some requests have, as the vendors' documents want them sent."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.sending.bodies import ASK, sent
from tests.sending.conversations import PDF, PNG, WAV
from understudy.dialects import load
from understudy.dialects.base import Endpoint
from understudy.dialects.history import localize
from understudy.dialects.quirks import Quirks
from understudy.domain.content import Audio, Citation, Provenance, Refusal, Text, Thinking
from understudy.domain.operation import Operation


@pytest.mark.parametrize("more", [(), (ASK,)])
def test_media_in_results_follow_them_in_chat_completions(more: tuple[u.Message, ...]) -> None:
    quirks = Quirks(inputs=frozenset({"image", "audio", "file"}))
    result = u.ToolResult(call_id="c", content=(Text("See"), u.Image(data=PNG), Audio(data=WAV), u.File(data=PDF)))
    call = u.ToolCall(id="c", name="f")
    request = u.GenerationRequest(messages=(ASK, u.Message.assistant(call), u.Message.tool(result), *more))
    _, _, results, media, *rest = sent("openai", Operation.CHAT, request, quirks)["messages"]
    assert [part["type"] for part in results["content"]] == ["text"]
    assert media["role"] == "user"
    assert [part["type"] for part in media["content"]] == ["image_url", "input_audio", "file"]
    assert rest == [{"role": "user", "content": "Hello"}] * len(more)


@pytest.mark.parametrize("url", ["https://e.com/a.png", "http://e.com/a.png", "gs://bucket/a.png"])
def test_gemini_is_sent_the_urls_that_it_reads(url: str) -> None:
    request = u.GenerationRequest(messages=(u.Message.user("Look", u.Image(url=url)),))
    quirks = Quirks(inputs=frozenset({"image"}))
    part = sent("gemini", Operation.CHAT, request, quirks)["contents"][0]["parts"][1]
    assert part["fileData"]["fileUri"] == url


def test_plans_of_cohere_keep_their_citations() -> None:
    raw = {"start": 0, "end": 2, "text": "As", "type": "PLAN"}
    said = u.Text("As said.", citations=(Citation(dialect="cohere", raw=raw, start=0, end=2),))
    request = u.GenerationRequest(messages=(ASK, u.Message.assistant(said), ASK))
    (citation,) = sent("cohere", Operation.CHAT, request)["messages"][1]["citations"]
    assert (citation["start"], citation["end"], citation["text"]) == (0, 2, "As")


def test_plans_of_cohere_keep_their_own_citations() -> None:
    raw = {"start": 0, "end": 2, "text": "As", "type": "PLAN"}
    plan = Thinking("As said.", extra={"cohere": {"tool_plan": True, "citations": [raw]}})
    call = u.ToolCall(id="c", name="f")
    turns = (ASK, u.Message.assistant((plan, call)), u.Message.tool(u.ToolResult(call_id="c", content="x")))
    answer = sent("cohere", Operation.CHAT, u.GenerationRequest(messages=turns))["messages"][1]
    assert (answer["tool_plan"], answer["citations"]) == ("As said.", [raw])


ANSWERS: dict[str, Any] = {
    "anthropic": {"role": "assistant", "content": "Oh."},
    "cohere": {"role": "assistant", "content": "Oh."},
    "gemini": {"role": "model", "parts": [{"text": "Oh."}]},
    "ollama": {"role": "assistant", "content": "Oh."},
    "openai": {"role": "assistant", "content": "Oh."},
    "responses": {"type": "message", "role": "assistant", "content": "Oh."},
}


@pytest.mark.parametrize("dialect", ANSWERS)
def test_an_answer_of_one_string_is_a_message(dialect: str) -> None:
    body = sent(dialect, Operation.CHAT, u.GenerationRequest(messages=(ASK, u.Message.assistant("Oh."), ASK)))
    place = {"gemini": "contents", "responses": "input"}.get(dialect, "messages")
    assert body[place][1] == ANSWERS[dialect]


def test_citations_of_thinking_name_its_block_at_cohere() -> None:
    raw = {"start": 0, "end": 2, "text": "Hm", "type": "THINKING_CONTENT"}
    thought = Thinking("Hmm.", extra={"cohere": {"citations": [raw]}})
    request = u.GenerationRequest(messages=(ASK, u.Message.assistant((u.Text("Oh."), thought)), ASK))
    assert sent("cohere", Operation.CHAT, request)["messages"][1]["citations"] == [{**raw, "content_index": 1}]


def test_documents_in_results_of_tools_are_sent_as_they_came_at_cohere() -> None:
    document = {"document": {"id": "d-1", "data": {"title": "T", "text": "18 degrees"}}}
    result = u.ToolResult(call_id="c", content=(u.Text("18 degrees", extra={"cohere": document}),))
    turns = (ASK, u.Message.assistant(u.ToolCall(id="c", name="f")), u.Message.tool(result))
    message = sent("cohere", Operation.CHAT, u.GenerationRequest(messages=turns))["messages"][-1]
    assert message["content"] == [{"type": "document", **document}]


def test_counted_calls_have_the_signatures_that_gemini_demands() -> None:
    call = u.ToolCall(id="c", name="f")
    turns = (ASK, u.Message.assistant(call), u.Message.tool(u.ToolResult(call_id="c", content="x")))
    body = sent("gemini", Operation.COUNT_TOKENS, u.GenerationRequest(messages=turns), Quirks(thought_signatures=True))
    assert "thoughtSignature" in body["contents"][1]["parts"][0]


@pytest.mark.parametrize(
    ("dialect", "kept"),
    [("responses", ["image", "file"]), ("openai", []), ("cohere", []), ("gemini", ["image", "audio", "file"])],
)
def test_media_stay_in_results_where_the_vendor_reads_them(dialect: str, kept: list[str]) -> None:
    media = (u.Image(data=PNG), Audio(data=WAV), u.File(data=PDF))
    turns = (
        ASK,
        u.Message.assistant(u.ToolCall(id="c", name="f")),
        u.Message.tool(u.ToolResult(call_id="c", content=(Text("See"), *media))),
    )
    endpoint = Endpoint(provider="p", base_url="http://host", model="a-model")
    found = localize(u.GenerationRequest(messages=turns), load(dialect), endpoint).request.messages[2]
    (result,) = found.parts
    assert isinstance(result, u.ToolResult)
    kinds = [type(part).__name__.lower() for part in result.content if not isinstance(part, str | Text)]
    assert kinds == kept


def test_neighbouring_answers_are_one_turn_with_the_fields_of_both_at_gemini() -> None:
    second = u.Message(u.Role.ASSISTANT, "Well.", extra={"gemini": {"xOwn": 1}})
    contents = sent("gemini", Operation.CHAT, u.GenerationRequest(messages=(ASK, u.Message.assistant("Oh."), second)))
    assert contents["contents"][1:] == [{"role": "model", "parts": [{"text": "Oh."}, {"text": "Well."}], "xOwn": 1}]


def test_texts_around_a_result_are_messages_of_their_own_in_responses() -> None:
    call = u.Message.assistant(u.ToolCall(id="c", name="f"))
    mixed = u.Message(u.Role.USER, (Text("Before"), u.ToolResult(call_id="c", content="x"), Text("After")))
    *_, before, output, after = sent("responses", Operation.CHAT, u.GenerationRequest(messages=(ASK, call, mixed)))[
        "input"
    ]
    assert before["content"] == [{"type": "input_text", "text": "Before"}]
    assert output == {"type": "function_call_output", "call_id": "c", "output": "x"}
    assert after["content"] == [{"type": "input_text", "text": "After"}]


def test_a_file_by_its_url_has_a_name_in_responses() -> None:
    file = u.File(url="https://example.com/a.pdf", name="a.pdf")
    (message,) = sent("responses", Operation.CHAT, u.GenerationRequest(messages=(u.Message.user(file),)))["input"]
    assert message["content"] == [{"type": "input_file", "file_url": file.url, "filename": "a.pdf"}]


def test_a_result_among_an_answer_is_an_item_of_its_own_in_responses() -> None:
    parts = (u.ToolCall(id="c", name="f", arguments="{}"), u.ToolResult(call_id="c", content="x"), Text("Oh."))
    request = u.GenerationRequest(messages=(ASK, u.Message.assistant(parts)))
    assert sent("responses", Operation.CHAT, request)["input"][1:] == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "message", "role": "assistant", "content": "Oh."},
    ]


def test_fields_of_ollama_can_be_removed() -> None:
    """Older servers give calls no ids."""
    call = u.ToolCall(id="c", name="f", extra={"ollama": {"id": None}})
    message = sent("ollama", Operation.CHAT, u.GenerationRequest(messages=(ASK, u.Message.assistant(call))))
    assert message["messages"][1]["tool_calls"] == [{"function": {"name": "f", "arguments": {}}}]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "openai"])
def test_a_refusal_that_a_user_repeats_is_text(dialect: str) -> None:
    """OpenAI's user messages have no refusals (openai 2.54.0, `ChatCompletionContentPartParam`)."""
    request = u.GenerationRequest(messages=(u.Message.user((Text("You said:"), Refusal("No."))),))
    (message,) = sent(dialect, Operation.CHAT, request)["messages"]
    assert message["content"] == [{"type": "text", "text": "You said:"}, {"type": "text", "text": "No."}]


def test_audio_goes_by_its_url_where_a_target_reads_it_in_chat_completions() -> None:
    """Together's chat completions have the part `audio_url`."""
    request = u.GenerationRequest(messages=(u.Message.user(Audio(url="https://example.com/a.wav")),))
    (message,) = sent("openai", Operation.CHAT, request, Quirks(audio_urls=True))["messages"]
    assert message["content"] == [{"type": "audio_url", "audio_url": {"url": "https://example.com/a.wav"}}]


def test_a_file_by_its_id_has_a_name_in_chat_completions() -> None:
    request = u.GenerationRequest(messages=(u.Message.user(u.File(file_id="file-1", name="a.pdf")),))
    (message,) = sent("openai", Operation.CHAT, request)["messages"]
    assert message["content"] == [{"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}}]


def test_answers_in_chat_completions_have_text_in_content_and_all_else_beside_it() -> None:
    call = u.ToolCall(id="c", name="f", arguments="{}")
    texts = (Text("Oh."), Text("Well.", extra={"openai": {"x_own": 1}}))
    foreign = Thinking("Hmm.", provenance=Provenance("another"))
    turns = (ASK, u.Message.assistant((*texts, call)), u.Message.assistant(foreign), ASK)
    _, said, nothing, _ = sent("openai", Operation.CHAT, u.GenerationRequest(messages=turns))["messages"]
    assert said == {
        "role": "assistant",
        "content": [{"type": "text", "text": "Oh."}, {"type": "text", "text": "Well.", "x_own": 1}],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert nothing == {"role": "assistant", "content": ""}
