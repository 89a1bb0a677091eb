"""The routes of signing in and out: with an admin key, or with the link that `understudy serve` has printed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from understudy.console.access import codes, sessions
from understudy.console.access.keys import closed, is_closed, note_failure, refuse_guessing, tried
from understudy.console.http import ConsoleError, Operator, Reply, Request
from understudy.console.routes import ConsoleRoute

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

log = logging.getLogger("understudy.gateway")

HOME, SIGN_IN = "/console/", "/console/sign-in"

Page = Callable[..., Reply]
"""Draws the page: `(request, context, *, message, status, next)`."""


class SignInForm(msgspec.Struct, frozen=True):
    """What the page sends."""

    key: str = ""
    next: str = ""


class SignInQuery(msgspec.Struct, frozen=True):
    """What the address of the page states."""

    code: str = ""
    next: str = ""


def sign_in_routes(page: Page) -> tuple[ConsoleRoute, ...]:
    """Return the routes. `page` draws the form, with a message if something is wrong."""

    async def show(request: Request, context: ConsoleContext) -> Reply:
        asked = request.query_as(SignInQuery)
        if request.is_signed_in and not asked.code:
            return _to(_next(asked.next))
        if is_closed(context.config):
            raise closed()
        if not asked.code:
            return page(request, context, message=None, status=200, next=_next(asked.next))
        return _with_code(request, context, asked, page)

    async def sign_in(request: Request, context: ConsoleContext) -> Reply:
        form = await request.form_as(SignInForm)
        if is_closed(context.config):
            raise closed()
        try:
            key = tried(request, form.key, context)
        except ConsoleError as error:
            shown = page(request, context, message=error.message, status=error.status, next=_next(form.next))
            return msgspec.structs.replace(shown, headers=(*shown.headers, *error.headers))
        log.info("%r signed in to the console from %s", key.name, request.peer or "this machine")
        request.operator = Operator(name=key.name, scope=key.scope)
        return _to(_next(form.next), *sessions.begin(request, context, key.name))

    return (
        ConsoleRoute(method="GET", path=SIGN_IN, handler=show, scope=None),
        ConsoleRoute(method="POST", path=SIGN_IN, handler=sign_in, scope=None),
        ConsoleRoute(method="POST", path="/console/sign-out", handler=_sign_out),
    )


def _with_code(request: Request, context: ConsoleContext, asked: SignInQuery, page: Page) -> Reply:
    """Sign in with the link of the terminal, unless there are admin keys by now.

    The answer is no redirect but a page that goes on: after a redirect from another site, such as a terminal in the
    browser, a browser would not send the cookie.
    """
    if context.config.console.keys:
        message = "the link is not valid, because there are admin keys: sign in with one of them"
        return page(request, context, message=message, status=403, next=HOME)
    if request.is_head or request.is_prefetch:  # a browser asks again for what was refused to it
        return page(request, context, message=None, status=200 if request.is_head else 503, next=HOME)
    if not codes.use_code(asked.code, context.served.secrets, context.state, context.clock()):
        return _to(HOME) if request.is_signed_in else _refused_code(request, context, page)
    log.info("the sign-in link was used from %s", request.peer or "this machine")
    request.operator = Operator(name=sessions.LOCAL, scope="manage")
    shown = page(request, context, message="You are signed in.", status=200, next=HOME)
    cookie = sessions.begin(request, context, None)
    return msgspec.structs.replace(shown, headers=(*shown.headers, *cookie, ("refresh", f"0; url={HOME}")))


def _refused_code(request: Request, context: ConsoleContext, page: Page) -> Reply:
    """Return the page for a link that is not valid, and count it as a wrong key."""
    try:
        refuse_guessing(request, context)
    except ConsoleError as error:
        return page(request, context, message=error.message, status=error.status, next=HOME)
    note_failure(request, context, "the sign-in link was used before, or is too old")
    message = f"the link was used before, or is older than ten minutes: {codes.ANOTHER}"
    return page(request, context, message=message, status=403, next=HOME)


async def _sign_out(request: Request, context: ConsoleContext) -> Reply:
    return _to(SIGN_IN, *sessions.end(request, context))


def _next(path: str) -> str:
    """Return where to go after the sign-in: a page of the console, never another site."""
    is_own = path.startswith("/console") and "\\" not in path and "//" not in path and path.isprintable()
    return path if is_own and path.isascii() and not path.startswith("/console/sign-") else HOME


def _to(place: str, *headers: tuple[str, str]) -> Reply:
    return Reply(303, (("location", place), *headers))
