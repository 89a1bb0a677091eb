"""The report of what happens now: sums over processes, the worst state of each target, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.fleet.made import Clock, order, snapshot, tally
from understudy.domain.quantiles import Sketch
from understudy.fleet.fleet import SILENT
from understudy.fleet.orders import OrderKind
from understudy.fleet.store import History, Member
from understudy.reports.now import NowReport, now_report
from understudy.telemetry.snapshot import Minute, RequestMinute, StandIn, TargetSnapshot, TargetState

AT = Clock().now + 30
"""Half a minute after a minute began."""
START = int(AT - 30)


def member(worker: str, age: float = 0.0, *, ended: bool = False, **fields: Any) -> Member:
    return Member(snapshot=snapshot(worker, AT, **fields), age=age, ended=ended)


def target(entry: str = "one", state: TargetState = TargetState.CLOSED, **fields: Any) -> TargetSnapshot:
    return TargetSnapshot(entry=entry, model="m", provider_type="openai", state=state, **fields)


def report(*members: Member, history: History | None = None, **more: Any) -> NowReport:
    return now_report(members, history or History(), AT, **more)


def test_a_quiet_gateway_is_well() -> None:
    found = report(member("a", started=AT - 1_000))
    assert (found.status, found.problems) == ("well", ())
    assert (found.recent.requests, found.recent.success, found.recent.latency_p50) == (0, None, None)
    assert (found.recent.seconds, found.lately.seconds) == (90, 330)
    assert [each.worker for each in found.workers] == ["a"]


def test_what_is_wrong_with_the_ledger_is_reported_once() -> None:
    deleted = "the ledger ledger.db was deleted at 2026-11-30 12:00 UTC while it was in use"
    found = report(member("a", ledger_trouble=deleted), member("b", ledger_trouble=deleted), member("c"))
    assert (found.status, found.problems) == ("degraded", (deleted,))


def test_traffic_is_of_the_current_minute_and_those_before() -> None:
    latency = Sketch()
    for seconds in (1.0, 1.0, 1.0, 4.0):
        latency.add(seconds)
    now = RequestMinute(start=START, outcomes={"answered": 4, "failed": 1, "refused": 7}, latency=latency.snapshot())
    before = RequestMinute(start=START - 60, outcomes={"answered": 14, "interrupted": 1})
    earlier = RequestMinute(start=START - 300, outcomes={"answered": 10})
    past = RequestMinute(start=START - 360, outcomes={"answered": 1000})
    minutes = (
        Minute(start=START, entry="one", model="m", tally=tally(3, 2_000_000_000, boom=2)),
        Minute(start=START - 60, entry="two", model="m", tally=tally(1, 1_000_000_000, slow=1)),
        Minute(start=START - 360, entry="one", model="m", tally=tally(99, 99)),
    )
    found = report(member("a"), history=History(minutes=minutes, requests=(past, earlier, before, now)))
    assert found.recent.requests == 27
    assert found.recent.per_minute == 27 * 60 / 90
    assert found.recent.success == 18 / 20
    assert found.recent.outcomes == {"answered": 18, "refused": 7, "failed": 1, "interrupted": 1}
    assert found.recent.latency_p50 == pytest.approx(1.0, rel=0.02)
    assert found.recent.latency_p95 == pytest.approx(4.0, rel=0.02)
    assert (found.recent.attempts, found.recent.failures) == (7, {"boom": 2, "slow": 1})
    assert (found.recent.cost_usd, found.recent.cost_per_hour_usd) == ("3.000000000", "120.000000000")
    assert (found.lately.requests, found.lately.seconds) == (37, 330)
    assert "10% of the requests of the last minutes failed" in found.problems
    assert [(each.succeeded, each.failed, each.cost_usd) for each in found.targets] == [(3, 2, "2.000000000")]


@pytest.mark.parametrize(
    ("outcomes", "problems"),
    [
        ({"answered": 2, "failed": 1}, ()),
        ({"failed": 1}, ("100% of the requests of the last minutes failed",)),
        ({"answered": 2, "failed": 2}, ("50% of the requests of the last minutes failed",)),
        ({"refused": 5}, ()),
    ],
)
def test_few_requests_that_fail_are_not_well(outcomes: dict[str, int], problems: tuple[str, ...]) -> None:
    found = report(member("a"), history=History(requests=(RequestMinute(start=START, outcomes=outcomes),)))
    assert (found.problems, found.status) == (problems, "degraded" if problems else "well")


def test_rates_are_of_the_time_since_the_gateway_began() -> None:
    requests = (RequestMinute(start=START, outcomes={"answered": 15}),)
    minutes = (Minute(start=START, entry="one", model="m", tally=tally(15, 1_000_000_000)),)
    history = History(minutes=minutes, requests=requests)
    young = report(member("a", started=AT - 20), history=history)
    # The minute of the first request began 30 s ago, and the process within it.
    assert (young.recent.seconds, young.lately.seconds) == (30, 30)
    assert (young.lately.per_minute, young.lately.cost_per_hour_usd) == (30, "120.000000000")
    assert report(member("a", started=AT - 1)).lately.seconds == 10, "one request is no torrent"
    # A process that has ended was at work before: it left its minutes.
    earlier = RequestMinute(start=START - 120, outcomes={"answered": 1})
    again = report(member("b", started=AT - 20), history=History(requests=(earlier, *requests)))
    assert (again.recent.seconds, again.lately.seconds) == (90, 150)


def test_a_target_has_its_worst_state_and_how_many_see_it() -> None:
    opened = target(state=TargetState.OPEN, until=AT + 4, why="boom", in_flight=1)
    longer = target(state=TargetState.OPEN, until=AT + 9, why="boom again", in_flight=2)
    cooling = target(state=TargetState.COOLDOWN, until=AT + 99, why="slow down", in_flight=4)
    found = report(
        member("a", targets=(opened,)), member("b", targets=(cooling,)), member("c", targets=(longer,)),
        member("d", targets=(target(),)),
    )  # fmt: skip
    (one,) = found.targets
    assert (one.state, one.seen_by, one.workers) == (TargetState.OPEN, 2, 4)
    assert (one.until, one.why, one.in_flight, found.in_flight) == (AT + 9, "boom again", 7, 7)
    assert found.status == "degraded"
    assert found.problems == ("one/m is not asked in 2 of 4 processes: boom again",)


def test_nothing_stands_in_for_embeddings_but_the_same_model() -> None:
    down = target("one", TargetState.OPEN, operation="embedding", why="boom")
    chat = target("two")
    assert report(member("a", targets=(down, chat))).problems == (
        "one/m is not asked, and no other entry embeds with its model: boom",
    )
    other = target("two", operation="embedding")
    assert report(member("a", targets=(down, chat, other))).problems == ("one/m is not asked: boom",)


def test_a_route_without_a_target_is_down() -> None:
    alone = StandIn(route="chat", primary="one/m", acting=None, why="boom")
    covered = StandIn(route=None, primary="one/m", acting="two/m", why="boom")
    down = target(state=TargetState.OPEN, why="boom")
    found = report(
        member("a", targets=(down,), stand_ins=(covered, alone)), member("b", targets=(down,), stand_ins=(covered,))
    )
    assert found.status == "down"
    assert found.problems == ("on route 'chat' no target may be asked: one/m: boom",)
    assert {(each.route, each.acting): each.seen_by for each in found.stand_ins} == {
        (None, "two/m"): 2,
        ("chat", None): 1,
    }


def test_a_target_on_probation_is_not_well_while_another_one_stands_in_for_it() -> None:
    stand_in = StandIn(route=None, primary="one/m", acting="two/m", why="refused")
    both = (target(state=TargetState.HALF_OPEN, why="refused"), target("two"))
    found = report(member("a", targets=both, stand_ins=(stand_in,)))
    assert found.status == "degraded"
    assert found.problems == ("one/m is on probation, and the next request finds out whether it works: refused",)
    assert report(member("a", targets=both)).status == "well"


def test_processes_that_are_silent_or_differ_are_named() -> None:
    found = report(
        member("a", config="x"), member("b", config="x"), member("c", age=SILENT + 2, host="there", config="y", pid=7),
        member("gone", ended=True),
    )  # fmt: skip
    assert [(each.worker, each.is_silent, each.has_other_config) for each in found.workers] == [
        ("a", False, False), ("b", False, False), ("c", True, True),
    ]  # fmt: skip
    assert "process 7 on there is silent for 7 s" in found.problems
    assert any("same configuration" in each for each in found.problems)
    assert found.targets[0].workers == 2, "what a silent process knew is past"


def test_orders_that_stand_are_with_their_targets() -> None:
    stands = replace(order(OrderKind.DRAIN, at=AT - 60), number=3)
    out = target(state=TargetState.DISABLED, why="drained by ann")
    found = report(member("a", targets=(out, target("two"))), orders=[stands])
    assert [(each.ordered, each.ordered_by, each.ordered_at) for each in found.targets] == [
        ("drain", "ann", AT - 60), (None, None, None),
    ]  # fmt: skip
    assert (found.status, found.orders) == ("well", (stands,)), "what an operator ordered is not a fault"


def test_trouble_with_the_store_is_a_problem() -> None:
    found = report(member("a"), trouble="the disk is full")
    assert found.problems == ("other processes are not known: the disk is full",)
