"""Sessions, from the headers and bodies that agents send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.dialects import load_server
from understudy.domain.content import Text
from understudy.domain.messages import Message, Role, Tool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.gateway.clients import Client
from understudy.gateway.sessions import Clues, Session, clues_of, scoped, session_of
from understudy.wire.http import HttpRequest

UUID = "0b8f8a0e-6a5e-4f5b-9a43-0d2f6c1f8f10"
CHILD = "5f0c1f9e-2222-4f5b-9a43-0d2f6c1f8f11"
CLAUDE = {"user-agent": "claude-cli/2.1.197 (external, cli)", "x-claude-code-session-id": UUID}
CODEX = {"user-agent": "codex_exec/0.171.0 (Debian 12; x86_64)", "originator": "codex_exec", "session-id": UUID}
OPENCODE = {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.1", "x-session-id": "ses_1"}


@pytest.mark.parametrize(
    ("headers", "clues", "session"),
    [
        # our own header prevails over everything
        (
            {**CLAUDE, "x-understudy-session": "mine"},
            Clues(cache_key="k"),
            Session(id="mine", kind="named", client=Client.CLAUDE_CODE),
        ),
        # Claude Code, as it comes, and with CLAUDE_CODE_GATEWAY_HINT_HEADERS=1
        (CLAUDE, Clues(user="{}"), Session(id=UUID, kind="client", client=Client.CLAUDE_CODE)),
        (
            {**CLAUDE, "x-claude-code-request-class": "main"},
            Clues(),
            Session(id=UUID, kind="client", client=Client.CLAUDE_CODE, request_class="main"),
        ),
        (
            {
                **CLAUDE,
                "x-claude-code-agent-id": "a1",
                "x-claude-code-parent-agent-id": "a0",
                "x-claude-code-request-class": "workflow",
                "x-claude-code-agent-type": "Explore",
            },
            Clues(),
            Session(
                id=f"{UUID}/a1",
                kind="client",
                client=Client.CLAUDE_CODE,
                request_class="workflow",
                agent="a1",
                parent="a0",
                agent_type="Explore",
            ),
        ),
        (
            {**CLAUDE, "x-claude-code-agent-id": "a1"},
            Clues(),
            Session(id=f"{UUID}/a1", kind="client", client=Client.CLAUDE_CODE, request_class="subagent", agent="a1"),
        ),
        # A class that this version does not know is not guessed at.
        (
            {**CLAUDE, "x-claude-code-request-class": "dreaming"},
            Clues(),
            Session(id=UUID, kind="client", client=Client.CLAUDE_CODE),
        ),
        # Codex
        (
            {**CODEX, "thread-id": UUID},
            Clues(cache_key=UUID),
            Session(id=UUID, kind="client", client=Client.CODEX),
        ),
        (CODEX, Clues(), Session(id=UUID, kind="client", client=Client.CODEX)),
        (
            {
                **CODEX,
                "thread-id": CHILD,
                "x-codex-parent-thread-id": UUID,
                "x-openai-subagent": "collab_spawn",
            },
            Clues(cache_key=UUID),
            Session(id=CHILD, kind="client", client=Client.CODEX, request_class="subagent", parent=UUID),
        ),
        (
            {**CODEX, "x-openai-subagent": "compact"},
            Clues(),
            Session(id=UUID, kind="client", client=Client.CODEX, request_class="compaction"),
        ),
        # opencode
        (OPENCODE, Clues(), Session(id="ses_1", kind="client", client=Client.OPENCODE)),
        (
            {**OPENCODE, "x-session-id": "ses_2", "x-parent-session-id": "ses_1"},
            Clues(),
            Session(id="ses_2", kind="client", client=Client.OPENCODE, request_class="subagent", parent="ses_1"),
        ),
        ({"x-session-affinity": "ses_3"}, Clues(), Session(id="ses_3", kind="client")),
        # bodies
        ({}, Clues(cache_key="k1", user="u1"), Session(id="k1", kind="cache_key")),
        (
            {},
            Clues(user=json.dumps({"device_id": "d", "account_uuid": "", "session_id": UUID})),
            Session(id=UUID, kind="client"),
        ),
        ({}, Clues(user=f"user_{'ab' * 32}_account__session_{UUID}"), Session(id=UUID, kind="client")),
        ({}, Clues(user="u1", metadata={"session_id": "m1"}), Session(id="m1", kind="client")),
        ({}, Clues(user="u1"), Session(id="user:u1", kind="user")),
        # nothing
        ({"user-agent": "curl/8"}, Clues(), Session()),
        ({"x-session-id": "   "}, Clues(cache_key="", user=""), Session()),
    ],
)
def test_where_a_session_comes_from(headers: dict[str, str], clues: Clues, session: Session) -> None:
    assert session_of(headers, clues) == session


def test_sessions_of_different_callers_never_meet() -> None:
    ids = {
        session_of({"x-understudy-session": name}, Clues(), caller).id
        for caller, name in (("alice", "s"), ("bob", "s"), ("a", "b/s"), ("a/b", "s"), ("a%2Fb", "s"))
    }
    assert len(ids) == 5
    assert scoped("s", "alice") == "alice/s"


@pytest.mark.parametrize("value", ["x" * 257, "caf\xe9", "a\x01b", "x" * 100_000])
def test_an_unusual_id_is_hashed_to_a_short_word(value: str) -> None:
    first = session_of({"x-session-id": value}, Clues()).id
    assert first is not None
    assert len(first) == 32
    assert first == session_of({"x-session-id": value}, Clues()).id
    assert first != session_of({"x-session-id": value + "x"}, Clues()).id


@pytest.mark.parametrize(
    "user", ["{", "[]", "{}", '{"session_id": 1}', '{"session_id": ""}', "[" * 100_000, "{" * 99_999]
)
def test_what_is_no_session_in_the_id_of_a_user_is_the_user(user: str) -> None:
    assert session_of({}, Clues(user=user)).kind == "user"


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": (
        "/v1/chat/completions",
        {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]},
    ),
    "responses": ("/v1/responses", {"model": "m", "instructions": "s", "input": [{"role": "user", "content": "q"}]}),
    "anthropic": (
        "/v1/messages",
        {"model": "m", "max_tokens": 9, "system": "s", "messages": [{"role": "user", "content": "q"}]},
    ),
}


def clues(dialect: str, **fields: Any) -> Clues:
    path, body = BODIES[dialect]
    raw = json.dumps({**body, **fields}).encode()
    request = load_server(dialect).parse(HttpRequest("POST", path, (), raw)).request
    assert isinstance(request, GenerationRequest)
    return clues_of(request)


@pytest.mark.parametrize(
    ("dialect", "fields", "kind"),
    [
        ("openai", {"prompt_cache_key": "k"}, "cache_key"),
        ("openai", {"user": "u"}, "user"),
        ("openai", {"safety_identifier": "u"}, "user"),
        ("openai", {"metadata": {"session_id": "u"}}, "client"),
        ("openai", {}, "derived"),
        ("responses", {"prompt_cache_key": "k"}, "cache_key"),
        ("responses", {"metadata": {"thread_id": "u"}}, "client"),
        ("responses", {}, "derived"),
        ("anthropic", {"metadata": {"user_id": json.dumps({"session_id": UUID})}}, "client"),
        ("anthropic", {"metadata": {"user_id": "u"}}, "user"),
        ("anthropic", {}, "derived"),
    ],
)
def test_clues_in_the_bodies_of_each_dialect(dialect: str, fields: dict[str, Any], kind: str) -> None:
    assert session_of({}, clues(dialect, **fields)).kind == kind


def derived(*messages: Message, tools: tuple[Tool, ...] = ()) -> str | None:
    return session_of({}, clues_of(GenerationRequest(messages=messages, tools=tools))).id


def test_the_beginning_of_the_prompt_stands_for_the_conversation() -> None:
    system, first = Message.system("s"), Message.user("q")
    begun = derived(system, first)
    assert begun is not None
    assert begun.startswith("derived:")
    # The conversation goes on: it stays the same.
    assert begun == derived(system, first, Message.assistant("a"), Message.user("q2"))
    # Another first question, another system message, other tools: another conversation.
    others = {
        derived(system, Message.user("q2")),
        derived(Message.system("t"), first),
        derived(first),
        derived(system, first, tools=(Tool(name="f"),)),
    }
    assert len(others | {begun}) == 5


def test_a_head_is_not_computed_in_vain_and_never_fails() -> None:
    def fail() -> bytes:
        raise AssertionError

    assert session_of({"x-session-id": "s"}, Clues(head=fail)).id == "s"
    assert session_of({}, clues_of(EmbeddingRequest(texts=("t",), user="u"))).kind == "user"
    assert session_of({}, clues_of(EmbeddingRequest(texts=("t",)))).kind == "none"
    assert session_of({}, clues_of(GenerationRequest(messages=()))).kind == "derived"
    lone = Message(Role.USER, (Text("\ud800"),))
    assert session_of({}, clues_of(GenerationRequest(messages=(lone,)))) == Session()


NAMES = ["x-claude-code-session-id", "x-claude-code-agent-id", "thread-id", "session-id", "x-session-id", "user-agent"]


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)),
    st.none() | st.text(max_size=20),
    st.none() | st.text(max_size=20),
)
def test_any_headers_give_a_session(headers: dict[str, str], cache_key: str | None, user: str | None) -> None:
    session = session_of(headers, Clues(cache_key=cache_key, user=user), "alice")
    assert (session.id is None) is (session.kind == "none")
    assert session.id is None or (session.id.startswith("alice/") and session.id.isascii() and session.id.isprintable())
