"""The public face: every name resolves, is documented, sorted, and costs nothing before its use."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import understudy


def run(code: str) -> str:
    source = str(Path(understudy.__file__).parents[1])
    script = f"import sys; sys.path.insert(0, {source!r})\n{code}"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_all_is_sorted_complete_and_resolves() -> None:
    assert understudy.__all__ == sorted(understudy.__all__)
    for name in understudy.__all__:
        assert getattr(understudy, name) is not None
    assert set(understudy.__all__) <= set(dir(understudy))


def test_every_public_class_and_function_is_documented() -> None:
    undocumented = [
        name
        for name in understudy.__all__
        if (inspect.isclass(value := getattr(understudy, name)) or inspect.isfunction(value))
        and not inspect.getdoc(value)
    ]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(understudy, "no_such_name")


def test_importing_loads_no_other_module() -> None:
    loaded = run("import understudy; print([m for m in sys.modules if m.startswith('understudy.')])")
    assert loaded == "[]"


def test_building_a_manager_loads_no_http_library_and_starts_nothing() -> None:
    code = """
import understudy, threading
key = understudy.Secret("k")
entries = [understudy.ProviderConfig(provider=p, api_key=key) for p in ("openai", "anthropic", "ollama", "groq")]
manager = understudy.ProviderManager([understudy.create_provider(entry) for entry in entries])
heavy = ("aiohttp", "httpx", "rich", "typer", "jsonschema_rs", "openai", "asyncio", "logging", "ssl", "socket")
print([module for module in heavy if module in sys.modules], threading.active_count())
"""
    assert run(code) == "[] 1"
