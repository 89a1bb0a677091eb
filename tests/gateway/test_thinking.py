"""Thinking that travels sealed: for its caller alone, unchanged or not at all, and never to another vendor."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.gateway.conftest import Open
from tests.gateway.wandering import CLIENTS, SCRIPT, AnthropicClient, Client, ResponsesClient, thoughts_in
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.content import Provenance, Text, Thinking, ToolCall, ToolResult
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, WireOrigin
from understudy.domain.responses import GenerationResponse
from understudy.gateway.call_ids import FittingIds
from understudy.gateway.crossing import Crossing
from understudy.gateway.gathering import gathered
from understudy.gateway.returning import returned
from understudy.gateway.sealing import Seals
from understudy.gateway.thinking import Sealing

KEYS = [{"name": "alice", "key": "alice-0123456789abcdef"}, {"name": "bob", "key": "bob-0123456789abcdefgh"}]
ALICE, BOB = ({"x-api-key": each["key"]} for each in KEYS)
DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: https://ai.google.dev/gemini-api/docs/thought-signatures."""
SEALER = Seals().of("alice")
SEALED = SEALER.seal(b"[]", "thinking")


async def moved(opened: Open, client: type[Client], first: str, *others: str) -> tuple[Client, Any]:
    """Return a client with an answer of a vendor other than its own."""
    caller, emulator, _ = await opened(first, *others, gateway={"keys": KEYS})
    for provider in (first, *others):
        emulator.answers(provider, SCRIPT)
    wanderer = client(caller, ALICE)
    await wanderer.turn(first, stream=True)
    return wanderer, emulator


async def test_thinking_of_another_caller_is_left_out(opened: Open) -> None:
    wanderer, emulator = await moved(opened, AnthropicClient, "openai")
    wanderer.headers = BOB
    await wanderer.turn("openai", stream=False)
    assert thoughts_in("openai", emulator.requests("openai")[-1].body) == []
    assert "dropped thinking: the value was sealed for another caller" in wanderer.warnings[-1]
    wanderer.headers = ALICE
    await wanderer.turn("openai", stream=False)
    assert [text for text, _ in thoughts_in("openai", emulator.requests("openai")[-1].body)] == ["First I look."]


async def test_thinking_whose_text_was_changed_is_left_out(opened: Open) -> None:
    wanderer, emulator = await moved(opened, ResponsesClient, "anthropic")
    assert isinstance(wanderer, ResponsesClient)
    wanderer.input[1]["summary"][0]["text"] = "First I looked."
    await wanderer.turn("anthropic", stream=False)
    assert thoughts_in("anthropic", emulator.requests("anthropic")[-1].body) == []
    assert "dropped thinking: the text was changed" in wanderer.warnings[-1]


@pytest.mark.parametrize("client", ["anthropic", "responses", "gemini"])
@pytest.mark.parametrize("provider", ["cohere", "together", "groq"])
async def test_thinking_without_a_signature_never_reaches_the_clients_vendor(
    client: str, provider: str, opened: Open
) -> None:
    native = {"anthropic": "anthropic", "responses": "openai", "gemini": "google"}[client]
    wanderer, emulator = await moved(opened, CLIENTS[client], provider, native)
    await wanderer.turn(provider, stream=False)
    await wanderer.turn(native, stream=True)
    await wanderer.turn(provider, stream=False)
    for each in (native, provider):
        assert not [request.error for request in emulator.requests(each) if request.status != 200]
    assert "understudy1" not in json.dumps(emulator.requests(native)[-1].body)
    assert set(thoughts_in(native, emulator.requests(native)[-1].body)) <= {("", DUMMY)}


async def test_a_budget_for_thinking_waits_for_the_next_turn(opened: Open) -> None:
    """Anthropic refuses thinking by budget where another vendor began the turn."""
    caller, emulator, _ = await opened("groq", "anthropic")
    emulator.answers("groq", SCRIPT)
    emulator.answers("anthropic", SCRIPT)

    class Budgeted(AnthropicClient):
        def request(self, model: str, stream: bool) -> tuple[str, dict[str, Any]]:
            path, body = super().request(model, stream)
            edits = [{"type": "clear_thinking_20251015"}]
            return path, body | {
                "thinking": {"type": "enabled", "budget_tokens": 2000}, "context_management": {"edits": edits}
            }  # fmt: skip

    wanderer = Budgeted(caller, {"anthropic-beta": "context-management-2025-06-27", "anthropic-version": "2023-06-01"})
    await wanderer.turn("groq", stream=True)
    model = "anthropic/claude-haiku-4-5"
    await wanderer.turn(model, stream=False)
    body = emulator.requests("anthropic")[-1].body
    assert "thinking" not in body
    assert "context_management" not in body
    assert "dropped reasoning: this turn was begun by another model" in wanderer.warnings[-1]
    while wanderer.pending:
        await wanderer.turn(model, stream=False)
    await wanderer.turn(model, stream=False)
    assert emulator.requests("anthropic")[-1].body["thinking"]["type"] == "enabled"


