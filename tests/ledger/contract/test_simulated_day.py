"""A day of traffic: what every report says of it is what its attempts add up to, to the nano-dollar.

The real engine makes the attempts, on virtual time: an outage, a limit and hedges, over a midnight. What it does not
have is added by hand: batches, callers who leave, and costs that are not known. The sums to compare with are made here,
of the records, in whole numbers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import get_args

import pytest
from msgspec.structs import replace

from tests.ledger.contract.stores import Store
from tests.ledger.contract.test_questions import values_of
from tests.ledger.made import uuid_of
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.usage import Usage
from understudy.ledger import places
from understudy.ledger.selection import By, LedgerSelection
from understudy.reports.history import history_of_ledger
from understudy.reports.money import DayResult, MoneyReport, report_money
from understudy.reports.requests import list_requests
from understudy.reports.sessions import SessionResult, list_sessions
from understudy.reports.usage import RequestResult, UsageResult
from understudy.reports.waterfall import report_detail
from understudy.simulator import parse_scenario, simulate
from understudy.simulator.observer import REQUEST, Observer
from understudy.simulator.run import EPOCH

DAY = 86_400
SCENARIO = """
duration = 86400
[traffic]
rate = 1
stream = 0.6
[targets.primary]
first_token = { lognormal = [0.5, 0.35] }
price = { input = 2.5, output = 10 }
[targets.backup]
first_token = { lognormal = [0.8, 0.35] }
price = { input = 0.333333333, output = 1.777777777 }
[[incidents]]
targets = ["primary"]
kind = "server_error"
from = 20000
to = 40000
[[incidents]]
targets = ["primary"]
kind = "rate_limited"
from = 50000
to = 60000
[llm.fallback]
hedge = true
hedge_after = 0.8
[[llm.providers]]
provider = "openai"
name = "primary"
priority = 1
text_model = "modelled"
[[llm.providers]]
provider = "anthropic"
name = "backup"
priority = 2
text_model = "modelled"
"""


@cache
def day() -> tuple[AttemptRecord, ...]:
    """Return the attempts of the day, in order."""
    scenario, found = parse_scenario(SCENARIO, name="day"), list[AttemptRecord]()
    assert scenario.config is not None
    with pytest.MonkeyPatch.context() as patch:
        recorded = Observer.recorded

        def note(self: Observer, record: AttemptRecord) -> None:
            found.append(record)
            recorded(self, record)

        patch.setattr(Observer, "recorded", note)
        simulate(scenario, scenario.config, 7, requests=300)
    found.sort(key=lambda each: (each.started, each.number))
    first: dict[str, str] = {}
    return tuple(_placed(number, record, first) for number, record in enumerate(found, start=1))


def _placed(number: int, record: AttemptRecord, first: dict[str, str]) -> AttemptRecord:
    """Return an attempt as callers of a gateway have it: with ids that sort by time, a key, a session, and tags."""
    caller = int(record.labels[REQUEST])
    attempt = uuid_of(number, record.started)
    record = replace(
        record,
        attempt_id=attempt,
        request_id=first.setdefault(record.request_id, uuid_of(10**9 + number, record.started)),
        started=round(record.started, 6),
        duration=round(record.duration, 6),
        first_event=None if record.first_event is None else round(record.first_event, 6),
        session=f"session-{caller // 12}" if caller % 7 else None,
        route=("chat", "code", None)[caller % 3],
        labels={
            **({"key": f"key-{caller % 4}"} if caller % 4 else {}),
            "client": ("claude-code", "codex")[caller % 2],
            "team": f"team-{caller % 5}",
            **({"env": "test"} if caller % 3 == 0 else {}),
        },
    )
    if caller % 11 == 0:  # a caller who left, after something was sent
        return replace(record, outcome=Outcome.ABORTED, cost=None, cost_basis=CostBasis.UNKNOWN, usage=Usage(input=9))
    if caller % 13 == 0:
        return replace(record, batch=record.number)
    if caller % 17 == 0:
        return replace(record, cost=None, cost_basis=CostBasis.UNKNOWN)
    return record


@pytest.fixture(params=["all rolled", "half rolled", "late", "none rolled"])
def kept(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A ledger that has seen the day; of its entries all, some or none are in the sums by place, or one came late."""
    monkeypatch.setattr(places, "SETTLED", -(10.0**9))
    is_late = request.param == "late"
    ledger = store.open()
    for record in day()[is_late:]:
        ledger.begin(record)
        ledger.record(record)
    ledger.flush()
    if request.param == "half rolled":
        monkeypatch.setattr(places, "SETTLED", time.time() - EPOCH - DAY / 2)
    if request.param != "none rolled":
        assert not store.roll()
    if is_late:
        ledger.record(day()[0])
        ledger.flush()
    store.close()
    return store


