"""How errors are reported: judged by what official clients make of the status and headers."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
import math
from typing import Any

import anthropic
import httpx
import openai
import pytest
from cohere.core import http_client as cohere
from hypothesis import given
from hypothesis import strategies as st

from understudy.dialects import load_server
from understudy.domain.failures import Failure, FailureKind
from understudy.gateway.clients import Client, client_of
from understudy.gateway.manners import MANNERS, OUTLOOK, REPLACED, Outlook, Said, manner_of, say

K = FailureKind
DIALECTS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama")
SDK = openai.OpenAI(api_key="sk-0", base_url="http://127.0.0.1:1")
CLAUDE = anthropic.Anthropic(api_key="sk-0", base_url="http://127.0.0.1:1")


def failure(kind: FailureKind, **fields: Any) -> Failure:
    return Failure(kind=kind, message="it failed", **fields)


def answer(said: Said, dialect: str) -> tuple[int, dict[str, str]]:
    """Return status and headers as a client receives them."""
    reply = load_server(dialect).render_error(said.failure)
    headers = {name: value for name, value in reply.headers if name not in REPLACED}
    return reply.status, {**headers, **dict(said.headers)}


def retries(dialect: str, status: int, headers: dict[str, str]) -> bool:
    """Return whether the official client of a dialect tries again."""
    response: Any = httpx.Response(status, headers=headers)
    if dialect == "anthropic":
        return CLAUDE._should_retry(response)
    return cohere._should_retry(response) if dialect == "cohere" else SDK._should_retry(response)


def waits(dialect: str, headers: dict[str, str]) -> float | None:
    """Return how long the official client of a dialect waits, if the headers state it."""
    response: Any = httpx.Response(503, headers=headers)
    match dialect:
        case "anthropic":
            return CLAUDE._parse_retry_after_header(response.headers)
        case "cohere":
            return cohere._parse_retry_after(response.headers)
        case _:
            return SDK._parse_retry_after_header(response.headers)


OFFICIAL = ("openai", "responses", "anthropic", "cohere")


@pytest.mark.parametrize("dialect", OFFICIAL)
@pytest.mark.parametrize("kind", [kind for kind in K if OUTLOOK[kind] is Outlook.PASSING])
def test_official_clients_try_again_what_may_pass(dialect: str, kind: FailureKind) -> None:
    for status in (None, 403, 429, 498, 500, 503, 529):
        for hint, wait in ((None, None), (0.2, 1), (7.5, 8), (3600.0, 60)):
            said = say(failure(kind, status=status, retry_after=hint), Client.UNKNOWN, dialect)
            code, headers = answer(said, dialect)
            assert retries(dialect, code, headers), (status, hint)
            assert waits(dialect, headers) == wait, (status, hint)


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic"])
@pytest.mark.parametrize("kind", [kind for kind in K if OUTLOOK[kind] is Outlook.LASTING])
@pytest.mark.parametrize("sent", [True, False])
def test_official_clients_stop_at_what_lasts(dialect: str, kind: FailureKind, sent: bool) -> None:
    said = say(failure(kind, retry_after=3600.0, sent=sent), Client.UNKNOWN, dialect)
    code, headers = answer(said, dialect)
    assert not retries(dialect, code, headers)
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("client", "dialect", "statuses"),
    [
        (Client.CODEX, "responses", (400, 400)),  # it sends a request six times at any other status from 400 on
        (Client.GEMINI_CLI, "gemini", (400, 400)),  # and Gemini CLI goes on at 429, whatever it is told
        (Client.CLAUDE_CODE, "anthropic", (402, 429)),  # x-should-retry: false ends its run
        (Client.OPENAI_SDK, "openai", (402, 429)),
    ],
)
def test_a_spent_budget_ends_the_run_of_an_agent(client: Client, dialect: str, statuses: tuple[int, int]) -> None:
    for kind, status, told in ((K.BILLING, 402, statuses[0]), (K.DAILY_QUOTA, 429, statuses[1])):
        own = Failure(kind=kind, message="spent", status=status, should_retry=False, sent=False, code="budget_exceeded")
        said = say(own, client, dialect)
        code, headers = answer(said, dialect)
        assert (code, "retry-after" in headers) == (told, False)
        assert dict(said.headers)["x-should-retry"] == "false"
        theirs = say(failure(kind, status=status, sent=True), client, dialect)
        assert answer(theirs, dialect)[0] == status


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("client", Client)
def test_every_error_can_be_reported_to_every_client(dialect: str, client: Client) -> None:
    for kind, status in itertools.product(K, (None, 400, 401, 429, 498, 503)):
        said = say(failure(kind, status=status, retry_after=2.5), client, dialect)
        code, headers = answer(said, dialect)
        assert 400 <= code <= 599
        assert set(headers) & {"x-should-retry", "retry-after"} == {name for name, _ in said.headers}
        assert said.forwards is (kind not in (K.AUTHENTICATION, K.PERMISSION, K.BILLING))
        if OUTLOOK[kind] is Outlook.PASSING:
            manner = manner_of(client, dialect)
            assert manner.retries(code) or not manner.retried


def test_the_outlook_is_known_or_said_to_be_unknown() -> None:
    assert set(OUTLOOK) == set(K)
    assert set(MANNERS) == set(Client)
    assert {kind for kind in K if OUTLOOK[kind] is Outlook.OPEN} == {
        *(K.TLS, K.NOT_SIGNED, K.REDIRECT, K.TOO_LARGE, K.SCHEMA_MISMATCH, K.UNKNOWN_STATUS),
        *(K.CANCELLED, K.DEADLINE, K.LOCAL),
    }


@pytest.mark.parametrize(
    ("kind", "fields", "client", "dialect", "status", "headers"),
    [
        # Codex gives up at a 429 and goes on after a 503, as soon as it is told to.
        (K.RATE_LIMITED, {"status": 429, "retry_after": 12.0}, Client.CODEX, "responses", 503,
         {"retry-after": "12", "x-should-retry": "true"}),
        (K.RATE_LIMITED, {"status": 429}, Client.CODEX, "responses", 503,
         {"retry-after": "5", "x-should-retry": "true"}),
        (K.SERVER_ERROR, {"status": 500}, Client.CODEX, "responses", 500,
         {"retry-after": "5", "x-should-retry": "true"}),
        # What lasts ends its run, too.
        (K.BILLING, {"status": 429}, Client.CODEX, "responses", 429, {"x-should-retry": "false"}),
        (K.BILLING, {}, Client.CODEX, "responses", 429, {"x-should-retry": "false"}),
        (K.INVALID_REQUEST, {"status": 400}, Client.CODEX, "responses", 400, {"x-should-retry": "false"}),
        # Claude Code has good pauses of its own, and gives up above a minute.
        (K.OVERLOADED, {"status": 529}, Client.CLAUDE_CODE, "anthropic", 529, {"x-should-retry": "true"}),
        (K.RATE_LIMITED, {"status": 429, "retry_after": 3600.0}, Client.CLAUDE_CODE, "anthropic", 429,
         {"retry-after": "60", "x-should-retry": "true"}),
        (K.DAILY_QUOTA, {"status": 429, "retry_after": 3600.0}, Client.CLAUDE_CODE, "anthropic", 429,
         {"x-should-retry": "false"}),
        # The provider's own verdict is passed on.
        (K.RATE_LIMITED, {"status": 429, "should_retry": False}, Client.CLAUDE_CODE, "anthropic", 429,
         {"x-should-retry": "false"}),
        # Gemini CLI does not retry a 409 or 408.
        (K.CONFLICT, {"status": 409}, Client.GEMINI_CLI, "gemini", 503, {"x-should-retry": "true"}),
        # Groq's 498 is a lack of capacity, which no client knows.
        (K.OVERLOADED, {"status": 498}, Client.OPENAI_SDK, "openai", 503, {"x-should-retry": "true"}),
        (K.OVERLOADED, {"status": 498}, Client.ANTHROPIC_SDK, "anthropic", 529, {"x-should-retry": "true"}),
        # Claude Code retries a 401 ten times, unless it is told not to.
        (K.AUTHENTICATION, {"status": 401, "sent": False}, Client.CLAUDE_CODE, "anthropic", 401,
         {"x-should-retry": "false"}),
        # A provider that refuses the gateway's key, as `replies.outward` reports it.
        (K.AUTHENTICATION, {"status": 502}, Client.CLAUDE_CODE, "anthropic", 502, {"x-should-retry": "false"}),
        # Nothing is claimed of what nobody knows.
        (K.DEADLINE, {}, Client.CLAUDE_CODE, "anthropic", 504, {}),
        (K.LOCAL, {}, Client.CODEX, "responses", 502, {}),
    ],
)  # fmt: skip
def test_what_each_client_is_told(
    kind: FailureKind, fields: dict[str, Any], client: Client, dialect: str, status: int, headers: dict[str, str]
) -> None:
    said = say(failure(kind, **fields), client, dialect)
    code, sent = answer(said, dialect)
    assert code == status
    assert {name: value for name, value in sent.items() if name in REPLACED} == headers


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ({"user-agent": "claude-cli/2.1.332 (external, sdk-cli)"}, Client.CLAUDE_CODE),
        ({"user-agent": "codex_exec/0.171.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.171.0)"}, Client.CODEX),
        ({"user-agent": "x", "originator": "codex_vscode"}, Client.CODEX),
        (
            {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro-preview (linux; x64; terminal)",
             "x-goog-api-client": "google-genai-sdk/1.30.0 gl-node/v20.20.2"},
            Client.GEMINI_CLI,
        ),
        ({"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14"}, Client.OPENCODE),
        ({"user-agent": "OpenAI/Python 2.54.0"}, Client.OPENAI_SDK),
        ({"user-agent": "AsyncOpenAI/Python 2.54.0"}, Client.OPENAI_SDK),
        ({"user-agent": "OpenAI/JS 6.1.0"}, Client.OPENAI_SDK),
        ({"user-agent": "AsyncAnthropic/Python 2.12.0"}, Client.ANTHROPIC_SDK),
        ({"user-agent": "google-genai-sdk/3.4.0 gl-python/3.11.7"}, Client.GOOGLE_SDK),
        ({"user-agent": "ollama-python/0.6.3 (x86_64 linux) Python/3.11.7"}, Client.OLLAMA_SDK),
        ({"user-agent": "curl/8.5.0"}, Client.UNKNOWN),
        ({"user-agent": "my claude-cli/1"}, Client.UNKNOWN),
        ({}, Client.UNKNOWN),
    ],
)  # fmt: skip
def test_clients_are_recognised(headers: dict[str, str], client: Client) -> None:
    assert client_of(headers) is client


def test_an_unknown_client_has_the_manners_of_its_dialect() -> None:
    assert manner_of(Client.UNKNOWN, "gemini") is MANNERS[Client.GOOGLE_SDK]
    assert manner_of(Client.UNKNOWN, "hf-features") is MANNERS[Client.UNKNOWN]
    assert manner_of(Client.CODEX, "openai") is MANNERS[Client.CODEX]


@given(
    st.sampled_from(K),
    st.none() | st.floats(),
    st.none() | st.integers(0, 999),
    st.none() | st.booleans(),
    st.sampled_from(Client),
)
def test_a_wait_is_whole_seconds_of_at_most_a_minute(
    kind: FailureKind, hint: float | None, status: int | None, should_retry: bool | None, client: Client
) -> None:
    headers = dict(
        say(failure(kind, retry_after=hint, status=status, should_retry=should_retry), client, "openai").headers
    )
    if (wait := headers.get("retry-after")) is not None:
        assert wait.isdigit()
        assert 1 <= int(wait) <= 60
        assert hint is None or not math.isfinite(hint) or hint < 0 or int(wait) >= min(hint, 60)
