"""Makes entries, routes and aliases of deployments and settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from understudy.cli.importing.deployments import Deployment, read_deployment
from understudy.cli.importing.differences import Report
from understudy.cli.importing.document import Document
from understudy.cli.importing.settings import Settings, read_settings
from understudy.providers import ProviderType
from understudy.settings import FallbackStrategy
from understudy.settings.checking import name_complaint

_OF_ONE_MODEL = ("context_window", "capabilities")
"""Values of an entry that describe its text model."""
_TIMEOUT = 600
"""Seconds: the default here, as that of LiteLLM."""
_LAST = frozenset({FallbackStrategy.WEIGHTED, FallbackStrategy.LEAST_BUSY})
"""Strategies for which weight 0 means: only if no other target can answer."""


class Entry(msgspec.Struct, kw_only=True):
    """An entry that grows while deployments are added."""

    name: str
    values: dict[str, Any]
    line: int
    text_model: str | None = None
    embedding_model: str | None = None
    prices: dict[str, Mapping[str, Any]] = {}
    weight: float | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route: a name that callers use, unless it is not a valid one."""

    name: str
    targets: tuple[str, ...]
    values: Mapping[str, Any]
    line: int


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration."""

    types: Mapping[str, Mapping[str, Any]]
    entries: Sequence[Entry]
    routes: Sequence[Route]
    aliases: Mapping[str, str]
    limits: Mapping[str, Any]
    budget: Mapping[str, Any]
    master_key: str | None


def assemble(document: Document, report: Report) -> Imported:
    """Return a LiteLLM configuration as ours, and report what differs."""
    settings = read_settings(document, report)
    builder = _Builder(document, report, settings, list(_deployments(document, report)))
    return builder.build()


def _deployments(document: Document, report: Report) -> Iterable[Deployment]:
    credentials = {
        str(each.get("credential_name")): values
        for each in _list(document, "credential_list")
        if isinstance(each, dict) and isinstance(values := each.get("credential_values"), dict)
    }
    for index, item in enumerate(_list(document, "model_list")):
        deployment = read_deployment(item, ("model_list", index), report, credentials)
        if deployment is not None:
            yield deployment


def _list(document: Document, name: str) -> list[Any]:
    found = document.values.get(name)
    return found if isinstance(found, list) else []


class _Builder:
    def __init__(self, document: Document, report: Report, settings: Settings, deployments: list[Deployment]) -> None:
        self._document = document
        self._report = report
        self._settings = settings
        self._groups: dict[str, list[Deployment]] = {}
        for each in deployments:
            self._groups.setdefault(each.group, []).append(each)
        self._entries: dict[bytes, Entry] = {}
        self._types: dict[str, Mapping[str, Any]] = {}
        self._routes: dict[str, str] = {}
        self._names: set[str] = {name for name in self._groups if "*" not in name}

    def build(self) -> Imported:
        """Return everything. Wildcards come first, because their entries must bear the caller's prefix."""
        patterns = {name: group for name, group in self._groups.items() if any(each.model is None for each in group)}
        for name, group in patterns.items():
            self._pattern(name, group)
        routes = [self._route(name, group) for name, group in self._groups.items() if name not in patterns]
        aliases = {name: route for name, route in self._routes.items() if name != route}
        return Imported(
            types=self._types,
            entries=list(self._entries.values()),
            routes=routes,
            aliases=aliases | self._group_aliases(patterns),
            limits=self._settings.limits,
            budget=self._settings.budget,
            master_key=self._settings.master_key,
        )

    # ---- entries ----

    def _entry(self, deployment: Deployment, *, weight: float | None = None, name: str | None = None) -> Entry:
        """Return the entry of a deployment; those of equal values share one."""
        own = deployment.model if any(key in deployment.entry for key in _OF_ONE_MODEL) else None
        parts = (deployment.prefix, deployment.entry, deployment.type, weight, own)
        key = msgspec.json.encode(parts, order="sorted")
        present = self._entries.get(key)
        if present is not None and name is not None and present.name != name:
            present, key = None, key + name.encode()
        if present is not None and present.prices.get(deployment.model or "", deployment.price) != deployment.price:
            present, key = None, key + msgspec.json.encode(deployment.price)
        entry = present or self._entries.get(key) or self._new_entry(deployment, weight, name, key)
        if deployment.model is not None:
            if deployment.is_embedding:
                entry.embedding_model = entry.embedding_model or deployment.model
            else:
                entry.text_model = entry.text_model or deployment.model
            if deployment.price:
                entry.prices[deployment.model] = deployment.price
        return entry

    def _new_entry(self, deployment: Deployment, weight: float | None, name: str | None, key: bytes) -> Entry:
        values = dict(deployment.entry)
        if deployment.type is not None:
            values["provider"] = self._type(values["provider"], deployment.type)
        if self._settings.timeout not in (None, _TIMEOUT):
            values.setdefault("timeout", self._settings.timeout)
        wanted = name or (values["provider"] if deployment.type is not None else deployment.prefix)
        entry = Entry(name=self._free(wanted), values=values, line=self._document.line(deployment.path), weight=weight)
        self._entries[key] = entry
        return entry

    def _type(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the name of a provider type with these values."""
        if _is_built_in(name):
            name = f"{name}-compatible"
        number, wanted = 2, name
        while self._types.setdefault(name, values) != values:
            name, number = f"{wanted}-{number}", number + 1
        return name

    def _free(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._names:
            name, number = f"{wanted}-{number}", number + 1
        self._names.add(name)
        return name

    # ---- routes ----

    def _pattern(self, name: str, group: list[Deployment]) -> None:
        """Make the entry that callers reach as `NAME/MODEL`, or report why there is none."""
        first, *others = [each for each in group if each.model is None]
        prefix, slash, rest = name.partition("/")
        whole = self._document_model(first) in (f"{first.prefix}/*", "*")
        if not (slash and rest == "*" and whole and not name_complaint(prefix) and prefix not in self._names):
            entry = self._entry(first)
            self._report.add(first.path, f"{name}: a pattern stands for one target: callers write {entry.name}/MODEL")
            return
        self._entry(first, name=prefix)
        for each in (*others, *(each for each in group if each.model is not None)):
            self._report.add(each.path, f"left out: only one deployment can serve {name}")

    def _document_model(self, deployment: Deployment) -> str:
        item = self._document.values["model_list"][deployment.path[1]]
        return str(item["litellm_params"]["model"])

    def _route(self, name: str, group: list[Deployment]) -> Route:
        ordered = any(each.order is not None for each in group)
        balanced = len(group) > 1 and not ordered
        if ordered:
            group = sorted(group, key=lambda each: (each.order is None, each.order or 0))
        strategy = self._settings.strategy
        after = self._after(name)
        weighted = balanced and strategy in _LAST
        targets = [
            self._target(each, (1.0 if each.weight is None else each.weight) if weighted and _uneven(group) else None)
            for each in group
        ]
        behind = (each for other in after for each in self._groups[other])
        targets += [self._target(each, 0 if weighted else None) for each in behind]
        values: dict[str, Any] = {"strategy": strategy.value} if balanced else {}
        if balanced and after and strategy not in _LAST:
            self._report.add(group[0].path, f"{name}: the fallbacks take part in the strategy {strategy.value}")
        if self._settings.for_filters.get(name):
            values["fallback_on_filter"] = True
        if len(set(targets)) < len(targets):
            self._report.add(group[0].path, f"{name}: deployments that are the same are written once")
        unique = tuple(dict.fromkeys(targets))
        route = self._route_name(name)
        self._routes[name] = route
        return Route(name=route, targets=unique, values=values, line=self._document.line(group[0].path))

    def _target(self, deployment: Deployment, weight: float | None) -> str:
        return f"{self._entry(deployment, weight=weight).name}/{deployment.model}"

    def _route_name(self, name: str) -> str:
        """Return the name itself if a route may have it, else one that an alias leads to."""
        if not name_complaint(name) and not {"*", "$"} & set(name):
            return name
        return self._free(re.sub(r"[^\w.:-]+", "-", name).strip("-") or "route")

    def _after(self, name: str) -> list[str]:
        """Return the names whose deployments are tried after those of a name: fallbacks, their fallbacks, and so on."""
        settings = self._settings
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            here = waiting.pop(0)
            further = settings.fallbacks.get(here) or (settings.fallbacks.get("*", ()) if here == name else ())
            if here == name:
                further += self._special(name)
            for each in further:
                if each not in self._groups or any(one.model is None for one in self._groups[each]):
                    self._report.once(
                        ("model_list",), f"the fallback {each} is not a name in model_list that a route can hold"
                    )
                elif each != name and each not in found:
                    found[each] = None
                    waiting.append(each)
        return list(found)

    def _special(self, name: str) -> tuple[str, ...]:
        """Return the fallbacks for prompts that are too long or filtered, which here serve all failures."""
        windows, filters = self._settings.for_windows.get(name, ()), self._settings.for_filters.get(name, ())
        if windows or filters:
            path = self._groups[name][0].path
            self._report.add(path, f"{name}: fallbacks for long or filtered prompts are used after other failures too")
        return (*windows, *filters)

    def _group_aliases(self, patterns: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for alias, name in self._settings.aliases.items():
            if name in self._routes:
                found[alias] = self._routes[name]
            else:
                why = "a pattern" if name in patterns else "not carried over"
                self._report.add(
                    ("router_settings", "model_group_alias"), f"the alias {alias} is left out: {name} is {why}"
                )
        return found


def _is_built_in(name: str) -> bool:
    try:
        ProviderType(name)
    except ValueError:
        return False
    return True


def _uneven(group: Sequence[Deployment]) -> bool:
    return len({each.weight for each in group}) > 1
