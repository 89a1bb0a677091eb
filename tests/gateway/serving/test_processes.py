"""`understudy serve` in processes of its own: stopping, reloading, workers that die, and what it refuses to do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from tests.cli.running import PATIENCE, CommandLine
from tests.gateway.serving.running_gateway import ENTRY, Served, chat, children_of, configuration, is_running, serve
from tests.gateway.test_stored import Vendor
from understudy.emulator import Emulator, Fault, emulate

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


async def test_it_serves_until_it_is_stopped(tmp_path: Path, emulator: Emulator) -> None:
    async with serve(tmp_path, configuration(emulator)) as served:
        assert served.greeting.startswith(f"http://127.0.0.1:{served.port} serves 1 entry; Ctrl-C stops it\n")
        assert await served.get("/health/ready") == (200, b'{"status":"ok","service":"understudy"}')
        peer = await served.connect()
        peer.writer.write(chat())
        status, head, body = await peer.response()
        assert (status, b"choices" in body) == (200, True)
        assert b"\r\nserver:" not in head.lower()
        assert memory_of(served) < 80 * 2**20
        assert processor_time_of(served) < 1.0, "from its start to its first answer"
        served.process.send_signal(signal.SIGINT)
        assert await served.ended() == 0
        log = served.log()
        assert [each for each in log if each["event"] == "log"] == []
        requests = [(each["route"], each["status"], each["outcome"], each["provider"]) for each in log]
        assert requests == [
            ("/health/ready", 200, "answered", None),
            ("/v1/chat/completions", 200, "answered", "first"),
        ]


async def test_connections_leave_files_for_requests(tmp_path: Path, emulator: Emulator) -> None:
    """Where the system allows few open files, idle connections make room, as they do at any other limit."""
    few = tmp_path / "few"
    few.mkdir()
    (few / "sitecustomize.py").write_text("import resource as r\nr.setrlimit(r.RLIMIT_NOFILE, (100, 100))\n")
    async with serve(tmp_path, configuration(emulator), environment={"PYTHONPATH": str(few)}) as served:
        for _ in range(60):
            peer = await served.connect()
            peer.writer.write(chat())
            assert (await peer.response())[0] == 200
        assert await served.peers[0].rest() == b""
        assert "ulimit -n" in await served.logged("serves at most 18 connections")


def memory_of(served: Served) -> int:
    """Return the bytes of memory that a gateway holds."""
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def processor_time_of(served: Served) -> float:
    """Return the seconds for which a gateway has run on a processor."""
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_open_streams_end_whole_or_with_an_error(tmp_path: Path, emulator: Emulator, deep: bool) -> None:
    """None is cut so that a client takes it for whole, and none is whole that was not; the workers share a log."""
    number = 200 if deep else 40
    emulator.script("openai", [Fault.endless(0.2) if each % 2 else Fault.slow_events(0.03) for each in range(number)])
    log = tmp_path / "access.log"
    words = ("--drain", "4", "--workers", "2", "--access-log", str(log))
    async with serve(tmp_path, configuration(emulator), *words) as served:

        async def stream() -> tuple[bytes, asyncio.Task[bytes]]:
            peer = await served.connect()
            peer.writer.write(chat(stream=True))
            begun = await peer.reader.readuntil(b"\n\n")
            return begun, asyncio.create_task(peer.rest(PATIENCE))

        streams = await asyncio.gather(*(stream() for _ in range(number)))
        served.process.send_signal(signal.SIGTERM)
        whole = ended = 0
        for begun, rest in streams:
            raw = begun + await rest
            assert raw.endswith(b"\r\n0\r\n\r\n"), "HTTP ends properly: it is the wire format that states the error"
            seen = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", raw)
            assert (DONE in seen) != (b"server_shutdown" in seen), seen[-500:]
            whole, ended = whole + (DONE in seen), ended + (b"server_shutdown" in seen)
        assert (whole, ended) == (number // 2, number // 2)
        assert await served.ended() == 0
        assert served.log() == []
    outcomes = [msgspec.json.decode(line)["outcome"] for line in log.read_bytes().splitlines()]
    assert sorted(outcomes) == ["answered"] * (number // 2) + ["shutdown"] * (number // 2)


async def test_a_second_signal_ends_it_at_once(tmp_path: Path, emulator: Emulator) -> None:
    emulator.script("openai", Fault.endless(0.1))
    async with serve(tmp_path, configuration(emulator), "--drain", "600") as served:
        peer = await served.connect()
        peer.writer.write(chat(stream=True))
        await peer.reader.readuntil(b"\n\n")
        served.process.send_signal(signal.SIGTERM)
        await refused(served)
        served.process.send_signal(signal.SIGTERM)
        assert b"server_shutdown" in await peer.rest(PATIENCE)
        assert await served.ended() == 0


async def refused(served: Served) -> None:
    """Wait until the port is closed."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            while True:
                (await served.connect()).writer.close()
                await asyncio.sleep(0.02)


