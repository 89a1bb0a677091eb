"""`understudy demo`: how providers fail and are replaced, against emulators, without a key or network."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from understudy import providers
from understudy.cli.demo_providers import ask_all
from understudy.cli.exits import ExitCode
from understudy.cli.interrupts import run_async
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.messages import outcome_of, price, target_name
from understudy.cli.options import Options
from understudy.cli.scenes import SCENES, Claim, Demo, Scene, SceneResult
from understudy.cli.terminal import console, plain_table, prepare_library, show
from understudy.client.provider import Provider
from understudy.domain.attempts import AttemptRecord
from understudy.domain.money import Cost
from understudy.domain.stats import ProviderStats
from understudy.emulator import Emulator

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MANUAL = Manual(
    text="""\
Plays scenes against emulators within this process: failures, rate limits, interrupted streams, refused keys, a tool
call that one provider starts and another finishes. After each scene it checks its claims. At the end all ten providers
answer one question, each in its own wire format.

With --console it starts the real gateway over emulated providers instead, with traffic that never stops and a timetable
of failures: within two minutes the primary goes down for 40 seconds, another provider runs out of quota and a third one
stalls. It prints where the console is and, in a terminal on a desktop, opens it in the browser; BROWSER=none prevents
that. Its ledger begins with sixty made-up days, in a folder that is removed at the
end.""",
    examples=(
        Example("Play the scenes", "understudy demo"),
        Example("Watch a gateway live, until Ctrl-C", "understudy demo --console"),
    ),
    exits={
        ExitCode.OK: "every claim holds, or --console was stopped",
        ExitCode.UNAVAILABLE: "a claim does not hold",
        ExitCode.MISUSE: "with --console: the port is in use, or the gateway's packages are missing",
    },
    variables=LOOKS,
)
_PROVIDERS = ("openai", "anthropic", "ollama")


class DemoOptions(Options, frozen=True, kw_only=True):
    """The options of `demo`."""

    live: Annotated[
        bool, typer.Option("--console", help="Serve the gateway with its console, under live traffic, until Ctrl-C.")
    ] = False
    port: Annotated[
        int,
        typer.Option(
            "--port", "-p", metavar="N", min=0, max=65535, help="With --console: its port; 0 is any free one."
        ),
    ] = 8484
    workers: Annotated[
        int, typer.Option("--workers", "-w", metavar="N", min=1, max=256, help="With --console: number of processes.")
    ] = 1
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="With --console: do not open the console in a browser.")
    ] = False


def demo(options: DemoOptions) -> None:
    """Show providers failing and others taking over; needs no key."""
    if options.live:
        from understudy.cli.live_demo import has_browser, run

        browser = not options.no_browser and sys.stdout.isatty() and has_browser(os.environ)
        raise typer.Exit(asyncio.run(run(port=options.port, workers=options.workers, browser=browser)))
    prepare_library()
    raise typer.Exit(ExitCode.OK if run_async(perform(console(sys.stdout))) else ExitCode.UNAVAILABLE)


async def perform(screen: Console) -> bool:
    """Play all scenes; return whether every claim holds."""
    async with Emulator(_PROVIDERS) as emulator:
        screen.print("Emulators speak the providers' wire formats over real sockets on this machine:", style="bold")
        for name in _PROVIDERS:
            screen.print(f"  {providers.row(name).title:10} {emulator.url(name)}", style="dim")
        demo = Demo(emulator)
        failed: list[str] = []
        for number, scene in enumerate(SCENES, start=1):
            result = await _play(screen, demo, scene, number)
            failed += [f"scene {number}: {claim.words}" for claim in result.claims if not claim.true]
        screen.print("\nSummary, from every provider's own statistics:", style="bold")
        show(_summary(demo.used), sys.stdout)
    claims = await ask_all(screen)
    _show_claims(screen, claims)
    failed += [f"all providers: {claim.words}" for claim in claims if not claim.true]
    _conclude(screen, failed)
    return not failed


async def _play(screen: Console, demo: Demo, scene: Scene, number: int) -> SceneResult:
    screen.print(f"\n{number}. {scene.title}", style="bold cyan")
    screen.print(f"   {scene.description}")
    result = await scene.play(demo)
    for name in demo.emulator.providers:
        demo.emulator.script(name)
    for attempt in result.attempts:
        _show(screen, attempt)
    screen.print(f"   “{result.answer}”", style="italic")
    _show_claims(screen, result.claims)
    return result


def _show_claims(screen: Console, claims: Iterable[Claim]) -> None:
    for claim in claims:
        screen.print(f"   {_sign(claim.true)} {claim.words}", style="green" if claim.true else "bold red")


def _show(screen: Console, attempt: AttemptRecord) -> None:
    """Print the outcome of an attempt, and below it what was decided then."""
    won = attempt.failure is None
    words = outcome_of(attempt)
    if won:
        waited = f", after waiting {attempt.waited:.1f} s" if attempt.waited >= 0.5 else ""
        words += f" in {attempt.duration:.2f} s{waited}"
    style = None if won else "yellow"
    lines = [f"   {_sign(won)} {target_name(attempt):28} {words}"]
    if attempt.next_step:
        lines.append(f"{'':34}→ {attempt.next_step}")
    for line in lines:
        screen.print(line, style=style, no_wrap=True, overflow="ellipsis")


def _sign(good: bool) -> str:
    return "✓" if good else "✗"


def _conclude(screen: Console, failed: list[str]) -> None:
    if failed:
        screen.print("Claims that do not hold:", style="bold red")
        for words in failed:
            screen.print(f"  {words}", style="red")
    else:
        screen.print("Every claim holds. With a key in the environment: understudy ask “…”", style="bold green")
        screen.print("The console, over live traffic: make console, or understudy demo --console")


def _summary(used: list[Provider]) -> Table:
    table = plain_table()
    for title in ("  provider", "attempts", "answered", "failed", "tokens in", "tokens out", "cost"):
        table.add_column(title, justify="left" if title in ("  provider", "cost") else "right", no_wrap=True)
    for name in _PROVIDERS:
        stats = sum((each.stats() for each in used if each.provider_type == name), ProviderStats())
        counts = (stats.total_requests, stats.successful_requests, stats.failed_requests)
        tokens = (stats.total_tokens_input, stats.total_tokens_output)
        table.add_row(f"  {providers.row(name).title}", *map(str, (*counts, *tokens)), _cost(stats))
    return table


def _cost(stats: ProviderStats) -> str:
    """Return the cost, or `unknown` if part of it is unknown."""
    if stats.calls_of_unknown_cost:
        return f"unknown ({stats.calls_of_unknown_cost} attempts without a price)"
    return price(Cost(amount=stats.estimated_cost, source="statistics"))
