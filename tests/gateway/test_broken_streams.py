"""A stream that breaks, as each agent takes it best: none goes on after what it does not expect."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import Open
from understudy.emulator import Fault

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
