"""Ctrl-C: the provider is told to stop before `KeyboardInterrupt` reaches the program."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.blocking.processes import PATIENCE, start
from understudy.emulator import Emulator, Fault, FaultKind

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

ASK = """
ledger = understudy.MemoryLedger()
llm = blocking.create_provider(entry, sink=ledger)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", [record.outcome.value for record in ledger])
{after}
"""
CALLS = {
    "plain": ('llm.generate("Hello")', Fault.slow_headers()),
    "stream": ('list(llm.stream("Hello"))', Fault.stall(after=2)),
    "text": ('"".join(llm.stream("Hello").text())', Fault.stall(after=2)),
    "collect": ('llm.stream("Hello").collect()', Fault.slow_first_event()),
    "back-off": ('llm.generate("Hello")', Fault.status(429, retry_after=15)),
}


@pytest.mark.parametrize(("call", "fault"), CALLS.values(), ids=CALLS)
def test_ctrl_c_cancels_upstream_before_it_propagates(
    emulator: Emulator, outcome: Callable[[], str], call: str, fault: Fault
) -> None:
    emulator.script("openai", [fault])
    before = len(emulator.requests("openai"))
    after = 'print(blocking.create_provider(entry).generate("Hello again").text[:5])'  # and it goes on afterwards
    with start(ASK.format(call=call, after=after), emulator) as process:
        end = time.monotonic() + PATIENCE
        while len(emulator.requests("openai")) == before and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)  # a few events later
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)
    answered = fault.kind is FaultKind.STATUS
    ended = "failed" if answered else "aborted"
    assert out.splitlines()[0] == f"interrupted ['{ended}']", errors
    assert len(out.splitlines()) == 2
    assert process.returncode == 0
    assert "Warning" not in errors
    first = emulator.requests("openai")[before]
    assert first.outcome == ("answered" if answered else "client_left")


def test_a_second_ctrl_c_does_not_wait_for_the_provider_to_be_told(emulator: Emulator) -> None:
    """A provider of one's own that will not be cancelled holds the program up only until then."""
    code = f"""
import asyncio
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.blocking.own import Own

class Stubborn(Own):
    async def generate(self, prompt, /, **options):
        while True:
            try:
                print("asked", flush=True)
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

blocking.ProviderManager([Stubborn()]).generate("Hello")
"""
    with start(code, emulator) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == "asked\n"
            process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        assert process.returncode == -signal.SIGINT


def test_an_interrupted_program_ends_as_one(emulator: Emulator, outcome: Callable[[], str]) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    before = len(emulator.requests("openai"))
    code = 'for text in blocking.create_provider(entry).stream("Hello").text(): print(text, flush=True)'
    with start(code, emulator) as process:
        end = time.monotonic() + PATIENCE
        while len(emulator.requests("openai")) == before and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in errors
    assert outcome() == "client_left"
