"""`understudy explain`: who would be asked, in which order, why and at what cost; nothing is sent."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import told
from understudy.cli.inquiry import Asked, read
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import (
    ConfigOption,
    FallbackOption,
    FileOption,
    IgnoreStdinOption,
    ImageOption,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    NoColorOption,
    NoFallbackOption,
    ReasoningOption,
    SchemaOption,
    Settings,
    SystemOption,
    TaskOption,
    TemperatureOption,
    VerboseOption,
    Words,
)
from understudy.cli.results import print_json, usd
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, say, show
from understudy.domain.money import Cost
from understudy.policy.plan import Plan, Skip, Step

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Makes the plan of a request as `ask` would, and prints it instead of sending anything: the targets in their order and
why each stands there, the targets that are passed over and why, the context window and the expected cost of each, and
the route, the task and the rule that decided.

The expected cost is an estimate: the tokens of the prompt are counted roughly, those of the answer guessed. What is
learnt while answers come in (rates, failures, pauses) is not known here: nothing has been asked yet.""",
    examples=(
        Example("Who would be asked this", "understudy explain Why is the sky blue"),
        Example("Who can take this image, and at what cost", "understudy explain -i chart.png 'What does it show?'"),
        Example(
            "The first target, for a script",
            "understudy explain --task code --json Hi | jq -r .steps[0].target",
        ),
    ),
    exits={
        ExitCode.OK: "somebody would be asked",
        ExitCode.UNAVAILABLE: "nobody could take the request",
        ExitCode.MISUSE: "wrong usage or configuration",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/choosing.md, on strategies, tasks and routes",
)


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """A target that would be asked."""

    target: str
    """`entry/model`."""
    provider: str
    """The entry."""
    provider_type: str
    model: str | None
    why: str
    context_window: int | None
    """Tokens."""
    expected_cost_usd: float | None
    price_source: str | None
    price_as_of: str | None

    @classmethod
    def of(cls, step: Step) -> StepResult:
        """Read a step."""
        cost = step.expected_cost
        return cls(
            target=step.target.label,
            provider=step.target.name,
            provider_type=step.target.provider_type,
            model=step.target.model,
            why=step.why,
            context_window=step.context_window,
            expected_cost_usd=usd(cost),
            price_source=cost.source if cost else None,
            price_as_of=cost.as_of if cost else None,
        )


class SkipResult(msgspec.Struct, frozen=True, kw_only=True):
    """A target that would not be asked."""

    target: str
    provider: str
    model: str | None
    why: str

    @classmethod
    def of(cls, skip: Skip) -> SkipResult:
        """Read a skipped target."""
        return cls(target=skip.target.label, provider=skip.target.name, model=skip.target.model, why=skip.why)


class PlanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    why: str
    """What decided the order."""
    route: str | None
    task: str | None
    steps: tuple[StepResult, ...]
    skipped: tuple[SkipResult, ...]

    @classmethod
    def of(cls, plan: Plan) -> PlanResult:
        """Read a plan."""
        return cls(
            why=plan.why,
            route=plan.route,
            task=plan.task,
            steps=tuple(map(StepResult.of, plan.steps)),
            skipped=tuple(map(SkipResult.of, plan.skipped)),
        )


def explain(
    context: typer.Context,
    *,
    words: Words = None,
    model: ModelOption = None,
    fallback: FallbackOption = None,
    no_fallback: NoFallbackOption = False,
    task: TaskOption = None,
    system: SystemOption = None,
    image: ImageOption = None,
    file: FileOption = None,
    schema: SchemaOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    reasoning: ReasoningOption = None,
    ignore_stdin: IgnoreStdinOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Show who would be asked, why and at what cost; nothing is sent."""
    settings = Settings.of(context, config, verbose=verbose)
    asked = Asked(
        words=words,
        model=model,
        fallback=fallback,
        no_fallback=no_fallback,
        task=task,
        system=system,
        image=image,
        file=file,
        schema=schema,
        max_tokens=max_tokens,
        temperature=temperature,
        reasoning=reasoning,
        ignore_stdin=ignore_stdin,
    )
    with told(as_json=as_json, verbose=settings.verbose):
        errand = read(context, asked, settings)
        plan = errand.provider.explain(errand.prompt, **errand.options)
    print_json(PlanResult.of(plan)) if as_json else show_plan(plan)
    if not plan.steps:
        say("nobody can take this request", label="error", style="error")
        raise typer.Exit(ExitCode.UNAVAILABLE)


def show_plan(plan: Plan) -> None:
    """Print a plan for the eye."""
    decided = [f"{name}: {value}" for name, value in _decided(plan) if value]
    print("\n".join(map(clean_line, decided)), end="\n\n" if decided else "")
    if plan.steps:
        show(_steps(plan), sys.stdout)
    if plan.steps and plan.skipped:
        print()
    if plan.skipped:
        show(_skipped(plan), sys.stdout)


def _decided(plan: Plan) -> tuple[tuple[str, str | None], ...]:
    return ("route", plan.route), ("task", plan.task), ("order", plan.why)


def _steps(plan: Plan) -> Table:
    table = plain_table()
    for title in ("#", "would be asked", "why"):
        table.add_column(title, overflow="fold")
    table.add_column("window", justify="right", no_wrap=True)
    for title in ("expected cost", "price from"):
        table.add_column(title, overflow="fold")
    for place, step in enumerate(plan.steps, start=1):
        cost = step.expected_cost
        table.add_row(
            str(place),
            clean_line(step.target.label),
            clean_line(step.why),
            "?" if step.context_window is None else f"{step.context_window:,}",
            estimate(cost),
            " ".join(filter(None, (cost.source, cost.as_of))) if cost else "",
        )
    return table


def estimate(cost: Cost | None) -> str:
    """Return an expected cost in two digits, for it is no more exact than that."""
    if cost is None:
        return "unknown"
    return f"${Decimal(f'{cost.amount.usd:.2g}'):f}" if cost.amount.nano_usd else "$0"


def _skipped(plan: Plan) -> Table:
    table = plain_table()
    for title in ("passed over", "why"):
        table.add_column(title, overflow="fold")
    for skip in plan.skipped:
        table.add_row(clean_line(skip.target.label), clean_line(skip.why))
    return table
