from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import canaries
from tests.cli.running import CommandLine, Finished
from understudy.cli.app import app

AGENT = """\
#!{python} -S
import json, os, signal, sys, time
out = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "files": {{}}}}
for at, word in enumerate(sys.argv):
    if word == "--settings":
        path = sys.argv[at + 1]
        with open(path) as file:
            out["files"]["settings"] = [json.load(file), os.stat(path).st_mode & 0o777]
home = os.environ.get("GEMINI_CLI_HOME")
if home and os.path.isdir(home + "/.gemini"):
    folder = home + "/.gemini/"
    out["files"]["gemini"] = found = {{}}
    for name in sorted(os.listdir(folder)):
        if os.path.isdir(folder + name):
            found[name] = os.path.realpath(folder + name)
        else:
            with open(folder + name) as file:
                found[name] = file.read()
with open({seen!r}, "w") as file:
    json.dump(out, file)
if os.environ.get("AGENT_WAITS"):
    signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(8))
    print("ready", flush=True)
    time.sleep(20)
sys.exit(int(os.environ.get("AGENT_CODE", "0")))
"""


class Agents:
    """Programs on a PATH of their own that note how they were started, in a home folder of their own."""

    def __init__(self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.cli = cli
        self.home = cli.folder
        self._folder = cli.folder / "bin"
        self._folder.mkdir()
        self._seen = cli.folder / "seen.json"
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        cli.environment["PATH"] = str(self._folder)

    def run(self, *words: str, **environment: str) -> Finished:
        """Run a command line in this process, which takes a tenth of the time of another one."""
        everything = self.cli.environment | environment
        with self._monkeypatch.context() as patch:
            for name in os.environ.keys() - everything.keys():
                patch.delenv(name)
            for name, value in everything.items():
                patch.setenv(name, value)
            patch.chdir(self.home)
            code = app(list(words), standalone_mode=False)
        out, err = self._capfd.readouterr()
        finished = Finished(code or 0, out, err)
        for key in canaries.of_environment(environment):
            assert key not in finished.out + finished.err, "the program printed a key of its environment"
        return finished

    def install(self, *names: str) -> None:
        for name in names:
            path = self._folder / name
            path.write_text(AGENT.format(python=sys.executable, seen=str(self._seen)))
            path.chmod(0o755)

    @property
    def seen(self) -> Any:
        return json.loads(self._seen.read_text())


@pytest.fixture
def agents(cli: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Agents:
    return Agents(cli, monkeypatch, capfd)


class Gateway:
    """A server that answers as a gateway does where `launch` asks: whether it lives, and which models it has."""

    def __init__(self) -> None:
        self.models = ["main", "openai/gpt-x"]
        self.keys: list[str] = []
        self.aliases: tuple[str, ...] = ("claude-", "gpt-", "gemini-")
        """The beginnings of names that it knows."""
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the method's base
                pass

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                key = (self.headers.get("authorization") or "").removeprefix("Bearer ")
                if self.path == "/health/live":
                    self._reply(200, {"status": "ok"})
                elif outer.keys and key not in outer.keys:
                    self._reply(401, {})
                elif name := self.path.removeprefix("/v1/models").removeprefix("/"):
                    self._reply(200 if name.startswith(outer.aliases) else 404, {})
                else:
                    self._reply(200, {"object": "list", "data": [{"id": name} for name in outer.models]})

            def _reply(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    running = Gateway()
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
