"""An answer that arrives faster than it is read leaves other tasks their turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

import understudy as u
from understudy.wire.http import HttpHead, HttpRequest

KIB = 1 << 10
PIECE = 16 * KIB
LETTERS = 2 << 20


class Ready:
    """A response all of whose body is there: reading it never waits. Calls `over` at its end."""

    def __init__(self, kind: str, body: bytes, over: Callable[[], None]) -> None:
        self._over = over
        self.head = HttpHead(200, {"content-type": kind})
        self._pieces = [body[at : at + PIECE] for at in range(0, len(body), PIECE)]
        self._pieces.reverse()

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop()
        self._over()
        return b""

    def release(self) -> None:
        pass

    def close(self) -> None:
        self._pieces.clear()


class Prompt:
    """Answers each chat at once with so many letters."""

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over

    async def send(self, request: HttpRequest, *, connect: float) -> Ready:
        if json.loads(request.body or b"").get("stream"):
            piece = {"choices": [{"index": 0, "delta": {"content": "x" * 900}}]}
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            events = [piece] * (LETTERS // 900) + [end]
            body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"
            return Ready("text/event-stream", body, self._over)
        message = {"role": "assistant", "content": "x" * LETTERS}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Ready("application/json", json.dumps(answer).encode(), self._over)

    async def aclose(self) -> None:
        pass


class Turns:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.count = 0
        self._turn()

    def _turn(self) -> None:
        self.count += 1
        self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def stop(self) -> None:
        self._handle.cancel()


@pytest.mark.parametrize(("streamed", "every"), [(True, 16 * KIB), (False, 128 * KIB)])
async def test_other_tasks_have_their_turn_while_an_answer_is_read(streamed: bool, every: int) -> None:
    entry = u.ProviderConfig(provider="openai", base_url="http://host.test/v1", api_key=u.Secret("k"), text_model="m")
    turns = Turns()
    async with u.create_provider(entry, transport=Prompt(turns.stop)) as llm:
        answer = await (llm.stream("Hi").collect() if streamed else llm.generate("Hi"))
    assert len(answer.text) > LETTERS - 900
    assert turns.count >= LETTERS // every
