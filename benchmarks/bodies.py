"""The requests that are sent: an agent's, in the chat completions format, in the sizes that agents send."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.answers import MODEL

NUMBER = b"conversation 00000000"
"""What `numbered` replaces: it is near the beginning of each body."""
_OUTPUT = "def test_sky():\n    assert colour() == 'blue'  # \\ \"why\"\n" * 30


def request_of(size: int, asked: str = "", **more: Any) -> dict[str, Any]:
    """Return a request of about `size` bytes: one of an agent in a tool loop; a large one has 20 tools, as theirs have.

    `asked` is the line that states which answer the stub sends (`benchmarks.answers`).
    """
    system = f"You are a coding agent, {NUMBER.decode()}.{asked and ' ' + asked}"
    messages: list[Any] = [{"role": "system", "content": system}]
    tools = [_tool(number) for number in range(20)] if size >= 20_000 else []
    request = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {}), **more}
    question = {"role": "user", "content": "Why does the test fail? "}
    messages.append(question)
    number = 0
    while (left := size - len(json.dumps(request))) > 2_500:
        messages += _step(number, _OUTPUT)
        number += 1
    question["content"] += "x" * max(0, left)
    return request


def body_of(size: int, asked: str = "", **more: Any) -> bytes:
    """Return the same as bytes."""
    return json.dumps(request_of(size, asked, **more)).encode()


def numbered(request: bytes, number: int) -> bytes:
    """Return a request as that of another conversation: what was kept of those before it is of no use."""
    return request.replace(NUMBER, b"conversation %08d" % number, 1)


def messages_of(size: int, asked: str = "", **more: Any) -> bytes:
    """Return a request of about `size` bytes in the format of Anthropic's Messages, of an agent that begins.

    `asked` is the line that states which answer the stub sends.
    """
    system = f"You are a coding agent.{asked and ' ' + asked}"
    question = {"role": "user", "content": "Why does the test fail? "}
    request = {"model": MODEL, "max_tokens": 1_000, "system": system, "messages": [question], **more}
    question["content"] += "x" * max(0, size - len(json.dumps(request)))
    return json.dumps(request).encode()


def _step(number: int, output: str) -> list[Any]:
    """Return one step of a tool loop."""
    call = {"name": f"read_file_{number % 20}", "arguments": json.dumps({"path": f"tests/test_{number}.py"})}
    calls = [{"id": f"call_{number}", "type": "function", "function": call}]
    answer = {"role": "assistant", "content": None, "tool_calls": calls}
    return [answer, {"role": "tool", "tool_call_id": f"call_{number}", "content": output}]


def _tool(number: int) -> Any:
    fields = {f"field_{n}": {"type": "string", "description": "What this field is for. " * 6} for n in range(6)}
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    function = {"name": f"read_file_{number}", "description": "Read a file. " * 20, "parameters": schema}
    return {"type": "function", "function": function}
