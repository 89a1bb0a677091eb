"""Limits in Valkey as the suites here open them: each under a prefix of its own, which several may share."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptStart
from understudy.ledger.holds import Claim, Unit
from understudy.ledger.valkey.store import ValkeyLimits

PATIENT = 30.0
"""Seconds for those tests in which the server must decide, however busy the machine is."""


def open_limits(url: str, ledger: Any = None, **settings: Any) -> ValkeyLimits:
    """Open limits that nothing else counts for, unless a prefix is given."""
    defaults: dict[str, Any] = {"prefix": f"{{{uuid.uuid4().hex}}}", "patience": PATIENT}
    return ValkeyLimits(url, ledger, **(defaults | settings))


def attempt() -> AttemptStart:
    """Return an attempt with an id of its own."""
    return start(uuid.uuid4().int % 2**60, started=NOON)


def slots(ceiling: int | None, **fields: Any) -> Claim:
    """Return a claim upon a number of attempts at once."""
    return _claim(Unit.CONCURRENT, 1, ceiling, start=0, **fields)


def requests(ceiling: int | None, **fields: Any) -> Claim:
    """Return a claim upon the requests of a minute."""
    return _claim(Unit.REQUESTS, 1, ceiling, **fields)


def tokens(amount: int, ceiling: int | None, **fields: Any) -> Claim:
    """Return a claim upon the tokens of a minute."""
    return _claim(Unit.TOKENS, amount, ceiling, **fields)


def _claim(unit: Unit, amount: int, ceiling: int | None, **fields: Any) -> Claim:
    claim = Claim(
        budget="limit", subject="alice", unit=unit, start=60, amount=amount, ceiling=ceiling, if_unknown=amount
    )
    return msgspec.structs.replace(claim, **fields)


async def granted(limits: ValkeyLimits, *claims: Claim) -> AttemptStart | None:
    """Make an attempt; return it, or `None` if it is refused."""
    begun = attempt()
    return begun if await limits.reserve(begun, claims, durable=False) is None else None


async def state(limits: ValkeyLimits, claim: Claim) -> tuple[int, int]:
    """Return what is spent and reserved."""
    (found,) = await limits.balances([(claim.budget, claim.subject, claim.unit, claim.start)])
    return found.spent, found.reserved


__all__ = ["attempt", "ended", "granted", "open_limits", "requests", "slots", "state", "tokens"]
