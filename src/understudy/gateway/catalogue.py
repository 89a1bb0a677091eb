"""The models that callers see: the names of the configuration first, then what the providers list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from understudy.domain.errors import LLMError
from understudy.domain.responses import ModelInfo
from understudy.gateway.access import Caller
from understudy.gateway.manager import GatewayManager
from understudy.gateway.names import Names

PATIENCE = 2.0
"""Seconds that a caller waits for the providers' lists: Claude Code gives up after three."""
FRESH = 300.0
"""Seconds for which a fetched list is used."""


class Catalogue:
    """Lists of models, fetched in the background and kept for a while."""

    def __init__(self, manager: GatewayManager, names: Names) -> None:
        self._manager = manager
        self._names = names
        self._fetched: list[ModelInfo] = []
        self._fetched_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def models(self, caller: Caller) -> list[ModelInfo]:
        """Return the models that a caller may ask for."""
        if self._fetched_at is None or time.monotonic() - self._fetched_at > FRESH:
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.get_running_loop().create_task(self._fetch())
            await asyncio.wait({self._fetching}, timeout=PATIENCE)
        return list(self._permitted(caller))

    def named(self, name: str) -> ModelInfo:
        """Return what is known of one model. Raise `BadRequest` if the name has no meaning."""
        meant = self._names.find(name)
        known = next((each for each in self._fetched if each.id == meant), None)
        if known is not None:
            return replace(known, id=name)
        facts = self._manager.facts_of(meant)
        abilities = facts.capabilities
        return ModelInfo(
            id=name,
            owned_by="understudy",
            context_window=facts.context_window,
            capabilities=frozenset(each for each in abilities if abilities[each]) or None,
            lacks=frozenset(each for each in abilities if not abilities[each]),
        )

    def _permitted(self, caller: Caller) -> Iterator[ModelInfo]:
        listed = self._names.listed()
        for name in listed:
            if caller.may_use(self._names.find(name), name):
                yield self.named(name)
        for model in self._fetched:
            if model.id not in listed and caller.may_use(model.id):
                yield model

    async def _fetch(self) -> None:
        with suppress(LLMError):  # logged by the engine; the names of the configuration remain
            self._fetched = await self._manager.list_models()
        self._fetched_at = time.monotonic()


def assumed(model: ModelInfo) -> ModelInfo:
    """Return a model for clients that take what is not listed for missing, such as Ollama's: what is unknown of it is
    assumed to be as with most models, which chat and call tools."""
    if model.capabilities is not None:
        return model
    return replace(model, capabilities=frozenset({"chat", "tools"}) - model.lacks)
