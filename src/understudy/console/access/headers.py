"""What every answer of the console carries, so that a browser neither runs, frames, keeps nor hands on anything."""

from __future__ import annotations

from msgspec.structs import replace

from understudy.console.http import Answer
from understudy.wire.http import Headers

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""The Content Security Policy: nothing inline, nothing of others, no frame."""
HEADERS: Headers = (
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    # Nothing is told to other sites. With `no-referrer` browsers would send `Origin: null` with our own forms, too.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
)


def protected(answer: Answer) -> Answer:
    """Return an answer with the headers of the console; `cache-control` remains as an answer has it."""
    own = {name for name, _ in answer.headers}
    return replace(answer, headers=(*answer.headers, *((name, value) for name, value in HEADERS if name not in own)))
