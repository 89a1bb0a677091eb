"""Reports of requests, page by page: what the log shows."""

from __future__ import annotations

import msgspec

from understudy.reports.usage import RequestResult


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of requests, the newest first."""

    requests: tuple[RequestResult, ...]
    next: str | None
    """What to pass as `before` for the next page, which stays the same whatever comes in meanwhile; `None` if there are
    no older requests."""
