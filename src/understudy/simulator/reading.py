"""Reads a scenario: strict TOML, every error with its place, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.config import Config, ConfigError
from understudy.config.lines import KeyPath
from understudy.config.prices import read_price
from understudy.config.reading import read, read_toml
from understudy.config.report import Report, Source, did_you_mean
from understudy.config.schema import KNOWN as CONFIGURATION_KEYS
from understudy.config.tables import Context, read_table
from understudy.domain.failures import FailureKind
from understudy.domain.rules import Rule
from understudy.simulator.distributions import DISTRIBUTED, read_draw
from understudy.simulator.environment import KeysForSimulations
from understudy.simulator.incidents import read_incidents
from understudy.simulator.scenario import Behaviour, RateLimits, RateStep, Scenario, TargetModel, Traffic, Wave
from understudy.simulator.schema import KINDS, KNOWN, SCENARIO, STEP, TARGET, TRAFFIC, WAVE

_LIMITS = frozenset(RateLimits.__struct_fields__)
_TRAFFIC: KeyPath = ("traffic",)


def load_scenario(path: Path) -> Scenario:
    """Read the scenario in a file. Raise `ConfigError` with everything that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not valid UTF-8, which TOML requires") from error
    return parse_scenario(text, name=path.stem, source=str(path))


def parse_scenario(text: str, *, name: str, source: str | None = None) -> Scenario:
    """Read a scenario. `source` is the file's name for errors. Raise `ConfigError` with everything that is wrong."""
    lines = Source(source or name, text, KNOWN | CONFIGURATION_KEYS)
    document = read_toml(text, lines)
    report = Report(lines)
    context = Context({}, report)
    report.unknown_keys(document, (), "a scenario", SCENARIO)
    values = read_table(context, {key: value for key, value in document.items() if key != "llm"}, (), SCENARIO)
    for key in ("duration", "targets"):
        if key not in document:
            report.error((), f'the scenario has no "{key}"', f"for example: {key} = {SCENARIO[key].example}")
    targets = dict(_targets(context, values.get("targets", {})))
    traffic = _traffic(context, values.get("traffic", {}))
    incidents = read_incidents(context, values.get("incidents", []), targets)
    report.check()
    return Scenario(
        name=name,
        title=values.get("title", name),
        duration=float(values["duration"]),
        traffic=traffic,
        targets=targets,
        incidents=incidents,
        config=_config(document, lines),
    )


def _config(document: Mapping[str, Any], lines: Source) -> Config | None:
    """Return the configuration in the scenario itself. It needs no keys: nothing is sent."""
    return read(document, lines, environ=KeysForSimulations({})) if "llm" in document else None


def _traffic(context: Context, table: Mapping[str, Any]) -> Traffic:
    context.report.unknown_keys(table, _TRAFFIC, "[traffic]", TRAFFIC)
    values = _values(context, table, _TRAFFIC, TRAFFIC)
    poisson = values.pop("arrivals", "poisson") == "poisson"
    steps = _rows(context, values.pop("steps", []), (*_TRAFFIC, "steps"), "a step", STEP)
    waves = _rows(context, values.pop("waves", []), (*_TRAFFIC, "waves"), "a wave", WAVE)
    return Traffic(
        poisson=poisson,
        steps=tuple(sorted((RateStep(**row) for row in steps), key=lambda step: step.at)),
        waves=tuple(Wave(**row) for row in waves),
        **values,
    )


def _rows(
    context: Context, tables: list[dict[str, Any]], path: KeyPath, title: str, rules: Mapping[str, Rule]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a list of tables that are complete; report the others."""
    for index, table in enumerate(tables):
        here = (*path, index)
        context.report.unknown_keys(table, here, title, rules)
        values = read_table(context, table, here, rules)
        for key in rules:
            if key not in table:
                context.report.error(here, f'{title} has no "{key}"', f"for example: {key} = {rules[key].example}")
        if len(values) == len(rules):
            yield values


def _targets(context: Context, tables: Mapping[str, Any]) -> Iterator[tuple[str, TargetModel]]:
    for name, table in tables.items():
        here: KeyPath = ("targets", name)
        if not isinstance(table, dict):
            context.report.error(here, f"{name} must be a table", f"write it as [targets.{name}]")
            continue
        context.report.unknown_keys(table, here, f"[targets.{name}]", TARGET)
        values = _values(context, table, here, TARGET)
        limits = {key: values.pop(key) for key in tuple(values) if key in _LIMITS}
        if "errors" in values:
            values["errors"] = _errors(context, values["errors"], (*here, "errors"))
        if "price" in values:
            values["price"] = read_price(context, values["price"], (*here, "price"))
        yield name, TargetModel(limits=RateLimits(**limits), **values)


def _errors(context: Context, table: Mapping[str, Any], path: KeyPath) -> dict[FailureKind | Behaviour, float]:
    share = Rule("number", "0.01", least=0, most=1)
    found: dict[FailureKind | Behaviour, float] = {}
    for kind, value in table.items():
        if kind not in KINDS or kind in (Behaviour.PRICE, Behaviour.SLOW):
            known = [each for each in KINDS if each not in (Behaviour.PRICE, Behaviour.SLOW)]
            context.report.error((*path, kind), f'unknown kind of error "{kind}"', did_you_mean(kind, known))
        elif complaint := share.complaint(value):
            context.report.error((*path, kind), f"{kind} {complaint}", f"for example: {kind} = {share.example}")
        else:
            found[Behaviour(kind) if kind in list(Behaviour) else FailureKind(kind)] = float(value)
    if sum(found.values()) > 1:
        context.report.error(path, "the shares of the errors sum to more than 1", "write shares of all requests")
    return found


def _values(context: Context, table: Mapping[str, Any], path: KeyPath, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the valid values of a table, distributions included."""
    values = read_table(context, {key: value for key, value in table.items() if key not in DISTRIBUTED}, path, rules)
    for key in DISTRIBUTED & table.keys() & rules.keys():
        draw = read_draw(context, table[key], (*path, key), zero=key == "first_token")
        if draw is not None:
            values[key] = draw
    return values
