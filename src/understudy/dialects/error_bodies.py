"""Parses error bodies in any form, for servers that answer in another form than their dialect's.

`{"error": {…}}`, `{"error": "text"}`, `{"message"}`, `{"detail"}` of FastAPI, `{"errors": […]}`, a list of one of
these, and one error inside the message of another, as proxies wrap them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.dialects.base import WireError
from understudy.dialects.google_details import read_details
from understudy.wire.json import BadJson, decode, encode
from understudy.wire.sse import SseEvent

_EXCERPT = 200
"""Characters of a failed generation that the message quotes; all of it is in `failure.body`."""
_DEEPEST = 4
"""How many errors may be wrapped in each other."""
_MESSAGES = ("message", "detail", "msg", "error_description", "title", "description")
_ANSWERS = ("choices", "content", "candidates", "output", "data", "models", "embeddings")
"""An object with one of these is an answer, whatever its `message` is."""
_LONGEST = 8000
"""Characters of a message that are kept for reading."""
_LONGEST_NAME = 200
_REPR = re.compile(r"^\{'(?:error|message|detail)': (?P<mark>['\"])(?P<words>.*)(?P=mark)\}$", re.DOTALL)
"""A Python dictionary that became a string, as LiteLLM writes some of its own errors."""


def read_any(body: bytes) -> WireError | None:
    """Read an error body of any known form; `None` when it is not JSON or holds no error."""
    try:
        return read_any_value(decode(body))
    except BadJson:
        return None


def read_event(event: SseEvent) -> WireError | None:
    """Read an event of a stream that may be an error of any form. An event named `error` may be plain text; a truncated
    object is not an error object."""
    error = read_any(event.data)
    if error is None and event.name == "error" and event.data[:1] not in (b"{", b"["):
        return WireError(message=event.data.decode("utf-8", "replace").strip())
    return error


def read_any_value(value: Any, *, depth: int = 0) -> WireError | None:
    """Read a decoded value that may be an error or hold one; `None` when it holds none."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return _wrapped(value, depth)
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    error = value.get("error")
    if isinstance(error, list) and error:
        error = error[0]
    if not error:
        errors = value.get("errors")
        error = errors[0] if isinstance(errors, list) and errors else errors
    match error:
        case str(words) if words:
            more = value.get("message")
            if isinstance(more, str) and more and " " not in words:
                return _completed(WireError(message=more, code=name_of(words), body=value), value, depth)
            return _completed(WireError(message=words[:_LONGEST], body=value), value, depth)
        case dict() if error:
            return _of_object(error, value, depth)
        case _ if error:
            return WireError(message=in_words(error), body=value)
    says = any(isinstance(said := value.get(key), str | list) and said for key in ("message", "detail", "title"))
    says = says or isinstance(value.get("detail"), dict)
    if says and not any(value.get(key) is not None for key in _ANSWERS):
        return _of_object(value, value, depth)
    return None


def _of_object(error: dict[str, Any], outer: dict[str, Any], depth: int) -> WireError:
    said = next((found for key in _MESSAGES if (found := error.get(key))), "")
    if isinstance(said, dict) and (inner := read_any_value({"error": said}, depth=depth + 1)) is not None:
        message = inner.message or in_words(said)
    else:
        message = _of_fields(said) if isinstance(said, list) else in_words(said)
    if written := error.get("failed_generation"):
        # Groq: the model violated the schema. What it wrote is the only clue to why.
        message = f"{message} (the model wrote: {in_words(written)[:_EXCERPT]})"
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(raw := metadata.get("raw"), str) and raw:
        # OpenRouter: the message of the provider that it called.
        message = f"{message}: {raw[:_LONGEST]}"
    inner_error = error.get("innererror")
    code = name_of(error.get("code")) or (name_of(inner_error.get("code")) if isinstance(inner_error, dict) else None)
    details = read_details(error.get("details"))
    canonical = error.get("status")
    found = WireError(
        message=message,
        code=details.reason or code,
        type=name_of(error.get("type")) or (name_of(canonical) if isinstance(canonical, str) else None),
        request_id=details.request_id,
        retry_after=details.retry_after,
        body=error,
    )
    return _completed(found, {**outer, **error}, depth)


def _completed(error: WireError, value: dict[str, Any], depth: int) -> WireError:
    """Add the fields beside the message, or those within it if it wraps another error."""
    inner = _wrapped(error.message, depth)
    code = error.code or name_of(value.get("code"))
    kind = error.type or name_of(value.get("type")) or name_of(value.get("error_type"))
    return msgspec.structs.replace(
        error,
        message=inner.message if inner is not None and inner.message else error.message,
        code=_more_exact(code, inner.code if inner is not None else None),
        type=_more_exact(kind, inner.type if inner is not None else None),
        param=error.param or name_of(value.get("param")),
        request_id=error.request_id or name_of(value.get("request_id")),
        retry_after=error.retry_after
        or seconds_to_wait(value.get("retry_after"))
        or seconds_to_wait(value.get("estimated_time")),
        status=status_in(value),
    )


def _wrapped(message: str, depth: int) -> WireError | None:
    """Return the error that a message consists of, if any: JSON within JSON, or the string of a dictionary."""
    text = message.strip()
    if not text.startswith(("{", "[")):
        return None
    if (found := _REPR.match(text)) is not None:
        return WireError(message=found["words"])
    try:
        return read_any_value(decode(text.encode("utf-8", "replace")), depth=depth + 1)
    except BadJson:
        return None


def _more_exact(outer: str | None, inner: str | None) -> str | None:
    """Choose between the code of an error and that of the one inside it: a number adds nothing to the status."""
    return inner if outer is None or (outer.isdigit() and inner is not None) else outer


def _of_fields(items: Iterable[Any]) -> str:
    """Return what a validator reports about fields (FastAPI): where and what, never the input, which is the prompt."""
    said: list[str] = []
    for item in items:
        if not isinstance(item, dict):
            said.append(in_words(item))
            continue
        where = item.get("loc")
        place = ".".join(str(step) for step in where if isinstance(step, str | int)) if isinstance(where, list) else ""
        words = in_words(item.get("msg") or item.get("message") or "")
        said.append(f"{place}: {words}" if place else words)
    return "; ".join(filter(None, said))


def status_in(value: dict[str, Any]) -> int | None:
    """Return the status in an error object, which counts like a status line."""
    for key in ("status_code", "http_status_code", "status", "code"):
        named = value.get(key)
        if isinstance(named, str) and named.isascii() and named.isdigit() and len(named) == 3:
            named = int(named)
        if isinstance(named, int) and not isinstance(named, bool) and 400 <= named <= 599:
            return named
    return None


def name_of(value: Any) -> str | None:
    """Return a code or type: a string or a number, no other JSON value."""
    if isinstance(value, str):
        return None if value in ("", "None", "null") else value[:_LONGEST_NAME]
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18
    return str(value) if is_number else None


def in_words(value: Any) -> str:
    """Return the beginning of a value as a string: a string unchanged, anything else as JSON."""
    return value[:_LONGEST] if isinstance(value, str) else encode(value)[:_LONGEST].decode("utf-8", "replace")


def seconds_to_wait(value: Any) -> float | None:
    """Return a number of seconds to wait, such as until a model is loaded; above an hour it is not an estimate."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= 3600 else None
