"""Each client at each provider: what a stream adds up to is the answer that is not streamed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.clients.asking import CAPITAL, Asked, Seen
from tests.clients.conftest import CLIENTS, Connect
from understudy.domain.content import ToolCall

PROVIDERS = (
    "openai", "anthropic", "google", "groq", "together", "cohere", "ollama", "azure-openai", "huggingface", "replicate",
)  # fmt: skip
TOOLLESS = {"replicate"}
FILES: list[dict[str, Any]] = [
    {"path": 'a "b"/ä.txt', "content": 'one\n\ttwo \\ \u2028 \x85 \U0001f600 </script> {"x": [1, 2.50]}'},
    {"path": "empty", "content": ""},
]
"""Arguments in which an escape that is lost, doubled or cut in two would show."""
CALLS = tuple(("write_file", each) for each in FILES)
TEXT = "I write\u2028both\u2029of \x85 them."
"""With characters at which some readers of lines divide a text: `str.splitlines`, and so the lines of httpx."""
SCRIPT: list[str | ToolCall] = [
    TEXT,
    *(ToolCall(id="", name="write_file", arguments=json.dumps(each, ensure_ascii=False)) for each in FILES),
]


async def both(client: Any, asked: Asked) -> Seen:
    """Ask with and without a stream, and return what both have said."""
    plain: Seen = await client.ask(asked, stream=False)
    streamed: Seen = await client.ask(asked, stream=True)
    assert replace(plain, turn=()) == replace(streamed, turn=())
    return replace(streamed, turn=plain.turn)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)
async def test_a_stream_is_the_answer_in_pieces(kind: Any, provider: str, connect: Connect) -> None:
    client, emulator = await connect(kind, provider)
    said = await both(client, Asked(model=provider))
    assert (said.text, said.calls, said.finish) == ("The capital is Paris.", (), "stop")
    assert said.usage[0] > len(CAPITAL.split())
    assert said.usage[1] >= 4
    if provider in TOOLLESS:
        return
    emulator.answers(provider, [SCRIPT])
    called = await both(client, Asked(text="Write two files.", model=provider, tool="write_file"))
    assert called.calls == CALLS
    assert called.text == TEXT
    assert called.finish == "tools"
    assert called.usage[0] > 0
    assert called.usage[1] > 20
    end = await both(client, Asked(text="Write two files.", model=provider, tool="write_file", before=called.turn))
    assert end.text == "write_file says: 18 degrees write_file says: 18 degrees"
    assert (end.calls, end.finish) == ((), "stop")
