"""What tells two states apart where every state of the whole bound is visited: an abstraction that is finite.

Two states count as one if they agree in what this module reads of the machine. They may differ in:

- exact times. What is kept of them is which timer goes next, what is past, and whether a request has time for another
  attempt, or for the longest wait before one, until its deadline;
- how many failures in a row a breaker has counted (none, some, one short of opening or more), how often it opened
  (once, or more often), how long a cooldown's row is (the same), and how many retries a budget grants (none, or some);
- how often a target was tried, as long as it may be tried again or not; which attempt has which number; and, once an
  answer is shown that nothing may replace, whatever was tried before;
- which of two requests with the same plan is which, and which key of a pool is which;
- all that requests hold which are over;
- what the laws remember, except failures in a row, and what `LEFT_OUT` names.

One state of each such class is followed: the first that is found, on a shortest way to the class. The laws are checked
on that state itself, with its exact times, and after each of its moves. So every class that is reached from such states
is visited, and no more is proven: another state of the same class may do what this one does not.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from tests.modelcheck.memory import renamings
from tests.modelcheck.world import World
from understudy.policy.breaker import IN_A_ROW
from understudy.policy.budgets import RetryBudget
from understudy.policy.call import Call
from understudy.policy.signals import Rules
from understudy.policy.tries import LATE, LEAST, Running, Try

LEFT_OUT = frozenset(
    {"_caller", "_several_at", "_row", "_ended", "_beyond", "_slices"}  # which attempts a breaker's row consists of
    | {"why", "kind", "decisions", "denials", "_last"}  # what is said of failures
    | {
        "_requests",
        "_retries_made",
        "_patience",
        "_wait_began",
        "share_ends",
        "own_cooldown",
    }  # exact times and durations
    | {"count", "step", "_rules", "rules", "_rng", "_health", "_budgets", "_picker"}
)
"""Fields of the machine's parts that make no difference."""
_MORE = 2
"""Counts from here on are the same."""
_OVER = b"over"


class _Part(NamedTuple):
    """What a request looks like, and when it goes on."""

    code: bytes
    timers: tuple[tuple[float, str], ...] = ()


def view(world: World) -> bytes:
    """Return what tells a state from those that do not count as one with it."""
    return min(_coded(world, renamed) for renamed in ({}, *renamings(world.targets)))


def _coded(world: World, renamed: Mapping[str, str]) -> bytes:
    requests = [_request(world, number, renamed) for number in (0, 1)]
    if world.scene.plans[0] == world.scene.plans[1]:
        requests.sort()
    timers = [(at, f"{place} {what}") for place, each in enumerate(requests) for at, what in each.timers]
    health = [*_breakers(world, timers), *_pauses(world, timers, renamed), *_budgets(world), *_keys(world, renamed)]
    health += _rows(world)
    pending = [(at, what) for at, what in timers if at > world.now]
    soonest = min(pending, default=(0.0, ""))[0]
    following = sorted(what for at, what in pending if at - soonest < 1e-6)
    code = marshal.dumps([[each.code for each in requests], health, following], 2)
    return blake2b(code, digest_size=12).digest()


# ---- a request ----


def _request(world: World, number: int, renamed: Mapping[str, str]) -> _Part:
    call, book = world.calls[number], world.books[number]
    if call is None:
        return _Part(b"")
    if book.settled:
        return _Part(_OVER)
    tries, shown, now = call._tries, call._shown, world.now
    places = {id(each): place for place, each in enumerate(tries.all)}
    timers = [(tries.deadline, "deadline")]
    runs: list[Any] = []
    for attempt, running in call.running.items():
        run, place = book.running[attempt], places[id(running.target)]
        runs.append((place, *_attempt(world, running, renamed), run.begun, run.full, run.limit <= now))
        timers.append((run.limit, f"limit {place}"))
        if not run.begun and run.launched == now and len(book.closed) < world.scene.denials:
            runs.append("may be denied")
    if shown.attempt is not None and _nothing_may_follow(call._rules):
        return _Part(marshal.dumps(runs, 2), tuple(timers))
    waits = [(call._wake, "wake"), (call._hedge_at, "hedge"), (shown.beat_at, "beat")]
    timers += [(at, what) for at, what in waits if at is not None]
    left = tries.deadline - now
    more = (
        [None if at is None else at <= now for at, _ in waits],
        None if call._waiting_for is None else places[id(call._waiting_for)],
        tries.attempts,
        len(book.closed) < world.scene.denials,
        (left >= LEAST - LATE) + (left >= LEAST + call._rules.max_wait),
        (shown.attempt is None, shown.broken is None, shown.continues),
        "_retries" in vars(call) and call._retries._repeated_at_once,
        bool(book.late),
    )
    targets = [
        (_target(each, call), _named(each.failed_keys, renamed), _named(each.dead_keys, renamed)) for each in tries.all
    ]
    return _Part(marshal.dumps([targets, runs, more], 2), tuple(timers))


