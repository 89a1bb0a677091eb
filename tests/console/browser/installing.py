"""What tests in a browser need: Chromium from the system's packages, Playwright, and axe-core in the user's cache.

python -m tests.console.browser.installing [--seconds N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

AXE = "axe-core@4.14.1"
"""The accessibility rules, as npm installs them. The licence (MPL-2.0) allows it, and nothing of it is distributed."""
FOLDER = "UNDERSTUDY_BROWSER"
"""The variable that names the folder into which axe-core is installed."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the system's Chromium; `None` if there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name)) is not None), None)


def axe() -> Path:
    """Return the script of axe-core, whether it is there or not."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get(FOLDER) or Path(home) / "understudy-browser")
    return folder / AXE.replace("@", "-") / "node_modules" / "axe-core" / "axe.min.js"


def missing() -> str | None:
    """Return why no browser can be driven here; `None` if one can."""
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install --group browser"
    if chromium() is None:
        return "Chromium is not installed: apt-get install chromium"
    return None


def install(seconds: float) -> None:
    """Install Chromium and axe-core if they are missing, as far as that can be done in time."""
    until = time.monotonic() + seconds
    if chromium() is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], until)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], until)
    if not axe().is_file() and (npm := shutil.which("npm")) is not None:
        folder = axe().parents[2]
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), AXE], until)


def _run(command: list[str], until: float) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    left = max(1.0, until - time.monotonic())
    try:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=left, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.console.browser.installing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="the most time that all of it may take")
    install(parser.parse_args().seconds)
    print(f"browser: {missing() or chromium()}")
    print(f"axe-core: {axe() if axe().is_file() else 'not installed: npm is missing, or was too slow'}")


if __name__ == "__main__":
    main()
