"""A pytest plugin: emulated providers and recordings as fixtures.

Add it to the `conftest.py` at the root of the tests, or to a test module:

    pytest_plugins = ["understudy.testing.pytest"]

No fixture is asynchronous, so they serve plain tests, and those of pytest-asyncio and anyio. Nothing is loaded before
a test asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from understudy.client.provider import Provider
    from understudy.domain.failures import FailureKind
    from understudy.domain.secret import Secret
    from understudy.emulator import Emulator, Fault
    from understudy.testing.recorder import Recorder

OPTION = "--understudy-record"


class EmulatedProviderFactory(Protocol):
    """Makes built-in providers that are answered by the emulator; see the fixture `emulated_provider`."""

    def __call__(
        self,
        provider: str = "openai",
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        **fields: Any,
    ) -> Provider:
        """Make a provider. `faults` and `always` are those of `Emulator.script`, `fields` those of `ProviderConfig`."""
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says what recordings do."""
    parser.getgroup("understudy").addoption(
        OPTION,
        choices=("none", "once", "new_episodes", "all"),
        default="none",
        help="what the fixture `cassette` does: only replay (none, the default), record if there is no file (once), "
        "record what is missing (new_episodes), or record everything anew (all)",
    )


FAILED = pytest.StashKey[bool]()
"""Whether a test itself failed."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Note whether a test failed, so that its fixtures need not report the reason once more."""
    outcome = yield
    if call.when == "call":
        item.stash[FAILED] = outcome.get_result().failed


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Emulators of all ten providers, on free ports of this machine, for one test."""
    from understudy.emulator import emulate

    with emulate() as running:
        yield running


@pytest.fixture
def emulated_provider(emulator: Emulator) -> EmulatedProviderFactory:
    """Make built-in providers that the emulator answers: `emulated_provider("openai", [Fault.status(503)])`.

    They reach it without a socket, so they work on any event loop and on virtual time, and need not be closed.
    """
    from understudy.client.factory import create_provider
    from understudy.emulator import cast
    from understudy.providers import row
    from understudy.settings import ProviderConfig

    def make(
        provider: str = "openai",
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        **fields: Any,
    ) -> Provider:
        if faults != () or always is not None:
            emulator.script(provider, faults, always=always)
        given = {"api_key": emulator.key, "base_url": emulator.url(provider), "text_model": row(provider).text_model}
        if given["text_model"] is None:
            given["text_model"] = cast.find(provider).models[0].id
        entry = ProviderConfig(provider=provider, **given | fields)
        return create_provider(entry, transport=emulator.transport(provider))

    return make


@pytest.fixture
def emulated_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    """Let the environment point every provider at its emulator, for `from_config`, vendors' clients and processes.

    The user's own configuration file is hidden. Hugging Face has no variable for its address, so it gets no key.
    """
    import os

    from understudy import providers

    names = {
        *("UNDERSTUDY_CONFIG", "APPDATA"),
        *(name for name in os.environ if name.lower().endswith("_proxy")),
    }
    for each in providers.types():
        row = providers.row(each)
        names.update((*row.key_variables, *row.token_variables, *row.base_url_variables, *row.version_variables))
        names.update(variable for _, variable in row.header_variables)
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for each in emulator.providers:
        if providers.row(each).base_url_variables:
            for name, value in emulator.environment(each).items():
                monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture
def cassette_secrets() -> Sequence[str | Secret]:
    """Strings that recordings must not hold, besides keys; override this fixture to name some."""
    return ()


@pytest.fixture
def cassette(request: pytest.FixtureRequest, cassette_secrets: Sequence[str | Secret]) -> Iterator[Recorder]:
    """A recording of this test, in `cassettes/MODULE/TEST.json` beside its file: a transport for `create_provider`.

    The option `--understudy-record` makes it reach the network. A test that asks for what is not recorded fails, also
    if another target has answered.
    """
    from understudy.testing.recorder import recording

    name = re.sub(r"[^\w.-]+", "_", request.node.name).strip("_")
    path = request.path.parent / "cassettes" / request.path.stem / f"{name}.json"
    mode: Any = request.config.getoption(OPTION, default="none")  # unknown if a test module alone names the plugin
    recorder = recording(path, mode=mode, secrets=cassette_secrets)
    recorder.advice = f"to record it, run pytest with {OPTION}={{mode}}"
    yield recorder
    if recorder.missing and not request.node.stash.get(FAILED, False):
        pytest.fail("\n".join(recorder.missing), pytrace=False)
