"""Prompts and answers of the ledger as lines that a terminal may show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from understudy.cli.sanitize import clean, escaped_json
from understudy.ledger.captures import CapturedTexts

_TEXTS = ("text", "thinking", "refusal")
"""Types of parts of which the text is shown; others are shown as JSON."""


def captured_lines(captured: CapturedTexts) -> Iterator[str]:
    """Yield what was asked and answered, without control sequences."""
    prompt, answer = captured.prompt, captured.answer or {}
    if omitted := prompt.get("omitted_messages"):
        yield f"[{omitted} earlier messages were not kept]"
    for message in prompt.get("messages", ()):
        yield from _message(message)
    for text in prompt.get("texts", ()):
        yield from _indented("text", str(text))
    for name in ("settings", "tools"):
        if name in prompt:
            yield f"{name}: {_json(prompt[name])}"
    if "message" in answer:
        yield from _message(answer["message"])
    if "vectors" in answer:
        yield f"answer: {answer['vectors']} vectors of {answer.get('dimensions')} dimensions"
    for name in ("finish_reason", "error"):
        if name in answer:
            value = answer[name]
            yield f"{name}: {clean(value) if isinstance(value, str) else _json(value)}"
    if not answer:
        yield "[nothing arrived]"
    if prompt.get("cut") or answer.get("cut"):
        yield "[it was longer than capture_max_bytes]"


def _message(message: dict[str, Any]) -> Iterator[str]:
    role, content = str(message.get("role", "?")), message.get("content", "")
    for part in [content] if isinstance(content, str) else content:
        if isinstance(part, str):
            yield from _indented(role, part)
        elif isinstance(part, dict) and part.get("type") in _TEXTS and isinstance(part.get("text"), str):
            kind = part["type"]
            yield from _indented(role if kind == "text" else f"{role} ({kind})", part["text"])
        else:
            yield f"{clean(role)}: {_json(part)}"


def _indented(title: str, text: str) -> Iterator[str]:
    yield f"{clean(title)}:"
    for line in clean(text).split("\n"):
        yield f"    {line}"


def _json(value: Any) -> str:
    return escaped_json(msgspec.json.encode(value).decode())
