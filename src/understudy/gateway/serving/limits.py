"""What one connection may send, and how long it may take: data, so that tests can shrink it."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of every connection. Times are in seconds, sizes in bytes."""

    target: int = 8 * 1024
    """The request target: path and query."""
    head: int = 64 * 1024
    """All header fields of a request together, trailers included."""
    fields: int = 100
    """The number of header fields."""
    head_time: float = 10.0
    """From the first byte of a request to the end of its header; of a new connection, from its opening."""
    body_window: float = 10.0
    body_progress: int = 1024
    """Bytes of a body that must arrive in each `body_window`, while the server reads."""
    framing: int = 64 * 1024
    framing_rate: int = 8
    """Bytes of chunk sizes, extensions and trailers: `framing`, and `framing_rate` more for each byte of the body."""
    idle: float = 75.0
    """How long a connection stays open between two requests."""
    write_time: float = 60.0
    """How long an answer may wait for a caller that reads nothing of it."""
    unread_time: float = 30.0
    """How long the rest of a body is read and dropped once its request has been answered."""
    linger: float = 2.0
    """How long a connection that is being closed still reads, so that the caller can read the last answer."""
    connections: int = 4096
    """Open connections of one process. Beyond them the one that was idle for longest is closed."""
    backlog: int = 2048
    """Connections that the system holds until they are accepted."""


LIMITS = Limits()
