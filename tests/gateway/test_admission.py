"""Which requests the gateway serves at all, and what clients are told of those that it does not."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import Open
from understudy.domain.errors import ConfigError
from understudy.emulator import Fault
from understudy.gateway.application import app

CHAT = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = {**CHAT, "max_tokens": 50}
KEY = "alice-0123456789abcdef"
KEYS = {"keys": [{"name": "alice", "key": KEY}]}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/health/live", "/openapi.json", "/nothing"])
@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("local host", 400), ("a, b", 400)])
async def test_no_path_is_served_under_a_foreign_host(path: str, host: str, status: int, opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    for headers in ({"host": host}, {"host": host, "authorization": f"Bearer {KEY}"}):
        answer = await caller.post(path, CHAT, headers)
        assert answer.status == status
        assert "Host" in answer.text or "is not reached under the name" in answer.text
    assert not emulator.requests("openai")


async def test_configured_hosts_are_served(opened: Open) -> None:
    caller, _, _ = await opened("openai", gateway={"hosts": ["*.example"]})
    assert (await caller.post("/v1/chat/completions", CHAT, {"host": "gateway.example:443"})).status == 200
    with pytest.raises(ConfigError, match="is not a host name"):
        app({"llm": {"providers": [{"provider": "ollama"}], "gateway": {"hosts": ["https://gateway.example"]}}})


async def test_without_keys_only_this_machine_is_served(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    for peer, status in (("127.0.0.1", 200), ("::1", 200), ("192.168.1.7", 401), ("2001:db8::1", 401)):
        caller.peer = peer
        assert (await caller.post("/v1/chat/completions", CHAT)).status == status
    assert len(emulator.requests("openai")) == 2
    elsewhere, _, _ = await opened("openai", gateway={"host": "0.0.0.0"})
    assert (await elsewhere.post("/v1/chat/completions", CHAT)).status == 401


async def test_with_keys_every_machine_is_served(opened: Open) -> None:
    caller, _, _ = await opened("openai", gateway={"host": "0.0.0.0", **KEYS})
    caller.peer = "192.168.1.7"
    headers = {"host": "192.168.1.5:8484", "x-api-key": KEY}
    assert (await caller.post("/v1/chat/completions", CHAT, headers)).status == 200


async def test_without_keys_a_web_page_cannot_spend_money(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    page = {"origin": "https://evil.example", "content-type": "text/plain"}
    answer = await caller.post("/v1/chat/completions", CHAT, page)
    assert answer.status == 403
    assert "web pages" in answer.text
    assert not emulator.requests("openai")
    assert (await caller.post("/v1/chat/completions", CHAT, {"origin": "http://localhost:3000"})).status == 200
    # With keys there is nothing that a browser would send on behalf of another page.
    keyed, _, _ = await opened("openai", gateway=KEYS)
    assert (await keyed.post("/v1/chat/completions", CHAT, {**page, "x-api-key": KEY})).status == 200


CLAUDE = {"user-agent": "claude-cli/2.1.332 (external, sdk-cli)"}
CODEX = {"user-agent": "codex_exec/0.171.0", "originator": "codex_exec"}


async def test_a_wrong_key_is_not_tried_again(opened: Open) -> None:
    """Claude Code sends a request with a refused key ten times more, unless it is told not to."""
    caller, _, _ = await opened("openai", gateway=KEYS)
    answer = await caller.post("/v1/messages", MESSAGES, {**CLAUDE, "x-api-key": "wrong"})
    assert (answer.status, answer.json["error"]["type"]) == (401, "authentication_error")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "path", "status", "wait"),
    [
        (CODEX, "/v1/responses", 503, "60"),  # Codex gives up at a 429
        (CLAUDE, "/v1/messages", 429, "60"),  # and Claude Code if it would have to wait for longer than a minute
        ({}, "/v1/chat/completions", 429, "60"),
    ],
)
async def test_a_limit_is_reported_so_that_the_client_waits(
    headers: dict[str, str], path: str, status: int, wait: str, opened: Open
) -> None:
    caller, emulator, _ = await opened("openai", fallback={"max_retries": 1})
    emulator.script("openai", always=Fault.status(429, retry_after=90))
    body = {"model": "openai", "input": "hi"} if path == "/v1/responses" else MESSAGES
    answer = await caller.post(path, body, headers)
    assert (answer.status, answer.headers["retry-after"], answer.headers["x-should-retry"]) == (status, wait, "true")
