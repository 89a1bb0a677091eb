"""Reads `[llm.tasks]` and `[[llm.routes]]`: lists of targets by what a request is for, and by name."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.config.entries import Entries
from understudy.config.fallback import read_limits
from understudy.config.lines import KeyPath
from understudy.config.model import NoticeKind
from understudy.config.report import meant
from understudy.config.schema import ROUTE, TASK
from understudy.config.tables import Context, read_table
from understudy.settings import FallbackConfig, FallbackStrategy, Route

_TASKS: KeyPath = ("llm", "tasks")
_ROUTES: KeyPath = ("llm", "routes")


def read_tasks(context: Context, table: Any, entries: Entries) -> dict[str, tuple[str, ...]]:
    """Read the lists of targets by task. Targets whose entry is disabled are left out, with a notice."""
    if not isinstance(table, dict):
        context.report.error(
            _TASKS, "llm.tasks must be a table", f"write [llm.tasks], and below it code = {TASK.example}"
        )
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for task, names in read_table(context, table, _TASKS, dict.fromkeys(table, TASK)).items():
        if targets := _targets(context, names, (*_TASKS, task), entries):
            found[task] = targets
    return found


def read_routes(context: Context, tables: Any, entries: Entries, fallback: FallbackConfig) -> tuple[Route, ...]:
    """Read the routes. What a route does not say is as in `fallback`; one without usable targets is left out."""
    if not isinstance(tables, list):
        context.report.error(_ROUTES, "llm.routes must be a list of tables", "write each route as [[llm.routes]]")
        return ()
    taken = {entry.entry for entry in entries.providers} | {entry.name for entry in entries.disabled}
    routes: list[Route] = []
    for index, table in enumerate(tables):
        route = _read_route(context, table, (*_ROUTES, index), entries, fallback)
        if route is None:
            continue
        if "/" in route.name:
            what = "a name must not hold a slash"
            context.report.error((*_ROUTES, index, "name"), what, 'a model of an entry is addressed as "name/model"')
        if route.name in taken:
            context.report.error(
                (*_ROUTES, index, "name"), "an entry or another route has this name", "choose another name"
            )
        taken.add(route.name)
        routes.append(route)
    return tuple(routes)


def check_tasks(context: Context, fallbacks: list[FallbackConfig], *, written: bool) -> None:
    """Say so where tasks have no strategy to use them, or the strategy no tasks; `written`: whether there are any."""
    task_based = any(fallback.strategy is FallbackStrategy.TASK_BASED for fallback in fallbacks)
    if task_based and not written:
        context.report.error(
            ("llm", "fallback", "strategy"), "task_based needs tasks", f"write [llm.tasks], and code = {TASK.example}"
        )
    if fallbacks[0].tasks and not task_based:
        context.report.notice(
            NoticeKind.IGNORED, _TASKS, "[llm.tasks] has no effect", 'set strategy = "task_based" to use it'
        )


def _read_route(
    context: Context, table: Any, path: KeyPath, entries: Entries, fallback: FallbackConfig
) -> Route | None:
    if not isinstance(table, dict):
        context.report.error(path, "a route must be a table", "write [[llm.routes]] above it")
        return None
    context.report.unknown_keys(table, path, "[[llm.routes]]", ROUTE)
    for key in ("name", "targets"):
        if key not in table:
            context.report.error(path, f'the route has no "{key}"', f"such as {key} = {ROUTE[key].example}")
    values = read_limits(context, table, path, ROUTE)
    name, names = values.pop("name", None), values.pop("targets", None)
    if name is None or names is None:
        return None
    targets = _targets(context, names, (*path, "targets"), entries)
    if not targets:
        return None
    return Route(name=name, targets=targets, fallback=msgspec.structs.replace(fallback, **values))


def _targets(context: Context, names: list[str | None], path: KeyPath, entries: Entries) -> tuple[str, ...]:
    """Return those targets whose entry there is, and say what became of the others."""
    known = {entry.entry for entry in entries.providers}
    disabled = {entry.name: entry.why for entry in entries.disabled}
    kept: list[str] = []
    for name in names:
        if name is None:  # a reference in it could not be replaced, which is in the report
            continue
        entry, slash, model = name.partition("/")
        if slash and not model:
            context.report.error(path, f'"{name}" names no model', f'write "{entry}" for its own, or "{name}MODEL"')
        elif entry in known:
            kept.append(name)
        elif entry in disabled:
            context.report.notice(NoticeKind.IGNORED, path, f"{name} is left out: {disabled[entry]}")
        else:
            context.report.error(path, f'"{name}" names no entry', meant(entry, known))
    if twice := next((name for name in kept if kept.count(name) > 1), None):
        context.report.error(path, f'"{twice}" stands there twice', "name each target once")
    return tuple(kept)
