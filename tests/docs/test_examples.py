"""The documentation's code runs as it stands, against emulators, in a process of its own: a fork (`tests/forking.py`),
and with `--deep` a new one in Python's development mode.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forking import INTERPRETER, Forks, forks
from understudy.emulator import Emulator, emulate

_spec = importlib.util.spec_from_file_location("blocks", Path(__file__).with_name("blocks.py"))
assert _spec is not None
assert _spec.loader is not None
blocks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(blocks)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """An environment in which every provider is an emulator."""
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    with emulate(emulator=Emulator(("openai", "anthropic", "ollama", "groq", "cohere"))) as emulator:
        yield {
            **keep,
            **INTERPRETER,
            "OPENAI_API_KEY": emulator.key,
            "OPENAI_BASE_URL": emulator.url("openai"),
            "ANTHROPIC_API_KEY": emulator.key,
            "ANTHROPIC_BASE_URL": emulator.url("anthropic"),
            "GROQ_API_KEY": emulator.key,
            "GROQ_BASE_URL": emulator.url("groq"),
            "CO_API_KEY": emulator.key,
            "CO_API_URL": emulator.url("cohere"),
            "OLLAMA_HOST": emulator.url("ollama"),
        }


PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")
FILES = {"logo.png": PIXEL, "report.pdf": b"%PDF-1.4\n%%EOF\n"}
"""Files that examples read from the working folder."""

FORMER = Path(__file__).with_name("former_readme.md")
"""Examples of earlier versions, which run unchanged."""


EXAMPLES = [block for block in blocks.blocks("python", FORMER) if not block[0].startswith("testing_")]
"""Those of docs/testing.md are test modules, which tests/testing/test_guide.py runs as such."""


@pytest.mark.parametrize(("name", "code"), [pytest.param(*block, id=block[0]) for block in EXAMPLES])
def test_an_example_runs(name: str, code: str, environment: dict[str, str], tmp_path: Path) -> None:
    for file, data in FILES.items():
        (tmp_path / file).write_bytes(data)
    home = {**environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = forks().run(["-c", code], None, tmp_path, home, patience=60) if Forks.allowed else None
    if done is None:
        command = [sys.executable, "-X", "dev", "-c", code]
        done = subprocess.run(command, check=False, capture_output=True, env=home, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "text"), [pytest.param(*block, id=block[0]) for block in blocks.blocks("toml")])
def test_a_configuration_loads(name: str, text: str) -> None:
    from understudy.config import parse

    if "[llm" not in text:
        pytest.skip("a fragment, not a configuration")
    keys = {f"{provider}_API_KEY": "key" for provider in ("OPENAI", "ANTHROPIC", "GROQ", "OLLAMA", "ACME", "EXAMPLE")}
    keys |= {"ADMIN_KEY": "admin-0123456789abcdef", "LEDGER_PASSWORD": "password", "LIMITS_PASSWORD": "password"}
    keys |= {"ALERTS_URL": "https://example.com/hook", "SLACK_URL": "https://example.com/slack"}
    keys |= {"ALERTS_SECRET": "signing-0123456789abcdef"}
    assert parse(text, source=f"{name}.toml", environ=keys).providers
