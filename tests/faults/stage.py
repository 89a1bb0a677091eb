"""The stage of a cell: the entry that has the fault, one behind it, and one more at the same host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

import understudy as u
from tests.faults.memory import Party, Script
from tests.faults.table import Cell, Mode, Moment, Place, Scene
from tests.faults.vendors import BACKUP, INPUT, OUTPUT, VENDORS, Vendor
from tests.hostile.server import Request

PROMPT = "Why is the sky blue?"
PRICE = u.Price.per_million(input=str(INPUT), output=str(OUTPUT))


class Seen(msgspec.Struct, kw_only=True):
    """What came of one request."""

    answer: u.GenerationResponse | None = None
    error: BaseException | None = None
    shown: str = ""
    restarts: int = 0
    elapsed: float = 0.0

    @property
    def attempts(self) -> tuple[u.AttemptRecord, ...]:
        source = self.answer if self.answer is not None else self.error
        return tuple(getattr(source, "attempts", ()))

    @property
    def first(self) -> str | None:
        """Who was asked first."""
        return self.attempts[0].provider if self.attempts else None


class Stage:
    """The parties of one cell, and the client in front of them."""

    def __init__(self, cell: Cell, *, alone: bool, once: bool, strategy: str = "priority") -> None:
        self.cell = cell
        self.over = False
        """Whether the fault is over."""
        self.next: Script = ()
        """What the primary does instead, for one request."""
        self._once = once
        self._met = 0
        self.other = VENDORS[BACKUP[cell.vendor.name]]
        self.records: list[u.AttemptRecord] = []
        row = cell.row
        self.primary = Party(self._faulty)
        self.backup = Party(lambda request: row.honest(self.other.good(request)))
        self.sister = Party(lambda request: row.honest(cell.vendor.good(request)))
        fault = row.entry(lambda: self._is_due() is not None)
        first = self._entry("primary", cell.vendor, self.primary, 1, {**row.limits, **fault})
        # Each of the strategies asks the primary first: it is cheaper, and the others have no weight.
        self.entries = [first]
        if not alone:
            behind = {"weight": 0.0, **row.backup} if strategy == "weighted" else row.backup
            self.entries.append(self._entry("backup", self.other, self.backup, 2, behind))
            self.entries.append(self._entry("sister", cell.vendor, self.sister, 3, {"weight": 0.0, **row.limits}))
        rules: dict[str, Any] = {"retry_delay_ms": 1, "strategy": strategy, **row.fallback}
        if cell.scene is Scene.PATIENT:
            rules.update(max_retries=5, max_attempts=12)
        rules.setdefault("whole", "stream" if cell.mode is Mode.COLLECTED else "plain")
        self.manager = u.ProviderManager(self.entries, u.FallbackConfig(**rules), observers=[self.records.append])

    def _entry(
        self, name: str, vendor: Vendor, party: Party, priority: int, settings: Mapping[str, Any]
    ) -> u.LLMProvider:
        price = PRICE if name == "primary" else u.Price.per_million(input=str(2 * INPUT), output=str(2 * OUTPUT))
        config = u.ProviderConfig(
            **{
                "provider": vendor.name,
                "name": name,
                "api_key": u.Secret(f"key-of-{name}"),
                "base_url": vendor.base_url,
                "text_model": vendor.answers.model,
                "priority": priority,
                "price": price,
                # Those behind hold less, so that nobody is asked for the sake of a larger window alone.
                "context_window": 100_000 if name == "primary" else 50_000,
                **settings,
            }
        )
        return u.create_provider(config, transport=party)

    def _is_due(self) -> bool | None:
        """Note that a request would meet the fault; `None` if it does not."""
        if self.over or (self._once and self._met):
            return None
        self._met += 1
        return True

    def _faulty(self, request: Request) -> Script:
        cell, vendor = self.cell, self.cell.vendor
        row, apart = cell.row, vendor.answers.streamed_apart
        due = vendor.asks(request)
        if apart is not None and row.place is Place.STREAM and (apart(request) or vendor.asks_to_stream(request)):
            due = apart(request)
        if due and self.next:
            script, self.next = self.next, ()
            return script
        if not due or not row.sent or self._is_due() is None:
            return row.honest(vendor.good(request)) if row.sent else vendor.good(request)
        streamed = vendor.flows(request)
        moment = Moment(vendor=vendor, mode=cell.mode, variant=cell.variant, request=request, streamed=streamed)
        return row.act(moment)

    # ---- asking ----

    async def ask(self, model: str | None = None, **options: Any) -> Seen:
        """Ask in the mode of the cell."""
        seen = Seen()
        loop = asyncio.get_running_loop()
        began = loop.time()
        given = {**self.cell.row.options(self.cell.vendor), **options, **({"model": model} if model else {})}
        try:
            async with asyncio.timeout(10_000):
                if self.cell.mode is Mode.STREAM:
                    await self._read(self.manager.stream(PROMPT, **given), seen)
                else:
                    seen.answer = await self.manager.generate(PROMPT, **given)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever comes is judged
            seen.error = error
        seen.elapsed = loop.time() - began
        return seen

    async def _read(self, stream: u.ResponseStream, seen: Seen) -> None:
        async for event in stream:
            match event:
                case u.TextDelta(text=text):
                    seen.shown += text
                case u.Restarted():
                    seen.restarts += 1
                    seen.shown = ""
        seen.answer = stream.response

    def asked(self, name: str) -> list[Request]:
        """Return the requests for generations that arrived at a party."""
        party, vendor = {
            "primary": (self.primary, self.cell.vendor),
            "backup": (self.backup, self.other),
            "sister": (self.sister, self.cell.vendor),
        }[name]
        return [visit.request for visit in party.visits if vendor.asks(visit.request)]
