"""Options of the whole test suite."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests import canaries
from tests.forking import Forks
from tests.laws import Watch
from tests.transports import NAMES, Make, maker
from understudy.transport.choice import VARIABLE

# Machines that are busy with something else are slow, which is no property of the code.
hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared")

SELECTION = Path(__file__).parent / "recordings"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--recordings",
        type=Path,
        default=None,
        metavar="PATH",
        help="run the dialect contract suite over this folder of recordings instead of tests/recordings "
        "(also: the environment variable UNDERSTUDY_RECORDINGS)",
    )
    parser.addoption(
        "--deep",
        action="store_true",
        help="run the broad forms of tests that have a short one, as continuous integration does (some minutes more)",
    )
    parser.addoption(
        "--transport",
        choices=NAMES,
        help="the built-in transport of tests that do not run with each of them",
    )


@pytest.fixture(params=NAMES)
def each_transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Run a test with each built-in transport: those of providers, and those that it makes by this fixture."""
    name: str = request.param
    monkeypatch.setenv(VARIABLE, name)
    return maker(name)


@pytest.fixture(scope="session")
def deep(request: pytest.FixtureRequest) -> bool:
    """Whether the broad form of a test is asked for."""
    return bool(request.config.getoption("--deep"))


def _heed_interrupts() -> None:
    """Undo an ignored SIGINT: in the background of a shell, under `nohup` or behind `trap "" INT` this process inherits
    it, and so would every program that a test starts and interrupts, and then waits for."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    _heed_interrupts()
    Forks.allowed = not config.getoption("--deep")
    given = config.getoption("--recordings") or os.environ.get("UNDERSTUDY_RECORDINGS")
    folder = Path(given) if given else SELECTION
    if given and not folder.is_dir():
        raise pytest.UsageError(f"--recordings: {folder} is no folder")
    config.stash[RECORDINGS] = folder
    if (transport := config.getoption("--transport")) is not None:
        os.environ[VARIABLE] = transport


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Spare it what earlier tests left for good, too."""
    passed = item.session.stash[PASSED] = item.session.stash.get(PASSED, 0) + 1
    if passed % FREEZE_EVERY == 0:
        gc.collect()
        gc.freeze()


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and the thousands of tests, which stay to the end: tests that look for
    leaks make it look at everything again and again."""
    gc.collect()
    gc.freeze()


RECORDINGS = pytest.StashKey[Path]()
PASSED = pytest.StashKey[int]()
FREEZE_EVERY = 500
"""After so many tests, the objects that are left are taken for permanent."""


@pytest.fixture(scope="session", autouse=True)
def no_proxy_of_the_machine() -> Generator[None]:
    """Reach what a test starts on this machine directly, whatever the environment of the machine says."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def keys_are_canaries() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        canaries.watch(patch)
        yield


@pytest.fixture(scope="session")
def watch_of_laws() -> Generator[Watch]:
    watch = Watch()
    with watch.installed():
        yield watch


@pytest.fixture(autouse=True)
def laws_hold(request: pytest.FixtureRequest, watch_of_laws: Watch) -> Generator[None]:
    """Fail a test that breaks a law of the accounts."""
    yield
    broken = watch_of_laws.broken()
    if request.node.get_closest_marker("lawless") is None:
        assert not broken, broken


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test in whose output or log one of its keys stands."""
    report = yield
    if report.when == "teardown":
        where = [name for name, text in report.sections if canaries.escaped(text)]
        if where and report.passed:
            report.outcome = "failed"
            report.longrepr = f"a key of this test escaped into: {', '.join(where)}"
        canaries.forget()
    return report
