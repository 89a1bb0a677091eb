"""Workers of the gateway that share limits in Valkey, which is killed under way."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.gateway.serving.running_gateway import Served, chat, configuration, serve
from tests.ledger.servers import Missing, Valkey, running
from understudy.emulator import Emulator, emulate

TABLES = '[llm.ledger]\nlimits_url = "{url}"\n[[llm.limits]]\nrequests_per_minute = 6\n'
ALONE = b"keeps its share of them"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


@pytest.fixture
def server() -> Generator[Valkey]:
    pytest.importorskip("redis", reason="the package redis is not installed: pip install 'understudy[valkey]'")
    try:
        with running("valkey") as made:
            yield made
    except Missing as error:
        pytest.skip(str(error))


async def _ask(served: Served) -> tuple[int, bytes]:
    """Return the status of an answer, and all that it says."""
    peer = await served.connect()
    peer.writer.write(chat(keep=False))
    status, headers, body = await peer.response()
    return status, str(headers).encode() + body


async def test_workers_share_a_limit_and_keep_a_share_each_when_its_server_is_killed(
    tmp_path: Path, emulator: Emulator, server: Valkey
) -> None:
    import redis

    text = configuration(emulator, more=TABLES.format(url=server.url))
    async with serve(tmp_path, text, "--workers", "2") as served:
        answers = [await _ask(served) for _ in range(12)]
        admitted = sum(status == 200 for status, _ in answers)
        if not any(ALONE in said for _, said in answers):  # a busy machine may have been slower than fifty milliseconds
            assert admitted == 6
        assert 6 <= admitted <= 12
        assert {status for status, _ in answers} == {200, 429}
        with redis.Redis.from_url(server.url) as other:
            assert other.zcard("{understudy}:processes") == 2
        server.stop(signal.SIGKILL)
        for _ in range(8):
            status, said = await _ask(served)
            assert status in (200, 429)
            assert ALONE in said
        assert served.process.poll() is None
