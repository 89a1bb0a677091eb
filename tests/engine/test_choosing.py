"""How the manager chooses, through its public face: strategies, routes, tasks and what targets can take."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import RecordingTransport
from understudy.domain.prices import Price, Rates, rate_of
from understudy.policy.plan import Plan, Step
from understudy.policy.targets import Facts, Target


def provider(name: str, transport: Any = None, **settings: Any) -> u.LLMProvider:
    settings = {"provider": "openai", "api_key": u.Secret("k-1234567"), "text_model": f"model-of-{name}", **settings}
    return u.create_provider(u.ProviderConfig(name=name, **settings), transport=transport or RecordingTransport())


def manager(*providers: u.LLMProvider, routes: Sequence[u.Route] = (), **fallback: Any) -> u.ProviderManager:
    return u.ProviderManager(providers, u.FallbackConfig(**fallback), routes=routes)


def names(plan: Plan) -> list[str]:
    return [step.target.label for step in plan.steps]


async def test_concurrent_callers_share_a_round_robin_to_the_turn() -> None:
    llm = manager(*(provider(name) for name in "abcde"), strategy=u.FallbackStrategy.ROUND_ROBIN)
    answers = await asyncio.gather(*(llm.generate("Hi") for _ in range(5 * 40)))
    assert set(Counter(answer.provider for answer in answers).values()) == {40}


async def test_streams_take_turns_too_and_explaining_takes_none() -> None:
    llm = manager(*(provider(name) for name in "ab"), strategy=u.FallbackStrategy.ROUND_ROBIN)
    for _ in range(3):
        assert names(llm.explain("Hi"))[0] == "a/model-of-a"
    got = [(await llm.stream("Hi").collect()).provider for _ in range(4)]
    assert got == ["a", "b", "a", "b"]


async def test_plans_that_are_ready_are_those_of_requests_with_the_same_needs() -> None:
    llm = manager(provider("deaf", capabilities={"tools": False}), provider("able"))
    tools = [u.Tool(name="f")]
    got = [(await llm.generate("Hi", tools=given)).provider for given in ([], tools, [], tools)]
    assert got == ["deaf", "able", "deaf", "able"]


async def test_a_call_that_names_its_target_takes_nobodys_turn() -> None:
    llm = manager(*(provider(name) for name in "ab"), strategy=u.FallbackStrategy.ROUND_ROBIN)
    got = [(await llm.generate("Hi", model="a")).provider for _ in range(3)]
    assert got == ["a", "a", "a"]
    assert (await llm.generate("Hi")).provider == "a", "it is still the first one's turn"


async def test_a_route_has_targets_strategy_and_limits_of_its_own() -> None:
    cheap = u.Route(
        name="cheap",
        targets=("b/small", "a"),
        fallback=u.FallbackConfig(strategy=u.FallbackStrategy.ROUND_ROBIN, enabled=False),
    )
    llm = manager(provider("a"), provider("b"), provider("c"), routes=[cheap])
    plan = llm.explain("Hi", model="cheap")
    assert plan.route == "cheap"
    assert names(plan) == ["b/small"]
    assert [(skip.target.label, skip.why) for skip in plan.skipped] == [("a/model-of-a", "fallback is switched off")]
    got = [(await llm.generate("Hi", model="cheap")).attempts[0].model for _ in range(4)]
    assert got == ["small", "model-of-a", "small", "model-of-a"]
    assert names(llm.explain("Hi")) == ["a/model-of-a", "b/model-of-b", "c/model-of-c"]


async def test_tasks_choose_by_what_is_asked() -> None:
    llm = manager(
        provider("a"),
        provider("b"),
        strategy=u.FallbackStrategy.TASK_BASED,
        tasks={"code": ["b/coder"], "mine": ["b"]},
    )
    assert (await llm.generate("Write a function that adds")).attempts[0].model == "coder"
    assert (await llm.generate("Hello", task="mine")).provider == "b"
    assert (await llm.generate("Hello")).provider == "a"
    plan = llm.explain("Write a function that adds")
    assert (plan.task, plan.why) == ("code", "task code: the last question contains code or asks for it")
    assert names(plan) == ["b/coder", "a/model-of-a", "b/model-of-b"]
    with pytest.raises(u.Misuse, match="task 'poems' has no targets: the tasks are code, mine"):
        await llm.generate("Hello", task="poems")


def test_a_task_that_nobody_looks_at_is_said_to_be_so() -> None:
    assert "its task is ignored" in manager(provider("a"), provider("b")).explain("Hi", task="code").why


def test_a_provider_alone_explains_itself() -> None:
    price = Price.per_million(input=1, output=1)
    alone = u.create_provider(
        u.ProviderConfig(
            provider="openai", api_key=u.Secret("k-1234567"), text_model="m", price=price, context_window=9
        )
    )
    (step,) = alone.explain("Hi", max_tokens=100).steps
    assert (step.target.label, step.context_window) == ("openai/m", 9)
    assert step.expected_cost is not None
    assert step.expected_cost.amount.nano_usd == 104_000


async def test_the_cheapest_comes_first_by_the_entries_own_prices() -> None:
    dear = Price(rates=Rates(input=rate_of("10"), output=rate_of("30")), source="configuration")
    cheap = Price(rates=Rates(input=rate_of("0.1"), output=rate_of("0.3")), source="configuration")
    llm = manager(
        provider("dear", price=dear),
        provider("unknown"),
        provider("cheap", price=cheap),
        provider("local", provider="ollama", api_key=None),
        strategy=u.FallbackStrategy.COST_OPTIMIZED,
    )
    plan = llm.explain("Hi")
    assert names(plan) == [f"{name}/model-of-{name}" for name in ("local", "cheap", "dear", "unknown")]
    assert [step.expected_cost is None for step in plan.steps] == [False, False, False, True]
    assert (await llm.generate("Hi", model="cheap")).provider == "cheap"


async def test_what_a_target_cannot_take_is_not_sent_to_it() -> None:
    llm = manager(provider("blind", capabilities={"vision": False}), provider("seeing"))
    picture = u.Message.user((u.Image(data="eA==", media_type="image/png"), u.Text("What is it?")))
    assert (await llm.generate([picture])).provider == "seeing"
    assert (await llm.generate("Hi")).provider == "blind"
    (skip,) = llm.explain([picture]).skipped
    assert (skip.target.name, skip.why) == ("blind", "does not support images")
    nobody = manager(*(provider(name, capabilities={"vision": False}) for name in "ab"))
    with pytest.raises(
        u.Unsupported, match="a/model-of-a does not support images; b/model-of-b does not support images"
    ):
        await nobody.generate([picture])


async def test_what_an_entry_says_of_its_text_model_holds_for_no_other_model_of_it() -> None:
    entry = provider("a", capabilities={"vision": False}, context_window=10)
    llm = manager(entry, provider("b"), routes=[u.Route(name="r", targets=("a/eyes", "a", "b"))])
    picture = u.Message.user((u.Image(data="eA==", media_type="image/png"), u.Text("word " * 400)))
    plan = llm.explain([picture], model="r")
    assert names(plan) == ["a/eyes", "b/model-of-b"]
    assert plan.steps[0].context_window is None
    assert [skip.why for skip in plan.skipped] == ["does not support images"]
    assert entry.explain("Hi", model="eyes").steps[0].context_window is None  # type: ignore[attr-defined]
    assert entry.explain("Hi").steps[0].context_window == 10  # type: ignore[attr-defined]


async def test_a_prompt_that_is_too_long_goes_to_who_holds_it() -> None:
    llm = manager(provider("small", context_window=1000), provider("large", context_window=100_000))
    assert (await llm.generate("word " * 4000)).provider == "large"
    assert (await llm.generate("word")).provider == "small"
    both_too_small = await llm.generate("word " * 400_000)
    assert both_too_small.provider == "small", "an estimate alone refuses nothing"


async def test_any_function_is_a_strategy_and_may_not_invent_targets() -> None:
    def last_first(request: object, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
        return Plan(tuple(Step(each, "backwards") for each in reversed(targets)))

    def invented(request: object, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
        return Plan((Step(Target(name="mallory"), "why not"),))

    assert (await manager(provider("a"), provider("b"), strategy=last_first).generate("Hi")).provider == "b"
    with pytest.raises(u.Misuse, match="the strategy planned mallory, which was not among the targets"):
        await manager(provider("a"), provider("b"), strategy=invented).generate("Hi")


def test_what_a_strategy_leaves_out_is_told_and_not_tried() -> None:
    def first_alone(request: object, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
        return Plan((Step(targets[0], "enough"),))

    plan = manager(provider("a"), provider("b"), strategy=first_alone).explain("Hi")
    assert names(plan) == ["a/model-of-a"]
    assert [(skip.target.name, skip.why) for skip in plan.skipped] == [("b", "left out by the strategy")]


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (lambda targets: None, "the strategy must return a Plan, got NoneType"),
        (list, "the strategy must return a Plan, got list"),
        (lambda targets: Plan(()), "the strategy left out every target"),
        (Plan, "the strategy must plan Steps, got"),
        (
            lambda targets: Plan((Step(targets[0], "a"), Step(targets[0], "b"))),
            "the strategy planned a/model-of-a twice",
        ),
    ],
)
async def test_a_strategy_that_does_not_return_a_plan_is_told_so(steps: Any, says: str) -> None:
    def strategy(request: object, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
        found: Plan = steps(targets)
        return found

    llm = manager(provider("a"), provider("b"), strategy=strategy)
    with pytest.raises(u.Misuse, match=says):
        await llm.generate("Hi")
    with pytest.raises(u.Misuse, match=says):
        llm.explain("Hi")


async def _slow(request: object, targets: tuple[Target, ...], facts: Facts, now: float, rng: Random) -> Plan:
    return Plan(())


@pytest.mark.parametrize(
    ("fallback", "says"),
    [
        ({"strategy": _slow}, "strategy is asynchronous: it is called without await"),
        ({"strategy": "cheapest"}, "strategy is unknown: 'cheapest'; did you mean 'cost_optimized'"),
        ({"strategy": 7}, "strategy is unknown: 7; use priority, round_robin, cost_optimized"),
        (
            {"strategy": u.FallbackStrategy.COST_OPTIMIZED, "unknown_prices": "middle"},
            "unknown_prices is unknown: 'middle'; expected one of last, first",
        ),
        ({"tasks": {"code": "a"}}, "tasks of task 'code' must be a list of names"),
        ({"tasks": {"code": []}}, "task 'code' has no targets"),
        ({"tasks": {"code": ["a", "a"]}}, "task 'code' names 'a' twice"),
    ],
)
def test_what_is_no_way_to_choose_is_told_when_the_manager_is_made(fallback: Any, says: str) -> None:
    with pytest.raises(u.ConfigError, match=says):
        manager(provider("a"), provider("b"), **fallback)
    with pytest.raises(u.ConfigError, match=says):
        route = u.Route(name="r", targets=("a",), fallback=u.FallbackConfig(**fallback))
        manager(provider("a"), provider("b"), routes=[route])


@pytest.mark.parametrize(
    ("routes", "says"),
    [
        ([u.Route(name="r", targets=())], "route 'r' has no targets"),
        ([u.Route(name="r", targets=("a", "a"))], "route 'r' names 'a' twice"),
        ([u.Route(name="r", targets=("a",)), u.Route(name="r", targets=("b",))], "the name 'r' is used by two routes"),
    ],
)
def test_what_is_no_route_is_told_when_the_manager_is_made(routes: list[u.Route], says: str) -> None:
    with pytest.raises(u.ConfigError, match=says):
        manager(provider("a"), provider("b"), routes=routes)


def test_a_call_that_names_a_model_is_explained_with_its_price() -> None:
    """Even when no target of the usual order needs the price list."""
    code = (
        "import understudy as u\n"
        "free = u.create_provider(u.ProviderConfig(provider='ollama'))\n"
        "own = {'x': u.Price.per_million(input=1, output=1)}\n"
        "config = u.ProviderConfig(provider='openai', api_key=u.Secret('k'), text_model='x', prices=own)\n"
        "llm = u.ProviderManager([u.create_provider(config), free])\n"
        "assert llm.explain('Hi', model='openai/gpt-5').steps[0].expected_cost is not None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_routes_and_tasks_that_name_nobody_are_told_when_the_manager_is_made() -> None:
    with pytest.raises(u.ConfigError, match="route 'r': unknown entry or model 'x/y': write ENTRY/x/y for a model"):
        manager(provider("a"), provider("b"), routes=[u.Route(name="r", targets=("x/y",))])
    with pytest.raises(u.ConfigError, match="task 't': unknown entry or model 'x'"):
        manager(provider("a"), tasks={"t": ["x"]}, strategy=u.FallbackStrategy.TASK_BASED)
    with pytest.raises(u.ConfigError, match="route 'a' has the same name as an entry"):
        manager(provider("a"), routes=[u.Route(name="a", targets=("a",))])
    with pytest.raises(u.Misuse, match="the entries are a; the routes are fast"):
        await manager(provider("a"), routes=[u.Route(name="fast", targets=("a",))]).generate("Hi", model="slow")


async def test_a_strategy_never_chooses_the_space_of_embeddings() -> None:
    """Taking turns between two spaces would corrupt an index; within one space it is welcome."""
    apart = manager(
        provider("a", embedding_model="one"),
        provider("b", embedding_model="two"),
        strategy=u.FallbackStrategy.ROUND_ROBIN,
    )
    assert [(await apart.embed("x")).provider for _ in range(3)] == ["a"] * 3
    together = manager(
        provider("a", embedding_model="one", embedding_space="s"),
        provider("b", embedding_model="two", embedding_space="s"),
        strategy=u.FallbackStrategy.ROUND_ROBIN,
    )
    assert [(await together.embed("x")).provider for _ in range(4)] == ["a", "b", "a", "b"]


async def test_a_route_leads_embeddings_too() -> None:
    route = u.Route(name="vectors", targets=("b", "a"))
    llm = manager(
        provider("a", embedding_model="one", embedding_space="s"),
        provider("b", embedding_model="two", embedding_space="s"),
        routes=[route],
    )
    assert (await llm.embed("x", model="vectors")).provider == "b"
    assert (await llm.embed("x")).provider == "a"


async def test_a_route_passes_over_who_does_not_embed() -> None:
    entries = (provider("claude", provider="anthropic"), provider("plain"), provider("b", embedding_model="two"))
    routes = [u.Route(name="r", targets=("claude", "plain", "b")), u.Route(name="words", targets=("claude", "plain"))]
    llm = manager(*entries, routes=routes)
    assert (await llm.embed("x", model="r")).provider == "b"
    with pytest.raises(u.ConfigError, match="embed: no target of route 'words' has an embedding_model"):
        await llm.embed("x", model="words")


@pytest.mark.parametrize("strategy", [each for each in u.FallbackStrategy if each != "task_based"])
async def test_plans_of_embeddings_are_those_of_looking_at_every_target(strategy: u.FallbackStrategy) -> None:
    """What is remembered of a space changes no plan: of two managers, one forgets it before each request."""
    models = {"a": "one", "b": "two", "c": "one", "d": "one"}
    price = {name: Price(rates=Rates(input=rate_of(5 - at)), source="test") for at, name in enumerate(models)}
    plans: list[list[Plan]] = []
    for forgets in (False, True):
        llm = manager(
            *(provider(name, embedding_model=each, price=price[name]) for name, each in models.items()),
            strategy=strategy,
        )
        planner: Any = llm._planner  # pyright: ignore[reportPrivateUsage]
        planner._rng = Random(7)
        found: list[Plan] = []
        for number in range(40):
            model = (None, None, "b", "c/one", "d")[number % 5]
            request = u.EmbeddingRequest(texts=("x" * number,), model=model, dimensions=(None, 64)[number % 2])
            if forgets:
                for route in planner._routes.values():
                    route.view.spaces.clear()
            found.append((await planner.embedding_plan(request)).plan)
        plans.append(found)
    assert plans[0] == plans[1]
    assert {skip.target.name for skip in plans[0][0].skipped} == {"b"}
    assert names(plans[0][2])[0] == "b/two"
