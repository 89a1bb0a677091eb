"""Sessions of browsers: a signed cookie, which names the key that was used at sign-in.

A session ends after twelve hours, at sign-out, and as soon as its key is no longer in the configuration or has another
value; its scope is the one that the key has now. Without keys there is one operator, who used the link of the terminal;
that session ends once there are keys.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from understudy.console.access.keys import is_closed, key_named
from understudy.console.access.signing import derived, opened, signed
from understudy.console.http import Operator, Request
from understudy.wire.http import Headers

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

LASTING = 12 * 3600.0
"""Seconds that a session lasts."""
LOCAL = "local"
"""The operator of a gateway without admin keys, in logs and beside orders."""
_PURPOSE = "console session"
_SAFE = "__Host-"
"""With this prefix a browser accepts and sends a cookie over TLS only, and from this very host only."""


class _Session(msgspec.Struct, frozen=True, array_like=True):
    """What the cookie states."""

    id: str
    name: str
    value: str
    """What tells the key's value from a later one of the same name; empty without keys."""
    since: int


_decoder = msgspec.json.Decoder(_Session)


def begin(request: Request, context: ConsoleContext, name: str | None) -> Headers:
    """Return the cookie of a new session, and end the one that the browser has. `name`: that of the admin key, which
    must exist; `None` if the link was used."""
    end(request, context)
    found = None if name is None else key_named(context.config, name)
    if name is not None and found is None:
        raise LookupError(f"there is no admin key {name!r}")
    value = "" if found is None else found[1]
    session = _Session(os.urandom(16).hex(), name or LOCAL, value, int(context.clock()))
    text = signed(msgspec.json.encode(session), _PURPOSE, context.served.secrets)
    return (("set-cookie", _cookie(request, text, int(LASTING))),)


def end(request: Request, context: ConsoleContext) -> Headers:
    """End the session that the browser has, if any, for all processes; return the cookie that forgets it."""
    if (session := _session_of(request, context)) is not None:
        context.state.mark(f"session:{session.id}", session.since + LASTING, context.clock())
    return (("set-cookie", _cookie(request, "", 0)),)


def operator_of(request: Request, context: ConsoleContext) -> Operator | None:
    """Return who is signed in; `None` if nobody is."""
    session = _session_of(request, context)
    if session is None or is_closed(context.config):
        return None
    csrf = derived(session.id, "console form", context.served.secrets)
    if not context.config.console.keys:
        if session.value or session.name != LOCAL:
            return None
        return Operator(name=LOCAL, scope="manage", session=session.id, csrf=csrf)
    found = key_named(context.config, session.name)
    if found is None or found[1] != session.value:
        return None
    return Operator(name=session.name, scope=found[0].scope, session=session.id, csrf=csrf)


def _session_of(request: Request, context: ConsoleContext) -> _Session | None:
    """Return the session of the cookie, unless it was ended or is too old."""
    text = next((request.cookies[name] for name in _read_names(request) if name in request.cookies), "")
    content = opened(text, _PURPOSE, context.served.secrets) if text else None
    if content is None:
        return None
    try:
        session = _decoder.decode(content)
    except msgspec.MsgspecError:
        return None
    now = context.clock()
    if not now - LASTING < session.since <= now + 60 or context.state.is_marked(f"session:{session.id}"):
        return None
    return session


def _read_names(request: Request) -> tuple[str, ...]:
    """Return the names under which the cookie may come, the safest first.

    A proxy need not say that it was reached over TLS, and only forms have an `Origin` that shows it. Browsers send the
    prefix over TLS only, so the cookie is read in any case; the one without is not, once TLS is known.
    """
    safe = _SAFE + _plain_name(request)
    return (safe,) if request.is_secure else (safe, _plain_name(request))


def _plain_name(request: Request) -> str:
    """Return the name of the cookie: browsers share cookies among all ports of a host, so it has the port."""
    port = request.host.rpartition(":")[2]
    return f"understudy_session_{port}" if port.isdecimal() else "understudy_session"


def _cookie(request: Request, value: str, seconds: int) -> str:
    prefix, secure = (_SAFE, "; Secure") if request.is_secure else ("", "")
    name = prefix + _plain_name(request)
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
