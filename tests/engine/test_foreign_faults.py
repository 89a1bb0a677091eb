"""What is not the library's own error never reaches a caller raw: it falls back, or costs nothing at all."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from typing import Any

import pydantic
import pytest

import understudy as u
from tests.engine.fakes import Incoming, RecordingTransport, everything_about
from tests.engine.servers import kinds

SECRET = "sk-canary-0c1d2e3f4a5b"


class Bug(TypeError):
    """What only a bug raises; its words hold what nobody may see."""

    def __init__(self) -> None:
        super().__init__(f"unhashable type: {SECRET}")


class BrokenTransport(RecordingTransport):
    """Raises what no transport should, at the send or in the middle of the body."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    async def send(self, request: u.HttpRequest, *, connect: float) -> Any:
        if self._where == "send":
            raise Bug
        incoming = await super().send(request, connect=connect)

        async def read() -> bytes:
            raise Bug

        incoming.read = read  # type: ignore[method-assign]
        return incoming


class Validated(pydantic.BaseModel):
    """A pydantic model with a bug in its validation: what is not a `ValueError` leaves pydantic as it is."""

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def validate_all(cls, value: object, handler: Any) -> Any:
        raise Bug


class AnswersJson(RecordingTransport):
    async def send(self, request: u.HttpRequest, *, connect: float) -> Incoming:
        return Incoming("application/json", JSON_ANSWER)


JSON_ANSWER = (
    b'{"id": "1", "model": "gpt-5", "choices": [{"index": 0, "finish_reason": "stop",'
    b' "message": {"role": "assistant", "content": "{}"}}]}'
)


def entry(name: str, **settings: Any) -> u.ProviderConfig:
    values = {"text_model": "gpt-5", "embedding_model": "one", "base_url": "http://one.test", **settings}
    return u.ProviderConfig(provider="openai", name=name, api_key=u.Secret("sk-test"), **values)


def well(name: str = "backup", **more: Any) -> Any:
    return u.create_provider(entry(name, base_url="http://two.test"), transport=RecordingTransport(), **more)


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.exc_info and record.name == "understudy"]


def spoiled() -> u.ProviderConfig:
    """Return an entry whose extra fields were changed after it had checked them."""
    options: dict[str, Any] = {"x": 1}
    made = entry("primary", extra=options)
    options["x"] = object()
    return made


PRIMARIES = {
    "send": lambda: u.create_provider(entry("primary"), transport=BrokenTransport("send")),
    "read": lambda: u.create_provider(entry("primary"), transport=BrokenTransport("read")),
    "encoding": lambda: u.create_provider(spoiled(), transport=RecordingTransport()),
}


