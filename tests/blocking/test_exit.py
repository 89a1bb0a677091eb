"""The interpreter ends at once and without a word, whatever is still open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.blocking.processes import run
from understudy.emulator import Emulator, Fault

ENDINGS = {
    "nothing-closed": 'llm = blocking.create_provider(entry); llm.generate("Hello")',
    "never-used": "llm = blocking.create_provider(entry)",
    "manager": ("llm = blocking.ProviderManager([blocking.create_provider(entry)]); llm.generate('Hello'); llm.embed"),
    "exit-handler": """
import atexit
llm = blocking.create_provider(entry)
atexit.register(lambda: print(llm.generate("Hello").text))
llm.generate("Hello")
""",
    "sys-exit": 'llm = blocking.create_provider(entry); llm.generate("Hello"); sys.exit()',
    "in-a-thread": """
llm = blocking.create_provider(entry)
threading.Thread(target=lambda: llm.generate("Hello")).start()
""",
}


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
def test_it_ends_quietly(emulator: Emulator, code: str) -> None:
    returned, out, errors = run(code, emulator)
    assert (returned, errors) == (0, ""), out


OPEN = {
    "open-stream": 'stream = blocking.create_provider(entry).stream("Hello"); next(stream)',
    "daemon-thread": """
llm = blocking.create_provider(entry)
first = threading.Event()

def read():
    for event in llm.stream("Hello"):
        first.set()

threading.Thread(target=read, daemon=True).start()
while not first.wait(1): pass
""",
    "daemon-thread-between-two-reads": """
llm = blocking.create_provider(entry)
first, over = threading.Event(), threading.Event()

def read():
    for event in llm.stream("Hello"):
        first.set()
        over.wait()

def generate():
    over.wait()
    llm.generate("Hello")

threading.Thread(target=read, daemon=True).start()
threading.Thread(target=generate, daemon=True).start()
while not first.wait(1): pass
blocking.bridge.BRIDGE.shut_down()
over.set()
time.sleep(0.2)
""",
}


@pytest.mark.parametrize("code", OPEN.values(), ids=OPEN)
def test_what_is_open_is_stopped(emulator: Emulator, outcome: Callable[[], str], code: str) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    returned, out, errors = run(code, emulator)
    assert (returned, errors) == (0, ""), out
    assert outcome() == "client_left"


def test_a_call_after_the_end_is_told_so(emulator: Emulator) -> None:
    code = """
import atexit
llm = blocking.create_provider(entry)

def late():
    try:
        llm.generate("Hello")
    except understudy.Misuse as error:
        print(error)

blocking.bridge.BRIDGE.shut_down()
late()
stream = None
"""
    returned, out, errors = run(code, emulator)
    assert (returned, errors) == (0, "")
    assert "shutting down" in out


def test_importing_and_building_starts_no_thread_and_loads_no_event_loop(emulator: Emulator) -> None:
    code = """
llm = blocking.ProviderManager([blocking.create_provider(entry)])
print([name for name in ("asyncio", "aiohttp") if name in sys.modules], threading.active_count())
print(understudy.blocking is blocking)
"""
    assert run(code, emulator)[:2] == (0, "[] 1\nTrue\n")
