"""Streams: plain iterators that read nothing ahead, and stop the provider when they are left."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import understudy as u
from tests.blocking.own import Own
from understudy import blocking
from understudy.emulator import Emulator, Fault

ENDLESS = Fault.endless(0.001)
SILENT = Fault.stall(after=2)


def test_a_stream_is_an_iterator_of_events(llm: blocking.Provider) -> None:
    stream = llm.stream("Hello")
    assert isinstance(stream, Iterator)
    with pytest.raises(u.Misuse, match="not ended"):
        _ = stream.response
    events = list(stream)
    assert isinstance(events[0], u.Started)
    assert isinstance(events[-1], u.Finished | u.UsageReported)
    assert stream.response.text == "".join(event.text for event in events if isinstance(event, u.TextDelta))
    assert [attempt.outcome for attempt in stream.attempts] == [u.Outcome.WON]
    assert list(stream) == []
    stream.close()


def test_text_collect_and_read_tell_the_same(llm: blocking.Provider) -> None:
    said = "Tell me of the sea."
    with llm.stream(said) as stream:
        text = "".join(stream.text())
    assert text == stream.response.text
    assert llm.stream(said).collect().text == text
    chunks = list(llm.stream(said).to_openai())
    assert "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]) == text
    stream = llm.stream(said)
    events = [next(stream)]
    while more := stream.read():
        events += more
    assert "".join(event.text for event in events if isinstance(event, u.TextDelta)) == text


def test_nothing_is_sent_before_the_first_event_is_asked_for(llm: blocking.Provider, emulator: Emulator) -> None:
    before = len(emulator.requests("openai"))
    stream = llm.stream("Hello")
    stream.close()
    with pytest.raises(u.Unavailable, match="closed"):
        next(stream)
    with pytest.raises(u.Misuse, match="temperature"):
        llm.stream("Hello", temperature="hot")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert len(emulator.requests("openai")) == before


def test_the_consumers_pace_is_the_providers() -> None:
    """Nothing is read ahead: what a slow consumer has not asked for has not been made."""
    own = Own()
    stream = blocking.ProviderManager([own]).stream("Count!")
    for wanted in range(1, 20):
        next(stream)
        assert own.made <= wanted + 1
    stream.close()
    assert own.closed == 1
    with pytest.raises(u.Unavailable, match="closed"):
        list(stream)


def test_a_stream_is_read_and_closed_in_one_task() -> None:
    """What a user's own provider opens around its `yield`s, such as a time-out, belongs to the task that opened it."""
    own = Own()
    with blocking.ProviderManager([own]).stream("Count!") as stream:
        for _ in range(5):
            next(stream)
    assert len(own.tasks) == 1
    assert None not in own.tasks


def test_trouble_at_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    own = Own()
    own.trouble = RuntimeError("cannot close")
    stream = blocking.ProviderManager([own]).stream("Count!")
    next(stream)
    stream.close()
    stream.close()
    assert "cannot close" in caplog.text


def test_errors_in_the_middle_carry_what_was_shown(llm: blocking.Provider, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=3))
    stream = llm.stream("Tell me of the sea.")
    shown: list[str] = []
    with pytest.raises(u.StreamInterrupted) as caught:
        shown.extend(stream.text())
    assert caught.value.partial is not None
    assert len(caught.value.partial.text) > 0
    with pytest.raises(u.Unavailable):
        list(stream)


@pytest.mark.parametrize("fault", [ENDLESS, SILENT], ids=["endless", "silent"])
def test_leaving_the_block_stops_the_provider(
    llm: blocking.Provider, emulator: Emulator, outcome: Callable[[], str], fault: Fault
) -> None:
    emulator.script("openai", [fault])
    with llm.stream("Hello") as stream:
        next(stream)
        assert outcome_now(emulator) == "open"
    assert [attempt.outcome for attempt in stream.attempts] == [u.Outcome.ABORTED]
    assert outcome() == "client_left"


def test_an_exception_in_the_block_stops_the_provider(
    llm: blocking.Provider, emulator: Emulator, outcome: Callable[[], str]
) -> None:
    emulator.script("openai", [ENDLESS])
    with pytest.raises(ZeroDivisionError), llm.stream("Hello") as stream:
        next(stream)
        _ = 1 / 0
    assert outcome() == "client_left"


def test_breaking_out_of_the_loop_stops_the_provider(
    llm: blocking.Provider, emulator: Emulator, outcome: Callable[[], str]
) -> None:
    emulator.script("openai", [ENDLESS, ENDLESS])
    for _ in llm.stream("Hello"):
        break
    assert outcome() == "client_left"
    for _ in llm.stream("Hello").text():
        break
    assert outcome() == "client_left"


def test_the_garbage_collector_stops_the_provider_quietly(
    llm: blocking.Provider, emulator: Emulator, outcome: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    emulator.script("openai", [ENDLESS])
    gc.collect()  # what earlier tests left may be logged when it is collected
    stream = llm.stream("Hello")
    next(stream)
    caplog.clear()  # if this is the first test to start the loop, asyncio has logged its selector
    cycle: list[object] = [stream]
    cycle.append(cycle)
    del stream, cycle
    gc.collect()
    assert outcome() == "client_left"
    assert caplog.records == []


def test_a_stream_keeps_its_provider(entry: u.ProviderConfig) -> None:
    def opened() -> blocking.ResponseStream:
        return blocking.create_provider(entry).stream("Tell me of the sea.")

    stream = opened()
    next(stream)
    gc.collect()
    assert stream.collect().text


def test_another_thread_may_close_it(llm: blocking.Provider, emulator: Emulator) -> None:
    """The reader gets an error, for an answer that is not whole must not look whole."""
    emulator.script("openai", [SILENT])
    stream = llm.stream("Hello")
    caught: list[BaseException] = []

    def read() -> None:
        try:
            stream.collect()
        except u.Unavailable as error:
            caught.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + 30
    while outcome_now(emulator) != "open" and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)  # until it waits for the third event
    stream.close()
    reader.join(30)
    assert [error.failure.kind for error in caught if isinstance(error, u.LLMError) and error.failure] == ["cancelled"]


@pytest.mark.parametrize("operation", ["stream", "stream_tools"])
@pytest.mark.parametrize("what", ["stream", "provider"])
def test_closed_between_two_reads_it_never_looks_whole(
    llm: blocking.Provider, emulator: Emulator, operation: str, what: str
) -> None:
    emulator.script("openai", [ENDLESS])
    stream = getattr(llm, operation)("Hello")
    while not isinstance(next(stream), u.TextDelta):
        pass
    closer = threading.Thread(target=stream.close if what == "stream" else llm.close)
    closer.start()
    closer.join(30)
    for _ in range(2):
        with pytest.raises(u.Unavailable, match="closed") as caught:
            list(stream)
        assert caught.value.failure is not None
    with pytest.raises(u.Misuse):
        _ = stream.response if operation == "stream" else stream.result


def test_threads_share_a_stream_without_losing_an_event(llm: blocking.Provider) -> None:
    stream = llm.stream("Tell me a long story of the sea, the wind and the lighthouse.")
    seen: list[u.Event] = []

    def read() -> None:
        seen.extend(stream)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)
    text = sorted(event.text for event in seen if isinstance(event, u.TextDelta))
    again = [event.text for event in llm.stream("Tell me a long story of the sea, the wind and the lighthouse.")
             if isinstance(event, u.TextDelta)]  # fmt: skip
    assert text == sorted(again)


def outcome_now(emulator: Emulator) -> str:
    requests = emulator.requests("openai")
    return requests[-1].outcome if requests else ""
