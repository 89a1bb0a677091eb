"""The application as the server calls it: what it raises becomes a JSON error and a line in the log."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from understudy.gateway.serving import refusals

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

log = logging.getLogger("understudy.gateway")
DEBUG_VARIABLE = "UNDERSTUDY_DEBUG"


def guard(app: Application) -> Application:
    """Return the application with its bugs caught.

    uvicorn would log the traceback, whose messages may hold what a caller sent, and answer in plain text. With
    UNDERSTUDY_DEBUG set the traceback is logged. An answer that had begun is left without its end, and so is invalid.
    """

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http":
                raise
            shown = error if os.environ.get(DEBUG_VARIABLE) else None
            log.error("%s %s failed: %s", scope["method"], scope["path"], type(error).__name__, exc_info=shown)
            try:
                await _send_crashed(send)
            except RuntimeError:  # the answer had begun
                raise error from None

    return run


async def _send_crashed(send: Send) -> None:
    body = refusals.CRASHED.body()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusals.CRASHED.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
