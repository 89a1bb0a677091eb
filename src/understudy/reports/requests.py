"""Reports of requests, page by page: what the log shows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO
from uuid import UUID

import msgspec

from understudy.domain.errors import Misuse
from understudy.domain.suggestions import shown
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.lasting import LedgerQueries
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import ALL
from understudy.reports.export import cell
from understudy.reports.usage import RequestResult, report_request

LEAST = 4
"""Characters of an id that are enough to look for it."""
_AT_ONCE = 500
"""Requests of one page, where many are wanted."""
_ID = re.compile(r"[0-9a-fA-F-]{1,36}")


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of requests, the newest first."""

    requests: tuple[RequestResult, ...]
    next: str | None
    """What to pass as `before` for the next page, which stays the same whatever comes in meanwhile; `None` if there are
    no older requests."""
    searched_to: float | None
    """Unix seconds down to which requests were looked at, if the page ended before it was full; `None` otherwise. More
    may be on the next page."""


def list_requests(
    queries: LedgerQueries, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
) -> RequestList:
    """Return the newest requests of which an attempt is selected. `before`: `next` of the page before."""
    page = queries.request_page(selection, before=before, limit=limit)
    return RequestList(
        requests=tuple(map(report_request, page.requests)),
        next=page.next,
        searched_to=_moment(page.next) if page.next is not None and len(page.requests) < limit else None,
    )


def gather_requests(
    queries: LedgerQueries, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
) -> RequestList:
    """Return the same, but as many as there are up to `limit`, however many entries must be looked at for them."""
    page = list_requests(queries, selection, before=before, limit=min(limit, _AT_ONCE))
    found = [*page.requests]
    while page.next is not None and len(found) < limit:
        page = list_requests(queries, selection, before=page.next, limit=min(limit - len(found), _AT_ONCE))
        found += page.requests
    return RequestList(requests=tuple(found), next=page.next, searched_to=None)


def search_requests(queries: LedgerQueries, prefix: str, *, limit: int = 50) -> RequestList:
    """Return the newest requests whose id is this or begins so, one page at most. Raise `Misuse` if that cannot be the
    beginning of an id."""
    whole = queries.request(prefix)
    if not whole and (len(prefix) < LEAST or not _ID.fullmatch(prefix)):
        raise Misuse(f"{shown(prefix)} is not the id of a request, nor the first {LEAST} characters of one or more")
    found = [whole] if whole else [queries.request(each) for each in queries.ids(prefix, limit)]
    return RequestList(requests=tuple(map(report_request, found)), next=None, searched_to=None)


def find_request(queries: LedgerQueries, wanted: str) -> list[LedgerEntry]:
    """Return the attempts of the request whose id is this or begins so. Raise `Misuse` if there is not exactly one."""
    if found := queries.request(wanted):
        return found
    if len(wanted) < LEAST or not _ID.fullmatch(wanted):
        raise Misuse(f"{shown(wanted)} is not the id of a request: understudy log lists them")
    ids = queries.ids(wanted)
    if len(ids) > 1:
        raise Misuse(f"several requests begin with {wanted}: {', '.join(ids)}, …")
    if not ids:
        raise Misuse(f"no request begins with {wanted}: understudy log lists them")
    return queries.request(ids[0])


def write_requests_csv(requests: Iterable[RequestResult], stream: TextIO) -> None:
    """Write one request a line, with a header. What a spreadsheet would compute is quoted."""
    writer, names = csv.writer(stream, lineterminator="\n"), RequestResult.__struct_fields__
    writer.writerow(names)
    for each in requests:
        values = {name: getattr(each, name) for name in names}
        values["tags"] = msgspec.json.encode(each.tags).decode() if each.tags else None
        writer.writerow([cell(values[name]) for name in names])


def _moment(attempt: str) -> float | None:
    """Return when an attempt was made, as its id tells; `None` if it does not."""
    try:
        found = UUID(attempt)
    except ValueError:
        return None
    return (found.int >> 80) / 1_000 if found.version == 7 else None
