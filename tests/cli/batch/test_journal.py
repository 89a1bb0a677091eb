from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.batch.material import chat
from understudy.cli.batch.journal import PREFIX, Journal, parse_entry
from understudy.cli.batch.lines import parse_line
from understudy.cli.batch.outcome import failed, unreadable
from understudy.domain.errors import Misuse
from understudy.domain.failures import Failure, FailureKind


def record(custom_id: str, content: str = "hi", status: int = 200, cost: float | None = None) -> bytes:
    line = parse_line(msgspec.json.encode(chat(custom_id)))
    response = {"status_code": status, "request_id": "r", "body": {"choices": [{"message": {"content": content}}]}}
    facts = {"cost_usd": cost}
    return msgspec.json.encode(
        {"id": line.id, "custom_id": custom_id, "response": response, "error": None, "understudy": facts}
    )


RECORDS = [record("one"), record("zwei", 'grüße, "quoted"\n}}{{', cost=0.25), record("三", "", 429)]
WHOLE = b"".join(each + b"\n" for each in RECORDS)


def reopened(path: Path) -> tuple[list[str], bytes]:
    """What a fresh process finds, and what the file holds after that."""
    journal = Journal(path)
    try:
        return [entry.custom_id for entry in journal.entries()], path.read_bytes()
    finally:
        journal.close()


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forced onto the disk, where thousands of files are opened."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def test_records_of_ours_begin_as_the_repair_expects() -> None:
    line = parse_line(msgspec.json.encode(chat("a")))
    assert unreadable(line, Failure(kind=FailureKind.INVALID_REQUEST, message="no")).record.startswith(PREFIX)
    assert failed(line, Misuse("no")).record.startswith(PREFIX)


def test_an_entry_tells_what_resuming_needs() -> None:
    entry = parse_entry(RECORDS[1], 2)
    assert (entry.custom_id, entry.failed, entry.cost_usd, entry.number) == ("zwei", False, 0.25, 2)
    assert parse_entry(RECORDS[2], 3).failed
    assert parse_entry(b'{"id": "x", "custom_id": "a", "response": null, "error": {"code": "expired"}}', 1).failed


@pytest.mark.usefixtures("no_disk")
def test_after_a_cut_at_any_byte_whole_records_stay_and_the_journal_goes_on(tmp_path: Path) -> None:
    ends = [len(b"\n".join(RECORDS[:count])) for count in range(1, 4)]
    path = tmp_path / "out.jsonl"
    for cut in range(len(WHOLE) + 1):
        path.write_bytes(WHOLE[:cut])
        whole = sum(end <= cut for end in ends)
        journal = Journal(path)
        assert [entry.custom_id for entry in journal.entries()] == ["one", "zwei", "三"][:whole], cut
        assert path.read_bytes() == b"".join(each + b"\n" for each in RECORDS[:whole]), cut
        for each in RECORDS[whole:]:
            journal.append(each)
        journal.close()
        assert path.read_bytes() == WHOLE, cut


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.data())
def test_whatever_the_answers_hold_a_cut_costs_one_record_at_most(
    tmp_path_factory: pytest.TempPathFactory, contents: list[str], data: st.DataObject
) -> None:
    records = [record(str(number), content) for number, content in enumerate(contents)]
    whole = b"".join(each + b"\n" for each in records)
    cut = data.draw(st.integers(0, len(whole)))
    zeros = data.draw(st.sampled_from([0, 0, 1, 4096]))
    path = tmp_path_factory.mktemp("cut") / "out.jsonl"
    path.write_bytes(whole[:cut] + b"\0" * zeros)
    found, left = reopened(path)
    assert found == [str(number) for number in range(len(found))]
    assert whole.startswith(left)
    assert len(found) >= whole[:cut].count(b"\n")
    assert reopened(path) == (found, left)


@pytest.mark.parametrize("text", [b"my diary", b'{"name": "x"', b"\n\nnot JSON\n", b'{"id": 1}\n', b'{"a": 1}'])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(text)
    with pytest.raises(Misuse, match=r"out\.jsonl:\d is not a line of batch output"):
        reopened(path)
    assert path.read_bytes() == text


def test_a_record_broken_in_the_middle_of_a_file_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(RECORDS[0] + b"\n" + RECORDS[1][:30] + b"\n" + RECORDS[2] + b"\n")
    with pytest.raises(Misuse, match=r"out\.jsonl:2 is not a line"):
        reopened(path)


def test_one_process_at_a_time_has_the_output(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    first = Journal(path)
    with pytest.raises(Misuse, match="is in use by another batch"):
        Journal(path)
    first.close()
    Journal(path).close()


def test_records_that_are_dropped_go_and_the_lock_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(WHOLE)
    path.chmod(0o640)
    journal = Journal(path)
    assert len(list(journal.entries())) == 3
    assert journal.drop(lambda entry: entry.failed or entry.custom_id == "one") == 2
    assert path.read_bytes() == RECORDS[1] + b"\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(Misuse, match="is in use"):
        Journal(path)
    journal.append(RECORDS[0])
    journal.close()
    assert path.read_bytes() == RECORDS[1] + b"\n" + RECORDS[0] + b"\n"
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_dropping_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(WHOLE)
    journal = Journal(path)
    seen: list[str] = []

    def fails(entry: object) -> bool:
        seen.append(str(entry))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        journal.drop(fails)
    journal.close()
    assert path.read_bytes() == WHOLE
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_what_could_not_be_written_whole_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.jsonl"
    journal = Journal(path)
    journal.append(RECORDS[0])
    monkeypatch.setattr(os, "write", _full_after(os.write, 100))
    with pytest.raises(OSError, match="No space left"):
        journal.append(RECORDS[1])
    assert path.read_bytes() == RECORDS[0] + b"\n"
    monkeypatch.undo()
    journal.append(RECORDS[1])
    journal.close()
    assert path.read_bytes() == b"\n".join(RECORDS[:2]) + b"\n"


def _full_after(write: Callable[[int, bytes], int], room: int) -> Callable[[int, bytes], int]:
    left = [room]

    def limited(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        count = write(handle, data[: min(7, left[0])])
        left[0] = max(0, left[0] - count)
        return count

    return limited


def test_records_are_forced_onto_the_disk_when_asked_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: forced.append(os.fstat(handle).st_size))
    journal = Journal(tmp_path / "out.jsonl")
    journal.sync()
    journal.append(RECORDS[0])
    journal.sync()
    journal.sync()
    journal.append(RECORDS[1])
    journal.close()
    assert forced == [len(RECORDS[0]) + 1, len(RECORDS[0]) + len(RECORDS[1]) + 2]


@pytest.mark.parametrize("name", [".", "no/such/folder.jsonl", "/dev/null"])
def test_what_cannot_be_an_output_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misuse, match="--output"):
        Journal(tmp_path / name)
