"""Pages of a log in which what is selected is rare, so that only some days are read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ledger.contract.stores import Store
from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord
from understudy.ledger.selection import LedgerSelection

DAY = 86_400
SELECTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "provider": ({"provider": "rare"}, {"provider": "rare"}),
    "model": ({"model": "rare"}, {"model": "rare"}),
    "route": ({"route": "rare"}, {"route": "rare"}),
    "task": ({"task": "rare"}, {"task": "rare"}),
    "key": ({"labels": {"key": "rare"}}, {"key": "rare"}),
    "agent": ({"labels": {"client": "rare"}}, {"agent": "rare"}),
    "tag": ({"labels": {"team": "rare"}}, {"tag": "team=rare"}),
    "tag of a model": ({"labels": {"team": "rare"}, "model": "rare"}, {"tag": "team=rare", "model": "rare"}),
}
"""What the rare entries have, and how they are asked for."""


def _kept(store: Store, rare: dict[str, Any]) -> list[AttemptRecord]:
    """Keep entries of forty days, some of whose are rare; return those, the newest first."""
    ledger = store.open()
    made = []
    for number in range(1, 121):
        is_rare = number in (2, 3, 5, 6, 7, 40, 43, 118)
        record = ended(start(number, started=NOON + number * DAY / 3, **(rare if is_rare else {})))
        ledger.record(record)
        if is_rare:
            made.append(record)
    ledger.flush()
    return made[::-1]


@pytest.mark.parametrize("what", SELECTED)
def test_the_rare_ones_are_found_in_order_and_page_by_page(store: Store, what: str) -> None:
    rare, asked = SELECTED[what]
    made = _kept(store, rare)
    with store.read() as reader:
        assert [each.record for each in reader.entries(LedgerSelection(**asked))] == made
        assert [[each.record for each in one] for one in reader.requests(LedgerSelection(**asked))] == [
            [each] for each in made
        ]
        paged: list[AttemptRecord | None] = []
        while page := reader.entries(
            LedgerSelection(**asked), limit=3, before=paged[-1].attempt_id if paged and paged[-1] else None
        ):
            paged += [each.record for each in page]
        assert paged == made


def test_a_span_bounds_the_days(store: Store) -> None:
    made = _kept(store, {"model": "rare"})
    since, until = made[-3].started, made[1].started
    selected = LedgerSelection(model="rare", since=since, until=until)
    with store.read() as reader:
        assert [each.record for each in reader.entries(selected)] == made[2:-2]
        assert reader.entries(LedgerSelection(model="rare", since=until, until=since)) == []


def test_what_is_under_way_is_found_as_well(store: Store) -> None:
    """It is in no sum yet."""
    made = _kept(store, {"model": "rare"})
    ledger = store.open()
    begun = start(500, started=NOON + 60 * DAY, model="rare")
    ledger.begin(begun)
    ledger.flush()
    with store.read() as reader:
        found = reader.entries(LedgerSelection(model="rare"))
    assert [each.start.attempt_id for each in found] == [begun.attempt_id, *(each.attempt_id for each in made)]


def test_ids_that_tell_no_time_are_found_as_well(store: Store) -> None:
    made = _kept(store, {"model": "rare"})
    ledger = store.open()
    odd = ended(start(600, started=NOON, attempt_id="an id of somebody", model="rare"))
    ledger.record(odd)
    ledger.flush()
    with store.read() as reader:
        found = reader.entries(LedgerSelection(model="rare"))
    assert [each.record for each in found] == [*made, odd]


def test_what_is_nowhere_is_not_found(store: Store) -> None:
    _kept(store, {})
    with store.read() as reader:
        assert reader.entries(LedgerSelection(tag="team=nobody")) == []
        assert reader.requests(LedgerSelection(provider="nobody")) == []
