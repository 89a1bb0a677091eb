"""Servers that tests start: a port belongs to the process that was started, not to any other one that listens there."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.servers import running as module
from tests.servers.running import free_port, running

linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes as Linux shows them")
SERVES = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
SLEEPS = "import time; time.sleep(600)"


@linux
def test_a_server_is_waited_for_until_it_listens_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with running(tmp_path, port, sys.executable, "-c", SERVES, str(port)):
        monkeypatch.setattr(module, "PATIENCE", 0.5)
        with (
            pytest.raises(RuntimeError, match="did not listen"),
            running(tmp_path, port, sys.executable, "-c", SLEEPS),
        ):
            raise AssertionError("the port is another server's")


def test_ports_are_none_that_the_system_chooses() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        low, high = module.PORTS
        assert low <= listener.getsockname()[1] < high
