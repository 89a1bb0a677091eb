"""Installs the agents, each in a folder of its own beneath the user's cache.

python -m tests.agents.installing [--seconds N]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

FOLDER = "UNDERSTUDY_AGENTS"
"""The variable that names the folder of all installations."""
PLATFORM = f"{sys.platform}-{'arm64' if platform.machine() in ('arm64', 'aarch64') else 'x64'}"
_COMPLETE, _REASON = ".complete", ".failed"
"""Files in an installation: that it is whole, and why it is not."""


class Package(NamedTuple):
    """An agent in the version that was tried. `$platform` stands for this machine's, such as `linux-x64`."""

    name: str
    spec: str
    """What npm installs."""
    program: str
    """A pattern in `node_modules`; a script of Node if it ends with `.js`."""

    @property
    def folder(self) -> Path:
        """Where it is installed: another version is another folder."""
        return cache() / self._filled(self.spec).replace("/", "-").replace("npm:", "").replace("@", "-").strip("-")

    def command(self) -> list[str]:
        """Return what starts it. Raise `FileNotFoundError` if it is not there."""
        found = next((self.folder / "node_modules").glob(self._filled(self.program)), None)
        if found is None:
            raise FileNotFoundError(f"{self.name} is not installed in {self.folder}")
        return [shutil.which("node") or "node", str(found)] if found.suffix == ".js" else [str(found)]

    def missing(self) -> str | None:
        """Return why it is not there, or `None` if it is."""
        if (self.folder / _COMPLETE).is_file():
            return None
        reason = self.folder / _REASON
        command = "python -m tests.agents.installing installs it"
        return reason.read_text() if reason.is_file() else f"{self.name} is not in {self.folder}: {command}"

    def install(self, seconds: float) -> str | None:
        """Install it unless it is there. Return why that failed, or `None`."""
        if self.missing() is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        reason = self._installed(seconds)
        if reason is None:
            (self.folder / _COMPLETE).touch()
        else:
            (self.folder / _REASON).write_text(reason)
        return reason

    def _installed(self, seconds: float) -> str | None:
        npm = shutil.which("npm")
        if npm is None:
            return "npm is not on the PATH"
        # Their install scripts fetch or link what the package of the platform contains already.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional", "--prefix", str(self.folder)]
        spec = self._filled(self.spec)
        try:
            command = [npm, "install", *options, spec]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"npm did not install {spec} within {seconds:g} s"
        except (OSError, subprocess.SubprocessError) as error:
            words = str(getattr(error, "stderr", None) or error).strip().splitlines()
            return f"npm cannot install {spec}: {words[-1] if words else 'no reason given'}"
        return None

    def _filled(self, template: str) -> str:
        return template.replace("$platform", PLATFORM)


PACKAGES = {
    package.name: package
    for package in (
        Package("claude", "@anthropic-ai/claude-code-$platform@2.1.332", "@anthropic-ai/claude-code-$platform/claude"),
        Package("codex", "@openai/codex@0.171.0-$platform", "@openai/codex/vendor/*/bin/codex"),
        Package("gemini", "@google/gemini-cli@0.61.0", "@google/gemini-cli/bundle/gemini.js"),
        Package("opencode", "opencode-$platform@1.18.33", "opencode-$platform/bin/opencode"),
    )
}


def cache() -> Path:
    """Return the folder of all installations: `UNDERSTUDY_AGENTS`, or one in the user's cache."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "understudy-agents"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.agents.installing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900.0, help="the most time that npm may take")
    seconds = parser.parse_args().seconds
    packages = list(PACKAGES.values())
    with ThreadPoolExecutor() as pool:
        for each, reason in zip(packages, pool.map(lambda each: each.install(seconds), packages), strict=True):
            print(f"{each.name}: {reason or each.folder}", flush=True)


if __name__ == "__main__":
    main()