def nano(usd: str | None) -> int:
    """Return whole nano-dollars of an amount as it is reported."""
    assert usd is not None
    amount = Decimal(usd).scaleb(9)
    assert amount == int(amount)
    return int(amount)


def cost_of(records: Iterable[AttemptRecord]) -> int:
    return sum(each.cost.amount.nano_usd for each in records if each.cost is not None)


def unknown_of(records: Iterable[AttemptRecord]) -> int:
    free = (CostBasis.NOT_SENT, CostBasis.REFUSED)
    return sum(each.cost is None and each.cost_basis not in free for each in records)


def day_of(record: AttemptRecord) -> str:
    return datetime.fromtimestamp(record.started, UTC).date().isoformat()


def by_value(by: str, records: Iterable[AttemptRecord]) -> dict[str, list[AttemptRecord]]:
    found: dict[str, list[AttemptRecord]] = defaultdict(list)
    for record in records:
        for value in values_of(by, record):
            found[value].append(record)
    return found


def check_sums(result: UsageResult | None, records: list[AttemptRecord]) -> None:
    """Check the sums of some attempts."""
    if not records:
        assert result is None or result.attempts == 0
        return
    assert result is not None
    assert nano(result.cost_usd) == cost_of(records)
    assert result.unknown_costs == unknown_of(records)
    assert result.attempts == len(records)
    assert result.succeeded == sum(each.outcome is Outcome.WON for each in records)
    assert result.input_tokens == sum(each.usage.input_total or 0 for each in records)
    assert result.output_tokens == sum(each.usage.output_total or 0 for each in records)


def test_the_day_has_all_kinds() -> None:
    records = day()
    assert len({day_of(each) for each in records}) == 2, "over a midnight"
    by_request: dict[str, list[AttemptRecord]] = defaultdict(list)
    for each in records:
        by_request[each.request_id].append(each)
    assert any(len({one.provider for one in each}) == 2 for each in by_request.values()), "fallback"
    assert {each.outcome for each in records} == {*Outcome}
    assert unknown_of(records) > 5
    assert any(each.batch is not None for each in records)
    assert any(each.cost is not None and each.cost.amount.nano_usd % 1_000 for each in records), "single nano-dollars"


@pytest.mark.parametrize("by", [each for each in get_args(By) if each != "day"])
@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_money_adds_up(kept: Store, by: By, limit: int) -> None:
    now = EPOCH + DAY - 1
    with kept.read() as reader:
        report = report_money(reader, now=now, by=by, days=3, limit=limit)
        used = reader.usage(by, LedgerSelection(since=report.since, until=report.until))
    records = list(day())
    check_sums(report.total, records)
    today, month = datetime.fromtimestamp(now, UTC).date().isoformat(), "2027-01"
    check_sums(report.today.usage, [each for each in records if day_of(each) == today])
    check_sums(report.today.before, [each for each in records if day_of(each) < today])
    check_sums(report.month.usage, [each for each in records if day_of(each).startswith(month)])
    check_sums(report.month.before, [])
    assert report.unknown_share == unknown_of(records) / len(records)
    valued = by_value(by, records)
    dearest = sorted(valued, key=lambda each: -cost_of(valued[each]))[:limit]
    assert [nano(each.cost_usd) for each in report.values] == [cost_of(valued[each]) for each in dearest]
    for each in report.values:
        check_sums(each, valued[each.value])
        assert nano(each.cost_usd) == used[each.value].cost, "as `usage` has it"
    shown = {each.value for each in report.values}
    check_sums(report.other, [one for value, some in valued.items() if value not in shown for one in some])
    check_sums(report.none, [] if report.overlaps else [each for each in records if not values_of(by, each)])
    check_days(report, records, shown)


def check_days(report: MoneyReport, records: list[AttemptRecord], shown: set[str]) -> None:
    """Check each day and each part of it."""
    assert [each.day for each in report.days] == ["2027-01-14", "2027-01-15", "2027-01-16"]
    for each in report.days:
        own = [one for one in records if day_of(one) == each.day]
        assert nano(each.cost_usd) == cost_of(own)
        assert (each.attempts, each.unknown_costs) == (len(own), unknown_of(own))
        valued = by_value(report.by, own)
        assert [nano(part) for part in each.parts_usd] == [cost_of(valued.get(one.value, [])) for one in report.values]
        assert nano(each.other_usd) == sum(cost_of(some) for value, some in valued.items() if value not in shown)
        if not report.overlaps:
            assert sum_of(each) == nano(each.cost_usd)


