"""PostgreSQL and Valkey (or Redis) for tests: from the system's packages, started once, ended when no test needs them.

    python -m tests.ledger.servers --install   # what is missing, where apt-get is there

A keeper process starts them. Each process that tests holds a lock, shared with the others; when the keeper gets it for
itself, none is left, however they ended, and it ends the servers.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.servers.running import free_port

USER, DATABASE = "understudy", "postgres"
INSTALL = "apt-get install -y --no-install-recommends"
STARTING = 30.0
"""Seconds until a server must answer."""
TRIES = 3
"""Ports that are tried: between being chosen and being used, one may be taken."""


class Missing(Exception):
    """A server is not installed; the message says how to install it."""


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs, those of the newest version. Raise `Missing`."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: float(each.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    for folder in [*folders, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing(f"PostgreSQL is not installed: {INSTALL} postgresql")


def valkey_program() -> str:
    """Return the program of Valkey, or of Redis 7 or later. Raise `Missing`."""
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            shown = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
            version = re.search(r"v=(\d+)", shown)
            if version is not None and int(version[1]) >= 7:
                return found
    raise Missing(f"neither Valkey nor Redis 7 is installed: {INSTALL} valkey-server (or redis-server)")


class Server:
    """A running server: its process, and where it is."""

    def __init__(self, command: Callable[[int], Sequence[str | Path]], folder: Path, answers: Callable[[int], bool]):
        self._command = command
        self.folder = folder
        self._answers = answers
        self.port = 0
        for _ in range(TRIES):
            self.port = free_port()
            if self.start():
                return
        raise RuntimeError(f"the server did not start:\n{(folder / 'log').read_text()[-2_000:]}")

    def start(self) -> bool:
        """Start it on its port, and wait until it answers; return whether it does."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **_other()
            )
        until = time.monotonic() + STARTING
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers(self.port):
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it by a signal, and wait for it. PostgreSQL lets its clients finish unless it is interrupted."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(STARTING)


class Postgres(Server):
    """A PostgreSQL of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.programs = postgres_programs()
        self.password = secrets.token_hex(8)
        data, secret = folder / "data", folder / "password"
        secret.write_text(self.password)
        _hand_over(folder, secret)
        initdb: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
        ]
        subprocess.run(
            [*initdb, "-E", "UTF8", "--locale=C", "--no-sync"], check=True, capture_output=True, cwd=folder, **_other()
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # no power cuts here
            "max_connections": "60",
            "autovacuum": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        super().__init__(
            lambda port: [self.programs / "postgres", "-D", data, "-p", str(port), *options], folder, self._ready
        )

    def _ready(self, port: int) -> bool:
        asked: list[str | Path] = [
            self.programs / "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-U",
            USER,
            "-d",
            DATABASE,
        ]
        return subprocess.run(asked, check=False, timeout=STARTING).returncode == 0

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


class Valkey(Server):
    """A Valkey of its own."""

    def __init__(self, folder: Path) -> None:
        program = valkey_program()
        _hand_over(folder)
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        super().__init__(lambda port: [program, "--port", str(port), *options], folder, _accepts)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


KINDS: dict[str, Callable[[Path], Server]] = {"postgres": Postgres, "valkey": Valkey}


@contextlib.contextmanager
def running(kind: str) -> Generator[Any]:
    """Run a server of one test's own. Raise `Missing`."""
    folder = Path(tempfile.mkdtemp(prefix=f"understudy-{kind}-"))
    try:
        server = KINDS[kind](folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- shared by the processes of a test run ----


class Shared(NamedTuple):
    """A server that several processes use."""

    url: str
    lock: IO[bytes]
    """Held while it is needed: when it is closed, this process has left."""


def shared(kind: str, folder: Path) -> Shared:
    """Return the server of the test run that `folder` belongs to; start it for the first who asks. Raise `Missing`."""
    postgres_programs() if kind == "postgres" else valkey_program()
    ready = folder / f"{kind}.json"
    with (folder / f"{kind}.starting").open("ab") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        users = (folder / f"{kind}.users").open("ab")
        fcntl.flock(users, fcntl.LOCK_SH)
        if not ready.exists():
            log = (folder / f"{kind}.log").open("ab")
            with log:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.ledger.servers", "--keep", kind, folder],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            while not ready.exists():
                assert keeper.poll() is None, (folder / f"{kind}.log").read_text()
                time.sleep(0.02)
            keeper.returncode = 0  # it outlives this process, on purpose
    return Shared(json.loads(ready.read_text())["url"], users)


def keep(kind: str, folder: Path) -> None:
    """Run a server until all who use it have left."""
    ready = folder / f"{kind}.json"
    with (
        running(kind) as server,
        (folder / f"{kind}.users").open("ab") as users,
        (folder / f"{kind}.starting").open("ab") as starting,
    ):
        written = folder / f"{kind}.new"
        written.write_text(json.dumps({"url": server.url}))
        written.rename(ready)
        while True:
            fcntl.flock(users, fcntl.LOCK_EX)
            try:
                fcntl.flock(starting, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # one more is about to come
                fcntl.flock(users, fcntl.LOCK_UN)
                time.sleep(0.1)
        ready.unlink()


def _accepts(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def _other() -> dict[str, Any]:
    """Return how to start a process as another user than root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    user = _unprivileged()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Missing("there is neither a user postgres nor a user nobody")


def _hand_over(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, _unprivileged().pw_uid, _unprivileged().pw_gid)


# ---- installing ----


def install(seconds: float) -> int:
    """Install what is missing with apt-get, where it is there and may be used."""
    wanted = []
    for find, packages in ((postgres_programs, ["postgresql"]), (valkey_program, ["valkey-server", "redis-server"])):
        try:
            find()
        except Missing:
            wanted.append(packages)
    if not wanted:
        return 0
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print("the servers are not installed, and apt-get cannot be used: their tests are skipped")
        return 0
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    until = time.monotonic() + seconds
    options: dict[str, Any] = {"env": environ, "stdout": subprocess.DEVNULL}
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=False, timeout=seconds, **options)
        for packages in wanted:
            for package in packages:
                left = max(1.0, until - time.monotonic())
                if subprocess.run([*INSTALL.split(), package], check=False, timeout=left, **options).returncode == 0:
                    break
    except subprocess.TimeoutExpired:
        print(f"the servers could not be installed within {seconds:.0f} seconds: their tests are skipped")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.servers")
    parser.add_argument("--install", action="store_true", help="install what is missing")
    parser.add_argument("--seconds", type=float, default=120, help="how long that may take")
    parser.add_argument("--keep", nargs=2, metavar=("KIND", "FOLDER"), help="run a server while it is used")
    options = parser.parse_args()
    if options.keep:
        keep(options.keep[0], Path(options.keep[1]))
        return 0
    return install(options.seconds) if options.install else 0


if __name__ == "__main__":
    sys.exit(main())
