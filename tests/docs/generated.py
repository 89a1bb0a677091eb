"""Draws the generated parts of the documentation from the code: `python tests/docs/generated.py` rewrites them."""

from __future__ import annotations

import re
from pathlib import Path

from understudy.domain.errors import ERRORS
from understudy.policy.verdicts import VERDICTS, Aside, Fallback, Retry

DOCS = Path(__file__).parents[2] / "docs"

RETRY = {Retry.NEVER: "no", Retry.FIRST: "yes", Retry.LAST: "when no other target is left"}
FALLBACK = {
    Fallback.ALWAYS: "yes",
    Fallback.NEVER: "no",
    Fallback.ON_FILTER: "only with `fallback_on_filter`",
    Fallback.LARGER_WINDOW: "to a larger context window",
    Fallback.IF_TRANSLATED: "only if the request had to be altered",
}
ASIDE = {
    Aside.NOTHING: "–",
    Aside.TARGET: "the target, for a pause",
    Aside.MODEL: "the model, disabled",
    Aside.CREDENTIAL: "the key, disabled",
    Aside.ENDPOINT: "the host, disabled",
}


def verdict_table() -> str:
    """Return the table of verdicts as Markdown."""
    rows = [
        "| failure | tries | next target | set aside | cost of the attempt | error |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, verdict in VERDICTS.items():
        tries = RETRY[verdict.retry]
        if verdict.retry is not Retry.NEVER:
            ceiling = "`max_retries`" if verdict.retries is None else f"{verdict.retries + 1} tries"
            tries = f"{tries}, up to {ceiling}"
        basis = verdict.basis.replace("_", " ")
        error = ERRORS[kind].__name__
        rows.append(
            f"| `{kind}` | {tries} | {FALLBACK[verdict.fallback]} | {ASIDE[verdict.aside]} | {basis} | `{error}` |"
        )
    return "\n".join(rows)


PARTS = {("fallback.md", "verdicts"): verdict_table}


def refreshed(text: str, name: str, part: str) -> str:
    """Return a page with one generated part replaced."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert pattern.search(text), f"no part {name!r}"
    return pattern.sub(lambda match: match.group(1) + part + "\n" + match.group(2), text)


def main() -> None:
    for (page, name), draw in PARTS.items():
        path = DOCS / page
        path.write_text(refreshed(path.read_text(encoding="utf-8"), name, draw()), encoding="utf-8")


if __name__ == "__main__":
    main()
