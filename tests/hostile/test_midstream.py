"""Streams that break at every boundary of their events, in every wire format, and how another provider takes over."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

import understudy as u
from tests.hostile.answers.all import DIALECTS
from tests.hostile.answers.base import PIECES, TEXT, Answers, named
from tests.hostile.framing import LAST, chunk, chunked_head, response
from tests.hostile.server import Close, HostileServer, Party, Request, Script

PROMPT = "Why is the sky blue?"
STREAMED = [name for name, answers in DIALECTS.items() if answers.pieces and answers.streamed_apart is None]
"""Without Replicate, whose answer is fetched again where its stream breaks, and without what generates nothing."""
Act = Callable[[Request], Script]


def breaking(answers: Answers, frames: int, *, clean: bool) -> Act:
    """Break after so many frames of a stream; `clean` with the proper end of the HTTP message."""

    def act(request: Request) -> Script:
        if not answers.flows(request):
            return answers.other(request) or answers.good("generate", request)
        sent = chunked_head(answers.stream_type) + b"".join(map(chunk, answers.stream()[:frames]))
        return (sent + LAST,) if clean else (sent, Close())

    return act


def good(answers: Answers) -> Act:
    return lambda request: answers.other(request) or answers.good("generate", request)


def entry(name: str, answers: Answers, party: Party, model: str | None = None) -> u.LLMProvider:
    config = u.ProviderConfig(
        provider=answers.provider,
        name=name,
        api_key=u.Secret("key"),
        base_url=party.url + answers.base,
        text_model=model or answers.model,
        priority=1 if name == "primary" else 2,
    )
    return u.create_provider(config)


MODES: tuple[Literal["restart", "hold", "collect"], ...] = ("restart", "hold", "collect")
RULES = u.FallbackConfig(max_retries=1)


async def shown_by(stream: u.ResponseStream) -> str:
    """Read a stream as its reader should: what is on the screen at the end."""
    shown = ""
    async for event in stream:
        if isinstance(event, u.Restarted):
            shown = ""
        elif isinstance(event, u.TextDelta):
            shown += event.text
    return shown


@pytest.mark.parametrize("dialect", STREAMED)
async def test_wherever_it_breaks_the_whole_answer_arrives(dialect: str) -> None:
    answers, backup = DIALECTS[dialect], DIALECTS["openai"]
    restarts = 0
    async with HostileServer() as server:
        for frames in range(len(answers.stream()) + 1):
            for clean in (False, True):
                parties = (
                    server.party(f"p{frames}{clean}", breaking(answers, frames, clean=clean)),
                    server.party(f"b{frames}{clean}", good(backup)),
                )
                for mode in MODES:
                    providers = [entry("primary", answers, parties[0]), entry("backup", backup, parties[1])]
                    async with u.ProviderManager(providers, RULES) as llm:
                        if mode == "collect":
                            stream = llm.stream(PROMPT)
                            shown = (await stream.collect()).text
                        else:
                            stream = llm.stream(PROMPT, on_midstream_error=mode)
                            shown = await shown_by(stream)
                    where = f"{mode} after {frames} frames, clean={clean}"
                    assert shown == TEXT, where
                    assert stream.response.text == TEXT, where
                    restarts += mode == "restart" and stream.response.provider == "backup"
    assert restarts >= len(PIECES)


def _begun(request: Request) -> str:
    """Return the beginning of the answer that a request hands over."""
    last = json.loads(request.body)["messages"][-1]
    if last["role"] != "assistant":
        return ""
    content = last["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def continuing(*, repeats: bool = False) -> Act:
    """Claude, which continues what it is given, or begins it again."""
    claude = DIALECTS["anthropic"]

    def act(request: Request) -> Script:
        begun = _begun(request)
        assert begun, "nothing was handed over"
        assert TEXT.startswith(begun)
        assert begun == begun.rstrip(), "white space at the end of a prefill is refused"
        rest = TEXT if repeats else TEXT[len(begun) :]
        pieces = [rest[at : at + 5] for at in range(0, len(rest), 5)]
        deltas = (
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces
        )
        frames = (*(named(("content_block_delta", json.dumps(each))) for each in deltas),)
        return claude.good("generate", request, b"".join((claude.opening, *frames, claude.ending, claude.mark)))

    return act


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("dialect", STREAMED)
async def test_a_declared_model_continues_what_was_shown(dialect: str, repeats: bool) -> None:
    answers, claude = DIALECTS[dialect], DIALECTS["anthropic"]
    async with HostileServer() as server:
        for pieces in (1, 2):
            frames = bool(answers.opening) + pieces
            primary = server.party(f"p{pieces}", breaking(answers, frames, clean=False))
            backup = server.party(f"b{pieces}", continuing(repeats=repeats))
            providers = [entry("primary", answers, primary), entry("backup", claude, backup, "claude-haiku-4-5")]
            async with u.ProviderManager(providers, RULES) as llm:
                stream = llm.stream(PROMPT, on_midstream_error="continue")
                events = [event async for event in stream]
            assert not any(isinstance(event, u.Restarted) for event in events)
            assert "".join(event.text for event in events if isinstance(event, u.TextDelta)) == TEXT
            assert {event.index for event in events if isinstance(event, u.TextDelta)} == {0}
            answer = stream.response
            assert answer.text == TEXT
            assert answer.message == u.Message.assistant(TEXT)
            assert answer.provider == "backup"
            (note,) = [each for each in answer.warnings if each.what == "answer"]
            shown = len("".join(PIECES[:pieces]))
            assert note.why.startswith(f"interrupted at primary after {shown} characters (")
            assert note.why.endswith("continued by backup/claude-haiku-4-5")
            assert [each.provider for each in answer.attempts] == ["primary", "backup"]
            assert answer.attempts[1].usage.output_total == 17  # its own tokens alone


async def test_a_backup_that_rejects_the_prefill_never_shows_its_error() -> None:
    answers, claude = DIALECTS["openai"], DIALECTS["anthropic"]
    words = "This model does not support assistant message prefill. The conversation must end with a user message."
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}

    async with HostileServer() as server:
        primary = server.party("p", breaking(answers, 2, clean=False))
        backup = server.party("b", lambda _: (response(400, json.dumps(body).encode()),))
        providers = [entry("primary", answers, primary), entry("backup", claude, backup, "claude-haiku-4-5")]
        async with u.ProviderManager(providers, RULES) as llm:
            stream = llm.stream(PROMPT, on_midstream_error="continue")
            with pytest.raises(u.StreamInterrupted) as caught:
                async for _ in stream:
                    pass
    assert "prefill" not in str(caught.value)
    assert caught.value.partial is not None
    assert caught.value.partial.text == PIECES[0]
    assert [each.provider for each in caught.value.attempts] == ["primary", "backup"]


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-4-6"])
async def test_a_model_that_is_not_declared_is_not_asked_to_continue(model: str) -> None:
    answers, claude = DIALECTS["openai"], DIALECTS["anthropic"]
    async with HostileServer() as server:
        primary = server.party("p", breaking(answers, 2, clean=False))
        backup = server.party("b", good(claude))
        providers = [entry("primary", answers, primary), entry("backup", claude, backup, model)]
        async with u.ProviderManager(providers, RULES) as llm:
            with pytest.raises(u.StreamInterrupted):
                await shown_by(llm.stream(PROMPT, on_midstream_error="continue"))
        assert backup.requests == []


async def test_an_entry_can_declare_that_its_model_continues() -> None:
    answers = DIALECTS["openai"]
    async with HostileServer() as server:
        primary = server.party("p", breaking(answers, 2, clean=False))
        backup = server.party("b", good(answers))
        config = u.ProviderConfig(
            provider="openai",
            name="backup",
            api_key=u.Secret("key"),
            base_url=backup.url + answers.base,
            text_model=answers.model,
            capabilities={"prefill": True},
        )
        async with u.ProviderManager([entry("primary", answers, primary), u.create_provider(config)], RULES) as llm:
            stream = llm.stream(PROMPT, on_midstream_error="continue")
            assert await shown_by(stream) == TEXT  # it repeats the beginning, which is trimmed
        assert _begun(backup.requests[0]) == PIECES[0].rstrip()
        assert stream.response.text == TEXT


@pytest.mark.parametrize("options", [{"schema": {"type": "object"}}, {"reasoning": "low"}], ids=str)
async def test_structured_and_thinking_answers_are_not_continued(options: dict[str, Any]) -> None:
    answers, claude = DIALECTS["openai"], DIALECTS["anthropic"]
    async with HostileServer() as server:
        primary = server.party("p", breaking(answers, 2, clean=False))
        backup = server.party("b", continuing())
        providers = [entry("primary", answers, primary), entry("backup", claude, backup, "claude-haiku-4-5")]
        async with u.ProviderManager(providers, RULES) as llm:
            with pytest.raises(u.StreamInterrupted):
                await shown_by(llm.stream(PROMPT, on_midstream_error="continue", **options))
        assert backup.requests == []
