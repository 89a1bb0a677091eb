"""The log: JSON, one line for each request, whatever the values hold, and never in the way."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec
import pytest

from understudy.gateway.access_log import AccessRecord, line_of
from understudy.gateway.serving import writing
from understudy.gateway.serving.control import Options
from understudy.gateway.serving.process import logging_to
from understudy.gateway.serving.writing import LineHandler, LineWriter

RECORD = AccessRecord(
    time=1_764_000_000.25,
    id="req-1",
    method="POST",
    route="/v1/messages",
    key="alice",
    operator="bob",
    status=200,
    outcome="answered",
    ms=12.5,
    first_ms=3.25,
    model_asked="claude-x\nforged",
    provider="openai",
    model="gpt-6-luna",
    attempts=2,
    input_tokens=10,
    output_tokens=20,
    cost_usd="0.0012",
)


def test_a_record_is_one_line() -> None:
    line = line_of(RECORD)
    assert line.count(b"\n") == 1
    assert msgspec.json.decode(line) == {
        "event": "request",
        "time": "2025-11-24T16:00:00.250Z",
        "id": "req-1",
        "caller_id": None,
        "method": "POST",
        "route": "/v1/messages",
        "key": "alice",
        "operator": "bob",
        "status": 200,
        "outcome": "answered",
        "ms": 12.5,
        "first_ms": 3.25,
        "model_asked": "claude-x\nforged",
        "provider": "openai",
        "model": "gpt-6-luna",
        "attempts": 2,
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_usd": "0.0012",
        "session": None,
        "client": None,
        "request_class": None,
        "warnings": [],
    }


def test_a_terminal_interprets_nothing_of_the_log(tmp_path: Path) -> None:
    hostile = "a\x1b[2J\x9b31m\x7f\u202egpj.exe\u2066é"
    path = tmp_path / "access.log"
    writer = LineWriter(path)
    writer.record(msgspec.structs.replace(RECORD, model_asked=hostile))
    LineHandler(writer).emit(logging.makeLogRecord({"msg": "model %s", "args": (hostile,), "levelno": 30}))
    writer.close()
    written = path.read_text()
    assert not [each for each in written.replace("\n", "") if not each.isprintable()]
    assert [each.get("model_asked") or each["message"] for each in lines(path)] == [hostile, f"model {hostile}"]


def lines(path: Path) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_file_is_appended_to_and_follows_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text('{"before": true}\n')
    writer = LineWriter(path)
    writer.record(RECORD)
    while len(lines(path)) < 2:
        os.sched_yield()
    path.rename(tmp_path / "access.log.1")
    writer.reopen()
    writer.record(RECORD)
    writer.close()
    assert [len(lines(each)) for each in (tmp_path / "access.log.1", path)] == [2, 1]


class ToldJustThen(LineWriter):
    """Is told of a rotation right after its thread has seen that the file was renamed."""

    is_told = False

    def _is_in_place(self) -> bool:
        is_in_place = super()._is_in_place()
        if not is_in_place and not self.is_told:
            self.is_told = True
            self.reopen()
        return is_in_place


def test_a_rotation_that_the_writer_is_told_of_is_no_news(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    writer = ToldJustThen(path)
    path.rename(tmp_path / "access.log.1")
    writer.record(RECORD)
    writer.close()
    assert writer.is_told
    assert [each["event"] for each in lines(path)] == ["request"]


@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced"])
def test_a_file_that_was_moved_without_a_signal_is_not_used_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(writing, "MOVED", 0.02)
    monkeypatch.setattr(writing, "PAUSE", 0.001)
    path = tmp_path / "access.log"
    writer = LineWriter(path)
    writer.write(b'{"event":"one"}\n')
    while not path.read_bytes():
        os.sched_yield()
    match how:
        case "deleted":
            path.unlink()
        case "renamed":
            path.rename(tmp_path / "access.log.1")
        case _:
            (tmp_path / "new").touch()
            (tmp_path / "new").rename(path)
    for number in range(100):
        writer.write(b'{"event":"two","number":%d}\n' % number)
    while not path.exists() or path.read_bytes().count(b"\n") < 101:
        os.sched_yield()
    writer.close()
    first, *rest = lines(path)
    assert first["message"] == f"{path} was moved or deleted: the log goes on in another"
    assert [each["number"] for each in rest] == list(range(100)), "no line is lost"


def test_lines_wait_a_moment_for_the_file_of_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which makes it itself, with its own mode, and fails if there is one."""
    monkeypatch.setattr(writing, "MOVED", 60.0)
    monkeypatch.setattr(writing, "PAUSE", 0.001)
    path = tmp_path / "access.log"
    writer = LineWriter(path)
    path.rename(tmp_path / "access.log.1")
    writer.write(b'{"event":"one"}\n')
    time.sleep(0.02)
    assert not path.exists()
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    while not path.read_bytes():
        os.sched_yield()
    path.unlink()
    writer.write(b'{"event":"two"}\n')
    writer.close()
    assert lines(path)[-1] == {"event": "two"}, "what ends waits for nothing"


