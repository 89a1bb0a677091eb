"""Which entry keeps a stored response, and whose it is. Each response is its caller's own."""

from __future__ import annotations

from understudy.dialects.responses.errors import bad_request
from understudy.dialects.server import BadRequest
from understudy.domain.bounded import BoundedDict

REMEMBERED = 50_000
"""Responses whose entry is remembered, a few megabytes: clients continue them within hours."""


class Owners:
    """Which entry keeps a response or a conversation, and whose it is."""

    def __init__(self) -> None:
        self._found: BoundedDict[str, tuple[str, str]] = BoundedDict(REMEMBERED)

    def note(self, name: str | None, caller: str, entry: str) -> None:
        """Remember a response or a conversation."""
        if name is not None:
            self._found[name] = caller, entry

    def entry_of(self, name: str, caller: str) -> str | None:
        """Return the entry that keeps it; `None` if that is unknown. Raise `BadRequest` if it is another caller's."""
        owner, entry = self._found.get(name, (caller, None))
        if owner != caller:
            raise not_found(name)
        return entry


def not_found(name: str) -> BadRequest:
    """Return the refusal of a request for a response that the caller does not have."""
    return bad_request(f"Response with id '{name[:80]}' not found.", param="response_id", status=404)
