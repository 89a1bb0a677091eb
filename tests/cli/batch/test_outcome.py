from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.cli.batch.material import chat, embedding
from understudy.cli.batch import outcome
from understudy.cli.batch.lines import Line, parse_line
from understudy.dialects.openai.server import SERVER
from understudy.dialects.server import Inbound
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.errors import LLMError, Misuse, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.usage import Usage
from understudy.wire.http import HttpRequest

RAW = {"object": "chat.completion", "choices": [{"index": 0}, {"index": 1}], "made_up": {"kept": None}}


def line_of(**fields: Any) -> Line:
    return parse_line(msgspec.json.encode({**chat("a"), **fields}))


def attempt(**fields: Any) -> AttemptRecord:
    record = AttemptRecord(
        request_id="request",
        attempt_id="attempt",
        number=1,
        provider="primary",
        provider_type="openai",
        model="m",
        operation=Operation.CHAT,
        outcome=Outcome.WON,
        started=0.0,
        duration=1.0,
        dialect="openai",
    )
    return msgspec.structs.replace(record, **fields)


def cost(nano: int) -> Cost:
    return Cost(amount=Money(nano), source="configuration")


def written(line: Line, response: GenerationResponse | EmbeddingResponse) -> tuple[outcome.Outcome, Any]:
    inbound: Inbound = SERVER.parse(HttpRequest("POST", line.url, body=line.body))
    found = outcome.answered(line, response, SERVER, inbound)
    assert b"\n" not in found.record
    return found, msgspec.json.decode(found.record)


def test_a_provider_that_speaks_the_form_itself_is_quoted() -> None:
    raw = msgspec.json.format(msgspec.json.encode(RAW), indent=2)
    response = GenerationResponse(message=Message.assistant("hi"), raw=raw, attempts=(attempt(),))
    assert written(line_of(), response)[1]["response"]["body"] == RAW


@pytest.mark.parametrize(
    "fields", [{"raw": b'{"type": "message"}', "attempts": (attempt(dialect="anthropic"),)}, {"attempts": (attempt(),)}]
)
def test_any_other_answer_is_written_in_that_form(fields: dict[str, Any]) -> None:
    response = GenerationResponse(message=Message.assistant("hi"), **fields)
    body = written(line_of(), response)[1]["response"]["body"]
    assert body["choices"][0]["message"]["content"] == "hi"


def test_vectors_are_written_as_they_were_asked_for() -> None:
    response = EmbeddingResponse(embeddings=((0.5, 1.0),), raw=b'{"data": "packed"}', attempts=(attempt(),))
    plain = parse_line(msgspec.json.encode(embedding("a", "text")))
    packed = parse_line(msgspec.json.encode(embedding("a", "text", encoding_format="base64")))
    assert written(plain, response)[1]["response"]["body"]["data"][0]["embedding"] == [0.5, 1.0]
    assert isinstance(written(packed, response)[1]["response"]["body"]["data"][0]["embedding"], str)


@pytest.mark.parametrize(
    ("attempts", "spent", "told"),
    [
        ([attempt(cost=cost(1_500_000))], 1_500_000, 0.0015),
        ([attempt(cost=cost(7)), attempt(cost=cost(5))], 12, 1.2e-08),
        ([attempt(cost_basis=CostBasis.REFUSED), attempt(cost=cost(5))], 5, 5e-09),
        ([attempt(cost_basis=CostBasis.NOT_SENT), attempt(cost=cost(0))], 0, 0.0),
        ([attempt(cost_basis=CostBasis.UNKNOWN), attempt(cost=cost(5))], 5, None),
        ([attempt(cost_basis=CostBasis.EXACT)], 0, None),
    ],
)
def test_lost_attempts_cost_too_and_unknown_is_not_nothing(
    attempts: list[AttemptRecord], spent: int, told: float | None
) -> None:
    response = GenerationResponse(message=Message.assistant("hi"), attempts=tuple(attempts), usage=Usage(input=3))
    found, record = written(line_of(), response)
    assert (found.cost, found.cost_known, found.tokens) == (spent, told is not None, 3)
    assert record["understudy"]["cost_usd"] == told


@pytest.mark.parametrize(
    ("error", "status", "code", "own_fault", "again"),
    [
        (Misuse("unknown entry or model 'x'"), None, "misuse", False, None),
        (error_of(Failure(kind=FailureKind.CONNECT, message="no route")), None, "connect", False, None),
        (error_of(Failure(kind=FailureKind.TRUNCATED, message="cut", status=200)), None, "truncated", False, None),
        (error_of(Failure(kind=FailureKind.INVALID_REQUEST, message="no", status=400)), 400, None, True, None),
        (error_of(Failure(kind=FailureKind.RATE_LIMITED, message="slow", status=429)), 429, None, False, None),
        (
            error_of(Failure(kind=FailureKind.RATE_LIMITED, message="slow", status=429, retry_after=3)),
            *(429, None, False, 3),
        ),
        (error_of(Failure(kind=FailureKind.BILLING, message="pay", status=429, retry_after=3)), 429, None, False, None),
    ],
)
def test_an_error_says_what_it_was(
    error: LLMError, status: int | None, code: str | None, own_fault: bool, again: float | None
) -> None:
    found = outcome.failed(line_of(), error)
    record = msgspec.json.decode(found.record)
    if status is None:
        assert record["response"] is None
        assert record["error"] == {"code": code, "message": error.message}
    else:
        assert record["error"] is None
        assert record["response"]["status_code"] == status
        assert record["response"]["body"]["error"]["message"] == error.message
    assert (found.own_fault, found.retry_after) == (own_fault, again)
