"""Recorded traffic of the providers: one request and its response a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from understudy.wire.http import HttpHead, HttpRequest


class RecordedRequest(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None


class RecordedResponse(msgspec.Struct, frozen=True):
    status: int
    body: str
    headers: dict[str, str] = {}


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction. `request` is `None` where only the response was recorded."""

    name: str = ""
    """Folder and file name, without the suffix."""
    provider: str
    operation: str
    source: str
    source_commit: str
    licence: str
    fidelity: str
    model: str | None
    features: list[str]
    request: RecordedRequest | None
    response: RecordedResponse

    @property
    def head(self) -> HttpHead:
        return HttpHead(self.response.status, self.response.headers)

    @property
    def body(self) -> bytes:
        return self.response.body.encode("utf-8", "surrogatepass")

    @property
    def streamed(self) -> bool:
        return self.operation.endswith("_stream")

    def http_request(self) -> HttpRequest:
        """The recorded request as it may have stood on the wire."""
        assert self.request is not None
        body = None if self.request.body is None else json.dumps(self.request.body, ensure_ascii=False).encode()
        return HttpRequest(self.request.method, self.request.url, tuple(self.request.headers.items()), body)


_DECODER = msgspec.json.Decoder(Recording)


@cache
def load(folder: Path) -> tuple[Recording, ...]:
    """Read all recordings of a folder, in order of their names."""
    return tuple(_read(folder))


def _read(folder: Path) -> Iterator[Recording]:
    for path in sorted(folder.glob("*/*.json")):
        recording = _DECODER.decode(path.read_bytes())
        yield msgspec.structs.replace(recording, name=f"{path.parent.name}/{path.stem}")
