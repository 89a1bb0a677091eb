"""An entry comes back from its row as it was."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.made import ended, records, start, starts
from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.usage import ModelUsage, Usage
from understudy.ledger.entries import OUTCOME_OF, EntryState
from understudy.ledger.rows import COLUMNS, ending_of, entry_of, id_of, row_of, row_of_start, text_of


@given(records)
def test_a_record_comes_back(record: AttemptRecord) -> None:
    row = row_of(record, 1, opens=True)
    entry = entry_of(dict(zip(COLUMNS, row, strict=True)))
    assert entry.record == record
    assert OUTCOME_OF[entry.state] is record.outcome


@given(starts)
def test_a_beginning_comes_back(begun: AttemptStart) -> None:
    row = dict(zip(COLUMNS, row_of_start(begun, 7, opens=False), strict=True))
    entry = entry_of(row)
    assert (entry.state, entry.start, entry.record) == (EntryState.STARTED, begun, None)
    assert (row["owner"], row["opens"]) == (7, False)


def test_what_the_provider_wrote_is_not_kept() -> None:
    failure = Failure(kind=FailureKind.BILLING, message="no credit", body={"error": {"user": "a secret"}})
    usage = Usage(input=1, raw={"user": "a secret"}, billed=Usage(input=2, raw={"user": "a secret"}))
    record = ended(start(), failure=failure, usage=usage)
    row = row_of(record, 1, opens=True)
    assert "a secret" not in str(row)
    kept = entry_of(dict(zip(COLUMNS, row, strict=True))).record
    assert kept is not None
    assert kept.usage == Usage(input=1, billed=Usage(input=2))
    assert kept.failure == msgspec.structs.replace(failure, body=None)


def test_tools_models_and_tier_come_back() -> None:
    parts = (ModelUsage(model="claude-opus-4-8", usage=Usage(input=3, output=4)),)
    usage = Usage(input=1, output=2, cache_read_audio=5, tools={"web_search": 2}, by_model=parts)
    record = ended(start(), usage=usage, service_tier="batch")
    kept = entry_of(dict(zip(COLUMNS, row_of(record, 1, opens=True), strict=True))).record
    assert kept is not None
    assert (kept.usage, kept.service_tier) == (usage, "batch")


def test_the_end_of_a_row_is_its_last_columns() -> None:
    record = ended(start())
    ending = ending_of(record)
    assert row_of(record, 1, opens=True)[-len(ending) :] == ending
    assert COLUMNS[-len(ending)] == "details"


@given(st.text(st.characters(codec="utf-8")) | st.uuids(version=4).map(str))
def test_any_id_comes_back(text: str) -> None:
    assert text_of(id_of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "019acf3c-7f00-7abc-8def-0123456789ab",
        "00000000-0000-7000-8000-000000000000",
        "019ACF3C-7F00-7ABC-8DEF-0123456789AB",
        "fifteen letters",
        "",
    ],
)
def test_an_id_is_short_only_if_nothing_is_lost(text: str) -> None:
    assert text_of(id_of(text)) == text
    assert (len(id_of(text)) == 16 and id_of(text)[0] != 0) is (text == "019acf3c-7f00-7abc-8def-0123456789ab")
