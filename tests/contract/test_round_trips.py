"""What a server half writes, the client half of the same dialect reads: whole or streamed, own answers or another's."""

from __future__ import annotations

import msgspec
import pytest

from tests.contract.answers import Answer, answer_of, arguments, classes, matched
from tests.contract.driving import Outcome, drive, drive_reply
from tests.contract.framing import frames, payload
from tests.contract.native import CHATTING, endpoint, inbound
from tests.contract.recordings import Recording
from tests.contract.streams import HELLO, stream_of
from tests.contract.targets import dialect_name, dialect_of, endpoint_for, server_of
from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.domain import events as e
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.operation import Operation
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.wire.http import HttpHead

AWKWARD = (
    "\x00 \x1b[31m \x7f \u2028 \u2029 \ufeff 🌍 é\u0301",
    "data: [DONE]\n\ndata: {}\r\n\r\nevent: error\n: comment",
    '"}]}\\ \\u0000 </script>',
    " ",
)
"""Words that mean something to a careless framing."""


def written_whole(dialect: str, response: GenerationResponse) -> Outcome:
    reply = server_of(dialect).render(response, inbound(dialect))
    assert reply.status in (200, 201)
    return drive_reply(dialects.load(dialect).open(Operation.CHAT, HELLO, asking(dialect, response.model)), reply)


def asking(dialect: str, model: str | None) -> Endpoint:
    """Where the answering model was asked for: on a wire that names no model, that is all there is to know."""
    return msgspec.structs.replace(endpoint(dialect), model=model)


def written_stream(dialect: str, told: list[e.Event]) -> bytes:
    renderer = server_of(dialect).renderer(inbound(dialect, stream=True))
    return b"".join(renderer.feed(event) for event in told) + renderer.close()


def streamed(dialect: str, told: list[e.Event]) -> Outcome:
    renderer = server_of(dialect).renderer(inbound(dialect, stream=True))
    head = HttpHead(200, {name.lower(): value for name, value in renderer.headers})
    exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, asking(dialect, fold(told).model), stream=True)
    # At Replicate the stream is text alone: what else there is to tell, the prediction tells at its end.
    final = server_of(dialect).render(fold(told), inbound(dialect)).body if dialect == "replicate" else None
    return drive(exchange, head, [written_stream(dialect, told)], final=final)


def success(recording: Recording) -> list[e.Event] | None:
    """The events of a recorded answer; `None` when it is an error."""
    exchange = dialect_of(recording).open(Operation.CHAT, HELLO, endpoint_for(recording), stream=recording.streamed)
    outcome = drive(exchange, recording.head, [recording.body])
    return None if outcome.failure is not None else outcome.steps


def read(outcome: Outcome, dialect: str) -> GenerationResponse:
    assert outcome.failure is None, outcome.failure
    return fold(outcome.steps, dialect=dialect)


def test_an_answer_survives_its_own_server_half(chat: Recording) -> None:
    dialect, told = dialect_name(chat), success(chat)
    if told is None:
        return
    response = fold(told, dialect=dialect)
    whole, stream = read(written_whole(dialect, response), dialect), read(streamed(dialect, told), dialect)
    for answer in (answer_of(whole), answer_of(stream)):
        # The raw reason may have another spelling: `function_call` is said as `tool_calls` today.
        wanted = msgspec.structs.replace(answer_of(response), finish_reason_raw=answer.finish_reason_raw)
        assert answer == matched(answer, wanted)
    assert plain(whole) == plain(stream)


def plain(response: GenerationResponse) -> object:
    """The message as plain values; white space within arguments does not count."""
    parts = [msgspec.to_builtins(part) for part in response.message.parts]
    return [{**part, "arguments": arguments(part["arguments"])} if "arguments" in part else part for part in parts]


@pytest.mark.parametrize("dialect", CHATTING)
def test_an_answer_survives_another_server_half(chat: Recording, dialect: str) -> None:
    origin, told = dialect_name(chat), success(chat)
    if told is None or origin == dialect:
        return
    response = fold(told, dialect=origin)
    for outcome in (written_whole(dialect, response), streamed(dialect, told)):
        got, wanted = answer_of(read(outcome, dialect)), answer_of(response)
        if wanted.finish_reason not in SAYS[dialect]:
            got = msgspec.structs.replace(got, finish_reason=wanted.finish_reason)
        if not all(isinstance(call.arguments, dict) for call in wanted.calls):
            got = msgspec.structs.replace(got, calls=wanted.calls)  # Wires differ in what they make of a non-object.
        assert common(got, dialect) == common(wanted, dialect)


SAYS: dict[str, set[str]] = {
    "ollama": {"stop", "length", "tool_calls"},
    "anthropic": {"stop", "length", "tool_calls", "content_filter", "paused"},
    "responses": {"stop", "length", "tool_calls", "content_filter"},
    "openai": {"stop", "length", "tool_calls", "content_filter"},
    "replicate": {"stop"},
    "gemini": {"stop", "length", "tool_calls", "content_filter"},
    "cohere": {"stop", "length", "tool_calls", "content_filter"},
}
"""The finish reasons that a wire has a word for."""


