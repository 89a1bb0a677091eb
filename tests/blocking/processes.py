"""Runs synchronous programs in a process of their own, in which every warning is printed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import understudy
from understudy.emulator import Emulator

START = """
import os, signal, sys, threading, time
import understudy
from understudy import blocking
entry = understudy.ProviderConfig(
    provider="openai", base_url=sys.argv[1], api_key=understudy.Secret("test-key"), text_model="gpt-4o-mini"
)
"""
PATIENCE = 60.0


@contextlib.contextmanager
def start(code: str, emulator: Emulator, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program; one that still runs at the end is killed, so that a test that fails does not wait for it."""
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-W", "default", *flags, "-c", START + code, emulator.url("openai")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**keep, "PYTHONPATH": str(Path(understudy.__file__).parents[1])},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def run(code: str, emulator: Emulator, *flags: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a program."""
    with start(code, emulator, *flags) as process:
        out, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, out, errors
