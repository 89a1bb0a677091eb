"""Sends malformed requests to a gateway in this process, and looks for crashes, hangs and secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.attack.seeds import seeds_of
from tests.gateway.attack.spoiling import Malformed, malformed
from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway.access_log import AccessRecord, line_of
from understudy.gateway.application import Gateway, app
from understudy.transport.base import Incoming, Transport
from understudy.wire.http import HttpRequest

PROVIDERS = ("openai", "anthropic", "google", "cohere", "ollama", "groq")
UPSTREAM = "canary-of-the-provider-0123456789"
CALLER = "canary-of-the-caller-0123456789"
NOT_OURS = b"the answer does not match the schema"
"""What an emulated model answers to a schema that nothing matches."""
PATIENCE = 10.0
"""Seconds after which a request counts as hanging."""


class ToEmulators:
    """A transport to several emulated providers, without sockets."""

    def __init__(self, emulator: Emulator) -> None:
        self._transports: dict[str, Transport] = {
            urlsplit(emulator.url(name)).netloc: emulator.transport(name) for name in emulator.providers
        }

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        return await self._transports[urlsplit(request.url).netloc].send(request, connect=connect)

    async def aclose(self) -> None:
        """Nothing is open."""


class Faults(logging.Handler):
    """Gathers what is logged: bugs, and whether a secret is in it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR or record.exc_info:
            self.found.append(f"logged: {text[-3000:]}")
        if UPSTREAM in text or CALLER in text:
            self.found.append(f"a secret was logged: {text[:300]}")


class Target:
    """A gateway with keys, in front of emulated providers."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.records: list[AccessRecord] = []
        gateway.access_log = self.records.append
        self.caller = Asgi(gateway, {"authorization": f"Bearer {CALLER}"})
        self.faults = Faults()
        self.slowest = 0.0
        self.statuses: dict[int, int] = {}

    async def attack(self, face: str, number: int, seed: int) -> list[str]:
        """Send so many malformed requests to a face, and return what went wrong."""
        dice, seeds = random.Random(f"{seed} {face}"), seeds_of(face)
        found: list[str] = []
        for at in range(number):
            request = malformed(dice.choice(seeds), dice)
            found += (f"{face}, seed {seed}, request {at}: {each}" for each in await self._complaints(request))
            self.records.clear()
        return found

    async def _complaints(self, request: Malformed) -> list[str]:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self.caller.send_raw(
                    request.method, request.path, request.query, request.pieces, request.headers
                )
        except TimeoutError:
            return [f"it hangs: {request}"[:2000]]
        except Exception as error:  # noqa: BLE001 - any is a crash
            return [f"the application raised {error!r} for {request}"[:2000]]
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        found = [*judged(answer), *self.faults.found]
        self.faults.found.clear()
        if any(UPSTREAM.encode() in line or CALLER.encode() in line for line in map(line_of, self.records)):
            found.append("a secret is in the access log")
        return [f"{each} for {request}"[:4000] for each in found]


def judged(answer: Answer) -> Iterator[str]:
    """Yield what is wrong with an answer, whatever the request was."""
    if not 200 <= answer.status < 500 and NOT_OURS not in answer.body:
        yield f"status {answer.status}: {answer.body[:300]!r}"
    if not answer.is_complete:
        yield "the answer has no end"
    seen = repr(answer.headers) + answer.body.decode("utf-8", "replace")
    if UPSTREAM in seen or CALLER in seen:
        yield "the answer holds a secret"
    if any("\r" in value or "\n" in value for value in answer.headers.values()):
        yield "a header holds a line break"
    if answer.status >= 400 and answer.body and not _states_an_error(answer.body):
        yield f"no error that a client could read: {answer.body[:300]!r}"


def _states_an_error(body: bytes) -> bool:
    try:
        found: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(found, dict) and any(found.get(name) for name in ("error", "message"))


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    """Open a gateway in front of emulated providers, and watch what is logged."""
    async with Emulator(PROVIDERS, keys=(UPSTREAM,)) as emulator:
        tables: dict[str, Any] = {
            "fallback": {"max_attempts": 2, "retry_delay_ms": 1},
            "routes": [{"name": "main", "targets": list(PROVIDERS)}],
            "gateway": {"keys": [{"name": "caller", "key": CALLER}], "passthrough": ["openai/*"]},
        }
        config = {"llm": {"providers": entries(emulator, PROVIDERS), **tables}}
        found = Target(app(config, transport=ToEmulators(emulator)))
        loggers = [logging.getLogger(name) for name in ("understudy", "asyncio")]
        for logger in loggers:
            logger.addHandler(found.faults)
        try:
            yield found
        finally:
            for logger in loggers:
                logger.removeHandler(found.faults)
            await found.gateway.aclose()
