"""Many seeds of one simulation, on as many processors as there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import msgspec

from understudy.config import Config
from understudy.domain.secret import Secret
from understudy.settings import ProviderConfig
from understudy.simulator.measures import Measures, combined
from understudy.simulator.run import simulate
from understudy.simulator.scenario import Scenario

Make = Callable[[int], Measures]
"""Returns the measures of a seed."""


def simulate_seeds(
    scenario: Scenario,
    config: Config,
    seeds: Iterable[int],
    *,
    requests: int | None = None,
    processes: int | None = None,
) -> Measures:
    """Run a scenario with each seed, and return the measures of all together.

    The result does not depend on the number of processes; unset, it is that of the processors.
    """
    scenario = msgspec.structs.replace(scenario, config=None)
    return combined(_each(partial(_simulate, scenario, _Parcel.of(config), requests), list(seeds), processes))


class _Parcel(msgspec.Struct, frozen=True):
    """A configuration that another process can be sent: with other keys, because secrets never leave a process."""

    config: Config
    """Without its entries."""
    entries: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, config: Config) -> _Parcel:
        """Pack a configuration."""
        entries = tuple(
            {name: _without_secrets(name, getattr(entry, name)) for name in entry.__struct_fields__}
            for entry in config.providers
        )
        return cls(msgspec.structs.replace(config, providers=()), entries)

    def opened(self) -> Config:
        """Return the configuration."""
        return msgspec.structs.replace(self.config, providers=tuple(ProviderConfig(**each) for each in self.entries))


def _without_secrets(name: str, value: Any) -> Any:
    match value:
        case Secret():
            return "none" if name == "proxy" else "simulated"
        case list() | tuple():
            return [f"simulated-{number}" if isinstance(each, Secret) else each for number, each in enumerate(value)]
        case _:
            return value


def _simulate(scenario: Scenario, parcel: _Parcel, requests: int | None, seed: int) -> Measures:
    return simulate(scenario, parcel.opened(), seed, requests=requests)


def _each(make: Make, seeds: list[int], processes: int | None) -> Iterator[Measures]:
    """Yield the measures of each seed, in their order."""
    count = min(len(seeds), processes or _processors())
    if count <= 1:
        yield from map(make, seeds)
        return
    # A new interpreter: a copy of this one may hold locks of other threads.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(make, seeds)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
