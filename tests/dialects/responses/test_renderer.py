"""What the writer of streams does beyond what the official client sees."""

from __future__ import annotations

from tests.dialects.responses.sdk import (
    KEEPING,
    begun,
    call,
    completed,
    frames,
    message,
    read,
    read_whole,
    response,
    say,
    stream,
    text,
)
from understudy.dialects.responses.server import SERVER
from understudy.dialects.server import Inbound, Renderer
from understudy.domain import events as e
from understudy.domain.content import Provenance, Text, Thinking
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name

INBOUND = Inbound(operation=Operation.CHAT, request=GenerationRequest(messages=()), stream=True)


def written(*told: e.Event) -> bytes:
    renderer = SERVER.renderer(INBOUND)
    return b"".join(renderer.feed(event) for event in told) + renderer.close()


def test_frames_of_this_wire_are_passed_on_as_they_came() -> None:
    body = stream(
        *begun(),
        {"type": "response.dream", "x": 1},
        *say(0, "msg_1", "hi"),
        completed(response(message("msg_1", text("hi")))),
    )
    warned = e.Warned(Warning(WarningKind.DROPPED, "seed", "no such field"))
    assert written(warned, *read(body, endpoint=KEEPING).steps) == body


def test_an_error_after_passed_frames_is_numbered_on() -> None:
    renderer: Renderer = SERVER.renderer(INBOUND)
    parts = frames(*begun(), *say(0, "msg_1", "hi"))
    for step in read(b"".join(parts), endpoint=KEEPING).steps:
        renderer.feed(step)
    out = renderer.fail(Failure(kind=FailureKind.TRUNCATED, message="cut"))
    assert b'"sequence_number":%d' % len(parts) in out


def test_ids_and_phases_of_items_survive_the_typed_path() -> None:
    said = message("msg_9", text("I "), text("look."), phase="commentary")
    asked = call("fc_9", "call_a", "{}")
    body = stream(*begun(), *say(0, "msg_8", "hi"), completed(response(message("msg_8", text("hi")), said, asked)))
    before = fold(read(body).steps, dialect="responses")
    after = fold(read(written(*read(body).steps)).steps, dialect="responses")
    assert after.message == before.message
    reply = SERVER.render(before, INBOUND)
    assert fold(read_whole(reply.body).steps, dialect="responses").message == before.message


def test_a_part_that_goes_on_after_another_began_opens_a_new_item() -> None:
    out = written(e.TextDelta(0, "a"), e.ThinkingDelta(1, "hm"), e.TextDelta(0, "b"), e.Finished(FinishReason.STOP))
    found = fold(read(out).steps)
    assert found.text == "ab"
    assert [type(part) for part in found.message.parts] == [Text, Thinking, Text]


def test_what_comes_after_its_item_was_closed_still_reaches_the_whole_response() -> None:
    out = written(
        e.ThinkingDelta(0, "hm"), e.TextDelta(1, "a"), e.ThinkingSigned(0, "late"), e.Finished(FinishReason.STOP)
    )
    assert b'"encrypted_content":"late"' in out.rpartition(b"event:")[2]


def test_an_answer_of_nothing_is_still_a_stream() -> None:
    outcome = read(written(e.Finished(FinishReason.STOP)))
    assert outcome.failure is None
    assert fold(outcome.steps).message.parts == ()


def test_another_providers_signature_is_not_passed_off_as_ours() -> None:
    def shown(dialect: str) -> bytes:
        thought = Thinking("hm", signature="sealed", provenance=Provenance(dialect))
        return SERVER.render(GenerationResponse(message=Message.assistant((thought,))), INBOUND).body

    assert b"sealed" in shown("responses")
    assert b"sealed" not in shown("anthropic")
    assert b"hm" in shown("anthropic")


def test_log_probabilities_stand_at_the_text() -> None:
    noted = e.FactReported(
        "logprobs", {"content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    )
    answer = fold([e.TextDelta(0, "hi"), noted, e.Finished(FinishReason.STOP)])
    again = fold(read_whole(SERVER.render(answer, INBOUND).body).steps)
    assert again.extra["logprobs"] == noted.value
