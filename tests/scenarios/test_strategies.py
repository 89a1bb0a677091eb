"""The strategies that spread requests, and affinity, over real sockets: which target is asked."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

import understudy as u
from tests.scenarios.conftest import Stage
from understudy.emulator import Emulator, Fault

QUESTION = "What is the weather in Paris and in Oslo?"
WEATHER = u.Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})


def order(plan: u.Plan) -> list[str]:
    return [step.target.name for step in plan.steps]


async def asked(manager: u.ProviderManager, count: int, *, streamed: bool = False) -> Counter[str]:
    """Ask one call after the other; return who answered."""
    found = Counter[str]()
    for _ in range(count):
        answer = await (manager.stream("Hello").collect() if streamed else manager.generate("Hello"))
        found[str(answer.provider)] += 1
    return found


# ---- weights ----


async def test_weights_are_those_of_the_entries(stage: Stage) -> None:
    manager = stage(entries={"openai": {"weight": 0}, "ollama": {"weight": 0}}, strategy="weighted")
    plan = manager.explain("Hello")
    assert [step.why for step in plan.steps] == [
        "drawn by weight, 1 of 1",
        "weight 0: only if no other target can answer",
        "weight 0: only if no other target can answer",
    ]
    assert order(plan) == ["backup", "primary", "local"]
    assert await asked(manager, 5) == {"backup": 5}


async def test_explaining_draws_nothing_and_shows_the_next_draw(stage: Stage) -> None:
    manager = stage(strategy="weighted")
    for _ in range(8):
        expected = order(manager.explain("Hello"))
        assert order(manager.explain("Hello")) == expected
        assert (await manager.generate("Hello")).provider == expected[0]


class Custom:
    """A user's own provider, with a weight."""

    provider_type = "custom"
    priority = 1

    def __init__(self, name: str, weight: object) -> None:
        self.name, self.weight = name, weight

    async def generate(self, prompt: object) -> None:
        """Is never called."""


@pytest.mark.parametrize(("weight", "read"), [(3, 3.0), (0.5, 0.5), (True, 1.0), ("9", 1.0), (-2, 1.0)])
def test_a_custom_provider_may_have_a_weight(weight: object, read: float) -> None:
    manager = u.ProviderManager([Custom("one", weight), Custom("two", 0)], u.FallbackConfig(strategy="weighted"))  # type: ignore[list-item, arg-type]
    assert manager.explain("Hello").steps[0].why == f"drawn by weight, {read:g} of {read:g}"


# ---- attempts in flight ----


async def test_the_least_busy_is_asked_and_the_idle_take_turns(emulator: Emulator, stage: Stage) -> None:
    for provider in ("openai", "anthropic", "ollama"):
        emulator.script(provider, always=Fault.slow_headers(0.05))
    manager = stage(
        entries={name: {"priority": 1} for name in ("openai", "anthropic", "ollama")}, strategy="least_busy"
    )
    answers = await asyncio.gather(*(manager.generate("Hello") for _ in range(9)))
    assert Counter(answer.provider for answer in answers) == {"primary": 3, "backup": 3, "local": 3}
    assert await asked(manager, 3) == {"primary": 1, "backup": 1, "local": 1}
    assert [step.why for step in manager.explain("Hello").steps] == ["0 in flight"] * 3


