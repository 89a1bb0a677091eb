"""Errors that are handed on to a caller of the provider's own wire format word for word: its client acts on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import JSON, Exchange, is_expected
from understudy.domain.failures import Failure
from understudy.domain.redaction import Redactor
from understudy.domain.wire_answer import LEAST_ERROR, WireAnswer
from understudy.wire.bounds import BOUNDS, Bounds
from understudy.wire.http import HttpHead
from understudy.wire.json import BadJson, decode


def refused_answer(answer: WireAnswer, head: HttpHead, pieces: Sequence[bytes], bounds: Bounds) -> WireAnswer:
    """Return the answer with the body of an error, if that is JSON and complete. Pages of proxies are not handed on."""
    body = b"".join(pieces)
    if head.status < LEAST_ERROR or len(body) >= bounds.error or not body or not is_expected(head.content_type, JSON):
        return answer
    return replace(answer, body=body)


def failed_answer(answer: WireAnswer, exchange: Exchange[Any], failure: Failure, redactor: Redactor) -> WireAnswer:
    """Return the answer of an attempt that failed, with what the provider itself wrote of it, without secrets."""
    body = None if answer.body is None else cleaned(answer.body, redactor)
    event: bytes | None = getattr(exchange, "failed_event", None)
    if event is not None:  # one without an error in it, such as an end mark ahead of time, is not the provider's word
        event = cleaned(event, redactor, whole=False) if failure.body is not None else None
    return replace(answer, body=body, event=event)


def cleaned(data: bytes, redactor: Redactor, *, whole: bool = True) -> bytes | None:
    """Return what a provider wrote without secrets, unchanged if there are none; `None` if that is not certain:
    for much text, and for `whole` bodies that are not JSON or hide a secret behind escapes."""
    if len(data) > BOUNDS.error:
        return None
    try:
        text = redactor.text(data.decode())
        if whole:
            value = decode(text)
            if redactor.value(value) != value:
                return None
    except (UnicodeDecodeError, BadJson):
        return None
    return text.encode()
