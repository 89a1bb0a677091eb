"""A gateway as the other processes of its fleet see it: what it knows of itself, and how it obeys orders."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

import understudy
from understudy.domain.errors import LLMError
from understudy.engine import clock
from understudy.engine.job import new_id
from understudy.fleet.orders import Order, OrderKind, ProbeResult
from understudy.telemetry.meters import Meters, TargetName
from understudy.telemetry.snapshot import Snapshot, TargetSnapshot, TargetState, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from understudy.config import Config
    from understudy.gateway.manager import GatewayManager
    from understudy.gateway.site import Site

CHANGES = 500
"""Changes of state that are kept while they cannot be moved to the history."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class GatewayMember:
    """One process of a gateway. Its methods are called on the event loop."""

    def __init__(self, sites: Callable[[], Iterable[Site]]) -> None:
        """`sites`: the current one, and those before it where requests are under way."""
        self.meters = Meters()
        self.instance = new_id()
        """What all workers of a supervisor have in common."""
        self._sites = sites
        self._worker = new_id()
        self._host = socket.gethostname()
        self._started = time.time()
        self._stands: Mapping[str, Order] = {}
        self._states: dict[TargetName, TargetState] = {}
        """The states of the targets at the last look, but for those that were always closed."""
        self._changes: list[Transition] = []
        """Those that are not in the history yet."""
        self._digest: tuple[Config, str] | None = None

    def snapshot(self) -> Snapshot:
        """Return what this process knows at this moment."""
        site, *former = self._sites()
        now, wall, states = clock.now(), time.time(), site.manager.states
        draining = {entry for entry, order in self._stands.items() if order.kind is OrderKind.DRAIN}
        out = {entry: order.why for entry, order in self._stands.items()}
        targets = states.at(now, wall, self.meters.totals(), out, draining)
        self._note_changes(targets, wall)
        return Snapshot(
            instance=self.instance,
            worker=self._worker,
            host=self._host,
            pid=os.getpid(),
            version=understudy.__version__,
            ledger_works=site.ledger_works,
            ledger_trouble=site.ledger_trouble,
            started=self._started,
            at=wall,
            is_draining=site.is_leaving or site.is_draining,
            config=self._config(site.config),
            under_way=sum(each.under_way for each in (site, *former)),
            waiting=site.manager.waiting,
            targets=targets,
            stand_ins=states.stand_ins(now, wall, out),
            faces=self.meters.faces(),
            minutes=self.meters.minutes(),
            requests=self.meters.requests(),
            changes=tuple(self._changes),
        )

    def filed(self, before: int) -> None:
        """Forget minutes that are in the history."""
        self.meters.filed(before)
        self._changes = [each for each in self._changes if each.at >= before]

    def begin_anew(self) -> None:
        """Count from zero under another name."""
        self.meters.clear()
        self._worker, self._started = new_id(), time.time()

    def has_entry(self, name: str) -> bool:
        """Check whether an entry is configured."""
        return self._current.has_entry(name)

    def obey(self, order: Order, stands: Mapping[str, Order]) -> None:
        """Do what an order asks for, whatever the configuration it finds; one for an unknown entry is kept in mind."""
        self._stands = dict(stands)
        for site in self._sites():
            self._do(site.manager, order)

    def prepare(self, manager: GatewayManager) -> None:
        """Let a manager that is new obey what stands."""
        for order in self._stands.values():
            self._do(manager, order)

    async def probe(self, entry: str) -> ProbeResult:
        """Check whether an entry works, without a billed call."""
        status = await self._current.check(entry)
        if isinstance(status, LLMError):
            return ProbeResult(ok=False, detail=status.message)
        return ProbeResult(ok=status.ok, detail=status.detail, latency=status.latency, refused_keys=status.refused_keys)

    def _note_changes(self, targets: Iterable[TargetSnapshot], now: float) -> None:
        """Note which targets are in another state than at the last look."""
        for each in targets:
            name = (each.entry, each.model, each.operation)
            if self._states.get(name, TargetState.CLOSED) is each.state:
                continue
            self._states[name] = each.state
            change = Transition(
                at=now,
                entry=each.entry,
                model=each.model,
                operation=each.operation,
                state=each.state,
                why=each.why,
                worker=self._worker,
            )
            self._changes = [*self._changes[1 - CHANGES :], change]

    def _do(self, manager: GatewayManager, order: Order) -> None:
        if not manager.has_entry(order.entry):
            return
        match order.kind:
            case OrderKind.OPEN | OrderKind.DRAIN:
                manager.take_out(order.entry)
            case OrderKind.CLOSE:
                manager.take_in(order.entry, (name for name, _, _ in self.meters.totals()))
            case OrderKind.PROBE:
                if order.probe is not None and order.probe.ok:
                    manager.lift(order.entry, order.probe.refused_keys)

    @property
    def _current(self) -> GatewayManager:
        return next(iter(self._sites())).manager

    def _config(self, config: Config) -> str:
        """Return a digest of a configuration without its secrets, and without what each machine sets by itself."""
        if self._digest is None or self._digest[0] is not config:
            self._digest = (config, digest_of(config))
        return self._digest[1]


def digest_of(config: Config) -> str:
    """Return a digest of what a configuration decides: neither of its secrets, nor of what differs by machine."""
    own = dict.fromkeys(("host", "port", "secret", "former_secrets", "state_file"))
    common = replace(config, gateway=replace(config.gateway, **own), source=None, notices=())
    return hashlib.sha256(repr(_plain(common)).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Return a value as what every process prints alike: without addresses of functions, with sets in order."""
    match value:
        case msgspec.Struct():
            return (type(value).__name__, [_plain(getattr(value, name)) for name in value.__struct_fields__])
        case Mapping():
            return sorted((repr(_plain(name)), _plain(each)) for name, each in value.items())
        case set() | frozenset():
            return sorted(repr(_plain(each)) for each in value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return _ADDRESS.sub("", repr(value))
