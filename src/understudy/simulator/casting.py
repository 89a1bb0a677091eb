"""Which modelled target plays which entry of a configuration."""

from __future__ import annotations

import msgspec

from understudy.config import Config
from understudy.domain.errors import ConfigError
from understudy.simulator.scenario import Scenario, TargetModel


class Role(msgspec.Struct, frozen=True):
    """A target of a scenario, as it is played by an entry."""

    name: str
    model: TargetModel


def cast_of(scenario: Scenario, config: Config) -> dict[str, Role]:
    """Return the role of each entry, by the entry's name.

    Entries that a scenario names play their own target. If it names none of them, the entries play its targets by
    their priority: the one that is tried first plays the first target, and so on. Other entries are always healthy.
    Raise `ConfigError` if some of the names match and others do not.
    """
    entries = [entry.entry for entry in sorted(config.providers, key=lambda entry: entry.priority)]
    named = [name for name in scenario.targets if name in entries]
    if named:
        if unknown := [name for name in scenario.targets if name not in entries]:
            raise ConfigError(
                f"{scenario.name}: the configuration {config.source or ''} has no entry {unknown[0]!r}, though it has "
                f"{named[0]!r}: its entries are {', '.join(entries)}"
            )
        played = {name: name for name in named}
    else:
        played = dict(zip(entries, scenario.targets, strict=False))
    return {
        entry: Role(played.get(entry, entry), scenario.targets.get(played.get(entry, ""), TargetModel()))
        for entry in (each.entry for each in config.providers)
    }
