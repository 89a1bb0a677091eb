"""TLS and proxies on uvloop, on which the gateway runs."""

from __future__ import annotations

import asyncio

import pytest

import understudy as u
from tests.network.conftest import Authority, Proxies
from tests.network.origin import ANSWER

pytestmark = pytest.mark.usefixtures("each_transport")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("is_behind", [False, True], ids=["direct", "proxy"])
def test_uvloop(scheme: str, proxies: Proxies, authority: Authority, *, is_behind: bool) -> None:
    uvloop = pytest.importorskip("uvloop")
    behind = {"proxy": f"http://{proxies.plain}"} if is_behind else {}

    async def ask() -> tuple[list[str], int]:
        async with authority.serving(scheme) as origin:
            host = "provider.test" if is_behind else "127.0.0.1"
            config = origin.config(scheme, host, ca_file=authority.ca_file, **behind)
            async with u.create_provider(config) as llm:
                answers = [(await llm.generate("hi")).text for _ in range(2)]
                answers.append((await llm.stream("hi").collect()).text)
            return answers, origin.connections

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers, connections = runner.run(ask())
    assert answers == [ANSWER] * 3
    assert connections == 1 or (scheme == "http" and is_behind), "the connection is used again"
