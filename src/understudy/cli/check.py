"""`understudy check`: whether the configured entries could answer now, and what is wrong with the others."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.standing import utc_minute
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.client.ledger import LimitsServer, hazards_of, limits_server, read_ledger, trouble_of
from understudy.config import Config, Disabled, Notice, NoticeKind, load
from understudy.domain.errors import ConfigError
from understudy.reports.budgets import MOST, BudgetResult, read_budgets, report_budgets
from understudy.reports.survey import EntryResult, TypeResult, milliseconds, survey, target_name
from understudy.telemetry.alerts.outbox import TestedWebhook

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Reads the configuration and requests the model list of every provider in it, at no cost: is the provider reachable,
does it serve, does it accept the key, is the model available. It shows where each key comes from, never the key.
It also states what may damage the file of the ledger (an old SQLite, a network file system) or keeps it from being
written (a full disk), whether the database of the ledger and the server of the limits can be reached, if [llm.ledger]
names them, what is spent of budgets, and the aliases and classes of the gateway.

A refused key or a missing model is an error. A provider that is only unreachable is shown, but fails the check only
if no entry can answer.""",
    examples=(
        Example("Check everything", "understudy check"),
        Example("Check only the file, such as in CI", "understudy check --offline --config deploy/understudy.toml"),
        Example("Wait until an entry can answer", "until understudy check >/dev/null 2>&1; do sleep 5; done"),
    ),
    exits={
        ExitCode.OK: "at least one entry can answer now and no entry is wrong",
        ExitCode.UNAVAILABLE: "no entry can answer, a key is refused or a model is missing",
        ExitCode.MISUSE: "the configuration cannot be read",
    },
    variables={**CONFIGURATION, **LOOKS},
)


SUBJECTS = 3
"""Balances that are shown of one budget."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    ok: bool
    source: str | None
    """The configuration file; `None` without one."""
    offline: bool
    entries: tuple[EntryResult, ...]
    disabled: tuple[Disabled, ...]
    notices: tuple[Notice, ...]
    provider_types: tuple[TypeResult, ...]
    ledger: tuple[str, ...] = ()
    """What may damage the ledger although it works, or keeps it from being read or written."""
    limits: LimitsServer | None = None
    """The server of the limits; `None` if none is configured, or offline."""
    budgets: tuple[BudgetResult, ...] = ()
    """What is spent and left of each budget in its present period."""
    aliases: Mapping[str, str] = {}
    """Of the gateway, as are the classes."""
    classes: Mapping[str, str] = {}
    alerts: tuple[TestedWebhook, ...] = ()
    """What webhooks answered to a test; empty without `--test-alerts`."""


def check(
    common: CommonOptions,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Read the configuration only; make no requests.")] = False,
    test_alerts: Annotated[
        bool, typer.Option("--test-alerts", help="Also send a test to each webhook of [llm.telemetry.alerts].")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the configuration and every provider in it, at no cost."""
    if not offline:
        prepare_library()
    with report_errors(as_json=as_json):
        # Offline, a local Ollama is assumed to be running.
        loaded = load(common.config, probe=(lambda _: True) if offline else None)
        entries = run_async(survey(loaded, offline=offline))
        limits = None if offline else limits_server(loaded)
        trouble = None if offline else trouble_of(loaded)
        alerts = _tested(loaded) if test_alerts else ()
    available = offline or any(entry.ok for entry in entries)
    result = CheckResult(
        ok=available and not any(entry.wrong for entry in entries) and all(each.ok for each in alerts),
        source=loaded.source,
        offline=offline,
        entries=entries,
        disabled=loaded.disabled,
        notices=loaded.notices,
        provider_types=tuple(map(TypeResult.of, loaded.provider_types)),
        ledger=hazards_of(loaded) if trouble is None else (trouble,),
        limits=limits,
        # What is spent is unknown while the ledger cannot be read.
        budgets=_budgets(loaded) if trouble is None else (),
        aliases=loaded.gateway.aliases,
        classes=loaded.gateway.classes,
        alerts=alerts,
    )
    print_json(result) if as_json else _print(result, verbose=common.verbose)
    raise typer.Exit(ExitCode.OK if result.ok else ExitCode.UNAVAILABLE)


def _tested(config: Config) -> tuple[TestedWebhook, ...]:
    """Send a test to the webhooks. Raise `ConfigError` if none is configured."""
    from understudy.gateway.alerting import send_tests

    alerts = config.telemetry.alerts
    if alerts is None or not alerts.webhooks:
        raise ConfigError("there is no webhook to test\n  add [[llm.telemetry.alerts.webhooks]]")
    return run_async(send_tests(config))


