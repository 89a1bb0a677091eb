"""Malformed requests over sockets, to the server of `understudy serve`: each gets one answer, or more is awaited."""

from __future__ import annotations

import random

import pytest

from tests.gateway.attack.attacking import CALLER, UPSTREAM, target
from tests.gateway.attack.seeds import SEEDS, seeds_of
from tests.gateway.attack.spoiling import Malformed, malformed
from tests.gateway.serving.serving import serving
from tests.gateway.serving.test_strict_http import mutate, send_malformed
from understudy.gateway.serving.limits import Limits

REQUESTS, DEEP = 25, 400


def written(request: Malformed, dice: random.Random) -> bytes:
    """Return a request as bytes; of every four, one is changed in the framing too."""
    target = request.path + (b"?" + request.query if request.query else b"")
    body = b"".join(request.pieces)
    given = {"host": "localhost", "authorization": f"Bearer {CALLER}", "connection": "close", **request.headers}
    framing = {"content-length": str(len(body))}
    if len(request.pieces) > 1:
        framing = {"transfer-encoding": "chunked"}
        body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in request.pieces if each) + b"0\r\n\r\n"
    lines = [f"{name}: {value}".encode("latin-1") for name, value in ({**framing, **given}).items()]
    data = b"\r\n".join([request.method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", body])
    return data if dice.random() < 0.75 else mutate(dice, data[:2000]) + data[2000:]


@pytest.mark.parametrize("face", SEEDS)
async def test_malformed_requests_over_sockets(face: str, deep: bool) -> None:
    dice, seeds = random.Random(f"sockets {face}"), seeds_of(face)
    async with target() as attacked, serving(attacked.gateway, limits=Limits(linger=0.05)) as running:
        statuses = set()
        for _ in range(DEEP if deep else REQUESTS):
            seen = await send_malformed(running, written(malformed(dice.choice(seeds), dice), dice))
            assert UPSTREAM.encode() not in seen
            assert CALLER.encode() not in seen
            statuses.add(seen[9:12])
        assert attacked.faults.found == []
        assert b"400" in statuses
