"""The console of `understudy serve`: the link that it prints, and sessions over several processes."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.console.conftest import FORM, KEYS
from tests.gateway.serving.running_gateway import Served, chat, configuration, serve
from understudy.emulator import Emulator

ADMIN = "\n".join(
    f'[[llm.console.keys]]\nname = "{each}"\nkey = "{key}"\nscope = "{each}"' for each, key in KEYS.items()
)


class Answer:
    """What a worker answers, on a connection of its own."""

    def __init__(self, port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()
        connection.close()

    @property
    def cookie(self) -> str:
        """The cookie that it sets."""
        return self.headers["set-cookie"].partition(";")[0]


async def ask(
    served: Served, path: str, *, fields: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Send a request, with a form if fields are given."""
    method, body = ("GET", b"") if fields is None else ("POST", urlencode(fields).encode())
    given = {**({} if fields is None else {"content-type": FORM}), **(headers or {})}
    return await asyncio.to_thread(Answer, served.port, method, path, body, given)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_printed_link_signs_in_once_over_all_workers(workers: str, tmp_path: Path) -> None:
    async with (
        Emulator(["openai"]) as emulator,
        serve(tmp_path, configuration(emulator), "--workers", workers) as served,
    ):
        assert served.process.stdout is not None
        lines = "".join([served.process.stdout.readline().decode() for _ in range(2)])
        found = re.search(rf"http://127\.0\.0\.1:{served.port}(/console/sign-in\?code=\S+)", lines)
        assert found is not None, lines
        answers = await asyncio.gather(*(ask(served, found[1]) for _ in range(8)))
        assert sorted(each.status for each in answers) == [200, *[403] * 7]
        cookie = next(each.cookie for each in answers if each.status == 200)
        for _ in range(8):
            assert (await ask(served, "/console/sign-in", headers={"cookie": cookie})).status == 303
            assert (await ask(served, "/console/sign-in")).status == 200
        async with asyncio.timeout(20):
            while sum(each.get("route") == "/console/sign-in" for each in served.log()) < 24:
                await asyncio.sleep(0.05)
        assert found[1].partition("code=")[2] not in "".join(map(str, served.log()))


async def test_sessions_and_failures_count_for_all_workers(tmp_path: Path) -> None:
    async with (
        Emulator(["openai"]) as emulator,
        serve(tmp_path, configuration(emulator) + ADMIN, "--workers", "2") as served,
    ):
        cookie = (await ask(served, "/console/sign-in", fields={"key": KEYS["manage"]})).cookie
        signed_in = [await ask(served, "/console/sign-in", headers={"cookie": cookie}) for _ in range(8)]
        assert {each.status for each in signed_in} == {303}
        wrong = [await ask(served, "/console/sign-in", fields={"key": "guess-0123456789"}) for _ in range(12)]
        assert [each.status for each in wrong] == [401] * 10 + [429] * 2
        assert "guess-0123456789" not in "".join(map(str, served.log()))


async def test_a_worker_sends_what_all_of_them_do(tmp_path: Path) -> None:
    """Requests that any worker answers, and orders that any takes, are events of the one that is watched."""
    async with (
        Emulator(["openai"]) as emulator,
        serve(tmp_path, configuration(emulator) + ADMIN, "--workers", "2") as served,
    ):
        watched = await served.connect()
        head = f"GET /admin/v1/events HTTP/1.1\r\nHost: x.localhost\r\nAuthorization: Bearer {KEYS['read']}\r\n\r\n"
        watched.writer.write(head.encode())
        async with asyncio.timeout(30):
            await watched.reader.readuntil(b"event: now")
            names = set()
            for _ in range(6):  # a connection each, so that both workers have some
                peer = await served.connect()
                peer.writer.write(chat(keep=False))
                status, given, _ = await peer.response()
                assert status == 200
                names.add(re.search(rb"x-understudy-request-id: (\S+)", given, re.IGNORECASE)[1].decode())  # type: ignore[index]
            order = json.dumps({"kind": "probe", "entry": "first"}).encode()
            key = {"authorization": f"Bearer {KEYS['operate']}"}
            for _ in range(2):
                answer = await asyncio.to_thread(Answer, served.port, "POST", "/admin/v1/orders", order, key)
                assert answer.status == 201
            seen = b""
            while len(names_in(seen)) < len(names) or seen.count(b"event: order") < 2:
                seen += await watched.reader.read(65_536)
        assert names_in(seen) == names


def names_in(events: bytes) -> set[str]:
    """Return the ids of the requests whose events have arrived."""
    return {found.decode() for found in re.findall(rb"id: request-(\S+)\n", events)}
