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
from understudy.domain.bounded import BoundedDict
from understudy.domain.errors import ConfigError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.patterns import ANY, matches, specificity
from understudy.gateway.options import LONGEST, Options, read_options
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

    asked: tuple[str, ...] = ()
    """The name or names as the caller wrote them."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """All names of the request, each with its meaning."""
        meanings = self.models or (() if self.model is None else (self.model,))
        return tuple(zip(self.asked, meanings, strict=True))


class Names:
    """The names that the gateway knows."""

    __slots__ = ("_aliases", "_catch_all", "_disabled", "_entries", "_found", "_patterns", "_routes")

    def __init__(
        self,
        entries: Mapping[str, Collection[str]],
        routes: Collection[str] = (),
        aliases: Mapping[str, str] | None = None,
        disabled: Mapping[str, str] | None = None,
    ) -> None:
        """`entries` maps each entry to the models that it names, `disabled` those that are left out to why.

        Raise `ConfigError` for an alias of something unknown.
        """
        self._entries = entries
        self._routes = frozenset(routes)
        self._disabled = disabled or {}
        self._aliases: dict[str, str] = {}
        self._found: BoundedDict[str, str] = BoundedDict()
        """The meanings of names that were asked for."""
        patterns: dict[str, str] = {}
        for alias, target in (aliases or {}).items():
            if not alias:
                raise ConfigError("an alias of the gateway is empty")
            meant = target if split_name(target)[0] in self._disabled else self._configured(target)
            if meant is None:
                raise ConfigError(f"the gateway alias {alias!r}: {unknown_name(target, entries, tuple(routes))}")
            (patterns if ANY in alias else self._aliases)[alias] = meant
        self._catch_all = patterns.pop(ANY, None)
        self._patterns = tuple(sorted(patterns.items(), key=lambda pair: specificity(pair[0]), reverse=True))

    @classmethod
    def of(cls, config: Config) -> Names:
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
        disabled = {each.name: each.why for each in config.disabled}
        return cls(entries, [route.name for route in config.routes], config.gateway.aliases, disabled)

    def resolve(self, model: str | None, headers: Mapping[str, str], models: Collection[str] = ()) -> Resolved:
        """Return what a request asks for, by the model that it names and its headers `x-understudy-*`.

        `models` is a list that the body names; the header's prevails. Raise `BadRequest`: with status 404 for an
        unknown name, 400 for an invalid header.
        """
        options = read_options(headers)
        if wanted := options.models or tuple(models):
            asked: dict[str, str] = {}
            for name in wanted:
                asked.setdefault(self.find(name), name)  # of two names with one meaning, the first counts
            found = tuple(asked)
            return Resolved(model=found[0], models=found, options=options, asked=tuple(asked.values()))
        if model is None:
            return Resolved(model=None, options=options)
        return Resolved(model=self.find(model), options=options, asked=(model,))

    def find(self, name: str) -> str:
        """Return what a name means: a route, `entry` or `entry/model`. Raise `BadRequest` with status 404 for an
        unknown name, and for one of an entry that is disabled."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._find(name)
        return found

    def _find(self, name: str) -> str:
        if len(name) > LONGEST:
            raise _not_found(f"the name of the model has more than {LONGEST} characters")
        found = next((meaning for form in _forms(name) if (meaning := self._meaning(form))), self._catch_all)
        if found is None:
            raise _not_found(unknown_name(name, self._entries, tuple(sorted(self._routes))))
        if why := self._disabled.get(entry := split_name(found)[0]):
            stands = "" if split_name(name)[0] == entry else f"{name!r} stands for {found!r}: "
            raise _not_found(f"{stands}the entry {entry!r} is disabled: {why}")
        return found

    def listed(self) -> tuple[str, ...]:
        """Return the names that a list of models shows: aliases without patterns, routes, and `entry/model`."""
        models = (f"{entry}/{model}" for entry, models in self._entries.items() for model in models)
        return tuple(dict.fromkeys((*self._aliases, *sorted(self._routes), *models)))

    def _meaning(self, name: str) -> str | None:
        if name in self._aliases:
            return self._aliases[name]
        if name in self._routes or name in self._entries or name in self._disabled:
            return name
        pattern = next((target for pattern, target in self._patterns if matches(pattern, name)), None)
        return pattern or (name if split_name(name)[0] in self._disabled else self._configured(name))

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


def _not_found(message: str) -> BadRequest:
    return BadRequest(Failure(kind=FailureKind.NOT_FOUND, message=message, status=404, param="model", sent=False))


def _forms(name: str) -> Iterator[str]:
    """Yield a name as it is written, then without what clients add to it."""
    yield name
    for added in _ADDED:
        shorter = added.sub("", name)
        if shorter and shorter != name:
            name = shorter
            yield name
