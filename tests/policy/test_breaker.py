"""A circuit breaker alone: what opens it, for how long, who probes, and what closes it."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.desk import Longest
from understudy.policy.breaker import Breaker, BreakerState, Ended, Refusal

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Bench:
    """A breaker, and attempts that end at once unless they are kept."""

    def __init__(self, rng: Random | None = None) -> None:
        self.breaker = Breaker()
        self.now = 100.0
        self.launched = 0
        self.under_way: set[int] = set()
        self._rng = rng or Longest()

    def launch(self) -> tuple[int, float]:
        """Launch an attempt; return its number and when."""
        self.launched += 1
        self.under_way.add(self.launched)
        return self.launched, self.now

    def end(self, number: int) -> None:
        """Let an attempt end in a way that says nothing."""
        self.under_way.discard(number)
        self.breaker.ended(number)

    def fail(self, *times: tuple[int, float], caller: int | None = None, others: int = 0) -> BreakerState:
        """Let attempts fail (unset: a new one), each of another caller unless one is named; return the state.

        `others`: attempts under way, beside those that were launched here and have not ended.
        """
        for number, launched in times or (self.launch(),):
            whose = number if caller is None else caller
            beside = others + len(self.under_way - {number})
            self.breaker.failed(Ended(number, launched, whose, beside), self.now, self._rng, why="server_error: no")
            self.end(number)
        return self.state

    def succeed(self, *times: tuple[int, float]) -> BreakerState:
        """Let attempts succeed (unset: a new one); return the state."""
        for number, launched in times or (self.launch(),):
            self.breaker.succeeded(launched, self.now)
            self.end(number)
        return self.state

    def open(self) -> float:
        """Fail until it opens; return for how long it is open."""
        while self.fail() is CLOSED:
            pass
        return self.open_for

    @property
    def open_for(self) -> float:
        refusal = self.breaker.refusal(self.now)
        assert refusal is not None
        assert refusal[0] is Refusal.OPEN
        return refusal[1] - self.now

    @property
    def state(self) -> BreakerState:
        return self.breaker.state(self.now)


# ---- what opens it ----


def test_five_failures_in_a_row() -> None:
    bench = Bench()
    assert [bench.fail() for _ in range(5)] == [CLOSED] * 4 + [OPEN]


def test_a_success_between_them_starts_the_row_again() -> None:
    bench = Bench()
    for _ in range(4):
        bench.fail()
    bench.succeed()
    assert [bench.fail() for _ in range(5)] == [CLOSED] * 4 + [OPEN]


def test_attempts_that_ended_between_them_are_not_taken_for_ones_under_way() -> None:
    """Cancelled, or failed in a way that says nothing of the target, before the next failure that counts."""
    bench = Bench()
    for _ in range(4):
        bench.fail()
        for _ in range(3):
            bench.end(bench.launch()[0])
    assert bench.fail() is OPEN


def test_half_of_twenty_outcomes() -> None:
    bench = Bench()
    bench.fail()
    states = [(bench.succeed(), bench.fail())[1] for _ in range(10)]
    assert states == [CLOSED] * 9 + [OPEN]


def test_the_twentieth_outcome_is_enough_and_the_nineteenth_is_not() -> None:
    bench = Bench()
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.succeed()
    assert bench.fail() is OPEN, "ten of twenty"
    bench = Bench()
    for _ in range(9):
        bench.fail()
        bench.succeed()
    assert bench.fail() is CLOSED, "ten of nineteen"
    bench = Bench()
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.succeed()
    bench.succeed()
    assert bench.fail() is CLOSED, "ten of twenty-one"


@pytest.mark.parametrize(("later", "state"), [(29.9, OPEN), (30.0, CLOSED)])
def test_an_outcome_counts_for_thirty_seconds(later: float, state: BreakerState) -> None:
    bench = Bench()
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.succeed()
    bench.now += later
    assert bench.fail() is state


def test_of_the_outcomes_only_the_old_ones_are_forgotten() -> None:
    bench = Bench()
    for pairs, later in ((3, 10.0), (6, 21.0)):
        for _ in range(pairs):
            bench.succeed()
            assert bench.fail() is CLOSED
        bench.now += later
    states = [(bench.succeed(), bench.fail())[1] for _ in range(4)]
    assert states == [CLOSED] * 3 + [OPEN], "the three oldest pairs are gone, and ten are left"


@pytest.mark.parametrize(("first", "state"), [((1, 6, 2, 3, 4), OPEN), ((1, 7, 2, 3, 4), CLOSED)])
def test_three_quarters_of_those_launched_together_are_enough(first: tuple[int, ...], state: BreakerState) -> None:
    """Of six, five have failed and one runs; of seven, two."""
    bench = Bench()
    burst = [bench.launch() for _ in range(7)]
    assert bench.fail(*(burst[number - 1] for number in first)) is state


def test_six_of_eight_are_exactly_three_quarters() -> None:
    bench = Bench()
    burst = [bench.launch() for _ in range(8)]
    assert bench.fail(*(burst[number - 1] for number in (1, 8, 2, 3, 4))) is CLOSED
    assert bench.fail(burst[4]) is OPEN


@pytest.mark.parametrize(("count", "state"), [(64, OPEN), (65, CLOSED)])
def test_of_sixty_four_attempts_that_ended_between_two_failures_none_is_under_way(
    count: int, state: BreakerState
) -> None:
    """One more is under way, beside one from before: five of six have failed. Of sixty-five, the first is forgotten,
    and the one from before taken for it: five of seven."""
    bench = Bench()
    bench.launch()
    bench.fail()
    bench.launch()
    for number in [bench.launch()[0] for _ in range(count)]:
        bench.end(number)
    assert [bench.fail() for _ in range(4)] == [CLOSED] * 3 + [state]


def test_an_attempt_from_before_the_row_does_not_stand_for_one_of_it() -> None:
    """It ends when the row has begun; those that run beside the row are still under way."""
    bench = Bench()
    before = [bench.launch() for _ in range(5)]
    bench.fail()
    beside = [bench.launch() for _ in range(5)]
    for number, _ in before:
        bench.end(number)
    assert [bench.fail() for _ in range(4)] == [CLOSED] * 4, "five of ten"
    for number, _ in beside:
        bench.end(number)
    assert bench.fail() is OPEN


def test_what_has_ended_counts_once_however_many_failures_follow() -> None:
    bench = Bench()
    bench.fail()
    for _ in range(3):
        bench.end(bench.launch()[0])
    bench.fail()
    for _ in range(4):
        bench.launch()
    assert [bench.fail() for _ in range(3)] == [CLOSED] * 3, "five of nine: four are under way"


def test_what_has_ended_is_remembered_until_a_later_failure_includes_it() -> None:
    bench = Bench()
    bench.fail()
    second, *others = [bench.launch() for _ in range(4)]
    for number, _ in others:
        bench.end(number)
    assert bench.fail(second) is CLOSED
    assert [bench.fail() for _ in range(3)] == [CLOSED, CLOSED, OPEN], "none of the eight is under way"


def test_not_more_of_them_are_remembered_after_a_second_failure() -> None:
    bench = Bench()
    bench.launch()
    bench.fail()
    bench.end(bench.launch()[0])
    bench.fail()
    bench.launch()
    for number in [bench.launch()[0] for _ in range(65)]:
        bench.end(number)
    assert [bench.fail() for _ in range(3)] == [CLOSED] * 3, "five of seven"


def test_what_ended_in_an_earlier_row_does_not_count_in_the_next() -> None:
    bench = Bench()
    bench.fail()
    for _ in range(6):
        bench.end(bench.launch()[0])
    bench.succeed()
    first = bench.launch()
    beside = [bench.launch() for _ in range(3)]
    bench.fail(first)
    assert len(beside) == 3
    assert [bench.fail() for _ in range(4)] == [CLOSED] * 4, "five of eight"


def test_what_ended_before_the_row_began_is_not_under_way() -> None:
    """A long answer breaks first, and many that were launched after it were whole long ago."""
    bench = Bench()
    long = [bench.launch()]
    for _ in range(5):
        for _ in range(10):
            bench.succeed()
        long.append(bench.launch())
    bench.now += 30.0
    assert bench.fail(*long[:4]) is CLOSED
    assert bench.fail(long[4]) is OPEN, "five of six"


def test_old_successes_do_not_outweigh_the_failures_of_now() -> None:
    bench = Bench()
    for _ in range(30):
        bench.succeed()
    bench.now += 26.0
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.succeed()
    bench.now += 5.0
    assert bench.fail() is OPEN, "ten of the twenty in the last half minute"


def test_what_was_counted_before_it_closed_does_not_count_after() -> None:
    bench = Bench()
    bench.now += bench.open()
    bench.succeed()
    assert bench.succeed() is CLOSED
    states = [(bench.succeed(), bench.succeed(), bench.fail())[2] for _ in range(6)]
    assert states == [CLOSED] * 6, "a third, and not the five before"


def test_much_traffic_takes_no_memory() -> None:
    bench = Bench()
    bench.succeed()
    tracemalloc.start()
    try:
        for _ in range(5_000):
            bench.succeed()
            bench.now += 0.002
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 10_000


def test_a_share_below_a_half_never() -> None:
    bench = Bench()
    for _ in range(200):
        assert (bench.fail(), bench.fail(), bench.succeed(), bench.succeed(), bench.succeed())[1] is CLOSED
        bench.now += 0.01


def test_outcomes_of_half_a_minute_ago_do_not_count() -> None:
    bench = Bench()
    for _ in range(9):
        bench.succeed()
        bench.fail()
    bench.now += 31.0
    for _ in range(9):
        bench.succeed()
        bench.fail()
    assert bench.state is CLOSED


def test_the_failures_of_one_caller_are_no_outage_while_others_are_under_way() -> None:
    bench = Bench()
    assert [bench.fail(caller=1, others=1) for _ in range(9)] == [CLOSED] * 9
    assert bench.fail(caller=2, others=1) is OPEN


@pytest.mark.parametrize(("later", "state"), [(30.0, OPEN), (30.1, CLOSED)])
def test_another_caller_s_failure_counts_for_thirty_seconds(later: float, state: BreakerState) -> None:
    bench = Bench()
    bench.fail(caller=1, others=1)
    bench.fail(caller=2, others=1)
    bench.now += later
    assert [bench.fail(caller=2, others=1) for _ in range(3)] == [CLOSED, CLOSED, state]


def test_one_caller_is_enough_where_nobody_else_asks() -> None:
    bench = Bench()
    assert [bench.fail(caller=7, others=0) for _ in range(5)] == [CLOSED] * 4 + [OPEN]


def test_the_callers_of_an_earlier_outage_do_not_count_in_the_next() -> None:
    bench = Bench()
    for caller in (1, 2, 1, 2, 1):
        bench.fail(caller=caller, others=1)
    bench.now += bench.open_for
    bench.succeed()
    assert bench.succeed() is CLOSED
    assert [bench.fail(caller=1, others=1) for _ in range(9)] == [CLOSED] * 9


def test_quick_failures_of_a_burst_wait_for_the_attempts_launched_beside_them() -> None:
    """Of 200 attempts at once, 60 fail before the others have had time to answer."""
    bench = Bench()
    burst = [bench.launch() for _ in range(200)]
    bench.now += 0.05
    for each in burst[::3]:
        assert bench.fail(each) is CLOSED
    bench.now += 0.3
    for number in range(200):
        if number % 3:
            bench.succeed(burst[number])
    assert bench.state is CLOSED


def test_a_burst_of_failures_opens_it() -> None:
    bench = Bench()
    burst = [bench.launch() for _ in range(200)]
    assert bench.fail(*burst) is OPEN


def test_long_answers_that_began_before_do_not_keep_it_closed() -> None:
    bench = Bench()
    for _ in range(100):
        bench.launch()
    assert [bench.fail() for _ in range(5)][-1] is OPEN


# ---- for how long ----


def test_it_opens_for_a_second_doubling_to_ten() -> None:
    bench = Bench()
    times = [bench.open()]
    for _ in range(6):
        bench.now += times[-1]
        assert bench.state is HALF_OPEN
        bench.fail()
        times.append(bench.open_for)
    assert times == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_a_thousand_openings_are_no_overflow() -> None:
    bench = Bench()
    bench.open()
    for _ in range(1100):
        bench.now += bench.open_for
        bench.fail()
    assert bench.open_for == 10.0


def test_when_it_has_closed_the_next_outage_begins_with_a_second() -> None:
    bench = Bench()
    bench.now += bench.open()
    bench.fail()
    bench.now += bench.open_for
    bench.succeed()
    assert bench.succeed() is CLOSED
    assert bench.open() == 1.0
    bench.now += bench.open_for
    assert (bench.succeed(), bench.succeed()) == (HALF_OPEN, CLOSED)


def test_half_of_the_time_is_chance() -> None:
    times = [Bench(Random(seed)).open() for seed in range(200)]
    assert 0.5 <= min(times) < 0.52
    assert 0.98 < max(times) <= 1.0


def test_after_a_success_it_is_another_outage() -> None:
    bench = Bench()
    bench.now += bench.open()
    bench.fail()
    bench.now += bench.open_for
    assert bench.succeed() is HALF_OPEN
    bench.fail()
    assert bench.open_for == 1.0
    bench.now += bench.open_for
    assert (bench.succeed(), bench.succeed()) == (HALF_OPEN, CLOSED)


def test_answers_that_begin_and_break_make_it_neither_better_nor_worse() -> None:
    bench = Bench()
    bench.now += bench.open()
    bench.fail()
    for _ in range(3):
        bench.now += bench.open_for
        number, launched = bench.launch()
        bench.breaker.begun(launched)
        bench.fail((number, launched))
        assert bench.open_for == 2.0


# ---- who probes ----


def test_one_probe_at_a_time() -> None:
    bench = Bench()
    bench.now += bench.open()
    lease = bench.breaker.lease(bench.now)
    assert bench.breaker.refusal(bench.now) == (Refusal.PROBED, bench.now + 10.0)
    bench.breaker.end_lease(lease)
    assert bench.breaker.refusal(bench.now) is None


def test_a_probe_without_end_holds_its_place_for_ten_seconds() -> None:
    bench = Bench()
    bench.now += bench.open()
    first = bench.breaker.lease(bench.now)
    bench.now += 10.0
    assert bench.breaker.refusal(bench.now) is None
    bench.breaker.lease(bench.now)
    bench.breaker.end_lease(first)
    assert bench.breaker.refusal(bench.now) is not None, "the place is another's by now"


def test_a_lease_ends_on_its_second_and_only_by_its_own_number() -> None:
    bench = Bench()
    bench.now += bench.open()
    first = bench.breaker.lease(bench.now)
    assert bench.breaker.refusal(bench.now + 9.9) == (Refusal.PROBED, bench.now + 10.0)
    bench.breaker.end_lease(first - 1)
    assert bench.breaker.refusal(bench.now) is not None
    bench.breaker.end_lease(first)
    assert bench.breaker.lease(bench.now) == first + 1


def test_a_probe_that_fails_frees_its_place_with_the_next_half_open() -> None:
    bench = Bench()
    bench.now += bench.open()
    bench.breaker.lease(bench.now)
    bench.fail()
    bench.now += bench.open_for
    assert bench.breaker.refusal(bench.now) is None


def test_it_is_proven_by_content_of_an_attempt_launched_in_time_until_it_changes() -> None:
    bench = Bench()
    early = bench.launch()
    bench.breaker.begun(bench.now)
    assert not bench.breaker.proven, "it is closed"
    bench.now += bench.open()
    bench.breaker.begun(early[1])
    assert not bench.breaker.proven
    bench.breaker.begun(bench.now)
    assert bench.breaker.proven
    bench.fail()
    assert not bench.breaker.proven
    bench.now += bench.open_for
    assert bench.succeed() is HALF_OPEN
    assert bench.breaker.proven
    assert bench.succeed() is CLOSED
    assert not bench.breaker.proven


def test_it_names_the_latest_failure_that_counted() -> None:
    bench = Bench()
    assert bench.breaker.why == ""
    old = bench.launch()
    bench.fail()
    assert bench.breaker.why == "server_error: no"
    bench.open()
    bench.breaker.failed(Ended(*old, 1, others=0), bench.now, Longest(), why="connect: old")
    assert bench.breaker.why == "server_error: no"
    bench.now += bench.open_for
    number, launched = bench.launch()
    bench.breaker.failed(Ended(number, launched, 1, others=0), bench.now, Longest(), why="connect: new")
    assert bench.breaker.why == "connect: new"


def test_two_successes_close_it() -> None:
    bench = Bench()
    bench.now += bench.open()
    assert (bench.succeed(), bench.succeed()) == (HALF_OPEN, CLOSED)
    assert [bench.fail() for _ in range(5)] == [CLOSED] * 4 + [OPEN]


def test_attempts_from_before_say_nothing() -> None:
    """Those launched before it opened neither close nor extend it; those launched before it closed open it not."""
    bench = Bench()
    old = [bench.launch() for _ in range(20)]
    bench.open()
    until = bench.now + bench.open_for
    bench.fail(*old[:5])
    assert bench.now + bench.open_for == until
    bench.now = until
    bench.fail(*old[5:8])
    bench.succeed(*old[8:12])
    assert bench.state is HALF_OPEN
    assert not bench.breaker.proven
    bench.succeed()
    bench.succeed()
    assert bench.fail(*old[12:]) is CLOSED


def test_it_is_forgotten_half_a_minute_after_the_last_failure() -> None:
    bench = Bench()
    bench.fail()
    bench.succeed()
    assert not bench.breaker.is_idle(bench.now)
    bench.now += 36.0
    assert bench.breaker.is_idle(bench.now)
    bench.now += bench.open()
    assert not bench.breaker.is_idle(bench.now + 1000.0)


def test_one_that_has_closed_is_remembered_for_thirty_seconds() -> None:
    """An attempt from before must not open it again."""
    bench = Bench()
    bench.now += bench.open()
    bench.succeed()
    bench.succeed()
    closed = bench.now
    assert not bench.breaker.is_idle(closed + 30.0)
    assert bench.breaker.is_idle(closed + 30.1)


def test_one_with_a_failure_since_the_last_success_is_never_forgotten() -> None:
    bench = Bench()
    bench.fail()
    assert not bench.breaker.is_idle(bench.now + 1e6)


happenings = st.lists(
    st.tuples(
        st.sampled_from(["launch", "fail", "succeed", "abandon", "begin"]), st.floats(0.0, 15.0), st.integers(0, 9)
    ),
    max_size=80,
)


@given(happenings, st.integers(0, 99))
@pytest.mark.parametrize("others", [False, True])
def test_it_never_wedges(others: bool, happened: list[tuple[str, float, int]], seed: int) -> None:
    """Whatever happened: within the longest pause and a lease, an attempt is admitted; two successes then close it."""
    rng = Random(seed)
    breaker, now, number = Breaker(), 100.0, 0
    running: list[tuple[int, float, int | None]] = []
    for what, after, which in happened:
        now += after
        if what == "launch" and breaker.refusal(now) is None:
            number += 1
            running.append((number, now, breaker.lease(now) if breaker.state(now) is HALF_OPEN else None))
        elif running and what != "launch":
            ended, launched, lease = running[which % len(running)]
            if what == "begin":
                breaker.begun(launched)
                continue
            running.remove((ended, launched, lease))
            if what == "fail":
                breaker.failed(Ended(ended, launched, which, int(others)), now, rng, why="no")
            elif what == "succeed":
                breaker.succeeded(launched, now)
            breaker.ended(ended)
            if lease is not None:
                breaker.end_lease(lease)
    now += 20.0
    assert breaker.refusal(now) is None
    for _ in range(2):
        breaker.succeeded(now, now)
    assert breaker.state(now) is CLOSED
