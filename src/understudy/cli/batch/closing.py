"""What is reported at the end of a batch: for people on stderr, for scripts on stdout, and as an exit code."""

from __future__ import annotations

from understudy.cli.batch.progress import facts
from understudy.cli.batch.run import BatchProgress, Stop
from understudy.cli.exits import ExitCode
from understudy.cli.messages import rounded_usd
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import print_json, say
from understudy.domain.money import Cost, Money
from understudy.policy.spending import SpendingLimit
from understudy.reports.results import Report, usd


def conclude(progress: BatchProgress, spending: SpendingLimit, *, as_json: bool) -> ExitCode:
    """Report how a batch ended and return its exit code."""
    stop = progress.stop or Stop.FINISHED
    if as_json:
        print_json(_summary(progress, spending, stop))
    finished = progress.answered + progress.failed
    earlier = f", {progress.before} before" if progress.before else ""
    say(f"{finished} of {progress.total} lines{earlier} · {facts(progress, spending)}", label=stop.replace("_", " "))
    for line, style in _remarks(progress, spending, stop):
        say(line, label="warning" if style else "note", style=style or "dim")
    if stop is Stop.INTERRUPTED:
        return ExitCode.INTERRUPTED
    left = progress.remaining and stop is not Stop.LIMIT
    return ExitCode.UNAVAILABLE if left or progress.failed or progress.failed_before else ExitCode.OK


def _remarks(progress: BatchProgress, spending: SpendingLimit, stop: Stop) -> list[tuple[str, str]]:
    remarks: list[tuple[str, str]] = []
    if progress.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in progress.failures.most_common())
        remarks.append((f"{progress.failed} failed ({kinds}); first: {clean_line(progress.first_failure)}", "warning"))
    if progress.failed + progress.failed_before:
        remarks.append(
            (f"{progress.failed + progress.failed_before} lines ended in an error; --retry-errors retries them", "")
        )
    if spending.limit is not None and spending.unknown:
        remarks.append(("--max-cost does not limit lines of unknown cost", "warning"))
    remaining = progress.remaining
    if remaining:
        remarks.append((f"{remaining} lines remain: {_next_step(progress, spending, stop)}", ""))
    return remarks


def _next_step(progress: BatchProgress, spending: SpendingLimit, stop: Stop) -> str:
    match stop:
        case Stop.MAX_COST:
            limit = rounded_usd(Money(spending.limit or 0))
            return f"the next one could exceed --max-cost {limit}; raise it to continue"
        case Stop.GAVE_UP:
            return "too many consecutive failures (--give-up-after); fix the cause and run the same command to continue"
        case Stop.FINISHED | Stop.LIMIT | Stop.INTERRUPTED:
            return "run the same command to continue"


def _summary(progress: BatchProgress, spending: SpendingLimit, stop: Stop) -> Report:
    """Return the JSON of `--json`. Lines, tokens and failures are those of this run; the cost is that of the output."""
    return {
        "stopped": stop,
        "lines": progress.total,
        "answered": progress.answered,
        "failed": progress.failed,
        "finished_before": progress.before,
        "failed_before": progress.failed_before,
        "remaining": progress.remaining,
        "failures": dict(progress.failures),
        "tokens": progress.tokens,
        "cost_usd": usd(Cost(amount=Money(spending.spent), source="")),
        "lines_of_unknown_cost": spending.unknown,
    }
