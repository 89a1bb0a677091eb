"""Clients are measured in processes of their own, and what goes wrong there is stated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.certificates import certificates
from benchmarks.clients.comparison import CALLS, CHUNKS, Comparison, Library, Worker, WorkerError, works
from benchmarks.clients.libraries import BARE, LIBRARIES, OWN
from benchmarks.clients.reporting import clients_section
from benchmarks.environments import Environment
from benchmarks.processes import Cores
from benchmarks.upstream import upstream


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[dict[str, str]]:
    with upstream() as plain, upstream(str(certificates(tmp_path).server)) as tls:
        yield {"http": f"http://127.0.0.1:{plain}/v1", "https": f"https://127.0.0.1:{tls}/v1"}


@pytest.fixture(params=[BARE, OWN], ids=lambda library: library.module)
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Worker]:
    started = Worker(request.param, Cores(), tmp_path, tmp_path / "authority.pem")
    yield started
    started.close()


def test_a_client_is_measured_at_every_kind_of_work(urls: dict[str, str], worker: Worker) -> None:
    wanted = works(urls, seconds=0.001)
    assert tuple(wanted) == (*CALLS, *CHUNKS)
    for name in CALLS:
        if name != "1 MB":  # the same as 40 KB, and slow
            assert worker.perform(wanted[name]) > 0
    for name in CHUNKS:
        worker.perform({**wanted[name], "chunks": (5, 10), "pause_ms": min(1, wanted[name]["pause_ms"])})


def test_what_a_client_raises_is_stated(urls: dict[str, str], tmp_path: Path) -> None:
    started = Worker(BARE, Cores(), tmp_path, tmp_path / "authority.pem")
    work = works(urls, seconds=0.001)["1 KB"]
    with pytest.raises(WorkerError, match="Cannot connect"):
        started.perform({**work, "base_url": "http://127.0.0.1:1/v1"})
    assert started.perform(work) > 0, "it goes on with the next piece of work"
    started.close()


def test_clients_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    absent = Library("absent", "bare", "", Environment("absent", ("absent==1.0",), tmp_path))
    broken = Library("broken", "no_such_module", "")
    found = Comparison([absent, broken], tmp_path, 0.001, Cores()).run(1)
    assert found.missing["absent"] == "is not installed (`python -m benchmarks --install`)"
    assert "No module named 'benchmarks.clients.no_such_module'" in found.missing["broken"]
    report = clients_section([absent, broken], found).markdown()
    assert "| absent | is not installed" in report


def test_every_peer_is_pinned() -> None:
    for library in LIBRARIES:
        assert library.about
        packages = library.environment.packages if library.environment else ()
        assert all("==" in package for package in packages), library.name
