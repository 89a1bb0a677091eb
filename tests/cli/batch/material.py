"""Batches to run, and how their output is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


def chat(custom_id: str, text: str | None = None, /, **body: Any) -> dict[str, Any]:
    """A line that an emulated model answers with its own custom id, unless a text is given."""
    words = f'say "{custom_id}"' if text is None else text
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "openai", "messages": [{"role": "user", "content": words}], **body},
    }


def embedding(custom_id: str, texts: str | list[str], **body: Any) -> dict[str, Any]:
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/embeddings",
        "body": {"model": "openai", "input": texts, **body},
    }


def write(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def read(path: Path) -> list[Any]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def answers(path: Path) -> dict[str, Any]:
    """The texts of all answers, by custom id, which stands there once."""
    records = read(path)
    found = {
        record["custom_id"]: record["response"]["body"]["choices"][0]["message"]["content"]
        for record in records
        if record["error"] is None and record["response"]["status_code"] == 200
    }
    assert len(found) == len(records), "an error, or a custom id that stands there twice"
    return found
