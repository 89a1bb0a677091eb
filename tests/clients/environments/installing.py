"""Installs the clients, each in an environment of its own: `python -m tests.clients --install`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.clients.environments.roster import Client

FOLDER = "UNDERSTUDY_CLIENTS"
"""The variable that names the folder of all environments."""
ROOT = Path(__file__).parents[3]
_MARK = ".complete"


def cache() -> Path:
    """Return the folder of all environments: `UNDERSTUDY_CLIENTS`, or one in the user's cache."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "understudy-clients"


def folder_of(client: Client) -> Path:
    """Return where a client is installed: other versions, or another Python, are another folder."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}" if client.installer == "pip" else ""
    digest = hashlib.sha256("\n".join((*client.packages, version)).encode()).hexdigest()[:12]
    return cache() / f"{client.name}-{digest}"


def is_installed(client: Client) -> bool:
    """Check whether a client is there, in the version that was tried."""
    return (folder_of(client) / _MARK).is_file()


def install(client: Client) -> str | None:
    """Install a client unless it is there. Return why that failed, or `None`."""
    folder = folder_of(client)
    if is_installed(client):
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        command = _with_pip(folder) if client.installer == "pip" else _with_npm(folder)
        subprocess.run([*command, *client.packages], check=True, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        words = str(getattr(error, "stderr", None) or error).strip().splitlines()
        return f"{client.installer} cannot install {client.packages[0]}: {words[-1] if words else 'no reason given'}"
    (folder / _MARK).touch()
    return None


def _with_pip(folder: Path) -> list[str]:
    venv.create(folder, with_pip=True, clear=True)
    return [str(_python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _with_npm(folder: Path) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not on the PATH")
    # Without a manifest, npm would use that of a folder above.
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    return [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]


def command_of(client: Client) -> list[str]:
    """Return what starts an installed client, in the folder `ROOT`."""
    if client.installer == "pip":
        return [str(_python(folder_of(client))), "-m", "tests.clients.environments.speaking", client.name]
    # Node looks for packages beside a program, wherever it is started.
    programs = folder_of(client) / "programs"
    shutil.copytree(Path(__file__).parent / "node", programs, dirs_exist_ok=True)
    return [shutil.which("node") or "node", str(programs / "speaking.mjs"), json.dumps(dict(client.faces))]


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