@pytest.mark.parametrize("where", PRIMARIES)
@pytest.mark.parametrize("operation", ["generate", "stream", "embed"])
async def test_a_bug_falls_back_and_is_logged_once(
    where: str, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    if (where, operation) == ("encoding", "embed"):
        pytest.skip("the entry's extra fields are encoded alike")
    llm = u.ProviderManager([PRIMARIES[where](), well()])
    match operation:
        case "generate":
            attempts = (await llm.generate("Hi")).attempts
        case "stream":
            attempts = (await llm.stream("Hi").collect()).attempts
        case _:
            attempts = (await llm.embed("Hi")).attempts
    assert kinds(attempts) == [("primary", "local"), ("backup", None)]
    failure = attempts[0].failure
    assert failure is not None
    assert failure.message.startswith(f"internal error: {'Bug' if where != 'encoding' else 'TypeError'} in ")
    assert SECRET not in repr(attempts)
    assert len(logged(caplog)) == 1


@pytest.mark.parametrize("where", PRIMARIES)
async def test_a_bug_at_the_only_target_is_unavailable(where: str) -> None:
    for work in (PRIMARIES[where]().generate("Hi"), PRIMARIES[where]().stream("Hi").collect()):
        with pytest.raises(u.Unavailable, match="internal error") as caught:
            await work
        assert kinds(caught.value.attempts) == [("primary", "local")]
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("where", ["send", "read"])
async def test_a_bug_in_a_free_operation_is_unavailable(where: str) -> None:
    llm = PRIMARIES[where]()
    for work in (llm.list_models(), llm.is_model_available("gpt-5")):
        with pytest.raises(u.Unavailable, match="internal error"):
            await work
    status = await llm.health_check()
    assert not status.ok
    assert "internal error" in (status.detail or "")


async def test_a_bug_in_a_validator_falls_back() -> None:
    made = (u.create_provider(entry(name), transport=AnswersJson()) for name in ("primary", "backup"))
    llm = u.ProviderManager(list(made))
    with pytest.raises(u.Unavailable) as caught:
        await llm.generate("Hi", schema=Validated)
    assert kinds(caught.value.attempts) == [("primary", "local"), ("backup", "local")]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("schema", [Bug, list[Bug], Bug(), lambda text: text])
async def test_what_is_no_schema_is_named_and_not_shown(schema: Any) -> None:
    with pytest.raises(u.Misuse, match=r"schema: .*cannot be turned into a JSON Schema.*pass a JSON Schema") as caught:
        await well().generate("Hi", schema=schema)
    assert SECRET not in everything_about(caught.value)


async def test_what_cancels_passes() -> None:
    class Cancelling(RecordingTransport):
        async def send(self, request: u.HttpRequest, *, connect: float) -> Any:
            raise asyncio.CancelledError

    llm = u.ProviderManager([u.create_provider(entry("primary"), transport=Cancelling()), well()])
    with pytest.raises(asyncio.CancelledError):
        await llm.generate("Hi")


async def test_misuse_surfaces_at_once() -> None:
    llm = u.ProviderManager([well("primary"), well()])
    with pytest.raises(u.Misuse):
        await llm.generate("\ud800")


@pytest.mark.parametrize("what", ["sink", "observer"])
async def test_a_ledger_or_observer_that_raises_costs_no_answer(what: str, caplog: pytest.LogCaptureFixture) -> None:
    class Sink:
        def record(self, attempt: u.AttemptRecord) -> None:
            raise Bug

    def observe(attempt: u.AttemptRecord) -> None:
        raise Bug

    seen: list[u.AttemptRecord] = []
    more: dict[str, Any] = {"sink": Sink()} if what == "sink" else {"observers": [observe, seen.append]}
    llm = well(**more)
    assert (await llm.generate("Hi")).text == "hello"
    assert (await llm.stream("Hi").collect()).text == "hello"
    assert (await llm.embed("Hi")).embedding == (1.0, 0.0)
    assert len(logged(caplog)) == 3
    assert len(seen) == (0 if what == "sink" else 3), "the other observers are told all the same"
    assert llm.stats().total_requests == 3


# ---- custom providers ----


class Broken:
    """A custom provider of which everything raises."""

    provider_type = "own"
    name = "own"
    priority = 1

    def __getattr__(self, name: str) -> Any:
        def raising(*arguments: Any, **options: Any) -> Any:
            raise Bug

        return raising


class Odd:
    """A custom provider of which everything answers with a value of the wrong type."""

    provider_type = "own"
    name = "own"
    priority = 1

    def __init__(self, value: object) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        async def later(*arguments: Any, **options: Any) -> object:
            return self._value

        return (lambda *arguments, **options: self._value) if name in ("stats", "stream") else later


@pytest.mark.parametrize("broken", [Broken(), *map(Odd, (None, {}, [None], 7, "yes", object()))])
async def test_a_custom_provider_that_raises_or_answers_oddly_fails_alone(broken: Any) -> None:
    class Listing(RecordingTransport):
        async def send(self, request: u.HttpRequest, *, connect: float) -> Any:
            answer = await super().send(request, connect=connect)
            if "/models" in request.url:
                found = b'{"object": "list", "data": [{"id": "gpt-5", "object": "model"}]}'
                one = b'{"id": "gpt-5", "object": "model"}'
                return Incoming("application/json", found if request.url.endswith("/models") else one)
            return answer

    good = u.create_provider(entry("backup"), transport=Listing())
    llm = u.ProviderManager([broken, good])
    assert [model.id for model in await llm.list_models()] == ["backup/gpt-5"]
    assert await llm.is_model_available("gpt-5")
    with pytest.raises(u.Unavailable, match=r"own raised (Bug|TypeError)"):
        await llm.is_model_available("own/gpt-5")
    status = await llm.health_check()
    assert {each.provider: each.ok for each in status.targets} == {"own": False, "backup": True}
    assert (await llm.generate("Hi")).attempts[-1].provider == "backup"
    assert llm.stats().total_requests == 2
    with pytest.raises(u.LLMError):
        await llm.count_tokens("Hi")  # the other wire has no counts
    await llm.aclose()
    with pytest.raises(u.Unavailable):
        await u.ProviderManager([broken]).list_models()


# ---- memory ----


def test_new_names_of_models_do_not_grow_memory() -> None:
    llm = well("primary")
    llm.stream("Hi")  # loads what a first call needs

    def name(models: range) -> int:
        for number in models:
            llm.stream("Hi", model=f"model-{number}")  # plans the call, and sends nothing yet
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = name(range(1100)), name(range(1100, 2300))
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
