"""What attempts over HTTP need besides their exchanges: a part that all at a model share, and what each has itself."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable

import msgspec

from understudy.domain.failures import Failure
from understudy.engine.auth import Credential
from understudy.engine.background import Background
from understudy.engine.concessions import Again
from understudy.policy.targets import Limits
from understudy.transport.base import Transport
from understudy.wire.bounds import BOUNDS, Bounds
from understudy.wire.http import Headers
from understudy.wire.quotas import QuotaHeaders


class HttpPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where an attempt is sent, and what is known there of answers: the same for all attempts at a model."""

    transport: Transport
    server: str | None = None
    """Scheme, host and port of the endpoint, stamped on what only that server can replay."""
    account: str | None = None
    """The account there, stamped likewise."""
    fact_headers: Headers = ()
    """Headers of a success that are facts of the answer, as in `ProviderRow`."""
    quotas: tuple[QuotaHeaders, ...] = ()
    quota_names: frozenset[str] = frozenset()
    """Headers of which an answer that reports a limit has at least one."""
    background: Background = msgspec.field(default_factory=Background)
    """Where the provider is told to stop."""
    bounds: Bounds = BOUNDS


class HttpContext(msgspec.Struct, frozen=True):
    """What an attempt needs besides its exchange."""

    place: HttpPlace
    credential: Credential
    limits: Limits
    attempt_id: str
    streamed: bool
    """Whether the provider streams its answer, so that the time-outs of content apply."""
    keep_raw: bool = True
    """Whether the body is kept for `raw`, which a stream that its reader sees as it arrives does not need."""
    again: Callable[[Failure], Again | None] | None = None
    """Returns the same request without what the provider refused of it, if that is something to do without."""
    forwards: bool = False
    """Whether the caller speaks the provider's wire format, so that the provider's own bytes are kept for it."""
    strict: bool = False
    """Whether a warning of the encoding makes the target ineligible."""
    limit: int = BOUNDS.body
    """Bytes of the body of a success."""
    began: float | None = None
    """When the attempt was launched, by the event loop's clock; `None`: when it is iterated first."""
    loop: AbstractEventLoop | None = None
    """The event loop; `None`: the one that runs then."""
