"""The gateway of a run: `understudy serve` with the vendors behind one route."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.agents.vendors import MODELS
from tests.servers.running import free_port
from understudy.emulator import Emulator

KEY = "gateway-key-of-the-agents"
ROUTE = "main"
PATIENCE = 1.0
"""Seconds that the gateway waits for a vendor which asks it to; after a longer hint it asks the next."""


def configuration(emulator: Emulator, vendors: Sequence[str], port: int, patience: float) -> dict[str, Any]:
    """Return the tables of a configuration in which the vendors are tried in their order."""
    entries = [
        {
            "provider": name,
            "api_key": emulator.key,
            "base_url": emulator.url(name),
            "text_model": MODELS[name],
            "priority": priority,
            "first_event_timeout": patience,
            "idle_timeout": patience,
        }
        for priority, name in enumerate(vendors, 1)
    ]
    aliases = {"claude-*": ROUTE, "gpt-*": ROUTE, "gemini-*": ROUTE}
    gateway = {"port": port, "aliases": aliases, "keys": [{"name": "agent", "key": KEY}]}
    route = {"name": ROUTE, "targets": list(vendors)}
    fallback = {"max_wait": PATIENCE}
    return {"llm": {"providers": entries, "fallback": fallback, "routes": [route], "gateway": gateway}}


def toml(tables: dict[str, Any]) -> str:
    """Return the configuration as text: `llm` as one table whose values are written inline."""
    lines = ["[llm]", *(f"{name} = {_value(value)}" for name, value in tables["llm"].items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            return json.dumps(value)


@asynccontextmanager
async def gateway(emulator: Emulator, vendors: Sequence[str], home: Path, patience: float) -> AsyncIterator[str]:
    """Run the gateway, and yield its address. `patience`: seconds for a silent vendor."""
    port = free_port()
    path = home / "gateway.toml"
    path.write_text(toml(configuration(emulator, vendors, port, patience)), encoding="utf-8")
    environment = {"HOME": str(home), "UNDERSTUDY_CONFIG": str(path)}
    environment |= {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with (home / "gateway.log").open("wb") as output:
        command = [sys.executable, "-m", "understudy", "serve", "--drain", "2"]
        server = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
        try:
            await _listens(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            if server.returncode is None:
                server.terminate()
            async with asyncio.timeout(30):
                await server.wait()


async def _listens(port: int, server: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60):
        while server.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
    raise RuntimeError(f"the gateway ended with {server.returncode}")
