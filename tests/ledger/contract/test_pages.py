"""Pages of requests and of sessions: each is on one page, whatever is selected, and however few entries it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.contract.stores import Store
from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.ledger import LedgerQueries, questions
from understudy.ledger.pages import Answer
from understudy.ledger.selection import LedgerSelection

Requests = list[list[AttemptRecord]]

_ends = st.sampled_from(
    [
        (Outcome.WON, None),
        (Outcome.FAILED, FailureKind.RATE_LIMITED),
        (Outcome.FAILED, FailureKind.CONTENT_FILTER),
        (Outcome.ABORTED, None),
        (Outcome.ABORTED, FailureKind.DEADLINE),
    ]
)
_requests = st.lists(
    st.tuples(
        st.lists(st.tuples(_ends, st.sampled_from(["gpt-6", "tiny"])), min_size=1, max_size=3),
        st.sampled_from([None, "s1", "s2", "s3"]),
        st.sampled_from([{}, {"key": "a"}, {"key": "b", "team": "x"}, {"client": "codex"}]),
        st.integers(0, 200_000),
    ),
    max_size=9,
)
SELECTIONS: list[dict[str, Any]] = [
    {},
    *({"outcome": each} for each in ("answered", "recovered", "failed", "aborted", "unknown", "started", "lost")),
    *({"state": each} for each in ("succeeded", "failed", "aborted")),
    {"failure": "rate_limited"},
    {"model": "tiny"},
    {"key": "a", "outcome": "failed"},
    {"key": "b", "failure": "content_filter"},
    {"session": "s1", "state": "failed"},
    {"tag": "team=x", "outcome": "recovered"},
    {"since": NOON + 50_000, "until": NOON + 150_000, "model": "gpt-6"},
]


def made_of(drawn: list[Any]) -> Requests:
    """Return requests as drawn: attempts of several requests may alternate."""
    found: Requests = []
    for number, (attempts, session, labels, moment) in enumerate(drawn, start=1):
        found.append(
            [
                ended(
                    start(
                        number * 10 + place,
                        request=number,
                        number=place + 1,
                        started=NOON + moment + 40_000 * place,
                        model=model,
                        session=session,
                        labels=labels,
                        request_id=start(number * 10).request_id,
                    ),
                    outcome,
                    failure=None if kind is None else Failure(kind=kind, message="no"),
                )
                for place, ((outcome, kind), model) in enumerate(attempts)
            ]
        )
    return found


def kept(store: Store, requests: Requests) -> None:
    ledger = store.open()
    for record in (each for request in requests for each in request):
        ledger.record(record)
    ledger.flush()
    store.close()


def ending_of(request: list[AttemptRecord]) -> tuple[AttemptRecord, set[str]]:
    """Return the attempt by which a request ended, and the outcomes that this is, in the plainest words."""
    won = [each for each in request if each.outcome is Outcome.WON]
    last = max(request, key=lambda each: each.attempt_id)
    if not won:
        return last, {last.outcome.value}
    return won[0], {"answered"}


def is_selected(record: AttemptRecord, request: list[AttemptRecord], asked: dict[str, Any]) -> bool:
    """Say whether an attempt is selected: the oracle."""
    won = any(each.outcome is Outcome.WON for each in request)
    states = {Outcome.WON: "succeeded", Outcome.FAILED: "failed", Outcome.ABORTED: "aborted"}
    checks: dict[str, Callable[[Any], bool]] = {
        "since": lambda value: record.started >= value,
        "until": lambda value: record.started < value,
        "state": lambda value: states[record.outcome] == value,
        "failure": lambda value: record.failure is not None and record.failure.kind == value,
        "model": lambda value: record.model == value,
        "key": lambda value: record.labels.get("key") == value,
        "session": lambda value: record.session == value,
        "tag": lambda value: "team=" + record.labels.get("team", "") == value,
        "outcome": lambda value: {
            "answered": record.outcome is Outcome.WON,
            "recovered": won and record.outcome is Outcome.FAILED,
            "failed": not won and record.outcome is Outcome.FAILED and record is ending_of(request)[0],
            "aborted": not won and record.outcome is Outcome.ABORTED and record is ending_of(request)[0],
        }.get(value, False),
    }
    return all(checks[name](value) for name, value in asked.items())


def walk(reader: LedgerQueries, asked: dict[str, Any], limit: int) -> Iterator[list[AttemptRecord | None]]:
    """Yield the requests of one page after another."""
    before, pages = None, 0
    while True:
        page = reader.request_page(LedgerSelection(**asked), before=before, limit=limit)
        assert len(page.requests) <= limit
        yield from ([each.record for each in request] for request in page.requests)
        before, pages = page.next, pages + 1
        if before is None:
            return
        assert pages < 100, "it goes on for ever"


@pytest.mark.parametrize("looked_at", [1, 4, 100_000])
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(_requests)
def test_each_request_is_on_one_page(store: Store, looked_at: int, drawn: list[Any]) -> None:
    store.clear()
    requests = made_of(drawn)
    kept(store, requests)
    with pytest.MonkeyPatch.context() as patch, store.read() as reader:
        patch.setattr(questions, "LOOKED_AT", looked_at)
        patch.setattr(questions, "_FEW", min(looked_at, 2))
        patch.setattr(questions, "_SEEK", 1)
        for asked in SELECTIONS:
            selected = {}
            for number, request in enumerate(requests):
                ids = [each.attempt_id for each in request if is_selected(each, request, asked)]
                if ids:
                    selected[max(ids)] = requests[number]
            expected = [
                sorted(selected[newest], key=lambda each: each.attempt_id) for newest in sorted(selected, reverse=True)
            ]
            assert list(walk(reader, asked, limit=2)) == expected, asked


def test_what_comes_in_meanwhile_changes_no_later_page(store: Store) -> None:
    requests = [[ended(start(number, started=NOON + number))] for number in range(1, 8)]
    kept(store, requests)
    with store.read() as reader:
        first = reader.request_page(limit=3)
    again = ended(start(100, request_id=requests[0][0].request_id, number=2, started=NOON + 100))
    kept(store, [[again], [ended(start(101, started=NOON + 101))]])
    with store.read() as reader:
        second = reader.request_page(before=first.next, limit=3)
    assert [each[0].record for each in first.requests] == [each[0] for each in requests[:3:-1]]
    assert [each[0].record for each in second.requests] == [each[0] for each in requests[3:0:-1]]
    assert second.next is None, "the oldest one is the newest now"


@pytest.mark.parametrize("fetched", [1, 3, 50_000])
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(_requests)
def test_each_session_is_on_one_page(store: Store, fetched: int, drawn: list[Any]) -> None:
    store.clear()
    requests = made_of(drawn)
    kept(store, requests)
    records = sorted((each for request in requests for each in request), key=lambda each: each.attempt_id)
    with pytest.MonkeyPatch.context() as patch, store.read() as reader:
        patch.setattr(questions, "FETCHED", fetched)
        for key in (None, "a"):
            found, before = list[str](), None
            while True:
                page = reader.session_page(LedgerSelection(key=key), before=before, limit=2)
                found += page.sessions
                if (before := page.next) is None:
                    break
            mine = [
                each.session for each in reversed(records) if key in (None, each.labels.get("key")) and each.session
            ]
            assert found == list(dict.fromkeys(mine))
        for session in ("s1", "s2", "s3", "unknown"):
            own = [each for each in records if each.session == session]
            won = [each for each in own if each.outcome is Outcome.WON]
            assert reader.answers([session])[session] == [
                Answer(one.request_id, one.provider, one.model, None, one.started, one.duration) for one in won
            ]
            assert reader.answers([session], limit=1)[session] == reader.answers([session])[session][-1:]
            sums = reader.session_sums(["s9", session]).get(session)
            if not own:
                assert sums is None
                continue
            assert sums is not None
            assert (sums.first, sums.last, sums.key) == (own[0].started, own[-1].started, own[-1].labels.get("key"))
            assert sums.sums == reader.usage("session", LedgerSelection(session=session))[session]


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(_requests)
def test_endings_are_those_of_the_attempts(store: Store, drawn: list[Any]) -> None:
    store.clear()
    requests = made_of(drawn)
    kept(store, requests)
    records = sorted((each for request in requests for each in request), key=lambda each: each.attempt_id, reverse=True)
    with store.read() as reader:
        assert [(each.model, each.failure, each.started, each.duration, each.cost) for each in reader.endings()] == [
            (one.model, one.failure.kind if one.failure else None, one.started, 1.5, 1_234) for one in records
        ]
        assert reader.endings(limit=2) == reader.endings()[:2]
