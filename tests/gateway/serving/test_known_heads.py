"""A head that was seen before means the same as if it were parsed again, however its bytes are cut.

Two connections get the same bytes in the same pieces: one as it is, the other forgets each head. What their handlers
see and what they write must be the same after every piece.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from tests.gateway.serving.test_answers import Native, Pipe
from understudy.gateway.exchange import ClientGone, Exchange
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Phase, Shared
from understudy.gateway.serving.protocol import HttpProtocol

Seen = list[tuple[Any, ...]]


class Whole(Pipe):
    """A socket that is not closed by the server's end."""

    def write_eof(self) -> None:
        self.written.append(b"<eof>")

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.written.append(b"<closed>")

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None


def connected(limits: Limits) -> tuple[HttpProtocol, Whole, Seen]:
    seen: Seen = []

    async def handler(exchange: Exchange) -> None:
        told = (exchange.method, exchange.path, exchange.query, exchange.http_version)
        seen.append((*told, tuple(exchange.headers.items()), exchange.peer))
        if exchange.path == "/early":
            await exchange.reply(200, (), b"early")
            return
        body = b""
        try:
            while not exchange.at_end:
                body += await exchange.read()
        except ClientGone:
            seen.append(("gone", exchange.refused))
            return
        seen.append((body,))
        await exchange.reply(200, (), body)

    protocol, pipe = HttpProtocol(Shared(Native(handler), limits)), Whole()
    protocol.shared.date = b""
    protocol.connection_made(pipe)
    return protocol, pipe, seen


HEADS = (
    "POST /v1/x?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nX: y\r\n\r\n",
    "POST /v1/x?a=1 HTTP/1.1\r\nHost: a\r\nX: y\r\ncontent-length:{}\r\n\r\n",
    "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
    "PUT /v1/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: {}\r\nX: 1\r\nX: 2\r\n\r\n",
    "GET /v1/x HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: {}\r\n\r\n",
)
ENDING = (
    "POST /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
    "POST /v1/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
    "POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nContent-Length: 3\r\n\r\n",
    "POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: {} \r\nTransfer-Encoding: chunked\r\n\r\n",
)
LENGTHS = ("{n}", "0{n}", "{n} ", " {n}", "+{n}", "{n},{n}", "0x{n}", "{n}\x0b", "", "9999999999", "1000000000", "-{n}")


def request(dice: random.Random, favourite: str) -> bytes:
    head = favourite if dice.random() < 0.7 else dice.choice(HEADS) if dice.random() < 0.8 else dice.choice(ENDING)
    body = dice.randbytes(dice.choice((0, 1, 7, 12, 300)))
    spelled = "{n}" if dice.random() < 0.9 else dice.choice(LENGTHS)
    data = head.format(spelled.format(n=len(body))).encode("latin-1") + body
    if dice.random() < 0.05:
        data += dice.choice((b"\r\n", b"\r\n\r\n", b"x", data))
    if dice.random() < 0.05:
        at = dice.randrange(len(data))
        data = data[:at] + dice.randbytes(1) + data[at + 1 :]
    return data


def pieces(data: bytes, dice: random.Random) -> list[bytes]:
    head = data.find(b"\r\n\r\n") + 4
    match dice.randrange(4):
        case 0:
            cuts = [head]  # as many clients send head and body
        case 1:
            cuts = sorted(dice.sample(range(len(data) + 1), min(3, len(data))))
        case _:
            cuts = []
    edges = [0, *cuts, len(data)]
    return [piece for begin, end in pairwise(edges) if (piece := data[begin:end])]


async def settle(protocol: HttpProtocol) -> None:
    """Let the handler run until it waits for more of a body, or has ended."""
    for _ in range(4):
        await asyncio.sleep(0)


@pytest.mark.parametrize("limits", [Limits(), Limits(head=60)])
@pytest.mark.parametrize("seed", range(6))
async def test_a_head_means_the_same_again(seed: int, limits: Limits) -> None:
    dice, used = random.Random(seed), 0
    for _ in range(60):
        favourite = dice.choice(HEADS)
        known, pipe, seen = connected(limits)
        other, other_pipe, other_seen = connected(limits)
        for _ in range(6):
            for piece in pieces(request(dice, favourite), dice):
                used += known._known is not None and known._known.begin(piece) is not None
                other._known = None
                known.data_received(piece)
                other.data_received(piece)
                if dice.random() < 0.9:  # else the next piece comes before anything was done
                    await settle(known)
                assert seen == other_seen
                assert pipe.written == other_pipe.written
                assert known.phase is other.phase
                assert known._body == other._body
        for each in (known, other):
            each.connection_lost(None)
        await settle(known)
        assert seen == other_seen
    assert used > 20 or limits.head < 100


async def test_a_stop_is_announced_in_the_next_answer() -> None:
    protocol, pipe, _ = connected(Limits())
    data = HEADS[0].format(2).encode() + b"ab"
    for _ in range(2):
        protocol.data_received(data)
        await settle(protocol)
    assert b"connection: close" not in b"".join(pipe.written)
    protocol.retire(60.0)
    protocol.data_received(data)
    await settle(protocol)
    assert b"connection: close" in pipe.written[2]


async def test_long_heads_are_not_kept() -> None:
    protocol, _, seen = connected(Limits())
    head = f"POST / HTTP/1.1\r\nHost: a\r\nX: {'y' * 3000}\r\nContent-Length: 0\r\n\r\n"
    protocol.data_received(head.encode())
    await settle(protocol)
    assert len(seen) == 2
    assert protocol.phase is Phase.IDLE
    assert protocol._known is None


async def test_a_known_head_with_more_digits_exceeds_the_limit_as_any_other() -> None:
    protocol, pipe, _ = connected(Limits(head=28))
    head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n"
    for length, status in ((1, b"200"), (100, b"431")):
        protocol.data_received(head.format(length).encode() + b"a" * length)
        await settle(protocol)
        assert b"".join(pipe.written).split(b"HTTP/1.1 ")[-1].startswith(status)
