"""Which entry keeps a stored response, and whose it is. Each response is its caller's own."""

from __future__ import annotations

from collections.abc import Callable

from understudy.dialects.responses.errors import bad_request
from understudy.dialects.server import BadRequest
from understudy.gateway.memory import Memory


class Owners:
    """Which entry keeps a response or a conversation, and whose it is."""

    def __init__(self, memory: Memory, *, shared: Callable[[], bool] = lambda: False) -> None:
        """`shared`: tells whether there are several callers, so that an unknown response may be another caller's."""
        self._memory = memory
        self._shared = shared

    def note(self, name: str | None, caller: str, entry: str) -> None:
        """Remember a response or a conversation."""
        if name is not None:
            self._memory.put("kept", (name,), (caller, entry))

    def entry_of(self, name: str, caller: str, *, claimed: bool = False) -> str | None:
        """Return the entry that keeps it; `None` if that is unknown.

        Raise `BadRequest` if it is another caller's, or may be. `claimed`: what is unknown belongs to whoever names it.
        """
        found = self._memory.get("kept", (name,)).get(name)
        if found is None and self._shared() and not claimed:
            raise not_found(name)
        owner, entry = found or (caller, None)
        if owner != caller:
            raise not_found(name)
        return entry


def not_found(name: str) -> BadRequest:
    """Return the refusal of a request for a response that the caller does not have."""
    return bad_request(f"Response with id '{name[:80]}' not found.", param="response_id", status=404)
