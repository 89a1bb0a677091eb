"""All gateways in one run: the same work, at the same upstream, by turns.

Every gateway has one process on one core, and the stub and the load client have the others. All of them run from the
beginning to the end. In each round each is measured once for each figure, in another order each time, and ratios
compare figures of the same round. Then all of them are started again, for the figure whose upstream speaks TLS. One
that cannot be started, or fails while it is measured, is stated with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.bodies import body_of
from benchmarks.certificates import certificates
from benchmarks.compared import Compared, progress
from benchmarks.gateways.launching import (
    Gateway,
    NotStartedError,
    Place,
    Server,
    answering,
    free_port,
    listening,
    started,
)
from benchmarks.gateways.measures import MAY_BE_MISSING, MEASURES, OVER_TLS, TLS, Effort, Figures, Measure
from benchmarks.load import LoadError
from benchmarks.processes import Cores
from benchmarks.upstream import upstream

_SETTLE = 2.0
"""Seconds after a gateway listens at which its memory at rest is read, before the first request."""

_RECOVERY = 15.0
"""Seconds that a gateway has after a measure that it fails and may lack: one puts its upstream in cooldown for 5."""


class _Upstream(NamedTuple):
    """The stub: its port, and the certificate of the authority to trust if it speaks TLS."""

    port: int
    authority: str = ""


class Comparison:
    """A run, as it goes on."""

    def __init__(self, gateways: Sequence[Gateway], folder: Path, effort: Effort, cores: Cores) -> None:
        self.found = Compared(gateways)
        self._gateways = gateways
        self._folder = folder
        self._effort = effort
        self._cores = cores

    def run(self, rounds: int) -> Compared:
        """Measure all gateways, in so many rounds, after one that warms them up."""
        with upstream() as port:
            plain = _Upstream(port)
            for number in range(-1, rounds):
                for gateway in self.found.turn(self._gateways, number):
                    with self._stated(gateway):
                        self._note(gateway, number, self._start(gateway, plain))
            with contextlib.ExitStack() as stack:
                servers = {each.name: self._server(stack, each, plain) for each in self.found.turn(self._gateways, 0)}
                self._measure(servers, MEASURES, rounds)
        made = certificates(self._folder)
        with upstream(str(made.server)) as port, contextlib.ExitStack() as stack:
            tls = _Upstream(port, str(made.authority))
            servers = {each.name: self._server(stack, each, tls) for each in self.found.turn(self._gateways, 0)}
            self._measure(servers, OVER_TLS, rounds)
        return self.found

    def _measure(self, servers: Mapping[str, Server | None], measures: Mapping[str, Measure], rounds: int) -> None:
        for number, (name, measure) in itertools.product(range(-1, rounds), measures.items()):
            progress(f"round {number + 1} of {rounds}: {name}")
            for gateway in self.found.turn(self._gateways, number):
                reason = f"{gateway.name}: {name}"
                if (server := servers[gateway.name]) and reason not in self.found.missing:
                    with self._stated(gateway, name):
                        self._note(gateway, number, asyncio.run(measure(server, self._effort)))
                    if reason in self.found.missing:
                        time.sleep(_RECOVERY)

    def _note(self, gateway: Gateway, number: int, figures: Figures) -> None:
        """Note figures, except those of the first round, in which programs compile and fill their caches."""
        if number >= 0:
            self.found.note(gateway.name, number, figures)

    def _stated(self, gateway: Gateway, measure: str = "") -> contextlib.AbstractContextManager[None]:
        """State why a gateway cannot be measured from now on, or why it has no figure of a measure that may miss."""
        name = f"{gateway.name}: {measure}" if measure in MAY_BE_MISSING else gateway.name
        return self.found.stated(name, LoadError, NotStartedError)

    def _server(self, stack: contextlib.ExitStack, gateway: Gateway, upstream: _Upstream) -> Server | None:
        """Start a gateway that runs until the end of the stack; None if it does not start."""
        with self._stated(gateway, TLS if upstream.authority else ""):
            place = self._place(gateway, upstream)
            launch = gateway.launch(place)
            process, log = stack.enter_context(started(launch, place, self._cores))
            server = Server(process, place.port, launch.headers)
            if not upstream.authority:
                listening(process, log, place.port)
                time.sleep(_SETTLE)
                self._note(gateway, 0, {"at rest, MB": server.tree.megabytes()})
            answering(process, log, server, body_of(1_000))
            return server
        return None

    def _start(self, gateway: Gateway, upstream: _Upstream) -> Figures:
        """Start a gateway, and end it after its first answer."""
        progress(f"start of {gateway.name}")
        place = self._place(gateway, upstream)
        launch = gateway.launch(place)
        began = time.perf_counter()
        with started(launch, place, self._cores) as (process, log):
            server = Server(process, place.port, launch.headers)
            answering(process, log, server, body_of(1_000))
            took, used = time.perf_counter() - began, server.tree.cpu()
        return {"start, s": took, "start, CPU s": used}

    def _place(self, gateway: Gateway, upstream: _Upstream) -> Place:
        folder = gateway.name.replace(" ", "-") + ("-tls" if upstream.authority else "")
        return Place(self._folder / folder, upstream.port, free_port(), upstream.authority)
