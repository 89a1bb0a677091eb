"""A stream that breaks, as each agent takes it best: none goes on after what it does not expect."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest

from tests.gateway.asgi import Answer
from tests.gateway.conftest import Open
from understudy.emulator import Fault
from understudy.testing import tool_call

CLAUDE = {"user-agent": "claude-cli/2.1.332 (external, sdk-cli)"}
CODEX = {"user-agent": "codex_exec/0.171.0", "originator": "codex_exec"}
OPENCODE = {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23"}
GEMINI_CLI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro-preview (linux; x64; terminal)"}
HI = [{"role": "user", "content": "hi"}]
MESSAGES = ("/v1/messages", {"model": "openai", "max_tokens": 50, "stream": True, "messages": HI})
CHAT = ("/v1/chat/completions", {"model": "openai", "stream": True, "messages": HI})
RESPONSES = ("/v1/responses", {"model": "openai", "stream": True, "input": "hi"})
GEMINI = ("/v1beta/models/openai:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "hi"}]}]})

END = {MESSAGES[0]: "message_stop", CHAT[0]: "[DONE]", RESPONSES[0]: "response.completed", GEMINI[0]: '"STOP"'}
ERROR = {MESSAGES[0]: "event: error", CHAT[0]: '"error":{', RESPONSES[0]: "event: error", GEMINI[0]: '"error":{'}


@pytest.mark.parametrize(
    ("headers", "face", "cut"),
    [
        # Claude Code asks for the answer as a whole after an error event; opencode gives up on Messages.
        (CLAUDE, MESSAGES, True),
        (OPENCODE, MESSAGES, True),
        (OPENCODE, CHAT, True),
        # Gemini CLI gives up if the connection is cut.
        (GEMINI_CLI, GEMINI, False),
        (CODEX, RESPONSES, False),
        ({}, MESSAGES, False),
        ({}, CHAT, False),
        ({}, RESPONSES, False),
        ({}, GEMINI, False),
    ],
)
async def test_a_broken_stream(headers: dict[str, str], face: tuple[str, object], cut: bool, opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    emulator.script("openai", always=Fault.cut(after=2))
    path, body = face
    answer = await caller.post(path, body, headers)
    assert answer.status == 200
    assert answer.text
    assert END[path] not in answer.text
    assert (ERROR[path] in answer.text) is not cut
    assert answer.is_complete is not cut


@pytest.mark.parametrize("face", [MESSAGES, CHAT, RESPONSES, GEMINI])
async def test_a_whole_stream_is_whole_for_all(face: tuple[str, object], opened: Open) -> None:
    caller, _, _ = await opened("openai")
    path, body = face
    for headers in (CLAUDE, CODEX, OPENCODE, GEMINI_CLI, {}):
        answer = await caller.post(path, body, headers)
        assert END[path] in answer.text
        assert answer.is_complete


SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOLS: dict[str, list[dict[str, object]]] = {
    MESSAGES[0]: [{"name": "append", "input_schema": SCHEMA}],
    CHAT[0]: [{"type": "function", "function": {"name": "append", "parameters": SCHEMA}}],
    RESPONSES[0]: [{"type": "function", "name": "append", "parameters": SCHEMA, "strict": False}],
}
PATHS = ["a/rather/long/path.txt", "another/one.txt"]


def calls_in(path: str, answer: Answer) -> list[object]:
    """Return the calls that opencode performs as soon as it reads them: those with whole arguments or an end."""
    texts: dict[int, str] = {}
    ended: set[int] = set()
    for event in answer.events:
        match event:
            case {"type": "content_block_delta", "index": index, "delta": {"partial_json": piece}}:
                texts[index] = texts.get(index, "") + piece
            case {"type": "content_block_stop", "index": index}:
                ended.add(index)
            case {"type": "response.output_item.done", "item": {"type": "function_call", "arguments": text}}:
                texts[len(texts)] = text
                ended.add(len(texts) - 1)
            case {"choices": [{"delta": {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}}]}:
                texts[index] = texts.get(index, "") + piece
                ended.add(index)
    found: list[object] = []
    for index in sorted(ended & texts.keys()):
        with suppress(ValueError):
            found.append(json.loads(texts[index])["path"])
    return found


@pytest.mark.parametrize("target", ["openai", "anthropic", "google"])
@pytest.mark.parametrize("face", [MESSAGES, CHAT, RESPONSES], ids=["messages", "chat", "responses"])
async def test_opencode_gets_no_whole_call_of_a_stream_that_breaks(
    face: tuple[str, dict[str, object]], target: str, opened: Open
) -> None:
    """opencode performs a call as soon as its arguments are complete, and once more when it has asked again."""
    caller, emulator, _ = await opened(target)
    emulator.answers(target, [["Well.", *(tool_call("append", path=path) for path in PATHS)]])
    path, body = face
    body = {**body, "model": target, "tools": TOOLS[path]}
    whole = await caller.post(path, body, OPENCODE)
    assert (calls_in(path, whole), END[path] in whole.text) == (PATHS, True)
    for after in (2, 4, 6, 99):
        emulator.script(target, [Fault.cut(after=after)])
        broken = await caller.post(path, body, {**OPENCODE, "x-understudy-on-midstream-error": "surface"})
        assert (calls_in(path, broken), broken.is_complete) == ([], False)


async def test_others_get_calls_as_they_arrive(opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic")
    emulator.answers("anthropic", [tool_call("append", path=PATHS[0])])
    emulator.script("anthropic", [Fault.cut(after=99)])
    path, body = CHAT
    broken = await caller.post(path, {**body, "model": "anthropic", "tools": TOOLS[path]})
    assert (calls_in(path, broken), END[path] in broken.text) == (PATHS[:1], False)


async def test_what_is_held_back_keeps_its_bytes(opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic")
    emulator.answers("anthropic", [["Well.", *(tool_call("append", path=path) for path in PATHS)]])
    path, body = MESSAGES
    body = {**body, "model": "anthropic", "tools": TOOLS[path]}
    texts = [(await caller.post(path, body, headers)).text for headers in ({}, OPENCODE)]
    numbered = [re.sub(r"emulated\d+", "emulated", text) for text in texts]
    assert numbered[0] == numbered[1]


@pytest.mark.parametrize("provider", ["google", "openai"])
@pytest.mark.parametrize("fault", [None, Fault.cut(after=2)], ids=["whole", "broken"])
async def test_geminis_other_form_of_a_stream_is_an_array(provider: str, fault: Fault | None, opened: Open) -> None:
    """Without `alt=sse` the service streams one JSON array of chunks, and its errors are elements of it.

    https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
    """
    caller, emulator, _ = await opened(provider)
    if fault is not None:
        emulator.script(provider, always=fault)
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    answer = await caller.post(f"/v1beta/models/{provider}:streamGenerateContent", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=UTF-8")
    chunks = answer.json
    assert isinstance(chunks, list)
    assert len(chunks) > 1
    texts = [part["text"] for each in chunks[:-1] for part in each["candidates"][0]["content"]["parts"]]
    assert "".join(texts)
    if fault is None:
        assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
        assert chunks[-1]["usageMetadata"]["totalTokenCount"] > 0
    else:
        assert chunks[-1].keys() == {"error"}
        assert not any("finishReason" in each["candidates"][0] for each in chunks[:-1])
    assert len(answer.pieces) > 1
