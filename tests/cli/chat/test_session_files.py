"""Sessions on disk: lossless, private, appended to, and readable after a crash and by other versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from understudy.cli.chat import session_files
from understudy.cli.chat.conversation import Conversation, Ending, ModelSet, Spent, SystemSet, Turn, Undone
from understudy.cli.chat.session_files import SessionFile, find, read, summaries
from understudy.cli.chat.session_store import SessionStore
from understudy.config.discovery import data_folder
from understudy.domain.content import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message

EVERYTHING = Message.assistant(
    (
        Thinking("hm", signature="c2ln", provenance=Provenance("anthropic", "claude", "anthropic")),
        Thinking(redacted="cmVk", provenance=Provenance("anthropic")),
        Text("héllo 世界 👋 \u0000\u001b[31m", citations=(Citation(url="https://example.org", start=0, end=2),)),
        Refusal("no", extra={"openai": {"annotations": [1, 2.5, None, {"a": "b"}]}}),
        Image(data="aGk=", media_type="image/png", detail="high"),
        Audio(data="aGk=", format="wav", transcript="hi"),
        File(data="aGk=", media_type="application/pdf", name="a.pdf", cache=CacheMark(ttl="1h")),
        ToolCall(id="1", name="f", arguments='{"a": 1', provenance=Provenance("openai")),
        ToolResult(call_id="1", content=(Text("x"),), is_error=True),
        Opaque("openai", {"type": "item_reference", "id": "rs_1"}, provenance=Provenance("openai")),
    )
)


def turn(text: str = "hi", answer: Message | None = None) -> Turn:
    return Turn(question=Message.user(text), answer=answer or Message.assistant(f"{text} too"), provider="p", model="m")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sessions"


def journal(folder: Path, session: str = "20260102-030405-ab12") -> SessionFile:
    return SessionFile(folder, session, now=1767323045.0)


def test_what_is_restored_equals_what_was_kept(folder: Path) -> None:
    records = (
        SystemSet(text="Be brief."),
        ModelSet(model="openai/gpt"),
        Spent(provider="p", model="m", input=1, cached=1, output=2, nano_usd=3),
        Spent(provider="p"),
        turn(answer=EVERYTHING),
        turn("gone"),
        Undone(),
        Turn(question=EVERYTHING, answer=Message.assistant("a\nb"), ended=Ending.BROKEN, at=1.5),
    )
    file = journal(folder)
    for record in records:
        file.write(record)
    file.close()
    restored = read(file.path)
    assert restored == Conversation().apply(*records)
    assert restored.turns[0].answer == EVERYTHING


def test_files_and_folders_are_private(folder: Path) -> None:
    file = journal(folder)
    file.write(turn())
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0


def test_a_line_that_a_crash_left_unfinished_is_no_line(folder: Path) -> None:
    file = journal(folder)
    file.write(turn("one"))
    file.close()
    with file.path.open("ab") as damaged:
        damaged.write(b'{"type":"turn","question":{"role":"us')
    assert [each.question.text for each in read(file.path).turns] == ["one"]
    again = journal(folder)
    again.write(turn("two"))
    assert [each.question.text for each in read(file.path).turns] == ["one", "two"]


def test_what_a_newer_version_wrote_is_passed_over_and_stays(folder: Path) -> None:
    file = journal(folder)
    file.write(turn("one"))
    file.close()
    newer = b'{"type":"mood","value":"merry"}\n{"type":"system","text":"Be kind.","since":5}\n'
    with file.path.open("ab") as written:
        written.write(newer)
    again = journal(folder)
    again.write(turn("two"))
    conversation = read(file.path)
    assert (len(conversation.turns), conversation.system) == (2, "Be kind.")
    assert newer in file.path.read_bytes()


@pytest.mark.parametrize("line", [b"no json", b'{"type":"turn"}', b'{"type":5}', b"[]", b'{"type":"turn","at":\xff}'])
def test_a_damaged_line_is_named(folder: Path, line: bytes) -> None:
    file = journal(folder)
    file.write(turn())
    with file.path.open("ab") as written:
        written.write(line + b"\n")
    with pytest.raises(Misuse, match=r"ab12\.jsonl:3: the session cannot be read"):
        read(file.path)
    assert summaries(folder) == []


def test_records_are_written_all_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = journal(folder)
    file.write(turn("one"))
    before = file.path.read_bytes()
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            return real(descriptor, data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.write(turn("two"), turn("three"))
    monkeypatch.undo()
    assert file.path.read_bytes() == before


def test_a_session_is_open_in_one_chat_alone(folder: Path) -> None:
    pytest.importorskip("fcntl")
    first, second = journal(folder), journal(folder)
    first.write(turn())
    with pytest.raises(Misuse, match="open in another chat"):
        second.write(turn())
    first.close()
    second.write(turn())


def test_sessions_are_found_by_id_by_its_beginning_and_as_the_last(folder: Path) -> None:
    for age, session in enumerate(["20260102-1", "20260102-2", "20260301-1"]):
        file = journal(folder, session)
        file.write(turn(session))
        file.close()
        os.utime(file.path, (1000 - age, 1000 - age))
    assert find(folder, "last").stem == "20260102-1"
    assert find(folder, "20260102-2").stem == "20260102-2"
    assert find(folder, "202603").stem == "20260301-1"
    assert [each.id for each in summaries(folder)] == ["20260102-1", "20260102-2", "20260301-1"]
    for wanted, told in (
        ("20260102", "2 sessions begin with"),
        ("2027", "unknown session"),
        ("../x", "unknown session"),
    ):
        with pytest.raises(Misuse, match=told):
            find(folder, wanted)
    with pytest.raises(Misuse, match="no sessions yet"):
        find(folder / "elsewhere", "last")


def test_the_list_says_what_a_session_is_about(folder: Path) -> None:
    file = journal(folder)
    file.write(turn("what is\nthe capital of France?"), turn("more"), SystemSet(text="x"))
    (summary,) = summaries(folder)
    assert (summary.turns, summary.answered_by, summary.title) == (2, "p/m", "what is the capital of France?")


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({}, "linux", "/home/ada/.local/share/understudy"),
        ({"XDG_DATA_HOME": "/data"}, "linux", "/data/understudy"),
        ({"XDG_DATA_HOME": "data"}, "linux", "/home/ada/.local/share/understudy"),
        ({}, "darwin", "/home/ada/Library/Application Support/understudy"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/understudy"),
        ({}, "win32", "/home/ada/AppData/Local/understudy"),
    ],
)
def test_where_data_is_kept(environ: dict[str, str], platform: str, folder: str) -> None:
    assert data_folder(environ, Path("/home/ada"), platform) == Path(folder)


def test_without_a_home_there_is_no_place() -> None:
    assert [data_folder({}, None, platform) for platform in ("linux", "darwin", "win32")] == [None] * 3


# ---- the store ----


def test_what_never_was_a_conversation_leaves_no_file(folder: Path) -> None:
    store = SessionStore(folder)
    store.add(SystemSet(text="x"), Spent(provider="p"))
    assert not folder.exists()
    store.add(turn())
    assert read(find(folder, "last")) == store.conversation


def test_a_new_conversation_has_a_file_of_its_own(folder: Path) -> None:
    store = SessionStore(folder)
    store.add(SystemSet(text="x"), ModelSet(model="m"), turn("one"))
    first = store.saved_as
    store.restart()
    assert (store.conversation.turns, store.conversation.system) == ((), "x")
    assert store.saved_as is None
    store.add(turn("two"))
    assert store.saved_as != first
    assert len(session_files.ids(folder)) == 2
    assert read(find(folder, store.saved_as or "")) == store.conversation


def test_nothing_is_kept_unless_wanted(folder: Path, tmp_path: Path) -> None:
    store = SessionStore(folder, saves=False)
    store.add(turn())
    assert not folder.exists()
    assert read(store.save()) == store.conversation
    document = store.export(tmp_path / "talk.md")
    assert "hi too" in document.read_text()
    with pytest.raises(Misuse, match="File exists"):
        store.export(document)


@pytest.mark.parametrize("broken", [False, True])
def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: bool
) -> None:
    (tmp_path / "file").touch()
    store = SessionStore(tmp_path / "file" if broken else None)
    store.add(turn("one"))
    store.add(turn("two"))
    assert capsys.readouterr().err.count("the session is not saved") == 1
    assert len(store.conversation.turns) == 2
    assert store.saved_as is None
