"""Keeps agents off the network: in a network namespace with loopback alone, else behind a proxy that refuses all."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

_LOOPBACK = 'ip link set lo up && exec "$@"'


@functools.cache
def _prefix() -> tuple[str, ...] | None:
    """Return what starts a command in a network namespace; `None` where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    options = ["-n"] if os.geteuid() == 0 else ["-n", "-r"]
    prefix = (unshare, *options, "sh", "-c", _LOOPBACK, "sh")
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else None


def isolated(command: Sequence[str]) -> list[str]:
    """Return a command that runs another one without a network, if this machine allows that."""
    return [*(_prefix() or ()), *command]


def is_isolated() -> bool:
    """Check whether commands run in a network namespace."""
    return _prefix() is not None


@asynccontextmanager
async def refusing_proxy(attempts: list[str]) -> AsyncIterator[dict[str, str]]:
    """Run a proxy that notes each attempt and refuses it. Yield the variables that lead there."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        attempts.append(line.decode("latin-1").strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        own = "localhost,127.0.0.1,::1"
        variables = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": own}
        yield variables | {name.lower(): value for name, value in variables.items()}
