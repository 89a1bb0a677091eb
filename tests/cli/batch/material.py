"""Batches to run, how they are run, and how their output is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.cli.running import PATIENCE, CommandLine, Finished

COUNT = 12


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


def run(cli: CommandLine, *words: str, stdin: str | bytes | None = None) -> Finished:
    return cli.run("batch", "in.jsonl" if stdin is None else "-", "-o", "out.jsonl", *words, stdin=stdin)


def ask(cli: CommandLine, count: int = COUNT, **body: Any) -> None:
    write(cli.folder / "in.jsonl", [chat(f"line-{number}", **body) for number in range(count)])


def out(cli: CommandLine) -> Path:
    return cli.folder / "out.jsonl"


def expected(count: int = COUNT) -> dict[str, str]:
    return {f"line-{number}": f"line-{number}" for number in range(count)}


def until(came: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not came():
        assert time.monotonic() < end, "never came"
        time.sleep(0.01)