def anthropic(*blocks: str) -> bytes:
    body = '{ "messages" : [ {"role":"user","content":"hi"}, {"role":"assistant", "content": [ %s ]} ],  "n": 1.0 }'
    return (body % " , ".join(blocks)).encode()


TEXT = '{"type" :"text","text":"\\u0061","x":1e2}'
OWN = '{"type":"thinking","thinking":"hm","signature":"own"}'
FOREIGN = f'{{"type":"thinking","thinking":"hm","signature":"{SEALED}"}}'
REDACTED = f'{{"type":"redacted_thinking","data":"{SEALED}"}}'


def clean(dialect: str, body: bytes) -> bytes:
    request, _ = returned(GenerationRequest(messages=(), origin=WireOrigin(dialect, body)), SEALER)
    assert request.origin is not None
    return request.origin.body


def test_everything_but_the_foreign_blocks_keeps_its_bytes() -> None:
    cleaned = clean("anthropic", anthropic(OWN, FOREIGN, TEXT, REDACTED))
    assert cleaned == anthropic(OWN, TEXT).replace(f"[ {OWN} , {TEXT} ]".encode(), f"[{OWN},{TEXT}]".encode())
    untouched = anthropic(OWN, TEXT)
    assert clean("anthropic", untouched) is untouched


def test_a_message_of_which_nothing_is_left_goes() -> None:
    cleaned = json.loads(clean("anthropic", anthropic(FOREIGN)))
    assert cleaned["messages"] == [{"role": "user", "content": "hi"}]


def test_the_word_in_a_text_changes_nothing() -> None:
    said = anthropic(f'{{"type":"text","text":"{SEALED}"}}')
    assert clean("anthropic", said) == said
    assert clean("responses", b'{"input": "understudy1p"}') == b'{"input": "understudy1p"}'
    assert clean("gemini", b'{"x": "understudy1p"}') == b'{"x": "understudy1p"}'


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_signatures_of_gemini_go_and_the_parts_stay(name: str) -> None:
    call = '{"functionCall":{"name":"look","args":{"n":1.0}}%s}'
    parts = [f'{{"text":"","thought":true,"{name}":"{SEALED}"}}', call % f',"{name}":"{SEALED}"', '{"text":"a"}']
    body = '{"contents":[{"role":"model","parts":[%s]}]}'
    cleaned = clean("gemini", (body % ",".join(parts)).encode())
    assert json.loads(cleaned) == json.loads(body % ",".join([call % "", '{"text":"a"}']))


def test_items_of_responses_go() -> None:
    item = '{"type":"reasoning","summary":[],"encrypted_content":"%s"}'
    body = '{"input":[{"role":"user","content":"hi"},%s]}'
    kept = item % "own"
    assert clean("responses", (body % f"{item % SEALED},{kept}").encode()) == (body % kept).encode()


def inbound_of(request: GenerationRequest) -> Inbound:
    return Inbound(operation=Operation.CHAT, request=request)


def crossing(face: str, *messages: Message) -> Crossing:
    return Crossing(face, inbound_of(GenerationRequest(messages=messages)), SEALER)


def answer(*parts: Any) -> GenerationResponse:
    return GenerationResponse(message=Message(Role.ASSISTANT, parts))


GEMINI = Provenance("gemini", "gemini-9", "google", "https://g.example")


@pytest.mark.parametrize("face", ["anthropic", "responses"])
def test_signatures_of_calls_and_texts_come_back(face: str) -> None:
    signed = {"gemini": {"thoughtSignature": "c2ln"}}
    parts = (
        Text("So.", provenance=GEMINI, extra=signed),
        ToolCall(id="call_1", name="look", provenance=GEMINI, extra=signed),
        ToolCall(id="call_2", name="look", provenance=GEMINI, extra={"gemini": {"functionCall": {"id": None}}}),
    )
    sent = crossing(face).response(answer(*parts)).message
    assert "c2ln" not in repr(sent)
    back = crossing(face, sent).request.messages[0]
    assert back.parts == (*parts[:2], ToolCall(id="call_2", name="look"))


@pytest.mark.parametrize("face", ["anthropic", "responses", "gemini"])
def test_all_fields_of_thinking_come_back(face: str) -> None:
    item: dict[str, Any] = {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [],
        "encrypted_content": "gAAA",
        "content": None,
    }
    origin = Provenance("responses" if face != "responses" else "anthropic", "m", "p", "s")
    own = {origin.dialect: item}
    thought = Thinking("Hm.", signature="gAAA", provenance=origin, extra=own)
    hidden = Thinking(redacted="secret", provenance=origin)
    call = ToolCall(id="call_1", name="look")
    sent = crossing(face).response(answer(thought, hidden, call)).message
    assert crossing(face, sent).request.messages[0].parts == (thought, hidden, call)


