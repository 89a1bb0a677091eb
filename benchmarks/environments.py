"""Throw-away environments for programs of other projects: each in a folder of its own, never in `.venv`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PATIENCE = 1200.0
"""Seconds after which an installation is given up."""


class Environment(NamedTuple):
    """Packages of PyPI, or of npm, in versions that are pinned. Another version is another folder."""

    name: str
    packages: tuple[str, ...]
    """As `pip` or `npm` read them; the folder bears the version of the first."""
    home: Path
    """The folder of all environments."""
    node: bool = False
    overrides: Mapping[str, str] = {}
    """Versions of packages that npm's packages require, by name."""

    @property
    def version(self) -> str:
        """The version of the first package."""
        return self.packages[0].rpartition("@" if self.node else "==")[2]

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        return self.home / f"{self.name}-{self.version}"

    @property
    def installed(self) -> bool:
        """Whether all of it is there, with just these packages."""
        found = self.folder / ".complete"
        return found.is_file() and found.read_text(encoding="utf-8") == self.mark

    @property
    def mark(self) -> str:
        """What its folder holds once all of it is there."""
        return json.dumps([*self.packages, dict(self.overrides)])

    def program(self, *names: str) -> str:
        """Return the path of a program that the installation brought."""
        return str(self.folder.joinpath(*names))

    @property
    def python(self) -> str:
        """The interpreter of an environment with packages of PyPI."""
        return self.program("bin", "python")

    def install(self) -> str:
        """Install it unless it is there. Return what happened: "is installed", "was installed" or why it cannot be."""
        if self.installed:
            return "is installed"
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for command in self._commands():
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.SubprocessError) as error:
            words = getattr(error, "stderr", None) or str(error)
            shutil.rmtree(self.folder, ignore_errors=True)
            return f"cannot be installed: {str(words).strip().splitlines()[-1]}"
        (self.folder / ".complete").write_text(self.mark, encoding="utf-8")
        return "was installed"

    def _commands(self) -> list[list[str]]:
        if self.node:
            npm = shutil.which("npm")
            if npm is None:
                raise FileNotFoundError("npm is not on the PATH")
            wanted = dict(package.rsplit("@", 1) for package in self.packages)
            described = {"private": True, "dependencies": wanted, "overrides": dict(self.overrides)}
            (self.folder / "package.json").write_text(json.dumps(described), encoding="utf-8")
            return [[npm, "install", "--no-audit", "--no-fund", "--prefix", str(self.folder)]]
        return [
            [sys.executable, "-m", "venv", str(self.folder)],
            [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.packages],
        ]


def user_cache(name: str, variable: str) -> Path:
    """Return a folder in the user's cache, or the one that an environment variable names instead."""
    if given := os.environ.get(variable):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / name
