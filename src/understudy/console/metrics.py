"""The route of `/metrics`: whichever worker answers, it answers for all of its gateway on this machine."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

import understudy
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.routes import ConsoleRoute, Table
from understudy.fleet.fleet import InstanceTotals
from understudy.fleet.store import FleetUnavailable
from understudy.reports.budgets import BudgetResult
from understudy.telemetry.prometheus.exposition import exposition
from understudy.telemetry.prometheus.processes import used_by
from understudy.telemetry.prometheus.scrape import BudgetLevel, Scrape
from understudy.telemetry.prometheus.text import OPEN_METRICS, TEXT, wants_open_metrics

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.telemetry.snapshot import Snapshot

PATIENCE = 3.0
"""Seconds for what other processes report, and for balances: Prometheus waits for 10 by default."""


async def metrics(request: Request, context: ConsoleContext) -> Reply:
    """Answer a scrape."""
    is_open = wants_open_metrics(request.headers.get("accept"))
    totals, levels = await asyncio.gather(_totals(context), _levels(context))
    known = totals or InstanceTotals((_alone(context),), ())
    now = context.clock()

    def written() -> bytes:
        scrape = Scrape(
            now=now,
            version=understudy.__version__,
            workers=known.live,
            ended=known.ended,
            has_totals=totals is not None,
            budgets=levels,
            processes=used_by(known.live),
        )
        return exposition(scrape, is_open=is_open)

    body = await asyncio.to_thread(written)  # not in the threads that a database which hangs may hold
    return Reply(200, (("content-type", OPEN_METRICS if is_open else TEXT),), body)


def _alone(context: ConsoleContext) -> Snapshot:
    """Return what this process knows while the others cannot be asked. If it is the ledger's database that is away, the
    ledger cannot be written, although this process may not have tried yet."""
    own = context.fleet.snapshot()
    return own if context.config.ledger.url is None else replace(own, ledger_works=False)


async def _totals(context: ConsoleContext) -> InstanceTotals | None:
    """Return what all processes report; `None` if that is unknown now."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await context.fleet.instance_totals()
    except (FleetUnavailable, TimeoutError):
        return None


async def _levels(context: ConsoleContext) -> tuple[BudgetLevel, ...]:
    """Return the balances of budgets; nothing while the ledger cannot be read."""
    try:
        async with asyncio.timeout(PATIENCE):
            return tuple(map(level_of, await context.balances.read()))
    except (ConsoleError, TimeoutError):
        return ()


def level_of(result: BudgetResult) -> BudgetLevel:
    """Return a balance in nano-USD."""
    return BudgetLevel(
        budget=result.budget,
        subject=result.subject,
        period=result.period,
        ceiling=_nano_usd(result.max_usd),
        spent=_nano_usd(result.spent_usd),
        reserved=_nano_usd(result.reserved_usd),
        resets=result.resets,
    )


def _nano_usd(amount: str) -> int:
    return int(Decimal(amount).scaleb(9))


def plain_error(request: Request, context: ConsoleContext, error: ConsoleError) -> Reply:
    """Return an error as text."""
    headers = (("content-type", "text/plain; charset=utf-8"), *error.headers)
    return Reply(error.status, headers, f"{error.message}\n".encode("utf-8", "replace"))


TABLE = Table(
    routes=(ConsoleRoute(method="GET", path="/metrics", handler=metrics, says="metrics for Prometheus"),),
    error=plain_error,
)
"""What Prometheus asks for."""
