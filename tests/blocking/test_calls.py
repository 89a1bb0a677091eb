"""Plain calls: from any thread, in a running loop, with the same errors, and without a thread before the first."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Unpack

import pytest

import understudy as u
from tests.blocking.own import Own
from understudy import blocking
from understudy.blocking.bridge import BRIDGE
from understudy.emulator import Emulator, Fault
from understudy.protocol import Prompt, RequestOptions


def test_every_operation_answers(llm: blocking.Provider) -> None:
    answer = llm.generate("Why is the sky blue?", max_tokens=50)
    assert answer.text
    assert answer.attempts[0].outcome is u.Outcome.WON
    assert len(llm.embed(["one", "two"]).embeddings) == 2
    assert "gpt-4o-mini" in {model.id for model in llm.list_models()}
    assert llm.is_model_available("gpt-4o-mini")
    assert llm.health_check().ok
    assert llm.explain("Hello").steps[0].target.model == "gpt-4o-mini"
    assert llm.count_tokens("Hello").input_tokens > 0
    assert llm.stats().successful_requests == 2


def test_it_is_the_asynchronous_provider_that_answers(llm: blocking.Provider, entry: u.ProviderConfig) -> None:
    assert isinstance(llm.wrapped, type(u.create_provider(entry)))
    assert (llm.name, llm.provider_type, llm.priority, llm.text_model) == ("openai", "openai", 10, "gpt-4o-mini")
    ours = llm.generate("Say hello.").text
    theirs = asyncio.run(_once(entry))
    assert ours == theirs


async def _once(entry: u.ProviderConfig) -> str:
    async with u.create_provider(entry) as provider:
        return (await provider.generate("Say hello.")).text


def test_errors_are_the_same_and_show_the_line_of_the_call(llm: blocking.Provider, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(401))
    with pytest.raises(u.AuthenticationFailed) as caught:
        llm.generate("Hello")
    assert len(caught.value.attempts) == 1
    lines = "".join(traceback.format_exception(caught.value))
    assert "test_calls.py" in lines
    assert "run.py" in lines
    with pytest.raises(u.Misuse, match="did you mean 'model'"):
        llm.generate("Hello", modle="x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def test_an_error_holds_on_to_nothing(llm: blocking.Provider) -> None:
    """No cycle through the traceback: what a failed call held is freed at once, not at some later collection."""

    class Marker:
        pass

    def fail(marker: Marker) -> None:
        try:
            llm.generate("Hello", metadata=marker)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
        except u.Misuse:
            return
        raise AssertionError("that is no metadata")

    gc.collect()
    gc.disable()
    try:
        marker = Marker()
        gone = weakref.ref(marker)
        fail(marker)
        del marker
        end = time.monotonic() + 30
        while gone() is not None and time.monotonic() < end:
            time.sleep(0.01)  # the loop's thread drops its own references
        assert gone() is None
    finally:
        gc.enable()


async def test_it_works_where_a_loop_is_running(llm: blocking.Provider) -> None:
    assert llm.generate("Hello").text
    assert "".join(llm.stream("Hello").text())
    assert (await asyncio.to_thread(llm.generate, "Hello")).text


def test_many_threads_call_at_once_over_one_loop(llm: blocking.Provider) -> None:
    def ask(number: int) -> tuple[str, str]:
        said = f"number {number}"
        return said, llm.generate(said).text if number % 2 else "".join(llm.stream(said).text())

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(120)))
    assert all(said in answer for said, answer in answers)
    assert sum(thread.name == "understudy-loop" for thread in threading.enumerate()) == 1
    assert llm.stats().successful_requests == 120


def test_a_call_on_the_loop_itself_is_misuse_not_a_deadlock(entry: u.ProviderConfig) -> None:
    caught: list[BaseException] = []

    def observer(record: u.AttemptRecord) -> None:
        assert llm.stats().total_requests == 1  # what needs no waiting is allowed
        for call in (llm.generate, llm.stream, lambda prompt: llm.close()):
            try:
                call("Hello")
            except u.Misuse as error:
                caught.append(error)

    with blocking.create_provider(entry, observers=[observer]) as llm:
        assert llm.generate("Hello").text
    assert ["would deadlock" in str(error) for error in caught] == [True, True, True]


def test_observers_see_the_callers_context(entry: u.ProviderConfig) -> None:
    request_of: ContextVar[str] = ContextVar("request_of", default="nobody")
    seen: list[str] = []
    with blocking.create_provider(entry, observers=[lambda record: seen.append(request_of.get())]) as llm:
        request_of.set("me")
        llm.generate("Hello")
        llm.stream("Hello").collect()
    assert seen == ["me", "me"]


def test_the_loop_outlives_what_a_user_of_it_raises() -> None:
    class Quitter(Own):
        async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> u.GenerationResponse:
            raise SystemExit(3)

    quitter = blocking.ProviderManager([Quitter()])
    with pytest.raises(SystemExit):
        quitter.generate("Hello")
    assert blocking.ProviderManager([Own()]).generate("Hello").text == "own"


def test_a_users_own_provider_stands_beside_the_built_in_ones(entry: u.ProviderConfig, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(503))
    built_in = blocking.create_provider(entry)
    own = Own()
    with blocking.ProviderManager([built_in, own], u.FallbackConfig(retry_delay_ms=1)) as llm:
        assert llm.providers == (built_in, own)
        assert llm.wrapped.providers == (built_in.wrapped, own)
        assert llm.fallback.retry_delay_ms == 1
        answer = llm.generate("Hello")
    assert answer.provider == "own"
    assert own.closed == 1


def test_an_asynchronous_manager_gets_its_blocking_face(entry: u.ProviderConfig) -> None:
    manager = u.ProviderManager([u.create_provider(entry), Own()])
    face = blocking.ProviderManager.of(manager)
    assert face.wrapped is manager
    assert [type(each).__name__ for each in face.providers] == ["Provider", "Own"]
    assert isinstance(face.providers[0], blocking.Provider)
    assert face.generate("Hello").provider == "openai"


@pytest.mark.parametrize("entries", [1, 2])
def test_a_configuration_is_the_way_in(entries: int, emulator: Emulator, tmp_path: Any) -> None:
    texts = [
        f'[[llm.providers]]\nprovider = "{name}"\napi_key = "{emulator.key}"\n'
        f'base_url = "{emulator.url(name)}"\ntext_model = "{model}"\n'
        for name, model in (("openai", "gpt-4o-mini"), ("anthropic", "claude-haiku-4-5"))
    ]
    path = tmp_path / "understudy.toml"
    path.write_text("\n".join(texts[:entries]), encoding="utf-8")
    with blocking.from_config(path) as llm:
        assert isinstance(llm, blocking.Provider if entries == 1 else blocking.ProviderManager)
        assert llm.generate("Hello").provider == "openai"


def test_what_is_let_go_of_closes_its_connections(
    entry: u.ProviderConfig, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Synchronous code rarely closes what it makes; warnings are errors here, and none may be heard."""

    def ask() -> None:
        assert blocking.create_provider(entry).generate("Hello").text

    before = emulator.open_connections
    ask()
    wait_until(lambda: emulator.open_connections <= before)
    gc.collect()
    assert caplog.records == []


def test_a_closed_provider_may_be_used_again(llm: blocking.Provider) -> None:
    assert llm.generate("Hello").text
    llm.close()
    llm.close()
    assert llm.generate("Hello").text


def test_closing_what_was_never_used_starts_nothing(entry: u.ProviderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BRIDGE, "thread", None)
    with blocking.create_provider(entry):
        pass
    assert BRIDGE.thread is None


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
