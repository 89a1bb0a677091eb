"""What a record says of the request that an attempt belongs to, and that none of it is sent."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import RecordingTransport
from understudy.domain.requests import WireOrigin
from understudy.wire.json import decode_object, encode

LABELS = {"tenant": "acme-7f31", "key": "nightly-9c02"}
SESSION = "session-51ab"
MARKS: dict[str, Any] = {"labels": LABELS, "session": SESSION}


def provider(transport: RecordingTransport, name: str = "one", **fields: Any) -> u.Provider:
    fields = {"text_model": "gpt-5", "embedding_model": "vectors", **fields}
    return u.create_provider(
        u.ProviderConfig(provider="openai", name=name, api_key=u.Secret("k-1234567"), **fields), transport=transport
    )


def marks(record: u.AttemptRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("labels", "session", "route", "task", "why")}


def sent(transport: RecordingTransport) -> bytes:
    return b"".join(request.body or b"" for request in transport.requests)


async def test_labels_and_session_reach_every_record_and_no_provider() -> None:
    transport, ledger = RecordingTransport(), u.MemoryLedger()
    llm = u.ProviderManager([provider(transport)], sink=ledger)
    await llm.generate("Hi", **MARKS)
    await llm.stream("Hi", **MARKS).collect()
    await llm.embed("Hi", **MARKS)
    await llm.embed(u.EmbeddingRequest(texts=("Hi",), single=True, **MARKS))
    assert [record.operation for record in ledger] == [u.Operation.CHAT] * 2 + [u.Operation.EMBED] * 2
    assert all(record.labels == LABELS and record.session == SESSION for record in ledger)
    assert not any(word.encode() in sent(transport) for word in (*LABELS, *LABELS.values(), SESSION, "labels"))


async def test_a_record_says_why_its_target_stood_there() -> None:
    route = u.Route(name="fast", targets=("two", "one"))
    tasks = u.FallbackConfig(strategy=u.FallbackStrategy.TASK_BASED, tasks={"code": ("one",)})
    targets = [provider(RecordingTransport(), name) for name in ("one", "two")]
    by_route, by_task = u.ProviderManager(targets, routes=[route]), u.ProviderManager(targets, tasks)
    empty: dict[str, Any] = {"labels": {}, "session": None, "route": None, "task": None}

    assert marks((await by_route.generate("Hi")).attempts[0]) == {**empty, "why": "priority 10"}
    assert marks((await by_route.generate("Hi", model="two")).attempts[0]) == {**empty, "why": "named by the call"}
    assert marks((await by_route.generate("Hi", model="fast")).attempts[0])["route"] == "fast"
    assert marks((await by_task.generate("Hi", task="code")).attempts[0])["task"] == "code"
    alone = (await provider(RecordingTransport()).generate("Hi", task="mail")).attempts[0]
    assert marks(alone) == {**empty, "task": "mail", "why": "the only target"}


@pytest.mark.parametrize("wrong", [{"labels": {"tenant": 7}}, {"labels": "acme"}, {"session": 7}])
async def test_what_is_no_label_is_misuse(wrong: Any) -> None:
    with pytest.raises(u.Misuse, match=next(iter(wrong))):
        await provider(RecordingTransport()).generate("Hi", **wrong)
    with pytest.raises(u.Misuse, match=next(iter(wrong))):
        await provider(RecordingTransport()).embed("Hi", **wrong)


async def test_a_whole_embedding_request_keeps_the_bytes_that_it_came_in() -> None:
    transport = RecordingTransport()
    body = encode({"input": "Hi", "model": "of-the-caller", "made_up": {"kept": [1, None]}})
    request = u.EmbeddingRequest(texts=("Hi",), single=True, origin=WireOrigin("openai", body))
    await provider(transport).embed(request)
    await provider(transport).embed(request, model="other", deadline=5)
    await provider(transport).embed(request, dimensions=8)
    bodies = [decode_object(each.body or b"") for each in transport.requests]
    assert [each.get("made_up") for each in bodies] == [{"kept": [1, None]}] * 2 + [None]
    assert [each["model"] for each in bodies] == ["vectors", "other", "vectors"]
    assert bodies[-1]["dimensions"] == 8, "what the call says counts, so the received bytes no longer do"


async def test_an_embedding_request_is_checked_as_texts_are() -> None:
    for texts in ((), ("",), ("\ud800",)):
        with pytest.raises(u.Misuse):
            await provider(RecordingTransport()).embed(u.EmbeddingRequest(texts=texts))
    with pytest.raises(u.Misuse, match="EmbeddingRequest, not a whole number"):
        await provider(RecordingTransport()).embed(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
