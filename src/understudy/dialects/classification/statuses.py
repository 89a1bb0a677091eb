"""What a status means by itself, if nothing else in the error is more specific."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row
from understudy.dialects.classification.sources import Source
from understudy.domain.failures import FailureKind

_K = FailureKind


def _row(kind: FailureKind, source: Source, *statuses: int) -> tuple[Row, ...]:
    return tuple(Row(kind=kind, source=source, status=status) for status in statuses)


STATUSES: tuple[Row, ...] = (
    *_row(_K.REDIRECT, s.HTTP, 301, 302, 303, 307, 308),
    *_row(_K.INVALID_REQUEST, s.HTTP, 400, 422),
    *_row(_K.AUTHENTICATION, s.HTTP, 401),
    *_row(_K.BILLING, s.TOGETHER, 402),
    *_row(_K.PERMISSION, s.HTTP, 403),
    *_row(_K.NOT_FOUND, s.HTTP, 404, 405, 410),
    *_row(_K.PROXY, s.HTTP, 407),
    *_row(_K.CONFLICT, s.HTTP, 408, 409),
    *_row(_K.REQUEST_TOO_LARGE, s.HTTP, 413),
    *_row(_K.SERVER_ERROR, s.WEBDAV, 424),
    *_row(_K.CONFLICT, s.EARLY_DATA, 425),
    *_row(_K.RATE_LIMITED, s.MORE_STATUSES, 429),
    *_row(_K.PERMISSION, s.LEGAL, 451),
    *_row(_K.CONFLICT, s.NGINX, 499),
    *_row(_K.UNSUPPORTED, s.HTTP, 501),
    *_row(_K.OVERLOADED, s.HTTP, 503),
    *_row(_K.OVERLOADED, s.ANTHROPIC, 529),
)
"""One row a status. Any other 4xx is unknown, any other 5xx the server's failure."""

BY_STATUS: Mapping[int, Row] = {row.status: row for row in STATUSES if row.status is not None}
