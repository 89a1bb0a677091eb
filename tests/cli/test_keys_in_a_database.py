"""`understudy keys` with a ledger in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_keys import ROUTES, Keys
from tests.ledger.conftest import postgres, postgres_url
from tests.ledger.contract.stores import Postgres
from tests.ledger.relay import Relay

__all__ = ["postgres", "postgres_url"]
PEPPER = '[llm.gateway]\nkey_pepper = "pepper-0123456789abcdef"\n'


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return Keys(tmp_path)


def test_keys_live_in_the_database(keyed: Keys, postgres: Postgres) -> None:
    keyed.configure(ROUTES + PEPPER + postgres.table)
    made = keyed.run("keys", "create", "alice", "--route", "main", "--budget", "5/day")
    assert made.code == 0, made.err
    (found,) = keyed.run("keys", "--json").json["virtual_keys"]
    assert (found["name"], found["state"], found["tokens"][0]["ending"]) == ("alice", "valid", made.out.strip()[-4:])
    assert keyed.run("keys", "rotate", "alice", "--overlap", "1h").code == 0
    assert keyed.run("keys", "revoke", "alice", "--json").json["virtual_key"]["state"] == "revoked"
    (left,) = keyed.run("usage", "--budgets", "--json").json
    assert left["budget"] == "key:alice/day"
    assert keyed.run("keys", "remove", "alice").code == 0
    assert "no virtual keys" in keyed.run("keys").err
    assert not (keyed.folder / ".local").exists(), "nothing is kept on this machine"


def test_all_machines_need_the_same_pepper(keyed: Keys, postgres: Postgres) -> None:
    keyed.configure(ROUTES + postgres.table)
    result = keyed.run("keys", "create", "alice")
    assert (result.code, result.out) == (2, "")
    assert "need key_pepper in [llm.gateway], the same on all machines" in result.err
    keyed.configure(ROUTES + PEPPER + postgres.table)
    assert keyed.run("keys", "create", "alice").code == 0
    keyed.configure(ROUTES + PEPPER.replace("pepper-", "another-") + postgres.table)
    assert "other pepper" in keyed.run("keys").out


def test_a_database_that_is_away_is_said_without_its_password(keyed: Keys, postgres: Postgres) -> None:
    with Relay(postgres.url) as relay:
        relay.down()
        keyed.configure(ROUTES + PEPPER + f"[llm.ledger]\nurl = {relay.url!r}\n")
        result = keyed.run("keys", "create", "alice")
    assert (result.code, result.out) == (1, "")
    assert "the ledger at 127.0.0.1:" in result.err
    assert postgres.url.split(":")[2].split("@")[0] not in result.err
