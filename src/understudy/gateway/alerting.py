"""Alerts of a gateway: each process looks every few seconds, and the one that holds the lease sends.

Nothing here is waited for by a request: what blocks is done in threads, and what fails is logged once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.client.ledger import place_of, read_ledger
from understudy.domain.errors import LLMError
from understudy.engine.job import new_id
from understudy.fleet.store import FleetUnavailable
from understudy.ledger.holds import LedgerUnavailable
from understudy.policy.allowances import period_at
from understudy.reports.alerting import observe
from understudy.telemetry.alerts.messages import body_of, headers_of, message_id
from understudy.telemetry.alerts.outbox import (
    AlertState,
    Pending,
    Reply,
    TestedWebhook,
    answered,
    begun,
    due,
    queued,
    without_strangers,
)
from understudy.telemetry.alerts.rules import WINDOW, Alert, Kind, step
from understudy.telemetry.alerts.store import AlertStore, AlertsUnavailable, MemoryAlerts, decode, encode
from understudy.transport.base import Transport, TransportError
from understudy.transport.choice import built_in
from understudy.wire.hints import retry_after
from understudy.wire.http import HttpRequest

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.fleet.fleet import Fleet
    from understudy.gateway.application import Gateway
    from understudy.ledger.holds import Balance
    from understudy.settings.alerts import AlertsConfig, Webhook
    from understudy.telemetry.alerts.rules import Observation

log = logging.getLogger("understudy.gateway")

TICK = 2.0
"""Seconds between two looks."""
LEASE = 15.0
"""Seconds after which another process takes over from one that is silent."""
PATIENCE = 5.0
"""Seconds within which a webhook must answer."""
_SUBJECTS = 10_000
"""Balances of each budget that are looked at, those of which the most is taken."""


class Sender:
    """Posts alerts to webhooks."""

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self._transport: Transport | None = None

    async def post(self, alert: Alert, webhook: Webhook) -> Reply:
        """Send one alert, and return how the webhook answered."""
        body, transport = body_of(alert, webhook.form, self._host), self._transport
        if transport is None:
            transport = self._transport = built_in()
        headers = headers_of(message_id(alert), body, webhook.secret, time.time())
        request = HttpRequest("POST", webhook.address, headers, body)
        try:
            async with asyncio.timeout(PATIENCE):
                incoming = await transport.send(request, connect=PATIENCE)
        except TransportError as error:
            return Reply(detail=str(error.failure.kind))
        except TimeoutError:
            return Reply(detail=f"no answer within {PATIENCE:g} s")
        incoming.close()
        return Reply(incoming.head.status, retry_after=retry_after(incoming.head.headers))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.aclose()


class Alerting:
    """The alerts of one process of a gateway."""

    def __init__(
        self,
        config: Callable[[], Config],
        fleet: Callable[[], Fleet],
        store: AlertStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`config` and `fleet`: those in use at a moment. `clock`: Unix seconds."""
        self._clock = clock
        self._config = config
        self._fleet = fleet
        self._store = store
        self._owner = new_id()
        self._sender = Sender()
        self._trouble: set[str] = set()
        """What has failed and was logged, until it works again."""
        self._is_in_charge = False

    async def run(self) -> None:
        """Look, and send what there is to send, until no alerts are configured, or until cancelled."""
        try:
            while (config := self._config().telemetry.alerts) is not None:
                if config.enabled and config.webhooks:
                    await self._guarded(self.look(config))
                await asyncio.sleep(TICK)
        finally:
            await self._leave()

    async def look(self, config: AlertsConfig) -> None:
        """Look once, unless another process is in charge. Raise `AlertsUnavailable`."""
        document = await asyncio.to_thread(self._store.claim, self._owner, LEASE)
        self._is_in_charge = document is not None
        if document is None:
            return
        now, names = self._clock(), [each.name for each in config.webhooks]
        state = without_strangers(decode(document), names)
        followed, alerts = step(state.followed, await self._seen(now), now, config)
        state = queued(replace(state, followed=followed), alerts, names, now)
        # Kept before it is sent: a process that ends meanwhile leaves a repetition rather than a gap.
        if encode(state) == document or await self._keep(state):
            await self._send(state, config)

    async def _send(self, state: AlertState, config: AlertsConfig) -> None:
        webhooks = {each.name: each for each in config.webhooks}
        until = time.monotonic() + LEASE - 2 * PATIENCE
        for pending in due(state, webhooks, self._clock()):
            state = begun(state, pending, self._clock())
            if not await self._keep(state):
                return
            reply = await self._sender.post(pending.alert, webhooks[pending.webhook])
            self._note_reply(pending, reply)
            state = answered(state, pending, reply, self._clock())
            if not await self._keep(state) or time.monotonic() >= until:
                return

    # ---- what is seen ----

    async def _seen(self, now: float) -> Observation:
        fleet = self._fleet()
        try:
            history = await fleet.history(now - WINDOW, now + 1)
        except FleetUnavailable:
            history = None
        config = self._config()
        return observe(
            await fleet.snapshots(),
            history,
            await self._balances(),
            config.allowance.budgets,
            now,
            configured=_configured(config),
        )

    async def _balances(self) -> list[Balance] | None:
        """Return what is spent of budgets; `None` if the ledger cannot be read now."""
        config = self._config()
        if not config.allowance.budgets or place_of(config) is None:
            return []
        try:
            return await asyncio.to_thread(_balances_of, config, self._clock())
        except (LLMError, LedgerUnavailable, OSError):
            return None

    # ---- what goes wrong ----

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except AlertsUnavailable as error:
            self._note("store", f"alerts cannot be sent: {error}")
        except Exception:
            if "look" not in self._trouble:
                self._trouble.add("look")
                log.exception("alerts failed")
        else:
            self._trouble -= {"store", "look"}

    async def _keep(self, state: AlertState) -> bool:
        return await asyncio.to_thread(self._store.keep, self._owner, encode(state))

    def _note_reply(self, pending: Pending, reply: Reply) -> None:
        if reply.is_taken:
            self._trouble.discard(pending.webhook)
            return
        what = f"status {reply.status}" if reply.status is not None else reply.detail
        ending = "; it is given up" if reply.is_final else "; it is tried again"
        self._note(pending.webhook, f"the webhook {pending.webhook} did not take an alert: {what}{ending}")

    def _note(self, about: str, words: str) -> None:
        if about not in self._trouble:
            self._trouble.add(about)
            log.error("%s", words)

    async def _leave(self) -> None:
        try:
            if self._is_in_charge:
                await asyncio.to_thread(self._store.release, self._owner)
        except AlertsUnavailable:
            pass
        finally:
            self._store.close()
            await self._sender.aclose()


