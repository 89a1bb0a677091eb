"""An operator in front of the console: a real Chromium, and what it notices."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.console.browser.installing import axe, chromium
from tests.console.browser.site import Site
from tests.console.conftest import KEYS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

SCREENSHOTS = "UNDERSTUDY_SCREENSHOTS"
"""The variable that names a folder for screenshots; without it none are taken."""
_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective + event.sample));
"""
PATIENCE = 15_000
"""Milliseconds."""


@contextlib.contextmanager
def chromium_running() -> Iterator[Browser]:
    """Run the system's Chromium without a window."""
    from playwright.sync_api import sync_playwright

    # Without a sandbox of its own it also runs in containers and as root; it opens nothing but the site of the test.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Operator:
    """A browser window at the console, which notices errors, dialogs and violations of the content security policy."""

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        """`options`: of the window, as Playwright has them: `viewport`, `color_scheme`, `java_script_enabled`."""
        self.site = site
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(_WATCH)
        self.page: Page = self.context.new_page()
        self.trouble: list[str] = []
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("console", self._note)
        self.page.on("dialog", self._refuse)
        self.statuses: dict[str, int] = {}
        self.page.on("response", lambda answer: self.statuses.update({answer.url: answer.status}))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.trouble.append(f"console: {message.text}")

    def _refuse(self, dialog: Any) -> None:
        self.trouble.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def sign_in(self, scope: str) -> None:
        """Sign in with the admin key of a scope, as the form asks for it."""
        self.page.goto(self.site.console("sign-in"))
        self.page.get_by_label("Admin key").fill(KEYS[scope])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "sign-in" not in url)

    def open(self, path: str = "") -> None:
        """Open a page of the console and require that it was found."""
        answer = self.page.goto(self.site.console(path), wait_until="load")
        assert answer is not None
        assert answer.status == 200, f"{answer.url}: {answer.status}"

    def links(self) -> list[str]:
        """Return the paths of the console to which this page leads, without their queries."""
        found: list[str] = self.page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
        own = [urlsplit(each) for each in found if each.startswith(self.site.url)]
        paths = [each.path.removeprefix("/console/") for each in own if each.path.startswith("/console/")]
        return list(dict.fromkeys(path for path in paths if not path.endswith(".csv")))

    def executed(self) -> bool:
        """Whether this page has run what it was to show."""
        return bool(self.page.evaluate("() => window.executed !== undefined"))

    def violations(self) -> list[str]:
        """Return what the content security policy has blocked on this page."""
        found: list[str] = self.page.evaluate("() => window.violations")
        return found

    def findings(self) -> list[str]:
        """Return what axe-core finds on this page that is serious or critical."""
        # In the page's own world the policy would refuse it; in one of the debugger's it is not asked.
        self.page.evaluate(axe().read_text(encoding="utf-8"))
        result = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {each['help']}: {node['html'][:200]}"
            for each in result["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"][:3]
        ]

    def keep(self, name: str) -> None:
        """Take a screenshot of the whole page if a folder for them is named."""
        if (folder := os.environ.get(SCREENSHOTS)) is not None:
            path = Path(folder) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=path, full_page=True)
