"""The first call of a process loads libraries. The time that this takes is the request's, and not one second more."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = '''
import asyncio, json, sys
from importlib.abc import MetaPathFinder

import understudy as u


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead


class SlowDisk(MetaPathFinder):
    """Delays the HTTP library, which is loaded by the first attempt: the clock has gone on when it is there."""

    def find_spec(self, name, path, target=None):
        if name in ("aiohttp", "httptools"):
            asyncio.get_running_loop().ahead = DELAY


ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": "there"}, "finish_reason": "stop"}]})


async def silent(reader, writer):
    await reader.read()


async def answering(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    head = f"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: {len(ANSWER)}\\r\\n\\r\\n"
    writer.write((head + ANSWER).encode())


async def main(servers):
    fallback = u.FallbackConfig(deadline=DEADLINE)
    entries = []
    for number, serve in enumerate(servers):
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        key = u.Secret("sk-0")
        entries.append(
            u.ProviderConfig(provider="openai", name=f"t{number}", priority=number, api_key=key, base_url=address)
        )
    assert not {"aiohttp", "httptools"} & set(sys.modules)
    sys.meta_path.insert(0, SlowDisk())
    manager = u.ProviderManager([u.create_provider(entry, fallback=fallback) for entry in entries], fallback)
    try:
        outcome = (await manager.generate("Are you there?")).text
    except u.LLMError as error:
        outcome = type(error).__name__
    print(outcome)
    await manager.aclose()


DELAY, DEADLINE = float(sys.argv[1]), float(sys.argv[2])
with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(main([globals()[name] for name in sys.argv[3:]]))
'''


@pytest.mark.parametrize(
    ("servers", "delay", "deadline", "expected"),
    [(["silent"], 500.0, 501.0, "DeadlineExceeded"), (["silent", "answering"], 500.0, 1002.0, "there")],
    ids=["alone", "with-a-backup"],
)
def test_a_slow_start_takes_nothing_beyond_the_deadline_and_nothing_from_the_next_target(
    servers: list[str], delay: float, deadline: float, expected: str
) -> None:
    """When loading ends, one second is left. What waited for more than that would wait for minutes."""
    child = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", CHILD, str(delay), str(deadline), *servers],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert child.stdout.strip() == expected, child.stderr
