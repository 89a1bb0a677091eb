"""A conversation without the reasoning that an account refuses to read, because another one encrypted it.

Who encrypted it is usually known, and it is left out beforehand. This is for what is not: a pool with keys of several
organizations, a conversation from elsewhere.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from understudy.dialects.base import Dialect
from understudy.domain.content import Thinking
from understudy.domain.failures import Failure
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.wire.json import BadJson
from understudy.wire.splice import SplicedObject

WHY = "the provider could not read it: another account wrote it"
_CODE = "invalid_encrypted_content"
_WORDS = re.compile(r"encrypted content\b.{0,300}\bcould not be (verified|decrypted)", re.IGNORECASE | re.DOTALL)
"""OpenAI: "The encrypted content gAAA… could not be verified. Reason: Encrypted content organization_id did not match
the target organization." (https://github.com/openai/codex/issues/8145, https://github.com/BerriAI/litellm/pull/21994)."""


def refuses_reasoning(failure: Failure) -> bool:
    """Check whether a provider could not read reasoning of the conversation."""
    return failure.status == 400 and (failure.code == _CODE or _WORDS.search(failure.message) is not None)


def without_reasoning(request: GenerationRequest, dialect: Dialect) -> GenerationRequest | None:
    """Return the request without the reasoning in its conversation; `None` if it has no reasoning."""
    origin = request.origin
    if origin is not None and origin.dialect == dialect.name:
        body = _without_items(origin.body)
        return None if body is None else replace(request, origin=replace(origin, body=body))
    messages = tuple(kept for message in request.messages if (kept := _kept(message, dialect.name)) is not None)
    return None if messages == request.messages else replace(request, messages=messages)


def _without_items(data: bytes) -> bytes | None:
    try:
        body = SplicedObject(data)
        items = body.get("input")
    except BadJson:
        return None
    if not isinstance(items, list):
        return None
    kept = [item for item in items if not isinstance(item, dict) or item.get("type") != "reasoning"]
    if len(kept) == len(items):
        return None
    body["input"] = kept
    return body.to_bytes()


def _kept(message: Message, dialect: str) -> Message | None:
    """Return a message without thinking that goes back in its own wire format; `None` if nothing remains."""
    if isinstance(message.content, str):
        return message
    parts = tuple(part for part in message.parts if not _is_own(part, dialect))
    if len(parts) == len(message.parts):
        return message
    return replace(message, content=parts) if parts else None


def _is_own(part: object, dialect: str) -> bool:
    return isinstance(part, Thinking) and part.provenance is not None and part.provenance.dialect == dialect
