"""The page that signs in, and the one that states an error."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.console.access.sessions import operator_of
from understudy.console.http import ConsoleError, Operator, Reply, Request
from understudy.console.pages.frame import page, reply
from understudy.console.pages.rendering import render

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext


def sign_in_page(
    request: Request,
    context: ConsoleContext,
    *,
    message: str | None,
    status: int,
    next: str,  # noqa: A002 - its name
) -> Reply:
    """Return the page with the form. `message`: what came of the last attempt; `next`: where to go afterwards."""
    has_keys = bool(context.config.console.keys)
    if message is not None:
        message = f"{message[:1].upper()}{message[1:]}"
    is_done = status == HTTPStatus.OK and message is not None
    title = "You are signed in" if is_done else "Sign in"
    return reply(
        render("sign_in.html", title=title, message=message, next=next, has_keys=has_keys, is_done=is_done), status
    )


def error_page(request: Request, context: ConsoleContext, error: ConsoleError) -> Reply:
    """Return the page of an error, within the console for a caller who is signed in."""
    title = _TITLES.get(error.status, "The console failed" if error.status >= 500 else "The request is invalid")
    words = "; ".join(line.strip() for line in error.message.splitlines())  # what is wrong, and what to do
    message = f"{words[:1].upper()}{words[1:]}"
    operator = request.operator if request.is_signed_in else _signed_in(request, context)
    if operator is not None:
        request.operator = operator
        shown = page(request, "error.html", status=error.status, title=title, message=message)
    else:
        shown = reply(render("outside.html", title=title, message=message), error.status)
    return replace(shown, headers=(*shown.headers, *error.headers))


def _signed_in(request: Request, context: ConsoleContext) -> Operator | None:
    try:
        return operator_of(request, context)
    except ConsoleError:
        return None  # it may be the very error that is shown


_TITLES = {
    401: "Sign in first",
    403: "This is not allowed",
    404: "There is no such page",
    405: "This page does not take that",
    429: "Too many attempts",
    503: "Not available now",
}