# ---- latency ----


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_the_quicker_one_is_asked_once_both_are_known(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    emulator.script("openai", always=Fault.slow_first_event(0.5))
    manager = stage("openai", "anthropic", strategy="latency")
    assert [step.why for step in manager.explain("Hello").steps] == ["no answer measured yet, 0 in flight"] * 2
    assert await asked(manager, 8, streamed=streamed) == {"primary": 1, "backup": 7}
    quick, slow = (step.why for step in manager.explain("Hello").steps)
    assert float(quick.split()[0]) < 0.5
    assert float(slow.split()[0]) >= 0.5
    assert slow.endswith(" s to the first token × 1 with this request")


@pytest.mark.parametrize("fault", [Fault.status(503), Fault.slow_first_event(), Fault.reset()])
async def test_a_target_that_fails_is_not_quick(emulator: Emulator, stage: Stage, fault: Fault) -> None:
    emulator.script("openai", always=fault)
    limited = {"openai": {"first_event_timeout": 0.1}}
    manager = stage("openai", "anthropic", strategy="latency", max_retries=1, entries=limited)
    assert await asked(manager, 6) == {"backup": 6}
    assert order(manager.explain("Hello")) == ["backup", "primary"]
    assert len(emulator.requests("openai")) == 1


async def test_an_answer_that_came_whole_does_not_make_a_target_look_slow(emulator: Emulator, stage: Stage) -> None:
    """The last target left is asked for a whole answer, which takes longer than the first token of a stream."""
    manager = stage("openai", "anthropic", strategy="latency", max_retries=1)
    assert await asked(manager, 2) == {"primary": 1, "backup": 1}
    emulator.script("openai", [Fault.status(503)])
    emulator.script("anthropic", [Fault.slow_headers(0.3)])
    before = {step.target.name: step.why for step in manager.explain("Hello", model="primary").steps}
    response = await manager.generate("Hello", model="primary")
    assert response.provider == "backup"
    after = {step.target.name: step.why for step in manager.explain("Hello", model="primary").steps}
    assert after["backup"] == before["backup"]


# ---- affinity ----


def loop(answer: u.GenerationResponse, *before: u.Message) -> list[u.Message]:
    """Return the conversation with the results of the tools that an answer calls."""
    results = [u.ToolResult(call_id=call.id, name=call.name, content="18 degrees") for call in answer.tool_calls]
    return [*before, answer.message, u.Message.tool(*results)]


ROTATING = {"strategy": "round_robin", "affinity": True, "max_retries": 1}


async def test_sessions_keep_their_targets_and_others_rotate(stage: Stage) -> None:
    manager = stage(**ROTATING)
    rounds = [[(await manager.generate("Hello", session=name)).provider for name in "xyz"] for _ in range(3)]
    assert rounds == [["primary", "backup", "local"]] * 3
    assert len(await asked(manager, 3)) == 3, "without a session"
    plan = manager.explain("Hello", session="y")
    assert order(plan)[0] == "backup"
    assert plan.steps[0].why.startswith("answered this session, 0 s ago (")
    assert plan.why == "round robin; the session's own target first"
    (attempt,) = (await manager.generate("Hello", session="y")).attempts
    assert attempt.why is not None
    assert attempt.why.startswith("answered this session")


async def test_without_affinity_a_session_is_only_a_name(stage: Stage) -> None:
    manager = stage(strategy="round_robin")
    assert [(await manager.generate("Hello", session="x")).provider for _ in range(3)] == ["primary", "backup", "local"]


async def test_its_lifetime_ends(stage: Stage) -> None:
    manager = stage(**ROTATING, affinity_lifetime=0.05)
    found = []
    for _ in range(3):
        found.append((await manager.generate("Hello", session="x")).provider)
        await asyncio.sleep(0.06)
    assert found == ["primary", "backup", "local"]


@pytest.mark.parametrize("strategy", ["priority", "round_robin"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_tool_loop_stays_with_the_understudy_and_the_next_turn_returns(
    emulator: Emulator, stage: Stage, strategy: str, streamed: bool
) -> None:
    manager = stage(**{**ROTATING, "strategy": strategy})

    async def say(messages: list[u.Message]) -> u.GenerationResponse:
        if streamed:
            return await manager.stream(messages, tools=[WEATHER], session="x").collect()
        return await manager.generate(messages, tools=[WEATHER], session="x")

    greeting = u.Message.user("Hello")
    first = await say([greeting])
    assert first.provider == "primary"
    emulator.script("openai", [Fault.status(503)])
    history = [greeting, first.message, u.Message.user(QUESTION)]
    second = await say(history)
    assert (second.provider, bool(second.tool_calls)) == ("backup", True)
    history = loop(second, *history)
    third = await say(history)
    assert third.provider == "backup", "inside the tool loop, though the primary is well again"
    assert third.attempts[0].why is not None
    assert third.attempts[0].why.startswith("answers this turn of the session")
    fourth = await say([*history, third.message, u.Message.user("Thanks")])
    assert fourth.provider == "primary"


@pytest.mark.parametrize("strategy", ["priority", "round_robin"])
async def test_an_explanation_states_why_a_target_is_not_asked(emulator: Emulator, stage: Stage, strategy: str) -> None:
    emulator.script("openai", [Fault.status(429, retry_after=3600)])
    manager = stage("openai", "anthropic", strategy=strategy)
    assert (await manager.generate("Hello")).provider == "backup"
    whys = {step.target.name: step.why for step in manager.explain("Hello").steps}
    begin = {"priority": "priority 0", "round_robin": "in cooldown, so behind the others"}[strategy]
    assert whys["primary"].startswith(
        (f"{begin}; not asked for 3600 s: rate_limited: ", f"{begin}; not asked for 3599")
    )
    assert whys["backup"] == {"priority": "priority 1", "round_robin": "its turn"}[strategy]


@pytest.mark.parametrize("hint", [None, 3600.0], ids=["fails", "in cooldown"])
async def test_affinity_suppresses_no_failover(emulator: Emulator, stage: Stage, hint: float | None) -> None:
    """Neither when the session's target fails, nor while it is in cooldown, also inside a tool loop."""
    manager = stage(**ROTATING)
    history = [u.Message.user(QUESTION)]
    first = await manager.generate(history, tools=[WEATHER], session="x")
    assert (first.provider, bool(first.tool_calls)) == ("primary", True)
    emulator.script("openai", always=Fault.status(429 if hint else 503, retry_after=hint))
    history = loop(first, *history)
    names = []
    for _ in range(2):
        answer = await manager.generate(history, tools=[WEATHER], session="x")
        names.append([attempt.provider for attempt in answer.attempts])
    assert names == [["primary", "backup"], ["backup"]]
    if hint:
        plan = manager.explain([u.Message.user("And now?")], session="x")
        assert plan.why.startswith("round robin; primary/")
        assert plan.why.endswith(", which answered this session, is in cooldown")


async def test_the_retry_of_an_interrupted_stream_goes_elsewhere_first(emulator: Emulator, stage: Stage) -> None:
    manager = stage(strategy="priority", affinity=True)
    assert (await manager.generate("Hello", session="x")).provider == "primary"
    emulator.script("openai", [Fault.cut(2)])
    with pytest.raises(u.StreamInterrupted):
        async for _ in manager.stream("Hello", session="x"):
            pass
    plan = manager.explain("Hello", session="x")
    assert order(plan) == ["backup", "local", "primary"]
    assert plan.steps[2].why == "its answer to this session was interrupted, so behind the others (priority 0)"
    assert (await manager.generate("Hello", session="another")).provider == "primary"
    assert (await manager.stream("Hello", session="x").collect()).provider == "backup"
    assert (await manager.stream("Hello", session="x").collect()).provider == "primary"


async def test_a_failure_before_any_content_is_no_interruption(emulator: Emulator, stage: Stage) -> None:
    manager = stage(strategy="priority", affinity=True, max_retries=1)
    emulator.script("openai", [Fault.status(503)])
    assert (await manager.stream("Hello", session="x").collect()).provider == "backup"
    assert order(manager.explain("Hello", session="x")) == ["primary", "backup", "local"]


async def test_a_named_target_is_asked_whatever_the_session(stage: Stage) -> None:
    manager = stage(**ROTATING)
    assert (await manager.generate("Hello", session="x")).provider == "primary"
    assert (await manager.generate("Hello", session="x", model="local")).provider == "local"
    assert (await manager.generate("Hello", session="x")).provider == "local", "its cache is warm now"


async def test_a_route_has_an_affinity_of_its_own(emulator: Emulator) -> None:
    rotating = u.FallbackConfig(strategy="round_robin", affinity=True)  # type: ignore[arg-type]
    configs = [
        u.ProviderConfig(provider=name, base_url=emulator.url(name), api_key=u.Secret(emulator.key))
        for name in ("openai", "anthropic")
    ]
    routes = [u.Route(name=name, targets=("openai", "anthropic"), fallback=rotating) for name in ("one", "two")]
    async with u.ProviderManager(configs, routes=routes) as manager:
        assert (await manager.generate("Hello", session="x", model="one")).provider == "openai"
        assert (await manager.generate("Hello", model="two")).provider == "openai"
        assert [(await manager.generate("Hello", session="x", model="two")).provider for _ in range(2)] == [
            "anthropic",
            "anthropic",
        ]
        assert (await manager.generate("Hello", session="x", model="one")).provider == "openai"


async def test_a_configuration_file_sets_weights_and_affinity(emulator: Emulator) -> None:
    tables = {
        "providers": [
            {"provider": name, "base_url": emulator.url(name), "api_key": emulator.key, "weight": weight}
            for name, weight in (("openai", 0.5), ("anthropic", 2))
        ],
        "fallback": {"strategy": "Least-Busy", "affinity": True, "affinity_lifetime": 60},
    }
    async with u.from_config({"llm": tables}) as manager:
        assert isinstance(manager, u.ProviderManager)
        assert [step.why for step in manager.explain("Hello").steps] == [
            "0 in flight, weight 2",
            "0 in flight, weight 0.5",
        ]
        assert (manager.fallback.affinity, manager.fallback.affinity_lifetime) == (True, 60)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"affinity_lifetime": 0}, "affinity_lifetime must be greater than 0"), ({"affinity": 1}, "affinity must be")],
)
def test_wrong_values_are_reported(fields: dict[str, object], words: str) -> None:
    with pytest.raises(u.ConfigError, match=words):
        u.FallbackConfig(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [-1, float("inf"), float("nan"), "3"])
def test_wrong_weights_are_reported(weight: object) -> None:
    with pytest.raises(u.ConfigError, match="weight must be"):
        u.ProviderConfig(provider="openai", weight=weight)  # type: ignore[arg-type]
