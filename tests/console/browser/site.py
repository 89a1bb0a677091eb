"""A running gateway with a console, and what a browser needs to open it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.cli.running import PATIENCE, CommandLine
from tests.console.conftest import CALLER, KEYS
from understudy.emulator import Emulator

_ENTRY = """
[[llm.providers]]
name = "{name}"
provider = "{name}"
base_url = "{url}"
api_key = "{key}"
priority = {priority}
proxy = "none"
price = {{ input = 1, output = 2 }}
"""
_REST = """
[llm.fallback]
max_retries = 1
retry_delay_ms = 1

[[llm.routes]]
name = "chat"
targets = ["openai", "anthropic"]

[[llm.budgets]]
name = "everyone"
max = 100
period = "day"
hard = false
unpriced = "allow"

[[llm.gateway.keys]]
name = "carol"
key = "{caller}"
labels = {{ team = "search" }}

[llm.ledger]
path = "ledger.db"
capture = "all"
"""


class Site(NamedTuple):
    """A running gateway."""

    url: str
    emulator: Emulator
    cli: CommandLine

    def console(self, path: str = "") -> str:
        """Return the address of a page."""
        return f"{self.url}/console/{path}"


def configuration(emulator: Emulator) -> str:
    """Return a configuration with an admin key of each scope and one key for callers."""
    entries = [
        _ENTRY.format(name=name, url=emulator.url(name), key=emulator.key, priority=priority)
        for priority, name in enumerate(emulator.providers, start=1)
    ]
    keys = [
        f'[[llm.console.keys]]\nname = "{scope}"\nkey = "{key}"\nscope = "{scope}"\n' for scope, key in KEYS.items()
    ]
    return "\n".join([*entries, _REST.format(caller=CALLER), *keys])


@contextlib.contextmanager
def serve(folder: Path, emulator: Emulator, *, workers: int = 1, extra: str = "") -> Iterator[Site]:
    """Run `understudy serve` until the end of the block."""
    cli = CommandLine(folder)
    cli.configure(configuration(emulator) + extra)
    with (folder / "log").open("wb") as log:
        process = cli.start(
            "serve",
            "--port",
            "0",
            "--workers",
            str(workers),
            "--drain",
            "0",
            stdout=subprocess.PIPE,
            stderr=log.fileno(),
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        found = re.match(r"(http://127\.0\.0\.1:\d+) serves", line)
        assert found, (line, (folder / "log").read_text())
        yield Site(found[1], emulator, cli)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