def sum_of(each: DayResult) -> int:
    return sum(map(nano, each.parts_usd)) + nano(each.other_usd) + nano(each.none_usd)


def test_the_values_of_one_tag_do_not_overlap(kept: Store) -> None:
    with kept.read() as reader:
        report = report_money(reader, now=EPOCH + DAY - 1, by="tag", tag="env", days=3)
    assert [each.value for each in report.values] == ["env=test"]
    assert not report.overlaps
    check_sums(report.none, [each for each in day() if "env" not in each.labels])


@pytest.mark.parametrize("by", ["model", "session", "route", "tag", "key"])
@pytest.mark.parametrize("asked", [{"key": "key-1"}, {"agent": "codex"}, {"tag": "env=test"}, {"provider": "backup"}])
def test_money_of_a_part_is_that_of_its_attempts(kept: Store, by: By, asked: dict[str, str]) -> None:
    now = EPOCH + DAY - 1
    with kept.read() as reader:
        selection = replace(LedgerSelection(), **asked)
        report = report_money(reader, now=now, by=by, days=3, limit=2, selection=selection)
    ((name, value),) = asked.items()
    records = [each for each in day() if value in values_of(name, each)]
    assert records
    check_sums(report.total, records)
    check_sums(report.today.before, [each for each in records if day_of(each) < report.days[-1].day])
    check_sums(report.month.usage, records)
    valued = by_value(by, records)
    for each in report.values:
        check_sums(each, valued[each.value])
    check_sums(report.none, [] if report.overlaps else [each for each in records if not values_of(by, each)])
    check_days(report, records, {each.value for each in report.values})


def test_requests_and_sessions_add_up_to_the_same(kept: Store) -> None:
    records = list(day())
    with kept.read() as reader:
        requests, before = list[RequestResult](), None
        while True:
            page = list_requests(reader, before=before, limit=40)
            requests += page.requests
            if (before := page.next) is None:
                break
        details = [report_detail(reader.request(each.id)) for each in requests[:50]]
        sessions, before = list[SessionResult](), None
        while True:
            listed = list_sessions(reader, before=before, limit=7)
            sessions += listed.sessions
            if (before := listed.next) is None:
                break
    own: dict[str, list[AttemptRecord]] = defaultdict(list)
    for record in records:
        own[record.request_id].append(record)
    assert {each.id for each in requests} == own.keys()
    assert len(requests) == len(own)
    for each in requests:
        costs = [one.cost for one in own[each.id]]
        assert (each.cost_usd is None) == (None in costs)
        if each.cost_usd is not None:
            assert nano(each.cost_usd) == cost_of(own[each.id])
        assert each.attempts == len(own[each.id])
    for detail in details:
        amounts = [nano(each.cost_usd) for each in detail.attempts if each.cost_usd is not None]
        assert sum(amounts) == cost_of(own[detail.request.id])
    in_sessions = by_value("session", records)
    assert {each.session: (nano(each.cost_usd), each.attempts, each.unknown_costs) for each in sessions} == {
        name: (cost_of(some), len(some), unknown_of(some)) for name, some in in_sessions.items()
    }


def test_the_history_counts_each_attempt(kept: Store) -> None:
    with kept.read() as reader:
        report = history_of_ledger(reader, now=EPOCH + DAY, seconds=2 * DAY)
    records = list(day())
    assert report.is_complete
    for target in report.targets:
        own = [each for each in records if each.provider == target.provider]
        whole = target.windows[-1]
        assert whole.succeeded == sum(each.outcome is Outcome.WON for each in own)
        assert whole.failed == sum(each.outcome is Outcome.FAILED for each in own)
        assert whole.aborted == sum(each.outcome is Outcome.ABORTED for each in own)
        assert nano(whole.cost_usd) == cost_of(own) == sum(nano(each.cost_usd) for each in target.slices)
        assert whole.unknown_costs == unknown_of(own) == sum(each.unknown_costs for each in target.slices)
        assert sum(whole.failures.values()) == whole.failed
    assert {each.provider for each in report.targets} == {"primary", "backup"}
