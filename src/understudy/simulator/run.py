"""One simulation: one scenario, one configuration, one seed."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import msgspec

from understudy.client.factory import create_provider
from understudy.client.manager import ProviderManager
from understudy.config import Config
from understudy.domain.attempts import AttemptRecord
from understudy.engine.engine import Engine, Sources
from understudy.policy.health import Health
from understudy.policy.targets import Target
from understudy.settings import ProviderConfig
from understudy.simulator.backend import Launched, SimulatedBackend, SimulatedProvider
from understudy.simulator.casting import cast_of
from understudy.simulator.measures import Measures
from understudy.simulator.modelled import ModelledTarget
from understudy.simulator.observer import Observer
from understudy.simulator.scenario import Scenario
from understudy.simulator.traffic import Callers, scaled
from understudy.simulator.weather import Weather, Window, windows_of
from understudy.virtual_time import VirtualTimeLoop

EPOCH = 1_800_000_000.0
"""The wall clock at the start, in Unix seconds."""
_GARBAGE = 50_000
"""Objects after which the garbage collector runs."""


def simulate(scenario: Scenario, config: Config, seed: int, *, requests: int | None = None) -> Measures:
    """Run a scenario with a configuration. The same seed gives the same records, byte for byte.

    `requests` scales the rates of the traffic, so that about as many arrive in the same time.
    """
    if requests is not None:
        scenario = msgspec.structs.replace(scenario, traffic=scaled(scenario.traffic, scenario.duration, requests))
    started = time.process_time()
    loop = VirtualTimeLoop()
    try:
        with _quiet():
            observer = loop.run_until_complete(_run(scenario, config, seed))
        return observer.finish(loop.time(), time.process_time() - started)
    finally:
        loop.close()


async def _run(scenario: Scenario, config: Config, seed: int) -> Observer:
    loop = asyncio.get_running_loop()
    targets = _modelled(scenario, config, seed)
    observer = Observer(targets, scenario.duration, loop.time)
    manager = SimulatedManager(
        [_provider(config, entry, targets[entry.entry], observer.launched) for entry in config.providers],
        config,
        Random(f"{seed}/engine"),
        observer.recorded,
    )
    await Callers(manager, scenario, observer, Random(f"{seed}/traffic")).run()
    health = manager.health
    await manager.aclose()
    observer.invariants.ended(health, manager.text_targets(), loop.time())
    return observer


class SimulatedManager(ProviderManager):
    """A manager whose chance, ids and dates come from the simulation."""

    def __init__(
        self,
        providers: list[SimulatedProvider],
        config: Config,
        rng: Random,
        observer: Callable[[AttemptRecord], None],
    ) -> None:
        super().__init__(providers, config.fallback, routes=config.routes, observers=(observer,))
        self._rng = rng

    def _make_engine(self) -> Engine:
        numbers, now = itertools.count(1), asyncio.get_running_loop().time
        sources = Sources(rng=self._rng, new_id=lambda: f"id-{next(numbers)}", wall_clock=lambda: EPOCH + now())
        return Engine(observers=tuple(self._observers), sources=sources)

    @property
    def health(self) -> Health:
        """What the engine has learnt of the targets."""
        return self._engine.health

    def text_targets(self) -> dict[str, Target]:
        """Return the targets by the names of their entries."""
        return {target.name: target for target in self._catalog.text_targets()}


def _modelled(scenario: Scenario, config: Config, seed: int) -> dict[str, ModelledTarget]:
    """Return the modelled provider of each entry. Incidents of several targets happen to them at the same times."""
    cast = cast_of(scenario, config)
    windows: dict[str, list[Window]] = {name: [] for name in cast}
    for number, incident in enumerate(scenario.incidents):
        found = list(windows_of(incident, scenario.duration, Random(f"{seed}/incident/{number}")))
        for name, role in cast.items():
            if role.name in incident.targets:
                windows[name] += found
    return {
        name: ModelledTarget(name, role.model, Weather(windows[name]), Random(f"{seed}/target/{name}"))
        for name, role in cast.items()
    }


def _provider(config: Config, entry: ProviderConfig, modelled: ModelledTarget, launched: Launched) -> SimulatedProvider:
    made = create_provider(entry, row=config.row_of(entry), fallback=config.fallback)
    provider = SimulatedProvider(made.config, made.row, fallback=config.fallback)
    provider.simulated = SimulatedBackend(made.backend, modelled, launched)
    return provider


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from logging, because a simulated outage is a million warnings, and the garbage collector from
    looking at all requests under way again and again."""
    logger = logging.getLogger("understudy")
    was, logger.disabled = logger.disabled, True
    thresholds = gc.get_threshold()
    gc.set_threshold(_GARBAGE, *thresholds[1:])
    try:
        yield
    finally:
        logger.disabled = was
        gc.set_threshold(*thresholds)