def _nothing_may_follow(rules: Rules) -> bool:
    return rules.on_midstream_error in ("surface", "hold") or rules.has_effects


def _target(each: Try, call: Call) -> str:
    """Return what may still become of a target of a request."""
    if each.closed:
        return "closed"
    if any(running.target is each for running in call.running.values()):
        return "running"
    if not each.launched:
        return "untried"
    if each.may_come_back:
        return "denied" if each.denied else "may be asked again"
    return "closed"


def _attempt(world: World, running: Running, renamed: Mapping[str, str]) -> tuple[Any, ...]:
    """Return what an attempt holds, and what has begun since it was launched."""
    permit, health = running.permit, world.health
    breakers = [flow.breaker for flow in health._flows.of(permit.target)]
    pauses = health._cooldowns._over(permit.target, free=False, key="")
    if permit.key:
        pauses += health._cooldowns._over(permit.target, free=False, key=permit.key)
    return (
        renamed.get(permit.key, permit.key),
        bool(permit.probes),
        any(number == each._leases and each._lease_until > world.now for each, number in permit.leases),
        [each is not None and permit.launched < (each._until or each._closed_at) for each in breakers],
        any(permit.launched < each.noted for each in pauses),
    )


# ---- what is known of targets ----


def _breakers(world: World, timers: list[tuple[float, str]]) -> Iterable[Any]:
    now, health = world.now, world.health
    for flows in (health._flows.by_host, health._flows.by_label):
        for name in sorted(flows):
            each = flows[name].breaker
            if each is None:
                continue
            if each._until is None:
                if each._in_a_row:
                    yield name, each._in_a_row >= IN_A_ROW - 1
                continue
            timers += [(each._until, name), (each._lease_until, f"lease {name}")]
            openings, leased = min(each._openings, _MORE), each._lease_until > now
            yield name, now < each._until, openings, each._successes, each.proven, leased


def _rows(world: World) -> list[Any]:
    """Return the failures in a row as the laws count them: a machine that counts otherwise is in another state."""
    return [(name, row >= IN_A_ROW - 1) for name, row in sorted(world.ledger.row.items()) if row]


def _pauses(world: World, timers: list[tuple[float, str]], renamed: Mapping[str, str]) -> list[Any]:
    found: list[Any] = []
    for scope, pauses in world.health._cooldowns._pauses.items():
        for bare, each in pauses.items():
            name, row = f"{scope.value} {renamed.get(bare, bare)}", min(each.in_a_row, _MORE)
            if each.until <= world.now:
                found.append((name, row))
                continue
            timers.append((each.until, name))
            found.append((name, row, each.disabled, each.probing, each.probed))
    return sorted(found)


def _budgets(world: World) -> list[Any]:
    budgets = world.budgets._retry
    return [(name, _grants(each, world.now), each._hedges >= 1.0) for name, each in sorted(budgets.items())]


def _grants(budget: RetryBudget, now: float) -> bool:
    return budget._reserve + max(0.0, now - budget._refilled) >= 1.0


def _keys(world: World, renamed: Mapping[str, str]) -> list[str]:
    """Return the keys of pools, the one picked longest ago first."""
    uses = world.health._pools._uses
    return [renamed.get(key, key) for key in sorted(uses, key=lambda key: uses[key].picked)]


def _named(keys: Iterable[str], renamed: Mapping[str, str]) -> list[str]:
    return sorted(renamed.get(key, key) for key in keys)
