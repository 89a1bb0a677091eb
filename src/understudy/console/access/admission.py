"""Decides whether a request may use its route: by the admin key itself, or by the session that it began."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from understudy.console.access.forgery import check_token, refuse_other_sites
from understudy.console.access.keys import closed, is_closed, is_loopback, tried
from understudy.console.access.sessions import operator_of
from understudy.console.http import ConsoleError, Operator, Reply, Request
from understudy.console.routes import ConsoleRoute, Kind

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

SIGN_IN = "/console/sign-in"


async def admit(request: Request, route: ConsoleRoute, kind: Kind, context: ConsoleContext) -> Reply | None:
    """Set who asks, and return what is answered instead of the route, which is the way to the sign-in.

    Raise `ConsoleError` if the request may not use the route.
    """
    if kind == "pages":
        return await _admit_browser(request, route, context)
    if route.scope is None or (kind == "metrics" and _is_open(request, context)):
        return None
    request.operator = _by_key(request, context)
    _check_scope(request.operator, route)
    return None


async def _admit_browser(request: Request, route: ConsoleRoute, context: ConsoleContext) -> Reply | None:
    """Admit by the cookie of a session; what changes something must come from our own pages."""
    is_change = request.method != "GET"
    if is_change:
        refuse_other_sites(request)
    operator = operator_of(request, context)
    if operator is not None:
        request.operator = operator
    if route.scope is None:
        return None
    if operator is None:
        if is_closed(context.config):
            raise closed()
        if is_change:
            raise ConsoleError(401, "signed_out", "your session has ended: sign in again")
        here = f"{request.path}?{request.query}" if request.query else request.path
        return Reply(303, (("location", f"{SIGN_IN}?next={quote(here, safe='')}"),))
    _check_scope(operator, route)
    if is_change:
        await check_token(request)
    return None


def _by_key(request: Request, context: ConsoleContext) -> Operator:
    """Return whose key a request has, in the only header where it may be."""
    if is_closed(context.config):
        raise closed()
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    challenge = (("www-authenticate", "Bearer"),)
    if scheme.lower() != "bearer" or not value.strip():
        message = 'the admin key is missing: send it as "Authorization: Bearer KEY"'
        if not context.config.console.keys:
            message = "there are no admin keys: add [[llm.console.keys]] to the configuration, and reload it"
        raise ConsoleError(401, "missing_key", message, headers=challenge)
    try:
        key = tried(request, value, context)
    except ConsoleError as error:
        error.headers = (*error.headers, *(challenge if error.status == 401 else ()))
        raise
    return Operator(name=key.name, scope=key.scope)


def _check_scope(operator: Operator, route: ConsoleRoute) -> None:
    if route.scope is not None and not operator.may(route.scope):
        message = (
            f"this needs an admin key with the scope {route.scope}; the key {operator.name!r} has {operator.scope}"
        )
        raise ConsoleError(403, "scope", message)


def _is_open(request: Request, context: ConsoleContext) -> bool:
    """Check whether metrics need no key: if the configuration says so, or without keys for this machine alone."""
    config = context.config
    if config.console.open_metrics:
        return True
    if config.console.keys or config.gateway.hosts or not is_loopback(config.gateway.host):
        return False
    return request.peer is None or is_loopback(request.peer)
