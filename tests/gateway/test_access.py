"""Who may ask: every way to send a key, and every way not to."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.errors import ConfigError
from understudy.domain.failures import FailureKind
from understudy.domain.secret import Secret
from understudy.gateway.access import Access
from understudy.gateway.callers import ANYONE, Caller, Refusal
from understudy.gateway.names import Resolved
from understudy.settings.gateway import GatewayKey as Key

ALICE = "alice-0123456789abcdef0123456789abcdef"
BOB = "bob-fedcba9876543210fedcba9876543210"


KEYS = (
    Key(name="alice", key=Secret(ALICE)),
    Key(
        name="bob",
        hash="sha256:" + hashlib.sha256(BOB.encode()).hexdigest().upper(),
        models=("main", "groq/*"),
        labels={"team": "search", "key": "somebody else"},
    ),
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
async def test_a_key_is_accepted_in_every_header(headers: dict[str, str]) -> None:
    assert await ACCESS.admit(headers) == Caller(name="alice", labels={"key": "alice"})


async def test_a_key_is_accepted_by_its_hash() -> None:
    labels = {"team": "search", "key": "bob"}
    assert await ACCESS.admit({"x-api-key": BOB}) == Caller(name="bob", labels=labels, models=("main", "groq/*"))


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
async def test_everything_else_is_refused_without_repeating_the_key(
    headers: dict[str, str], query: str, words: str
) -> None:
    refused = await ACCESS.admit(headers, query)
    assert isinstance(refused, Refusal)
    assert (refused.failure.status, refused.failure.kind) == (401, FailureKind.AUTHENTICATION)
    assert refused.headers == (("www-authenticate", "Bearer"),)
    assert words in refused.failure.message
    assert ALICE[:12] not in repr(refused)
    assert BOB[:12] not in repr(refused)


async def test_an_ordinary_query_is_no_key() -> None:
    assert isinstance(await ACCESS.admit({"x-api-key": ALICE}, "beta=true&alt=sse&limit=1000&pageToken=x"), Caller)


async def test_without_keys_only_an_open_gateway_admits() -> None:
    refused = await Access().admit({"x-api-key": "anything"})
    assert isinstance(refused, Refusal)
    assert refused.failure.status == 401
    assert await Access(open_=True).admit({}) is ANYONE
    assert await Access(open_=True).admit({"x-api-key": "anything"}) is ANYONE
    assert isinstance(await Access(open_=True).admit({}, "key=AIza-secret"), Refusal)
    for peer, admitted in ((None, True), ("testclient", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.7", False)):
        assert (await Access(open_=True).admit({}, peer=peer) is ANYONE) is admitted
    # Keys close it, whatever else is configured.
    assert isinstance(await Access(KEYS, open_=True).admit({}), Refusal)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            (KEYS[0], Key(name="eve", hash="sha256:" + hashlib.sha256(ALICE.encode()).hexdigest())),
            "'alice' and 'eve' have the same value",
        ),
        ((KEYS[0], Key(name="alice", key=Secret(BOB))), "the name 'alice' is used by two gateway keys"),
        ((Key(name="eve"),), "'eve' needs either key or hash"),
        (
            (Key(name="eve", key=Secret(ALICE), hash="sha256:" + hashlib.sha256(ALICE.encode()).hexdigest()),),
            "'eve' needs either key or hash",
        ),
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
    ("models", "asked", "meaning", "allowed"),
    [
        ((), "anything", "openai/gpt-5", True),
        (("main",), "main", "main", True),
        (("main",), "main2", "main2", False),
        (("openai/*",), "openai/gpt-5", "openai/gpt-5", True),
        (("openai/*",), "gpt-5", "openai/gpt-5", True),
        (("openai/*",), "openai", "openai", True),
        (("openai/gpt-5",), "openai", "openai", False),
        (("openai",), "openai/gpt-5", "openai/gpt-5", False),
        (("openai/*",), "openai-eu/gpt-5", "openai-eu/gpt-5", False),
        (("*/gpt-5*",), "gpt-5-mini", "openai/gpt-5-mini", True),
        (("*/gpt-5*",), "gpt-4", "openai/gpt-4", False),
        (("*",), "main", "main", True),
        (("openai.*",), "openai/gpt-5", "openai/gpt-5", False),
        # whoever may use an alias may use what it stands for, under that name only
        (("claude-*",), "claude-sonnet-5", "main", True),
        (("claude-*",), "main", "main", False),
    ],
)
def test_what_a_key_may_ask_for(models: tuple[str, ...], asked: str, meaning: str, allowed: bool) -> None:
    caller = Caller(name="alice", models=models)
    assert caller.may_use(meaning, asked) is allowed
    assert (caller.refusal(Resolved(model=meaning, asked=(asked,))) is None) is allowed


def test_all_names_of_a_request_must_be_allowed() -> None:
    caller = Caller(name="bob", models=("main", "groq/*"))
    assert caller.refusal(Resolved(model="main", models=("main", "groq/l"), asked=("main", "groq/l"))) is None
    refused = caller.refusal(Resolved(model="main", models=("main", "openai/gpt-5"), asked=("main", "gpt-5")))
    assert refused is not None
    assert (refused.status, refused.kind) == (403, FailureKind.PERMISSION)
    assert refused.message == "the key 'bob' may not use 'gpt-5': it may use main, groq/*"


def test_a_request_without_a_model_asks_for_all() -> None:
    everything = Resolved(model=None)
    assert Caller(name="bob", models=("main",)).refusal(everything) is not None
    assert Caller(name="bob", models=("main", "*")).refusal(everything) is None
    assert Caller(name="bob").refusal(everything) is None
    assert ANYONE.refusal(everything) is None


def test_a_caller_cannot_pass_for_another_in_the_records() -> None:
    caller = Caller(name="alice", labels={"key": "alice"})
    assert caller.labelled({"team": "a", "key": "bob"}) == {"team": "a", "key": "alice"}


WORDS = st.text("Bearer key=&%,;\x00\xe9", max_size=40)


@given(st.dictionaries(st.sampled_from(["authorization", "x-api-key", "api-key", "x-goog-api-key"]), WORDS), WORDS)
async def test_no_header_is_admitted_by_accident(headers: dict[str, str], query: str) -> None:
    assert isinstance(await ACCESS.admit(headers, query), Refusal)


@pytest.mark.parametrize("query", ["", "key=x", "limit=1000"])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Bearer  ", " Bearer ", "Bearer", "Basic ", ""])
@pytest.mark.parametrize("key", [ALICE, f"{ALICE} ", BOB, "unknown", ""])
@pytest.mark.parametrize("others", [{}, {"x-api-key": ALICE}, {"x-api-key": BOB}, {"api-key": ""}])
async def test_the_short_way_admits_the_same(scheme: str, key: str, query: str, others: dict[str, str]) -> None:
    """`configured` knows the caller, or leaves the request to `admit`."""
    headers = {"authorization": scheme + key, **others}
    assert ACCESS.configured(headers, query) in (None, await ACCESS.admit(headers, query))


async def test_the_short_way_is_taken_by_most_requests() -> None:
    assert ACCESS.configured({"authorization": f"Bearer {ALICE}"}) == await ACCESS.admit({"x-api-key": ALICE})