async def ask_until(served: Served, ending: asyncio.Event) -> int:
    """Ask again and again, and return how often; every answer must be a good one.

    As clients do, it leaves a connection alone that was idle for too long to be sure that it is still open.
    """
    asked, clock = 0, asyncio.get_running_loop().time
    while not ending.is_set():
        peer = await served.connect()
        closing, last = False, clock()
        while not ending.is_set() and not closing and clock() - last < 0.5:
            peer.writer.write(chat())
            status, head, body = await peer.response()
            assert status == 200, body
            closing = b"connection: close" in head.lower()
            asked, last = asked + 1, clock()
            await asyncio.sleep(0.01)
        peer.writer.close()
        served.peers.remove(peer)
    return asked


async def test_workers_are_reloaded_replaced_and_never_left_behind(
    tmp_path: Path, emulator: Emulator, deep: bool
) -> None:
    """Under load no request fails; workers that are killed come back; without their parent they end."""
    async with serve(tmp_path, configuration(emulator), "--workers", "2") as served:
        ending = asyncio.Event()
        asking = [asyncio.create_task(ask_until(served, ending)) for _ in range(4)]
        await reload(served, emulator, 20 if deep else 3)
        for _ in range(10 if deep else 1):
            await replace(served)
        ending.set()
        assert all(await asyncio.gather(*asking))
        assert [word for word in map(str, served.log()) if "ended with the code" in word] == []
        await kill_workers(served, emulator)
        workers = children_of(served.process)
        served.process.kill()
        async with asyncio.timeout(PATIENCE):
            while any(map(is_running, workers)):
                await asyncio.sleep(0.02)
        await refused(served)


async def reload(served: Served, emulator: Emulator, times: int) -> None:
    """Use one configuration after the other, the last of which is invalid."""
    for number in range(times):
        served.cli.configure(configuration(emulator, f"entry-{number}"))
        served.process.send_signal(signal.SIGHUP)
        await served.logged(f'entry "entry-{number}" added')
    served.cli.configure("broken")
    served.process.send_signal(signal.SIGHUP)
    await served.logged("the previous one stays in use")


async def replace(served: Served) -> None:
    """Put other workers in the place of those that run."""
    before = set(children_of(served.process))
    served.process.send_signal(signal.SIGUSR2)
    async with asyncio.timeout(PATIENCE):
        while len(now := set(children_of(served.process))) != 2 or now & before:
            await asyncio.sleep(0.05)


async def kill_workers(served: Served, emulator: Emulator) -> None:
    """Kill the workers: others come, with the configuration in use, not with that of the file, which is broken."""
    served.cli.configure(configuration(emulator, "other"))
    served.process.send_signal(signal.SIGHUP)
    await served.logged('entry "other" added')
    same = "".join(f'[[llm.gateway.keys]]\nname = "{name}"\nkey = "of-both-of-the-callers"\n' for name in "ab")
    served.cli.configure(configuration(emulator, more=same))  # it can be read, but does not fit together
    served.process.send_signal(signal.SIGHUP)
    await served.logged("have the same value")
    before = children_of(served.process)
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while len(set(children_of(served.process)) - set(before)) < 2:
            await asyncio.sleep(0.02)
    peer = await served.connect()  # it waits in the queue of the socket until one of them serves
    peer.writer.write(chat())
    status, head, _ = await peer.response()
    assert (status, b"x-understudy-provider: other" in head) == (200, True)
    await served.logged("a worker ended with the code -9 and is replaced")


async def test_a_configuration_that_does_not_fit_together_is_reported(
    tmp_path: Path, emulator: Emulator, deep: bool
) -> None:
    same = "".join(f'[[llm.gateway.keys]]\nname = "{name}"\nkey = "of-both-of-the-callers"\n' for name in "ab")
    for workers in ("1", "2") if deep else ("2",):
        cli = CommandLine(tmp_path)
        cli.configure(configuration(emulator, more=same))
        result = await asyncio.to_thread(cli.run, "serve", "--port", "0", "--workers", workers)
        assert result.code == 2
        assert "have the same value" in result.err
        assert result.out == ""


