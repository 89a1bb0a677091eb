"""What a client must do to be compared. Uses the standard library alone, as it runs in the environments of peers."""

from __future__ import annotations

from typing import Any, Protocol


class Client(Protocol):
    """A client of one endpoint. Each module beside this one has a function `client(base_url)` that returns one."""

    def prepare(self, request: dict[str, Any]) -> Any:
        """Return a request of the chat completions format as the library wants it. This is not measured."""
        ...

    async def plain(self, prepared: Any) -> int:
        """Ask for a whole answer, and return how many characters its text has."""
        ...

    async def streamed(self, prepared: Any) -> int:
        """Ask for a stream, read it to its end, and return how many pieces or events it had."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
