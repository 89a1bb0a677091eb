"""Who may ask: every way to send a key, and every way not to."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.errors import ConfigError
from understudy.domain.failures import FailureKind
from understudy.domain.secret import Secret
from understudy.gateway.access import ANYONE, Access, Caller, Refusal, hash_of, short_keys

ALICE = "alice-0123456789abcdef0123456789abcdef"
BOB = "bob-fedcba9876543210fedcba9876543210"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    key: Secret | None = None
    hash: str | None = None
    models: tuple[str, ...] | None = None


KEYS = (
    Key(name="alice", key=Secret(ALICE)),
    Key(name="bob", hash="sha256:" + hashlib.sha256(BOB.encode()).hexdigest().upper(), models=("main", "groq/*")),
)
ACCESS = Access(KEYS)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {ALICE}"},
        {"authorization": f"bearer   {ALICE} "},
        {"x-api-key": ALICE},
        {"api-key": ALICE},
        {"x-goog-api-key": ALICE},
        # Claude Code sends both, if both of its variables are set.
        {"authorization": f"Bearer {ALICE}", "x-api-key": ALICE},
        # A proxy before the gateway may have a password of its own.
        {"authorization": "Basic dXNlcjpwYXNz", "x-api-key": ALICE},
        {"authorization": "Bearer ", "x-api-key": ALICE},
    ],
)
def test_a_key_is_accepted_in_every_header(headers: dict[str, str]) -> None:
    assert ACCESS.admit(headers) == Caller(name="alice", labels={"key": "alice"})


def test_a_key_is_accepted_by_its_hash() -> None:
    assert ACCESS.admit({"x-api-key": BOB}) == Caller(name="bob", labels={"key": "bob"}, models=("main", "groq/*"))


@pytest.mark.parametrize(
    ("headers", "query", "words"),
    [
        ({}, "", "the key is missing"),
        ({"authorization": ""}, "", "the key is missing"),
        ({"authorization": ALICE}, "", "the key is missing"),
        ({"authorization": f"Basic {ALICE}"}, "", "the key is missing"),
        ({"cookie": f"key={ALICE}"}, "", "the key is missing"),
        ({"x-api-key": ALICE[:-1]}, "", "unknown"),
        ({"x-api-key": ALICE + "0"}, "", "unknown"),
        ({"x-api-key": ALICE.upper()}, "", "unknown"),
        ({"x-api-key": KEYS[1].hash}, "", "unknown"),
        # Repeated headers reach `admit` joined.
        ({"x-api-key": f"{ALICE}, {ALICE}"}, "", "unknown"),
        ({"authorization": f"Bearer {ALICE}, Bearer {BOB}"}, "", "unknown"),
        ({"authorization": f"Bearer {ALICE}", "x-api-key": BOB}, "", "two different keys, in authorization and x-api"),
        ({"authorization": f"Bearer {ALICE}", "api-key": "none"}, "", "two different keys"),
        ({}, f"key={ALICE}", "a key in the URL"),
        ({"x-api-key": ALICE}, f"alt=sse&key={ALICE}", "a key in the URL"),
        ({"x-api-key": ALICE}, "%6Bey=", "a key in the URL"),
        ({"x-api-key": ALICE}, f"api_key={ALICE}", "a key in the URL"),
    ],
)
def test_everything_else_is_refused_without_repeating_the_key(headers: dict[str, str], query: str, words: str) -> None:
    refused = ACCESS.admit(headers, query)
    assert isinstance(refused, Refusal)
    assert (refused.failure.status, refused.failure.kind) == (401, FailureKind.AUTHENTICATION)
    assert refused.headers == (("www-authenticate", "Bearer"),)
    assert words in refused.failure.message
    assert ALICE[:12] not in repr(refused)
    assert BOB[:12] not in repr(refused)


def test_an_ordinary_query_is_no_key() -> None:
    assert isinstance(ACCESS.admit({"x-api-key": ALICE}, "beta=true&alt=sse&limit=1000&pageToken=x"), Caller)


def test_without_keys_only_an_open_gateway_admits() -> None:
    refused = Access().admit({"x-api-key": "anything"})
    assert isinstance(refused, Refusal)
    assert refused.failure.status == 401
    assert Access(open_=True).admit({}) is ANYONE
    assert Access(open_=True).admit({"x-api-key": "anything"}) is ANYONE
    assert isinstance(Access(open_=True).admit({}, "key=AIza-secret"), Refusal)
    # Keys close it, whatever else is configured.
    assert isinstance(Access(KEYS, open_=True).admit({}), Refusal)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((KEYS[0], Key(name="eve", hash=hash_of(ALICE))), "'alice' and 'eve' have the same value"),
        ((KEYS[0], Key(name="alice", key=Secret(BOB))), "the name 'alice' is used by two gateway keys"),
        ((Key(name="eve"),), "'eve' needs either key or hash"),
        ((Key(name="eve", key=Secret(ALICE), hash=hash_of(ALICE)),), "'eve' needs either key or hash"),
        ((Key(name="eve", hash="sha256:abc"),), "'eve' must be sha256: and 64 hexadecimal digits"),
        ((Key(name="eve", hash=hashlib.sha256(b"x").hexdigest()),), "must be sha256: and"),
    ],
)
def test_ambiguous_keys_are_configuration_errors(keys: tuple[Key, ...], words: str) -> None:
    with pytest.raises(ConfigError, match="gateway key") as caught:
        Access(keys)
    assert words in caught.value.message
    assert ALICE not in caught.value.message


@pytest.mark.parametrize(
    ("models", "name", "allowed"),
    [
        (None, "anything", True),
        ((), "main", False),
        (("main",), "main", True),
        (("main",), "main2", False),
        (("main",), "main/x", False),
        (("openai/*",), "openai/gpt-5", True),
        (("openai/*",), "openai", True),
        (("openai/gpt-5",), "openai", False),
        (("openai",), "openai/gpt-5", False),
        (("openai/*",), "openai-eu/gpt-5", False),
        (("*/gpt-5*",), "openai/gpt-5-mini", True),
        (("*/gpt-5*",), "openai/gpt-4", False),
        (("*",), "main", True),
        (("a*b*c",), "abc", True),
        (("a*a",), "a", False),
        (("openai.*",), "openai/gpt-5", False),
    ],
)
def test_what_a_key_may_ask_for(models: tuple[str, ...] | None, name: str, allowed: bool) -> None:
    caller = Caller(name="alice", models=models)
    assert caller.may_use(name) is allowed
    assert (caller.refusal(name) is None) is allowed


def test_all_names_of_a_request_must_be_allowed() -> None:
    caller = Caller(name="bob", models=("main", "groq/*"))
    assert caller.may_use("main", "groq/llama")
    refused = caller.refusal("main", "openai/gpt-5")
    assert refused is not None
    assert (refused.status, refused.kind) == (403, FailureKind.PERMISSION)
    assert refused.message == "the key 'bob' may not use 'openai/gpt-5': it may use main, groq/*"


def test_a_caller_cannot_pass_for_another_in_the_records() -> None:
    caller = Caller(name="alice", labels={"key": "alice"})
    assert caller.labelled({"team": "a", "key": "bob"}) == {"team": "a", "key": "alice"}


def test_short_keys_are_named() -> None:
    keys = (Key(name="weak", key=Secret("fifteen letters")), Key(name="ok", key=Secret("x" * 16)), KEYS[1])
    assert short_keys(keys) == ("weak",)


WORDS = st.text("Bearer key=&%,;\x00\xe9", max_size=40)


@given(st.dictionaries(st.sampled_from(["authorization", "x-api-key", "api-key", "x-goog-api-key"]), WORDS), WORDS)
def test_no_header_is_admitted_by_accident(headers: dict[str, str], query: str) -> None:
    assert isinstance(ACCESS.admit(headers, query), Refusal)
