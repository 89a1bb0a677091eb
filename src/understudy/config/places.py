"""Where the configuration file is looked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from understudy.domain.errors import ConfigError

FILE_NAME = "understudy.toml"
VARIABLE = "UNDERSTUDY_CONFIG"


def locate(path: str | Path | None, environ: Mapping[str, str], cwd: Path, home: Path | None) -> Path | None:
    """Return the configuration file, or `None` when there is none.

    The first of these counts: `path` (the `--config` option), the variable `UNDERSTUDY_CONFIG`, `understudy.toml` in
    `cwd`, `understudy/understudy.toml` in the user's configuration folder. Raises `ConfigError` when one of the first
    two names a file that is not there: what was asked for is never replaced by something else.
    """
    if path is not None:
        return _asked_for(cwd / _in_home(path, home), "--config")
    if named := environ.get(VARIABLE):
        return _asked_for(cwd / _in_home(named, home), VARIABLE)
    folder = user_folder(environ, home)
    places = [cwd / FILE_NAME, *([folder / FILE_NAME] if folder else [])]
    return next(filter(_is_file, places), None)


def user_folder(environ: Mapping[str, str], home: Path | None, platform: str = sys.platform) -> Path | None:
    """Return understudy's folder among the user's configuration; `None` where there is no home."""
    match platform:
        case "win32":
            if data := environ.get("APPDATA"):
                return Path(data, "understudy")
            return home / "AppData" / "Roaming" / "understudy" if home else None
        case "darwin":
            return home / "Library" / "Application Support" / "understudy" if home else None
        case _:
            # The XDG specification has relative paths ignored.
            if (folder := environ.get("XDG_CONFIG_HOME")) and Path(folder).is_absolute():
                return Path(folder, "understudy")
            return home / ".config" / "understudy" if home else None


def _in_home(path: str | Path, home: Path | None) -> Path:
    parts = Path(path).parts
    return home.joinpath(*parts[1:]) if home and parts[:1] == ("~",) else Path(path)


def _asked_for(path: Path, by: str) -> Path:
    if path.is_dir():
        raise ConfigError(f"{path} (from {by}) is a folder\n  did you mean {path / FILE_NAME}?")
    if not path.exists():
        raise ConfigError(f"there is no configuration file {path} (from {by})\n  correct the path, or leave {by} away")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that we may not enter holds nothing for us
        return False
