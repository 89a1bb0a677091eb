"""Affinity: where the requests of a session go. Time is in seconds, the lifetime is 300."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.content import Text, ToolCall, ToolResult
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.policy.affinity import SessionKey, Sessions, begins_turn, key_of
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.targets import Target

KEY = SessionKey(None, None, "s")
SKIPPED = (Skip(Target(name="z"), "no tools"),)


def plan(names: str, why: str = "by test") -> Plan:
    steps = tuple(Step(Target(name=name), f"place {place}") for place, name in enumerate(names, start=1))
    return Plan(steps, SKIPPED, why=why)


class Conversation:
    """One session, asked of a strategy that gives the orders which the test writes down."""

    def __init__(self) -> None:
        self.sessions, self.now, self.latest = Sessions(), 1000.0, plan("a")

    def order(self, names: str, *, after: float = 1.0, loop: bool = False, cooling: str = "") -> str:
        """Return where the next request goes, if the strategy's own order is `names`."""
        self.now += after
        self.latest = self.sessions.arrange(
            plan(names), KEY, begins=not loop, lifetime=300.0, now=self.now, in_cooldown=frozenset(cooling)
        )
        assert self.latest.skipped == SKIPPED
        return "".join(step.target.name for step in self.latest.steps)

    def answered(self, name: str, *, loop: bool = False) -> None:
        first = self.latest.steps[0].target.name == name
        self.sessions.answered(KEY, name, first=first, begins=not loop, now=self.now)

    def interrupted(self, name: str) -> None:
        self.sessions.interrupted(KEY, name, self.now)

    @property
    def whys(self) -> list[str]:
        return [step.why for step in self.latest.steps]


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


def test_a_session_stays_where_it_was_answered_though_the_strategy_rotates(talk: Conversation) -> None:
    assert talk.order("abc") == "abc"
    talk.answered("a")
    assert talk.order("bca") == "abc"
    assert talk.whys == ["answered this session, 1 s ago (place 3)", "place 1", "place 2"]
    assert talk.latest.why == "by test; the session's own target first"
    talk.answered("a")
    assert talk.order("cab", after=299) == "acb"
    talk.answered("a")
    assert talk.order("cab", after=299) == "acb", "every answer begins the lifetime anew"


def test_after_its_lifetime_the_strategy_decides_anew(talk: Conversation) -> None:
    talk.order("abc")
    talk.answered("a")
    assert talk.order("bca", after=300) == "bca"
    talk.answered("b")
    assert talk.order("cab") == "bca"


def test_a_failover_keeps_the_tool_loop_and_the_next_turn_returns(talk: Conversation) -> None:
    talk.order("abc")
    talk.answered("a")
    assert talk.order("abc") == "abc"
    talk.answered("b")  # a has failed
    assert talk.order("abc", loop=True) == "bac"
    assert talk.whys[0] == "answers this turn of the session, 1 s ago (place 2)"
    talk.answered("b", loop=True)
    assert talk.order("cab", loop=True) == "bca"
    talk.answered("b", loop=True)
    assert talk.order("cab") == "acb", "a user's message begins a turn"
    talk.answered("a")
    assert talk.order("cab", loop=True) == "acb"


def test_a_failover_at_the_first_turn_makes_no_home(talk: Conversation) -> None:
    """The strategy's own first choice has no cache yet, but it was chosen: the next turn asks the strategy."""
    talk.order("abc")
    talk.answered("b")
    assert talk.order("abc", loop=True) == "bac"
    talk.answered("b", loop=True)
    assert talk.order("abc") == "abc"


def test_a_home_whose_cache_is_cold_is_not_returned_to(talk: Conversation) -> None:
    talk.order("abc")
    talk.answered("a")
    talk.order("abc", after=200)
    talk.answered("b")
    assert talk.order("cab", after=101) == "cab"


def test_a_session_that_begins_inside_a_tool_loop_has_a_home_too(talk: Conversation) -> None:
    talk.order("abc", loop=True)
    talk.answered("a", loop=True)
    assert talk.order("bca", loop=True) == "abc"
    assert talk.order("bca") == "abc"


@pytest.mark.parametrize("loop", [False, True])
def test_a_cooldown_is_not_waited_for(talk: Conversation, loop: bool) -> None:
    talk.order("abc")
    talk.answered("a")
    assert talk.order("bca", loop=loop, cooling="a") == "bca"
    assert talk.latest.why == "by test; a, which answered this session, is in cooldown"
    assert talk.order("bca", loop=loop) == "abc"


@pytest.mark.parametrize("loop", [False, True])
def test_a_retry_after_an_interrupted_answer_goes_elsewhere_first(talk: Conversation, loop: bool) -> None:
    talk.order("abc")
    talk.answered("a")
    assert talk.order("abc", loop=loop) == "abc"
    talk.interrupted("a")
    assert talk.order("abc", loop=loop) == "bca"
    assert talk.whys[2] == "its answer to this session was interrupted, so behind the others (place 1)"
    talk.answered("b", loop=loop)
    assert talk.order("abc", loop=True) == "bac", "the rest of the turn stays there"
    assert talk.order("bca") == "abc", "and the next one returns"


