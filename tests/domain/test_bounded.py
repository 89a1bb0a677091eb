"""A dictionary with a limit: what it forgets, and that it costs no more when full."""

from __future__ import annotations

import threading

import pytest

from understudy.domain.bounded import REMEMBERED, BoundedDict


def test_the_key_written_longest_ago_is_forgotten() -> None:
    known: BoundedDict[str, int] = BoundedDict(3)
    for number, key in enumerate("abc"):
        known[key] = number
    known["a"] = 7  # young again
    known["d"] = 8
    assert dict(known) == {"c": 2, "a": 7, "d": 8}


def test_reading_keeps_nothing_young() -> None:
    known: BoundedDict[str, int] = BoundedDict(2)
    known["a"], known["b"] = 1, 2
    assert known.get("a") == known["a"] == 1
    known["c"] = 3
    assert list(known) == ["b", "c"]


@pytest.mark.parametrize("write", ["set", "setdefault", "update", "merge"])
def test_every_way_of_writing_is_bounded(write: str) -> None:
    known: BoundedDict[int, int] = BoundedDict(5)
    for number in range(20):
        match write:
            case "set":
                known[number] = number
            case "setdefault":
                assert known.setdefault(number, number) == number
            case "update":
                known.update({number: number})
            case _:
                known |= {number: number}
        assert len(known) <= 5
    assert list(known) == [15, 16, 17, 18, 19]


def test_the_usual_limit() -> None:
    known: BoundedDict[str, int] = BoundedDict()
    for number in range(3 * REMEMBERED):
        known[f"model-{number}"] = number
    assert len(known) == known.limit == REMEMBERED == 1024


def test_threads_may_share_it() -> None:
    known: BoundedDict[int, int] = BoundedDict(8)
    failed: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(4000):
                known[first + number % 17] = number
        except BaseException as error:  # noqa: BLE001 - whatever a thread meets is the test's finding
            failed.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 5, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(known) <= 8
