"""What a case is: an error as a vendor writes it, and what it means, written by hand from the vendor's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.domain.failures import FailureKind

Kind = FailureKind


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One error of one provider."""

    provider: str
    kind: FailureKind
    status: int = 200
    body: Any = b""
    """A JSON value, or the bytes of a body in another form. In the middle of a stream: what the wire's error event
    holds."""
    wire: str = ""
    """The dialect, where it is not that of the provider's chats."""
    in_stream: bool = False
    """Whether it comes after the answer has begun."""
    headers: Mapping[str, str] = {}
    wait: float | None = None
    retry: bool | None = None
    unknown: str | None = None
    """The code that no row knows."""

    def __str__(self) -> str:
        said = self.body.decode(errors="replace") if isinstance(self.body, bytes) else str(self.body)
        place = "in a stream" if self.in_stream else str(self.status)
        return f"{self.provider} {place} {self.kind} {said[:60]}"


class Provider:
    """Makes the cases of one provider."""

    def __init__(self, name: str) -> None:
        self.name = name

    def plain(self, status: int, kind: FailureKind, body: Any = b"", **more: Any) -> Case:
        """Return an error response."""
        return Case(provider=self.name, status=status, kind=kind, body=body, **more)

    def broken(self, kind: FailureKind, body: Any, **more: Any) -> Case:
        """Return an error in the middle of a streamed answer."""
        return Case(provider=self.name, kind=kind, body=body, in_stream=True, **more)


PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502</h1></center></body></html>\r\n"
CLOUDFLARE = (
    b'<!DOCTYPE html>\n<html lang="en-US"><head><title>api.example.com | 520: Web server error</title></head></html>'
)


def openai(message: str, type_: str | None = None, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Return an error object as OpenAI writes it."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}
