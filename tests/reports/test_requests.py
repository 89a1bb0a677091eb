"""Lists of requests: what selects them, how they are searched, and what a spreadsheet is given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import Misuse
from understudy.ledger import questions
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.reports import requests
from understudy.reports.export import cell
from understudy.reports.requests import (
    find_request,
    gather_requests,
    list_requests,
    search_requests,
    write_requests_csv,
)
from understudy.reports.selecting import select
from understudy.reports.usage import RequestResult

NOW = datetime.fromtimestamp(NOON, UTC)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LedgerReader]:
    """Twenty requests, one a second; every tenth at the model `rare`."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path, reserve_bytes=0)
    for number in range(1, 21):
        ledger.record(made(number))
    ledger.close()
    with LedgerReader(path) as opened:
        yield opened


def made(number: int) -> AttemptRecord:
    model = "rare" if number % 10 == 0 else "gpt-6"
    return ended(start(number, started=NOON + number, model=model, labels={"key": "=1+1", "team": "a,b", "x": "@y"}))


def test_a_page_says_where_the_next_one_begins(reader: LedgerReader) -> None:
    first = list_requests(reader, limit=12)
    assert [each.started for each in first.requests] == [NOON + number for number in range(20, 8, -1)]
    assert first.searched_to is None
    second = list_requests(reader, before=first.next, limit=12)
    assert [each.started for each in second.requests] == [NOON + number for number in range(8, 0, -1)]
    assert (second.next, second.searched_to) == (None, None)


def test_a_page_that_ends_early_says_how_far_it_looked(reader: LedgerReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "LOOKED_AT", 5)
    first = list_requests(reader, LedgerSelection(model="rare"))
    assert [each.started for each in first.requests] == [NOON + 20]
    assert first.searched_to == NOON + 16
    second = list_requests(reader, LedgerSelection(model="rare"), before=first.next)
    assert (second.requests, second.searched_to) == ((), NOON + 11)
    third = list_requests(reader, LedgerSelection(model="rare"), before=second.next)
    assert [each.started for each in third.requests] == [NOON + 10]


def test_all_are_gathered_however_far_apart(reader: LedgerReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "LOOKED_AT", 3)
    monkeypatch.setattr(requests, "_AT_ONCE", 2)
    rare = gather_requests(reader, LedgerSelection(model="rare"))
    assert [each.started for each in rare.requests] == [NOON + 20, NOON + 10]
    assert (rare.next, rare.searched_to) == (None, None)
    some = gather_requests(reader, limit=5)
    assert [each.started for each in some.requests] == [NOON + number for number in range(20, 15, -1)]
    more = gather_requests(reader, before=some.next, limit=100)
    assert [each.started for each in more.requests] == [NOON + number for number in range(15, 0, -1)]


def test_an_id_is_searched_by_its_beginning(reader: LedgerReader) -> None:
    ids = [made(number).request_id for number in range(1, 21)]
    assert [each.id for each in search_requests(reader, ids[4]).requests] == [ids[4]]
    assert [each.id for each in search_requests(reader, ids[4][:8]).requests] == ids[::-1]
    assert [each.id for each in search_requests(reader, ids[4][:8], limit=2).requests] == ids[:-3:-1]
    assert search_requests(reader, "ffff").requests == ()
    for wrong in ("", "01", "<script>", "x" * 500):
        with pytest.raises(Misuse, match="is not the id of a request"):
            search_requests(reader, wrong)
    assert find_request(reader, ids[3])[0].start.request_id == ids[3]
    with pytest.raises(Misuse, match="several requests begin with"):
        find_request(reader, ids[3][:8])


def test_a_spreadsheet_computes_nothing(reader: LedgerReader) -> None:
    stream = io.StringIO()
    write_requests_csv(list_requests(reader, limit=2).requests, stream)
    rows = list(csv.reader(io.StringIO(stream.getvalue())))
    assert rows[0] == [*RequestResult.__struct_fields__]
    row = dict(zip(rows[0], rows[1], strict=True))
    assert row["key"] == "'=1+1"
    assert row["tags"] == '{"team":"a,b","x":"@y"}'
    assert row["cost_usd"] == "0.000001234"
    assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for each in rows for cell in each)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\x1b[31mred\x07\0\x7f", "\u241b[31mred\u2407\u2400\u2421"),
        ("\x9b31m", "<U+009B>31m"),
        ("a\u202eb\u2066", "a<U+202E>b<U+2066>"),
        ("plain = text\nof two lines", "plain = text\nof two lines"),
        (-5, -5),
        (None, None),
    ],
)
def test_a_cell_is_what_it_shows(value: object, shown: object) -> None:
    assert cell(value) == shown


def test_words_select() -> None:
    given = {
        "since": "2h", "until": "2026-11-29", "target": "main/org/model", "key": "k", "agent": "codex", "class": "main",
        "session": "s", "route": "r", "task": "t", "tag": "team=a", "state": "failed", "outcome": "recovered",
        "failure": "rate_limited", "limit": "7", "provider": "",
    }  # fmt: skip
    assert select(given, NOW) == LedgerSelection(
        since=NOON - 7_200, until=NOON - 43_200, provider="main", model="org/model", key="k", agent="codex",
        request_class="main", session="s", route="r", task="t", tag="team=a", state="failed", outcome="recovered",
        failure="rate_limited",
    )  # fmt: skip
    assert select({"target": "main"}, NOW) == LedgerSelection(provider="main")
    assert select({}, NOW) == LedgerSelection()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "soon"}, "since: 'soon' is not a time"),
        ({"tag": "team"}, "tag is NAME=VALUE, got 'team'"),
        ({"state": "lost"}, "state is one of started, succeeded, failed, aborted, unknown, got 'lost'"),
        ({"outcome": "well"}, "outcome is one of answered, recovered, failed, aborted, unknown, started, got 'well'"),
        ({"key": "\udcff"}, "key contains a lone surrogate and cannot be encoded as UTF-8"),
        ({"failure": "' OR 1=1 --"}, "failure is one of dns, "),
    ],
)
def test_wrong_words_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(Misuse) as caught:
        select(given, NOW)
    assert said in caught.value.message


def test_no_word_reaches_the_database_as_sql(reader: LedgerReader) -> None:
    odd = "x'; DROP TABLE entries; --"
    for name in ("provider", "model", "key", "agent", "session", "route", "task"):
        assert list_requests(reader, select({name: odd}, NOW)).requests == ()
    assert list_requests(reader, select({"tag": f"{odd}={odd}"}, NOW)).requests == ()
    assert len(list_requests(reader).requests) == 20


@pytest.mark.parametrize("text", ["a\r=1+1", "\r=1+1", "a\r\n=1+1", "a\n=1+1", "a\n\r=1+1"])
def test_no_line_of_a_text_is_a_row_of_its_own(text: str) -> None:
    """Spreadsheets end a row at a lone CR, too, which Python's `csv` does not always quote."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([cell(text), "end"])
    assert "\r" not in stream.getvalue()
    ((first, last),) = csv.reader(io.StringIO(stream.getvalue()))
    assert last == "end"
    assert first[:1] not in ("=", "\n")
