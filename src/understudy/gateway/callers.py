"""Whose request it is and what it may ask for, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.patterns import ANY, matches
from understudy.gateway.names import Resolved
from understudy.settings.budgets import Allowance
from understudy.wire.http import Headers

LABEL = "key"
"""The label that holds a caller's name in the records of its requests."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request it is, and what it may ask for."""

    name: str = ""
    """The key's name; empty without keys."""
    labels: dict[str, str] = {}
    """Written into the records of its requests."""
    models: tuple[str, ...] = ()
    """Patterns of what it may ask for; everything if empty, unless it is limited to routes."""
    allowances: tuple[Allowance, ...] = ()
    """Its own budgets and limits, besides those of the configuration."""
    routes: tuple[str, ...] | None = None
    """Routes that it may ask for besides; `None` if it is not limited to routes."""

    @property
    def is_limited(self) -> bool:
        """Whether it may not ask for everything."""
        return (bool(self.models) or self.routes is not None) and ANY not in self.models

    def may_use(self, meaning: str, asked: str = "") -> bool:
        """Check whether a route, an `entry` or an `entry/model` may be asked for, under the name that was `asked`.

        Either of the two must match a pattern: a key that may use an alias may use what it stands for. An entry also
        matches `entry/*`.
        """
        if not self.is_limited or (self.routes is not None and meaning in self.routes):
            return True
        return any(
            matches(each, meaning) or (asked and matches(each, asked)) or each == f"{meaning}/*" for each in self.models
        )

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of a request: those that the caller chose, and those of the key, which prevail."""
        return {**labels, **self.labels}

    def refusal(self, resolved: Resolved) -> Failure | None:
        """Return why a request may not ask for what it names; `None` if it may. One that names nothing asks for all."""
        if not self.is_limited:
            return None
        allowed = f"it may use {', '.join((*self.models, *(self.routes or ()))) or 'nothing that is configured'}"
        if not resolved.named:
            message = f"the request names no model, and the key {self.name!r} may not use all of them: {allowed}"
        else:
            denied = next((asked for asked, meaning in resolved.named if not self.may_use(meaning, asked)), None)
            if denied is None:
                return None
            message = f"the key {self.name!r} may not use {denied!r}: {allowed}"
        return Failure(kind=FailureKind.PERMISSION, message=message, status=403, sent=False)


ANYONE = Caller()
"""The caller of a gateway without keys."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not admitted, and the headers that the answer must have."""

    failure: Failure
    headers: Headers = ()


def unauthorized(message: str) -> Refusal:
    """Return the refusal of a request without a valid key."""
    failure = Failure(kind=FailureKind.AUTHENTICATION, message=message, status=401, sent=False)
    return Refusal(failure, (("www-authenticate", "Bearer"),))


def unavailable(message: str) -> Refusal:
    """Return the refusal of a request that may be valid, but cannot be checked now."""
    code = "ledger_unavailable"
    failure = Failure(kind=FailureKind.OVERLOADED, message=message, status=503, code=code, retry_after=1, sent=False)
    return Refusal(failure)
