"""Draws the generated parts of the documentation from the code: `python tests/docs/generated.py` rewrites them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer.main

from understudy.cli.app import app
from understudy.cli.exits import ExitCode
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


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.UNAVAILABLE: "nothing could answer: every attempt failed, or the time was up",
    ExitCode.MISUSE: "wrong usage or configuration; nobody was asked",
    ExitCode.REFUSED: "a provider refused, and asking again will not help: key, credit, filter, context window, …",
    ExitCode.INTERNAL: "a bug",
    ExitCode.OUTPUT_FAILED: "the output cannot be written",
    ExitCode.INTERRUPTED: "Ctrl-C; what the provider was writing is stopped",
    ExitCode.BROKEN_PIPE: "nobody reads the output any more, as with `| head`",
}


def exit_codes() -> str:
    """Return the table of the command line's exit codes as Markdown."""
    rows = [f"| {code.value} | {MEANINGS[code]} |" for code in ExitCode]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def options_of(command: str) -> str:
    """Return the table of a command's arguments and options as Markdown."""
    group: Any = typer.main.get_command(app)
    rows = ["| option | what |", "| --- | --- |"]
    for parameter in group.get_command(None, command).params:
        is_argument = parameter.param_type_name == "argument"
        names = [parameter.metavar] if is_argument else [*parameter.opts, *parameter.secondary_opts]
        value = "" if is_argument or not parameter.metavar else f" {parameter.metavar}"
        shown = ", ".join(f"`{name}`" for name in names[:-1]) + (", " if names[:-1] else "") + f"`{names[-1]}{value}`"
        rows.append(f"| {shown.replace('|', chr(92) + '|')} | {parameter.help} |")
    return "\n".join(rows)


COMMANDS = ("ask", "check", "emulate", "demo")
PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("fallback.md", "verdicts"): verdict_table,
    ("cli.md", "exit codes"): exit_codes,
    **{("cli.md", command): partial(options_of, command) for command in COMMANDS},
}


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
