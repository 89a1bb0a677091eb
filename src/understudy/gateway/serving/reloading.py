"""Reads the configuration again while the gateway runs: whole, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from understudy.client.keys import has_keys
from understudy.config import Config
from understudy.config.differences import differences
from understudy.domain.errors import LLMError, Misuse
from understudy.gateway.serving.listening import is_loopback
from understudy.gateway.serving.source import Source

POLL = 1.0
"""Seconds between two looks at the file."""
log = logging.getLogger("understudy.gateway")

Apply = Callable[[str | None, Config], Awaitable[None]]
"""Puts a configuration into use; the text from which it was read goes to other processes."""


class Reloader:
    """Keeps the configuration that is in use, and replaces it by one that is valid."""

    def __init__(self, source: Source, config: Config, host: str, apply: Apply) -> None:
        self.source = source
        self.config = config
        self._host = host
        self._apply = apply
        self._lock = asyncio.Lock()

    async def reload(self) -> None:
        """Read the configuration, and use it if it is valid. Log what changed, or why the old one stays in use."""
        with suppress(LLMError):
            await self.renew()

    async def renew(self) -> None:
        """As `reload`; raise `LLMError` if the old configuration stays in use."""
        async with self._lock:
            try:
                text = self.source.read()
                config = await asyncio.to_thread(self.source.parse, text)
                await asyncio.to_thread(check_open, config, self._host)
                if changed := differences(self.config, config):
                    await self._apply(text, config)
            except LLMError as error:
                log.error("the configuration was not reloaded, the previous one stays in use: %s", error)
                raise
            self.config = config
            log.info("the configuration was reloaded: %s", "; ".join(changed) or "nothing changed")
            for notice in config.notices:
                log.warning("%s", notice)

    async def watch(self) -> None:
        """Reload whenever the file changes."""
        while True:
            await asyncio.sleep(POLL)
            if self.source.has_changed():
                await self.reload()


class Rereading:
    """The configuration of one process, as its file says it now, and what has all processes use that."""

    def __init__(
        self, source: Source, host: str, own: Callable[[Config], Config], renew: Callable[[], Awaitable[None]]
    ) -> None:
        """`own` adds what the command line says; `renew` raises `LLMError` if the old configuration stays in use."""
        self._source = source
        self._host = host
        self._own = own
        self._renew = renew

    def read(self) -> Config:
        """Return what the file says now, as it would be used. Block. Raise `LLMError` if it is invalid."""
        config = self._source.parse(self._source.read())
        check_open(config, self._host)
        return self._own(config)

    async def reload(self) -> None:
        """Have all processes use what the file says now. Raise `LLMError` if they do not."""
        await self._renew()


def check_open(config: Config, host: str) -> None:
    """Raise `Misuse` if other machines could use the gateway without a key."""
    if not config.gateway.keys and not is_loopback(host) and not has_keys(config):
        raise Misuse(
            f"{host} is reachable from other machines, and there are no keys: anyone could use your providers; "
            "make one with `understudy keys create NAME`, add [[llm.gateway.keys]] to the configuration, or listen on "
            "127.0.0.1"
        )
