"""Every ledger that lasts keeps prompts and answers if it is told to, and nothing of them otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.ledger.contract.stores import Store
from tests.ledger.made import ended, now, start
from understudy import FailureKind, ProviderManager
from understudy.domain.capture import Capture
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.sums import DAY
from understudy.testing import FakeProvider


@pytest.fixture
async def manager(store: Store) -> AsyncIterator[ProviderManager]:
    ledger = store.open()
    async with ProviderManager(
        [FakeProvider(FailureKind.OVERLOADED, always="The answer.", name="one"), FakeProvider("Other.", name="two")],
        {"max_retries": 1},
        sink=ledger,
    ) as made:
        yield made


async def test_nothing_is_kept_unless_it_is_asked_for(store: Store, manager: ProviderManager) -> None:
    response = await manager.generate("What is kept?")
    manager._sink.flush()  # type: ignore[union-attr]
    with store.read() as reader:
        assert reader.captured([each.attempt_id for each in response.attempts]) == {}


@pytest.mark.parametrize(("mode", "kept"), [("off", []), ("errors", [1]), ("all", [1, 2])])
async def test_the_mode_says_which_attempts_are_kept(store: Store, mode: str, kept: list[int]) -> None:
    ledger = store.open()
    ledger.capture = Capture(mode=mode)  # type: ignore[arg-type]
    providers = [FakeProvider(FailureKind.OVERLOADED, name="one"), FakeProvider("The answer.", name="two")]
    async with ProviderManager(providers, {"max_retries": 1}, sink=ledger) as manager:
        response = await manager.generate("What is kept?", temperature=0.5)
    ledger.flush()
    ids = {each.attempt_id: each.number for each in response.attempts}
    with store.read() as reader:
        found = {ids[name]: texts for name, texts in reader.captured(list(ids)).items()}
    assert sorted(found) == kept
    for number, texts in found.items():
        assert texts.prompt["messages"] == [{"role": "user", "content": "What is kept?"}]
        assert texts.prompt["settings"] == {"temperature": 0.5}
        if number == 2:
            assert texts.answer is not None
            assert texts.answer["message"]["content"] == [{"type": "text", "text": "The answer."}]
            assert texts.answer["finish_reason"] == "stop"


async def test_a_stream_is_kept_as_a_whole_answer_is(store: Store) -> None:
    ledger = store.open()
    ledger.capture = Capture()
    async with ProviderManager([FakeProvider(always="Four words of text.")], sink=ledger) as manager:
        plain = await manager.generate("Hi")
        async with manager.stream("Hi") as stream:
            async for _ in stream:
                pass
            streamed = stream.response
    ledger.flush()
    with store.read() as reader:
        one, two = (reader.captured([each.attempts[0].attempt_id]).popitem()[1] for each in (plain, streamed))
    assert one == two


async def test_vectors_are_not_kept_but_their_texts_are(store: Store) -> None:
    ledger = store.open()
    ledger.capture = Capture()
    async with ProviderManager([FakeProvider()], sink=ledger) as manager:
        response = await manager.embed(["one text", "and sk-ant-0123456789abcdef0123"])
    ledger.flush()
    with store.read() as reader:
        (found,) = reader.captured([response.attempts[0].attempt_id]).values()
    assert found.prompt == {"texts": ["one text", "and [redacted]"]}
    assert found.answer == {"vectors": 2, "dimensions": 64}


def test_old_ones_go_and_their_entries_stay(store: Store) -> None:
    ledger = store.open()
    ledger.capture = Capture(keep_days=2)
    for number, days in ((1, 3), (2, 1)):
        begun = start(number, started=now() - days * DAY)
        ledger.record(ended(begun))
        ledger.keep_captured(
            CapturedDocument(
                attempt_id=begun.attempt_id,
                request_id=begun.request_id,
                started=begun.started,
                document=b'{"prompt":{"texts":["%d"]},"answer":null}' % number,
            )
        )
        ledger.flush()
    store.pass_time(20)  # so that the next transaction looks at what is old
    ledger.record(ended(start(3, started=now())))
    ledger.flush()
    with store.read() as reader:
        entries = reader.entries()
        found = reader.captured([each.start.attempt_id for each in entries])
    assert len(entries) == 3
    assert [texts.prompt for texts in found.values()] == [{"texts": ["2"]}]


def test_one_that_is_handed_over_twice_is_kept_once(store: Store) -> None:
    ledger = store.open()
    document = CapturedDocument(
        attempt_id=start().attempt_id, request_id="r\0", started=1.0, document=b'{"prompt":{},"answer":null}'
    )
    for _ in range(2):
        ledger.keep_captured(document)
        ledger.keep_captured(msgspec.structs.replace(document, document=b"{}"))
        ledger.flush()
    with store.read() as reader:
        assert list(reader.captured([document.attempt_id, "unknown"])) == [document.attempt_id]
    assert "prompt" not in repr(document)
