"""The targets of a chat: the configuration with the options of the command line, and the target asked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from understudy.cli.choice import Choice, choose
from understudy.cli.completion import targets_of
from understudy.cli.keeping import ledger_if_possible
from understudy.config import Config
from understudy.ledger import Observer
from understudy.settings import FallbackStrategy

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class TargetSelection(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, the options `--fallback` and `--no-fallback`, and the target asked first."""

    config: Config
    model: str | None = None
    """`ENTRY[/MODEL]`, or a route; the configuration's own first target when unset."""
    understudies: tuple[str, ...] | None = None
    alone: bool = False

    def starting_with(self, model: str) -> TargetSelection:
        """Return the selection with another target first. Raises `Misuse` for an unknown entry or route."""
        selection = msgspec.structs.replace(self, model=model)
        selection.choice()
        return selection

    def choice(self) -> Choice:
        """Apply the options to the configuration. Raises `Misuse`."""
        understudies = None if self.understudies is None else list(self.understudies)
        return choose(self.config, self.model, understudies, alone=self.alone)

    def open(self, observers: Sequence[Observer]) -> Provider | ProviderManager:
        """Create the provider that answers. `observers` receive the record of every attempt."""
        from understudy.client.manager import from_loaded

        config = self.choice().config
        return from_loaded(config, observers=observers, sink=ledger_if_possible(config))

    def names(self) -> list[str]:
        """Return the names that `starting_with` accepts."""
        return [*targets_of(self.config), *(route.name for route in self.config.routes)]

    def describe(self) -> str:
        """Return the targets in one line, in the order in which they are asked where that order is fixed."""
        choice = self.choice()
        for route in choice.config.routes:
            if route.name == choice.model:
                return f"{route.name}: {', '.join(route.targets)}"
        fallback = choice.config.fallback
        entries = sorted(choice.config.providers, key=lambda entry: (entry.entry != choice.model, entry.priority))
        names = ["/".join(filter(None, (entry.entry, entry.text_model))) for entry in entries]
        if choice.model is None and len(names) > 1 and fallback.strategy is not FallbackStrategy.PRIORITY:
            strategy = getattr(fallback.strategy, "value", "a custom strategy")
            return f"{', '.join(names)}, chosen by {strategy}"
        first, *others = names[:1] if fallback.enabled is False else names
        return f"{first}, then {', '.join(others)}" if others else first
