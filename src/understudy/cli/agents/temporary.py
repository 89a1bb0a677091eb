"""What an agent needs while it runs beyond variables and arguments: files in a folder that is removed afterwards.

Its own files are read and never changed.
"""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from understudy.cli.agents import places
from understudy.cli.agents.connection import Connection
from understudy.cli.agents.edits import CannotEdit, edit, read_values, value_at
from understudy.cli.agents.rows import Agent, claude_environment, opencode_provider
from understudy.domain.errors import Misuse
from understudy.wire.proxies import EnvironmentProxies, is_this_machine

_CONTENT = "OPENCODE_CONFIG_CONTENT"
_SELECTED = ("security", "auth", "selectedType")
_API_KEY = "gemini-api-key"
_GEMINI_DATA = ("tmp", "history")
"""Folders in which Gemini CLI keeps conversations and checkpoints, which must outlive its temporary folder."""


class Start(msgspec.Struct, frozen=True):
    """How an agent is started."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def prepare(agent: Agent, connection: Connection, environ: Mapping[str, str], home: Path, folder: Path) -> Start:
    """Return arguments and the whole environment for an agent; `folder` is for its temporary files."""
    fields = connection.fields()
    kept = {name: value for name, value in environ.items() if name not in agent.removed}
    kept |= {name: _filled(value, fields) for name, value in agent.environment.items()}
    kept |= _direct(connection, environ)
    arguments = list(agent.arguments)
    if connection.model:
        kept |= dict.fromkeys(agent.model_environment, connection.model)
        arguments += agent.model_arguments
    if connection.headers:
        kept |= _headers(agent, connection, environ)
    filled = [_filled(each, fields) for each in arguments]
    match agent.temporary:
        case "claude-settings":
            names = () if agent.header_variable is None or not connection.headers else agent.header_variable[:1]
            variables = claude_environment(connection) | {name: kept[name] for name in names}
            filled += ["--settings", str(_private(folder / "settings.json", {"env": variables}))]
        case "gemini-home":
            kept |= _gemini_home(environ, home, folder)
        case "opencode-content":
            kept[_CONTENT] = _opencode_content(connection, environ.get(_CONTENT, ""))
        case None:
            pass
    return Start(tuple(filled), kept)


def _filled(template: str, fields: Mapping[str, str]) -> str:
    return string.Template(template).substitute(fields)


def _headers(agent: Agent, connection: Connection, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variable with further headers, those that it has already included."""
    if agent.header_variable is None:
        return {}
    variable, between = agent.header_variable
    present = [text] if (text := environ.get(variable, "").strip()) else []
    return {variable: between.join([*present, *(f"{name}: {value}" for name, value in connection.headers.items())])}


def _direct(connection: Connection, environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that keep a gateway on this machine out of the environment's proxy, if it names one."""
    if not is_this_machine(connection.url) or not EnvironmentProxies.of(environ).variables:
        return {}
    written = environ.get("NO_PROXY") or environ.get("no_proxy", "")
    value = ",".join(each for each in (written, "localhost,127.0.0.1,::1") if each)
    return {"NO_PROXY": value, "no_proxy": value}


def _private(path: Path, value: Any) -> Path:
    """Write a file that only the user can read; it may hold a key."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def _gemini_home(environ: Mapping[str, str], home: Path, folder: Path) -> dict[str, str]:
    """Return the variable that leads Gemini CLI to a copy of its folder where a key is the selected authentication.

    No variable overrides that setting, and without it a base URL alone is refused ("Invalid auth method selected").
    Settings of the system would, but only root may own their file.
    """
    own = places.gemini_folder(environ, home)
    path = own / "settings.json"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if value_at(read_values(text, "jsonc"), _SELECTED) == _API_KEY:
            return {}
        changed = edit(text, "jsonc", {_SELECTED: _API_KEY})
    except (OSError, UnicodeError, CannotEdit) as error:
        raise Misuse(f"{path} cannot be read: {error}") from error
    copy = folder / ".gemini"
    copy.mkdir()
    for name in _GEMINI_DATA:  # the agent would make them
        with suppress(OSError):
            (own / name).mkdir(parents=True, exist_ok=True)
    for each in own.iterdir() if own.is_dir() else ():
        if each.name != path.name:
            with suppress(OSError):  # Windows allows links only to administrators and developers
                (copy / each.name).symlink_to(each, target_is_directory=each.is_dir())
    (copy / path.name).write_text(changed, encoding="utf-8")
    return {"GEMINI_CLI_HOME": str(folder)}


def _opencode_content(connection: Connection, present: str) -> str:
    """Return the configuration that overrides opencode's files, with what the variable held before."""
    model = f"understudy/{connection.model}"
    values: Mapping[tuple[str, ...], Any] = {
        ("provider", "understudy"): opencode_provider(connection),
        ("model",): model,
        ("small_model",): model,
    }
    try:
        return edit(present or "{}", "jsonc", values)
    except CannotEdit as error:
        raise Misuse(f"${_CONTENT} cannot be extended: {error}") from error
