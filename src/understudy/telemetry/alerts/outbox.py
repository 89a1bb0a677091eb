"""Which messages are to be sent, when each is tried again, and when it is given up. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from understudy.telemetry.alerts.rules import Alert, Followed

FIRST_WAIT = 5.0
LONGEST_WAIT = 300.0
"""Seconds between two tries: they double from the first to the longest."""
GIVEN_UP = 24 * 3600.0
"""Seconds after which a message is given up."""
MOST = 200
"""Messages that wait; the oldest are dropped."""
_AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 after which a message is sent again."""


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that a webhook has not taken yet."""

    alert: Alert
    webhook: str
    queued: float
    """Unix seconds."""
    tries: int = 0
    due: float = 0.0
    """When it is tried next."""

    @property
    def name(self) -> tuple[str, str, str]:
        """What distinguishes it from all others."""
        return self.alert.id, self.alert.status, self.webhook


class AlertState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all processes that share a store know of alerts: whichever is in charge goes on with it."""

    followed: Mapping[str, Followed] = {}
    outbox: tuple[Pending, ...] = ()
    dropped: int = 0
    """Messages that were given up or for which there was no room."""


class Reply(msgspec.Struct, frozen=True):
    """How a webhook answered."""

    status: int | None = None
    """`None` without an answer."""
    detail: str | None = None
    """Why there is none."""
    retry_after: float | None = None
    """Seconds that it asks to wait."""

    @property
    def is_taken(self) -> bool:
        """Whether the message has arrived."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether another try would not help."""
        return self.status is not None and self.status < 500 and not self.is_taken and self.status not in _AGAIN


class TestedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook answered to a test."""

    webhook: str
    ok: bool
    status: int | None
    detail: str | None


def queued(state: AlertState, alerts: Iterable[Alert], webhooks: Iterable[str], now: float) -> AlertState:
    """Return the state with alerts for each webhook. An alert that was never taken and is over is not sent at all."""
    outbox = list(state.outbox)
    names = tuple(webhooks)
    for alert in alerts:
        for name in names:
            waiting = next((each for each in outbox if (each.alert.id, each.webhook) == (alert.id, name)), None)
            if waiting is not None and waiting.alert.status == "firing" and alert.status == "resolved":
                outbox.remove(waiting)
                if waiting.tries == 0:
                    continue
            outbox.append(Pending(alert=alert, webhook=name, queued=now, due=now))
    too_many = max(0, len(outbox) - MOST)
    return replace(state, outbox=tuple(outbox[too_many:]), dropped=state.dropped + too_many)


def due(state: AlertState, webhooks: Iterable[str], now: float) -> list[Pending]:
    """Return what is to be tried now, the oldest first; of each webhook that does not answer, one."""
    known, found = set(webhooks), list[Pending]()
    stuck: set[str] = set()
    for each in state.outbox:
        if each.webhook not in known or each.webhook in stuck:
            continue
        if each.due <= now:
            found.append(each)
        if each.tries:
            stuck.add(each.webhook)
    return found


def begun(state: AlertState, pending: Pending, now: float) -> AlertState:
    """Return the state in which a message is being sent: from now on it may have arrived, whatever becomes of the
    process."""
    wait = min(FIRST_WAIT * 2**pending.tries, LONGEST_WAIT)
    again = replace(pending, tries=min(pending.tries + 1, 30), due=now + wait)
    return replace(state, outbox=tuple(again if each.name == pending.name else each for each in state.outbox))


def answered(state: AlertState, tried: Pending, reply: Reply, now: float) -> AlertState:
    """Return the state after a try that was begun."""
    rest = tuple(each for each in state.outbox if each.name != tried.name)
    if reply.is_taken:
        return replace(state, outbox=rest)
    if reply.is_final or now - tried.queued >= GIVEN_UP:
        return replace(state, outbox=rest, dropped=state.dropped + 1)
    until = now + min(reply.retry_after or 0.0, GIVEN_UP)
    later = (replace(each, due=max(each.due, until)) if each.name == tried.name else each for each in state.outbox)
    return replace(state, outbox=tuple(later))


def without_strangers(state: AlertState, webhooks: Iterable[str]) -> AlertState:
    """Return the state without messages for webhooks that are configured no longer."""
    known = set(webhooks)
    return replace(state, outbox=tuple(each for each in state.outbox if each.webhook in known))
