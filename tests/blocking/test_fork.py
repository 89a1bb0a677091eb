"""After a fork parent and child both go on, each with a loop and with connections of its own."""

from __future__ import annotations

import sys

import pytest

from tests.blocking.processes import run
from understudy.emulator import Emulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")

# Python 3.12 warns of every fork of a process with threads; this one is safe, which is what is tested here.
QUIET = ("-W", "ignore:This process:DeprecationWarning")

FORK = """
llm = blocking.create_provider(entry)
{before}
child = os.fork()
if child == 0:
    {child}
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
{parent}
"""


def connections(emulator: Emulator, prompt: str) -> set[int]:
    return {each.connection for each in emulator.requests("openai") if prompt in str(each.body)}


def test_both_go_on_with_connections_of_their_own(emulator: Emulator) -> None:
    code = FORK.format(
        before='llm.generate("before the fork")',
        child='print(llm.generate("in the child").text, flush=True)',
        parent='print(llm.generate("in the parent").text)',
    )
    returned, out, errors = run(code, emulator, *QUIET)
    assert (returned, errors) == (0, "")
    assert ["in the child" in out, "in the parent" in out] == [True, True]
    assert connections(emulator, "in the child").isdisjoint(connections(emulator, "before the fork"))
    assert connections(emulator, "in the parent") == connections(emulator, "before the fork"), (
        "the parent's still serve"
    )


def test_a_stream_stays_the_parents(emulator: Emulator) -> None:
    code = FORK.format(
        before='stream = llm.stream("Tell me of the sea, and of the wind that goes over it."); next(stream)',
        child="""
    try:
        list(stream)
    except understudy.Misuse as error:
        print(error, flush=True)
    stream.close()
    del stream
    llm.stream("in the child").collect()
""",
        parent="print(stream.collect().text[:12]); llm.close()",
    )
    returned, out, errors = run(code, emulator, *QUIET)
    assert (returned, errors) == (0, "")
    assert "belongs to the parent" in out
    assert "The emulated" in out


def test_a_child_may_be_the_first_to_call(emulator: Emulator) -> None:
    code = FORK.format(before="", child='llm.generate("first")', parent='llm.generate("second")')
    assert run(code, emulator, *QUIET)[0] == 0


def test_children_of_a_process_with_busy_threads(emulator: Emulator) -> None:
    """Threads that are in the middle of calls do not come along, and what they hold does not either."""
    code = """
llm = blocking.create_provider(entry)
over = threading.Event()
failed = []

def work():
    while not over.is_set():
        try:
            llm.generate("work")
        except BaseException as error:
            failed.append(error)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for number in range(8):
    child = os.fork()
    if child == 0:
        good = bool(llm.generate(f"child {number}").text)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
over.set()
for thread in threads: thread.join()
print(failed)
"""
    returned, out, errors = run(code, emulator, *QUIET)
    assert (returned, out, errors) == (0, "[]\n", "")


def test_workers_of_multiprocessing(emulator: Emulator) -> None:
    code = """
import multiprocessing
llm = blocking.create_provider(entry)

def ask(number):
    return llm.generate(f"worker {number}").text

llm.generate("in the parent")
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(len(pool.map(ask, range(6))))
llm.generate("in the parent again")
"""
    returned, out, errors = run(code, emulator, *QUIET)
    assert (returned, out) == (0, "6\n"), errors