def test_an_interruption_of_the_first_answer_is_remembered_for_the_lifetime(talk: Conversation) -> None:
    talk.order("ab")
    talk.interrupted("a")
    assert talk.order("a") == "a", "it is asked nevertheless if no other is left"
    assert talk.whys == ["place 1"]
    assert talk.order("ab", after=298) == "ba"
    assert talk.order("ab", after=1) == "ab"


def test_an_interruption_elsewhere_does_not_move_the_session(talk: Conversation) -> None:
    talk.order("abc")
    talk.answered("a")
    talk.interrupted("b")
    assert talk.order("bca") == "acb"


def test_a_target_that_the_plan_does_not_have_holds_nothing(talk: Conversation) -> None:
    talk.order("abc")
    talk.answered("a")
    assert talk.order("bc") == "bc"
    assert talk.latest == plan("bc")


def test_sessions_are_bounded_and_the_one_that_answered_last_is_kept() -> None:
    sessions = Sessions(limit=2)

    def answered(name: str) -> None:
        sessions.answered(SessionKey(None, None, name), "b", first=True, begins=True, now=1.0)

    def first(name: str) -> str:
        arranged = sessions.arrange(plan("ab"), SessionKey(None, None, name), begins=True, lifetime=9.0, now=2.0)
        return arranged.steps[0].target.name

    for name in ("one", "two", "one", "three"):
        answered(name)
    assert [first(name) for name in ("one", "two", "three", "four")] == ["b", "a", "b", "a"]


def test_ten_thousand_sessions_are_remembered() -> None:
    sessions = Sessions()
    for number in range(10_001):
        sessions.answered(SessionKey(None, None, str(number)), "b", first=True, begins=True, now=1.0)

    def first(name: str) -> str:
        arranged = sessions.arrange(plan("ab"), SessionKey(None, None, name), begins=True, lifetime=9.0, now=2.0)
        return arranged.steps[0].target.name

    assert [first(name) for name in ("0", "1", "10000")] == ["a", "b", "b"]


def test_every_route_and_task_has_homes_of_its_own() -> None:
    request = GenerationRequest(messages=(Message.user("Hi"),), session="s")
    assert key_of(request, Plan((), route="cheap", task="code")) == SessionKey("cheap", "code", "s")
    assert key_of(GenerationRequest(messages=(Message.user("Hi"),)), Plan(())) is None


CALL = Message.assistant((ToolCall(id="1", name="f"),))
RESULT = Message.tool(ToolResult(call_id="1", content="2"))


@pytest.mark.parametrize(
    ("messages", "begins"),
    [
        ((Message.user("Hi"),), True),
        ((Message.user("Hi"), CALL, RESULT), False),
        ((Message.user("Hi"), CALL, RESULT, RESULT), False),
        # Anthropic's and Google's formats put results into messages of the user.
        ((Message.user("Hi"), CALL, Message.user((ToolResult(call_id="1", content="2"), Text("Go on")))), False),
        ((Message.user("Hi"), CALL, RESULT, Message.assistant("3"), Message.user("And?")), True),
        # Agents put reminders of their own behind the results of tools.
        ((Message.user("Hi"), CALL, RESULT, Message.user((Text("Go on"),))), False),
        (
            (Message.user("Hi"), CALL, RESULT, Message.assistant("3"), Message.system("Note"), Message.user("And?")),
            True,
        ),
        ((Message.user("Hi"), Message.assistant("So far")), False),
        ((), True),
    ],
)
def test_a_turn_begins_with_a_users_message_outside_a_tool_loop(messages: tuple[Message, ...], begins: bool) -> None:
    assert begins_turn(GenerationRequest(messages=messages)) is begins


@given(
    st.lists(
        st.tuples(
            st.permutations("abcd"), st.booleans(), st.sets(st.sampled_from("abcd")), st.sampled_from("abcd"),
            st.sampled_from(["answered", "interrupted", "failed"]), st.floats(0, 400),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_the_targets_stay_the_same_and_nothing_in_cooldown_is_put_first(
    requests: list[tuple[list[str], bool, set[str], str, str, float]],
) -> None:
    talk = Conversation()
    for order, loop, cooling, by, outcome, after in requests:
        own = "".join(order)
        arranged = talk.order(own, after=after, loop=loop, cooling="".join(cooling))
        assert sorted(arranged) == sorted(own)
        assert arranged[0] == own[0] or arranged[0] not in cooling or own[1] == arranged[0]
        if outcome == "answered":
            talk.answered(by, loop=loop)
        elif outcome == "interrupted":
            talk.interrupted(by)


def test_a_target_that_calls_name_holds_a_session_of_its_own() -> None:
    """A side request at another model does not take the conversation along; what a call names answers the session."""
    sessions, main, side = Sessions(), SessionKey(None, None, "s", "a"), SessionKey(None, None, "s", "c")
    sessions.answered(main, "b", first=False, begins=True, now=1.0)
    sessions.answered(side, "c", first=True, begins=True, now=2.0)
    in_loop = sessions.arrange(plan("abc"), main, begins=False, lifetime=9.0, now=3.0)
    assert next(step.target.label for step in in_loop.steps) == "b"
    unnamed = sessions.arrange(plan("abc"), SessionKey(None, None, "s"), begins=False, lifetime=9.0, now=3.0)
    assert next(step.target.label for step in unnamed.steps) == "c"
