"""The agents as data: how each is started without a user, and how it spells the steps of a task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import understudy as u
from tests.agents.task import DONE, Edit, Read, Run, Step, Steps, Write

Settings = Mapping[str, Any]
"""Files of the fresh home folder, by their path: text, or an object to be written as JSON."""


class HeadlessAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that performs one task and ends."""

    name: str
    """In `understudy launch` too."""
    vendor: str
    """Whose API it uses."""
    models: tuple[str, ...]
    """What it asks for when it is connected to its vendor: the first is the one that is chosen."""
    arguments: Callable[[str], list[str]]
    """From the prompt; after those that lead it to the gateway."""
    further: Callable[[str], list[str]]
    """The same for a second prompt in the same session."""
    environment: Mapping[str, str] = {}
    settings: Settings = {}
    spell: Callable[[Step, Path], u.ToolCall]
    """From a step and the folder of the task."""
    compacting: Settings = {}
    """Settings in the place of those above, with which it summarizes a conversation as short as that of the task."""
    small_models: bool = False
    """Whether it does so because of the context window of a model, which its configuration states."""
    compact: str | None = None
    """The prompt that makes it summarize the conversation."""
    parallel: bool = True
    """Whether it asks for several calls at once."""


def _call(name: str, **arguments: Any) -> u.ToolCall:
    return u.ToolCall(id="", name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def _claude(step: Step, folder: Path) -> u.ToolCall:
    match step:
        case Write(path, content):
            return _call("Write", file_path=str(folder / path), content=content)
        case Read(path):
            return _call("Read", file_path=str(folder / path))
        case Edit(path, old, new):
            return _call("Edit", file_path=str(folder / path), old_string=old, new_string=new)
        case Run(command):
            return _call("Bash", command=command, description="Run a step")


def _gemini(step: Step, folder: Path) -> u.ToolCall:
    match step:
        case Write(path, content):
            return _call("write_file", file_path=str(folder / path), content=content)
        case Read(path):
            return _call("read_file", file_path=str(folder / path))
        case Edit(path, old, new):
            place = str(folder / path)
            return _call("replace", file_path=place, instruction="Change it", old_string=old, new_string=new)
        case Run(command):
            return _call("run_shell_command", command=command, description="Run a step")


def _opencode(step: Step, folder: Path) -> u.ToolCall:
    match step:
        case Write(path, content):
            return _call("write", filePath=str(folder / path), content=content)
        case Read(path):
            return _call("read", filePath=str(folder / path))
        case Edit(path, old, new):
            return _call("edit", filePath=str(folder / path), oldString=old, newString=new)
        case Run(command):
            return _call("bash", command=command, description="Run a step")


def _patch(*lines: str) -> u.ToolCall:
    patch = ("*** Begin Patch", *lines, "*** End Patch")
    return _call("exec_command", cmd="\n".join(("apply_patch <<'PATCH'", *patch, "PATCH")))


def _codex(step: Step, folder: Path) -> u.ToolCall:
    """Spell a step for models that Codex does not know: they get a shell, which applies patches."""
    match step:
        case Write(path, content):
            return _patch(f"*** Add File: {path}", *(f"+{line}" for line in content.removesuffix("\n").split("\n")))
        case Read(path):
            return _call("exec_command", cmd=f"cat {path}")
        case Edit(path, old, new):
            lines = [*(f"-{line}" for line in old.split("\n")), *(f"+{line}" for line in new.split("\n"))]
            return _patch(f"*** Update File: {path}", "@@", *lines)
        case Run(command):
            return _call("exec_command", cmd=command)


CLAUDE = HeadlessAgent(
    name="claude",
    vendor="anthropic",
    models=("claude-sonnet-5-5",),
    # As root, skipping permissions is refused: edits are accepted by mode, and the shell by name.
    arguments=lambda prompt: [
        "--print", prompt, "--output-format", "json",
        "--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Write Edit",
    ],
    further=lambda prompt: [
        "--continue", "--print", prompt, "--output-format", "json",
        "--permission-mode", "acceptEdits", "--allowedTools", "Bash Read Write Edit",
    ],
    environment={
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
    },
    compact="/compact",
    spell=_claude,
)  # fmt: skip
_CODEX = "check_for_update_on_startup = false\n[analytics]\nenabled = false\n"
CODEX = HeadlessAgent(
    name="codex",
    vendor="openai",
    models=("main",),
    arguments=lambda prompt: [
        "exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt,
    ],
    further=lambda prompt: [
        "exec", "resume", "--last", "--json", "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox", prompt,
    ],
    settings={".codex/config.toml": _CODEX},
    compacting={".codex/config.toml": f"model_auto_compact_token_limit = 11500\n{_CODEX}"},
    spell=_codex,
    parallel=False,
)  # fmt: skip
_GEMINI: Mapping[str, Any] = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
}
GEMINI = HeadlessAgent(
    name="gemini",
    vendor="google",
    # The others are asked beside the task: who is to answer, and whether it goes round in circles.
    models=(
        "gemini-3.8-flash",
        "gemini-3.5-flash-lite",
        "gemini-3.1-pro-preview",
        "gemini-3.1-pro-preview-customtools",
    ),
    arguments=lambda prompt: ["--prompt", prompt, "--yolo", "--output-format", "json"],
    further=lambda prompt: ["--resume", "latest", "--prompt", prompt, "--yolo", "--output-format", "json"],
    environment={"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_SANDBOX": "false"},
    settings={".gemini/settings.json": _GEMINI},
    compacting={".gemini/settings.json": {**_GEMINI, "model": {"compressionThreshold": 0.001}}},
    spell=_gemini,
)
OPENCODE = HeadlessAgent(
    name="opencode",
    vendor="openai",
    # Models named `gpt-…` beyond 4 get a tool for patches in the place of `write` and `edit`.
    models=("main",),
    arguments=lambda prompt: ["run", "--format", "json", prompt],
    further=lambda prompt: ["run", "--continue", "--format", "json", prompt],
    environment={
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    },
    settings={".config/opencode/opencode.json": {"autoupdate": False, "share": "disabled", "permission": "allow"}},
    small_models=True,
    spell=_opencode,
)
AGENTS = {agent.name: agent for agent in (CLAUDE, CODEX, GEMINI, OPENCODE)}


def answers(agent: HeadlessAgent, turns: Sequence[Sequence[Steps]], folder: Path) -> list[Any]:
    """Return the script of a model that performs a task in turns: calls for each step, and a text after each turn."""
    script: list[Any] = []
    for number, turn in enumerate(turns, 1):
        for steps in turn:
            calls = [agent.spell(step, folder) for step in (steps if isinstance(steps, tuple) else (steps,))]
            script += [calls] if agent.parallel else calls
        script.append(DONE.format(number))
    return script
