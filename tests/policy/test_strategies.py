"""The strategies, as pure functions."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.targets import facts, price, prices, target
from understudy.domain.content import CacheMark, File, Image, Text, ToolResult
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message, Tool
from understudy.domain.prices import FREE
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat
from understudy.domain.usage import Usage
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.cost_order import CostOptimized
from understudy.policy.estimate import expected_usage
from understudy.policy.health import Health, Permit
from understudy.policy.latency_order import latency
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.round_robin import RoundRobin
from understudy.policy.signals import Launch, Rules
from understudy.policy.spreading import least_busy, weighted
from understudy.policy.strategies import Strategy, priority, round_robin
from understudy.policy.targets import Facts, Target, TargetFacts
from understudy.policy.tasks import LONG_INPUT, RULES, TaskBased
from understudy.policy.verdicts import VERDICTS

ALL: list[Strategy] = [
    *(priority, round_robin, weighted, latency, least_busy),
    *(CostOptimized(), TaskBased({"default": ("t2", "t0")})),
]
ASK = GenerationRequest(messages=(Message.user("Why is the sky blue?"),))
CHANCE = Random(0)


def names(plan: Plan) -> list[str]:
    return [step.target.name for step in plan.steps]


def labels(plan: Plan) -> list[str]:
    return [step.target.label for step in plan.steps]


# ---- round robin ----


@given(count=st.integers(1, 7), rounds=st.integers(1, 5))
def test_round_robin_is_even_to_the_turn(count: int, rounds: int) -> None:
    targets = tuple(target(f"t{index}", index=index) for index in range(count))
    rotation, firsts = RoundRobin(), Counter[str]()
    for _ in range(count * rounds):
        plan = round_robin(ASK, targets, Facts(turns=rotation.turns), 0.0, CHANCE)
        rotation.take(plan, frozenset())
        firsts[names(plan)[0]] += 1
        assert sorted(names(plan)) == sorted(each.name for each in targets), "the others stay behind it"
    assert set(firsts.values()) == {rounds}


@given(st.lists(st.sampled_from(["plain", "image"]), min_size=40, max_size=80), st.integers(0, 2**32))
def test_round_robin_stays_even_when_some_requests_fit_only_some(kinds: list[str], seed: int) -> None:
    """Going around by the number of the request would give every image to the same target when they alternate."""
    everyone = tuple(target(name, index=index) for index, name in enumerate("abc"))
    rotation, images = RoundRobin(), Counter[str]()
    for kind in kinds:
        able = everyone[:2] if kind == "image" else everyone
        plan = round_robin(ASK, able, Facts(turns=rotation.turns), 0.0, Random(seed))
        rotation.take(plan, frozenset())
        if kind == "image":
            images[names(plan)[0]] += 1
    assert abs(images["a"] - images["b"]) <= 1 + kinds.count("plain") // 2
    shares = [rotation.turns.get(f"{name}/m", 0) for name in "ab"]
    assert max(shares) - min(shares) <= 1


def test_a_target_in_cooldown_takes_no_turn_and_has_none_to_catch_up_on() -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abc"))
    rotation = RoundRobin()

    def turns(count: int, aside: frozenset[str]) -> Counter[str]:
        firsts = Counter[str]()
        for _ in range(count):
            plan = round_robin(ASK, targets, Facts(turns=rotation.turns, in_cooldown=aside), 0.0, CHANCE)
            rotation.take(plan, aside)
            firsts[names(plan)[0]] += 1
            assert names(plan)[-1] == "b" or not aside
        return firsts

    assert turns(20, frozenset({"b/m"})) == {"a": 10, "c": 10}
    assert turns(30, frozenset()) == {"a": 10, "b": 10, "c": 10}


def test_every_turn_is_counted_and_those_in_cooldown_keep_up() -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abc"))
    rotation = RoundRobin()

    def take(*ordered: Target, aside: frozenset[str] = frozenset()) -> dict[str, int]:
        rotation.take(Plan(tuple(Step(each, "test") for each in ordered)), aside)
        return dict(rotation.turns)

    assert take() == {}
    assert take(*targets) == {"a/m": 1}
    seen = [take(*targets, aside=frozenset({"c/m"})) for _ in range(2)]
    assert seen == [{"a/m": 2, "c/m": 2}, {"a/m": 3, "c/m": 3}]
    assert take(targets[1], aside=frozenset({"c/m"})) == {"a/m": 3, "b/m": 1, "c/m": 3}
    assert take(targets[2], aside=frozenset({"a/m", "c/m"})) == {"a/m": 3, "b/m": 1, "c/m": 4}


def test_what_was_in_cooldown_from_the_beginning_keeps_up_too() -> None:
    rotation = RoundRobin()
    rotation.take(Plan((Step(target("a"), "test"),)), frozenset({"b/m"}))
    assert rotation.turns == {"a/m": 1, "b/m": 1}


def test_the_old_name_of_the_targets_in_cooldown_is_still_read() -> None:
    facts = Facts(in_cooldown=frozenset({"a/m"}))
    with pytest.warns(DeprecationWarning, match="in_cooldown"):
        assert facts.aside == {"a/m"}


def test_turns_are_taken_even_while_every_target_is_in_cooldown() -> None:
    targets = tuple(target(name, index=index) for index, name in enumerate("abc"))
    rotation, aside = RoundRobin(), frozenset({"a/m", "b/m", "c/m"})
    firsts = Counter[str]()
    for _ in range(9):
        plan = round_robin(ASK, targets, Facts(turns=rotation.turns, in_cooldown=aside), 0.0, CHANCE)
        rotation.take(plan, aside)
        firsts[names(plan)[0]] += 1
    assert firsts == {"a": 3, "b": 3, "c": 3}


# ---- cost ----


@given(
    known=st.lists(st.tuples(prices, st.one_of(st.none(), st.floats(1, 10_000))), min_size=1, max_size=8),
    words=st.integers(1, 4000),
    limit=st.one_of(st.none(), st.integers(1, 2000)),
    unknown=st.sampled_from(["last", "first"]),
)
def test_cost_order_is_that_of_brute_force(known: list[Any], words: int, limit: int | None, unknown: str) -> None:
    request = GenerationRequest(messages=(Message.user("word " * words),), max_tokens=limit)
    targets = tuple(target(f"t{index}", index=index) for index in range(len(known)))
    given_facts = facts(
        **{f"t{index}": TargetFacts(price=each, expected_output=output) for index, (each, output) in enumerate(known)}
    )
    plan = CostOptimized(unknown)(request, targets, given_facts, 0.0, CHANCE)  # type: ignore[arg-type]

    learned = [output for _, output in known if output is not None]
    usual = sum(learned) / len(learned) if learned else None

    def cost_of(each: Target) -> int | None:
        listed, output = known[each.index]
        found = listed.cost(expected_usage(request, usual if output is None else output)) if listed else None
        return found.amount.nano_usd if found else None

    costs = [cost_of(step.target) for step in plan.steps]
    priced = [cost for cost in costs if cost is not None]
    assert sorted(names(plan)) == sorted(each.name for each in targets)
    assert priced == sorted(priced)
    gap = [cost is None for cost in costs]
    assert gap == sorted(gap, reverse=unknown == "first"), "unknown ones stand together at one end"
    for one, other in zip(plan.steps, plan.steps[1:], strict=False):
        if cost_of(one.target) == cost_of(other.target):
            assert one.target.index < other.target.index
    assert [step.expected_cost and step.expected_cost.amount.nano_usd for step in plan.steps] == costs


def test_what_is_cheapest_depends_on_the_request() -> None:
    """Cheap prompts against cheap answers: neither target is the cheaper one as such."""
    both = (target("reader", index=0), target("writer", index=1))
    known = facts(reader=TargetFacts(price=price("0.1", "10")), writer=TargetFacts(price=price("1", "1")))
    long = GenerationRequest(messages=(Message.user("word " * 20_000),), max_tokens=100)
    brief = GenerationRequest(messages=(Message.user("Write a novel."),), max_tokens=4000)
    assert names(CostOptimized()(long, both, known, 0.0, CHANCE)) == ["reader", "writer"]
    assert names(CostOptimized()(brief, both, known, 0.0, CHANCE)) == ["writer", "reader"]


def test_a_target_that_has_never_answered_is_expected_to_be_as_brief_as_the_others() -> None:
    """Else the first one that answers briefly would keep all requests, at any price."""
    both = (target("cheap", index=0), target("dear", index=1))
    known = facts(
        cheap=TargetFacts(price=price("1", "1")), dear=TargetFacts(price=price("2", "2"), expected_output=17.0)
    )
    plan = CostOptimized()(ASK, both, known, 0.0, CHANCE)
    assert names(plan) == ["cheap", "dear"]


def test_local_is_free_and_its_step_says_so() -> None:
    both = (target("cloud", index=0), target("local", index=1))
    known = facts(cloud=TargetFacts(price=price("1", "1")), local=TargetFacts(price=FREE))
    plan = CostOptimized()(ASK, both, known, 0.0, CHANCE)
    assert (plan.steps[0].target.name, plan.steps[0].why) == ("local", "free")
    assert plan.steps[1].why == "expected cost"
    assert str(plan.steps[1].expected_cost.amount).startswith("$0.0005")  # type: ignore[union-attr]


def test_marked_prompts_are_written_to_the_cache_first_and_read_from_it_later() -> None:
    document = Message.user((Text("x" * 4000, cache=CacheMark()), Text("y" * 400)))
    first = expected_usage(GenerationRequest(messages=(document,)))
    later = expected_usage(GenerationRequest(messages=(document, Message.assistant("z"), Message.user("and?"))))
    assert (first.cache_write, first.input, first.cache_read) == (1004, 100, None)
    assert (later.cache_read, later.cache_write) == (1004, None)
    hour = Message.user((Text("x" * 4000, cache=CacheMark(ttl="1h")),))
    assert expected_usage(GenerationRequest(messages=(hour,))).cache_write_1h == 1004


def test_embeddings_cost_their_texts_alone() -> None:
    assert expected_usage(EmbeddingRequest(texts=("four" * 10, "four" * 10))) == Usage(input=20, output=0)


# ---- tasks ----

FENCE = "What does this do?\n```\nx\n```"


@pytest.mark.parametrize(
    ("request_", "task"),
    [
        (
            GenerationRequest(messages=(Message.user((Image(url="https://x.example/a.png"), Text("What is it?"))),)),
            "images",
        ),
        (GenerationRequest(messages=(Message.tool(ToolResult(call_id="1", content=(Image(data="eA=="),))),)), "images"),
        (GenerationRequest(messages=(Message.user((File(text="a report"),)),)), "images"),
        (GenerationRequest(messages=(Message.user("Hi"),), tools=(Tool(name="weather"),)), "tools"),
        (GenerationRequest(messages=(Message.user("Hi"),), output=OutputFormat(kind="json_object")), "schema"),
        (GenerationRequest(messages=(Message.user("word" * LONG_INPUT),)), "long"),
        (GenerationRequest(messages=(Message.user("word" * 29_996),)), "long"),
        (GenerationRequest(messages=(Message.user("word" * 29_995),)), "default"),
        (GenerationRequest(messages=(Message.user(FENCE),)), "code"),
        (GenerationRequest(messages=(Message.user("Please write a function that reverses a list"),)), "code"),
        (GenerationRequest(messages=(Message.user("Fix the failing unit tests in my project"),)), "code"),
        (GenerationRequest(messages=(Message.user("def f(x):\n    return x\n\nclass A:\n    pass"),)), "code"),
        (GenerationRequest(messages=(Message.user("Our code of conduct: explain it to a child"),)), "default"),
        (GenerationRequest(messages=(Message.user("Why is the sky blue?"),)), "default"),
        (
            GenerationRequest(messages=(Message.user(FENCE), Message.assistant("Nothing."), Message.user("Thanks"))),
            "default",
        ),
    ],
)
def test_plain_rules_pick_the_task(request_: GenerationRequest, task: str) -> None:
    tasks = {rule.task: ("a",) for rule in RULES} | {"default": ("a",)}
    assert TaskBased(tasks).task_of(request_)[0] == task


def test_rules_without_a_list_are_not_asked() -> None:
    with_tools = GenerationRequest(messages=(Message.user(FENCE),), tools=(Tool(name="weather"),))
    assert TaskBased({"code": ("a",)}).task_of(with_tools)[0] == "code"
    assert TaskBased({"mine": ("a",)}).task_of(with_tools)[0] is None


def test_the_callers_word_counts_more_than_rules() -> None:
    named = GenerationRequest(messages=(Message.user(FENCE),), task="mine")
    assert TaskBased({"code": ("a",), "mine": ("b",)}).task_of(named) == ("mine", "named by the caller")


def test_the_tasks_own_targets_come_first_and_the_others_stay_behind() -> None:
    targets = (
        target("a", 1, 0),
        target("b", 2, 1),
        target("c", 3, 2),
        target("b", 2, 3, model="big", default=False),
        target("c", 3, 4, model="other", default=False),
    )
    plan = TaskBased({"code": ("b/big", "c"), "images": ("c/other",)})(
        GenerationRequest(messages=(Message.user(FENCE),)), targets, Facts(), 0.0, CHANCE
    )
    assert labels(plan) == ["b/big", "c/m", "a/m", "b/m"]
    assert [(skip.target.label, skip.why) for skip in plan.skipped] == [("c/other", "only for other tasks")]
    assert plan.task == "code"
    assert plan.why == "task code: the last question contains code or asks for it"


def test_a_task_without_rule_or_list_says_so_and_the_others_follow_by_priority() -> None:
    assert TaskBased({"mine": ("a",)}).task_of(ASK) == (None, "no rule matches")
    assert TaskBased({"default": ("a",)}).task_of(ASK) == ("default", "no rule matches")
    assert TaskBased({}).task_of(ASK) == (None, "no tasks are configured")
    assert TaskBased({"default": ("a",)}).task_of(EmbeddingRequest(texts=("x",))) == (None, "embeddings have no task")
    both = (target("a", 2), target("b", 1, 1))
    plan = TaskBased({})(ASK, both, Facts(), 0.0, CHANCE)
    assert [(step.target.name, step.why) for step in plan.steps] == [("b", "priority 1"), ("a", "priority 2")]
    assert (plan.task, plan.why) == (None, "no tasks are configured")


def test_a_target_of_the_task_that_cannot_take_the_request_is_left_out() -> None:
    plan = TaskBased({"default": ("gone", "b", "a/other")})(ASK, (target("a"), target("b", 1, 1)), Facts(), 0.0, CHANCE)
    assert [(step.target.name, step.why) for step in plan.steps] == [
        ("b", "task default"),
        ("a", "after the targets of the task, priority 10"),
    ]


# ---- all ----


def test_by_priority_and_in_turns_every_step_says_why() -> None:
    three = (target("a", 2, 0), target("b", 1, 1), target("c", 1, 2))
    plan = priority(ASK, three, Facts(), 0.0, CHANCE)
    assert plan.why == "by priority"
    assert [(step.target.name, step.why) for step in plan.steps] == [
        ("b", "priority 1"), ("c", "priority 1"), ("a", "priority 2")
    ]  # fmt: skip
    turns = Facts(turns={"b/m": 1, "c/m": 0}, in_cooldown=frozenset({"c/m"}))
    plan = round_robin(ASK, three, turns, 0.0, CHANCE)
    assert plan.why == "round robin"
    assert [(step.target.name, step.why) for step in plan.steps] == [
        ("a", "its turn"),
        ("b", "after the target whose turn it is"),
        ("c", "in cooldown, so behind the others"),
    ]


def test_what_was_never_first_is_as_what_was_first_no_times() -> None:
    two = (target("a", index=0), target("b", index=1))
    assert names(round_robin(ASK, two, Facts(turns={"a/m": 0}), 0.0, CHANCE)) == ["a", "b"]
    assert names(least_busy(ASK, two, Facts(turns={"a/m": 0}), 0.0, CHANCE)) == ["a", "b"]


def test_a_plan_of_the_first_alone_states_why_the_others_are_left_out() -> None:
    three = tuple(target(name, index=index) for index, name in enumerate("abc"))
    whole = Plan(tuple(Step(each, "test") for each in three[:2]), (Skip(three[2], "no tools"),))
    first = whole.only_first("it is alone")
    assert first.steps == whole.steps[:1]
    assert first.skipped == (Skip(three[2], "no tools"), Skip(three[1], "it is alone"))


def _name(strategy: object) -> str:
    return getattr(strategy, "__name__", type(strategy).__name__)


@pytest.mark.parametrize("strategy", ALL, ids=_name)
def test_every_step_has_the_window_of_its_target(strategy: Strategy) -> None:
    """Of those with and without prices and measurements, of one in cooldown, and of one of no known window."""
    targets = tuple(target(f"t{number}", index=number) for number in range(5))
    known = {
        "t0/m": TargetFacts(price=price("1", "1"), first_token=0.5, first_token_age=1.0),
        "t1/m": TargetFacts(price=FREE, first_token=0.7, first_token_age=1.0, in_flight=1),
        "t2/m": TargetFacts(first_token=0.9, first_token_age=99.0),
    }
    windows = {f"t{number}/m": 1000 + number for number in range(4)}
    given_facts = Facts(targets=known, windows=windows, in_cooldown=frozenset({"t3/m"}))
    for seed in range(5):
        plan = strategy(ASK, targets, given_facts, 0.0, Random(seed))
        found = {step.target.label: step.context_window for step in plan.steps}
        assert found == {**windows, "t4/m": None}


@pytest.mark.parametrize("strategy", ALL, ids=_name)
def test_targets_that_are_all_in_cooldown_stand_in_the_plan_all_the_same(strategy: Strategy) -> None:
    targets = tuple(target(f"t{number}", index=number) for number in range(3))
    all_cooling = Facts(in_cooldown=frozenset(each.label for each in targets))
    assert sorted(names(strategy(ASK, targets, all_cooling, 0.0, CHANCE))) == ["t0", "t1", "t2"]
    assert names(strategy(ASK, (), Facts(), 0.0, CHANCE)) == []


def test_a_target_that_says_nothing_else_has_the_usual_place() -> None:
    bare = Target(name="entry")
    assert (bare.priority, bare.index, bare.model, bare.label, bare.default) == (10, 0, None, "entry", True)
    assert (bare.limits.connect, bare.limits.first_event, bare.limits.idle, bare.limits.total) == (5, 60, 60, 600)
    assert Target(name="entry", model="m").label == "entry/m"
    assert (TargetFacts().in_flight, Facts().turn) == (0, 0)


@given(
    order=st.sampled_from(ALL),
    places=st.lists(st.integers(0, 5), min_size=3, max_size=9),
    turns=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    seed=st.integers(0, 2**32),
)
def test_plans_follow_from_facts_and_seed_alone(
    order: Strategy, places: list[int], turns: list[int], seed: int
) -> None:
    targets = tuple(target(f"t{index}", each, index) for index, each in enumerate(places))
    known = Facts(
        targets={
            each.label: TargetFacts(
                price=price(str(turns[each.index]), "1"),
                in_flight=turns[each.index],
                first_token=each.priority / 4 or None,
                first_token_age=10.0 * turns[each.index],
            )
            for each in targets
        },
        turns={each.label: turns[each.index] for each in targets},
        in_cooldown=frozenset({"t1/m"}),
    )
    one = order(ASK, targets, known, 5.0, Random(seed))
    other = order(ASK, targets, known, 5.0, Random(seed))
    assert one == other
    planned = [*labels(one), *(skip.target.label for skip in one.skipped)]
    assert sorted(planned) == sorted(each.label for each in targets), "every target stands in exactly one of both"


def test_priority_breaks_ties_as_written() -> None:
    targets = (target("a", 5, 0), target("b", 1, 1), target("c", 5, 2), target("d", 1, 3))
    assert names(priority(ASK, targets, Facts(), 0.0, CHANCE)) == ["b", "d", "a", "c"]


@given(
    order=st.sampled_from(ALL),
    dead=st.lists(st.booleans(), min_size=2, max_size=6).filter(lambda each: not all(each)),
    why=st.sampled_from([FailureKind.AUTHENTICATION, FailureKind.RATE_LIMITED, FailureKind.NOT_FOUND]),
    turns=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    seed=st.integers(0, 2**32),
)
def test_a_dead_target_never_blocks_a_live_one(
    order: Strategy, dead: list[bool], why: FailureKind, turns: list[int], seed: int
) -> None:
    """Whatever the order, a request goes to a live target at once while there is one."""
    targets = tuple(target(f"t{index}", index=index) for index in range(len(dead)))
    health = Health()
    for each, is_dead in zip(targets, dead, strict=True):
        if is_dead:
            failure = Failure(kind=why, message="down", retry_after=90.0)
            health.failed(Permit(each, 1000.0), failure, VERDICTS[why].cooldown, 1000.0)
    known = Facts(
        targets={each.label: TargetFacts(price=price(str(turns[each.index]), "1")) for each in targets},
        turns={each.label: turns[each.index] for each in targets},
        in_cooldown=health.in_cooldown(targets, 1001.0),
    )
    plan = order(ASK, targets, known, 1001.0, Random(seed))
    call = Call(plan, Rules(), health=health, budgets=Budgets(), rng=Random(seed))
    (launch,) = call.start(1001.0)
    assert isinstance(launch, Launch)
    assert not dead[launch.target.index]
    alive = [step.target for step in plan.steps if not dead[step.target.index]]
    assert launch.target == alive[0], "and the first live one of the order is the one that is asked"