async def send_tests(config: Config) -> tuple[TestedWebhook, ...]:
    """Send a test to each webhook of a configuration, and return what they answered."""
    alerts, now = config.telemetry.alerts, time.time()
    if alerts is None:
        return ()
    words = "this is a test of understudy: nothing is wrong"
    alert = Alert(
        id=f"{Kind.TEST}:{new_id()}",
        kind=Kind.TEST,
        status="firing",
        subject="",
        severity="warning",
        summary=words,
        since=now,
        at=now,
    )
    sender = Sender()
    try:
        replies = [await sender.post(alert, each) for each in alerts.webhooks]
    finally:
        await sender.aclose()
    return tuple(
        TestedWebhook(webhook=each.name, ok=reply.is_taken, status=reply.status, detail=reply.detail)
        for each, reply in zip(alerts.webhooks, replies, strict=True)
    )


async def send_alerts(gateway: Gateway, file: Path | None = None) -> None:
    """Send the alerts of a gateway until its configuration asks for none, or until cancelled. An error never ends it.

    `file`: where the store is if no ledger is kept."""
    try:
        store = open_alerts(gateway.config, file)
    except LLMError as error:
        log.error("alerts cannot be sent: %s", error)
        store = MemoryAlerts()
    await Alerting(lambda: gateway.config, lambda: gateway.fleet, store).run()


def open_alerts(config: Config, file: Path | None = None) -> AlertStore:
    """Return the store of a configuration: where its ledger is. `file`: the one to use if no ledger is kept; without
    it, one process remembers by itself."""
    from understudy.telemetry.alerts.sqlite import SUFFIX, SqliteAlerts

    match place_of(config):
        case None:
            return SqliteAlerts(file.with_name(file.name + SUFFIX)) if file is not None else MemoryAlerts()
        case Path() as path:
            return SqliteAlerts(path.with_name(path.name + SUFFIX))
        case url:
            from understudy.telemetry.alerts.postgres import PostgresAlerts

            return PostgresAlerts(url.reveal())


def _balances_of(config: Config, now: float) -> list[Balance]:
    budgets = config.allowance.budgets
    with read_ledger(config) as queries:
        return queries.largest_balances([(each.name, period_at(each.period, now).start) for each in budgets], _SUBJECTS)


def _configured(config: Config) -> set[str]:
    """Return the targets that a configuration names, as `entry/model`."""
    found = {name for route in config.routes for name in route.targets}
    for each in config.providers:
        found.add(each.name)
        found.update(f"{each.name}/{model}" for model in (each.text_model, each.embedding_model) if model)
    return found
