"""Where the search begins: three targets, the rules of two requests, what happened before, and what may go wrong.

Targets `a` and `b` share a host, `b` and `c` share a key. A scene is small enough to be searched deeply; together they
contain every class of failure that has a verdict of its own (`faults.py`), pools of two keys, and every way to go on
after the first words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tests.modelcheck.faults import (
    BAD_KEY,
    CONNECT,
    CONTEXT,
    DISCONNECTED,
    DNS,
    EMPTY,
    FAULTS,
    HINT,
    INVALID,
    LIMITED,
    LIMITED_LONG,
    LONG_HINT,
    NOT_PLAIN,
    PERMISSION,
    SERVER_ERROR,
    STALE,
    Fault,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Rules
from understudy.policy.targets import Limits, Target
from understudy.policy.verdicts import Cooldown, Trips

START = 1_000_000.0
"""When each history begins. A number that is larger than half of it is a time, anything smaller a duration or a count.
"""
LIMITS = Limits(connect=5.0, first_event=8.0, idle=8.0, total=30.0)
A, B, C = (
    Target(name="a", model="m", index=0, credential="key 1", endpoint="host 1", limits=LIMITS),
    Target(name="b", model="n", index=1, credential="key 2", endpoint="host 1", limits=LIMITS),
    Target(name="c", model="m", index=2, credential="key 2", endpoint="host 2", limits=LIMITS),
)
TARGETS = (A, B, C)
MAX_ATTEMPTS = 4
MANY = 99
KEYS = ("key 1", "key 2")
POOL_A, POOL_B = (replace(each, credential="pool", credentials=KEYS) for each in (A, B))
BACKUP = replace(C, credential="key 3")
"""Two models at one host, and the two keys of one pool; and what is asked after the first of them."""
APT_A, APT_B = replace(A, continues=True), replace(B, continues=True)
"""They can continue what another target began; `c` cannot."""
_K = FailureKind


History = Callable[[Health, Budgets], None]


class Scene(msgspec.Struct, frozen=True):
    """A beginning, and what may happen from there."""

    name: str
    plans: tuple[tuple[Target, ...], tuple[Target, ...]] = (TARGETS, TARGETS)
    rules: Rules = Rules(max_attempts=MAX_ATTEMPTS, deadline=20.0, max_wait=8.0)
    faults: tuple[Fault, ...] = FAULTS
    history: History | None = None
    row: Mapping[str, int] = {}
    """Failures in a row that the history contains, by host or target."""
    opened: tuple[str, ...] = ()
    """Targets of which a breaker is open at the beginning."""
    host_down: bool = False
    """The open breaker is the host's."""
    promised: Mapping[str, float] = {}
    dead: tuple[str, ...] = ()
    burst: int = 3
    """Retries that are granted at once."""
    denials: int = 0
    """Attempts of a request that may be denied on this side."""
    cancels: bool = True
    whole: bool = False
    """It is small enough for every state to be visited."""
    abstract: bool = False
    """States that agree in what `view.py` looks at count as one."""
    checks: bool = False
    """A health check may find that what was disabled works again."""


def targets_of(scene: Scene) -> tuple[Target, ...]:
    """Return the targets that the requests of a scene may ask."""
    return tuple({target.label: target for plan in scene.plans for target in plan}.values())


def failed(health: Health, target: Target, trips: Trips, times: int) -> None:
    """Let attempts of earlier requests fail at a target."""
    for _ in range(times):
        permit = health.acquire(target, START, health.new_caller())
        assert isinstance(permit, Permit)
        health.failed(permit, SERVER_ERROR.failure, Cooldown.NOTHING, START, trips)
        health.release(permit)


def _first_down(health: Health, _: Budgets) -> None:
    failed(health, A, Trips.TARGET, 5)


def _second_down(health: Health, _: Budgets) -> None:
    failed(health, B, Trips.TARGET, 5)


def _nearly_down(health: Health, _: Budgets) -> None:
    failed(health, A, Trips.TARGET, 4)
    failed(health, C, Trips.ENDPOINT, 4)


def _all_down(health: Health, _: Budgets) -> None:
    for target in TARGETS:
        failed(health, target, Trips.TARGET, 5)


def _host_down(health: Health, _: Budgets) -> None:
    failed(health, A, Trips.ENDPOINT, 5)


def _cooling(health: Health, _: Budgets) -> None:
    for target, hint in ((A, HINT), (B, LONG_HINT), (C, LONG_HINT)):
        permit = health.acquire(target, START, health.new_caller())
        assert isinstance(permit, Permit)
        limited = Failure(kind=_K.RATE_LIMITED, message="limited", retry_after=hint)
        health.failed(permit, limited, Cooldown.TARGET, START)
        health.release(permit)


