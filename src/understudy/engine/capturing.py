"""Keeps what was asked and answered, if the ledger is to: without secrets and media, and never at an answer's cost."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.capture import Capture
from understudy.domain.capture_document import CaptureDocument
from understudy.domain.errors import LLMError
from understudy.domain.messages import OpaqueTool
from understudy.domain.operation import Operation
from understudy.domain.redacting import redaction
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, whole_of
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.engine.backend import Backend
from understudy.ledger.captures import CapturedDocument

logger = logging.getLogger("understudy")

_NOT_SETTINGS = frozenset({"messages", "tools", "model", "labels", "session", "task", "origin", "configured"})
"""Fields of a request that its entry has, or that stand elsewhere in the document."""


class Capturer:
    """Captures attempts for a ledger."""

    def __init__(self, settings: Capture, keep: Callable[[CapturedDocument], None]) -> None:
        self._settings = settings
        self._keep = keep
        self._patterns = tuple(map(re.compile, settings.redact))

    def capture(self, request: Any, answer: Any, record: AttemptRecord, backends: Mapping[str, Backend]) -> None:
        """Capture an attempt that has ended, if it is to be. `backends`: those whose keys are removed."""
        if self._settings.mode == "errors" and record.outcome is not Outcome.FAILED:
            return
        if record.operation not in (Operation.CHAT, Operation.EMBED):
            return
        try:
            document = self._document(request, answer, record, self._redactor(backends.values()))
        except Exception as error:  # noqa: BLE001 - the answer matters more; the error may repeat what people wrote
            logger.error("attempt %s was not captured: %s", record.attempt_id, type(error).__name__)
            return
        started, request_id = record.started, record.request_id
        self._keep(
            CapturedDocument(attempt_id=record.attempt_id, request_id=request_id, started=started, document=document)
        )

    def _redactor(self, backends: Iterable[Backend]) -> Callable[[str], str]:
        known = (*self._settings.secrets, *(secret for each in backends for secret in each.secrets))
        return redaction(known, self._patterns)

    def _document(self, request: Any, answer: Any, record: AttemptRecord, redact: Callable[[str], str]) -> bytes:
        most = self._settings.max_bytes
        asked = _prompt(request, CaptureDocument(redact, most))
        answered = _answer(answer, record, CaptureDocument(redact, most))
        return b'{"prompt":%b,"answer":%b}' % (asked, answered)


def _prompt(request: Any, document: CaptureDocument) -> bytes:
    if isinstance(request, EmbeddingRequest):
        return document.encoded({"texts": document.value(list(request.texts))})
    if not isinstance(request, GenerationRequest):
        return document.encoded({})
    with suppress(LLMError):  # what the provider took is kept as far as it is understood
        request = whole_of(request)
    messages = document.newest(request.messages)
    tools = [each.json if isinstance(each, OpaqueTool) else {"name": each.name} for each in request.tools]
    given = {name: value for name in request.__struct_fields__ if (value := getattr(request, name)) not in (None, ())}
    settings = msgspec.to_builtins({name: value for name, value in given.items() if name not in _NOT_SETTINGS})
    found: dict[str, Any] = {"messages": messages}
    if (omitted := len(request.messages) - len(messages)) > 0:
        found["omitted_messages"] = omitted
    if settings:
        found["settings"] = document.value(settings)
    if tools:
        found["tools"] = document.value(tools)
    return document.encoded(found)


def _answer(answer: Any, record: AttemptRecord, document: CaptureDocument) -> bytes:
    found: dict[str, Any] = {}
    if isinstance(answer, GenerationResponse):
        message = msgspec.to_builtins(answer.message)
        if isinstance(content := message.get("content"), str) and content:
            message["content"] = [{"type": "text", "text": content}]  # streamed or not, an answer is kept in one form
        if content:
            found["message"] = document.value(message)
            found["finish_reason"] = answer.finish_reason.value
    elif isinstance(answer, EmbeddingResponse):
        vectors = answer.embeddings
        found |= {"vectors": len(vectors), "dimensions": len(vectors[0]) if vectors else 0}
    failure = record.failure
    if failure is not None and failure.body is not None:
        found["error"] = document.value(failure.body)
    return document.encoded(found) if found else b"null"


def redacted(backends: Mapping[str, Backend], text: str) -> str:
    """Return a text without the keys of some backends, and without whatever has the form of a well-known secret."""
    return redaction(secret for each in backends.values() for secret in each.secrets)(text)
