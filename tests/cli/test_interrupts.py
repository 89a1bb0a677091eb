"""Ctrl-C ends what a command awaits, also if it comes at the moment at which the loop starts to wait."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from understudy.cli.chat.waiting import Interrupted, run_until_interrupted
from understudy.cli.interrupts import run_async, woken_by_signals


def interrupt_unnoticed() -> None:
    """Send Ctrl-C so that the main thread's wait for its sockets goes on: the system calls the handler in the thread
    that raises the signal. So does one that arrives between the last Python code and the wait, which can't be timed."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _handled() -> object:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def waiting(steps: list[str]) -> None:
    steps.append("waits")
    threading.Timer(0.05, interrupt_unnoticed).start()
    try:
        await asyncio.sleep(20.0)
        steps.append("was not interrupted")
    finally:
        steps.append("ended")


def test_a_signal_just_before_the_loop_waits_ends_the_command() -> None:
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_async(waiting(steps))
    assert steps == ["waits", "ended"]
    assert signal.set_wakeup_fd(-1) == -1


def test_and_the_answer_of_a_chat() -> None:
    steps: list[str] = []

    async def chat() -> None:
        with pytest.raises(Interrupted):
            await run_until_interrupted(waiting(steps))

    asyncio.run(chat())
    assert steps == ["waits", "ended"]


def test_the_result_is_returned_and_what_was_set_before_is_set_again() -> None:
    async def nested() -> int:
        with woken_by_signals():
            outer = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(outer)
            with woken_by_signals():
                pass
            inner = signal.set_wakeup_fd(outer)
            assert inner == outer != -1
        return 7

    assert run_async(nested()) == 7


def test_errors_pass_through() -> None:
    async def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        run_async(fail())
