"""Which conversation a request belongs to, and what it is for: from what clients send of their own accord.

A session is always one caller's: another caller who sends the same id has another session. Without any id, the
beginning of the prompt stands for the conversation; two conversations that begin with the same words then share a
session, which `kind` shows as `derived`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Literal

import msgspec

from understudy.dialects.outlines import LongMembers, head_of
from understudy.domain.json_types import built_in
from understudy.domain.messages import Message, Role
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.gateway.clients import Client, client_of
from understudy.gateway.options import LONGEST, SESSION
from understudy.settings.gateway import CLASSES, RequestClass

Kind = Literal["named", "client", "cache_key", "user", "derived", "none"]
"""Where the session comes from: the header `x-understudy-session`, another header or field of the client's own, the key
of its prompt cache, the id of its user, or the beginning of the prompt."""
SHORT = 4 << 10
"""Bytes of the beginning of a conversation up to which its hash is remembered."""
DIGITS = 32
"""Hexadecimal digits of a hash that stands for a session."""


class Clues(msgspec.Struct, frozen=True, kw_only=True):
    """What of a body may show its session."""

    cache_key: str | None = None
    """`prompt_cache_key`."""
    user: str | None = None
    """`user`, `safety_identifier`, or Anthropic's `metadata.user_id`."""
    metadata: Mapping[str, str] = {}
    head: Callable[[], bytes] | None = None
    """Returns the beginning of the prompt, which does not change during a conversation; called if nothing else shows
    the session."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversation a request belongs to, and what it is for."""

    id: str | None = None
    """Unique among all callers; for the option `session` of a call."""
    kind: Kind = "none"
    request_class: RequestClass | None = None
    """As the client states it; `None` if it does not."""
    client: Client = Client.UNKNOWN
    agent: str | None = None
    """The id of the subagent that asks, whose session is one of its own."""
    parent: str | None = None
    """The id of the agent, thread or session that started it."""
    agent_type: str | None = None
    """The kind of subagent, such as Claude Code's `Explore`."""


def session_of(headers: Mapping[str, str], clues: Clues, caller: str = "") -> Session:
    """Return the session of a request. `headers` has names in lower case, `caller` is the name of the key."""
    client = client_of(headers)
    if _STATED.isdisjoint(headers):
        found, kind = _told(clues)
        return Session(id=None if found is None else scoped(found, caller), kind=kind, client=client)
    words = _Words(headers)
    found, kind = _found(words, clues)
    agent, parent = words.first(*_AGENTS), words.first(*_PARENTS)
    if kind == "client" and agent is not None:
        found = f"{found}/{agent}"
    return Session(
        id=None if found is None else scoped(found, caller),
        kind=kind,
        request_class=_class_of(words),
        client=client,
        agent=agent,
        parent=parent,
        agent_type=words.first(_AGENT_TYPE),
    )


def clues_of(request: GenerationRequest | EmbeddingRequest, rules: LongMembers | None = None) -> Clues:
    """Return the clues of a parsed request. `rules` are those of the wire format in which its bytes came."""
    if isinstance(request, EmbeddingRequest):
        return Clues(user=request.user)
    return Clues(
        cache_key=request.cache_key,
        user=request.user,
        metadata=request.metadata or {},
        head=partial(_head_of, request, rules),
    )


def scoped(session: str, caller: str) -> str:
    """Return the id of a caller's session: no other caller's has it, whatever ids they choose."""
    return f"{_quoted(caller)}/{session}" if caller else session


@lru_cache(maxsize=256)
def _quoted(caller: str) -> str:
    return caller.replace("%", "%25").replace("/", "%2F")


_SESSIONS = (
    "x-claude-code-session-id",
    "thread-id",  # Codex; `session-id` is shared by its subagents, whose threads have ids of their own
    "thread_id",
    "session-id",
    "session_id",
    "conversation_id",  # older versions of Codex
    "x-session-id",  # opencode; its subagents have sessions of their own
    "x-session-affinity",
    "x-opencode-session",
)
_AGENTS = ("x-claude-code-agent-id",)
_PARENTS = ("x-claude-code-parent-agent-id", "x-codex-parent-thread-id", "x-parent-session-id")
_AGENT_TYPE = "x-claude-code-agent-type"
_CLASS, _SUBAGENT = "x-claude-code-request-class", "x-openai-subagent"
_STATED = frozenset({SESSION, *_SESSIONS, *_AGENTS, *_PARENTS, _AGENT_TYPE, _CLASS, _SUBAGENT})
"""All headers that say something of the session. Most requests have none."""
_METADATA = ("session_id", "session", "conversation_id", "thread_id")
_CLASSES: Mapping[str, RequestClass] = {each: each for each in CLASSES}
_CODEX_CLASSES: Mapping[str, RequestClass] = {
    # Values of x-openai-subagent; any other is the label of a subagent.
    "compact": "compaction",
    "memory_consolidation": "auxiliary",
}
_IN_USER_ID = re.compile(r"_session_([0-9a-fA-F-]{8,64})$")
"""In `metadata.user_id` of Claude Code before it was JSON: `user_…_account_…_session_…`."""