def test_a_log_that_cannot_keep_up_loses_lines_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_WAITING", 5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = LineWriter(pipe)
    long = b"x" * 60_000 + b"\n"
    for _ in range(20):
        writer.write(long)  # a pipe holds 64 KiB: this would block
    os.set_blocking(reading, True)
    seen = b""
    while b"were dropped" not in seen:
        writer.write(b"short\n")
        seen += os.read(reading, 65536)
    assert b"lines of the log were dropped: the log cannot keep up" in seen
    os.close(reading)
    writer.close()


@pytest.mark.parametrize(("kind", "most", "count"), [("file", 65_536, 5_000), ("pipe", 4_096, 1_000)])
def test_lines_are_written_whole_and_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, most: int, count: int
) -> None:
    """A pipe mixes longer pieces with those of other processes; a file that is appended to does not."""
    path = tmp_path / "log"
    if kind == "pipe":
        os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CREAT)
    monkeypatch.setattr(writing, "PAUSE", 60.0)
    seen: list[bytes] = []
    write = os.write

    def noted(file: int, data: bytes) -> int:
        seen.append(bytes(data))
        return write(file, data)

    monkeypatch.setattr(os, "write", noted)
    writer = LineWriter(path)
    lines = [b"%d %s\n" % (number, b"x" * (number % 90)) for number in range(count)]
    for line in lines:
        writer.write(line)
    writer.close(60.0)
    os.close(reading)
    assert b"".join(seen) == b"".join(lines)
    assert all(each.endswith(b"\n") and most - 100 < len(each) <= most for each in seen[:-1])
    assert len(seen) > 1


def test_a_line_that_a_full_disk_cut_ends_before_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    write, left = os.write, [7, 5, -1]

    def full(file: int, data: bytes) -> int:
        """Write as many bytes as there is room for."""
        room = left.pop(0) if left else len(data)
        if room < 0:
            raise OSError(28, "No space left on device")
        return write(file, data[:room])

    writer = LineWriter(path)
    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(writing, "PAUSE", 0.0)
    for line in (b"one\ntwo\n", b"three\n", b"four\n"):
        writer.write(line)
        waits = len(left)
        while len(left) == waits:
            os.sched_yield()
    writer.write(b"five\n")
    writer.close()
    said = path.read_bytes().splitlines()
    assert b"3 lines of the log were dropped: No space left on device" in said[4]
    assert said[:5] == [b"one", b"two", b"thre", b"five", *said[4:5]]
    assert b"3 lines of the log were dropped" in said[4]


def test_a_file_that_is_opened_after_a_line_was_cut_begins_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    write, left = os.write, [7]

    def full(file: int, data: bytes) -> int:
        return write(file, data[: left.pop()] if left else data)

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(writing, "PAUSE", 0.0)
    writer = LineWriter(path)
    writer.write(b"one\ntwo\n")
    while left:
        os.sched_yield()
    path.rename(tmp_path / "log.1")
    writer.reopen()
    writer.write(b"three\n")
    writer.close()
    assert path.read_bytes().startswith(b"three\n")


def test_what_the_library_logs_has_the_same_form(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with logging_to(Options(host="127.0.0.1", secret="0" * 64, access_log=str(path))) as writer:
        logging.getLogger("understudy").warning("attempt %s\nfailed", "a1")
        logging.getLogger("understudy.gateway").debug("not at this level")
        writer.record(RECORD)
        try:
            raise ValueError("boom")
        except ValueError:
            logging.getLogger("understudy").exception("a bug")
    found = lines(path)
    assert [(each["event"], each.get("level")) for each in found] == [
        ("log", "warning"),
        ("request", None),
        ("log", "error"),
    ]
    assert found[0]["message"] == "attempt a1\nfailed"
    assert "ValueError: boom" in str(found[2]["traceback"])
    assert not any(isinstance(each, LineHandler) for each in logging.getLogger("understudy").handlers)


def test_the_library_logs_as_before_once_the_gateway_has_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library = logging.getLogger("understudy")
    caplog.set_level(logging.CRITICAL, "understudy")
    handlers = list(library.handlers)
    with logging_to(Options(host="127.0.0.1", secret="0" * 64, access_log=str(tmp_path / "log"))):
        assert library.level == logging.INFO
    assert (library.level, library.handlers) == (logging.CRITICAL, handlers)
