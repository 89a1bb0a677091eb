"""Which trace a request belongs to: W3C Trace Context, read and written, and ids that follow from a request's own.

An attempt's span has an id that follows from the attempt's. So what goes out with it can name the span before it is
made, which is only after the attempt has ended.
"""

from __future__ import annotations

import hashlib
import re
from typing import Self

import msgspec

from understudy.ledger.observing import TraceContext

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header: a later version may have more behind the flags."""
_TRACESTATE = re.compile(r"[\x20-\x7e\t]{1,512}")
_SAMPLED = 0x01
_RANDOM = 1 << 64


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The trace of one request."""

    trace_id: int
    is_sampled: bool
    """Whether spans are made."""
    parent_id: int | None = None
    """The span that the request's is below; `None` if the trace begins here."""
    tracestate: str | None = None
    is_remote: bool = False
    """Whether the parent is in another process."""

    @classmethod
    def continuing(cls, context: TraceContext) -> Self | None:
        """Return the trace of a caller; `None` if its headers name none that is valid."""
        found = _TRACEPARENT.fullmatch((context.traceparent or "").strip())
        if found is None or (found[1] == "00" and found[5]):
            return None
        state = context.tracestate
        return cls(
            trace_id=int(found[2], 16),
            parent_id=int(found[3], 16),
            is_sampled=bool(int(found[4], 16) & _SAMPLED),
            tracestate=state if state and _TRACESTATE.fullmatch(state) else None,
            is_remote=True,
        )

    @classmethod
    def beginning(cls, request_id: str, share: float) -> Self:
        """Return a trace that begins with a request, and is sampled with this probability."""
        trace_id = int.from_bytes(_digest("trace", request_id, 16))
        return cls(trace_id=trace_id, is_sampled=trace_id % _RANDOM < share * _RANDOM)

    def headers(self, span_id: int) -> tuple[tuple[str, str], ...]:
        """Return the headers with which a span's server continues the trace."""
        parent = ("traceparent", f"00-{self.trace_id:032x}-{span_id:016x}-{int(self.is_sampled):02x}")
        return (parent,) if self.tracestate is None else (parent, ("tracestate", self.tracestate))


def span_id_of(request_id: str) -> int:
    """Return the id of the span of a request, or of an attempt: it follows from its own id."""
    return int.from_bytes(_digest("span", request_id, 8)) or 1  # zero is invalid


def _digest(purpose: str, text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size, person=purpose.encode()).digest()
