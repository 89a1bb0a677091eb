"""Ids of requests and attempts: UUIDs of version 7, whose random bytes are drawn for many at once."""

from __future__ import annotations

import os
import threading
import uuid

import pytest

from understudy.engine.job import DRAWN, new_id


def test_ids_are_of_version_7_and_never_the_same() -> None:
    ids = [new_id() for _ in range(3 * DRAWN)]
    assert len(set(ids)) == len(ids)
    for each in ids:
        parsed = uuid.UUID(each)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, each)
    times = [each[:13] for each in ids]
    assert times == sorted(times)


def test_every_random_bit_varies() -> None:
    numbers = [uuid.UUID(new_id()).int & (1 << 76) - 1 for _ in range(2000)]
    always, never = numbers[0], 0
    for number in numbers:
        always, never = always & number, never | number
    fixed = 0b11 << 62  # the variant
    assert always & ~fixed == 0
    assert never | fixed == (1 << 76) - 1


def test_threads_draw_different_ids() -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.extend([new_id() for _ in range(2000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_draws_others() -> None:
    new_id()  # so that some are drawn ahead
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs, ours = os.read(reading, 100).decode(), new_id()
    os.close(reading)
    os.close(writing)
    assert theirs[14:] != ours[14:]
