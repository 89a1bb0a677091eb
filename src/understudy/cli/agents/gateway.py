"""Finds the gateway that an agent is to use, or starts one for as long as the agent runs."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from understudy.cli.agents.connection import Connection, read_key, read_url
from understudy.cli.terminal import say
from understudy.config import load
from understudy.domain.errors import ConnectionFailed, Misuse
from understudy.domain.secret import Secret
from understudy.settings.gateway import GatewayConfig
from understudy.wire import json

KEY = "UNDERSTUDY_KEY"
_LIVE = "/health/live"
_PROBE = 2.0
_PATIENCE = 10.0
"""Seconds for a list of models, for which the gateway may ask its providers."""
_START = 30.0
"""Seconds in which a gateway that was started must answer."""
_END = 10.0
"""Seconds that it has to end before it is killed."""
_LISTEN_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, never bound


@contextmanager
def reach(
    url: str | None, key: str | None, config: Path | None, environ: Mapping[str, str]
) -> Iterator[tuple[str, Secret | None]]:
    """Yield the address of a gateway that answers, and its key.

    Without `url` it is the one of the configuration; if that does not run, one is started, and ended afterwards. Raise
    `Misuse` if no gateway answers at `url`, or `ConnectionFailed` if one does not start.
    """
    secret = read_key(key or environ.get(KEY))
    if url is not None:
        address = read_url(url)
        if not is_live(address):
            raise Misuse(f"no gateway answers at {address}: start one there with `understudy serve`, or omit --url")
        yield address, secret
        return
    settings = load(config, environ=environ).gateway
    secret = secret or key_of(settings)
    address = address_of(settings)
    if is_live(address):
        yield address, secret
        return
    port = _free_port()
    command = [sys.executable, "-m", "understudy", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command.append("--no-access-log")  # nobody would read it
    command += ["--config", str(config)] if config is not None else []
    with started(command, f"http://127.0.0.1:{port}") as address:
        yield address, secret


def address_of(settings: GatewayConfig) -> str:
    """Return the address at which the configured gateway is reached from this machine."""
    host = _LISTEN_ANYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def key_of(settings: GatewayConfig) -> Secret | None:
    """Return the first key that the configuration holds. Raise `Misuse` if it holds only hashes."""
    if not settings.keys:
        return None
    if found := next((each.key for each in settings.keys if each.key is not None), None):
        return found
    raise Misuse(f"the configuration holds only hashes of the gateway's keys: set {KEY} to one of the keys")


def is_live(url: str) -> bool:
    """Check whether a gateway answers."""
    try:
        return _get(url, _LIVE, {}, _PROBE)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def list_models(connection: Connection) -> tuple[str, ...]:
    """Return the names that a gateway offers to the holder of the key. Raise `Misuse` if it refuses the key."""
    try:
        status, body = _ask(connection, "/v1/models")
        listed = json.decode_object(body).get("data") if status == 200 else None
    except json.BadJson:
        listed = None
    rows = listed if isinstance(listed, list) else []
    return tuple(each["id"] for each in rows if isinstance(each, dict) and isinstance(each.get("id"), str))


def knows_model(connection: Connection, name: str) -> bool:
    """Check whether a name means something to a gateway. Raise `Misuse` if it refuses the key."""
    return _ask(connection, f"/v1/models/{quote(name, safe='')}")[0] != 404


def _ask(connection: Connection, path: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer, 0 without one. Raise `Misuse` if the gateway refuses the key."""
    try:
        status, body = _get(connection.url, path, {"authorization": f"Bearer {connection.token}"}, _PATIENCE)
    except (OSError, http.client.HTTPException):
        return 0, b""
    if status in (401, 403):
        raise Misuse(f"the gateway refuses the key: set {KEY}, or pass --key")
    return status, body


def _get(url: str, path: str, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """Ask directly: the proxies of the environment lead to providers, not to a gateway."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path + path, headers=dict(headers))
        reply = connection.getresponse()
        return reply.status, reply.read(16 << 20)
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(command: Sequence[str], url: str, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a gateway for as long as the block runs. Raise `ConnectionFailed`, with its output, if it does not start."""
    with tempfile.TemporaryFile() as log:
        # In a session of its own, Ctrl-C on the terminal does not reach it: it must outlive the agent.
        process = subprocess.Popen(  # noqa: S603 - this program itself
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=dict(os.environ if environ is None else environ),
            start_new_session=True,
        )
        try:
            _wait(process, url, log)
            say(f"a gateway was started at {url}, and ends with the agent")
            yield url
            if process.poll() is not None:
                say(f"the gateway ended before the agent\n{_last_words(log)}".rstrip(), label="warning")
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
    end = time.monotonic() + _START
    while not is_live(url):
        if process.poll() is not None or time.monotonic() > end:
            why = "ended at once" if process.poll() is not None else f"does not answer after {_START:.0f} s"
            raise ConnectionFailed(f"the gateway that was started {why}\n{_last_words(log)}".rstrip())
        time.sleep(0.05)


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(f"  {line}" for line in log.read().decode(errors="replace").splitlines()[-12:])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
