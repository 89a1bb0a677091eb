"""How much of an answer is read at most: one set of limits for every body of every status, streamed or plain."""

from __future__ import annotations

import msgspec

KIB = 1 << 10
MIB = 1 << 20


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a provider sends. Beyond one of them the attempt fails as `too_large`, and nothing is kept."""

    headers: int = 64 * KIB
    """Bytes of the status line and all headers together."""
    body: int = 32 * MIB
    """Bytes of a body, decompressed."""
    error: int = 64 * KIB
    """Bytes of an error body that are kept and read; the rest is not waited for."""
    ratio: int = 100
    """Decompressed bytes for each compressed one."""
    line: int = MIB
    """Bytes of a line of a stream."""
    event: int = 4 * MIB
    """Bytes of an event of a stream."""
    events: int = 1_000_000
    """Events of one answer."""
    parts: int = 4096
    """Parts of one answer: texts, thinking, tool calls, media."""
    depth: int = 64
    """Arrays and objects in each other. Real answers stay below 20."""
    digits: int = 4300
    """Digits of a number; Python itself converts no more from text to an integer."""
