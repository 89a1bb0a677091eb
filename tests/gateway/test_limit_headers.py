"""A limit of the gateway's own, in the headers of each wire format."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.conftest import Open
from understudy.domain.failures import Failure, FailureKind, LimitState
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.gateway.limit_headers import duration, limit_headers
from understudy.ledger import SqliteLedger

STATE = LimitState(unit="tokens", limit=1_000, remaining=20, resets_in=30.2)
FAILURE = Failure(kind=FailureKind.RATE_LIMITED, message="no", limit=STATE)


def test_each_dialect_has_its_own() -> None:
    assert limit_headers(FAILURE, "openai", 0.0) == (
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "20"),
        ("x-ratelimit-reset-tokens", "31s"),
    )
    assert limit_headers(FAILURE, "anthropic", 0.0) == (
        ("anthropic-ratelimit-tokens-limit", "1000"),
        ("anthropic-ratelimit-tokens-remaining", "20"),
        ("anthropic-ratelimit-tokens-reset", "1970-01-01T00:00:31Z"),
    )
    assert limit_headers(FAILURE, "gemini", 0.0) == ()
    assert limit_headers(Failure(kind=FailureKind.RATE_LIMITED, message="a provider's"), "openai", 0.0) == ()


@pytest.mark.parametrize(("seconds", "words"), [(6, "6s"), (360, "6m0s"), (3_600, "1h0m0s"), (0.2, "1s")])
def test_durations_are_written_as_openai_does(seconds: float, words: str) -> None:
    assert duration(seconds) == words


CHAT = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}
LIMIT = {"per": "all", "requests_per_minute": 10, "tokens_per_minute": 100_000}


def stated(headers: dict[str, str]) -> dict[str, str]:
    """Return what an answer states of limits."""
    return {name: value for name, value in headers.items() if "ratelimit" in name}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"], ids=["OpenAI behind it", "Anthropic behind it"])
async def test_an_answer_states_what_is_left(provider: str, streamed: bool, opened: Open) -> None:
    caller, _, _ = await opened(provider, limits=[LIMIT])
    body = {**CHAT, "model": provider, "stream": streamed}
    left: list[int] = []
    for _ in range(2):
        answer = await caller.post("/v1/chat/completions", body)
        assert answer.status == 200
        found = stated(answer.headers)
        assert found.keys() == {
            f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")
        }, "and nothing of the provider's own"
        assert (found["x-ratelimit-limit-requests"], found["x-ratelimit-limit-tokens"]) == ("10", "100000")
        assert 0 < int(found["x-ratelimit-reset-requests"].rstrip("s").replace("1m0", "60")) <= 60
        left.append(int(found["x-ratelimit-remaining-requests"]))
        assert 0 < int(found["x-ratelimit-remaining-tokens"]) < 100_000
    assert left[0] == 9
    assert left[1] in (8, 9), "9 if a minute began in between"
    answer = await caller.post("/v1/messages", body)
    found = stated(answer.headers)
    assert found["anthropic-ratelimit-requests-limit"] == "10"
    assert int(found["anthropic-ratelimit-requests-remaining"]) in (7, 8, 9)
    reset = datetime.strptime(found["anthropic-ratelimit-tokens-reset"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert reset.second == 0
    assert not any(name.startswith("x-ratelimit") for name in found)


async def test_vectors_state_it_too(opened: Open) -> None:
    caller, _, _ = await opened("openai", limits=[LIMIT])
    answer = await caller.post("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": ["a", "b"]})
    assert answer.status == 200
    assert stated(answer.headers)["x-ratelimit-remaining-requests"] == "9"


@pytest.mark.parametrize(
    "limits",
    [[], [{"per": "all", "concurrent": 5}], [{"per": "key", "only": ["bob"], "requests_per_minute": 10}]],
    ids=["no limit", "requests at once", "another caller's"],
)
async def test_without_a_limit_nothing_is_stated(limits: list[dict[str, Any]], opened: Open) -> None:
    plain, _, _ = await opened("openai")
    limited, _, _ = await opened("openai", limits=limits)
    for path in ("/v1/chat/completions", "/v1/messages"):
        ours, theirs = [(await each.post(path, {**CHAT, "model": "openai"})).headers for each in (limited, plain)]
        assert stated(ours).keys() == stated(theirs).keys(), "what the provider states stays as it is"
        assert stated(ours).get("x-ratelimit-limit-requests") != "10"


async def test_of_several_limits_the_tightest_is_stated_from_a_ledger_in_a_file(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    limits = [LIMIT, {"per": "provider", "requests_per_minute": 3}]
    async with Emulator(("openai",)) as emulator:
        entry = {"provider": "openai", "base_url": emulator.url("openai"), "api_key": emulator.key}
        gateway = app({"llm": {"providers": [entry], "limits": limits}}, sink=ledger)
        answer = await Asgi(gateway).post("/v1/chat/completions", {**CHAT, "model": "openai"})
        await gateway.aclose()
    ledger.close()
    found = stated(answer.headers)
    assert (found["x-ratelimit-limit-requests"], found["x-ratelimit-remaining-requests"]) == ("3", "2")
    assert found["x-ratelimit-limit-tokens"] == "100000"
