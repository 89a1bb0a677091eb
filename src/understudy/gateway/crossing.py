"""A request and its answer where they cross from one wire format to another.

What only one vendor has is brought into a form that survives the way there and back: see `flattening` (tools),
`thinking`, `opening` and `returning` (what models keep for themselves), and `compaction`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.responses.wire import ENCRYPTED
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain.content import Provenance
from understudy.domain.requests import GenerationRequest
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


class Crossing:
    """One request of a caller, as it is sent on, and its answer, as the caller may have it."""

    __slots__ = ("_steps", "request", "run", "warnings")

    def __init__(self, face: str, request: GenerationRequest, sealer: Sealer) -> None:
        """`face`: the caller's wire format."""
        self.run: Run | None = None
        """What answers the request, once it does."""
        self.warnings: list[Warning] = []
        """What had to be left out of the request, whoever answers."""
        self._steps: list[FittingIds | Sealing | CallingBack | Compacting] = [FittingIds(face, request.messages)]
        if face == GEMINI:
            request = replace(request, messages=gathered(request.messages))
        if face in CARRIERS:
            request = self._opened(request, sealer)
            self._steps.append(Sealing(face, sealer, self._whose))
        if face == RESPONSES:
            request = self._shared(request, sealer)
        self.request = request

    def _opened(self, request: GenerationRequest, sealer: Sealer) -> GenerationRequest:
        messages, self.warnings = opened(request.messages, sealer)
        if messages is not request.messages:
            request = replace(request, messages=messages)
        request, more = returned(request, sealer)
        self.warnings += more
        return request

    def _shared(self, request: GenerationRequest, sealer: Sealer) -> GenerationRequest:
        """Return a request of the Responses API in the terms that all providers share."""
        if (request.extra or {}).get(RESPONSES, {}).get("include") == [ENCRYPTED]:
            request = _without(request, RESPONSES, "include")  # what it asks for comes true with every provider
        request, table = flattened(request)
        if is_requested(request):
            self._steps = [Compacting(sealer)]
            return as_summary(request)
        if table:
            self._steps.append(CallingBack(table))
        return request

    def _whose(self) -> Provenance | None:
        attempt = self.run.committed if self.run is not None else None
        return attempt.fold.provenance if attempt is not None and attempt.fold is not None else None

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events of the answer as the caller may have them."""
        for step in self._steps:
            batch = step.events(batch)
        return batch

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return the whole answer as the caller may have it."""
        for step in self._steps:
            response = step.response(response)
        return replace(response, warnings=(*self.warnings, *response.warnings)) if self.warnings else response


def _without(request: GenerationRequest, dialect: str, *names: str) -> GenerationRequest:
    """Return the request without fields that only its wire format has."""
    own = (request.extra or {}).get(dialect, {})
    if not own.keys() & set(names):
        return request
    rest = {name: value for name, value in own.items() if name not in names}
    return replace(request, extra={**(request.extra or {}), dialect: rest})
