"""The limits of the gateway as Markdown, with the values that its code has."""

from __future__ import annotations

from understudy.gateway import bodies
from understudy.gateway.passthrough import LONGEST
from understudy.gateway.serving import refusals
from understudy.gateway.serving.limits import LIMITS, Limits
from understudy.settings.gateway import GatewayConfig

_CONFIG = GatewayConfig()
_SHOWN: set[str] = set()


def _of(name: str) -> float:
    """Return a limit, and note that the table has it."""
    _SHOWN.add(name)
    return float(getattr(LIMITS, name))


def _size(size: float) -> str:
    for unit, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor and size % factor == 0:
            return f"{size / factor:,.0f} {unit}"
    return f"{size:,.0f} bytes"


def _limit(name: str) -> str:
    return _size(_of(name))


def _seconds(name: str) -> str:
    return f"{_of(name):g} s"


def limits() -> str:
    """Return the table. Raise `AssertionError` if it lacks a limit."""
    progress = f"{_limit('body_progress')} in {_seconds('body_window')}"
    framing = f"{_limit('framing')}, and {_of('framing_rate'):g} bytes for each byte of the body"
    ratio = f"{bodies.RATIO} times its size, from {_size(bodies.FREE)} on"
    lines = [
        ("request target", _limit("target"), refusals.LONG_TARGET.status),
        ("path of a passthrough", f"{LONGEST:,} characters", 400),
        ("header", f"{_limit('head')}, {_of('fields'):g} fields", refusals.LARGE_HEAD.status),
        ("time for a header, and for the first byte on a new connection", _seconds("head_time"),
         f"{refusals.SLOW_HEAD.status}; without a byte closed"),
        ("progress of a body, while the gateway reads", progress, refusals.SLOW_BODY.status),
        ("size of a body, decompressed", f"`body_limit_mb`, {_size(_CONFIG.body_limit)}", 413),
        ("decompressed size of a body in gzip or zstd", ratio, 413),
        ("chunk sizes, extensions and trailers of a body", framing, refusals.OVERHEAD.status),
        ("rest of a body that is read after the answer", _seconds("unread_time"), "closed"),
        ("time between two requests", _seconds("idle"), "closed"),
        ("caller that reads nothing of its answer", _seconds("write_time"),
         "closed; the provider's answer is cancelled"),
        ("reading on after the last answer of a connection", _seconds("linger"), "closed"),
        ("connections of a process", f"{_of('connections'):,.0f}; fewer if it may open few files",
         f"the one that was idle for longest is closed; {refusals.FULL.status} if none is idle"),
        ("connections that wait to be accepted", f"{_of('backlog'):,.0f}", "the system refuses more"),
        ("time for requests under way when it is stopped", f"`drain_timeout`, {_CONFIG.drain_timeout:g} s",
         "[an error event](#stopping)"),
    ]  # fmt: skip
    missing = set(Limits.__struct_fields__) - _SHOWN
    assert not missing, f"the table of limits lacks {missing}"
    rows = [f"| {what} | {value} | {then} |" for what, value, then in lines]
    return "\n".join(["| limit | value | what happens beyond it |", "| --- | --- | --- |", *rows])