class _Words:
    """The headers of a request as words: printable, without blanks around them, hashed if they are too long."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def first(self, *names: str) -> str | None:
        """Return the value of the first of these headers that has one."""
        headers = self._headers
        for name in names:
            if name in headers and (word := word_of(headers[name])):
                return word
        return None


def word_of(value: object) -> str | None:
    """Return an id that a client chose: unchanged if it is printable ASCII and not too long, else a hash of it; `None`
    if it is empty or not a string."""
    if not isinstance(value, str) or not (word := value.strip()):
        return None
    return (
        word
        if len(word) <= LONGEST and word.isascii() and word.isprintable()
        else hashed(word.encode("utf-8", "surrogatepass"))
    )


def hashed(data: bytes) -> str:
    """Return a hash that stands for a session."""
    return _hashed_again(data) if len(data) <= SHORT else _hashed(data)


def _hashed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


_hashed_again = lru_cache(maxsize=256)(_hashed)
"""The same for what is short: each request of a conversation has the same beginning."""


def _found(words: _Words, clues: Clues) -> tuple[str | None, Kind]:
    if named := words.first(SESSION):
        return named, "named"
    if own := words.first(*_SESSIONS):
        return own, "client"
    return _told(clues)


def _told(clues: Clues) -> tuple[str | None, Kind]:
    """Return the session that the body shows."""
    if clues.user is None and clues.cache_key is None and not clues.metadata:
        return _derived(clues)  # as most requests of programs that are no agents
    if cached := word_of(clues.cache_key):
        return cached, "cache_key"
    if told := _in_user(clues.user) or (_in_metadata(clues.metadata) if clues.metadata else None):
        return told, "client"
    if user := word_of(clues.user):
        return f"user:{user}", "user"
    return _derived(clues)


def _derived(clues: Clues) -> tuple[str | None, Kind]:
    """Return the session that the beginning of the prompt stands for."""
    if clues.head is not None and (head := clues.head()):
        return f"derived:{hashed(head)}", "derived"
    return None, "none"


def _in_user(user: str | None) -> str | None:
    """Return the session in the id of a user: Claude Code writes JSON there, with `session_id`."""
    if not user:
        return None
    if user.startswith("{"):
        try:
            value = msgspec.json.decode(user)
        except (msgspec.DecodeError, RecursionError):
            return None
        return word_of(value.get("session_id")) if isinstance(value, dict) else None
    found = _IN_USER_ID.search(user)
    return found[1] if found else None


def _in_metadata(metadata: Mapping[str, str]) -> str | None:
    return next((word for name in _METADATA if (word := word_of(metadata.get(name)))), None)


def _class_of(words: _Words) -> RequestClass | None:
    stated = words.first(_CLASS)
    if stated is not None:
        return _CLASSES.get(stated)
    if words.first(*_AGENTS) is not None:
        return "subagent"
    if (label := words.first(_SUBAGENT)) is not None:
        return _CODEX_CLASSES.get(label, "subagent")
    return "subagent" if words.first("x-parent-session-id") is not None else None


def _head_of(request: GenerationRequest, rules: LongMembers | None) -> bytes:
    """Return what of a conversation stays the same: the system messages, the tools, and the first of the user's. Where
    the bytes are known, these are taken: a client writes them in the same way each time."""
    if rules is not None and request.origin is not None:
        return head_of(request.origin.body, rules)
    head: list[Message] = []
    for message in request.messages:
        head.append(message)
        if message.role is Role.USER:
            break
    try:
        return msgspec.json.encode((head, request.tools), enc_hook=built_in)
    except (TypeError, ValueError):  # of values that no JSON holds, such as a lone surrogate
        return b""
