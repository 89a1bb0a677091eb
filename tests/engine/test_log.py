"""What stands in the log: a warning for each attempt that failed, with the request's id, and nothing of the others."""

from __future__ import annotations

import asyncio
import logging

import pytest

import understudy as u
from tests.engine.fakes import eventually
from tests.engine.servers import Asked, manager, message, serving
from understudy.dialects.classification import VERSION
from understudy.emulator import Emulator, Fault
from understudy.transport.base import TransportError


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "understudy"]


async def test_failed_attempts_are_warnings_and_won_ones_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", [Fault.error(u.FailureKind.SERVER_ERROR)])
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=u.Secret(emulator.key))
        async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1)) as llm:
            answer = await llm.generate("hi")
    first, second = answer.attempts
    assert (first.outcome, second.outcome) == (u.Outcome.FAILED, u.Outcome.WON)
    assert lines(caplog) == [f"request {first.request_id} attempt {first}"]
    assert [record.levelno for record in caplog.records if record.name == "understudy"] == [logging.WARNING]


async def test_a_code_that_no_row_knows_is_logged_for_whoever_looks_for_it(caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"error":{"message":"No","type":"server_error","code":"code_of_next_year"}}'

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(message("application/json", body, "500 Internal Server Error"))

    caplog.set_level(logging.DEBUG)
    async with serving(script) as servers, manager(*servers, max_retries=1) as llm:
        with pytest.raises(u.ServerFailed) as caught:
            await llm.generate("hi")
    (attempt,) = caught.value.attempts
    assert attempt.failure is not None
    assert attempt.failure.unknown_code == "code_of_next_year"
    row = f"the classification of {VERSION} has no row for the code 'code_of_next_year' of {attempt.provider}"
    assert lines(caplog)[0] == f"request {attempt.request_id} attempt 1: {row}"
    assert [record.levelno for record in caplog.records if record.name == "understudy"] == [10, logging.WARNING]


async def test_an_attempt_that_its_caller_gave_up_is_not_the_providers_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    records: list[u.AttemptRecord] = []
    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", always=Fault.slow_headers())
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=u.Secret(emulator.key))
        async with u.create_provider(config, observers=[records.append]) as llm:
            asking = asyncio.ensure_future(llm.generate("hi"))
            await eventually(lambda: bool(emulator.requests("openai")))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
    assert [record.outcome for record in records] == [u.Outcome.ABORTED]
    assert lines(caplog) == []


def test_the_error_of_a_transport_says_what_failed() -> None:
    failure = u.Failure(kind=u.FailureKind.DNS, message="no such host")
    assert str(TransportError(failure)) == "no such host"
    assert TransportError(failure).failure is failure