def _budgets(config: Config) -> tuple[BudgetResult, ...]:
    """Return what is left of the configured budgets: all of it if there is no ledger yet."""
    budgets, now = config.allowance.budgets, time.time()
    if not budgets:
        return ()
    try:
        with read_ledger(config) as reader:
            return read_budgets(reader, budgets, now, MOST)
    except ConfigError:
        return tuple(report_budgets(budgets, (), now))


# ---- the output ----


def _print(result: CheckResult, *, verbose: bool) -> None:
    print(f"configuration: {result.source or 'no file; found in the environment'}\n")
    show(_table(result), sys.stdout)
    print()
    for kind in result.provider_types:
        dialects = ", ".join(f"{operation} by {dialect}" for operation, dialect in kind.dialects.items())
        print(clean_line(f"provider type {kind.name}: {kind.base_url}; {dialects}"))
    for entry in result.entries:
        if entry.detail:
            print(clean_line(f"{entry.name}: {entry.detail}"))
        if entry.quotas:
            print(clean_line(f"{entry.name}: {', '.join(map(str, entry.quotas))}"))
        for warning in entry.warnings:
            print(clean_line(f"{entry.name}: {warning.what} is not sent: {warning.why}"))
    for notice in result.notices:
        if verbose or notice.kind is not NoticeKind.DEFAULTED:
            print(notice)
    named = [*(f"alias {each}: {what}" for each, what in result.aliases.items())]
    named += [f"class {each}: {what}" for each, what in result.classes.items()]
    for line in (*named, *_budget_lines(result.budgets)):
        print(clean_line(line))
    for hazard in result.ledger:
        print(clean_line(f"ledger: {hazard.removeprefix('the ledger at ')}"))
    if result.limits is not None:
        print(clean_line(f"limits: {_limits(result.limits)}"))
    for tested in result.alerts:
        answer = f"status {tested.status}" if tested.status is not None else tested.detail
        print(clean_line(f"webhook {tested.webhook}: {'took the test' if tested.ok else f'did not take it: {answer}'}"))
    _print_verdict(result)


def _budget_lines(budgets: tuple[BudgetResult, ...]) -> Iterator[str]:
    """Yield a line for each budget; of one with many balances, the largest few."""
    count = Counter[str]()
    for each in budgets:
        count[each.budget] += 1
        if count[each.budget] <= SUBJECTS:
            whose = f" of {each.subject}" if each.subject else ""
            reserved = f", ${each.reserved_usd} reserved" if each.reserved_usd != "0" else ""
            resets = f"; resets {utc_minute(each.resets)}" if each.resets is not None else ""
            yield f"budget {each.budget}{whose}: ${each.spent_usd} of ${each.max_usd} spent{reserved}{resets}"
    for name, number in count.items():
        if number > SUBJECTS:
            yield f"budget {name}: {number - SUBJECTS} more; understudy usage --budgets shows all"


def _print_verdict(result: CheckResult) -> None:
    count = len(result.entries)
    available = sum(1 for entry in result.entries if entry.ok)
    if result.offline and result.ok:
        print(f"{count} entr{'y' if count == 1 else 'ies'} read; no requests were made (--offline)")
    elif result.ok:
        print(f"{available} of {count} entries can answer now")
    else:
        wrong = ", ".join(entry.name for entry in result.entries if entry.wrong)
        ending = f"; wrong: {wrong}" if wrong else ""
        say(f"{available} of {count} entries can answer now{ending}", label="error", style="error")


def _limits(server: LimitsServer) -> str:
    if server.latency is None:
        return (
            f"{server.place} cannot be used ({server.detail}): each process keeps its share of the limits until it can"
        )
    slow = f", but {server.detail}" if server.detail else ""
    return f"{server.place} answers in {milliseconds(server.latency)}{slow}"


def _table(result: CheckResult) -> Table:
    table = plain_table("target", "key from", "up", "key", "model", "latency")
    marks = {True: "yes", False: "NO", None: "?"}
    for entry in result.entries:
        up = None if entry.reachable is None else entry.reachable and entry.serving is not False
        accepted = entry.authenticated and not entry.refused_keys
        answers = (marks[each] for each in (up, accepted, entry.model_available))
        target = target_name(entry.name, entry.provider, entry.model or entry.embedding_model)
        table.add_row(target, entry.key or "none", *answers, milliseconds(entry.latency))
    for disabled in result.disabled:
        table.add_row(target_name(disabled.name, disabled.provider, None), "disabled", style="dim")
    return table
