"""Managers over parties of a hostile server, for tests that say by themselves what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import understudy as u
from tests.hostile.answers.all import BACKUPS, DIALECTS, EMBEDDING_BACKUPS
from tests.hostile.answers.base import Answers
from tests.hostile.server import HostileServer, Party, Request, Script

PROMPT = "Why is the sky blue?"
CHATTING = tuple(name for name, answers in DIALECTS.items() if "chat" in answers.routes)
EMBEDDING = tuple(EMBEDDING_BACKUPS)


class Cast:
    """A primary that does what a test says, a backup that is good, and the manager over both."""

    def __init__(
        self,
        server: HostileServer,
        dialect: str,
        respond: Callable[[Request], Script | None],
        *,
        operation: str = "generate",
        alone: bool = False,
        limits: Mapping[str, Any] | None = None,
        **fallback: Any,
    ) -> None:
        """`respond` may return `None`, which lets the primary answer well."""
        self.answers = DIALECTS[dialect]
        self.operation = operation
        self.other = DIALECTS[(EMBEDDING_BACKUPS if operation == "embed" else BACKUPS)[dialect]]
        self.ledger = u.MemoryLedger()
        self._respond = respond
        mark = f"{id(self):x}"
        self.primary = server.party(f"p{mark}", self._act)
        self.backup = server.party(f"b{mark}", self._good)
        entries = [self._entry("primary", self.answers, self.primary, limits or {})]
        if not alone:
            entries.append(self._entry("backup", self.other, self.backup, {}))
        rules = u.FallbackConfig(**{"retry_delay_ms": 1, "deadline": 20.0, **fallback})
        self.manager = u.ProviderManager(entries, rules, sink=self.ledger)

    def _act(self, request: Request) -> Script:
        if not self.answers.matches(self.operation, request) and not self.answers.flows(request):
            return self.answers.other(request) or self.answers.good(self.operation, request)
        script = self._respond(request)
        return self.answers.good(self.operation, request) if script is None else script

    def _good(self, request: Request) -> Script:
        return self.other.good(self.operation, request)

    def _entry(self, name: str, answers: Answers, party: Party, limits: Mapping[str, Any]) -> u.LLMProvider:
        return u.create_provider(
            u.ProviderConfig(
                provider=answers.provider,
                name=name,
                api_key=u.Secret(f"key-of-{name}"),
                base_url=party.url + answers.base,
                text_model=answers.model,
                embedding_model=answers.embedding_model,
                embedding_space="one" if answers.embedding_model else None,
                priority=1 if name == "primary" else 2,
                **limits,
            )
        )

    async def ask(self, **options: Any) -> Any:
        """Ask as the operation says."""
        match self.operation:
            case "embed":
                return await self.manager.embed(PROMPT)
            case "stream":
                return await self.manager.stream(PROMPT, **options).collect()
            case _:
                return await self.manager.generate(PROMPT, **options)

    async def lost(self, **options: Any) -> u.LLMError:
        """Ask, and return the error that this must end with."""
        try:
            answer = await self.ask(**options)
        except u.LLMError as error:
            return error
        raise AssertionError(f"answered by {answer.provider}")

    def hits(self) -> list[Request]:
        """Return the requests to the primary that ask for the operation."""
        return [each for each in self.primary.requests if self.answers.matches(self.operation, each)]


@asynccontextmanager
async def cast(server: HostileServer, dialect: str, respond: Any, **more: Any) -> AsyncIterator[Cast]:
    """Make a cast, and close it."""
    made = Cast(server, dialect, respond, **more)
    try:
        yield made
    finally:
        await made.manager.aclose()


def tried(attempts: tuple[u.AttemptRecord, ...]) -> list[tuple[str, str]]:
    """Return who was tried and what came of it."""
    return [(each.provider, str(each.failure.kind) if each.failure else "ok") for each in attempts]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