def common(answer: Answer, dialect: str) -> object:
    """What a dialect can say of any answer. Where it has no place for a refusal, that is plain text."""
    said = () if dialect == "replicate" else answer.calls  # Predictions call no tools.
    calls = [(call.name, call.arguments if isinstance(call.arguments, dict) else None) for call in said]
    prompt = [
        answer.usage[name] or 0 for name in ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
    ]
    output = [answer.usage[name] or 0 for name in ("output", "reasoning", "audio_output")]
    finish = answer.finish_reason if answer.finish_reason in SAYS[dialect] else None
    return (answer.refusal or "") + answer.text, calls, finish, sum(prompt), sum(output), answer.model


@pytest.mark.parametrize("words", AWKWARD)
@pytest.mark.parametrize("dialect", CHATTING)
def test_awkward_words_survive(dialect: str, words: str) -> None:
    told: list[e.Event] = [
        e.Started(id="id-1", model="m", created=1.0),
        e.TextDelta(0, words),
        e.TextDelta(0, words),
        e.UsageReported(Usage(input=3, output=4)),
        e.Finished(FinishReason.STOP, None),
    ]
    # Replicate's stream carries bare text, in which a carriage return cannot be told from the end of a line.
    shown = words.replace("\r\n", "\n") if dialect == "replicate" else words
    assert read(streamed(dialect, told), dialect).text == shown * 2
    assert read(written_whole(dialect, fold(told)), dialect).text == words * 2


@pytest.mark.parametrize("dialect", CHATTING)
def test_unknown_usage_stays_unknown(dialect: str) -> None:
    told: list[e.Event] = [e.Started(model="m"), e.TextDelta(0, "hi"), e.Finished(FinishReason.STOP, None)]
    for outcome in (streamed(dialect, told), written_whole(dialect, fold(told))):
        assert read(outcome, dialect).usage.total in (None, 0)


@pytest.mark.parametrize("dialect", CHATTING)
def test_every_finish_reason_that_the_wire_has_survives(dialect: str) -> None:
    for reason in sorted(SAYS[dialect]):
        told: list[e.Event] = [e.Started(id="id-1", model="m"), e.TextDelta(0, "hi")]
        if reason == "tool_calls":
            told += [e.ToolCallStarted(1, "call_1", "look"), e.ToolCallDelta(1, '{"at":'), e.ToolCallDelta(1, "[1]}")]
        told.append(e.Finished(FinishReason(reason), None))
        for outcome in (streamed(dialect, told), written_whole(dialect, fold(told))):
            assert read(outcome, dialect).finish_reason == reason


COUNTED = {
    "openai": Usage(input=1, cache_read=2, cache_write=4, output=8, reasoning=16, audio_input=32, audio_output=64),
    "responses": Usage(input=1, cache_read=2, cache_write=4, output=8, reasoning=16),
    "anthropic": Usage(input=1, cache_read=2, cache_write=4, cache_write_1h=128, output=8, reasoning=16),
    "ollama": Usage(input=1, output=8),
    "cohere": Usage(input=1, cache_read=2, output=8, reasoning=16),
    "gemini": Usage(input=1, cache_read=2, output=8, reasoning=16),
    "replicate": Usage(input=1, output=8),
}
"""Every class of tokens that a wire counts apart."""


@pytest.mark.parametrize("dialect", CHATTING)
def test_every_class_of_tokens_that_the_wire_counts_survives(dialect: str) -> None:
    usage = COUNTED[dialect]
    told: list[e.Event] = [
        e.Started(id="id-1", model="m"),
        e.UsageReported(usage),  # ahead, as Anthropic says how long what was cached will last
        e.TextDelta(0, "hi"),
        e.Finished(FinishReason.STOP, None),
    ]
    for outcome in (streamed(dialect, told), written_whole(dialect, fold(told))):
        assert classes(read(outcome, dialect).usage) == classes(usage)


@pytest.mark.parametrize("counted", CHATTING)
@pytest.mark.parametrize("dialect", CHATTING)
def test_totals_survive_where_classes_cannot(dialect: str, counted: str) -> None:
    usage = COUNTED[counted]
    told: list[e.Event] = [e.Started(model="m"), e.TextDelta(0, "hi"), e.UsageReported(usage)]
    told.append(e.Finished(FinishReason.STOP, None))
    for outcome in (streamed(dialect, told), written_whole(dialect, fold(told))):
        got = read(outcome, dialect).usage
        assert (got.input_total, got.output_total) == (usage.input_total, usage.output_total)


def test_the_frames_of_the_same_dialect_are_forwarded(chat: Recording) -> None:
    if not chat.streamed or success(chat) is None:
        return
    dialect = dialect_name(chat)
    target = msgspec.structs.replace(endpoint_for(chat), keep_wire=True)
    told = drive(dialects.load(dialect).open(Operation.CHAT, HELLO, target, stream=True), chat.head, [chat.body]).steps
    if chat.body.startswith(b"["):
        # Gemini's growing array goes out as the events that its elements would be.
        written = frames(written_stream(dialect, told), lines=False)
        assert [payload(frame) for frame in written] == [payload(frame) for frame in stream_of(chat).frames]
        return
    written_bytes = written_stream(dialect, told)
    # What follows the end mark, such as a blank line, is not read any more.
    assert chat.body.startswith(written_bytes)
    assert not chat.body[len(written_bytes) :].strip()
