"""Official clients and libraries, each in an environment of its own, through the gateway's sockets.

With `--deep` and a folder for the environments only: they are installed by pip and npm, and skipped where that is not
possible (README.md).
"""

from __future__ import annotations

import os

import pytest

from tests.clients.environments.cases import BACK_ENDS, cases_of
from tests.clients.environments.installing import FOLDER, install
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
    if reason := install(CLIENTS[name]):
        pytest.skip(reason)
    results = await tried(CLIENTS[name])
    assert [f"{case.label}: {complaint}" for case, complaint in results if complaint] == []
    assert results
