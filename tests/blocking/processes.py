"""Runs synchronous programs in a process of their own, in which every warning is printed."""

from __future__ import annotations

import os
import subprocess
import sys
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


def start(code: str, emulator: Emulator, *flags: str) -> subprocess.Popen[str]:
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-W", "default", *flags, "-c", START + code, emulator.url("openai")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**keep, "PYTHONPATH": str(Path(understudy.__file__).parents[1])},
    )


def run(code: str, emulator: Emulator, *flags: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a program."""
    process = start(code, emulator, *flags)
    out, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, out, errors
