"""A silent provider never uses up the time of those behind it, whatever is asked."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import understudy as u
from tests.engine.servers import (
    STREAM_HEAD,
    Asked,
    Script,
    chunk,
    headers_only,
    kinds,
    manager,
    saying,
    serving,
    silent,
    well,
)
from understudy.domain.requests import WireOrigin


@pytest.mark.parametrize("script", [silent, headers_only])
async def test_an_answer_asked_for_whole_is_noticed_missing_after_the_first_event_limit(script: Script) -> None:
    """With the default deadline and time-out: only the first-event limit is short."""
    async with serving(script, well) as servers, manager(*servers, entry={"first_event_timeout": 0.15}) as llm:
        response = await asyncio.wait_for(llm.generate("Hi"), 30)
    assert response.text == "hello"
    expected = {"silent": "timeout_headers", "headers_only": "timeout_first_event"}[script.__name__]
    assert kinds(response.attempts) == [("primary", expected), ("backup", None)]
    assert servers[0].requests[0].streamed
    assert servers[1].requests[0].streamed, "the primary may come back, if this one is silent too"


async def test_a_limit_of_the_entry_applies_while_the_model_thinks_too() -> None:
    """Only the default is longer with thinking on."""
    async with serving(silent, well) as servers, manager(*servers, entry={"first_event_timeout": 0.15}) as llm:
        response = await asyncio.wait_for(llm.generate("Hi", reasoning="low"), 30)
    assert kinds(response.attempts) == [("primary", "timeout_headers"), ("backup", None)]


async def test_silence_everywhere_is_noticed_at_each_target_until_one_is_back() -> None:
    """Asked plainly, the last one would use up the rest of the deadline, while the first one is well again."""

    async def once(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (silent if len(primary.requests) == 1 else well)(asked, writer)

    async with (
        serving(once, silent) as (primary, backup),
        manager(primary, backup, entry={"first_event_timeout": 1.0}) as llm,
    ):
        response = await asyncio.wait_for(llm.generate("Hi"), 30)
    assert response.text == "hello"
    told = [("primary", "timeout_headers"), ("backup", "timeout_headers"), ("primary", None)]
    assert kinds(response.attempts) == told


async def test_the_last_attempt_of_all_is_patient() -> None:
    """No other may be made, so nothing is gained by giving it up early."""
    async with serving(silent, well) as servers:
        async with manager(*servers, entry={"first_event_timeout": 0.15}, max_attempts=2) as llm:
            await asyncio.wait_for(llm.generate("Hi"), 30)
        assert [each.requests[0].streamed for each in servers] == [True, False]


async def test_a_stall_in_an_answer_asked_for_whole_falls_back() -> None:
    stalling = saying(STREAM_HEAD, chunk("hel"), then=silent)
    async with serving(stalling, well) as servers, manager(*servers, entry={"idle_timeout": 0.15}) as llm:
        response = await llm.generate("Hi")
    assert response.text == "hello"
    assert kinds(response.attempts) == [("primary", "stalled"), ("backup", None)]


async def test_every_operation_of_a_manager_reaches_the_backup() -> None:
    """Whatever the limits of an entry: a share of the deadline is kept for the targets not tried yet."""
    plain: dict[str, Any] = {"whole": "plain", "deadline": 4.0}

    async def custom() -> str:
        async with serving(well) as (server,):
            last = u.create_provider(server.entry(name="backup"))
            async with u.ProviderManager([custom_one("own"), last], u.FallbackConfig(deadline=4.0)) as llm:
                response = await llm.generate("Hi")
        assert kinds(response.attempts) == [("own", "timeout_body"), ("backup", None)]
        return f"custom: {response.text}"

    async def asked(script: Script, operation: str, **fallback: Any) -> str:
        async with serving(script, well) as servers, manager(*servers, **fallback) as llm:
            match operation:
                case "generate":
                    found: Any = (await llm.generate("Hi")).text
                case "stream":
                    found = (await llm.stream("Hi").collect()).text
                case "embed":
                    found = (await llm.embed("Hi")).embedding
                case "list_models":
                    found = [model.id for model in await llm.list_models()]
                case "health_check":
                    found = (await llm.health_check()).ok
                case _:
                    found = await llm.is_model_available("gpt-5")
            return f"{operation}: {found}"

    got = await asyncio.gather(
        asked(silent, "generate", deadline=4.0),
        asked(headers_only, "generate", deadline=4.0),
        asked(silent, "generate", **plain),
        asked(headers_only, "generate", **plain),
        asked(headers_only, "stream", deadline=4.0),
        asked(headers_only, "embed", deadline=4.0),
        asked(silent, "list_models", deadline=2.0),
        asked(silent, "health_check", deadline=2.0),
        asked(silent, "is_model_available", deadline=2.0),
        custom(),
    )
    assert got == [
        *["generate: hello"] * 4,
        "stream: hello",
        "embed: (1.0, 0.0)",
        "list_models: ['backup/gpt-5']",
        "health_check: True",
        "is_model_available: True",
        "custom: hello",
    ]


async def test_a_target_that_has_begun_to_answer_is_not_cut_for_the_sake_of_others() -> None:
    """It goes on beyond its share, here half of the deadline."""
    slow = saying(STREAM_HEAD, *[step for n in range(5) for step in (chunk(f"{n} "), 0.25)], chunk(None, "stop"))
    async with serving(slow, well) as servers, manager(*servers, deadline=2.2) as llm:
        began = time.monotonic()
        response = await llm.generate("Hi")
        assert time.monotonic() - began > 1.1, "half of the deadline"
    assert response.text == "0 1 2 3 4 "
    assert kinds(response.attempts) == [("primary", None)]


async def test_counting_tokens_reaches_the_backup() -> None:
    class Hanging(Counting):
        async def count_tokens(self, prompt: Any, /, **options: Any) -> u.TokenCount:
            await asyncio.Event().wait()
            raise AssertionError

    first: Any = Hanging("first")
    llm = u.ProviderManager([first, custom_one("second")], u.FallbackConfig(deadline=0.4))
    count = await asyncio.wait_for(llm.count_tokens("Hi"), 30)
    assert count.input_tokens == 7


async def test_free_operations_end_by_themselves() -> None:
    async with serving(silent) as (server,):
        llm = u.create_provider(server.entry(), fallback=u.FallbackConfig(deadline=0.3))
        for operation in (llm.list_models(), llm.is_model_available("gpt-5")):
            with pytest.raises(u.DeadlineExceeded):
                await asyncio.wait_for(operation, 30)
        await llm.aclose()


@pytest.mark.parametrize(
    ("whole", "entry", "streams"),
    [
        ("auto", None, [True, False]),
        ("stream", None, [True, True]),
        ("plain", None, [False, False]),
        ("plain", "stream", [True, True]),
        ("stream", "plain", [False, False]),
    ],
)
async def test_whole_says_how_an_answer_is_fetched(whole: Any, entry: Any, streams: list[bool]) -> None:
    async def broken(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        serving(broken, well) as servers,
        manager(*servers, entry={"whole": entry}, whole=whole, max_retries=1) as llm,
    ):
        response = await llm.generate("Hi")
    assert [each.streamed for server in servers for each in server.requests] == streams
    assert response.text == "hello"
    assert [each.streamed for each in response.attempts] == [False, False], "the caller saw no stream"


async def test_one_target_alone_is_asked_plainly() -> None:
    async with serving(well) as (server,), u.create_provider(server.entry()) as llm:
        assert (await llm.generate("Hi")).text == "hello"
    assert not server.requests[0].streamed


def custom_one(name: str) -> Any:
    return Counting(name)


class Counting:
    """A custom provider that counts tokens, and never answers anything else."""

    provider_type = "own"
    priority = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        async def hang(*arguments: Any, **options: Any) -> Any:
            await asyncio.Event().wait()

        return hang

    async def count_tokens(self, prompt: Any, /, **options: Any) -> u.TokenCount:
        return u.TokenCount(input_tokens=7)

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()

    async def aclose(self) -> None:
        return None


async def test_a_body_of_the_same_wire_format_is_forwarded_as_it_came() -> None:
    """A caller of the gateway that asked for a whole answer in OpenAI's form gets one, not a stream put together."""
    body = b'{"model": "x", "messages": [{"role": "user", "content": "Hi"}]}'
    for dialect, streamed in (("openai", False), ("anthropic", True)):
        request = u.GenerationRequest(messages=(u.Message.user("Hi"),), origin=WireOrigin(dialect, body))
        async with serving(well, well) as servers, manager(*servers) as llm:
            assert (await llm.generate(request)).text == "hello"
        assert servers[0].requests[0].streamed is streamed
