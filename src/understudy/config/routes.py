"""Reads `[llm.fallback]`, `[llm.tasks]` and `[[llm.routes]]`: the order of targets, and their limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from understudy.config.entries import Entries
from understudy.config.lines import KeyPath
from understudy.config.model import NoticeKind
from understudy.config.report import did_you_mean
from understudy.config.schema import FALLBACK, ROUTE, TASK
from understudy.config.tables import Context, read_table
from understudy.domain.rules import Rule
from understudy.policy.selection import split_name
from understudy.settings import FallbackConfig, FallbackStrategy, Route
from understudy.settings.checking import name_complaint

_FALLBACK: KeyPath = ("llm", "fallback")
_TASKS: KeyPath = ("llm", "tasks")
_ROUTES: KeyPath = ("llm", "routes")
_OF_A_FLAG = {"hedge_after": "hedge", "probe_interval": "active_probes", "affinity_lifetime": "affinity"}
"""Limits that have no effect unless a flag is set."""


def read_fallback(context: Context, table: Any) -> FallbackConfig:
    """Read the table of limits that apply to every route."""
    if not isinstance(table, dict):
        context.report.error(_FALLBACK, "llm.fallback must be a table", "write it as [llm.fallback]")
        return FallbackConfig()
    context.report.unknown_keys(table, _FALLBACK, "[llm.fallback]", FALLBACK)
    return FallbackConfig(**_read_limits(context, table, _FALLBACK, FALLBACK))


def read_tasks(context: Context, table: Any, entries: Entries) -> dict[str, tuple[str, ...]]:
    """Read the lists of targets by task. Targets whose entry is disabled are left out, with a notice."""
    if not isinstance(table, dict):
        hint = f"write [llm.tasks], and below it code = {TASK.example}"
        context.report.error(_TASKS, "llm.tasks must be a table", hint)
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for task, names in read_table(context, table, _TASKS, dict.fromkeys(table, TASK)).items():
        if targets := _targets(context, names, (*_TASKS, task), entries):
            found[task] = targets
    return found


def read_routes(context: Context, tables: Any, entries: Entries, fallback: FallbackConfig) -> tuple[Route, ...]:
    """Read the routes. Limits that a route omits are those of `fallback`. Routes without usable targets are omitted."""
    if not isinstance(tables, list):
        context.report.error(_ROUTES, "llm.routes must be a list of tables", "write each route as [[llm.routes]]")
        return ()
    taken = {entry.entry for entry in entries.providers} | {entry.name for entry in entries.disabled}
    routes: list[Route] = []
    for index, table in enumerate(tables):
        route = _read_route(context, table, (*_ROUTES, index), entries, fallback)
        if route is None:
            continue
        here = (*_ROUTES, index, "name")
        if route.name in taken:
            context.report.error(here, "an entry or another route has this name", "choose another name")
        taken.add(route.name)
        routes.append(route)
    return tuple(routes)


def check_tasks(context: Context, fallbacks: list[FallbackConfig], *, written: bool) -> None:
    """Report tasks that no strategy uses, and a strategy without the tasks that it needs.

    `written` states whether the file has tasks.
    """
    task_based = any(fallback.strategy is FallbackStrategy.TASK_BASED for fallback in fallbacks)
    if task_based and not written:
        hint = f"write [llm.tasks], and code = {TASK.example}"
        context.report.error((*_FALLBACK, "strategy"), "task_based needs tasks", hint)
    if fallbacks[0].tasks and not task_based:
        hint = 'set strategy = "task_based" to use it'
        context.report.notice(NoticeKind.IGNORED, _TASKS, "[llm.tasks] has no effect", hint)


def check_flags(context: Context, llm: Mapping[str, Any], fallback: FallbackConfig, routes: Sequence[Route]) -> None:
    """Report limits whose flag is not set, where they are written: those of `[llm.fallback]` apply to routes too."""
    written = llm.get("fallback", {})
    for limit in filter(written.__contains__, _OF_A_FLAG):
        _check_flag(context, (*_FALLBACK, limit), [fallback, *(route.fallback for route in routes)])
    fallbacks = {route.name: route.fallback for route in routes}
    for index, table in enumerate(llm.get("routes", [])):
        if (of_route := fallbacks.get(table.get("name"))) is not None:
            for limit in filter(table.__contains__, _OF_A_FLAG):
                _check_flag(context, (*_ROUTES, index, limit), [of_route])


def _check_flag(context: Context, path: KeyPath, fallbacks: Iterable[FallbackConfig]) -> None:
    limit = str(path[-1])
    flag = _OF_A_FLAG[limit]
    if not any(getattr(each, flag) for each in fallbacks):
        context.report.notice(NoticeKind.IGNORED, path, f"{limit} has no effect", f"set {flag} = true to use it")


def _read_limits(
    context: Context, table: Mapping[str, Any], path: KeyPath, rules: Mapping[str, Rule]
) -> dict[str, Any]:
    values = read_table(context, table, path, rules)
    if "strategy" in values:
        values["strategy"] = FallbackStrategy(values["strategy"])
    return values


def _read_route(
    context: Context, table: Any, path: KeyPath, entries: Entries, fallback: FallbackConfig
) -> Route | None:
    if not isinstance(table, dict):
        context.report.error(path, "a route must be a table", "write [[llm.routes]] above it")
        return None
    context.report.unknown_keys(table, path, "[[llm.routes]]", ROUTE)
    for key in ("name", "targets"):
        if key not in table:
            context.report.error(path, f'the route has no "{key}"', f"for example: {key} = {ROUTE[key].example}")
    values = _read_limits(context, table, path, ROUTE)
    name, names = values.pop("name", None), values.pop("targets", None)
    if name is None or names is None:
        return None
    if complaint := name_complaint(name):
        hint = 'a model of an entry is addressed as "name/model"'
        context.report.error((*path, "name"), f"a name {complaint}", hint)
        return None
    targets = _targets(context, names, (*path, "targets"), entries)
    if not targets:
        return None
    return Route(name=name, targets=targets, fallback=msgspec.structs.replace(fallback, **values))


def _targets(context: Context, names: list[str | None], path: KeyPath, entries: Entries) -> tuple[str, ...]:
    """Return the targets whose entry is usable, and report the others."""
    known = {entry.entry for entry in entries.providers}
    disabled = {entry.name: entry.why for entry in entries.disabled}
    kept: list[str] = []
    for name in names:
        if name is None:  # a reference in it could not be replaced, which has been reported
            continue
        entry, model = split_name(name)
        if model is None and name != entry:
            what = f'"{name}" lacks a model after the slash'
            context.report.error(path, what, f'write "{entry}" for the model of the entry, or "{name}MODEL"')
        elif entry in known:
            kept.append(name)
        elif entry in disabled:
            context.report.notice(NoticeKind.IGNORED, path, f"{name} is left out: {disabled[entry]}")
        else:
            context.report.error(path, f'unknown entry or model "{name}"', did_you_mean(entry, known))
    if twice := next((name for name in kept if kept.count(name) > 1), None):
        context.report.error(path, f'"{twice}" is listed twice', "list each target once")
    return tuple(kept)
