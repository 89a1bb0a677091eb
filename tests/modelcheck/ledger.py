"""What requests together may not do to a target: the laws of breakers, cooldowns and the retry budget."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from msgspec.structs import replace

from tests.modelcheck.faults import HOST, Fault
from tests.modelcheck.scenes import START, Scene, targets_of
from understudy.policy.breaker import BreakerState
from understudy.policy.health import Health
from understudy.policy.signals import Launch
from understudy.policy.targets import Target

NEARLY = 1e-6
LEASE = 10.0
IN_A_ROW = 5
TO_CLOSE = 2
_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Broken(Exception):
    """A law is broken."""

    def __init__(self, law: str, how: str) -> None:
        super().__init__(f"{law}: {how}")
        self.law, self.how = law, how
        self.moves: list[Any] = []
        """Those that led there from a state which was followed to its end."""


class Run:
    """An attempt under way."""

    __slots__ = ("begun", "cooling", "full", "half_open", "launched", "limit", "probes", "target", "total")

    def __init__(self, launch: Launch, now: float, *, streamed: bool) -> None:
        limits = launch.limits
        silent = [limits.total, *([limits.first_event] if streamed else [])]
        silent += [limits.yield_by] if limits.yield_by is not None else []
        self.target = launch.target
        self.launched = now
        self.begun = False
        self.full = False
        """As much has arrived as is held back."""
        self.probes = launch.probes
        self.limit = now + min(silent)
        self.total = now + limits.total
        self.half_open = False
        """It was launched while a breaker was half-open, which has not opened again since."""
        self.cooling = False
        """It was launched in spite of a cooldown."""


class Seen(NamedTuple):
    """What was known of the targets before a move, by label."""

    free: dict[str, bool]
    states: dict[str, BreakerState]
    until: dict[str, float]
    cooling: dict[str, bool]
    """A cooldown forbids it, rather than a breaker."""

    @classmethod
    def of(cls, targets: tuple[Target, ...], health: Health, now: float) -> Seen:
        """Look at the targets."""
        denials = {each.label: health.denial(each, now) for each in targets}
        return cls(
            {label: denial is None for label, denial in denials.items()},
            {each.label: health.breaker_state(each, now) for each in targets},
            {label: denial.until if denial else 0.0 for label, denial in denials.items()},
            {label: denial is not None and not denial.breaker for label, denial in denials.items()},
        )


def place_of(target: Target, *, of_key: bool) -> str:
    """Return what a cooldown concerns: the target, or one key of its pool."""
    return f"{target.label} {target.credential}" if of_key and target.credentials else target.label


def names_of(target: Target) -> tuple[str, ...]:
    """Return everything that a cooldown of an attempt may concern."""
    return target.credential, target.host, target.label, place_of(target, of_key=True)


class Ledger:
    """What has happened at the targets."""

    def __init__(self, scene: Scene) -> None:
        self.targets = targets_of(scene)
        self.scope = dict.fromkeys(scene.opened, HOST if scene.host_down else "")
        """Whose breaker opened last, the host's or the target's own, by label."""
        self.running: list[Run] = []
        self.proven: set[str] = set()
        """Half-open breakers of which an attempt has had content."""
        self.successes: dict[str, int] = {}
        """While half-open."""
        self.row = dict(scene.row)
        """Failures in a row, by host and by target."""
        self.opened = set(scene.opened)
        """Targets of which a breaker was ever open."""
        self.promised = dict(scene.promised)
        """Until when a target, or a key of its pool, may not be asked, as its provider said."""
        self.dead = set(scene.dead)
        """Names of keys, hosts, targets, and of targets with keys of their pools, that were refused for minutes."""
        self.granted: dict[str, int] = {}
        """Retries by key."""
        self.asked: dict[str, int] = {}
        """Requests by key."""
        self.hedged: dict[str, int] = {}
        """Attempts that were launched beside a silent one, by the key of that."""
        self.blamed: set[str] = set()
        """Keys of pools that were limited or refused, and those of one target."""
        self.burst = scene.burst

    def _breaker(self, target: Target) -> str:
        return target.host if self.scope.get(target.label) == HOST else target.label

    # ---- what happens ----

    def forbids(self, target: Target, now: float) -> bool:
        """Return whether a provider has told to leave alone what an attempt would use."""
        names = names_of(target)
        return any(name in self.dead or self.promised.get(name, 0.0) > now + NEARLY for name in names)

    def launches(self, run: Run, health: Health, now: float, *, barred: Collection[str] = ()) -> None:
        """Check a launch, and note it. `barred`: keys that the request may not use."""
        target = run.target
        state = health.breaker_state(target, now)
        if state is _OPEN:
            raise Broken("an open breaker admits nothing", target.label)
        if state is _HALF_OPEN:
            self._probes(run, now)
        if self.forbids(target, now):
            run.cooling = True
            if not run.probes:
                raise Broken("a cooldown is respected", target.label)
            if any(other.cooling and other.target == target for other in self.running):
                raise Broken("one probe of a cooldown at a time", target.label)
        elif target.credentials:
            self._spreads(target, now, barred)
        self.running.append(run)

    def draws(self, label: str, now: float, *, again: bool, first: bool) -> None:
        """Note a request or a retry with the key of a target, and check the budget for these."""
        key = self._budget(label)
        self.asked[key] = self.asked.get(key, 0) + first
        if again:
            self.granted[key] = self.granted.get(key, 0) + 1
            if self.granted[key] > self.burst + (now - START) + 0.2 * self.asked[key] + NEARLY:
                raise Broken("the retry budget", f"{self.granted[key]} retries with {key}")

    def hedges(self, late: Run, run: Run, health: Health, now: float) -> None:
        """Check an attempt that is launched beside a silent one, and note it."""
        key, label = self._budget(late.target.label), run.target.label
        self.hedged[key] = self.hedged.get(key, 0) + 1
        if self.hedged[key] > 1.0 + 0.2 * self.asked[key] + NEARLY:
            raise Broken("the first request and a fifth of the others are hedged", f"{self.hedged[key]} with {key}")
        if run.probes or health.breaker_state(run.target, now) is not _CLOSED:
            raise Broken("a hedge is no probe", label)

    def _budget(self, label: str) -> str:
        return next(target.credential for target in self.targets if target.label == label)

    def _spreads(self, target: Target, now: float, barred: Collection[str]) -> None:
        """Check that of the keys which may be used one with the fewest attempts in flight is."""
        in_flight = {
            key: sum(run.target.credential == key for run in self.running)
            for key in target.credentials
            if key not in barred and not self.forbids(replace(target, credential=key), now)
        }
        if in_flight[target.credential] > min(in_flight.values()):
            raise Broken("attempts are spread over the keys", f"{target.credential} is used by most: {in_flight}")

    def _probes(self, run: Run, now: float) -> None:
        name = self._breaker(run.target)
        beside = [
            other
            for other in self.running
            if other.half_open and not other.begun and self._breaker(other.target) == name
            and other.launched + LEASE > now + NEARLY
        ]  # fmt: skip
        if beside and name not in self.proven:
            raise Broken("one probe at a time", run.target.label)
        run.half_open = True

    def begins(self, run: Run) -> None:
        """Note content."""
        if run.half_open:
            self.proven.add(self._breaker(run.target))

    def succeeds(self, run: Run, health: Health, now: float, before: Seen) -> None:
        """Check what a whole answer changes, and note it."""
        target, label = run.target, run.target.label
        self.row[label] = self.row[target.host] = 0
        others = [key for key in target.credentials if key != target.credential]
        if run.cooling:
            for name in names_of(target):
                self.promised.pop(name, None)
                self.dead.discard(name)
        elif self.forbids(target, now) and health.denial(target, now, but=others) is None:
            raise Broken("the success of an earlier attempt ends no cooldown", label)
        was, state = before.states[label], health.breaker_state(target, now)
        if not run.half_open:
            if was is not _CLOSED and state is not was:
                raise Broken("the success of an earlier attempt closes no breaker", label)
            return
        name = self._breaker(target)
        self.proven.add(name)
        self.successes[name] = self.successes.get(name, 0) + 1
        enough = self.successes[name] >= TO_CLOSE
        if (was is _HALF_OPEN) and (state is _CLOSED) is not enough:
            raise Broken("two successes close a breaker", f"{label} is {state} after {self.successes[name]}")

    def fails(self, run: Run, fault: Fault, health: Health, now: float, before: Seen) -> None:
        """Check what a failure changes, and note it."""
        target, label = run.target, run.target.label
        place = place_of(target, of_key=fault.of_key)
        if fault.of_key and target.credentials:
            self.blamed.add(target.credential if fault.dead == "key" else place)
        if fault.promised:
            self.promised[place] = max(self.promised.get(place, 0.0), now + fault.promised)
        if fault.dead:
            self.dead.add({"key": target.credential, "host": target.host}.get(fault.dead, place))
        if not fault.trips:
            return
        was, state = before.states[label], health.breaker_state(target, now)
        scope = target.host if fault.trips == HOST else label
        if was is _CLOSED:
            self.row[scope] = self.row.get(scope, 0) + 1
            alone = not any(other.target.host == target.host for other in self.running)
            if self.row[scope] >= IN_A_ROW and alone and label not in self.opened and state is not _OPEN:
                raise Broken("five failures in a row open a breaker", f"{label} is {state}")
        elif not run.half_open:
            denial = health.denial(target, now)
            later = denial is not None and not denial.probed and denial.until > before.until[label] + NEARLY
            if state is not was or later:
                raise Broken("the failure of an earlier attempt does not extend a breaker's pause", label)
        elif (self.scope.get(label) == HOST) is (fault.trips == HOST) and state is not _OPEN:
            raise Broken("a probe that fails opens the breaker again", f"{label} is {state}")

    def look(self, health: Health, now: float, before: Seen) -> None:
        """Check which breakers changed with a move, and forget what no longer matters."""
        for target in self.targets:
            label, state = target.label, health.breaker_state(target, now)
            was = before.states[label]
            if was is _CLOSED and state is not _CLOSED:
                host, own = self.row.get(target.host, 0), self.row.get(label, 0)
                if state is not _OPEN or max(host, own) < IN_A_ROW:
                    raise Broken("a breaker opens after five failures", f"{label} is {state}")
                self.opened.add(label)
                self.scope[label] = HOST if host >= IN_A_ROW else ""
            if was is _OPEN and state is _CLOSED:
                raise Broken("an open breaker becomes half-open", label)
            blameless = [key for key in target.credentials if not {key, f"{label} {key}"} & self.blamed]
            if blameless and state is _CLOSED and health.denial(target, now) is not None:
                raise Broken("what concerns a key leaves the others usable", f"{label} with {blameless[0]}")
        for name in [name for name, until in self.promised.items() if until <= now]:
            del self.promised[name]
        for target in self.targets:
            state = health.breaker_state(target, now)
            if state is not _HALF_OPEN:
                self._renew(target, state)

    def _renew(self, target: Target, state: BreakerState) -> None:
        name = self._breaker(target)
        self.proven.discard(name)
        self.successes.pop(name, None)
        if state is _OPEN:
            for run in self.running:
                run.half_open = run.half_open and self._breaker(run.target) != name
            self.row[target.label] = self.row[target.host] = 0