async def test_workers_share_whose_a_stored_response_is(tmp_path: Path) -> None:
    keys = {name: f"key-of-{name}-0123456789" for name in ("alice", "bob")}
    text = "".join(f'[[llm.gateway.keys]]\nname = "{name}"\nkey = "{key}"\n' for name, key in keys.items())
    async with AsyncExitStack() as stack:
        for vendor in (Vendor("one"), Vendor("two")):
            await stack.enter_async_context(vendor.serving())
            text += ENTRY.format(name=vendor.name, url=vendor.url, key="k-0123456789abcdef")
        served = await stack.enter_async_context(serve(tmp_path, text, "--workers", "2"))

        async def send(method: str, path: str, key: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
            peer = await served.connect()
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {keys[key]}\r\n"
            peer.writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            return await peer.response()

        workers = children_of(served.process)
        assert len(workers) == 2
        answering, other = workers
        os.kill(other, signal.SIGSTOP)  # so that all that is sent reaches the first one
        _, _, body = await send("POST", "/v1/responses", "alice", b'{"model": "two", "input": "hi"}')
        name = json.loads(body)["id"]
        os.kill(other, signal.SIGCONT)
        os.kill(answering, signal.SIGSTOP)
        try:
            status, head, _ = await send("GET", f"/v1/responses/{name}", "alice")
            assert (status, b"x-understudy-provider: two" in head) == (200, True)
            assert (await send("GET", f"/v1/responses/{name}", "bob"))[0] == 404
            follow = json.dumps({"model": "two", "input": "and?", "previous_response_id": name}).encode()
            assert (await send("POST", "/v1/responses", "alice", follow))[0] == 200
            assert (await send("POST", "/v1/responses", "bob", follow))[0] == 404
        finally:
            os.kill(answering, signal.SIGCONT)


async def test_a_saved_file_is_used(tmp_path: Path, emulator: Emulator) -> None:
    async with serve(tmp_path, configuration(emulator), "--reload") as served:
        served.cli.configure(configuration(emulator, "saved"))
        assert await served.logged("reloaded") == (
            'the configuration was reloaded: entry "saved" added; entry "first" removed'
        )
        peer = await served.connect()
        peer.writer.write(chat())
        assert b"x-understudy-provider: saved" in (await peer.response())[1]


def test_it_does_not_serve_everyone_without_a_key(tmp_path: Path, emulator: Emulator) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    result = cli.run("serve", "--host", "0.0.0.0")
    assert result.code == 2
    assert "0.0.0.0 is reachable from other machines, and there are no keys" in result.err


def test_a_port_in_use_is_reported(tmp_path: Path, emulator: Emulator) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = cli.run("serve", "--port", str(taken.getsockname()[1]))
    assert result.code == 2
    assert "choose another --port or --host" in result.err


def test_without_its_packages_it_names_the_extra(tmp_path: Path, emulator: Emulator) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    result = cli.python(
        "-c",
        "import sys; sys.modules.update(dict.fromkeys(('httptools', 'zstandard')))\n"
        "sys.argv = ['understudy', 'serve']\n"
        "from understudy.cli import main; main()",
    )
    assert result.code == 2
    assert "serve needs httptools and zstandard: pip install 'understudy[gateway]'" in result.err


def test_a_log_that_cannot_be_written_is_reported(tmp_path: Path, emulator: Emulator) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    result = cli.run("serve", "--access-log", str(tmp_path / "missing" / "log"))
    assert result.code == 2
    assert "--access-log" in result.err


async def test_it_ends_with_its_terminal(tmp_path: Path, emulator: Emulator) -> None:
    """A window that is closed sends the signal that otherwise means: reload."""
    cli = CommandLine(tmp_path)
    cli.configure(configuration(emulator))
    with cli.terminal("serve", "--port", "0", stdin=True) as terminal:
        await asyncio.to_thread(terminal.read_until, lambda screen: "and the same key" in screen)
        terminal.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(terminal.read_until, lambda screen: "nothing changed" in screen)
        terminal.hang_up()
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.to_thread(terminal.process.wait) == 0
