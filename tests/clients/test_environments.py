"""Official clients and libraries, each in an environment of its own, through the gateway's sockets.

With `--deep`, and with a folder for the environments, at one vendor that is not the client's own. All vendors are tried
by `python -m tests.clients` (README.md).
"""

from __future__ import annotations

import os

import pytest

from tests.clients.environments.cases import BACK_ENDS, cases_of
from tests.clients.environments.installing import FOLDER, is_installed
from tests.clients.environments.roster import CLIENTS
from tests.clients.environments.trying import tried


def test_every_client_has_cases_at_three_vendors_of_each_api() -> None:
    for client in CLIENTS.values():
        for face in client.faces:
            asked = {case.asked.model for case in cases_of(client, face) if case.operation == "plain"}
            assert len(asked & {client.own, *BACK_ENDS[face]}) >= 3


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_client_works_through_the_gateway(name: str, deep: bool) -> None:
    if not deep or not os.environ.get(FOLDER):
        pytest.skip(f"needs --deep, and {FOLDER}: a folder for the clients")
    if not is_installed(CLIENTS[name]):
        pytest.skip("not installed: python -m tests.clients --install")
    results = await tried(CLIENTS[name], brief=True)
    assert [f"{case.label}: {complaint}" for case, complaint in results if complaint] == []
    assert results
