"""Start a server on a port of this machine, and stop it by its process id."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 300.0
"""Seconds until a server must listen; LiteLLM's proxy takes ten on an idle machine, and a minute on a busy one."""

PORTS = (20_000, 32_000)
"""Ports below those that Linux, macOS and Windows choose themselves."""


class Running:
    """A server that runs, and its own answers about what it received."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, body)

    def wait_for(self, path: str) -> None:
        """Ask until the answer is a success."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.get(path)
            except AssertionError:
                assert time.monotonic() < end, f"{path} never succeeded"
                time.sleep(0.05)
            else:
                return

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        assert response.status < 300, content
        return json.loads(content)


def free_port() -> int:
    """Return a port on which nothing listens, which the system gives to no connection of another process meanwhile."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", PORTS[0] + secrets.randbelow(PORTS[1] - PORTS[0])))
            return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, port: int, *command: str, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a command, whose output goes into a file of the folder, until its port accepts connections, and then on."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    log = folder / "output.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, "HOME": str(folder), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port, log)
        yield Running(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if listens(process.pid, port):
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not listen within {PATIENCE:.0f} s: {log.read_text()[-2000:]}")


def listens(pid: int, port: int) -> bool:
    """Check whether a process, or one that it started, listens on a port, and not another one that was faster. Return
    True where the system does not show it as Linux does."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return True
    wanted = {f"socket:[{each}]" for each in _listeners(port)}
    held: set[str] = set()
    for each in _family(pid):
        with contextlib.suppress(OSError):  # it has ended, or closed one of its files
            for entry in Path(f"/proc/{each}/fd").iterdir():
                held.add(str(entry.readlink()))
    return bool(wanted & held)


def _listeners(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on a port, whatever their address."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *more = line.split()
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    yield more[5]


def _family(pid: int) -> Iterator[int]:
    """Yield a process, and those that it or they have started."""
    yield pid
    children = ""
    with contextlib.suppress(OSError):
        children = " ".join(each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/children"))
    for each in children.split():
        yield from _family(int(each))
