"""Sums that are kept by day, sums of entries, and sums made here by hand are the same, in every ledger that lasts."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.contract.stores import Store
from tests.ledger.made import NOON, ended, records, start, uuid_of
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.usage import Usage
from understudy.ledger import places
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sums import UsageSums


def values_of(by: str, record: AttemptRecord) -> list[str]:
    """Return what a record counts for: the oracle, in the plainest words."""
    labels = record.labels
    match by:
        case "day":
            return [datetime.fromtimestamp(record.started, UTC).date().isoformat()]
        case "key":
            return [labels["key"]] if "key" in labels else []
        case "agent":
            return [labels["client"]] if "client" in labels else []
        case "class":
            return [labels["request_class"]] if "request_class" in labels else []
        case "tag":
            own = ("key", "client", "request_class")
            return [f"{name}={value}" for name, value in labels.items() if name not in own]
        case _:
            value = getattr(record, by)
            return [] if value is None else [value]


def expected(by: str, chosen: list[AttemptRecord], first: set[str]) -> dict[str, tuple[int, ...]]:
    """Return requests, attempts, won, lost, tokens in and out, money, and what is not known."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 8)
    for record in chosen:
        usage, cost = record.usage, record.cost
        parts = (usage.input, usage.cache_read, usage.cache_read_audio, usage.cache_write, usage.audio_input)
        free = record.cost_basis in (CostBasis.NOT_SENT, CostBasis.REFUSED)
        added = (
            record.attempt_id in first,
            1,
            record.outcome is Outcome.WON,
            record.outcome is not Outcome.WON,
            sum(part or 0 for part in parts),
            (usage.output or 0) + (usage.reasoning or 0),
            cost.amount.nano_usd if cost else 0,
            cost is None and not free,
        )
        for value in values_of(by, record):
            sums[value] = [a + b for a, b in zip(sums[value], added, strict=True)]
    return {value: tuple(total) for value, total in sums.items()}


def shown(found: dict[str, UsageSums]) -> dict[str, tuple[int, ...]]:
    return {
        value: (
            *(each.requests, each.attempts, each.succeeded, each.failed + each.aborted),
            *(each.input, each.output, each.cost, each.unpriced),
        )
        for value, each in found.items()
    }


spans = st.none() | st.integers(-250_000, 250_000).map(lambda each: NOON + each)


@pytest.mark.lawless(reason="costs and what they are based on are drawn apart")
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    st.lists(records, max_size=12, unique_by=lambda each: each.attempt_id),
    spans,
    spans,
    st.sampled_from([{}, {"provider": "backup"}, {"key": "a"}, {"tag": "team=b=c"}, {"session": "s1"}, {"class": "a"}]),
    st.booleans(),
)
def test_sums_are_those_of_the_entries(
    store: Store,
    given_: list[AttemptRecord],
    since: float | None,
    until: float | None,
    filters: dict[str, str],
    is_rolled: bool,
) -> None:
    store.clear()
    ledger = store.open()
    for record in given_:
        ledger.record(record)
    ledger.flush()
    store.close()
    if is_rolled:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(places, "SETTLED", -(10.0**9))
            store.roll()
    first: dict[str, str] = {}
    for record in given_:
        first.setdefault(record.request_id, record.attempt_id)
    chosen = [
        record
        for record in given_
        if (since is None or record.started >= since)
        and (until is None or record.started < until)
        and all(value in values_of(name, record) for name, value in filters.items())
    ]
    named = {"request_class" if name == "class" else name: value for name, value in filters.items()}
    selection = LedgerSelection(since=since, until=until, **named)
    with store.read() as reader:
        for by in get_args(By):
            assert shown(reader.usage(by, selection)) == expected(by, chosen, set(first.values())), by
        assert [entry.record for entry in reader.entries(selection)] == sorted(
            chosen, key=lambda each: each.attempt_id, reverse=True
        )


def test_pages_go_on_where_the_last_one_ended(store: Store) -> None:
    ledger = store.open()
    made = [ended(start(seed, started=NOON + seed)) for seed in range(1, 26)]
    for record in made:
        ledger.record(record)
    ledger.flush()
    with store.read() as reader:
        found, last = [], None
        for _ in range(4):
            page = reader.entries(limit=7, before=last)
            found += page
            last = page[-1].start.attempt_id
        assert reader.entries(limit=7, before=last) == []
    assert [entry.record for entry in found] == made[::-1]


