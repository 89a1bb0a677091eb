"""What this process holds and has spent of limits: its share of them while the server is away, and what it states again
when the server is back. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord
from understudy.ledger.accounts import Accounts, BalanceKey, key_of
from understudy.ledger.holds import MINUTE, Claim, Shortage, Unit
from understudy.ledger.valkey.commands import State


class Held(msgspec.Struct, frozen=True):
    """The claims of an attempt under way."""

    claims: tuple[Claim, ...]
    alone: bool
    """Whether this process granted them by itself."""


class OwnShare:
    """Its methods are called under a lock."""

    def __init__(self) -> None:
        self._accounts = Accounts()
        self._holds: dict[str, Held] = {}
        self._minute = 0
        self._idle: set[BalanceKey] = set()

    def __len__(self) -> int:
        return len(self._holds)

    def held(self, attempt_id: str) -> Held | None:
        """Return what an attempt holds."""
        return self._holds.get(attempt_id)

    def touch(self, claims: Iterable[Claim]) -> None:
        """Remember balances of which something may be taken, and forget those of minutes that are over."""
        minute = 0
        for claim in claims:
            self._accounts.of(key_of(claim))
            minute = max(minute, claim.start)
        if minute > self._minute:
            self._minute = minute
            self._forget()

    def take(
        self, attempt_id: str, claims: Sequence[Claim], processes: int, why: str, left: list[int]
    ) -> Shortage | None:
        """Hold all claims of an attempt if this process's share has room for them, else return what is short.

        `processes`: how many share the limits; each has the same part of them, at least 1. `why`: what a refusal says.
        `left`: as for `Holds.reserve`; what is left of this process's share.
        """
        own = [_part(claim, processes) for claim in claims]
        if (found := self._accounts.shortage(own)) is not None:
            at = next(at for at, each in enumerate(own) if each is found.claim)
            others = (claims[at].ceiling or 0) - (own[at].ceiling or 0)
            return Shortage(claim=claims[at], spent=found.spent + others, reserved=found.reserved, note=why)
        self.hold(attempt_id, claims, alone=True)
        left.extend(self._accounts.left(own))
        return None

    def hold(self, attempt_id: str, claims: Sequence[Claim], *, alone: bool = False) -> None:
        """Hold the claims of an attempt."""
        self._accounts.hold(claims)
        self._holds[attempt_id] = Held(tuple(claims), alone)

    def settle(self, record: AttemptRecord) -> tuple[Held, list[int]] | None:
        """Spend what an attempt has used; return what it held and what it is charged. `None`: it holds nothing."""
        held = self._holds.pop(record.attempt_id, None)
        return None if held is None else (held, [self._accounts.settle(claim, record) for claim in held.claims])

    def release(self, attempt_id: str) -> Held | None:
        """Give back what an attempt holds, and return that."""
        held = self._holds.pop(attempt_id, None)
        for claim in () if held is None else held.claims:
            self._accounts.of(key_of(claim)).reserved -= claim.amount
        return held

    def state(self) -> State:
        """Return all of it."""
        known = self._accounts.held.items()
        return State([*self._holds], [(key, account.spent, account.reserved) for key, account in known])

    def spent_and_reserved(self, key: BalanceKey) -> tuple[int, int]:
        """Return the state of one balance."""
        account = self._accounts.held.get(key)
        return (0, 0) if account is None else (account.spent, account.reserved)

    def under_way(self) -> list[BalanceKey]:
        """Return the balances of attempts under way of which something is held."""
        known = self._accounts.held.items()
        return [key for key, account in known if key.unit == Unit.CONCURRENT.value and account.reserved]

    def _forget(self) -> None:
        """Drop minutes that are over, and counts of attempts under way that were zero a minute ago, too: what was sent
        of them meanwhile has been answered."""
        held = self._accounts.held
        is_window = {key: key.unit != Unit.CONCURRENT.value for key in held}
        idle = {key for key, account in held.items() if not account.reserved and not is_window[key]}
        old = {key for key in held if is_window[key] and key.start < self._minute - 2 * MINUTE}
        for key in (each for each in (*old, *(idle & self._idle)) if not held[each].reserved):
            del held[key]
        self._idle = idle


def _part(claim: Claim, processes: int) -> Claim:
    """Return a claim upon the part of a limit that one of several processes has; one that is larger than this part fits
    if nothing else is taken."""
    if claim.ceiling is None:
        return claim
    ceiling = max(1, claim.ceiling // processes)
    return replace(claim, ceiling=ceiling, amount=min(claim.amount, ceiling))
