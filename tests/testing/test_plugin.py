"""A user's own project: its tests, with each of the ways to run asynchronous ones, in a pytest of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["understudy.testing.pytest"]\n'
APP = """
import understudy
from understudy import blocking


async def greet(llm, name):
    answer = await llm.generate(f"Greet {name}")
    return answer.text


def main():
    with blocking.from_config() as llm:
        answer = llm.generate("What is the capital of France?")
        return f"{answer.provider}: {answer.text}"
"""
TESTS = """
import os
import subprocess
import sys
import urllib.request

import pytest

import understudy
from app import greet, main
from understudy import blocking
from understudy.testing import FakeProvider, Fault, virtual_time

QUESTION = "What is the capital of France?"


MARK
async def test_a_fake():
    fake = FakeProvider("Hello, Ada!")
    assert await greet(fake, "Ada") == "Hello, Ada!"
    fake.assert_asked("Ada")


MARK
async def test_fallback_between_emulated_providers(emulator, emulated_provider):
    first = emulated_provider("openai", [Fault.status(503)], priority=1)
    second = emulated_provider("anthropic", priority=2)
    llm = understudy.ProviderManager([first, second], understudy.FallbackConfig(max_retries=1))
    answer = await llm.generate(QUESTION)
    assert (answer.provider, answer.text) == ("anthropic", "The capital is Paris.")
    assert [request.status for request in emulator.requests("openai")] == [503]


MARK
async def test_the_emulator_over_sockets(emulator):
    entry = understudy.ProviderConfig(provider="groq", api_key=emulator.key, base_url=emulator.url("groq"))
    async with understudy.create_provider(entry) as llm:
        assert (await llm.generate(QUESTION)).text == "The capital is Paris."
    await emulator.stop("groq")
    await emulator.start("groq")


@virtual_time
async def test_virtual_time(emulated_provider):
    slow = emulated_provider("openai", [Fault.slow_first_event(50)])
    answer = await slow.stream(QUESTION).collect()
    assert answer.text == "The capital is Paris."


def test_plain(emulator):
    headers = {"authorization": f"Bearer {emulator.key}"}
    request = urllib.request.Request(emulator.url("openai") + "/models", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    emulator.stop("openai")
    with pytest.raises(OSError):
        urllib.request.urlopen(request)


def test_blocking(emulated_provider):
    with blocking.ProviderManager([emulated_provider("cohere")]) as llm:
        assert llm.generate(QUESTION).text == "The capital is Paris."


def test_an_application_that_reads_the_environment(emulated_environment):
    emulated_environment.script("openai", always=Fault.status(401))
    assert main() == "anthropic: The capital is Paris."
    assert len(emulated_environment.requests("openai")) == 1


PROVIDERS = ["azure-openai", "cohere", "google", "groq", "huggingface", "ollama", "replicate", "together"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_all(emulated_provider, provider):
    with blocking.ProviderManager([emulated_provider(provider)]) as llm:
        assert llm.generate(QUESTION).text == "The capital is Paris."
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run the project's tests in a process of their own, with few plugins."""
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest"]
    return pytester.run(sys.executable, "-m", "pytest", "-q", *plugins, *options)


SCOPE = "asyncio_default_fixture_loop_scope = function"


def test_a_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of pytest-asyncio in its strict mode, of anyio, and on virtual time, beside each other."""
    monkeypatch.setenv("OPENAI_API_KEY", "a-real-key-that-must-not-be-used")
    pytester.makeconftest(CONFTEST)
    modules = {
        "test_asyncio": TESTS.replace("MARK", "@pytest.mark.asyncio"),
        "test_anyio": TESTS.replace("MARK", "@pytest.mark.anyio"),
        "test_virtual": TESTS.replace("MARK", "@virtual_time"),
    }
    pytester.makepyfile(app=APP, **modules)
    pytester.makeini(f"[pytest]\nfilterwarnings = error\n{SCOPE}")
    # Sockets do not work on virtual time.
    result = run(pytester, "-k", "not trio and not (test_virtual and over_sockets)")
    result.assert_outcomes(passed=3 * 15 - 1, deselected=result.parseoutcomes().get("deselected", 0))


def test_the_automatic_mode(pytester: pytest.Pytester, deep: bool) -> None:
    if not deep:
        pytest.skip("only with --deep: the strict mode is tried always")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(app=APP, test_auto=TESTS.replace("MARK", ""))
    pytester.makeini(f"[pytest]\nfilterwarnings = error\nasyncio_mode = auto\n{SCOPE}")
    run(pytester).assert_outcomes(passed=15)


RECORDED = """
import os

import pytest

import understudy
from understudy import blocking
from understudy.testing import EmulatedTransport, recording


@pytest.fixture
def cassette_secrets():
    return ["Erika Mustermann"]


@pytest.mark.parametrize("name", ["a b", "c"])
def test_recorded(cassette, name):
    if cassette.mode != "none":
        cassette._transport = EmulatedTransport("openai", keys=None)  # the network
    entry = understudy.ProviderConfig(provider="openai", api_key=os.environ.get("OPENAI_API_KEY", "key"))
    llm = blocking.create_provider(entry, transport=cassette)
    assert "capital is Paris" in llm.generate("What is the capital of France? I am Erika Mustermann.").text
"""


HIDDEN = """
import understudy
from understudy import blocking
from understudy.testing import FakeProvider


def test_what_fails_is_reported_once(cassette):
    entry = understudy.ProviderConfig(provider="openai", api_key="key")
    blocking.create_provider(entry, transport=cassette).generate("?")


def test_a_fallback_does_not_hide_what_is_missing(cassette):
    entry = understudy.ProviderConfig(provider="openai", api_key="key", priority=1)
    primary = understudy.create_provider(entry, transport=cassette)
    with blocking.ProviderManager([primary, FakeProvider("backup", priority=2)]) as llm:
        assert llm.generate("?").text == "backup"
"""


def test_recordings_beside_the_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_recorded=RECORDED)
    run(pytester, "-p", "no:asyncio", "--understudy-record=once").assert_outcomes(passed=2)
    folder = pytester.path / "cassettes" / "test_recorded"
    assert sorted(path.name for path in folder.iterdir()) == ["test_recorded_a_b.json", "test_recorded_c.json"]
    for path in folder.iterdir():
        assert len(json.loads(path.read_text())["exchanges"]) == 1
        assert "Mustermann" not in path.read_text()
    pytester.makepyfile(test_hidden=HIDDEN)
    result = run(pytester, "-p", "no:asyncio")
    result.assert_outcomes(passed=3, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*the file does not exist; to record it, run pytest with --understudy-record=once*"])


def test_a_loaded_plugin_loads_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        test_nothing="""
        import sys

        def test_nothing():
            loaded = sorted(name for name in sys.modules if name.startswith(("understudy", "aiohttp")))
            assert loaded == ["understudy", "understudy.testing", "understudy.testing.pytest"]
        """
    )
    run(pytester, "-p", "no:aiohttp").assert_outcomes(passed=1)


def test_the_library_does_not_need_pytest() -> None:
    import subprocess

    import understudy

    source = str(Path(understudy.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {source!r}); sys.modules['pytest'] = None\n"
    code += "from understudy.testing import *; assert FakeProvider and recording and virtual_time and EmulatedTransport"
    subprocess.run([sys.executable, "-c", code], check=True)