def test_requests_come_whole_and_the_newest_first(store: Store) -> None:
    ledger = store.open()
    made = [ended(start(seed, request_id=uuid_of(seed // 3), started=NOON + seed)) for seed in range(3, 30)]
    for record in made:
        ledger.record(record)
    ledger.flush()
    with store.read() as reader:
        found = reader.requests(limit=2)
        assert [[each.record for each in request] for request in found] == [made[24:27], made[21:24]]
        more = reader.requests(before=found[-1][0].start.attempt_id, limit=1)
        assert [[each.record for each in request] for request in more] == [made[18:21]]
        of_one = LedgerSelection(since=NOON + 10, until=NOON + 11)
        assert [[each.record for each in request] for request in reader.requests(of_one)] == [made[6:9]]
        assert reader.requests(LedgerSelection(provider="another")) == []


def test_a_request_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    ledger = store.open()
    moments = ((1, NOON), (2, NOON + 1), (3, NOON + 86_400))
    for seed, moment in moments:
        ledger.record(ended(start(seed, started=moment)))
    ledger.record(ended(start(4), request_id="of-another-form"))
    ledger.flush()
    ids = [start(seed, started=moment).request_id for seed, moment in moments]
    with store.read() as reader:
        assert reader.ids(ids[0]) == [ids[0]]
        assert reader.ids(ids[0][:8]) == [ids[1], ids[0]]
        assert reader.ids(ids[0][:4]) == [ids[2], ids[1]], "the newest two"
        assert reader.ids("ffff") == []
        assert [each.start.request_id for each in reader.request("of-another-form")] == ["of-another-form"]
        assert reader.request("unknown") == []


def test_tokens_that_nobody_counted_are_said_to_be_missing(store: Store) -> None:
    ledger = store.open()
    ledger.record(ended(start(1), usage=Usage()))
    ledger.record(ended(start(2), usage=Usage(input=0)))
    ledger.record(ended(start(3), Outcome.FAILED, usage=Usage()))
    ledger.flush()
    with store.read() as reader:
        for selection in (LedgerSelection(), LedgerSelection(provider="primary")):
            assert reader.usage("provider", selection)["primary"].uncounted == 1


ODD = ["a\0b", "\0", "a\\u0000b", "a\\\0b", 'quo"te=\\', "\x01", "a\\\\u0000\0"]


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_a_tag_of_any_characters_is_found_and_added_up(store: Store, value: str) -> None:
    """No database of the two takes a NUL in JSON as it is; a replacement stands for it where tags are compared."""
    ledger = store.open()
    record = ended(start(1, labels={"team": value, "other": "x"}))
    ledger.record(record)
    ledger.record(ended(start(2, labels={"team": "a", "other": "y"})))
    ledger.flush()
    shown_as = f"team={value}".replace("\0", "\N{REPLACEMENT CHARACTER}")
    with store.read() as reader:
        (found,) = reader.entries(LedgerSelection(tag=f"team={value}"))
        assert found.record == record, "the entry has its labels as they were"
        assert len(reader.entries()) == 2, "no row is lost"
        for selection in (LedgerSelection(), LedgerSelection(since=NOON - 10, until=NOON + 10)):
            assert reader.usage("tag", selection).keys() == {shown_as, "team=a", "other=x", "other=y"}
        assert reader.usage("tag", LedgerSelection(tag=f"team={value}")).keys() == {shown_as, "other=x"}


def test_any_other_text_may_hold_a_nul(store: Store) -> None:
    ledger = store.open()
    ledger.record(
        ended(start(1, session="s\0t", route="r\0", task="\0", model="m\0", labels={"key": "k\0", "n\0": "v"}))
    )
    ledger.flush()
    with store.read() as reader:
        for name, value in (("session", "s\0t"), ("route", "r\0"), ("task", "\0"), ("model", "m\0"), ("key", "k\0")):
            assert len(reader.entries(msgspec.structs.replace(LedgerSelection(), **{name: value}))) == 1, name
        assert len(reader.entries(LedgerSelection(tag="n\0=v"))) == 1
