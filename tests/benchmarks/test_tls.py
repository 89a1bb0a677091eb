"""The figure of gateways whose upstream speaks TLS: its certificate is checked, and the report says how."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from benchmarks.bodies import body_of
from benchmarks.certificates import certificates
from benchmarks.compared import Compared
from benchmarks.gateways import comparison, launching
from benchmarks.gateways.comparison import Comparison
from benchmarks.gateways.launching import (
    Gateway,
    Launch,
    NotStartedError,
    Place,
    Server,
    answering,
    free_port,
    listening,
    started,
)
from benchmarks.gateways.measures import CPU, OTHER_WIRE, OVER_TLS, TLS, Effort, Figures
from benchmarks.gateways.own import BYTE_RELAY, OWN, TYPED_RELAY
from benchmarks.gateways.peers import PEERS
from benchmarks.gateways.reporting import gateways_section
from benchmarks.load import LoadError
from benchmarks.processes import Cores
from benchmarks.upstream import upstream

GATEWAYS = (BYTE_RELAY, TYPED_RELAY, OWN)
TRUST = {
    "byte relay": "$ python -m benchmarks.gateways.byte_relay 8001 8000 authority.pem",
    "typed relay": "$ python -m benchmarks.gateways.typed_relay 8001 8000 authority.pem",
    "understudy": 'ca_file = "authority.pem"',
    "LiteLLM": "SSL_CERT_FILE=authority.pem",
    "Portkey": "NODE_EXTRA_CA_CERTS=authority.pem",
    "rolter": 'ca_bundles = ["authority.pem"]',
    "ferrogw": "SSL_CERT_FILE=authority.pem",
}
"""How the documents of each say that an authority is trusted."""


def quick(gateway: Gateway, place: Place) -> Launch:
    """Start it with the compiled modules of this checkout, which a measured one does not share."""
    launch = gateway.launch(place)
    kept = {name: value for name, value in launch.environment.items() if name != "PYTHONPYCACHEPREFIX"}
    return launch._replace(environment=kept)


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda gateway: gateway.name)
def test_a_gateway_that_trusts_the_authority_of_its_upstream_answers(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")  # what a machine may have, and a run does not use
    made = certificates(tmp_path)
    with upstream(str(made.server)) as port:
        place = Place(tmp_path / "gateway", port, free_port(), str(made.authority))
        launch = quick(gateway, place)
        with started(launch, place, Cores()) as (process, log):
            server = Server(process, place.port, launch.headers)
            answering(process, log, server, body_of(1_000))
            for _ in range(2):  # the second time over connections that are kept
                assert len(asyncio.run(server.ask(body_of(1_000), count=2, concurrency=3))) == 6


@pytest.mark.parametrize("gateway", [BYTE_RELAY, TYPED_RELAY], ids=lambda gateway: gateway.name)
def test_a_relay_that_trusts_another_authority_does_not_answer(gateway: Gateway, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with upstream(str(certificates(tmp_path).server)) as port:
        place = Place(tmp_path / "gateway", port, free_port(), str(certificates(other).authority))
        launch = quick(gateway, place)
        with started(launch, place, Cores()) as (process, log):
            listening(process, log, place.port)
            with pytest.raises(LoadError, match=r"HTTP/1\.1 500|the server closed the connection"):
                asyncio.run(Server(process, place.port, launch.headers).ask(body_of(1_000)))


def test_a_gateway_that_runs_and_does_not_answer_is_given_up_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "PATIENCE", 0.0)
    place = Place(tmp_path / "gateway", 1, free_port())
    idle = Launch([sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"])
    with (
        started(idle, place, Cores()) as (process, log),
        pytest.raises(NotStartedError, match=r"did not answer within 0 s: .*Connection refused"),
    ):
        listening(process, log, place.port)


def broken_over_tls(place: Place) -> Launch:
    """Launch a relay that does not start if it must trust an authority."""
    if place.authority:
        return Launch([sys.executable, "-c", "print('cannot trust an authority'); raise SystemExit(2)"])
    return quick(BYTE_RELAY, place)


async def noted(server: Server, effort: Effort) -> Figures:
    await server.ask(body_of(1_000))
    return {"1 KB": effort.seconds}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compared:
    """What a run of one plain figure and that over TLS finds, of a relay and of a gateway that has no TLS."""
    monkeypatch.setattr(comparison, "MEASURES", {"1 KB": noted})
    monkeypatch.setattr(comparison, "_SETTLE", 0.0)
    relay = BYTE_RELAY._replace(launch=lambda place: quick(BYTE_RELAY, place))
    return Comparison([relay, Gateway("bare", broken_over_tls, "")], tmp_path, Effort(0.01, most=2), Cores()).run(1)


def test_one_that_cannot_trust_an_authority_has_all_other_figures_and_is_named(found: Compared) -> None:
    assert found.missing == {f"bare: {TLS}": "did not start: cannot trust an authority"}
    assert {figure: found.rounds.figure(figure, "bare") is not None for figure in found.rounds.measures} == {
        "start, s": True,
        "start, CPU s": True,
        "at rest, MB": True,
        "1 KB": True,
        "1 KB, TLS": False,
    }
    over_tls = found.rounds.figure("1 KB, TLS", "byte relay")
    assert over_tls is not None
    assert over_tls.middle > 0
    report = gateways_section([BYTE_RELAY, Gateway("bare", broken_over_tls, "")], found).markdown()
    assert "| bare: 1 KB, TLS | did not start: cannot trust an authority |" in report


def test_a_figure_that_may_be_missing_is_tried_once_and_the_gateway_recovers_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, float]] = []

    async def failing(server: Server, effort: Effort) -> Figures:
        asked.append(("other wire format", time.monotonic()))
        raise LoadError("not supported")

    async def working(server: Server, effort: Effort) -> Figures:
        asked.append(("1 KB", time.monotonic()))
        return {"1 KB": 1.0}

    monkeypatch.setattr(comparison, "MEASURES", {OTHER_WIRE: failing, "1 KB": working})
    monkeypatch.setattr(comparison, "_SETTLE", 0.0)
    monkeypatch.setattr(comparison, "_RECOVERY", 0.25)
    relay = BYTE_RELAY._replace(launch=lambda place: quick(BYTE_RELAY, place))
    found = Comparison([relay], tmp_path, Effort(0.01, most=1), Cores()).run(1)
    assert found.missing == {"byte relay: other wire format": "not supported"}
    names, times = zip(*asked, strict=True)
    assert names == ("other wire format", "1 KB", "1 KB")
    assert times[1] - times[0] >= 0.25


def test_the_figure_is_one_of_the_report() -> None:
    assert tuple(OVER_TLS) == ("1 KB, TLS",)
    assert "1 KB, TLS" in CPU


@pytest.mark.parametrize("gateway", [*GATEWAYS, *PEERS], ids=lambda gateway: gateway.name)
def test_the_report_states_how_each_gateway_trusts_the_authority(gateway: Gateway) -> None:
    plain, tls = (
        gateways_section([gateway], Compared([])).markdown().split("For `1 KB, TLS`, these lines differ or are added:")
    )
    stated = [line.strip() for line in tls.split("```")[1].splitlines()]
    assert TRUST[gateway.name] in stated
    assert "authority.pem" not in plain
    assert "https://127.0.0.1:8000" not in plain
    if gateway not in (BYTE_RELAY, TYPED_RELAY):  # they have the scheme from the authority that is given
        assert any("https://127.0.0.1:8000" in line for line in stated)
