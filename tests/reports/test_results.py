from __future__ import annotations

import msgspec
import pytest

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.errors import ConfigError, ContentFiltered, GenerationFailed, LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.reports.results import report_answer, report_attempt, report_error

FAILURE = Failure(kind=FailureKind.RATE_LIMITED, message="slow down", status=429, retry_after=1.5)
LOST = AttemptRecord(
    request_id="r",
    attempt_id="a",
    number=1,
    provider="main",
    provider_type="openai",
    model="gpt",
    operation=Operation.CHAT,
    outcome=Outcome.FAILED,
    started=1.0,
    duration=0.12345678,
    failure=FAILURE,
    usage=Usage(input=3, cache_write=2, cache_write_1h=1),
    next_step="fall back to local",
)


def test_an_attempt_has_every_key() -> None:
    assert msgspec.to_builtins(report_attempt(LOST)) == {
        "number": 1,
        "provider": "main",
        "provider_type": "openai",
        "model": "gpt",
        "outcome": "failed",
        "failure": {
            "kind": "rate_limited",
            "message": "slow down",
            "status": 429,
            "code": None,
            "retry_after": 1.5,
        },
        "waited": 0.0,
        "duration": 0.123457,
        "first_event": None,
        "usage": {
            "input": 3,
            "cache_read": None,
            "cache_write": 3,
            "output": None,
            "reasoning": None,
            "input_total": 6,
            "output_total": None,
            "total": 6,
        },
        "cost_usd": None,
        "next_step": "fall back to local",
    }


def test_an_attempt_shows_where_it_belongs_if_that_is_known() -> None:
    placed = msgspec.structs.replace(LOST, why="named by the call", route="fast", labels={"tenant": "acme"})
    shown = {name: value for name, value in report_attempt(placed).items() if name not in report_attempt(LOST)}
    assert shown == {"why": "named by the call", "route": "fast", "labels": {"tenant": "acme"}}


def test_an_answer_costs_what_its_failed_attempts_cost_too() -> None:
    cost = Cost(amount=Money(2_000_000), source="test")
    won = msgspec.structs.replace(LOST, number=2, outcome=Outcome.WON, failure=None, cost=cost)
    response = GenerationResponse(
        message=Message.assistant("Hi"), model="gpt", provider="main", finish_reason=FinishReason.STOP, cost=cost
    )
    report = report_answer(msgspec.structs.replace(response, attempts=(won, won)))
    assert (report["text"], report["finish_reason"], report["parsed"]) == ("Hi", "stop", None)
    assert (report["cost_usd"], report["total_cost_usd"]) == (0.002, 0.004)
    assert [attempt["number"] for attempt in report["attempts"]] == [2, 2]


@pytest.mark.parametrize(
    ("error", "group", "kind"),
    [
        (ConfigError("m"), "misuse", None),
        (
            ContentFiltered("m", failure=Failure(kind=FailureKind.CONTENT_FILTER, message="m")),
            "refused",
            "content_filter",
        ),
        (GenerationFailed("m", failure=FAILURE, attempts=(LOST,)), "unavailable", "rate_limited"),
    ],
)
def test_an_error_names_its_group(error: LLMError, group: str, kind: str | None) -> None:
    report = report_error(error)["error"]
    assert list(report) == ["group", "type", "kind", "message", "retry_after", "attempts"]
    assert (report["group"], report["type"], report["kind"]) == (group, type(error).__name__, kind)
    assert len(report["attempts"]) == len(error.attempts)
