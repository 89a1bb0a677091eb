"""Requests of coding agents go to the targets of their classes, and of no other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.gateway.conftest import Open
from understudy.config import Config, parse
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.gateway.callers import ANYONE
from understudy.gateway.classes import names_of
from understudy.gateway.clients import AGENTS
from understudy.gateway.sessions import Clues, session_of
from understudy.gateway.site import Site
from understudy.settings.gateway import CODING_AGENTS, GatewayConfig

CLAUDE = {"x-claude-code-session-id": "s1"}
TITLE = CLAUDE | {"x-claude-code-request-class": "auxiliary"}
EXPLORE = CLAUDE | {"x-claude-code-agent-id": "a1", "x-claude-code-agent-type": "Explore"}
COMPACT = {"originator": "codex_exec", "session-id": "s2", "x-openai-subagent": "compact"}
BODY = {"model": "openai", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
ALICE = "alice-0123456789abcdef"


def test_the_agents_of_the_configuration_are_those_that_are_recognised() -> None:
    assert set(CODING_AGENTS) == {str(each) for each in AGENTS}


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (TITLE, ["claude-code/auxiliary", "auxiliary", "claude-code"]),
        (CLAUDE, ["claude-code/main", "main", "claude-code"]),
        (
            EXPLORE,
            [
                *("claude-code/subagent:Explore", "subagent:Explore", "claude-code/subagent", "subagent"),
                "claude-code",
            ],
        ),
        (COMPACT, ["codex/compaction", "compaction", "codex"]),
        ({"user-agent": "openai/2.0"}, []),
        ({"x-claude-code-request-class": "main"}, ["main"]),
    ],
)
def test_the_most_particular_name_comes_first(headers: Mapping[str, str], names: list[str]) -> None:
    assert list(names_of(session_of(headers, Clues()))) == names


@pytest.mark.parametrize(
    ("headers", "provider"),
    [(TITLE, "groq"), (CLAUDE, "openai"), (EXPLORE, "cohere"), (COMPACT, "together"), ({}, "openai")],
)
async def test_a_class_has_its_target(headers: dict[str, str], provider: str, opened: Open) -> None:
    classes = {"auxiliary": "groq", "subagent:Explore": "cohere", "codex": "together"}
    caller, _, _ = await opened("openai", "groq", "cohere", "together", gateway={"classes": classes})
    answer = await caller.post("/v1/messages", BODY, headers)
    assert (answer.status, answer.headers["x-understudy-provider"]) == (200, provider)
    chosen = await caller.post("/v1/messages", BODY, {**headers, "x-understudy-models": "openai"})
    assert chosen.headers["x-understudy-provider"] == "openai", "a list of the caller's own prevails"


async def test_a_class_grants_nothing_that_the_key_may_not_use(opened: Open) -> None:
    keys = [
        {"name": "alice", "key": ALICE, "models": ["openai"]},
        {"name": "bob", "key": "bob-0123456789abcdefgh", "models": ["openai", "groq"]},
    ]
    caller, _, _ = await opened("openai", "groq", gateway={"classes": {"auxiliary": "groq"}, "keys": keys})
    found = []
    for key in keys:
        answer = await caller.post("/v1/messages", BODY, {**TITLE, "x-api-key": str(key["key"])})
        found.append(answer.headers["x-understudy-provider"])
    assert found == ["openai", "groq"]


async def test_a_class_is_a_task_where_the_tasks_say_so(opened: Open) -> None:
    caller, _, _ = await opened(
        *("openai", "groq", "cohere"),
        fallback={"strategy": "task_based"},
        tasks={"default": ["openai"], "auxiliary": ["groq"], "codex/compaction": ["cohere"]},
        routes=[{"name": "main", "targets": ["openai", "groq", "cohere"]}],
    )
    found = []
    for headers in (TITLE, CLAUDE, COMPACT, {**TITLE, "x-understudy-task": "default"}):
        answer = await caller.post("/v1/messages", {**BODY, "model": "main"}, headers)
        assert answer.status == 200, answer.text
        found.append(answer.headers["x-understudy-provider"])
    assert found == ["groq", "openai", "cohere", "openai"]


ENTRIES = """
[[llm.providers]]
provider = "ollama"

[[llm.providers]]
provider = "openai"
api_key = "${KEY_THAT_IS_UNSET}"

"""


def test_a_class_of_a_disabled_entry_stays_with_what_is_named() -> None:
    config = parse(f'{ENTRIES}[llm.gateway.classes]\nauxiliary = "openai"\nmain = "ollama"', environ={})
    site = Site(config)
    found = site.classes.model_for(session_of(TITLE, Clues()), site.names.resolve("ollama", {}), ANYONE)
    assert found == "ollama"


@pytest.mark.parametrize("classes", [{"side": "ollama"}, {"main": "nowhere"}])
def test_classes_that_mean_nothing_are_refused_in_python_too(classes: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Site(Config(providers=parse(ENTRIES, environ={}).providers, gateway=GatewayConfig(classes=classes)))


def test_former_secrets_need_the_one_that_seals_now() -> None:
    gateway = GatewayConfig(former_secrets=(Secret("0123456789abcdef"),))
    with pytest.raises(ConfigError, match="former_secrets needs secret"):
        Site(Config(providers=parse(ENTRIES, environ={}).providers, gateway=gateway))
