"""The documentation's code runs as it stands, against emulators, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import understudy
from understudy.emulator import Emulator, emulate

_spec = importlib.util.spec_from_file_location("blocks", Path(__file__).with_name("blocks.py"))
assert _spec is not None
assert _spec.loader is not None
blocks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(blocks)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """An environment in which every provider is an emulator."""
    keep = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL", "_TOKEN"))}
    with emulate(emulator=Emulator(("openai", "anthropic", "ollama", "groq", "cohere"))) as emulator:
        yield {
            **keep,
            "PYTHONPATH": str(Path(understudy.__file__).parents[1]),
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
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=home,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "text"), [pytest.param(*block, id=block[0]) for block in blocks.blocks("toml")])
def test_a_configuration_loads(name: str, text: str) -> None:
    from understudy.config import parse

    if "[llm" not in text:
        pytest.skip("a fragment, not a configuration")
    keys = {f"{provider}_API_KEY": "key" for provider in ("OPENAI", "ANTHROPIC", "GROQ", "OLLAMA", "ACME", "EXAMPLE")}
    keys |= {"LEDGER_PASSWORD": "password", "LIMITS_PASSWORD": "password"}
    assert parse(text, source=f"{name}.toml", environ=keys).providers
