"""Who answers in a chat: what the options made of the configuration, and who is asked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from understudy.cli.choice import Choice, choose
from understudy.cli.completion import targets_of
from understudy.config import Config
from understudy.ledger import Observer
from understudy.settings import FallbackStrategy

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration with the options `--fallback` and `--no-fallback`, and who is asked first."""

    config: Config
    model: str | None = None
    """`ENTRY[/MODEL]`, or a route; the configuration's own first when unset."""
    understudies: tuple[str, ...] | None = None
    alone: bool = False

    def led_by(self, model: str | None) -> Cast:
        """Have another be asked first. Raises `Misuse` when there is no such entry or route."""
        cast = msgspec.structs.replace(self, model=model)
        cast.choice()
        return cast

    def choice(self) -> Choice:
        """Return what this comes to. Raises `Misuse`."""
        understudies = None if self.understudies is None else list(self.understudies)
        return choose(self.config, self.model, understudies, alone=self.alone)

    def provider(self, observers: Sequence[Observer]) -> Provider | ProviderManager:
        """Make whoever answers. `observers` are told of every attempt."""
        from understudy.client.manager import from_loaded

        return from_loaded(self.choice().config, observers=observers)

    def names(self) -> list[str]:
        """Return whom `led_by` takes."""
        return [*targets_of(self.config), *(route.name for route in self.config.routes)]

    def described(self) -> str:
        """Return who is asked, in a line: in their order, where that is always the same."""
        choice = self.choice()
        for route in choice.config.routes:
            if route.name == choice.model:
                return f"{route.name}: {', '.join(route.targets)}"
        fallback = choice.config.fallback
        entries = sorted(choice.config.providers, key=lambda entry: (entry.entry != choice.model, entry.priority))
        names = ["/".join(filter(None, (entry.entry, entry.text_model))) for entry in entries]
        if choice.model is None and len(names) > 1 and fallback.strategy is not FallbackStrategy.PRIORITY:
            strategy = getattr(fallback.strategy, "value", "a strategy of its own")
            return f"{', '.join(names)}, chosen by {strategy}"
        first, *others = names[:1] if fallback.enabled is False else names
        return f"{first}, then {', '.join(others)}" if others else first
