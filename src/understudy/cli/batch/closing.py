"""What is said at the end of a batch: for people on stderr, for scripts on stdout, and as an exit code."""

from __future__ import annotations

import msgspec

from understudy.cli.batch.ceiling import Ceiling
from understudy.cli.batch.progress import dollars, facts
from understudy.cli.batch.run import Account, Stop
from understudy.cli.exits import ExitCode
from understudy.cli.results import print_json, usd
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import say
from understudy.domain.money import Cost, Money


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. Lines, tokens and failures are those of this run; the cost is that of the whole output."""

    stopped: Stop
    lines: int
    answered: int
    failed: int
    finished_before: int
    failed_before: int
    remaining: int
    failures: dict[str, int]
    tokens: int
    cost_usd: float | None
    """As far as known; see `lines_of_unknown_cost`."""
    lines_of_unknown_cost: int


def conclude(account: Account, ceiling: Ceiling, *, as_json: bool) -> ExitCode:
    """Tell how a batch ended, and return its exit code."""
    stop = account.stop or Stop.FINISHED
    if as_json:
        print_json(_summary(account, ceiling, stop))
    finished = account.answered + account.failed
    earlier = f", {account.before} before" if account.before else ""
    say(f"{finished} of {account.total} lines{earlier} · {facts(account, ceiling)}", label=stop.replace("_", " "))
    for line, style in _remarks(account, ceiling, stop):
        say(line, label="warning" if style else "note", style=style or "dim")
    if stop is Stop.INTERRUPTED:
        return ExitCode.INTERRUPTED
    left = account.remaining and stop is not Stop.LIMIT
    return ExitCode.UNAVAILABLE if left or account.failed or account.failed_before else ExitCode.OK


def _remarks(account: Account, ceiling: Ceiling, stop: Stop) -> list[tuple[str, str]]:
    remarks: list[tuple[str, str]] = []
    if account.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in account.failures.most_common())
        remarks.append(
            (f"{account.failed} failed ({kinds}); the first: {clean_line(account.first_failure)}", "warning")
        )
    if account.failed + account.failed_before:
        remarks.append(
            (f"{account.failed + account.failed_before} lines ended in an error: --retry-errors asks them again", "")
        )
    if ceiling.limit is not None and ceiling.unknown:
        remarks.append(("--max-cost cannot hold what is not known to cost anything", "warning"))
    remaining = account.remaining
    if remaining:
        remarks.append((f"{remaining} lines remain: {_way_on(account, ceiling, stop)}", ""))
    return remarks


def _way_on(account: Account, ceiling: Ceiling, stop: Stop) -> str:
    match stop:
        case Stop.MAX_COST:
            return f"the next would pass --max-cost {dollars(ceiling.limit or 0)}; a higher one goes on"
        case Stop.GAVE_UP:
            return "too many failed in a row (--give-up-after); the same command goes on once the reason is gone"
        case Stop.FINISHED | Stop.LIMIT | Stop.INTERRUPTED:
            return "the same command goes on from here"


def _summary(account: Account, ceiling: Ceiling, stop: Stop) -> Summary:
    unknown = ceiling.unknown
    return Summary(
        stopped=stop,
        lines=account.total,
        answered=account.answered,
        failed=account.failed,
        finished_before=account.before,
        failed_before=account.failed_before,
        remaining=account.remaining,
        failures=dict(account.failures),
        tokens=account.tokens,
        cost_usd=usd(Cost(amount=Money(ceiling.spent), source="")),
        lines_of_unknown_cost=unknown,
    )
