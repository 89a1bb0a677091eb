"""The end of the demonstration: every provider answers one question, in its own wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from understudy import providers
from understudy.cli.emulate import configuration
from understudy.cli.messages import price, tokens
from understudy.cli.scenes import PARIS, Claim
from understudy.client.factory import create_provider
from understudy.config import parse
from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import LLMError
from understudy.domain.operation import Operation
from understudy.emulator import Emulator
from understudy.settings import ProviderConfig

if TYPE_CHECKING:
    from rich.console import Console

_WIDTHS = (13, 30, 9, 10)
"""Of the first columns, so that a row fits into 80 columns."""
_ENDPOINT = 49
"""Width of wire format and endpoint, below the first columns."""
_ANSWER = 25


class ProviderAnswer(NamedTuple):
    """How one provider was asked and what it answered."""

    title: str
    dialect: str
    """The wire format of the request that the provider's emulator received."""
    endpoint: str
    attempt: AttemptRecord | None
    text: str
    """The answer, or the error in its place."""


async def ask_all(screen: Console) -> tuple[Claim, ...]:
    """Ask every provider the same question, print a table, and return what is claimed about it."""
    screen.print(f"\nAll providers, each in its own wire format: “{PARIS}”", style="bold")
    _print(screen, _columns("provider", "model", "tokens", "cost", "ms"), "dim")
    _print(screen, f"    {'wire format and endpoint':{_ENDPOINT}}answer", "dim")
    answers: list[ProviderAnswer] = []
    async with Emulator(pace=0) as emulator:
        for config in parse(configuration(emulator), environ={}).providers:
            answers.append(await _ask(emulator, config))
            for line in rows(answers[-1]):
                _print(screen, line, None if answers[-1].attempt else "yellow")
    formats = {each.dialect for each in answers}
    return (
        Claim(f"all {len(answers)} providers answered", all("Paris" in each.text for each in answers)),
        Claim(f"they were asked in {len(formats)} wire formats", len(formats) == len(_dialects(emulator))),
    )


async def _ask(emulator: Emulator, config: ProviderConfig) -> ProviderAnswer:
    name = config.entry
    attempt, text = None, ""
    try:
        async with create_provider(config) as provider:
            response = await provider.generate(PARIS)
            attempt, text = response.attempts[-1], response.text
    except LLMError as error:
        text = f"{type(error).__name__}: {error.message}"
    request = next((each for each in emulator.requests(name) if each.method == "POST"), None)
    path = request.path.partition("?")[0] if request else "no request"
    endpoint = path.replace(config.text_model or "{model}", "{model}")
    return ProviderAnswer(providers.row(name).title, request.dialect if request else "", endpoint, attempt, text)


def rows(answer: ProviderAnswer) -> tuple[str, str]:
    """Return the two lines of a provider: what was used, and below it where it was asked and what it answered."""
    attempt = answer.attempt
    used = (
        (attempt.model or "", tokens(attempt.usage), price(attempt.cost), f"{attempt.duration * 1000:.0f}")
        if attempt
        else ("", "", "", "")
    )
    where = f"{answer.dialect:10}{_short(answer.endpoint, _ENDPOINT - 11)}"
    return _columns(answer.title, *used), f"    {where:{_ENDPOINT}}{_short(answer.text, _ANSWER)}"


def _columns(*cells: str) -> str:
    *first, last = cells
    ahead = "  ".join(f"{_short(cell, width):{width}}" for cell, width in zip(first, _WIDTHS, strict=True))
    return f"  {ahead}  {last:>5}"


def _short(text: str, width: int) -> str:
    """Return the beginning of a string, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _print(screen: Console, line: str, style: str | None) -> None:
    screen.print(line.rstrip(), style=style, no_wrap=True, overflow="ellipsis")


def _dialects(emulator: Emulator) -> set[str]:
    """Return the wire formats in which the emulated providers generate text."""
    return {providers.row(name).dialects[Operation.CHAT] for name in emulator.providers}
