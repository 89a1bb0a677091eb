"""What a wire cannot carry is a warning: requests whose degradation no other test shows, from the vendors' documents.

Each case is one request, the warnings that it must have, and what stands in its place in the body.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import understudy as u
from tests.sending.bodies import ASK, outcome
from tests.sending.conversations import PDF, PNG, WAV
from understudy.dialects import load
from understudy.dialects.base import Endpoint, Send, WarningLog
from understudy.dialects.quirks import Quirks
from understudy.dialects.replicate.encode_messages import encode_messages
from understudy.domain.content import CacheMark, Citation, Opaque, Provenance, Thinking
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, WireOrigin
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import HttpHead


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "ollama", "openai", "responses"])
def test_a_file_that_is_an_image_is_sent_as_one(dialect: str) -> None:
    file = u.Message.user(u.Text("Look"), u.File(data=PNG, media_type="image/png"))
    body, warned = outcome(dialect, file)
    assert warned == [("emulated", "file")]
    assert PNG in json.dumps(body)


def test_a_lifetime_of_a_cache_mark_that_anthropic_lacks_is_its_default() -> None:
    body, warned = outcome("anthropic", u.Message.user((u.Text("Hello", cache=CacheMark(ttl="2h")),)))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert warned == [("clamped", "cache")]


def test_a_failed_result_with_media_is_marked_by_a_text_at_anthropic() -> None:
    """Its API demands that "all content must be type `text` if `is_error` is true"."""
    result = u.ToolResult(call_id="c", content=(u.Text("No."), u.Image(data=PNG)), is_error=True)
    call = u.Message.assistant(u.ToolCall(id="c", name="f"))
    body, warned = outcome("anthropic", ASK, call, u.Message.tool(result))
    (block,) = body["messages"][-1]["content"]
    assert block == {
        "type": "tool_result",
        "tool_use_id": "c",
        "content": [
            {"type": "text", "text": "(The tool call failed.)"},
            {"type": "text", "text": "No."},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ],
    }
    assert warned == [("emulated", "tool result is_error")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini", "openai"])
@pytest.mark.parametrize("role", [u.Role.SYSTEM, u.Role.DEVELOPER])
def test_a_system_prompt_has_no_image(dialect: str, role: u.Role) -> None:
    body, warned = outcome(dialect, u.Message(role, (u.Text("Be brief"), u.Image(data=PNG))), ASK)
    assert ("Be brief" in json.dumps(body), PNG in json.dumps(body)) == (True, False)
    assert warned == [("dropped", "image")]


def test_anthropic_fetches_only_https() -> None:
    body, warned = outcome("anthropic", u.Message.user("Look", u.Image(url="http://example.com/a.png")))
    assert body["messages"][0]["content"] == [{"type": "text", "text": "Look"}]
    assert warned == [("dropped", "image url")]


def test_a_system_message_in_the_middle_stands_before_the_answer_at_anthropic() -> None:
    """ "a system message must follow a user message" and "must be last or be followed by an assistant message"."""
    quirks = Quirks(mid_system=True)
    order = (u.Message.system("Be brief."), ASK, u.Message.system("In verse."), u.Message.assistant("Oh."), ASK)
    body, warned = outcome("anthropic", *order, quirks=quirks)
    assert [message["role"] for message in body["messages"]] == ["user", "system", "assistant", "user"]
    assert (body["system"], body["messages"][1]["content"], warned) == ("Be brief.", "In verse.", [])
    body, warned = outcome("anthropic", ASK, u.Message.assistant("Oh."), u.Message.system("In verse."), quirks=quirks)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["system"] == "In verse."
    assert warned == [("emulated", "messages")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini"])
def test_a_conversation_of_which_nothing_is_left_becomes_a_message_with_a_warning(dialect: str) -> None:
    foreign = Thinking("Hmm.", provenance=Provenance("another"))
    body, warned = outcome(dialect, u.Message.assistant(foreign))
    assert len(body["contents" if dialect == "gemini" else "messages"]) == 1
    assert warned == [("dropped", "thinking"), ("emulated", "messages")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini"])
def test_a_tool_message_that_answers_no_call_is_left_out_with_a_warning(dialect: str) -> None:
    body, warned = outcome(dialect, ASK, u.Message(u.Role.TOOL, "18 degrees"))
    assert "18 degrees" not in json.dumps(body)
    assert warned == [("dropped", "tool message")]


def test_an_answer_that_cannot_be_continued_is_followed_by_a_user_message_at_anthropic() -> None:
    body, warned = outcome("anthropic", u.Message.assistant("Oh."), quirks=Quirks(prefill=False))
    assert [message["role"] for message in body["messages"]] == ["assistant", "user"]
    assert warned == [("emulated", "messages")]


def test_fields_of_a_message_that_is_merged_into_another_are_kept_at_anthropic() -> None:
    second = u.Message(u.Role.USER, "And?", extra={"anthropic": {"x_own": 1}})
    body, _ = outcome("anthropic", ASK, second)
    (message,) = body["messages"]
    assert (len(message["content"]), message["x_own"]) == (2, 1)


def test_anthropic_accepts_no_mark_of_an_hour_behind_one_of_five_minutes() -> None:
    """The mark of the whole request counts as the last."""
    short = u.Message.user((u.Text("Hello", cache=CacheMark(ttl="5m")),))
    body, warned = outcome("anthropic", short, cache=CacheMark(ttl="1h"))
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert warned == [("clamped", "cache")]


def test_a_target_without_the_switch_of_parallel_calls_gets_none() -> None:
    quirks = Quirks(parallel_switch=False)
    body, warned = outcome("anthropic", ASK, quirks=quirks, tools=(u.Tool(name="f"),), parallel_tool_calls=False)
    assert "tool_choice" not in body
    assert warned == [("dropped", "parallel_tool_calls")]


def test_a_hosted_tool_of_cohere_excludes_an_output_format() -> None:
    tool = u.OpaqueTool("cohere", {"type": "function", "function": {"name": "f"}})
    output = u.OutputFormat(kind="json_object")
    body, warned = outcome("cohere", ASK, tools=(tool,), output=output)
    assert (body["tools"], "response_format" in body) == ([tool.json], False)
    assert warned == [("dropped", "output")]


@pytest.mark.parametrize("dialect", ["cohere", "ollama", "openai"])
def test_own_fields_of_a_function_are_merged_into_it(dialect: str) -> None:
    body, warned = outcome(dialect, ASK, tools=(u.Tool(name="f", extra={dialect: {"function": {"x_own": 1}}}),))
    function = body["tools"][0]["function"]
    assert (function["name"], function["x_own"], warned) == ("f", 1, [])


def test_a_form_of_the_answer_that_another_model_of_cohere_lacks_is_taken_out_of_a_body() -> None:
    whole = {"model": "b", "messages": [], "response_format": {"type": "json_object"}}
    came: dict[str, Any] = {"origin": WireOrigin("cohere", json.dumps(whole).encode())}
    form = u.OutputFormat(kind="json_object")
    assert outcome("cohere", output=form, **came) == ({**whole, "model": "a-model"}, [])
    body, warned = outcome("cohere", output=form, quirks=Quirks(output_formats=frozenset({"text"})), **came)
    assert body == {"model": "a-model", "messages": []}
    assert warned == [("dropped", "output")]


@pytest.mark.parametrize("dialect", ["cohere", "ollama"])
def test_thinking_between_tools_alone_cannot_be_asked_for(dialect: str) -> None:
    body, warned = outcome(dialect, ASK, reasoning=u.Reasoning(mode="between_tools"))
    thinking = body["think"] if dialect == "ollama" else body["thinking"]["type"] == "enabled"
    assert (thinking, warned) == (True, [("emulated", "reasoning")])


def test_a_target_of_cohere_that_refuses_thinking_gets_none_back() -> None:
    answer = u.Message.assistant((Thinking("Hmm.", provenance=Provenance("cohere")), u.Text("Oh.")))
    body, warned = outcome("cohere", ASK, answer, ASK, quirks=Quirks(refused=frozenset({"thinking"})))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Oh."}]
    assert warned == [("dropped", "thinking")]


def test_a_plan_of_cohere_has_no_citations_of_others() -> None:
    said = u.Text("As said.", citations=(Citation(dialect="cohere", raw={"start": 0, "end": 2, "text": "As"}),))
    call = u.Message.assistant((said, u.ToolCall(id="c", name="f")))
    body, warned = outcome("cohere", ASK, call, u.Message.tool(u.ToolResult(call_id="c", content="x")))
    assert (body["messages"][1]["tool_plan"], "citations" in body["messages"][1]) == ("As said.", False)
    assert warned == [("dropped", "citations")]


VECTORS = {
    "cohere": {"embeddings": {"float": [[1.0]]}},
    "gemini": {"embeddings": [{"values": [1.0]}]},
    "openai": {"data": [{"index": 0, "embedding": [1.0]}]},
}


@pytest.mark.parametrize("dialect", VECTORS)
def test_a_size_of_vectors_that_a_model_lacks_is_a_warning(dialect: str) -> None:
    quirks = Quirks(refused=frozenset({"dimensions"}))
    endpoint = Endpoint(provider="p", base_url="http://host", model="a-model", quirks=quirks)
    exchange = load(dialect).open(Operation.EMBED, EmbeddingRequest(texts=("a",), dimensions=8), endpoint)
    (send,) = exchange.start()
    assert isinstance(send, Send)
    assert b"8" not in (send.request.body or b"")
    exchange.head(HttpHead(200, {"content-type": "application/json"}))
    found = [*exchange.feed(json.dumps(VECTORS[dialect]).encode()), *exchange.close()]
    (answer,) = [step for step in found if isinstance(step, EmbeddingResponse)]
    assert ("dropped", "dimensions") in [(str(warning.kind), warning.what) for warning in answer.warnings]


def test_responses_refuses_recordings_as_files() -> None:
    endpoint = Endpoint(provider="p", base_url="http://host", model="a-model")
    film = u.File(data=base64.b64encode(b"\0\0\0\x18ftypmp42").decode(), media_type="video/mp4")
    request = u.GenerationRequest(messages=(u.Message.user(film),))
    *_, failure = load("responses").open(Operation.CHAT, request, endpoint).start()
    assert isinstance(failure, Failure)
    assert "video/mp4" in failure.message


@pytest.mark.parametrize(
    ("dialect", "several"), [("gemini", {"generationConfig": {"candidateCount": 2}}), ("openai", {"n": 2})]
)
def test_asking_for_several_answers_is_a_warning(dialect: str, several: dict[str, Any]) -> None:
    body, warned = outcome(dialect, ASK, extra={dialect: several})
    assert body.items() >= several.items()
    assert warned == [("dropped", "n")]


@pytest.mark.parametrize("name", ["previous_response_id", "prompt", "conversation"])
def test_responses_needs_no_input_beside_another_prompt(name: str) -> None:
    foreign = u.Message.assistant(Thinking("Hmm.", provenance=Provenance("another")))
    body, warned = outcome("responses", foreign, extra={"responses": {name: "x_1"}})
    assert (body[name], body["input"]) == ("x_1", [])
    assert warned == [("dropped", "thinking")]
    body, warned = outcome("responses", foreign)
    assert body["input"]
    assert warned == [("dropped", "thinking"), ("emulated", "messages")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini", "ollama", "openai", "responses"])
@pytest.mark.parametrize("role", [u.Role.USER, u.Role.ASSISTANT])
def test_a_citation_by_itself_is_left_out_with_a_warning(dialect: str, role: u.Role) -> None:
    own = u.Message(role, (u.Text("Hello"), Citation(url="https://example.com")))
    body, warned = outcome(dialect, ASK, own, ASK)
    assert "example.com" not in json.dumps(body)
    assert warned == [("dropped", "citations")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini", "openai", "responses"])
def test_addresses_that_no_vendor_fetches_are_not_sent(dialect: str) -> None:
    body, warned = outcome(dialect, u.Message.user("Look", u.Image(url="ftp://example.com/a.png")))
    assert "ftp://" not in json.dumps(body)
    assert warned == [("dropped", "image url")]


def test_an_empty_file_is_not_sent_to_gemini() -> None:
    body, warned = outcome("gemini", u.Message.user("Look", u.File(text="")))
    assert body["contents"][0]["parts"] == [{"text": "Look"}]
    assert warned == [("dropped", "file")]


@pytest.mark.parametrize("dialect", ["anthropic", "gemini", "replicate"])
def test_a_system_message_in_the_middle_goes_to_the_system_prompt_with_a_warning(dialect: str) -> None:
    order = (ASK, u.Message.assistant("Oh."), u.Message.system("In verse."), ASK)
    if dialect == "replicate":
        notes = WarningLog()
        assert encode_messages(order, notes).system == "In verse."
        warned = [(str(warning.kind), warning.what) for warning in notes.warnings]
    else:
        body, warned = outcome(dialect, *order)
        assert "In verse." in json.dumps(body.get("system") or body["systemInstruction"])
    assert warned == [("emulated", "messages")]


@pytest.mark.parametrize("dialect", ["openai", "responses"])
def test_the_one_lifetime_of_a_cache_mark_is_no_warning(dialect: str) -> None:
    quirks = Quirks(cache_breakpoints=True)
    for ttl, expected in ((None, []), ("30m", []), ("1h", [("dropped", "cache")])):
        marked = u.Message.user((u.Text("Hello", cache=CacheMark(ttl=ttl)),))
        body, warned = outcome(dialect, marked, quirks=quirks)
        assert "prompt_cache_breakpoint" in json.dumps(body)
        assert warned == expected


@pytest.mark.parametrize("dialect", ["openai", "responses"])
def test_details_of_an_image_that_openai_lacks_are_not_sent(dialect: str) -> None:
    body, warned = outcome(dialect, u.Message.user("Look", u.Image(data=PNG, detail="ultra")))
    assert "ultra" not in json.dumps(body)
    assert warned == [("dropped", "image detail")]


def test_a_file_of_which_nothing_can_be_sent_is_left_out_in_responses() -> None:
    for file, what in ((u.File(url="ftp://example.com/a.pdf"), "file url"), (u.File(name="a.pdf"), "file")):
        body, warned = outcome("responses", u.Message.user("Look", file))
        assert body["input"][0]["content"] == [{"type": "input_text", "text": "Look"}]
        assert warned == [("dropped", what)]


@pytest.mark.parametrize(
    ("tier", "sent", "warnings"),
    [
        ("auto", None, []),
        ("default", "standard", []),
        ("standard", "standard", []),
        ("flex", "flex", []),
        ("priority", "priority", []),
        ("scale", None, [("dropped", "service_tier")]),
    ],
)
def test_service_tiers_of_gemini(tier: str, sent: str | None, warnings: list[tuple[str, str]]) -> None:
    body, warned = outcome("gemini", ASK, service_tier=tier)
    assert (body.get("serviceTier"), warned) == (sent, warnings)


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini", "ollama", "openai", "responses"])
@pytest.mark.parametrize("role", [u.Role.USER, u.Role.ASSISTANT])
def test_parts_of_another_dialect_are_left_out_with_a_warning(dialect: str, role: u.Role) -> None:
    own = u.Message(role, (u.Text("Oh."), Opaque("another", {"type": "odd"})))
    body, warned = outcome(dialect, ASK, own, ASK)
    assert ("Oh." in json.dumps(body), "odd" in json.dumps(body)) == (True, False)
    assert warned == [("dropped", "opaque part")]


@pytest.mark.parametrize("dialect", ["anthropic", "ollama", "responses"])
def test_a_model_that_reads_only_its_own_thinking_gets_none_of_another(dialect: str) -> None:
    thought = Thinking("Hmm.", signature="c2ln", provenance=Provenance(dialect, model="b"))
    answer = u.Message.assistant((thought, u.Text("Oh.")))
    body, warned = outcome(dialect, ASK, answer, ASK, quirks=Quirks(thinking_bound_to_model=True))
    assert "Hmm." not in json.dumps(body)
    assert warned == [("dropped", "thinking")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "gemini", "ollama", "openai", "responses"])
@pytest.mark.parametrize("kind", ["image", "audio", "file"])
def test_media_that_a_model_does_not_accept_are_left_out_with_a_warning(dialect: str, kind: str) -> None:
    media: dict[str, u.Image | u.Audio | u.File] = {
        "image": u.Image(data=PNG), "audio": u.Audio(data=WAV), "file": u.File(data=PDF),
    }  # fmt: skip
    medium = media[kind]
    body, warned = outcome(dialect, u.Message.user("Look", medium), quirks=Quirks(inputs=frozenset()))
    assert str(medium.data) not in json.dumps(body)
    assert warned == [("dropped", kind)]


def test_a_tool_message_that_answers_no_call_is_the_users_in_chat_completions() -> None:
    body, warned = outcome("openai", ASK, u.Message(u.Role.TOOL, "18 degrees"))
    assert body["messages"][-1] == {"role": "user", "content": "18 degrees"}
    assert warned == [("emulated", "tool message")]


def test_the_name_of_a_message_is_spelled_as_openai_accepts_it() -> None:
    body, warned = outcome("openai", u.Message(u.Role.USER, "Hello", name="Ann Lee"))
    assert body["messages"] == [{"role": "user", "content": "Hello", "name": "Ann_Lee"}]
    assert warned == [("renamed", "name")]


@pytest.mark.parametrize("dialect", ["cohere", "ollama", "openai", "responses"])
def test_a_plain_text_file_is_sent_as_text_with_a_warning(dialect: str) -> None:
    body, warned = outcome(dialect, u.Message.user("Read", u.File(text="Plain words")))
    assert "Plain words" in json.dumps(body)
    assert warned == [("emulated", "file")]


@pytest.mark.parametrize("dialect", ["anthropic", "cohere", "openai", "responses"])
def test_an_answer_has_no_image(dialect: str) -> None:
    body, warned = outcome(dialect, ASK, u.Message.assistant(("Oh.", u.Image(data=PNG))), ASK)
    assert PNG not in json.dumps(body)
    assert warned == [("dropped", "image")]


def test_a_spoken_answer_without_an_id_is_its_transcript_in_chat_completions() -> None:
    spoken = u.Message.assistant(u.Audio(data=WAV, transcript="Well."))
    body, warned = outcome("openai", ASK, spoken, ASK)
    assert body["messages"][1] == {"role": "assistant", "content": "Well."}
    assert warned == [("emulated", "audio")]
    body, warned = outcome("openai", ASK, u.Message.assistant(("Oh.", u.Audio(data=WAV))), ASK)
    assert body["messages"][1] == {"role": "assistant", "content": "Oh."}
    assert warned == [("dropped", "audio")]


@pytest.mark.parametrize(("name", "value"), [("top_k", 5), ("min_p", 0.5)])
def test_sampling_beyond_openais_own_goes_to_servers_that_accept_it(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    assert outcome("openai", ASK, **options)[1] == [("dropped", name)]
    body, warned = outcome("openai", ASK, quirks=Quirks(accepts=frozenset({name})), **options)
    assert (body[name], warned) == (value, [])
