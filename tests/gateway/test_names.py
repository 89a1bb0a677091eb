"""What a model's name means at the gateway, and the headers that say more."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.config import parse
from understudy.dialects.server import BadRequest
from understudy.domain.errors import ConfigError
from understudy.domain.failures import FailureKind
from understudy.gateway.names import Names
from understudy.gateway.options import KNOWN, Options, read_options

ENTRIES = {
    "openai": ("gpt-5", "text-embedding-3-small"),
    "anthropic": ("claude-sonnet-5", "claude-haiku-5"),
    "local": ("llama4:8b", "claude-haiku-5"),
    "google": ("gemini-3-flash",),
}
NAMES = Names(
    ENTRIES,
    ("main", "fast"),
    {
        "gpt-4o": "main",
        "claude-*": "main",
        "claude-haiku-*": "fast",
        "claude-opus-*-preview": "anthropic/claude-opus-5",
        "openai/o3*": "openai",
        "small": "llama4:8b",
    },
)
CATCHING = Names(ENTRIES, ("main", "fast"), {"*": "main", "gpt-*": "openai/gpt-5"})


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        # exact aliases
        ("gpt-4o", "main"),
        ("small", "local/llama4:8b"),
        # routes and entries, as they are
        ("main", "main"),
        ("openai", "openai"),
        # patterns, the most specific first
        ("claude-sonnet-4-5", "main"),
        ("claude-sonnet-5", "main"),
        ("claude-haiku-4-5-20251001", "fast"),
        ("claude-opus-9-preview", "anthropic/claude-opus-5"),
        ("openai/o3-mini", "openai"),
        # entry/model, known or not
        ("anthropic/claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("anthropic/anything/at:all", "anthropic/anything/at:all"),
        # a model that an entry names; of several entries, the first
        ("gpt-5", "openai/gpt-5"),
        ("gemini-3-flash", "google/gemini-3-flash"),
        # what clients add
        ("models/gemini-3-flash", "google/gemini-3-flash"),
        ("publishers/google/models/gemini-3-flash", "google/gemini-3-flash"),
        ("claude-sonnet-4-5[1m]", "main"),
        ("gpt-5[1m]", "openai/gpt-5"),
        ("gpt-5:latest", "openai/gpt-5"),
        ("main:latest", "main"),
        ("models/main", "main"),
    ],
)
def test_a_name_with_a_meaning(name: str, meaning: str) -> None:
    assert NAMES.find(name) == meaning


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("whatever", "main"),
        ("gpt-4.1", "openai/gpt-5"),
        # names that have a meaning keep it
        ("fast", "fast"),
        ("google/gemini-2", "google/gemini-2"),
        ("models/gemini-3-flash", "google/gemini-3-flash"),
        ("gemini-3-flash:latest", "google/gemini-3-flash"),
        ("", "main"),
    ],
)
def test_the_star_alone_catches_only_names_without_another_meaning(name: str, meaning: str) -> None:
    assert CATCHING.find(name) == meaning


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-6", "did you mean openai/gpt-5"),
        ("anthropc/claude-9", "did you mean anthropic/claude-9?"),
        ("", "unknown entry or model"),
        ("models/", "unknown entry or model"),
        ("x" * 257, "more than 256 characters"),
        ("GPT-4O", "unknown entry or model"),
    ],
)
def test_an_unknown_name_is_a_404_with_near_names(name: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        NAMES.find(name)
    failure = caught.value.failure
    assert (failure.status, failure.kind, failure.param) == (404, FailureKind.NOT_FOUND, "model")
    assert words in failure.message


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"x": "nothing"}, "the gateway alias 'x': unknown entry or model 'nothing'"),
        ({"x": "y", "y": "main"}, "the gateway alias 'x'"),  # aliases of aliases are not followed
        ({"": "main"}, "is empty"),
    ],
)
def test_an_alias_without_a_meaning_is_a_configuration_error(aliases: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Names(ENTRIES, ("main",), aliases)
    assert words in caught.value.message


def test_names_of_a_configuration_include_the_models_of_routes_and_tasks() -> None:
    config = parse(
        """
        [[llm.providers]]
        provider = "openai"
        api_key = "sk-0123456789abcdef0123"
        text_model = "gpt-5"
        embedding_model = "text-embedding-3-small"
        [[llm.providers]]
        provider = "ollama"
        name = "local"
        [llm.tasks]
        code = ["local/qwen3-coder"]
        [[llm.routes]]
        name = "main"
        targets = ["openai/gpt-5-mini", "local", "groq"]
        [[llm.providers]]
        provider = "groq"
        api_key = "${GROQ_API_KEY}"
        [llm.gateway.aliases]
        "claude-*" = "main"
        quick = "groq/llama"
        """,
        environ={},
    )
    names = Names.of(config)
    models = ("openai/gpt-5", "openai/text-embedding-3-small", "openai/gpt-5-mini", "local/qwen3-coder")
    assert set(names.listed()) - {"local/llama3.2"} == {"main", "quick", *models}  # the last is the default of Ollama
    assert [names.find(each) for each in ("gpt-5-mini", "qwen3-coder", "claude-x")] == [
        *("openai/gpt-5-mini", "local/qwen3-coder", "main"),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quick", "'quick' stands for 'groq/llama': the entry 'groq' is disabled: GROQ_API_KEY is not set"),
        ("groq", "the entry 'groq' is disabled: GROQ_API_KEY is not set"),
        ("groq/any", "the entry 'groq' is disabled: GROQ_API_KEY is not set"),
    ],
)
def test_a_name_of_a_disabled_entry_says_why(name: str, message: str) -> None:
    names = Names(ENTRIES, ("main",), {"quick": "groq/llama"}, {"groq": "GROQ_API_KEY is not set"})
    with pytest.raises(BadRequest) as caught:
        names.find(name)
    assert (caught.value.failure.status, caught.value.failure.message) == (404, message)


def test_the_list_shows_aliases_that_are_names() -> None:
    assert NAMES.listed()[:4] == ("gpt-4o", "small", "fast", "main")


def test_what_a_request_asks_for() -> None:
    assert NAMES.resolve("gpt-4o", {}).named == (("gpt-4o", "main"),)
    assert NAMES.resolve(None, {}).model is None
    assert NAMES.resolve(None, {}).named == ()
    listed = NAMES.resolve("unknown", {"x-understudy-models": " fast, claude-x,main ,gpt-5"})
    assert (listed.model, listed.models) == ("fast", ("fast", "main", "openai/gpt-5"))
    assert listed.named == (("fast", "fast"), ("claude-x", "main"), ("gpt-5", "openai/gpt-5"))
    # The header prevails over the body's own list.
    assert NAMES.resolve("gpt-5", {"x-understudy-models": "fast"}, ["main"]).models == ("fast",)
    assert NAMES.resolve("gpt-5", {}, ["main", "fast", "claude-x"]).named == (("main", "main"), ("fast", "fast"))
    with pytest.raises(BadRequest):
        NAMES.resolve("gpt-5", {"x-understudy-models": "main, nothing"})


def test_every_option() -> None:
    headers = {
        "x-understudy-models": "a,b",
        "x-understudy-deadline": "12.5",
        "x-understudy-max-cost": "0.25",
        "x-understudy-session-max-cost": "2",
        "x-understudy-task": "code",
        "x-understudy-session": "s-1",
        "x-understudy-on-midstream-error": "Hold",
        "x-understudy-hold-chars": "400",
        "x-understudy-labels": "team = search, app=web",
        "x-other": "is not read",
    }
    options = read_options(headers)
    assert options == Options(
        models=("a", "b"),
        deadline=12.5,
        max_cost="0.25",
        session_max_cost="2",
        task="code",
        session="s-1",
        on_midstream_error="hold",
        hold_chars=400,
        labels={"team": "search", "app": "web"},
    )
    assert options.of_call() == {"deadline": 12.5, "max_cost": "0.25", "on_midstream_error": "hold", "hold_chars": 400}
    assert {name for name in headers if name.startswith("x-under")} == set(KNOWN)
    assert read_options({}) == Options()
    assert Options().of_call() == {}


@pytest.mark.parametrize(
    ("header", "value", "words"),
    [
        ("x-understudy-modells", "main", "did you mean 'x-understudy-models'?"),
        ("x-understudy-", "main", "is unknown"),
        ("x-understudy-api-key", "sk-1", "is unknown"),
        ("x-understudy-base-url", "http://169.254.169.254", "is unknown"),
        ("x-understudy-models", " , ", "1 to 16 names"),
        ("x-understudy-models", ",".join(map(str, range(17))), "1 to 16 names"),
        ("x-understudy-models", "a\x00b", "printable ASCII"),
        *(("x-understudy-deadline", value, "seconds greater than 0") for value in ("0", "-1", "nan", "inf", "soon")),
        *(("x-understudy-max-cost", value, "US dollars") for value in ("0", "-1", "nan", "", "1_0", "٣", "$1")),
        ("x-understudy-max-cost", "1e-10", "US dollars"),
        ("x-understudy-deadline", "1_0", "seconds greater than 0"),
        ("x-understudy-deadline", "٣", "seconds greater than 0"),
        *(("x-understudy-hold-chars", value, "whole number") for value in ("0", "-1", "1.5", "", "9" * 5000, "²")),
        ("x-understudy-task", "", "1 to 256 printable"),
        ("x-understudy-task", "x" * 257, "1 to 256 printable"),
        ("x-understudy-session", "caf\xe9", "printable ASCII"),
        ("x-understudy-on-midstream-error", "ignore", "one of surface, hold, restart, continue"),
        ("x-understudy-labels", "team", "labels such as team=search"),
        ("x-understudy-labels", "=x", "labels such as team=search"),
        ("x-understudy-labels", ",", "labels such as team=search"),
    ],
)  # fmt: skip
def test_an_invalid_header_is_named(header: str, value: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        NAMES.resolve("main", {header: value})
    failure = caught.value.failure
    assert (failure.status, failure.kind) == (400, FailureKind.INVALID_REQUEST)
    assert header in failure.message
    assert words in failure.message


ANYTHING = st.text(max_size=30)


@given(
    st.none() | ANYTHING | st.sampled_from(list(ENTRIES)).flatmap(lambda entry: ANYTHING.map(lambda x: f"{entry}/{x}")),
    st.dictionaries(st.sampled_from([*KNOWN, "x-understudy-x", "host"]), ANYTHING),
    st.booleans(),
)
def test_any_name_resolves_to_something_configured_or_is_refused(
    name: str | None, headers: dict[str, str], catching: bool
) -> None:
    with suppress(BadRequest):
        resolved = (CATCHING if catching else NAMES).resolve(name, headers)
        assert all(each in ("main", "fast") or each.partition("/")[0] in ENTRIES for _, each in resolved.named)
