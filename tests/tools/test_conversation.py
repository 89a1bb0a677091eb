"""A conversation keeps what was said, and nothing that was not."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

import understudy as u
from tests.tools.scripted import Answer, Scripted, call, calls, model
from understudy import blocking


def add(a: int, b: int) -> int:
    return a + b


def texts(chat: u.Conversation | blocking.Conversation) -> list[str]:
    return [message.text for message in chat.messages]


async def test_every_turn_is_sent_with_those_before() -> None:
    llm, scripted = model("I am fine.", "Blue.", "Red.")
    chat = u.Conversation(llm, system="Be brief.", temperature=0.5)
    assert (await chat.send("How are you?")).text == "I am fine."
    answer = await chat.send("A colour?", temperature=1.0)
    assert answer.text == "Blue."
    assert chat.last is answer
    chat.system = "Be long."
    await chat.send("Another?")
    assert texts(chat) == ["How are you?", "I am fine.", "A colour?", "Blue.", "Another?", "Red."]
    sent = scripted.requests
    assert [each.temperature for each in sent] == [0.5, 1.0, 0.5]
    assert sent[1].messages == (u.Message.system("Be brief."), *chat.messages[:3])
    assert sent[2].messages[0] == u.Message.system("Be long.")
    chat.system = None
    assert chat.system is None
    assert chat.options == {"temperature": 0.5}
    assert "6 messages" in repr(chat)


async def test_tools_belong_to_the_history() -> None:
    llm, _ = model(calls(call("add", a=1, b=2)), "3", "Yes.")
    chat = u.Conversation(llm, tools=[add])
    assert (await chat.send("1 + 2?")).text == "3"
    await chat.send("Sure?")
    assert [message.role.value for message in chat.messages] == [
        *("user", "assistant", "tool", "assistant", "user", "assistant")
    ]


@u.tool(needs_approval=True)
def delete(path: str) -> str:
    return f"deleted {path}"


async def test_pending_calls_are_continued() -> None:
    llm, _ = model(calls(call("delete", path="/a")), "done")
    chat = u.Conversation(llm, tools=[delete])
    answer = await chat.send("Delete /a.")
    assert answer.pending
    assert (await chat.send(approve=lambda call: True)).text == "done"
    assert len(chat.messages) == 4


async def test_what_can_be_said() -> None:
    llm, scripted = model(*"abcde")
    chat = u.Conversation(llm)
    image = u.Image(url="https://example.com/a.png")
    await chat.send(["What is this?", image])
    await chat.send(image)
    await chat.send(u.Message.user("x"))
    await chat.send([{"role": "user", "content": "y"}, u.Text("z")])
    users = [message for message in chat.messages if message.role is u.Role.USER]
    assert users == [
        u.Message.user((u.Text("What is this?"), image)),
        u.Message.user((image,)),
        u.Message.user("x"),
        u.Message.user("y"),
        u.Message.user((u.Text("z"),)),
    ]
    for wrong in (5, [5]):
        with pytest.raises(u.Misuse):
            await chat.send(wrong)  # type: ignore[arg-type]
    assert len(scripted.requests) == 4
    with pytest.raises(u.Misuse, match="the prompt"):
        await u.Conversation(llm).send()


async def test_a_failed_turn_leaves_the_history_as_it_was() -> None:
    llm, _ = model("one", calls(call("add", a=1, b=2)), u.Unavailable("down"), "two")
    chat = u.Conversation(llm, tools=[add])
    await chat.send("first")
    before = chat.messages
    with pytest.raises(u.Unavailable) as caught:
        await chat.send("second")
    assert chat.messages == before
    assert caught.value.run is not None
    assert len(caught.value.run.messages) == len(before) + 3
    await chat.send("third")
    assert texts(chat) == ["first", "one", "third", "two"]


async def test_a_streamed_turn() -> None:
    llm, _ = model("a b", "c")
    chat = u.Conversation(llm)
    async with chat.stream("first") as stream:
        assert chat.messages == ()
        assert [text async for text in stream.text()] == ["a", "b"]
    assert texts(chat) == ["first", "ab"]
    async with chat.stream("second") as stream:
        async for _ in stream:
            with pytest.raises(u.Misuse, match="another turn is under way"):
                await chat.send("third")
            break
    assert texts(chat) == ["first", "ab"]
    chat.stream("never read")
    await chat.send("fourth")
    assert texts(chat) == ["first", "ab", "fourth", "c"]


async def test_a_failed_stream() -> None:
    llm, _ = model(u.Unavailable("down"), "b")
    chat = u.Conversation(llm)
    with pytest.raises(u.Unavailable):
        await chat.stream("first").collect()
    assert chat.messages == ()
    await chat.send("second")
    assert texts(chat) == ["second", "b"]


async def test_one_turn_at_a_time() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await may_end.wait()

    llm, _ = model(calls(call("wait")), "a", "b")
    chat = u.Conversation(llm, tools=[wait])
    first = asyncio.create_task(chat.send("first"))
    await begun.wait()
    with pytest.raises(u.Misuse, match="another turn is under way"):
        await chat.send("second")
    may_end.set()
    await first
    await chat.send("third")
    assert texts(chat) == ["first", "", "", "a", "third", "b"]


async def test_a_copy_goes_its_own_way() -> None:
    llm, _ = model("a", "b", "c")
    chat = u.Conversation(llm, system="x")
    await chat.send("first")
    other = chat.copy()
    await other.send("left")
    await chat.send("right")
    other.system = "y"
    assert texts(chat) == ["first", "a", "right", "c"]
    assert texts(other) == ["first", "a", "left", "b"]
    assert chat.system == "x"


async def test_a_conversation_can_be_saved(tmp_path: Path) -> None:
    llm, scripted = model(calls(call("add", a=1, b=2)), "3", "again")
    chat = u.Conversation(llm, system="x", tools=[add])
    await chat.send(["1 + 2?", u.Image(data="iVBORw0KGgo=", media_type="image/png")])
    path = tmp_path / "chat.json"
    chat.save(path)
    chat.save(path)
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["chat.json"]
    assert json.loads(path.read_text())["system"] == "x"
    again = u.Conversation.load(path, llm, tools=[add])
    assert again.messages == chat.messages
    await again.send("And again?")
    assert scripted.requests[-1].messages[0] == u.Message.system("x")
    other = u.Conversation.from_json(chat.to_json(), llm, system="y")
    assert (other.system, other.messages) == ("y", chat.messages)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a saved conversation"),
        ("[1]", "not a saved conversation"),
        ('{"messages": []}', "not a saved conversation"),
        ('{"messages": [], "system": null, "understudy_conversation": 99}', "newer version"),
        ("[" * 5000, "not a saved conversation"),
    ],
)
def test_what_is_no_saved_conversation(text: str, words: str, tmp_path: Path) -> None:
    llm, _ = model()
    path = tmp_path / "chat.json"
    path.write_text(text)
    with pytest.raises(u.Misuse, match=words):
        u.Conversation.load(path, llm)
    with pytest.raises(u.Misuse, match=words):
        u.Conversation.from_json(text, llm)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    llm, _ = model()
    with pytest.raises(u.Misuse, match="cannot be read: No such file"):
        u.Conversation.load(tmp_path / "missing", llm)
    with pytest.raises(u.Misuse, match="cannot be saved"):
        u.Conversation(llm).save(tmp_path / "no" / "folder.json")
    with pytest.raises(u.Misuse, match="cannot be saved"):
        u.Conversation(llm).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_needs_a_provider() -> None:
    llm: Any
    for llm in ("openai", Scripted(), blocking.ProviderManager([Scripted()])):
        with pytest.raises(u.Misuse, match="a Conversation needs a provider or a manager"):
            u.Conversation(llm)
    with pytest.raises(u.Misuse, match=r"needs a provider of understudy\.blocking"):
        blocking.Conversation(model()[0])  # type: ignore[arg-type]


def blocking_model(*answers: Answer) -> blocking.ProviderManager:
    return blocking.ProviderManager([Scripted(*answers)])


def test_without_async(tmp_path: Path) -> None:
    with blocking_model(calls(call("add", a=1, b=2)), "3", "b c", "d") as llm:
        chat = blocking.Conversation(llm, tools=[add], system="x")
        assert chat.send("1 + 2?").text == "3"
        with chat.stream("more") as stream:
            assert list(stream.text()) == ["b", "c"]
        assert texts(chat)[-2:] == ["more", "bc"]
        assert chat.last is not None
        assert chat.last.text == "bc"
        chat.save(tmp_path / "chat.json")
        again = blocking.Conversation.load(tmp_path / "chat.json", llm, tools=[add])
        copy = blocking.Conversation.from_json(again.copy().to_json(), llm)
        assert copy.messages == chat.messages
        copy.system = "y"
        assert (copy.system, chat.system, copy.options) == ("y", "x", {"system": "y"})
        assert copy.send("and?").text == "d"
        assert "messages with <blocking" in repr(copy)
