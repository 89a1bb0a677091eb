"""Messages on stderr: errors, warnings, notes, and the table of attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.cli.sanitize import clean, clean_line
from understudy.cli.terminal import say

if TYPE_CHECKING:
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.errors import LLMError
    from understudy.domain.money import Cost, Money
    from understudy.domain.responses import GenerationResponse
    from understudy.domain.usage import Usage


def show_error(error: LLMError, *, verbose: bool = False) -> None:
    """Report an error and the outcome of every attempt."""
    attempts = error.attempts
    say(headline(error), label="error", style="error")
    if error.partial is not None and error.partial.text:
        say(
            "the answer above is incomplete: once an answer has started, no other provider may continue it",
            label="note",
        )
    if verbose:
        show_attempts(attempts)
    elif len(attempts) > 1:
        for attempt in attempts:
            say(f"  {clean_line(str(attempt))}")
    if error.retry_after is not None:
        say(f"retry in {error.retry_after:.0f} s at the earliest", label="note")


def headline(error: LLMError) -> str:
    """Return the message of an error with the target it is about, without the list of attempts."""
    if not error.attempts:
        return clean(error.message)
    words = clean_line(error.message.partition("\n")[0]).removesuffix(":")
    last = error.attempts[-1]
    if last.failure is None or last.failure != error.failure or error.message != last.failure.message:
        return words
    broke_off = "the answer was interrupted: " if error.partial is not None else ""
    return f"{broke_off}{target_name(last)}: {words} ({last.failure.kind})"


def show_warnings(response: GenerationResponse, *, verbose: bool) -> None:
    """Report warnings, an unusual end of the answer, and which target answered after failed attempts."""
    from understudy.domain.finish import FinishReason

    for warning in response.warnings:
        say(f"{warning.kind} {warning.what} ({clean_line(warning.why)})", label="warning", style="warning")
    match response.finish_reason:
        case FinishReason.LENGTH:
            say("the answer was truncated at its token limit (--max-tokens)", label="warning", style="warning")
        case FinishReason.CONTENT_FILTER:
            say("the provider's content filter stopped the answer", label="error", style="error")
        case _:
            pass
    failed = [attempt for attempt in response.attempts if attempt.failure]
    if failed:
        count = f"{len(failed)} failed attempt{'s' if len(failed) > 1 else ''}"
        hint = "" if verbose else " (--verbose shows them)"
        say(f"answered by {target_name(response.attempts[-1])} after {count}{hint}", label="note")


def show_attempts(attempts: Sequence[AttemptRecord]) -> None:
    """Print the table of attempts."""
    for line in attempts_table(attempts):
        say(line)


def attempts_table(attempts: Sequence[AttemptRecord]) -> list[str]:
    """Return the table of attempts: target, outcome, duration, tokens, cost.

    The message of a failure and what was decided then follow below its row, because no column could hold them.
    """
    titles = ("#", "target", "outcome", "seconds", "first", "tokens", "cost")
    rows = [titles, *map(_row, attempts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    lines: list[str] = []
    for number, row in enumerate(rows if attempts else ()):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        lines += _details(attempts[number - 1]) if number else []
    return lines


def _row(attempt: AttemptRecord) -> tuple[str, ...]:
    return (
        str(attempt.number),
        target_name(attempt),
        "answered" if attempt.failure is None else attempt.failure.kind.value,
        f"{attempt.duration:.2f}",
        "" if attempt.first_event is None else f"{attempt.first_event:.2f}",
        tokens(attempt.usage),
        # The cost of a failed attempt is shown if it is not zero.
        price(attempt.cost) if attempt.failure is None or (attempt.cost and attempt.cost.amount.nano_usd) else "",
    )


def _details(attempt: AttemptRecord) -> list[str]:
    failure = attempt.failure
    if failure is None:
        return []
    status = f"HTTP {failure.status}: " if failure.status else ""
    decided = [f"   → {clean_line(attempt.next_step)}"] if attempt.next_step else []
    return [f"   {status}{clean_line(failure.message)}", *decided]


def target_name(attempt: AttemptRecord) -> str:
    """Return `entry/model`."""
    return clean_line(f"{attempt.provider}/{attempt.model}" if attempt.model else attempt.provider)


def outcome_of(attempt: AttemptRecord) -> str:
    """Return the outcome of an attempt."""
    failure = attempt.failure
    if failure is None:
        return "answered"
    status = f" (HTTP {failure.status})" if failure.status else ""
    return f"{failure.kind}{status}: {clean_line(failure.message)}"


def tokens(usage: Usage) -> str:
    """Return `prompt → answer` tokens; `?` for the unknown one, empty if both are unknown."""
    if usage.total is None:
        return ""
    return " → ".join("?" if count is None else str(count) for count in (usage.input_total, usage.output_total))


def price(cost: Cost | None) -> str:
    """Return an amount, or `unknown`."""
    if cost is None:
        return "unknown"
    return "$0" if cost.amount.nano_usd == 0 else str(cost.amount)


def exact_usd(amount: Money) -> str:
    """Return an amount without trailing zeros and without a dollar sign: `0.15`."""
    return f"{amount.usd.normalize():f}"


def rounded_usd(amount: Money) -> str:
    """Return an amount to the cent from a dollar on, to three digits below: `$12.50`, `$0.0153`."""
    return f"${amount.usd:.2f}" if amount.usd >= 1 else f"${float(amount.usd):.3g}"
