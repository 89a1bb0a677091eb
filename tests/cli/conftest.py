from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from understudy.cli.emulate import configuration
from understudy.emulator import Emulator, emulate


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command line, where nothing is configured."""
    return CommandLine(tmp_path)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate(emulator=Emulator(("openai", "anthropic", "ollama"))) as running:
        yield running


@pytest.fixture
def configured(cli: CommandLine, emulator: Emulator) -> CommandLine:
    """The command line, configured for the emulators: openai, then anthropic, then ollama."""
    fallback = "\n[llm.fallback]\nretry_delay_ms = 1\nmax_retries = 2\n"
    cli.configure(configuration(emulator) + fallback)
    return cli
