"""An emulated provider without sockets, with its script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.emulator.emulator import KEY
from understudy.emulator.faults import Fault
from understudy.emulator.in_memory import InMemoryTransport
from understudy.emulator.script import Script
from understudy.emulator.server import ProviderServer, RecordedRequest
from understudy.transport.base import Incoming
from understudy.wire.http import HttpRequest


class EmulatedTransport:
    """An emulated provider without sockets: a `Transport` for `create_provider` and `from_config`.

        entry = ProviderConfig(provider="openai", api_key="test-key")
        llm = create_provider(entry, transport=EmulatedTransport("openai", [Fault.status(503)]))

    It answers as an `Emulator` does, with the same faults; of an address only the path counts. It works on any event
    loop and on virtual time, and nothing needs to be closed.
    """

    def __init__(  # noqa: PLR0913 - independent settings, all but two by keyword
        self,
        provider: str,
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
        keys: Sequence[str] | None = (KEY,),
        models: Sequence[str] = (),
        pace: float = 0.0,
        lenient: bool = False,
    ) -> None:
        """`faults`, `always`, `every` and `on` are those of `Emulator.script`, the others those of `Emulator`.

        Raise `LookupError` for a provider without an emulator.
        """
        actor = Actor(cast.find(provider), keys, models, lenient=lenient)
        self._server = ProviderServer(actor, "127.0.0.1", 0, pace=pace)
        self._transport = InMemoryTransport(self._server, always_open=True)
        self.script(faults, always=always, every=every, on=on)

    def script(
        self,
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        """Set the faults of the next requests, replacing those set before; see `Emulator.script`."""
        self._server.script = Script(faults, always=always, every=every, on=on)

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        """Answer a request; see `Transport`."""
        return await self._transport.send(request, connect=connect)

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""

    @property
    def remaining(self) -> int:
        """The number of scripted faults that no request has taken yet."""
        return self._server.script.remaining

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first, without keys."""
        return list(self._server.requests)
