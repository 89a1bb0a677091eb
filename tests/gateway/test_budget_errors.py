"""What callers of each wire format are told of a budget, a limit and a ceiling. Expectations are the vendors':

- OpenAI: https://platform.openai.com/docs/guides/error-codes and /guides/rate-limits (`insufficient_quota`; `requests`
  or `tokens` for a rate limit; `x-ratelimit-*`)
- Anthropic: https://platform.claude.com/docs/en/api/errors and /rate-limits (402 `billing_error`, 429
  `rate_limit_error`, a spent limit without `retry-after` and with `details.error_code`; `anthropic-ratelimit-*`)
- Google: https://ai.google.dev/gemini-api/docs/troubleshooting (`RESOURCE_EXHAUSTED`, `RetryInfo`)
- Cohere: https://docs.cohere.com/reference/errors (`message`), Ollama: https://docs.ollama.com/api/errors (`error`)
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.test_virtual_keys import FACES
from understudy.emulator import Emulator
from understudy.gateway.application import app

CHATS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama")
ALMOST_NOTHING = 1e-7
Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Ask a new gateway once, or `times`; return its last answer."""
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(("openai",)))

        async def asked(face: str, *, times: int = 1, priced: bool = True, **tables: Any) -> Answer:
            entry: dict[str, Any] = {"name": "main", "provider": "openai", "api_key": emulator.key}
            entry |= {"base_url": emulator.url("openai"), "text_model": "gpt-4.1-mini"}
            entry |= {"price": {"input": 0.4, "output": 1.6}} if priced else {}
            served = app({"llm": {"providers": [entry], "fallback": {"max_attempts": 1}, **tables}})
            stack.push_async_callback(served.aclose)
            path, body = FACES[face]
            for _ in range(times - 1):
                assert (await Asgi(served).post(path, body)).status == 200
            return await Asgi(served).post(path, body)

        yield asked


def told(answer: Answer, face: str) -> tuple[str, str | None, str | None]:
    """Return the message of an error, and its type and code where the wire format has them."""
    body = answer.json
    match face:
        case "openai" | "responses":
            error = body["error"]
            assert error.keys() == {"message", "type", "param", "code"}
            return error["message"], error["type"], error["code"]
        case "anthropic":
            assert (body["type"], body["request_id"]) == ("error", answer.headers["request-id"])
            error = body["error"]
            return error["message"], error["type"], error["details"]["error_code"]
        case "gemini":
            error = body["error"]
            assert error["code"] == answer.status
            reasons = [each["reason"] for each in error["details"] if each["@type"].endswith("ErrorInfo")]
            return error["message"], error["status"], reasons[0]
        case "cohere":
            return body["message"], None, None
    assert body.keys() == {"error"}
    return body["error"], None, None


def kinds(of_openai: str, of_anthropic: str, of_google: str, code: str) -> dict[str, tuple[str | None, str | None]]:
    """Return the type and code by wire format."""
    return {
        **dict.fromkeys(("openai", "responses"), (of_openai, code)),
        "anthropic": (of_anthropic, code),
        "gemini": (of_google, code),
        **dict.fromkeys(("cohere", "ollama"), (None, None)),
    }


def no_limits(answer: Answer) -> bool:
    return not [name for name in answer.headers if "ratelimit" in name or name == "retry-after"]


@pytest.mark.parametrize("face", CHATS)
async def test_a_budget_for_all_time(face: str, ask: Ask) -> None:
    answer = await ask(face, budgets=[{"name": "team", "max": ALMOST_NOTHING, "period": "total"}])
    message, *kind = told(answer, face)
    expected = kinds("insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", "budget_exceeded")
    assert (answer.status, tuple(kind)) == (402, expected[face])
    assert re.fullmatch(
        r"the budget team is exceeded: of \$0\.000000100 \$0\.000000000 are spent, "
        r"and this request may cost \$0\.\d{9}",
        message,
    )
    assert no_limits(answer)


@pytest.mark.parametrize("period", ["day", "month"])
@pytest.mark.parametrize("face", CHATS)
async def test_a_budget_that_resets(face: str, period: str, ask: Ask) -> None:
    answer = await ask(face, budgets=[{"name": "team", "max": ALMOST_NOTHING, "period": period}])
    message, *kind = told(answer, face)
    expected = kinds("insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED", "budget_exceeded")
    assert (answer.status, tuple(kind)) == (429, expected[face])
    first = r"\d\d" if period == "day" else "01"
    end = rf"; it resets at 20\d\d-\d\d-{first} 00:00 UTC"
    assert re.match(rf"the budget team is exceeded: of \$0\.000000100 a {period} .*{end}$", message)
    assert no_limits(answer), "clients that wait for whatever they are told would wait for hours"


@pytest.mark.parametrize("face", CHATS)
async def test_what_a_request_may_cost(face: str, ask: Ask) -> None:
    answer = await ask(face, fallback={"max_cost": ALMOST_NOTHING})
    message, *kind = told(answer, face)
    expected = kinds("insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", "max_cost_exceeded")
    assert (answer.status, tuple(kind)) == (402, expected[face])
    assert re.match(
        r"at main/gpt-4.1-mini this request may cost \$0\.\d{9}, and its max_cost is \$0\.000000100;", message
    )


@pytest.mark.parametrize("face", CHATS)
async def test_a_target_without_a_price(face: str, ask: Ask) -> None:
    budgets = [{"name": "team", "max": 1, "period": "total"}]
    answer = await ask(face, priced=False, budgets=budgets)
    message, *kind = told(answer, face)
    expected = kinds("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "price_unknown")
    assert (answer.status, tuple(kind)) == (400, expected[face])
    assert "the price of main/gpt-4.1-mini is unknown" in message
    assert "the budget team" in message


@pytest.mark.parametrize(
    ("limit", "unit", "most"), [({"requests_per_minute": 1}, "requests", 1), ({"tokens_per_minute": 3}, "tokens", 3)]
)
@pytest.mark.parametrize("face", CHATS)
async def test_a_limit_of_a_minute(face: str, limit: dict[str, int], unit: str, most: int, ask: Ask) -> None:
    answer = await ask(face, times=2, limits=[limit])
    message, *kind = told(answer, face)
    expected = kinds(unit, "rate_limit_error", "RESOURCE_EXHAUSTED", "rate_limit_exceeded")
    assert (answer.status, tuple(kind)) == (429, expected[face])
    said = re.fullmatch(rf"the limit of {most} {unit} a minute for all is reached; try again in (\d+) s", message)
    assert said is not None
    assert 1 <= int(said[1]) <= 60
    if face == "gemini":
        (delay,) = (each["retryDelay"] for each in answer.json["error"]["details"] if "retryDelay" in each)
        assert int(said[1]) == -(-float(delay.removesuffix("s")) // 1)
    else:
        assert answer.headers["retry-after"] == said[1]
    headers = {name: value for name, value in answer.headers.items() if "ratelimit" in name}
    match face:
        case "openai" | "responses":
            reset = headers.pop(f"x-ratelimit-reset-{unit}")
            assert reset == "1m0s" or int(said[1]) <= int(reset.removesuffix("s")) < 60
            assert headers == {f"x-ratelimit-limit-{unit}": str(most), f"x-ratelimit-remaining-{unit}": "0"}
        case "anthropic":
            reset = headers.pop(f"anthropic-ratelimit-{unit}-reset")
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", reset)
            assert headers == {
                f"anthropic-ratelimit-{unit}-limit": str(most),
                f"anthropic-ratelimit-{unit}-remaining": "0",
            }
        case _:
            assert headers == {}
