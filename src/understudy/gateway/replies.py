"""What the gateway adds to answers: headers of its own, and the status of an error that is not the caller's fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from msgspec.structs import replace

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import dollars
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.domain.wire_answer import WireAnswer
from understudy.wire.http import Headers

REQUEST_ID = "x-understudy-request-id"
PROVIDER = "x-understudy-provider"
MODEL = "x-understudy-model"
ATTEMPTS = "x-understudy-attempts"
COST = "x-understudy-cost-usd"
WARNINGS = "x-understudy-warnings"
ESTIMATED = "x-understudy-estimated"
MOST_WARNINGS = 2_000
"""Characters of the header that lists warnings: many servers and proxies accept 8 KiB of headers in all."""

_K = FailureKind
_NOT_THE_CALLERS: Mapping[FailureKind, tuple[FailureKind, int | None, str]] = {
    _K.AUTHENTICATION: (_K.SERVER_ERROR, 502, "upstream_auth"),
    _K.PERMISSION: (_K.SERVER_ERROR, 502, "upstream_permission"),
    _K.BILLING: (_K.BILLING, None, "upstream_billing"),
}
"""Failures of the gateway's own account at a provider, and the kind, status (`None`: the provider's) and code with
which callers are told: else they would take it for their own key or their own account."""


def outward(failure: Failure, *, draining: bool = False) -> Failure:
    """Return a failure of a provider as callers are told of it."""
    if draining and failure.kind is _K.CANCELLED:
        message = "the gateway is shutting down"
        return Failure(kind=_K.OVERLOADED, message=message, status=503, code="server_shutdown", sent=False)
    found = _NOT_THE_CALLERS.get(failure.kind)
    if found is None or not failure.sent:
        return failure
    kind, status, code = found
    message = f"a provider refused the key of the gateway: {failure.message}"
    return replace(
        failure, kind=kind, message=message, status=status or failure.status, code=code, type=None, body=None
    )


def without_foreign_type(failure: Failure, answer: WireAnswer | None) -> Failure:
    """Return a failure without the type that a provider of another wire format gave it, so that it gets the type that
    clients of this one know. `answer`: the provider's own, if it speaks this one."""
    is_foreign = answer is None and failure.sent and failure.type is not None
    return replace(failure, type=None) if is_foreign else failure


def warned(warnings: Iterable[Warning]) -> Headers:
    """Return the header that lists warnings, if there are any: in ASCII, and not too long."""
    text = "; ".join(map(worded, warnings))
    if not text:
        return ()
    plain = " ".join(text.encode("ascii", "replace").decode().split())
    return ((WARNINGS, plain if len(plain) <= MOST_WARNINGS else f"{plain[: MOST_WARNINGS - 3]}..."),)


def worded(warning: Warning) -> str:
    """Return a warning as the header and the access log state it."""
    return f"{warning.kind} {warning.what}: {warning.why}"


@lru_cache(maxsize=512)
def about(provider: str | None, model: str | None, attempts: int) -> Headers:
    """Return who answers, and after how many attempts."""
    found = ((PROVIDER, provider), (MODEL, model), (ATTEMPTS, str(attempts)))
    return tuple((name, _in_ascii(value)) for name, value in found if value)


def told(response: GenerationResponse | EmbeddingResponse) -> Headers:
    """Return what is known of an answer that is complete."""
    headers = about(response.provider, response.model, len(response.attempts))
    if response.warnings:
        headers = (*headers, *warned(response.warnings))
    return headers if response.cost is None else (*headers, (COST, dollars(response.cost.amount.nano_usd)))


def _in_ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text)
