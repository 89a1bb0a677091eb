"""`understudy launch`: a coding agent that works through the gateway, without a change of its configuration."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from understudy.cli.agents import child, gateway
from understudy.cli.agents.connection import Connection, read_model
from understudy.cli.agents.rows import AGENTS, Agent
from understudy.cli.agents.temporary import prepare
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions
from understudy.cli.terminal import say
from understudy.config.report import did_you_mean
from understudy.domain.errors import Misuse
from understudy.gateway.options import SESSION, SESSION_MAX_COST
from understudy.settings.budgets import amount_complaint

MANUAL = Manual(
    text="""\
Starts a coding agent with variables, arguments or a temporary configuration that lead it to the gateway. The gateway is
the one at --url, else the one of the configuration; if that does not run, one is started on a free port, and ends with
the agent. The agent's own configuration is not changed: `understudy setup` does that.

The agents are claude, codex, gemini, opencode and aider. What follows `--` is passed to the agent. Ctrl-C goes to the
agent, and the exit code is the agent's.

With --max-cost all requests of the agent until it ends, those of its subagents too, are one session of the gateway,
whose ceiling that is. aider sends no headers, so it needs a key with a budget instead.

Without --model, Claude Code, Codex and Gemini CLI ask for models of their own vendor, which [llm.gateway.aliases] maps
to routes. If it does not know them, the agent gets the first model that it lists; so do opencode and aider.""",
    examples=(
        Example("Start Claude Code", "understudy launch claude"),
        Example(
            "Give one of your routes to Codex, and a task", 'understudy launch codex -m main -- exec "fix the tests"'
        ),
        Example("Let it spend 2 US dollars", "understudy launch claude --max-cost 2"),
        Example("Use a gateway on another machine", "understudy launch opencode --url https://llm.example"),
    ),
    exits={
        ExitCode.OK: "the agent ended without an error; all other codes of the agent are passed on",
        ExitCode.UNAVAILABLE: "the gateway did not start",
        ExitCode.MISUSE: "the agent is not installed, no gateway answers at --url, or an option is invalid",
    },
    variables={"UNDERSTUDY_KEY": "the key of the gateway, if --key is not given", **CONFIGURATION, **LOOKS},
    see="docs/coding-agents.md",
)

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Address of the gateway, without the path of an API; the default is that of [llm.gateway].",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Key of the gateway. Other users of the machine can see it here: prefer $UNDERSTUDY_KEY. Without either, "
        "the first key of the configuration is used.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME", help="Model that the agent asks for: a route, an alias or entry/model."
    ),
]
AgentArgument = Annotated[
    str,
    typer.Argument(
        metavar="AGENT",
        autocompletion=lambda incomplete: [each for each in AGENTS if each.startswith(incomplete)],
        help="claude, codex, gemini, opencode or aider.",
    ),
]


class LaunchOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `launch`."""

    agent: AgentArgument
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENT...", help="Passed to the agent; write -- before them.")
    ] = None
    url: UrlOption = None
    key: KeyOption = None
    model: ModelOption = None
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            help="What the agent may spend until it ends: once that much is spent, its requests are refused.",
        ),
    ] = None


def launch(options: LaunchOptions) -> None:
    """Start a coding agent that works through the gateway."""
    with report_errors(verbose=options.verbose):
        agent = agent_of(options.agent)
        program = find_program(agent)
        models = read_model(options.model)
        headers = _ceiling(options.max_cost, agent)
        with child.orderly_end(), gateway.reach(options.url, options.key, options.config, os.environ) as (url, key):
            connection = with_models(agent, Connection(url=url, key=key, headers=headers, models=models))
            with tempfile.TemporaryDirectory(prefix="understudy-", ignore_cleanup_errors=True) as folder:
                start = prepare(agent, connection, os.environ, Path.home(), Path(folder))
                code = child.run([program, *start.arguments, *(options.arguments or ())], start.environment)
    raise typer.Exit(code)


def _ceiling(max_cost: str | None, agent: Agent) -> dict[str, str]:
    """Return the headers by which the gateway limits what the agent spends. Raise `Misuse` if it cannot send them."""
    if max_cost is None:
        return {}
    amount = max_cost.strip().removeprefix("$")
    if complaint := amount_complaint(amount):
        raise Misuse(f"--max-cost {complaint}; it is in US dollars")
    if not agent.sends_headers:
        what = f"{agent.title} sends no headers of ours, so --max-cost cannot be kept"
        raise Misuse(f"{what}: make it a key with `understudy keys create NAME --budget`")
    return {SESSION: f"launch-{agent.name}-{secrets.token_hex(6)}", SESSION_MAX_COST: amount}


def agent_of(name: str) -> Agent:
    """Return an agent. Raise `Misuse` for an unknown one."""
    if name not in AGENTS:
        raise Misuse(f"unknown agent {name!r}: {did_you_mean(name, AGENTS)}")
    return AGENTS[name]


def find_program(agent: Agent) -> str:
    """Return the path of an agent's program. Raise `Misuse`, with the command that installs it, if there is none."""
    if (program := shutil.which(agent.program)) is None:
        raise Misuse(f"{agent.title} is not installed: {agent.program} is not on the PATH\n  {agent.install}")
    return program


def with_models(agent: Agent, connection: Connection) -> Connection:
    """Return the connection with the models that the gateway lists, for an agent whose own ones it does not know."""
    if connection.models or (agent.usual and all(gateway.knows_model(connection, name) for name in agent.usual)):
        return connection
    offered = gateway.list_models(connection)
    if not offered and not gateway.is_live(connection.url):
        what = f"{agent.title} needs a model, and no gateway answers at {connection.url}"
        raise Misuse(f"{what}: start it with `understudy serve`, or pass --model")
    if not offered:
        raise Misuse(f"{agent.title} needs a model, and the gateway lists none: pass --model")
    if agent.usual:
        say(
            f"the gateway has no alias for the models of {agent.title}, which uses {offered[0]} instead: see "
            "[llm.gateway.aliases], or pass --model",
            label="note",
        )
    return msgspec.structs.replace(connection, models=offered)
