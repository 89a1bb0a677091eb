"""The targets of a manager: and what a call's `model` selects among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.prices import Price
from understudy.engine.backend import Backend
from understudy.policy.selection import EVERYTHING, Selection, select, split_name, unknown_name
from understudy.policy.targets import Target, TargetFacts
from understudy.settings import FallbackConfig, Route


class TargetCatalog:
    """The backends and routes of a manager, by name."""

    def __init__(self, backends: Iterable[Backend], routes: Iterable[Route] = ()) -> None:
        self.backends: Mapping[str, Backend] = {each.name: each for each in backends}
        self._models = {name: each.models for name, each in self.backends.items()}
        self._selections: BoundedDict[str, Selection] = BoundedDict()
        """What names select that were asked for."""
        self.routes: dict[str, Route] = {}
        for route in routes:
            if route.name in self.routes:
                raise ConfigError(f"the name {route.name!r} is used by two routes: give each route a unique name")
            self.routes[route.name] = route

    def add(self, route: Route) -> None:
        """Add a route. Raise `ConfigError` if it is empty, or names an unknown entry or one target twice."""
        self._check_names(route.targets, f"route {route.name!r}")
        self.routes[route.name] = route
        self._selections.clear()

    def forget(self, name: str) -> None:
        """Remove a route that was added."""
        del self.routes[name]
        self._selections.clear()

    def select(self, model: str | None) -> Selection:
        """Return what a call's `model` selects. Raise `Misuse` for an unknown name."""
        if model is None:
            return EVERYTHING
        found = self._selections.get(model)
        if found is None:
            found = select(model, self._models, self.routes)
            if found is None:
                raise Misuse(unknown_name(model, self._models, self.routes))
            self._selections[model] = found
        return found

    def check(self, fallbacks: Iterable[FallbackConfig]) -> None:
        """Raise `ConfigError` if a route shares a name with an entry, a route or task is empty or names an unknown
        entry."""
        for route in self.routes.values():
            if route.name in self.backends:
                raise ConfigError(f"route {route.name!r} has the same name as an entry: choose another name")
            self._check_names(route.targets, f"route {route.name!r}")
        for fallback in fallbacks:
            for task, names in fallback.tasks.items():
                self._check_names(names, f"task {task!r}")

    def _check_names(self, names: Sequence[str], where: str) -> None:
        if not names:
            raise ConfigError(f"{where} has no targets")
        for place, name in enumerate(names):
            if split_name(name)[0] not in self.backends:
                raise ConfigError(f"{where}: {unknown_name(name, self._models)}")
            if name in names[:place]:
                raise ConfigError(f"{where} names {name!r} twice")

    # ---- targets ----

    def text_targets(self) -> tuple[Target, ...]:
        """Return all entries that generate, each with its own model."""
        able = (name for name, each in self.backends.items() if each.generates)
        return tuple(self.text_target(name, None, index) for index, name in enumerate(able))

    def embedding_targets(self) -> tuple[Target, ...]:
        """Return all entries that embed, each with its own model."""
        able = (name for name, each in self.backends.items() if each.embeds())
        return tuple(self.embedding_target(name, None, index) for index, name in enumerate(able))

    def route_targets(self, route: Route, *, embedding: bool = False) -> tuple[Target, ...]:
        """Return the targets of a route; their order is their priority. For embeddings, only those that embed."""
        found: list[Target] = []
        for place, name in enumerate(route.targets):
            entry, model = split_name(name)
            if not embedding:
                target = self.text_target(entry, model, place)
            elif self.backends[entry].embeds(model):
                target = self.embedding_target(entry, model, place)
            else:
                continue
            found.append(replace(target, priority=place + 1, default=True))
        return tuple(found)

    def with_named(self, targets: tuple[Target, ...], tasks: Mapping[str, Iterable[str]]) -> tuple[Target, ...]:
        """Add the models that tasks name beyond the entries' own."""
        by_label = {each.label: each for each in targets}
        for names in tasks.values():
            for name in names:
                target = self.text_target(*split_name(name), index=len(by_label))
                by_label.setdefault(target.label, target)
        return tuple(by_label.values())

    def text_target(self, entry: str, model: str | None, index: int = 0) -> Target:
        """Return an entry as a target of generations. Raise `ConfigError` if no model is known."""
        target = self.backends[entry].text_target(model)
        return target if target.index == index else replace(target, index=index)

    def embedding_target(self, entry: str, model: str | None, index: int = 0) -> Target:
        """Return an entry as a target of embeddings. Raise `ConfigError` if no model is known."""
        return replace(self.backends[entry].embedding_target(model), index=index)

    # ---- what is known of them ----

    async def prices_ready(self, targets: Iterable[Target]) -> None:
        """Wait until the published prices of the targets are loaded."""
        for target in targets:
            if (prices := self.backends[target.name].prices_ready(target.model)) is not None:
                await prices

    def load_prices(self, targets: Iterable[Target]) -> None:
        """Load what `prices_ready` waits for, in the calling thread."""
        for target in targets:
            self.backends[target.name].load_prices(target.model)

    def window_of(self, target: Target) -> int | None:
        """Return the context window of a target; `None` if it is unknown."""
        return self.backends[target.name].facts(target.model).context_window

    def price_of(self, target: Target) -> Price | None:
        """Return what a target costs; `None` if it is unknown."""
        return self.backends[target.name].price_of(target.model)

    def describe(self, target: Target, facts: TargetFacts) -> TargetFacts:
        """Add to the facts of a target what is known of its model."""
        backend = self.backends[target.name]
        known = backend.facts(target.model)
        return replace(
            facts,
            context_window=known.context_window,
            capabilities=known.capabilities,
            price=self.price_of(target),
        )
