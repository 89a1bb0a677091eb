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
    program: str
    """Its name in `understudy launch` and in `installing.py`."""
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
    led: Callable[[str], str] = str
    """From an argument that leads it to the gateway to the one that it gets."""
    adapt: Callable[[u.ToolCall, str], u.ToolCall] = lambda call, _: call
    """From a call and the vendor that makes it, if that depends on it."""
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
    program="claude",
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
    program="codex",
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
CODEX_OPENAI = msgspec.structs.replace(
    CODEX,
    name="codex-openai",
    # Under OpenAI's name it has the service summarize its conversations, in an item that only the service can read.
    led=lambda argument: argument.replace('name="understudy"', 'name="OpenAI"'),
    compacting={".codex/config.toml": f"model_auto_compact_token_limit = 10800\n{_CODEX}"},
)
_GEMINI: Mapping[str, Any] = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
}
_CUSTOM = {"responses": {"type": "custom_tool_call", "namespace": "functions"}}


def _codex_script(step: Step, folder: Path) -> u.ToolCall:
    """Spell a step for models that Codex knows: they write JavaScript, which calls the tools."""
    match _codex(step, folder).parsed_arguments():
        case {"cmd": str(command)} if command.startswith("apply_patch"):
            patch = "\n".join(command.split("\n")[1:-1])
            code = f"text(await tools.apply_patch({json.dumps(patch)}))"
        case given:
            code = f"text(await tools.exec_command({json.dumps(given)}))"
    return u.ToolCall(id="", name="exec", arguments=code, extra=_CUSTOM)


def _as_function(call: u.ToolCall, vendor: str) -> u.ToolCall:
    """Return a call as vendors see the tool that have neither namespaces nor custom tools."""
    return call if vendor == "openai" else _call("functions__exec", input=call.arguments)


CODEX_CODE = msgspec.structs.replace(
    CODEX, name="codex-code", models=("gpt-6-sol",), compacting={}, spell=_codex_script, adapt=_as_function
)
GEMINI = HeadlessAgent(
    name="gemini",
    program="gemini",
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
    program="opencode",
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
AGENTS = {agent.name: agent for agent in (CLAUDE, CODEX, CODEX_CODE, CODEX_OPENAI, GEMINI, OPENCODE)}


def answers(agent: HeadlessAgent, turns: Sequence[Sequence[Steps]], folder: Path, vendor: str) -> list[Any]:
    """Return the script of a vendor's model that performs a task in turns: a text follows the calls of each."""
    script: list[Any] = []
    for number, turn in enumerate(turns, 1):
        for steps in turn:
            spelled = [agent.spell(step, folder) for step in (steps if isinstance(steps, tuple) else (steps,))]
            calls = [agent.adapt(call, vendor) for call in spelled]
            script += [calls] if agent.parallel else calls
        script.append(DONE.format(number))
    return script