def test_a_stream_and_a_whole_answer_are_sealed_alike() -> None:
    origin = Provenance("responses", "m", "openai", "s")
    parts = (Thinking("Hm.", signature="ab", provenance=origin), Text("So."), ToolCall(id="c", name="look"))
    told: list[Any] = [
        e.Started(model="m"),
        e.ThinkingDelta(0, "H"),
        e.ThinkingDelta(0, "m."),
        e.ThinkingSigned(0, "a"),
        e.ThinkingSigned(0, "b"),
        e.TextDelta(1, "So."),
        e.ToolCallStarted(2, "c", "look"),
        e.ToolCallDelta(2, "{}"),
        e.Finished(FinishReason.TOOL_CALLS),
    ]
    sealing = Sealing("anthropic", SEALER, lambda: origin)
    streamed = fold([out for event in told for out in sealing.events([event])]).message
    whole = crossing("anthropic").response(answer(*parts)).message
    for sent in (streamed, whole):
        assert sent.parts[0] != parts[0]
        assert crossing("anthropic", sent).request.messages[0].parts == parts


def test_ids_of_calls_are_accepted_by_the_clients_vendor_and_never_repeated() -> None:
    history = (
        Message(Role.ASSISTANT, (ToolCall(id="call_0", name="look"),)),
        Message(Role.TOOL, (ToolResult(call_id="call_0", content="seen"),)),
    )
    given = [e.ToolCallStarted(n, call_id, "look") for n, call_id in enumerate(["functions.look:0", "call_0", "ok-1"])]
    odd, repeated, fine = (event.id for event in FittingIds("anthropic", history).events(given))
    assert odd.startswith("call_")
    assert repeated not in ("call_0", odd)
    assert fine == "ok-1"
    assert [event.id for event in FittingIds("anthropic", history).events(given)] == [odd, repeated, fine]
    assert FittingIds("openai", ()).events([e.ToolCallStarted(0, "x" * 41, "look")])[0].id != "x" * 41
    assert FittingIds("gemini", ()).events([e.ToolCallStarted(0, "a.b:c", "look")])[0].id == "a.b:c"


def test_ids_of_calls_in_the_clients_own_wire_format_stay_whether_the_answer_comes_whole_or_not() -> None:
    own, other = (Provenance(dialect, "m", "p", "https://one.test") for dialect in ("anthropic", "openai"))
    for author, stays in ((own, True), (other, False), (None, False)):
        ids = FittingIds("anthropic", (), partial(lambda author: author, author))
        events = [e.ToolCallStarted(0, "functions.look:0", "look"), e.TextDelta(1, "so")]
        assert (ids.events(events) == events) is stays
        if author is not None:
            whole = answer(ToolCall(id="functions.look:0", name="look", provenance=author))
            assert (ids.response(whole).message == whole.message) is stays


def test_pieces_of_a_stream_are_put_together() -> None:
    pieces = (
        Message(Role.USER, "hi"),
        Message(Role.ASSISTANT, (Thinking("H"), Thinking("m."))),
        Message(Role.ASSISTANT, (Text("So"), Text(" it"))),
        Message(Role.ASSISTANT, (Text(" is."), ToolCall(id="c", name="look"), Text(""))),
        Message(Role.USER, "on"),
    )
    whole = gathered(pieces)
    assert whole[1].parts == (Thinking("Hm."), Text("So it is."), ToolCall(id="c", name="look"))
    assert [message.role for message in whole] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert gathered(whole) is whole


async def test_ids_stay_the_same_from_vendor_to_vendor(opened: Open) -> None:
    """From Anthropic's client to OpenAI, to Anthropic, to OpenAI's Responses, with parallel calls."""
    caller, emulator, _ = await opened("groq", "anthropic", "openai")
    for provider in ("groq", "anthropic", "openai"):
        emulator.answers(provider, SCRIPT)
    wanderer = AnthropicClient(caller)
    for provider in ("groq", "openai", "anthropic", "openai", "groq", "anthropic", "openai", "anthropic"):
        await wanderer.turn(provider, stream=provider == "anthropic")
    known = [
        b["id"] for m in wanderer.messages for b in m["content"] if isinstance(b, dict) and b["type"] == "tool_use"
    ]
    assert len(set(known)) == len(known) == 7
    last = emulator.requests("openai")[-1].body["input"]
    calls = [item["call_id"] for item in last if item["type"] == "function_call"]
    results = [item["call_id"] for item in last if item["type"] == "function_call_output"]
    assert calls == results == known[: len(calls)]
    last = emulator.requests("groq")[-1].body["messages"]
    assert [each["tool_call_id"] for each in last if each["role"] == "tool"] == known[:4]


def test_what_needs_no_change_is_not_changed() -> None:
    request = GenerationRequest(messages=(Message.user("hi"), Message.assistant("So."), Message.user("on")))
    for face in ("openai", "anthropic", "responses", "gemini", "cohere", "ollama"):
        crossed = Crossing(face, inbound_of(request), SEALER).request
        assert crossed == request
        assert all(one is other for one, other in zip(crossed.messages, request.messages, strict=True))
    batch = [e.TextDelta(0, "a")]
    assert crossing("anthropic").events(batch) is batch
