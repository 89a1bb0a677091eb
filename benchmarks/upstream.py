"""Runs the stub as the upstream of what is measured."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def upstream(certificate: str | None = None) -> Iterator[int]:
    """Run the stub, over TLS if there is a certificate, and yield its port."""
    command = [sys.executable, "-m", "benchmarks.stub", *([certificate] if certificate else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stub:
        assert stub.stdout is not None
        try:
            yield int(stub.stdout.readline())
        finally:
            stub.communicate("")
