"""What the name of a model means at the gateway: an alias, a route, an entry, `entry/model`, or a model of some entry.

The first of these that fits counts: an alias of that very name; a route or an entry; a pattern among the aliases, the
one with the most fixed characters first; `entry/model`; a model that an entry names. The pattern `*` alone comes last:
it names the target of all other names. If the name has no meaning, it is looked up without what clients add to
it: the folder `models/` of Google's SDKs, `[1m]` of Claude Code, `:latest` of Ollama.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from understudy.dialects.server import BadRequest
from understudy.domain.errors import ConfigError
from understudy.domain.failures import Failure, FailureKind
from understudy.gateway.options import LONGEST, Options, read_options
from understudy.gateway.patterns import ANY, matches, specificity
from understudy.policy.selection import Selection, select, split_name, unknown_name

if TYPE_CHECKING:
    from understudy.config.model import Config

_ADDED = (
    re.compile(r"^(?:publishers/google/)?models/", re.IGNORECASE),
    re.compile(r"\[1m\]$", re.IGNORECASE),
    re.compile(r":latest$"),
)
"""What clients put before or behind the name of a model: folders of Google's API, Claude Code's mark for the window of
a million tokens, and the tag that Ollama's clients add to a name without one."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for."""

    model: str | None
    """For the option `model` of a call: a route, `entry`, or `entry/model`; `None`: all targets by the strategy."""
    models: tuple[str, ...] = ()
    """The same for each name of a list that the caller gave, in its order; empty without a list."""
    options: Options = Options()

    @property
    def names(self) -> tuple[str, ...]:
        """All that is asked for by name."""
        return self.models or (() if self.model is None else (self.model,))


class Names:
    """The names that the gateway knows."""

    __slots__ = ("_aliases", "_catch_all", "_entries", "_patterns", "_routes")

    def __init__(
        self,
        entries: Mapping[str, Collection[str]],
        routes: Collection[str] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """`entries` maps each entry to the models that it names. Raise `ConfigError` for an alias without meaning."""
        self._entries = entries
        self._routes = frozenset(routes)
        self._aliases: dict[str, str] = {}
        patterns: dict[str, str] = {}
        for alias, target in (aliases or {}).items():
            if not alias:
                raise ConfigError("an alias of the gateway is empty")
            meant = self._configured(target)
            if meant is None:
                raise ConfigError(f"the gateway alias {alias!r}: {unknown_name(target, entries, tuple(routes))}")
            (patterns if ANY in alias else self._aliases)[alias] = meant
        self._catch_all = patterns.pop(ANY, None)
        self._patterns = tuple(sorted(patterns.items(), key=lambda pair: specificity(pair[0]), reverse=True))

    @classmethod
    def of(cls, config: Config, aliases: Mapping[str, str] | None = None) -> Names:
        """Return the names of a configuration: an entry also names the models that routes and tasks use of it."""
        entries = {
            each.name: dict.fromkeys(filter(None, (each.text_model, each.embedding_model))) for each in config.providers
        }
        fallbacks = (config.fallback, *(route.fallback for route in config.routes))
        tasks = (names for fallback in fallbacks for names in fallback.tasks.values())
        for names in (*(route.targets for route in config.routes), *tasks):
            for entry, model in map(split_name, names):
                if model is not None and entry in entries:
                    entries[entry][model] = None
        return cls(entries, [route.name for route in config.routes], aliases)

    def resolve(self, model: str | None, headers: Mapping[str, str], models: Collection[str] = ()) -> Resolved:
        """Return what a request asks for, by the model that it names and its headers `x-understudy-*`.

        `models` is a list that the body names; the header's prevails. Raise `BadRequest`: with status 404 for an
        unknown name, 400 for an invalid header.
        """
        options = read_options(headers)
        listed = tuple(dict.fromkeys(map(self.find, options.models or models)))
        if listed:
            return Resolved(model=listed[0], models=listed, options=options)
        return Resolved(model=None if model is None else self.find(model), options=options)

    def find(self, name: str) -> str:
        """Return what a name means: a route, `entry` or `entry/model`. Raise `BadRequest` for an unknown name."""
        if len(name) <= LONGEST:
            for form in _forms(name):
                if (found := self._meaning(form)) is not None:
                    return found
            if self._catch_all is not None:
                return self._catch_all
            message = unknown_name(name, self._entries, tuple(sorted(self._routes)))
        else:
            message = f"the name of the model has more than {LONGEST} characters"
        failure = Failure(kind=FailureKind.NOT_FOUND, message=message, status=404, param="model", sent=False)
        raise BadRequest(failure)

    def listed(self) -> tuple[str, ...]:
        """Return the names that a list of models shows: aliases without patterns, routes, and `entry/model`."""
        models = (f"{entry}/{model}" for entry, models in self._entries.items() for model in models)
        return tuple(dict.fromkeys((*self._aliases, *sorted(self._routes), *models)))

    def _meaning(self, name: str) -> str | None:
        if name in self._aliases:
            return self._aliases[name]
        if name in self._routes or name in self._entries:
            return name
        pattern = next((target for pattern, target in self._patterns if matches(pattern, name)), None)
        return pattern or self._configured(name)

    def _configured(self, name: str) -> str | None:
        """Return a name of the configuration in its full form; `None` for any other."""
        match select(name, self._entries, self._routes):
            case Selection(route=str(route)):
                return route
            case Selection(entry=str(entry), model=str(model)):
                return f"{entry}/{model}"
            case Selection(entry=str(entry)):
                return entry
        return None


def _forms(name: str) -> Iterator[str]:
    """Yield a name as it is written, then without what clients add to it."""
    yield name
    for added in _ADDED:
        shorter = added.sub("", name)
        if shorter and shorter != name:
            name = shorter
            yield name
