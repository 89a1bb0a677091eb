"""What runs in the environment of a client: it reads a question a line, and writes what the client understood.

python -m tests.clients.environments.speaking CLIENT
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from tests.clients.asking import Asked, Seen
from tests.clients.environments.roster import CLIENTS

_SILENCE = 5.0
"""Seconds for the first piece."""
VECTORS = ["the first", "a second", "the first"]


async def main() -> None:
    """Answer the lines of the standard input until it ends."""
    roster = CLIENTS[sys.argv[1]]
    loop = asyncio.get_running_loop()
    # What libraries print is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        module, _, name = roster.faces[question["face"]].partition(":")
        kind = getattr(importlib.import_module(f"tests.clients.{module}"), name)
        try:
            client = kind(None, question["home"], question["key"])
            try:
                outcome = await _outcome(client, question)
            finally:
                await client.close()
        except Exception as error:  # noqa: BLE001 - what a client raises is what is asked for
            outcome = {"error": _raised(error), "status": _status(error)}
        answers.write(json.dumps(outcome, default=str) + "\n")
        answers.flush()


async def _outcome(client: Any, question: dict[str, Any]) -> dict[str, Any]:
    asked, stream = Asked(**question["asked"]), question["stream"]
    match question["operation"]:
        case "cancel":
            return {"left": await _interrupted(client, asked)}
        case "embed":
            return {"vectors": await client.embed(asked.model, VECTORS)}
        case "models":
            return {"models": await client.models()}
        case "count":
            return {"count": await client.count(asked.model)}
    seen: Seen = await client.ask(asked, stream=stream)
    last = seen
    if asked.tool and seen.turn:
        last = await client.ask(replace(asked, before=seen.turn), stream=stream)
    return {**asdict(replace(seen, turn=())), "end": last.text}


async def _interrupted(client: Any, asked: Asked) -> bool:
    """Cancel the reading of an answer behind its first piece. Return whether it was under way."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in client.pieces(asked):
            begun.set()

    reading = asyncio.create_task(read())
    waiting = asyncio.create_task(begun.wait())
    # Some show nothing until the end.
    await asyncio.wait((reading, waiting), timeout=_SILENCE, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if reading.done():
        reading.result()
        return False
    # Once is not enough for langchain-openai: on Python 3.11, its `asyncio.wait_for` swallows the cancellation if the
    # next piece is there already.
    while not reading.done():
        reading.cancel()
        await asyncio.wait((reading,), timeout=0.05)
    # Generators that a library leaves open are closed once they are collected.
    gc.collect()
    return True


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _raised(error: BaseException) -> list[str]:
    """Return what can be caught, and the words of the error at the end."""
    kinds = [kind for each in _chain(error) for kind in type(each).__mro__]
    classes = [f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}" for kind in kinds]
    return [*dict.fromkeys(classes), str(error)[:500]]


def _status(error: BaseException) -> int | None:
    names = ("status_code", "code", "status")
    found = (getattr(each, name, None) for each in _chain(error) for name in names)
    return next((each for each in found if isinstance(each, int)), None)


if __name__ == "__main__":
    asyncio.run(main())
