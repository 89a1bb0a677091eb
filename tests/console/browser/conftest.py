from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.console.browser.driving import Operator, chromium_running
from tests.console.browser.installing import missing
from tests.console.browser.site import Site, serve
from understudy.emulator import Emulator, emulate

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with emulate(emulator=Emulator(("openai", "anthropic"))) as running:
        yield running


@pytest.fixture(scope="session", params=[2], ids=["two workers"])
def site(
    request: pytest.FixtureRequest, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with serve(tmp_path_factory.mktemp("site"), emulator, workers=request.param) as running:
        yield running


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """A browser of one module's tests: while it is there, no event loop of asyncio can run beside it."""
    with chromium_running() as running:
        yield running


@pytest.fixture(scope="module")
def operator(site: Site, browser: Browser) -> Operator:
    """Whoever operates the site, signed in with the scope that allows everything."""
    someone = Operator(browser, site)
    someone.sign_in("manage")
    return someone
