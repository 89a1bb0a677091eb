"""Errors of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.console.http import JSON, ConsoleError, Reply, Request, json_of

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


class ErrorResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and what to do."""

    message: str
    code: str
    """The reason in one word, for programs."""
    where: str | None
    """The parameter or field concerned."""


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    error: ErrorResult


def json_error(request: Request, context: ConsoleContext, error: ConsoleError) -> Reply:
    """Return an error as JSON."""
    report = ErrorReport(error=ErrorResult(message=error.message, code=error.code, where=error.where))
    return Reply(error.status, (*JSON, *error.headers), json_of(report))
