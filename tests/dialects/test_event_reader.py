"""What all readers of streams share: what came before a broken event counts, and an answer without an end is cut."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from understudy.dialects.base import Endpoint
from understudy.dialects.event_reader import EventReader, stamped
from understudy.dialects.flaws import Step
from understudy.domain.events import Frame, TextDelta, Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import decode
from understudy.wire.sse import SseEvent

HERE = Endpoint(provider="p", base_url="https://p.test")
KEEPING = msgspec.structs.replace(HERE, keep_wire=True)
BROKEN = Failure(kind=FailureKind.SERVER_ERROR, message="it broke")


class Reader(EventReader):
    end_mark = "bye"

    def take(self, event: SseEvent) -> Sequence[Step]:
        if event.data == b'"fail"':
            return [BROKEN]
        word = decode(event.data)
        self.finished = word == "bye"
        return [TextDelta(0, letter) for letter in word or ""]


def frame(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def letters(steps: list[Step]) -> str:
    return "".join(step.text for step in steps if isinstance(step, TextDelta))


def test_what_came_before_a_broken_event_is_returned_with_the_failure() -> None:
    reader = Reader(HERE)
    steps = reader.feed(frame('"ab"') + frame("{") + frame('"c"'))
    assert (letters(steps), reader.finished) == ("ab", True)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind is FailureKind.BAD_RESPONSE
    assert steps[-1].message.startswith("the stream contains an invalid event: ")
    assert reader.feed(frame('"d"')) == reader.close() == []


def test_nothing_is_read_behind_the_end_mark_or_a_failure() -> None:
    for end in ("bye", "fail"):
        reader = Reader(HERE)
        steps = reader.feed(frame('"a"') + frame(f'"{end}"') + frame('"c"'))
        assert reader.finished
        assert letters(steps) == ("abye" if end == "bye" else "a")
        assert (steps[-1] == BROKEN) is (end == "fail")
        assert reader.close() == []


@pytest.mark.parametrize("rest", [b"", b'data: "c', b'data: "c"\n'])
def test_without_its_end_mark_an_answer_is_truncated_wherever_it_ends(rest: bytes) -> None:
    reader = Reader(HERE)
    steps = [*reader.feed(frame('"a"') + rest), *reader.close()]
    assert letters(steps) == ("ac" if rest.endswith(b'"\n') else "a")
    cut = Failure(kind=FailureKind.TRUNCATED, message="the stream ended without bye")
    assert (steps[-1], reader.finished) == (cut, True)


def test_an_event_that_can_be_mended_is_read_with_one_warning_for_each_flaw() -> None:
    reader = Reader(HERE)
    steps = reader.feed(frame(r'"a\ud800"') + frame(r'"\ud800b"') + b"data:\n\n" + frame('"c"'))
    assert letters(steps) == "a\ufffd\ufffdbc"
    assert sum(isinstance(step, Warned) for step in steps) == 1


def test_a_frame_is_on_the_first_event_and_alone_where_there_is_none() -> None:
    steps = Reader(KEEPING).feed(frame('"ab"') + frame("null") + b"data:\n\n")
    assert [step.wire for step in steps if not isinstance(step, Failure)] == [
        frame('"ab"'), b"", frame("null"), b"data:\n\n"
    ]  # fmt: skip
    assert isinstance(steps[2], Frame)


def test_a_failure_has_no_frame() -> None:
    assert stamped([BROKEN], b"x") == [BROKEN]
    assert stamped([BROKEN, TextDelta(0, "a")], b"x") == [BROKEN, TextDelta(0, "a", wire=b"x")]
    assert stamped([], b"") == []
