"""A request and its answer where they cross from one wire format to another.

What only one vendor has is brought into a form that survives the way there and back: see `flattening` (tools),
`thinking`, `opening` and `returning` (what models keep for themselves), and `compaction`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.responses.wire import ENCRYPTED
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.census import CheckedMessages
from understudy.domain.content import Provenance
from understudy.domain.errors import Misuse
from understudy.domain.requests import GenerationRequest, Outline
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.gateway.call_ids import FittingIds
from understudy.gateway.calling_back import CallingBack
from understudy.gateway.compaction import Compacting, as_summary, is_requested
from understudy.gateway.flattening import flattened
from understudy.gateway.gathering import gathered
from understudy.gateway.opening import opened
from understudy.gateway.returning import returned
from understudy.gateway.sealing import Sealer
from understudy.gateway.thinking import CARRIERS, Sealing

if TYPE_CHECKING:
    from understudy.engine.run import Run


Known = Callable[[GenerationRequest], GenerationRequest]


class _Answering:
    """What answers a request, once it does. Steps of the way back ask for it, so that none of them holds the way."""

    __slots__ = ("run",)

    def __init__(self) -> None:
        self.run: Run | None = None

    def whose(self) -> Provenance | None:
        """Return the author of the answer."""
        attempt = self.run.committed if self.run is not None else None
        return attempt.fold.provenance if attempt is not None and attempt.fold is not None else None


class _Reading:
    """A request as it is read and brought into its form. It does not hold what comes of it, which may hold it."""

    __slots__ = ("_changes", "_face", "_known", "_sealer", "_whole", "answering", "inbound", "steps", "warnings")

    def __init__(self, face: str, inbound: Inbound, sealer: Sealer, known: Known, changes: dict[str, Any]) -> None:
        self.answering = _Answering()
        self.warnings: list[Warning] = []
        self.inbound = inbound
        self.steps: list[FittingIds | Sealing | CallingBack | Compacting] = []
        self._face = face
        self._sealer = sealer
        self._known = known
        self._changes = changes
        self._whole: GenerationRequest | None = None

    def crossed(self) -> GenerationRequest:
        """Return a request that has been read as a whole, as it is sent on."""
        request = self._own()
        self.steps = [FittingIds(self._face, request.messages, self.answering.whose)]
        if self._face == GEMINI:
            request = replace(request, messages=gathered(request.messages))
        if self._face in CARRIERS:
            request = self._opened(request)
            self.steps.append(Sealing(self._face, self._sealer, self.answering.whose))
        return self._shared(request) if self._face == RESPONSES else request

    def outline(self) -> GenerationRequest:
        """Return the outline of a request."""
        request = self._cleaned(self._own())
        origin = request.origin
        if origin is None:
            raise AssertionError("an outline is that of a body")
        fields = {name: getattr(origin, name) for name in origin.__struct_fields__}
        outline = Outline(**fields, read=self._read)
        return replace(request, origin=outline)

    def _read(self) -> GenerationRequest:
        """Return the whole of a request that was read in outline. Raise `Misuse`."""
        if self._whole is None:
            if self.inbound.whole is not None:
                try:
                    self.inbound = self.inbound.whole()
                except BadRequest as error:
                    raise Misuse(error.failure.message, failure=error.failure) from error
            self._whole = self.crossed()
        return self._whole

    def _own(self) -> GenerationRequest:
        request = self.inbound.request
        if not isinstance(request, GenerationRequest):
            raise TypeError("what crosses is a generation")
        messages = CheckedMessages(request.messages)  # they were parsed, which checks them
        return self._known(replace(request, messages=messages, **self._changes))

    def _opened(self, request: GenerationRequest) -> GenerationRequest:
        messages, self.warnings[:] = opened(request.messages, self._sealer)
        if messages is not request.messages:
            request = replace(request, messages=messages)
        return self._cleaned(request)

    def _cleaned(self, request: GenerationRequest) -> GenerationRequest:
        """Return a request whose bytes have nothing that the caller's own vendor would refuse."""
        request, more = returned(request, self._sealer)
        self.warnings += more
        return request

    def _shared(self, request: GenerationRequest) -> GenerationRequest:
        """Return a request of the Responses API in the terms that all providers share."""
        if (request.extra or {}).get(RESPONSES, {}).get("include") == [ENCRYPTED]:
            request = _without(request, RESPONSES, "include")  # what it asks for comes true with every provider
        request, table = flattened(request)
        if is_requested(request):
            self.steps = [Compacting(self._sealer)]
            return as_summary(request)
        if table:
            self.steps.append(CallingBack(table))
        return request


class Crossing:
    """One request of a caller, as it is sent on, and its answer, as the caller may have it.

    Of a request that was read in outline nothing crosses before a target of another wire format is asked: then the
    whole is read. No part refers back to it, so that a long body is freed with the request, not by the next search for
    cycles.
    """

    __slots__ = ("_reading", "request")

    def __init__(
        self, face: str, inbound: Inbound, sealer: Sealer, known: Known = lambda request: request, **changes: Any
    ) -> None:
        """`face`: the caller's wire format. `known` adds the authors of what the body holds, `changes` is what else is
        known of the request."""
        self._reading = reading = _Reading(face, inbound, sealer, known, changes)
        self.request = reading.crossed() if inbound.whole is None else reading.outline()

    @property
    def inbound(self) -> Inbound:
        """The request as it was read, whole or in outline."""
        return self._reading.inbound

    @property
    def warnings(self) -> list[Warning]:
        """What had to be left out of the request, whichever target answers."""
        return self._reading.warnings

    def answered_by(self, run: Run | None) -> None:
        """Note what answers the request; `None` once nothing does any more."""
        self._reading.answering.run = run

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events of the answer as the caller may have them."""
        for step in self._reading.steps:
            batch = step.events(batch)
        return batch

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return the whole answer as the caller may have it."""
        for step in self._reading.steps:
            response = step.response(response)
        warnings = self.warnings
        return replace(response, warnings=(*warnings, *response.warnings)) if warnings else response


def _without(request: GenerationRequest, dialect: str, *names: str) -> GenerationRequest:
    """Return the request without fields that only its wire format has."""
    own = (request.extra or {}).get(dialect, {})
    if not own.keys() & set(names):
        return request
    rest = {name: value for name, value in own.items() if name not in names}
    return replace(request, extra={**(request.extra or {}), dialect: rest})
