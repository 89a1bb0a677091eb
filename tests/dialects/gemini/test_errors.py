"""Google's errors, read as what they are: by reason and quota first, then words, then the canonical code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.gemini.helpers import asked, endpoint
from understudy.dialects.gemini.client import DIALECT
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.wire.http import HttpHead

RPC = "type.googleapis.com/google.rpc."


def read(status: int, code: str, message: str = "", *details: dict[str, Any], listed: bool = False) -> Failure:
    body: Any = {"error": {"code": status, "message": message, "status": code, "details": list(details)}}
    exchange = DIALECT.open(Operation.CHAT, asked(), endpoint())
    exchange.start()
    exchange.head(HttpHead(status, {"content-type": "application/json"}))
    steps = [*exchange.feed(json.dumps([body] if listed else body).encode()), *exchange.close()]
    assert isinstance(steps[-1], Failure)
    return steps[-1]


def reason(name: str) -> dict[str, Any]:
    return {"@type": f"{RPC}ErrorInfo", "reason": name, "domain": "googleapis.com"}


def quota(*ids: str) -> dict[str, Any]:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": one, "quotaValue": "10"} for one in ids]}


def delay(text: str) -> dict[str, Any]:
    return {"@type": f"{RPC}RetryInfo", "retryDelay": text}


MINUTE, DAY = "GenerateRequestsPerMinutePerProjectPerModel", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
LIMIT_0 = "Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-x\nPlease retry in 46.3s."


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (read(400, "INVALID_ARGUMENT", "API key not valid.", reason("API_KEY_INVALID")), K.AUTHENTICATION),
        (read(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), K.AUTHENTICATION),
        (read(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), K.AUTHENTICATION),
        (read(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers"), K.AUTHENTICATION),
        (read(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), K.AUTHENTICATION),
        (read(403, "PERMISSION_DENIED", "The caller does not have permission"), K.PERMISSION),
        (read(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), K.PERMISSION),
        (read(400, "FAILED_PRECONDITION", "Please enable billing on the project."), K.BILLING),
        (read(402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), K.BILLING),
        (read(429, "RESOURCE_EXHAUSTED", LIMIT_0, quota(MINUTE)), K.DAILY_QUOTA),
        (read(429, "RESOURCE_EXHAUSTED", "Quota exceeded", quota(MINUTE)), K.RATE_LIMITED),
        (read(429, "RESOURCE_EXHAUSTED", "Quota exceeded", quota(MINUTE, DAY)), K.DAILY_QUOTA),
        (read(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"), K.RATE_LIMITED),
        (read(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
         K.CONTEXT_LENGTH),
        (read(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
         K.REQUEST_TOO_LARGE),
        (read(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), K.INVALID_REQUEST),
        (read(404, "NOT_FOUND", "models/x is not found for API version v1beta"), K.NOT_FOUND),
        (read(409, "ABORTED"), K.CONFLICT),
        (read(500, "INTERNAL", "An internal error has occurred."), K.SERVER_ERROR),
        (read(503, "UNAVAILABLE", "The model is overloaded."), K.OVERLOADED),
        (read(504, "DEADLINE_EXCEEDED"), K.SERVER_ERROR),
    ],
)  # fmt: skip
def test_kinds(failure: Failure, kind: K) -> None:
    assert failure.kind is kind


def test_the_parts_of_an_error() -> None:
    failure = read(429, "RESOURCE_EXHAUSTED", "Wait.", quota(MINUTE), delay("46s"),
                   {"@type": f"{RPC}RequestInfo", "requestId": "r-1"}, listed=True)  # fmt: skip
    assert (failure.status, failure.type, failure.code) == (429, "RESOURCE_EXHAUSTED", MINUTE)
    assert (failure.message, failure.request_id, failure.retry_after) == ("Wait.", "r-1", 46.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("46s", 46.0), ("3.5s", 3.5), ("36000s", 36_000.0), ("86401s", None), ("0s", None), ("-4s", None), ("soon", None)],
)
def test_how_long_to_wait(text: str, seconds: float | None) -> None:
    assert read(429, "RESOURCE_EXHAUSTED", "Slow down.", delay(text)).retry_after == seconds


def test_the_field_comes_before_the_words() -> None:
    assert read(429, "RESOURCE_EXHAUSTED", "Please retry in 9s.", delay("46s")).retry_after == 46.0
    assert read(429, "RESOURCE_EXHAUSTED", "Please retry in 9s.").retry_after == 9.0


@pytest.mark.parametrize(
    "details", [None, "text", [3], [{"@type": 7}], [{"@type": f"{RPC}QuotaFailure", "violations": [1, {}]}]]
)
def test_odd_details_hide_nothing(details: Any) -> None:
    body = json.dumps({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": details}})
    exchange = DIALECT.open(Operation.CHAT, asked(), endpoint(), stream=True)
    exchange.start()
    exchange.head(HttpHead(429, {"content-type": "application/json"}))
    (failure,) = [*exchange.feed(body.encode()), *exchange.close()]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (K.RATE_LIMITED, None)
