"""The auth seam: for clouds whose authentication is more than a fixed key in a header (docs/authentication.md).

A `Signer` has the last word on every request; a `TokenSource` is asked for a token each time one is sent. Both are a
user's own code: whatever it raises becomes a failure that repeats none of it, for it may hold secrets.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import PurePath

from understudy.domain.secret import Secret
from understudy.wire.http import HttpRequest

Signer = Callable[[HttpRequest], Awaitable[HttpRequest]]
"""Signs a request that is complete in all else, key included: returns it with what proves the caller's right."""

TokenSource = Callable[[], str | Secret | Awaitable[str | Secret]]
"""Returns a token that is valid now; where tokens live on, it keeps them itself."""


class NotSigned(Exception):
    """No signature or token was to be had. The message is safe to show; the cause may not be, and ends with this."""


async def sign_with(sign: Signer, request: HttpRequest) -> HttpRequest:
    """Have a request signed. Raises `NotSigned`."""
    try:
        signed = await sign(request)
    except Exception as error:
        raise NotSigned(_told("the signer", error)) from error
    if not isinstance(signed, HttpRequest):
        raise NotSigned(f"the signer returned {type(signed).__name__} instead of a request")
    return signed


async def token_of(source: TokenSource) -> Secret:
    """Return a token from its source. Raises `NotSigned`, also for what no header can carry."""
    from understudy.config.credentials import is_sendable

    try:
        found = source()
        token = await found if inspect.isawaitable(found) else found
    except Exception as error:
        raise NotSigned(_told("the token's source", error)) from error
    if isinstance(token, str):
        token = Secret(token)
    if not isinstance(token, Secret):
        raise NotSigned(f"the token's source returned {type(token).__name__} instead of a token")
    if not is_sendable(token.reveal()):
        raise NotSigned("the token is empty or holds characters that no header can carry")
    return token


def changed_values(before: HttpRequest, after: HttpRequest) -> tuple[Secret, ...]:
    """Return what signing put into headers, to be kept out of errors: each value, and its part after the scheme.

    The host is no secret, though signers like to write it.
    """
    old = set(before.headers)
    values = [value for name, value in after.headers if (name, value) not in old and name.lower() != "host"]
    return tuple(Secret(part) for value in values for part in (value, value.partition(" ")[2]) if part)


def _told(who: str, error: Exception) -> str:
    """Say which error was raised where; its own words may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""
    return f"{who} raised {type(error).__name__}{where}"