def _pool_down(health: Health, _: Budgets) -> None:
    failed(health, POOL_A, Trips.TARGET, 5)


def _dead_key(health: Health, _: Budgets) -> None:
    permit = health.acquire(A, START, health.new_caller())
    assert isinstance(permit, Permit)
    health.failed(permit, BAD_KEY.failure, Cooldown.CREDENTIAL, START)
    health.release(permit)


def _no_budget(_: Health, budgets: Budgets) -> None:
    for key in ("key 1", "key 2"):
        for _retry in range(4):
            budgets.retry(key).withdraw(START)


_RULES = Rules(max_attempts=MAX_ATTEMPTS, deadline=20.0, max_wait=8.0)
STREAMED = replace(_RULES, streamed=True)
_ONE = ((A,), (A,))
_POOL = ((POOL_A,), (POOL_A,))
POOL_FIRST = ((POOL_A, BACKUP), (POOL_A, BACKUP))
_POOLS = ((POOL_A, POOL_B), (POOL_B, POOL_A))
APT = ((APT_A, C, APT_B), (APT_A, C, APT_B))
RESTART = replace(STREAMED, on_midstream_error="restart")
CONTINUE = replace(STREAMED, on_midstream_error="continue")
HOLD = replace(STREAMED, on_midstream_error="hold", hold_chars=100, heartbeat=3.0)
_TWO = ((A, C), (A, C))
_THREE = (TARGETS, TARGETS)
_LABELS = (A.label, B.label, C.label)


def _whole(name: str, rules: Rules, faults: tuple[Fault, ...], **more: Any) -> Scene:
    """Return a scene in which nothing is cancelled, and each request has an attempt for each target, or two."""
    plans = more.pop("plans", _TWO)
    rules = replace(rules, max_attempts=max(2, *map(len, plans)))
    return Scene(f"whole: {name}", plans=plans, rules=rules, faults=faults, cancels=False, whole=True, **more)


