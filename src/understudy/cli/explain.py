"""`understudy explain`: which targets would be asked, why and at what cost; or what happened in a saved request."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.explanations import read, show_explanation
from understudy.cli.failing import report_errors
from understudy.cli.invocation import prepare
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import JsonOption, PromptOptions
from understudy.cli.sanitize import clean_line
from understudy.cli.standing import meaning_at_gateway, print_standings, standings
from understudy.cli.terminal import plain_table, print_json, say, show
from understudy.config import load
from understudy.domain.errors import Misuse
from understudy.domain.money import Cost
from understudy.policy.plan import Plan
from understudy.reports.plans import report_plan

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Makes the plan of a request as `ask` would, and prints it instead of sending anything: the targets in their order with
the reason for each, the skipped targets and why, the context window and the expected cost of each, and the route, the
task and the rule that decided; and, where budgets or limits concern the request, what is spent, reserved and left of
them, and whether an attempt at each target fits. --model may also be an alias of the gateway, or a class of
requests in [llm.gateway.classes].

The expected cost is an estimate: the tokens of the prompt are counted roughly, those of the answer are guessed. What is
learnt from answers (latency, failures, cooldowns) is not known here, because nothing has been asked yet.

With --from it prints the course of a request that was made: the plan, and what happened when and why. `ask --explain`
saves it, as does `response.explanation.to_dict()`. This needs no configuration.""",
    examples=(
        Example("See which target would be asked", "understudy explain Why is the sky blue"),
        Example(
            "See which targets accept an image, and at what cost",
            "understudy explain -i chart.png 'What does it show?'",
        ),
        Example(
            "Get the first target, for a script", "understudy explain --task code --json Hi | jq -r .steps[0].target"
        ),
        Example(
            "See what happened in a request, as `ask --explain why.json` saved it",
            "understudy explain --from why.json",
        ),
    ),
    exits={
        ExitCode.OK: "at least one target would be asked, or the saved explanation was printed",
        ExitCode.UNAVAILABLE: "no target can take the request",
        ExitCode.MISUSE: "invalid usage or configuration",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/choosing.md, on strategies, tasks and routes",
)


class ExplainOptions(PromptOptions, frozen=True, kw_only=True):
    """The options of `explain`."""

    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Print what happened in a request that was made, from its saved explanation; `-` is standard input.",
        ),
    ] = None


def explain(options: ExplainOptions, *, as_json: JsonOption = False) -> None:
    """Show which targets would be asked, why and at what cost."""
    with report_errors(as_json=as_json, verbose=options.verbose):
        if options.source is not None:
            _show_saved(options.source, options, as_json=as_json)
            return
        asked = options.model
        meaning = None if asked is None else meaning_at_gateway(load(options.config, may_be_empty=True), asked)
        if meaning is not None:
            options = msgspec.structs.replace(options, model=meaning[0])
        invocation = prepare(options)
        plan = invocation.provider.explain(invocation.prompt, **invocation.options)
        found = standings(invocation, plan, invocation.config)
    if as_json:
        named = {} if meaning is None else {"gateway": {"name": asked, "kind": meaning[1], "model": meaning[0]}}
        print_json({**report_plan(plan), **named, "allowances": [msgspec.to_builtins(each) for each in found]})
    else:
        if meaning is not None:
            print(clean_line(f"{meaning[1]} of the gateway: {asked} stands for {meaning[0]}; ask does not know it"))
        show_plan(plan)
        if found:
            print()
            print_standings(found)
    if not plan.steps:
        say("no target can take this request", label="error", style="error")
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _show_saved(source: str, options: ExplainOptions, *, as_json: bool) -> None:
    """Print the explanations in a file; as JSON, several of them as one object per line."""
    if options.words:
        raise Misuse("--from prints a saved explanation and cannot be combined with a prompt")
    explanations = read(source)
    if as_json and len(explanations) == 1:
        print_json(explanations[0].to_dict())
        return
    for each in explanations:
        if as_json:
            print(msgspec.json.encode(each.to_dict()).decode())
        else:
            show_explanation(each)


def show_plan(plan: Plan) -> None:
    """Print a plan as tables."""
    decisions = ("route", plan.route), ("task", plan.task), ("order", plan.why)
    decided = [f"{name}: {value}" for name, value in decisions if value]
    print("\n".join(map(clean_line, decided)), end="\n\n" if decided else "")
    if plan.steps:
        show(_steps(plan), sys.stdout)
    if plan.steps and plan.skipped:
        print()
    if plan.skipped:
        show(_skipped(plan), sys.stdout)


def _steps(plan: Plan) -> Table:
    table = plain_table("#", "target", "why")
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
    """Return an expected cost with two digits; it is no more exact than that."""
    if cost is None:
        return "unknown"
    return f"${Decimal(f'{cost.amount.usd:.2g}'):f}" if cost.amount.nano_usd else "$0"


def _skipped(plan: Plan) -> Table:
    table = plain_table("skipped", "why")
    for skip in plan.skipped:
        table.add_row(clean_line(skip.target.label), clean_line(skip.why))
    return table
