"""Where the search begins: three targets, the rules of two requests, what happened before, and what may go wrong.

Targets `a` and `b` share a host, `b` and `c` share a key. A scene is small enough to be searched deeply; together they
contain every class of failure that has a verdict of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

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
HINT = 3.0
LONG_HINT = 60.0
_K = FailureKind


class Fault(msgspec.Struct, frozen=True):
    """A way in which an attempt fails."""

    name: str
    failure: Failure
    translated: bool = False
    final: bool = False
    """No other target may be asked after it: the failure is the answer to the request."""
    promised: float = 0.0
    """Seconds for which the target may not be asked, as the provider itself says."""
    dead: str = ""
    """What it disables for minutes: the key, the host or the target."""
    trips: str = ""
    """Whose breaker counts it: that of the host or of the target."""


def fault(kind: FailureKind, name: str = "", **more: Any) -> Fault:
    """Return a failure of a kind, with what a reader of the documentation expects of it."""
    hint = more.pop("hint", None)
    return Fault(name or kind.value, Failure(kind=kind, message=kind.value, retry_after=hint), **more)


HOST, TARGET, KEY = "host", "target", "key"
DNS, CONNECT = fault(_K.DNS, trips=HOST), fault(_K.CONNECT, trips=HOST)
SERVER_ERROR, DISCONNECTED = fault(_K.SERVER_ERROR, trips=TARGET), fault(_K.DISCONNECTED, trips=TARGET)
STALE, EMPTY = fault(_K.STALE_CONNECTION), fault(_K.EMPTY)
SILENT = fault(_K.TIMEOUT_FIRST_EVENT, trips=TARGET)
LIMITED = fault(_K.RATE_LIMITED, "rate_limited for 3 s", hint=HINT, promised=HINT)
LIMITED_LONG = fault(_K.RATE_LIMITED, "rate_limited for 60 s", hint=LONG_HINT, promised=LONG_HINT)
BAD_KEY = fault(_K.AUTHENTICATION, dead=KEY)
INVALID = fault(_K.INVALID_REQUEST, final=True)
FAULTS = (
    DNS, CONNECT, SERVER_ERROR, DISCONNECTED, STALE, EMPTY, SILENT, LIMITED, LIMITED_LONG, BAD_KEY, INVALID,
    fault(_K.INVALID_REQUEST, "invalid_request, translated", translated=True),
    fault(_K.CONNECT_TIMEOUT, trips=HOST), fault(_K.TLS, dead=HOST), fault(_K.PROXY, trips=HOST), fault(_K.POOL),
    fault(_K.PROTOCOL, trips=TARGET), fault(_K.TOO_LARGE), fault(_K.RATE_LIMITED, promised=1.0),
    fault(_K.DAILY_QUOTA, dead=TARGET), fault(_K.CONFLICT, trips=TARGET), fault(_K.PERMISSION, dead=TARGET),
    fault(_K.CONTEXT_LENGTH), fault(_K.CONTENT_FILTER, final=True), fault(_K.UNKNOWN_STATUS, final=True),
    fault(_K.OVERLOADED, "overloaded for 60 s", hint=LONG_HINT, promised=LONG_HINT, trips=TARGET),
)  # fmt: skip
"""One of each class of kinds that have the same verdict."""

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
    denials: bool = False
    """Attempts may be denied on this side."""
    cancels: bool = True


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


def _dead_key(health: Health, _: Budgets) -> None:
    permit = health.acquire(A, START, health.new_caller())
    assert isinstance(permit, Permit)
    health.failed(permit, BAD_KEY.failure, Cooldown.CREDENTIAL, START)
    health.release(permit)


def _no_budget(_: Health, budgets: Budgets) -> None:
    for key in ("key 1", "key 2"):
        while budgets.retry(key).withdraw(START):
            pass


_RULES = Rules(max_attempts=MAX_ATTEMPTS, deadline=20.0, max_wait=8.0)
_STREAMED = replace(_RULES, streamed=True)
_ONE = ((A,), (A,))
_LABELS = (A.label, B.label, C.label)

SCENES = (
    Scene("everything", denials=True),
    Scene("streams", rules=_STREAMED, faults=(SERVER_ERROR, LIMITED, STALE, INVALID), denials=True),
    Scene(
        "hedged streams",
        rules=replace(_STREAMED, hedge_after=2.0),
        faults=(SERVER_ERROR, CONNECT, INVALID),
        denials=True,
    ),
    Scene("hedged answers", rules=replace(_RULES, hedge_after=2.0), faults=(SERVER_ERROR, LIMITED)),
    Scene("effects", rules=replace(_RULES, has_effects=True), faults=(SERVER_ERROR, DISCONNECTED)),
    Scene(
        "about to open", history=_nearly_down, row={A.label: 4, C.host: 4}, faults=(SERVER_ERROR, CONNECT, EMPTY)
    ),
    Scene("one target, about to open", plans=_ONE, history=_nearly_down, row={A.label: 4}, faults=(SERVER_ERROR,)),
    Scene("the first is down", history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR, LIMITED)),
    Scene(
        "the first is down, streams", rules=_STREAMED, history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR,)
    ),
    Scene("the host is down", history=_host_down, opened=_LABELS[:2], host_down=True, faults=(SERVER_ERROR, CONNECT)),
    Scene("all are down", history=_all_down, opened=_LABELS, faults=(SERVER_ERROR, CONNECT)),
    Scene("one target", plans=_ONE, denials=True),
    Scene("one target, down", plans=_ONE, history=_first_down, opened=_LABELS[:1], faults=(SERVER_ERROR, LIMITED)),
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
    Scene("another order", plans=(TARGETS, (C, A)), faults=(SERVER_ERROR, CONNECT, BAD_KEY)),
)  # fmt: skip
