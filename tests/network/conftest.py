from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.network.origin import Origin, serving

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "mallory", "p@ss/w:rd-4711"
"""The password has characters that a URL must escape."""
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def no_network_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Proxies(NamedTuple):
    """Two forward proxies that run: proxy.py (https://github.com/abhinavsingh/proxy.py)."""

    plain: str
    guarded: str
    """Wants the user and the password."""


@pytest.fixture(scope="session")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    folder = tmp_path_factory.mktemp("proxies")
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(_proxy(folder / "plain")),
            stack.enter_context(_proxy(folder / "guarded", "--basic-auth", f"{USER}:{PASSWORD}")),
        ]
        yield Proxies(*(f"127.0.0.1:{_port(place)}" for place in started))


@contextlib.contextmanager
def _proxy(place: Path, *options: str) -> Iterator[Path]:
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(place)]
    command += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "CRITICAL", *options]
    command += ["--plugins", "tests.network.resolving.TestNamesAreHere"]
    process = subprocess.Popen(
        command,
        cwd=place.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(place.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield place
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it has children of its own
        process.wait()


def _port(place: Path) -> int:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            return int(place.read_text())
        time.sleep(0.02)
    raise AssertionError("the proxy did not start")


class Authority(NamedTuple):
    """A private certificate authority, and files of what it signed."""

    ca: trustme.CA
    ca_file: str
    client_file: str
    """A client's certificate with its key."""
    certificate_file: str
    key_file: str

    def server(self, *, asks_for_client: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert("provider.test", "127.0.0.1").configure_cert(context)
        if asks_for_client:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @contextlib.asynccontextmanager
    async def serving(self, scheme: str) -> AsyncIterator[Origin]:
        """Serve a provider at `http` or `https`."""
        async with serving(self.server() if scheme == "https" else None) as origin:
            yield origin


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA()
    client = ca.issue_cert("client@example.test")
    certificate, key, both, root = (folder / name for name in ("c.pem", "k.pem", "both.pem", "ca.pem"))
    client.cert_chain_pems[0].write_to_path(certificate)
    client.private_key_pem.write_to_path(key)
    both.write_bytes(client.private_key_and_cert_chain_pem.bytes())
    ca.cert_pem.write_to_path(root)
    return Authority(ca, str(root), str(both), str(certificate), str(key))
