"""Where each agent keeps its own configuration, from the environment and the home folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def claude_settings(environ: Mapping[str, str], home: Path) -> Path:
    """Return the user's settings of Claude Code."""
    return _folder(environ, "CLAUDE_CONFIG_DIR", home / ".claude") / "settings.json"


def codex_config(environ: Mapping[str, str], home: Path) -> Path:
    """Return the configuration of Codex."""
    return _folder(environ, "CODEX_HOME", home / ".codex") / "config.toml"


def gemini_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Return the folder of Gemini CLI."""
    return _folder(environ, "GEMINI_CLI_HOME", home) / ".gemini"


def gemini_settings(environ: Mapping[str, str], home: Path) -> Path:
    """Return the user's settings of Gemini CLI."""
    return gemini_folder(environ, home) / "settings.json"


def gemini_variables(environ: Mapping[str, str], home: Path) -> Path:
    """Return the file of variables that Gemini CLI reads in every folder that it trusts."""
    return gemini_folder(environ, home) / ".env"


def opencode_config(environ: Mapping[str, str], home: Path) -> Path:
    """Return the user's configuration of opencode: the file that exists, else `opencode.json`."""
    folder = _folder(environ, "XDG_CONFIG_HOME", home / ".config") / "opencode"
    commented = folder / "opencode.jsonc"  # read after opencode.json, so it prevails
    return commented if commented.is_file() else folder / "opencode.json"


def aider_config(_: Mapping[str, str], home: Path) -> Path:
    """Return the user's configuration of aider."""
    return home / ".aider.conf.yml"


def _folder(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(named).expanduser() if (named := environ.get(variable, "").strip()) else default