SCENES = (
    _whole("two targets", _RULES, (SERVER_ERROR,)),
    _whole("two targets, unreachable", _RULES, (CONNECT,)),
    _whole("two targets, limits", _RULES, (LIMITED,)),
    _whole("one target", _RULES, (SERVER_ERROR,), plans=_ONE),
    _whole("three targets", _RULES, (SERVER_ERROR,), plans=_THREE),
    _whole("three targets, unreachable", _RULES, (CONNECT,), plans=_THREE),
    _whole("three targets, streams", STREAMED, (DISCONNECTED,), plans=_THREE),
    _whole("two keys", _RULES, (LIMITED, BAD_KEY), plans=_POOL),
    _whole("streams", STREAMED, (DISCONNECTED,)),
    _whole("restart", RESTART, (DISCONNECTED,)),
    _whole("continue", CONTINUE, (DISCONNECTED,), plans=((APT_A, APT_B), (APT_A, APT_B))),
    Scene("everything", denials=MANY),
    Scene("streams", rules=STREAMED, faults=(SERVER_ERROR, LIMITED, STALE, INVALID), denials=MANY),
    Scene(
        "hedged streams",
        rules=replace(STREAMED, hedge_after=2.0),
        faults=(SERVER_ERROR, CONNECT, INVALID),
        denials=MANY,
    ),
    Scene("hedged answers", rules=replace(_RULES, hedge_after=2.0), faults=(SERVER_ERROR, LIMITED)),
    Scene("effects", rules=replace(_RULES, has_effects=True), faults=(SERVER_ERROR, DISCONNECTED)),
    Scene(
        "about to open", history=_nearly_down, row={A.label: 4, C.host: 4}, faults=(SERVER_ERROR, CONNECT, EMPTY)
    ),
    Scene("one target, about to open", plans=_ONE, history=_nearly_down, row={A.label: 4}, faults=(SERVER_ERROR,)),
    Scene(
        "one target, about to open, empty", plans=_ONE, rules=replace(_RULES, max_attempts=2), history=_nearly_down,
        row={A.label: 4}, faults=(SERVER_ERROR, EMPTY), cancels=False,
    ),
    Scene("the first is down", history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR, LIMITED)),
    Scene(
        "the first is down, streams", rules=STREAMED, history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR,)
    ),
    Scene("the host is down", history=_host_down, opened=_LABELS[:2], host_down=True, faults=(SERVER_ERROR, CONNECT)),
    Scene("all are down", history=_all_down, opened=_LABELS, faults=(SERVER_ERROR, CONNECT)),
    Scene("one target", plans=_ONE, denials=MANY),
    Scene("one target, down", plans=_ONE, history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR, LIMITED)),
    Scene(
        "one target, down and limited", plans=_ONE, history=_first_down, opened=_LABELS[:1],
        faults=(SERVER_ERROR, LIMITED_LONG),
    ),
    Scene(
        "one target, dead key", plans=_ONE, history=_dead_key, dead=(A.credential,),
        faults=(SERVER_ERROR, BAD_KEY, INVALID),
    ),
    Scene(
        "all in cooldown", history=_cooling, faults=(SERVER_ERROR, LIMITED),
        promised={A.label: START + HINT, B.label: START + LONG_HINT, C.label: START + LONG_HINT},
    ),
    Scene("no budget", history=_no_budget, burst=0, faults=(SERVER_ERROR, DNS, STALE)),
    Scene(
        "no patience", rules=replace(_RULES, max_wait=0.0), history=_first_down, opened=_LABELS[:1], faults=(CONNECT,)
    ),
    Scene("two tries", rules=replace(_RULES, max_tries=2), faults=(SERVER_ERROR, STALE, DNS, CONNECT)),
    Scene("one target, two tries", plans=_ONE, rules=replace(_RULES, max_tries=2), faults=(SERVER_ERROR, STALE)),
    Scene("little time", rules=replace(_RULES, deadline=4.0), faults=(SERVER_ERROR, LIMITED, CONNECT)),
    Scene("small windows", faults=(LIMITED, CONTEXT)),
    Scene(
        "hedged, the second is down", rules=replace(STREAMED, hedge_after=2.0), history=_second_down,
        opened=(B.label,), faults=(SERVER_ERROR,),
    ),
    Scene("another order", plans=(TARGETS, (C, A)), faults=(SERVER_ERROR, CONNECT, BAD_KEY)),
    Scene("two keys", plans=POOL_FIRST, faults=(LIMITED, BAD_KEY, SERVER_ERROR, CONNECT)),
    Scene("two keys, one target", plans=_POOL, faults=(LIMITED, BAD_KEY, SERVER_ERROR), denials=MANY),
    Scene("two keys, long limits", plans=_POOL, faults=(LIMITED_LONG, PERMISSION), cancels=False),
    Scene("two keys, two models", plans=_POOLS, faults=(LIMITED, BAD_KEY, PERMISSION), cancels=False),
    Scene("two keys, little time", plans=POOL_FIRST, rules=replace(_RULES, deadline=4.0), faults=(LIMITED, BAD_KEY)),
    Scene("two keys, checked", plans=_POOL, faults=(LIMITED, BAD_KEY), cancels=False, checks=True),
    Scene("two keys, two attempts", plans=POOL_FIRST, rules=replace(_RULES, max_attempts=2), faults=(LIMITED,)),
    Scene("two keys, hedged", plans=POOL_FIRST, rules=replace(STREAMED, hedge_after=2.0), faults=(LIMITED, BAD_KEY)),
    Scene("two keys, down", plans=_POOL, history=_pool_down, opened=_LABELS[:1], faults=(SERVER_ERROR, LIMITED)),
    Scene("restart", rules=RESTART, faults=(DISCONNECTED, LIMITED, INVALID), denials=MANY),
    Scene("restart, little time", rules=replace(RESTART, deadline=3.5), faults=(LIMITED, DISCONNECTED)),
    Scene("restart, one target", plans=_ONE, rules=RESTART, faults=(DISCONNECTED, EMPTY)),
    Scene("restart, hedged", rules=replace(RESTART, hedge_after=2.0), faults=(DISCONNECTED,)),
    Scene("restart, effects", rules=replace(RESTART, has_effects=True), faults=(DISCONNECTED,)),
    Scene("restart, down", rules=RESTART, history=_first_down, opened=_LABELS[:1], faults=(DISCONNECTED,)),
    Scene("continue", plans=APT, rules=CONTINUE, faults=(DISCONNECTED, NOT_PLAIN, INVALID)),
    Scene("continue, nowhere", rules=CONTINUE, faults=(DISCONNECTED,)),
    Scene("hold", rules=HOLD, faults=(DISCONNECTED, LIMITED, INVALID)),
    Scene("hold everything", rules=replace(HOLD, hold_chars=None), faults=(DISCONNECTED,)),
    Scene("hold, hedged", rules=replace(HOLD, hedge_after=2.0), faults=(DISCONNECTED,), denials=MANY),
)  # fmt: skip
