"""What an answer says, in a form that an oracle and a dialect can both be brought to."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from understudy.domain.content import Audio
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage

USAGE_CLASSES = (
    "input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning", "audio_input", "audio_output",
)  # fmt: skip


class Call(msgspec.Struct, frozen=True):
    """A tool call. `id` is `None` where the wire gave none, so that any made-up one fits."""

    id: str | None
    name: str
    arguments: Any


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    thinking: str
    refusal: str | None
    calls: tuple[Call, ...]
    finish_reason: str
    finish_reason_raw: str | None
    usage: dict[str, int | None]
    model: str | None
    id: str | None
    transcript: str | None = None
    """Words of a spoken answer."""


def answer_of(response: GenerationResponse) -> Answer:
    """Bring our response into that form."""
    spoken = [part.transcript for part in response.message.parts if isinstance(part, Audio)]
    return Answer(
        text=response.text,
        thinking=response.thinking,
        refusal=response.refusal,
        calls=tuple(Call(call.id, call.name, arguments(call.arguments)) for call in response.tool_calls),
        finish_reason=response.finish_reason.value,
        finish_reason_raw=response.finish_reason_raw,
        usage=classes(response.usage),
        model=response.model,
        id=response.id,
        transcript=spoken[0] if spoken else None,
    )


def classes(usage: Usage) -> dict[str, int | None]:
    return {name: getattr(usage, name) for name in USAGE_CLASSES}


def arguments(text: str) -> Any:
    """Decode arguments; text that is no JSON stands for itself."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def matched(ours: Answer, expected: Answer) -> Answer:
    """Return the expectation with our made-up tool-call ids where the wire had none."""
    if len(ours.calls) != len(expected.calls):
        return expected
    calls = tuple(
        msgspec.structs.replace(theirs, id=mine.id) if theirs.id is None and mine.id else theirs
        for mine, theirs in zip(ours.calls, expected.calls, strict=True)
    )
    return msgspec.structs.replace(expected, calls=calls)
