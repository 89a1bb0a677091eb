"""The program of `forking`: loads the modules of the command line, and forks for each order that it is sent."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import threading
import time
import types
from pathlib import Path
from typing import NoReturn

LEFT_OUT = ("understudy.testing", "understudy.__main__")
"""Modules that no command loads."""


def load() -> None:
    """Load what commands load, as far as it is installed."""
    import understudy

    for module in pkgutil.walk_packages(understudy.__path__, "understudy."):
        if not module.name.startswith(LEFT_OUT):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def serve(orders: socket.socket) -> list[str]:
    """Fork for each order, and reply with the child's number and its exit code. Return, in a child, its words."""
    while True:
        size, descriptors, _, _ = socket.recv_fds(orders, 4, 3)
        if not size:
            sys.exit()
        order = json.loads(_all(orders, int.from_bytes(size, "big")))
        child = os.fork()
        if not child:
            orders.close()
            for place, descriptor in enumerate(descriptors):
                os.dup2(descriptor, place)
                os.close(descriptor)
            os.chdir(order["folder"])
            os.environ.clear()
            os.environ.update(order["environment"])
            time.tzset()
            return list(order["words"])
        for descriptor in descriptors:
            os.close(descriptor)
        orders.sendall(f"{child}\n".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        orders.sendall(f"{code}\n".encode())


def _all(orders: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += orders.recv(size - len(found))
    return found


def run(program: str) -> None:
    """Run a program as `python -c` does."""
    sys.argv[:] = ["-c"]
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    exec(compile(program, "<string>", "exec"), main.__dict__)


def end(code: int) -> NoReturn:
    """End as an interpreter does, but without taking its modules apart, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    connection = socket.socket(fileno=int(sys.argv[1]))
    load()
    connection.sendall(b"ready\n")
    sys.argv[1:] = serve(connection)
    sys.path[0] = str(Path.cwd())
    try:
        if sys.argv[1:2] == ["-c"]:
            run(sys.argv.pop())
        else:
            runpy.run_module("understudy", run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        if not isinstance(exit_.code, int | None):
            raise
        end(exit_.code or 0)
    end(0)
