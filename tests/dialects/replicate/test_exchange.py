"""One prediction, step by step: what is sent, when, and what becomes of what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.replicate.exchange import FIRST_POLL, LONGEST_HINT, MAX_MISSES, PredictionExchange
from understudy.domain import events as e
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead
from understudy.wire.json import decode, encode

BASE = "https://api.replicate.test"
K = FailureKind
JSON = {"content-type": "application/json"}
NOON, LATER, EARLIER = "Sun, 22 Nov 2026 12:00:00 GMT", "2026-11-22T12:00:00.5Z", "2026-11-22T11:59:59Z"
LOST = Failure(kind=K.DISCONNECTED, message="gone")
STREAM = "https://stream.replicate.com/v1/files/secret"


def model(**inputs: JsonObject) -> JsonObject:
    schemas = {"Input": {"properties": {"prompt": {"type": "string"}, **inputs}}}
    version = {"id": "v1", "openapi_schema": {"components": {"schemas": schemas}}}
    return {"owner": "o", "name": "n", "is_official": True, "latest_version": version}


def prediction(status: str, **fields: Any) -> JsonObject:
    return {"id": "p1", "model": "o/n", "status": status, "created_at": LATER, **fields}


class Conversation:
    """An exchange, and the answers to its requests."""

    def __init__(self, *, stream: bool = False, keep_wire: bool = False, **fields: Any) -> None:
        request = GenerationRequest(messages=(Message.user("hi"),), **fields)
        endpoint = Endpoint(provider="replicate", base_url=BASE, model="o/n", keep_wire=keep_wire)
        self.exchange = PredictionExchange(request, endpoint, stream=stream)
        self.steps: list[Any] = []
        self.sends: list[Send] = []
        self._take(self.exchange.start())

    def _take(self, steps: list[Any]) -> None:
        self.sends += [step for step in steps if isinstance(step, Send)]
        self.steps += [step for step in steps if not isinstance(step, Send)]

    def answer(self, body: JsonObject | bytes, status: int = 200, **headers: str) -> Conversation:
        data = body if isinstance(body, bytes) else encode(body)
        self._take(
            self.exchange.head(HttpHead(status, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}))
        )
        self._take(self.exchange.feed(data))
        self._take(self.exchange.close())
        return self

    def stream(self, data: bytes, *, ends: bool = True) -> Conversation:
        self._take(self.exchange.head(HttpHead(200, {"content-type": "text/event-stream"})))
        self._take(self.exchange.feed(data))
        if ends:
            self._take(self.exchange.close())
        return self

    def lose(self, failure: Failure = LOST) -> Conversation:
        self._take(self.exchange.lost(failure))
        return self

    @property
    def last(self) -> Send:
        return self.sends[-1]

    @property
    def asked(self) -> list[str]:
        return [f"{send.request.method} {send.request.url.removeprefix(BASE)}" for send in self.sends]

    @property
    def failure(self) -> Failure:
        found = self.steps[-1]
        assert isinstance(found, Failure)
        assert self.exchange.finished
        return found

    @property
    def text(self) -> str:
        return fold([step for step in self.steps if not isinstance(step, Failure)]).text


def made(**fields: Any) -> Conversation:
    return Conversation(**fields).answer(model(), date=NOON)


def event(name: str, *lines: str) -> bytes:
    return "\n".join([f"event: {name}", "id: 1:0", *(f"data: {line}" for line in lines), "", ""]).encode()


def test_an_elapsed_wait_goes_on_by_looking() -> None:
    talk = made().answer(prediction("processing", output=["He"]), 201)
    assert talk.last.after == FIRST_POLL
    talk.answer(prediction("processing", output=["He", "llo"])).answer(
        prediction("succeeded", output=["He", "llo"], metrics={"input_token_count": 2, "output_token_count": 1})
    )
    assert talk.asked == [
        "GET /v1/models/o/n",
        "POST /v1/models/o/n/predictions",
        "GET /v1/predictions/p1",
        "GET /v1/predictions/p1",
    ]
    assert [send.after for send in talk.sends[2:]] == [0.5, 0.75]
    answer = fold(talk.steps)
    assert (answer.text, answer.finish_reason, answer.usage.total, answer.id) == ("Hello", FinishReason.STOP, 3, "p1")
    assert talk.exchange.finished


def test_without_a_stream_new_pieces_come_from_looking() -> None:
    talk = made(stream=True).answer(prediction("starting", urls={}), 201)
    talk.answer(prediction("processing", output=["He"])).answer(prediction("processing", output=["He", "llo"]))
    assert [step.text for step in talk.steps if isinstance(step, e.TextDelta)] == ["He", "llo"]
    talk.answer(prediction("succeeded", output=["He", "llo", "!"]))
    assert talk.text == "Hello!"


@pytest.mark.parametrize(
    ("output", "text"), [("whole", "whole"), (None, ""), (["a", "b"], "ab"), ({"x": 1}, '{"x":1}'), ([1, 2], "[1,2]")]
)
def test_an_output_may_be_of_any_kind(output: Any, text: str) -> None:
    assert made().answer(prediction("succeeded", output=output), 201).text == text


def test_metrics_without_counts_leave_the_usage_unknown() -> None:
    answer = fold(made().answer(prediction("succeeded", output="x", metrics={"predict_time": 2.5}), 201).steps)
    assert answer.usage.total is None
    assert answer.usage.raw == {"predict_time": 2.5}
    assert fold(made().answer(prediction("succeeded", output="x"), 201).steps).usage.raw is None


def test_as_many_tokens_as_were_allowed_are_too_few() -> None:
    talk = Conversation(max_tokens=5).answer(model(max_tokens={"type": "integer"}))
    talk.answer(prediction("succeeded", output="x", metrics={"output_token_count": 5}), 201)
    assert fold(talk.steps).finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("error", "kind", "again"),
    [
        ("Prediction interrupted; please retry (code: PA)", K.SERVER_ERROR, None),
        ("CUDA out of memory. Tried to allocate 2 GiB", K.SERVER_ERROR, None),
        ("Model out of memory. (E1001)", K.SERVER_ERROR, None),
        ("Service is currently unavailable due to high demand (E003)", K.OVERLOADED, None),
        ("The input or output was flagged as sensitive. (E005)", K.CONTENT_FILTER, None),
        ("prompt is too long: 9000 tokens", K.CONTEXT_LENGTH, None),
        ("'NoneType' object has no attribute 'shape'", K.SERVER_ERROR, False),
        (None, K.SERVER_ERROR, False),
    ],
)
def test_a_prediction_fails_in_words(error: str | None, kind: FailureKind, again: bool | None) -> None:
    failure = made().answer(prediction("failed", error=error), 201).failure
    assert (failure.kind, failure.should_retry) == (kind, again)
    assert failure.message


@pytest.mark.parametrize(("status", "again"), [("canceled", False), ("aborted", None)])
def test_a_prediction_that_others_ended_is_a_failure_and_ends_the_looking(status: str, again: bool | None) -> None:
    talk = made().answer(prediction("starting"), 201).answer(prediction(status))
    assert (talk.failure.kind, talk.failure.code, talk.failure.should_retry) == (K.SERVER_ERROR, status, again)
    assert talk.exchange.abort() == []


def test_a_status_of_a_later_version_is_looked_at_again() -> None:
    talk = made().answer(prediction("pondering"), 202)
    assert talk.asked[-1] == "GET /v1/predictions/p1"
    assert not talk.exchange.finished


# ---- streams ----


def streaming(**fields: Any) -> Conversation:
    return made(stream=True, **fields).answer(prediction("starting", urls={"stream": STREAM}), 201)


def test_a_stream_at_another_host_gets_no_key() -> None:
    assert not streaming().last.reuse_credential
    assert dict(streaming().last.request.headers) == {"accept": "text/event-stream", "cache-control": "no-store"}
    home = made(stream=True).answer(prediction("starting", urls={"stream": f"{BASE}/v1/streams/1"}), 201)
    assert home.last.reuse_credential


def test_an_address_that_is_none_of_https_is_not_gone_to() -> None:
    talk = made(stream=True).answer(prediction("starting", urls={"stream": "http://stream.replicate.com/1"}), 201)
    assert talk.asked[-1] == "GET /v1/predictions/p1"


def test_pieces_are_text_as_it_stands() -> None:
    talk = streaming().stream(
        b": hi\n\n"
        + event("output", "One")
        + event("output", "  two", "", "three")
        + event("logs", "x")
        + event("done", "{}")
    )
    assert [step.text for step in talk.steps if isinstance(step, e.TextDelta)] == ["One", "  two\n\nthree"]
    assert talk.asked[-1] == "GET /v1/predictions/p1"
    talk.answer(prediction("succeeded", output=None))
    assert isinstance(talk.steps[-1], e.Finished)


def test_done_with_an_error_is_told_by_the_prediction() -> None:
    talk = streaming().stream(event("output", "so far") + event("done", '{"reason":"error"}'))
    talk.answer(prediction("failed", error="CUDA out of memory"))
    assert talk.failure.message == "CUDA out of memory"
    assert talk.exchange.abort() == []


def test_an_error_event_fails_and_leaves_a_prediction_to_cancel() -> None:
    talk = streaming().stream(event("output", "a") + event("error", '{"detail":"high demand"}') + event("output", "b"))
    assert (talk.failure.kind, talk.failure.message, talk.text) == (K.OVERLOADED, "high demand", "a")
    (cancel,) = talk.exchange.abort()
    assert isinstance(cancel, Send)
    assert (cancel.request.method, cancel.request.url) == ("POST", f"{BASE}/v1/predictions/p1/cancel")
    assert talk.exchange.abort() == [], "once is enough"
    assert streaming().stream(event("error", "plain words")).failure.message == "plain words"


def test_a_cut_stream_whose_prediction_says_otherwise_is_truncated() -> None:
    talk = streaming().stream(event("output", "One"))
    talk.answer(prediction("succeeded", output=["Another answer"]))
    assert talk.failure.kind is K.TRUNCATED


def test_a_stream_that_is_lost_is_looked_after() -> None:
    talk = streaming().stream(event("output", "One"), ends=False).lose()
    assert (talk.asked[-1], talk.last.after) == ("GET /v1/predictions/p1", 0.0)
    talk.answer(prediction("processing", output=["One", " two"])).answer(
        prediction("succeeded", output=["One", " two"])
    )
    assert talk.text == "One two"
    assert fold(talk.steps).finish_reason is FinishReason.STOP


def test_bytes_that_are_no_text_are_a_bad_response() -> None:
    assert streaming().stream(b"event: output\ndata: \xff\xfe\n\n").failure.kind is K.BAD_RESPONSE


def test_frames_are_kept_where_they_are_wanted() -> None:
    frames = [event("output", "One"), event("logs", "x"), event("output", ""), event("done", "{}")]
    talk = streaming(keep_wire=True).stream(b"".join(frames))
    talk.answer(prediction("succeeded", output=None, metrics={"output_token_count": 1}))
    assert [step.wire for step in talk.steps if step.wire] == frames
    assert None not in [step.wire for step in talk.steps]


# ---- what goes wrong on the way ----


def test_a_description_that_cannot_be_read_is_the_engines_to_repeat() -> None:
    assert Conversation().lose().failure == LOST
    failure = Conversation().answer({"detail": "Request was throttled. Your rate limit resets in ~30s."}, 429).failure
    assert (failure.kind, failure.retry_after) == (K.RATE_LIMITED, 30.0)


def test_looks_that_fail_are_repeated_so_many_times() -> None:
    talk = made().answer(prediction("starting"), 201)
    for _ in range(MAX_MISSES // 2):
        talk.lose().answer({"detail": "Internal server error"}, 500)
    assert not talk.exchange.finished
    assert talk.lose().failure == LOST
    assert talk.asked.count("POST /v1/models/o/n/predictions") == 1
    assert len(talk.exchange.abort()) == 1


def test_a_look_that_succeeds_forgets_those_that_failed() -> None:
    talk = made().answer(prediction("starting"), 201)
    for _ in range(3 * MAX_MISSES):
        talk.lose().answer(prediction("processing"))
    talk.answer(prediction("succeeded", output="x"))
    assert talk.text == "x"


def test_a_look_waits_as_long_as_it_is_asked_to_within_reason() -> None:
    talk = made().answer(prediction("starting"), 201)
    assert talk.answer({"detail": "slow down"}, 429, retry_after="7").last.after == 7.0
    assert talk.answer({"detail": "slow down"}, 429, retry_after="7000").last.after == LONGEST_HINT


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_look_that_will_never_succeed_is_not_repeated(status: int) -> None:
    talk = made().answer(prediction("starting"), 201).answer({"detail": "no"}, status)
    assert talk.failure.status == status


def test_a_create_without_an_answer_is_looked_for_and_never_sent_again() -> None:
    ours = decode(made().last.request.body or b"")["input"]
    others = [
        prediction("processing", id="p2", input={"prompt": "other"}),
        prediction("processing", id="p3", input=ours),
    ]
    talk = made().lose()
    assert talk.asked[-1] == "GET /v1/predictions"
    talk.answer({"results": others})
    assert talk.asked[-1] == "GET /v1/predictions/p3"
    assert talk.asked.count("POST /v1/models/o/n/predictions") == 1
    assert talk.answer(prediction("succeeded", id="p3", output="x")).text == "x"


@pytest.mark.parametrize(
    "answer",
    [
        {"results": []},
        {"results": [prediction("processing", created_at=EARLIER, input={"prompt": "hi"})]},
        {"results": [prediction("processing", created_at=None, input={"prompt": "hi"})]},
    ],
    ids=["none", "an older one", "undated"],
)
def test_a_create_that_left_no_prediction_fails_as_it_was_lost(answer: JsonObject) -> None:
    assert made().lose().answer(answer).failure == LOST


UNSURE = {
    "lost": lambda talk: talk.lose(),
    "a server error": lambda talk: talk.answer({"detail": "Internal server error"}, 500),
    "a gateway's page": lambda talk: talk.answer(b"<html>", 502, content_type="text/html"),
    "a broken answer": lambda talk: talk.answer(b'{"id": "p', 201),
}


@pytest.mark.parametrize("unsure", UNSURE.values(), ids=UNSURE)
def test_a_create_of_unknown_outcome_is_looked_for(unsure: Callable[[Conversation], Conversation]) -> None:
    talk = unsure(made())
    assert talk.asked[-1] == "GET /v1/predictions"
    ours = decode(made().last.request.body or b"")["input"]
    talk.answer({"results": [prediction("succeeded", id="p3", input=ours, output="x")]})
    assert talk.text == "x"
    failure = unsure(made()).answer({"results": []}).failure
    assert failure.should_retry is None, "nothing was made: it may be tried again"


@pytest.mark.parametrize("unsure", UNSURE.values(), ids=UNSURE)
def test_a_create_that_cannot_be_looked_for_is_not_repeated(unsure: Callable[[Conversation], Conversation]) -> None:
    assert unsure(made()).answer({"detail": "no"}, 500).failure.should_retry is False
    assert unsure(made()).answer(b"[1").failure.should_retry is False
    assert unsure(made()).lose().failure.should_retry is False
    undated = Conversation().answer(model())
    assert unsure(undated).failure.should_retry is False
    assert undated.asked.count("POST /v1/models/o/n/predictions") == 1


def test_a_create_that_never_left_is_not_looked_for() -> None:
    refused = Failure(kind=K.CONNECT, message="refused", sent=False)
    assert made().lose(refused).failure == refused


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"<html>"])
def test_a_create_with_a_broken_answer_is_a_bad_response(body: bytes) -> None:
    assert made().answer(body, 201).answer({"results": []}).failure.kind is K.BAD_RESPONSE


def test_input_that_the_model_refuses() -> None:
    problem: JsonObject = {
        "title": "Input validation failed",
        "detail": "- input.top_p: must be at most 1\n",
        "status": 422,
        "invalid_fields": [{"type": "invalid", "field": "input.top_p", "description": "must be at most 1"}],
    }
    failure = made().answer(problem, 422).failure
    assert (failure.kind, failure.param, failure.message) == (
        K.INVALID_REQUEST,
        "input.top_p",
        "- input.top_p: must be at most 1",
    )
