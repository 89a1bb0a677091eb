"""Who signed what: for clients whose wire format several accounts or servers speak.

Answers in the client's own wire format pass byte by byte, with the signatures and encrypted reasoning of the account
that made them. The client sends them back, and another account refuses them. So whose each is is remembered as it
passes, and what another one wrote is left out of the bytes that go to it (`understudy.dialects.histories.received`).
What is not remembered goes on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.dialects.anthropic.wire import NAME as ANTHROPIC
from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.gemini.wire import SIGNATURE
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain.bounded import BoundedDict
from understudy.domain.content import AnyPart, Opaque, Provenance, Text, Thinking, ToolCall
from understudy.domain.requests import GenerationRequest
from understudy.gateway.memory import Memory

if TYPE_CHECKING:
    from understudy.domain.responses import GenerationResponse
    from understudy.gateway.manager import GatewayManager

_VALUE = rb'\s*:\s*"([A-Za-z0-9+/=_.-]{8,65536})"'
_WRITTEN = {
    ANTHROPIC: re.compile(rb'"(?:signature|data)"' + _VALUE),
    RESPONSES: re.compile(rb'"(?:encrypted_content|id)"' + _VALUE),
    GEMINI: re.compile(rb'"thought(?:S|_s)ignature"' + _VALUE),
}
"""Where a body of each wire format may hold what only its author accepts."""


class Signers:
    """Who signed what, among the accounts that a gateway asks."""

    def __init__(self, manager: GatewayManager, memory: Memory) -> None:
        self._manager = manager
        self._memory = memory
        self._notes: dict[str, bool] = {}
        """Whether the authors in a wire format are remembered."""
        self._looks: BoundedDict[tuple[str, str | None], bool] = BoundedDict()
        """Whether a request for a model may hold what its target refuses, by wire format and model."""

    def note(self, face: str, response: GenerationResponse | None) -> None:
        """Remember who signed the parts of an answer that passed in its own wire format."""
        if face not in _WRITTEN or response is None or not self._are_noted(face):
            return
        if type(response.message.content) is str:
            return  # a text alone is not signed
        found: dict[Provenance, list[str]] = {}
        for part in response.message.parts:
            author = getattr(part, "provenance", None)
            if isinstance(author, Provenance) and author.dialect == face:
                found.setdefault(author, []).extend(_signatures_of(part))
        for author, names in found.items():
            self._memory.put("signed", names, (f"{author.server or ''} {author.account or ''}", author.model or ""))

    def known(self, request: GenerationRequest) -> GenerationRequest:
        """Return a request with the authors of what it holds, as far as they are remembered."""
        origin = request.origin
        if origin is None or origin.dialect not in _WRITTEN or not self._matters(origin.dialect, request.model):
            return request
        written = {found[1].decode() for found in _WRITTEN[origin.dialect].finditer(origin.body)}
        if not written:
            return request
        signers = {name: _author(origin.dialect, *pair) for name, pair in self._memory.get("signed", written).items()}
        return replace(request, origin=replace(origin, signers=signers)) if signers else request

    def _are_noted(self, face: str) -> bool:
        if face not in self._notes:
            self._notes[face] = self._manager.has_several_accounts(face) or self._manager.binds_thinking(face)
        return self._notes[face]

    def _matters(self, face: str, model: str | None) -> bool:
        if (face, model) not in self._looks:
            several = self._manager.has_several_accounts(face)
            self._looks[face, model] = several or self._manager.binds_thinking(face, model)
        return self._looks[face, model]


def _author(dialect: str, where: str, model: str) -> Provenance:
    server, _, account = where.partition(" ")
    return Provenance(dialect, model or None, server=server or None, account=account or None)


def _signatures_of(part: AnyPart) -> Iterator[str]:
    """Yield by what the body of a request would show a part to be its author's."""
    own = (part.extra or {}).get(RESPONSES, {})
    found: list[object] = []
    match part:
        case Thinking(signature=signature, redacted=redacted):
            found = [signature or own.get("encrypted_content") or own.get("id"), redacted]
            found += [(part.extra or {}).get(GEMINI, {}).get(SIGNATURE)]
        case ToolCall() | Text():
            found = [(part.extra or {}).get(GEMINI, {}).get(SIGNATURE)]
        case Opaque(json=dict(item)):
            found = [item.get("encrypted_content")]
    yield from (each for each in found if isinstance(each, str) and each)
