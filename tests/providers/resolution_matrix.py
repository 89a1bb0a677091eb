"""Writes down how every provider is asked for every kind of model: `python tests/providers/resolution_matrix.py`.

The snapshot beside this file is read by people: what a change of a row means for each model is seen in its diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from understudy import providers
from understudy.dialects import load, load_server
from understudy.dialects.base import Endpoint, Send
from understudy.dialects.classification.codes import CODES, TYPES
from understudy.dialects.classification.statuses import STATUSES
from understudy.dialects.quirks import ErrorRule, Quirks
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.providers.base import ProviderRow, dialect_for, quirks_of
from understudy.wire.http import HttpHead

SNAPSHOT = Path(__file__).with_name("resolution_matrix.txt")

_GPT = (
    "gpt-3.5-turbo gpt-4 gpt-4o gpt-4o-mini-search-preview gpt-4.1 ft:gpt-4o-mini:acme o1 o1-mini o3-mini o3 o4-mini "
    "gpt-5 gpt-5-chat-latest gpt-5.1 gpt-5.2 gpt-5.4 gpt-5.5 gpt-5.6-sol gpt-6-sol gpt-6-luna gpt-6-astra gpt-6.1-sol "
    "gpt-5.5-pro gpt-5.1-codex o3-deep-research"
)
SAMPLES = {
    "ollama": "llama3.2 gpt-oss:20b",
    "openai": _GPT,
    "azure-openai": f"my-deployment gpt-35-turbo {_GPT}",
    "anthropic": (
        "claude-3-haiku-20240307 claude-3-5-haiku-latest claude-3-7-sonnet-20250219 claude-sonnet-4-20250514 "
        "claude-opus-4-20250514 claude-opus-4-1 claude-haiku-4-5 claude-sonnet-4-5 claude-opus-4-5 claude-sonnet-4-6 "
        "claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-sonnet-5 claude-opus-5 claude-haiku-5-5 "
        "claude-sonnet-5-5 claude-opus-5-5 claude-fable-5 claude-fable-5-1 claude-mythos-5-1"
    ),
    "google": (
        "gemini-1.5-pro gemini-2.0-flash gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-flash-image gemini-2.5-pro "
        "gemini-3-pro gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-pro gemini-4-argon "
        "gemini-flash-latest gemma-3-27b-it gemini-embedding-001 gemini-embedding-2"
    ),
    "groq": "llama-3.3-70b-versatile openai/gpt-oss-20b qwen/qwen3-32b qwen/qwen3.8-27b",
    "cohere": "command-a-03-2025 command-a-plus-05-2026 command-r7b-12-2024 embed-english-v3.0 embed-v4.0",
}
"""Models that stand for their families; a family without one is shown by its pattern."""

MAX_SHOWN = 150
"""Characters of a frame."""

_PROBES = {
    "plain": GenerationRequest(messages=(Message.user("hi"),)),
    "with tools": GenerationRequest(messages=(Message.user("hi"),), tools=(Tool(name="f"),)),
    "with tools and effort low": GenerationRequest(
        messages=(Message.user("hi"),), tools=(Tool(name="f"),), reasoning=Reasoning(effort="low")
    ),
    "with tools and effort none": GenerationRequest(
        messages=(Message.user("hi"),), tools=(Tool(name="f"),), reasoning=Reasoning(effort="none")
    ),
}


def snapshot() -> str:
    """Return the whole matrix: first the dialects' own rules, then the providers."""
    rows = [providers.row(name) for name in providers.types()]
    spoken = sorted({dialect for row in rows for dialect in _dialects(row)})
    lines = [*_all_dialects(), *(line for name in spoken for line in _dialect(name))]
    lines += [line for row in rows for line in _provider(row)]
    return "\n".join(lines).strip() + "\n"


def _dialects(row: ProviderRow) -> Iterator[str]:
    yield from row.dialects.values()
    for name in _models(row):
        yield from _chat_dialects(row, quirks_of(row, name)).values()


def _all_dialects() -> Iterator[str]:
    yield "=== all dialects"
    yield from _error_rules("errors, after those of the dialect", CODES)
    yield from _error_rules("errors, after the words", TYPES)
    yield from _error_rules("errors, where nothing else is said", STATUSES)
    yield ""


def _dialect(name: str) -> Iterator[str]:
    yield f"=== dialect {name}"
    if Operation.CHAT in load(name).operations:
        yield f"stream is complete after: {_last_needed_frame(name)}"
    module = import_module(f"understudy.dialects.{name.replace('-', '_')}.errors") if _has_errors(name) else None
    yield from _error_rules("errors", getattr(module, "RULES", ()))
    yield ""


