"""Install the servers, each in a folder of its own beneath the user's cache: `python -m tests.servers.installing`.

A server that cannot be installed here is reported, and its tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Server(NamedTuple):
    """A server that others wrote, in the versions that were tried."""

    name: str
    packages: tuple[str, ...]
    node: bool = False

    @property
    def folder(self) -> Path:
        """Where it is installed: another version is another folder."""
        version = self.packages[0].rpartition("@" if self.node else "==")[2]
        return cache() / f"{self.name}-{version}"

    @property
    def installed(self) -> bool:
        return (self.folder / ".complete").is_file()

    def program(self, *names: str) -> str:
        """Return the path of a program that the installation brought."""
        return str(self.folder.joinpath(*names))


LLAMA_CPP = Server("llama-cpp", ("xllamacpp==2026.10.11549", "gguf==0.19.0"))
LITELLM = Server("litellm", ("litellm[proxy]==1.108.7",))
LLMOCK = Server("llmock", ("llmock==0.2.2",))
AIMOCK = Server("aimock", ("@copilotkit/aimock@1.43.0",), node=True)
SERVERS = (LLAMA_CPP, LITELLM, LLMOCK, AIMOCK)


def cache() -> Path:
    """Return the folder of all installations: `UNDERSTUDY_SERVERS_CACHE`, or one in the user's cache."""
    if given := os.environ.get("UNDERSTUDY_SERVERS_CACHE"):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "understudy-servers"


def commands(server: Server) -> list[list[str]]:
    """Return what installs a server into its folder."""
    if server.node:
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("npm is not on the PATH")
        return [[npm, "install", "--no-audit", "--no-fund", "--prefix", str(server.folder), *server.packages]]
    python = server.program("bin", "python")
    return [
        [sys.executable, "-m", "venv", str(server.folder)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *server.packages],
    ]


def install(server: Server) -> str:
    """Install a server unless it is there. Return what happened."""
    if server.installed:
        return "is installed"
    server.folder.mkdir(parents=True, exist_ok=True)
    try:
        for command in commands(server):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    except (OSError, subprocess.SubprocessError) as error:
        words = getattr(error, "stderr", None) or str(error)
        shutil.rmtree(server.folder, ignore_errors=True)
        return f"cannot be installed: {str(words).strip().splitlines()[-1]}"
    (server.folder / ".complete").touch()
    return "was installed"


if __name__ == "__main__":
    for each in SERVERS:
        print(f"{' '.join(each.packages)} {install(each)}", flush=True)
