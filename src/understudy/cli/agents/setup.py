"""`understudy setup`: leads a coding agent to the gateway in its own configuration, or undoes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from understudy.cli.agents import files, gateway
from understudy.cli.agents import record as records
from understudy.cli.agents.changes import Change, diff, plan_setup, plan_undo
from understudy.cli.agents.connection import Connection, read_key, read_model, read_url
from understudy.cli.agents.launch import (
    AgentArgument,
    KeyOption,
    ModelOption,
    UrlOption,
    agent_of,
    with_models,
)
from understudy.cli.agents.rows import Agent
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors, usable
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions
from understudy.cli.sanitize import clean
from understudy.cli.terminal import say
from understudy.config import load
from understudy.domain.errors import Misuse
from understudy.settings.gateway import GatewayConfig

MANUAL = Manual(
    text="""\
Writes the address of the gateway into the configuration of a coding agent. Only the values that are needed change:
comments, order and white space stay, and a file that cannot be changed in this way is left alone. A copy of each file
is kept beside it, and --undo restores it; if the file was changed in the meantime, only what setup wrote is taken out.

The agents are claude (~/.claude/settings.json), codex (~/.codex/config.toml), gemini (~/.gemini/.env and
settings.json), opencode (~/.config/opencode/opencode.json) and aider (~/.aider.conf.yml).

A file that holds the key can be read by you alone; Codex reads the key from $UNDERSTUDY_KEY instead.""",
    examples=(
        Example("See what would change", "understudy setup claude --dry-run"),
        Example(
            "Lead Codex to a gateway on another machine", "understudy setup codex --url https://llm.example -m main"
        ),
        Example("Restore the agent's own configuration", "understudy setup claude --undo"),
    ),
    exits={
        ExitCode.OK: "written, restored, or shown",
        ExitCode.MISUSE: "a file cannot be changed safely, or an option is invalid; nothing was written",
    },
    variables={
        "UNDERSTUDY_KEY": "the key of the gateway, if --key is not given",
        "CLAUDE_CONFIG_DIR, CODEX_HOME, …": "the folders of the agents' configuration, as the agents read them",
        **CONFIGURATION,
        **LOOKS,
    },
    see="docs/coding-agents.md",
)


class SetupOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `setup`."""

    agent: AgentArgument
    url: UrlOption = None
    key: KeyOption = None
    model: ModelOption = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, as a diff without keys.")] = False
    undo: Annotated[bool, typer.Option("--undo", help="Restore the configuration as it was before.")] = False


def setup(options: SetupOptions) -> None:
    """Make a coding agent work through the gateway, or undo it."""
    with report_errors(verbose=options.verbose):
        agent = agent_of(options.agent)
        place = records.place_of(agent.name, os.environ, Path.home())
        record = records.load(place)
        connection = None if options.undo else _connection(agent, options)
        if connection is None:
            if record is None:
                raise Misuse(f"`understudy setup` has not changed the configuration of {agent.title}")
            changes = plan_undo(record)
        else:
            changes = plan_setup(agent, connection, record, os.environ, Path.home())
        if options.dry_run:
            for line in diff(changes, connection):
                print(clean(line))
        elif connection is None:
            _restore(changes, place)
        else:
            _apply(agent, changes, record, place)
            _conclude(agent, connection)


def _connection(agent: Agent, options: SetupOptions) -> Connection:
    """Return the gateway. It need not run, except to name a model for an agent that has none of its own."""
    key = read_key(options.key or os.environ.get(gateway.KEY))
    if options.url is not None:
        url = read_url(options.url)
    else:
        settings: GatewayConfig = load(options.config, environ=os.environ, may_be_empty=True).gateway
        url, key = gateway.address_of(settings), key or gateway.key_of(settings)
    connection = Connection(url=url, key=key, models=read_model(options.model))
    return connection if agent.usual else with_models(agent, connection)


def _apply(agent: Agent, changes: Sequence[Change], record: records.Record | None, place: Path) -> None:
    """Write the files, each after its backup, and what was written."""
    written = {each.path: each for each in record.files} if record else {}
    for change in changes:
        now = change.written
        if now is None or change.after is None:
            continue
        if now.mode is not None and now.backup is None:
            backup = files.back_up(change.file)
            now = msgspec.structs.replace(now, backup=str(backup) if backup else None)
        written[now.path] = now
        # Before the file itself, so that a crash leaves nothing that cannot be undone.
        records.save(place, records.Record(agent=agent.name, files=tuple(written.values())))
        if change.differs:
            files.replace(change.file.path, change.after, change.mode)
            print(f"wrote {change.file.path}" + (f" (backup: {now.backup})" if now.backup else ""))
        else:
            print(f"unchanged: {change.file.path}")


def _restore(changes: Sequence[Change], place: Path) -> None:
    """Restore the files, and forget them."""
    for change in changes:
        if change.after is None:
            with usable(str(change.file.path)):
                change.file.path.unlink(missing_ok=True)
            print(f"removed {change.file.path}, which did not exist before")
        else:
            files.replace(change.file.path, change.after, change.mode)
            print(f"restored {change.file.path}")
    for change in changes:
        if change.backup is not None:
            change.backup.unlink(missing_ok=True)
    place.unlink(missing_ok=True)


def _conclude(agent: Agent, connection: Connection) -> None:
    """Report what is left to do."""
    if connection.key is not None and agent.key_variable is not None:
        say(f"{agent.title} reads the key from ${agent.key_variable}: export it before you start {agent.program}")
    if connection.model is None:
        say(
            f"{agent.title} will ask for models of its own vendor: map them to your routes in [llm.gateway.aliases], "
            "or pass --model",
            label="note",
        )
    say(f"to undo this: understudy setup {agent.name} --undo")