def _has_errors(name: str) -> bool:
    package = Path(import_module(f"understudy.dialects.{name.replace('-', '_')}").__file__ or "").parent
    return (package / "errors.py").exists()


def _last_needed_frame(name: str) -> str:
    """Render an answer, and read ever less of it until it counts as cut."""
    request = GenerationRequest(messages=(Message.user("hi"),), model="m")
    half = load_server(name)
    renderer = half.renderer(Inbound(operation=Operation.CHAT, request=request, stream=True))
    answer = (e.Started(id="a", model="m"), e.TextDelta(0, "hi"), e.Finished(FinishReason.STOP))
    data = b"".join(renderer.feed(event) for event in answer) + renderer.close()
    kind = dict(renderer.headers).get("content-type", "")
    end = b"\n\n" if "event-stream" in kind else b"\n"
    frames = [frame + end for frame in data.split(end) if frame]
    if not _is_complete(name, request, data, kind):
        return "another response (it is spoken over several requests)"
    needed = next(
        count
        for count in range(len(frames), 0, -1)
        if not _is_complete(name, request, b"".join(frames[: count - 1]), kind)
    )
    frame = " ".join(frames[needed - 1].decode().split())
    return frame if len(frame) <= MAX_SHOWN else f"{frame[:MAX_SHOWN]}…"


def _is_complete(name: str, request: GenerationRequest, data: bytes, kind: str) -> bool:
    exchange = load(name).open(
        Operation.CHAT, request, Endpoint(provider="any", base_url="http://h", model="m"), stream=True
    )
    steps: list[Any] = [step for step in exchange.start() if not isinstance(step, Send)]
    steps += exchange.head(HttpHead(200, {"content-type": kind}))
    steps += exchange.feed(data) if data else []
    if not exchange.finished:
        steps += exchange.close()
    return not any(isinstance(step, Failure) for step in steps)


def _provider(row: ProviderRow) -> Iterator[str]:
    yield f"=== provider {row.type}"
    yield "operations: " + " ".join(f"{operation}={dialect}" for operation, dialect in row.dialects.items())
    yield from _error_rules("errors, before those of the dialect", row.error_rules)
    yield from _statuses("errors, instead of what all statuses mean", row.by_status)
    yield from _quirks("any model", quirks_of(row, None), Quirks())
    general = quirks_of(row, None)
    for name in _models(row):
        yield f"--- {name}"
        chats = _chat_dialects(row, quirks_of(row, name))
        if len(set(chats.values())) > 1 or set(chats.values()) != {row.dialects.get(Operation.CHAT)}:
            yield "  chat: " + ", ".join(f"{dialect} {when}" for when, dialect in chats.items())
        yield from _quirks("", quirks_of(row, name), general)
    for family in row.families:
        if not any(re.fullmatch(family.pattern, name) for name in _models(row)):
            yield f"--- all that match {family.pattern}"
            yield from _quirks("", msgspec.structs.replace(general, **family.quirks), general)
    yield ""


def _models(row: ProviderRow) -> list[str]:
    samples = SAMPLES.get(row.type, "").split()
    return sorted({*samples, *filter(None, (row.text_model, row.embedding_model))})


def _chat_dialects(row: ProviderRow, quirks: Quirks) -> dict[str, str]:
    asked = {when: dialect_for(row, Operation.CHAT, quirks, request) for when, request in _PROBES.items()}
    return {when: dialect for when, dialect in asked.items() if dialect is not None}


def _quirks(title: str, quirks: Quirks, base: Quirks) -> Iterator[str]:
    if title:
        yield f"--- {title}"
    for field in sorted(quirks.__struct_fields__):
        value = getattr(quirks, field)
        if value != getattr(base, field):
            yield f"  {field}: {_shown(value)}"


def _error_rules(title: str, rules: tuple[ErrorRule, ...]) -> Iterator[str]:
    """The rules in their order, for the first that matches counts."""
    if rules:
        yield f"{title}:"
    for rule in rules:
        marks = ((field, getattr(rule, field, None)) for field in ("status", "code", "text", "header"))
        shown = " ".join(f"{field}={value!r}" for field, value in marks if value is not None)
        yield f"  {rule.kind} <- {shown}" + (" (if nothing else is recognised)" if rule.is_last else "")


def _statuses(title: str, kinds: Mapping[int, FailureKind]) -> Iterator[str]:
    if kinds:
        yield f"{title}:"
    yield from (f"  {kind} <- status={status}" for status, kind in kinds.items())


def _shown(value: Any) -> str:
    match value:
        case frozenset():
            return " ".join(sorted(map(str, value))) or "(none)"
        case tuple():
            return ", ".join(map(_shown, value)) or "(none)"
        case _:
            return str(value)


def main() -> None:
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")


if __name__ == "__main__":
    main()
