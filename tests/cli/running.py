"""Runs the command line as users do: in a process of its own, with pipes or on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests import canaries
from tests.forking import INTERPRETER, Forks, forks

PATIENCE = 30.0
"""Seconds after which a process that hangs fails its test."""
_CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Makes the terminal the one that controls the process, so that Ctrl-C is a signal. In a program of its own, since
this process has threads and so should run nothing between fork and exec."""


class Finished(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


class CommandLine:
    """`understudy` in an empty folder, with an environment that holds no key and no configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{
                name: os.environ[name]
                for name in ("PATH", "SYSTEMROOT", "COVERAGE_PROCESS_START")
                if name in os.environ
            },
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            **INTERPRETER,
            "OLLAMA_HOST": "127.0.0.1:9",
            "TERM": "xterm-256color",
        }

    def configure(self, text: str) -> Path:
        path = self.folder / "understudy.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *words: str, stdin: str | bytes | None = None, **environment: str) -> Finished:
        """Run a command, in a fork of a process that has loaded it (`forking`) where that is the same."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        if Forks.allowed and (
            done := forks().run(words, data, self.folder, self.environment | environment, patience=PATIENCE)
        ):
            return self._finished(done, environment)
        return self.python("-m", "understudy", *words, stdin=stdin, **environment)

    def python(self, *words: str, stdin: str | bytes | None = None, **environment: str) -> Finished:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        result = subprocess.run(
            [sys.executable, *words],
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            cwd=self.folder,
            env=self.environment | environment,
            timeout=PATIENCE,
            check=False,
        )
        return self._finished(result, environment)

    def _finished(self, result: subprocess.CompletedProcess[bytes], environment: dict[str, str]) -> Finished:
        finished = Finished(result.returncode, result.stdout.decode(), result.stderr.decode())
        for key in canaries.of_environment(self.environment | environment):
            assert key not in finished.out + finished.err, "the program printed a key of its environment"
        return finished

    def start(
        self,
        *words: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
        environment: Mapping[str, str] | None = None,
        controlled: bool = False,
    ) -> subprocess.Popen[bytes]:
        start = ["-S", "-c", _CONTROLLED] if controlled else []
        return subprocess.Popen(
            [sys.executable, *start, "-m", "understudy", *words],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self.folder,
            env=self.environment | dict(environment or {}),
            start_new_session=controlled,
        )

    @contextlib.contextmanager
    def terminal(
        self,
        *words: str,
        stdin: bool = False,
        stdout: int | None = None,
        columns: int = 100,
        **environment: str,
    ) -> Iterator[Terminal]:
        """Run with stderr on a terminal, stdout too unless it is given, and stdin too when asked for."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = self.start(
            *words,
            stdin=slave if stdin else subprocess.DEVNULL,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            environment=environment,
            controlled=stdin,
        )
        os.close(slave)
        terminal = Terminal(process, master)
        try:
            yield terminal
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(terminal.master)


class Terminal:
    """A process whose output is a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.master = master
        self._seen = b""

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def hang_up(self) -> None:
        """Close the terminal, as a window that is closed does."""
        os.close(self.master)
        self.master = os.open(os.devnull, os.O_RDWR)

    def type(self, text: str) -> None:
        self.type_bytes(text.encode())

    def type_bytes(self, data: bytes) -> None:
        """Type while reading: a terminal takes no more keys once nobody reads what it shows."""
        while data:
            self._read(0.0)
            data = data[os.write(self.master, data[:256]) :]

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, line by line."""
        wanted = termios.ECHO | termios.ICANON
        return bool(termios.tcgetattr(self.master)[3] & wanted == wanted)

    def read_until(self, wanted: Callable[[str], bool]) -> str:
        """Return the screen once it looks as wanted."""
        end = time.monotonic() + PATIENCE
        while not wanted(self.screen):
            assert time.monotonic() < end, f"never came: {self.screen!r}"
            if not self._read():
                break
        assert wanted(self.screen), self.screen
        return self.screen

    def finish(self) -> Finished:
        """Read to the end; both streams are on the screen."""
        end = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < end, f"never ended: {self.screen!r}"
        return Finished(self.process.wait(PATIENCE), self.screen, "")

    @property
    def screen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def _read(self, patience: float = 1.0) -> bool:
        ready, _, _ = select.select([self.master], [], [], patience)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # how Linux tells that the other side is closed
            return False
        self._seen += data
        return bool(data)
