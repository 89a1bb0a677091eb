"""The models that callers see: the names of the configuration first, then what the providers list."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

from msgspec.structs import replace

from understudy.domain.responses import ModelInfo
from understudy.gateway.callers import Caller
from understudy.gateway.manager import GatewayManager
from understudy.gateway.names import Names

PATIENCE = 2.0
"""Seconds that callers wait for the providers' lists, the first time: Claude Code gives up after three."""
FRESH, FAILED = 300.0, 30.0
"""Seconds after which a list is fetched again, and one that could not be fetched."""


class Catalogue:
    """Lists of models, fetched from each entry in the background and kept for a while."""

    def __init__(self, manager: GatewayManager, names: Names) -> None:
        self._manager = manager
        self._names = names
        self._fetched: dict[str, list[ModelInfo]] = {}
        """By entry."""
        self._due = {each.name: 0.0 for each in manager.providers}
        """When each entry is to be asked."""
        self._fetching: dict[str, asyncio.Task[None]] = {}
        self._waited_until: float | None = None

    async def models(self, caller: Caller) -> list[ModelInfo]:
        """Return the models that a caller may ask for, with the lists that are known.

        They are waited for at the first time only: later an entry that does not answer delays nobody.
        """
        now = time.monotonic()
        if self._waited_until is None:
            self._waited_until = now + PATIENCE
        for name, due in self._due.items():
            if now >= due and name not in self._fetching:
                self._fetching[name] = asyncio.get_running_loop().create_task(self._fetch(name))
        if self._fetching and now < self._waited_until:
            await asyncio.wait(self._fetching.values(), timeout=self._waited_until - now)
        return list(self._permitted(caller))

    def named(self, name: str) -> ModelInfo:
        """Return what is known of one model. Raise `BadRequest` if the name has no meaning."""
        meant = self._names.find(name)
        known = next((each for each in self._listed() if each.id == meant), None)
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
        for model in self._listed():
            if model.id not in listed and caller.may_use(model.id):
                yield model

    def _listed(self) -> Iterator[ModelInfo]:
        return itertools.chain.from_iterable(self._fetched.get(name, ()) for name in self._due)

    async def _fetch(self, name: str) -> None:
        try:
            models = await self._manager.models_at(name)
            if models is not None:
                self._fetched[name] = models
            self._due[name] = time.monotonic() + (FAILED if models is None else FRESH)
        finally:
            del self._fetching[name]


def assumed(model: ModelInfo) -> ModelInfo:
    """Return a model for clients that take what is not listed for missing, such as Ollama's: what is unknown of it is
    assumed to be as with most models, which chat and call tools."""
    if model.capabilities is not None:
        return model
    return replace(model, capabilities=frozenset({"chat", "tools"}) - model.lacks)
