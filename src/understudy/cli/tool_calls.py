"""Tool calls on the command line: shown on stderr, and executed when the user agrees."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import dim, is_terminal
from understudy.client.tools.function_tool import FunctionTool
from understudy.domain.content import ToolCall
from understudy.domain.errors import Misuse
from understudy.domain.runs import Approval, Approve, ToolOutcome

LONGEST = 200
"""Characters of a result that are shown."""


def show_call(call: ToolCall) -> None:
    """Show that a function is called."""
    dim(f"→ {_words(call)}")


def show_outcome(outcome: ToolOutcome) -> None:
    """Show the result of a call, as far as it fits into a line or two."""
    content = outcome.result.content
    text = clean_line(content if isinstance(content, str) else ", ".join(type(part).__name__ for part in content))
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
    dim(f"← {clean_line(outcome.call.name)}: {'error: ' if outcome.result.is_error else ''}{shown}")


def approval(tools: list[FunctionTool[..., Any]], *, agreed: bool) -> Approve:
    """Return what decides about calls: `--yes`, or the user at the terminal.

    Raise `Misuse` if a tool needs approval and there is no terminal on which to ask for it.
    """
    if agreed:
        return lambda call: True
    can_ask = is_terminal(sys.stdin) and is_terminal(sys.stderr)
    if not can_ask and any(tool.needs_approval is not False for tool in tools):
        raise Misuse("tools are executed after you agree, which needs a terminal: add --yes to execute them without")
    return Questions().ask


class Questions:
    """Asks before each call."""

    def __init__(self) -> None:
        self._all = False

    async def ask(self, call: ToolCall) -> Approval:
        """Ask on the terminal. What is typed instead of yes or no is passed on to the model as the reason."""
        if self._all:
            return True
        with _interruptible():
            sys.stderr.write(f"{_words(call)}\nexecute this? [y]es, [a]ll from here on, [n]o, or why not: ")
            sys.stderr.flush()
            answer = sys.stdin.readline().strip()
        match answer.lower():
            case "y" | "yes":
                return True
            case "a" | "all":
                self._all = True
                return True
            case "" | "n" | "no":
                return False
            case _:
                return f"the user does not want this call: {answer}"


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a read of the terminal: the event loop's handler would wait for the read to end."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _words(call: ToolCall) -> str:
    """Return a call as Python would write it, without control characters."""
    import msgspec

    try:
        arguments = call.parsed_arguments()
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        return clean_line(f"{call.name}({call.arguments})")
    given = ", ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in arguments.items())
    return clean_line(f"{call.name}({given})")
