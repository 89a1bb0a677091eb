"""An entry as a row of a database, and back.

Columns are what is searched, added up or listed; the rest of an entry is one JSON object in `details`. Times are
microseconds, money is nano-USD. What a provider wrote of its usage (`Usage.raw`) and of its error (`Failure.body`) is
not kept: it can hold anything, and every class of tokens has a column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import ModelUsage, Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.entries import AGENT, CLASS, KEY, NO_TAGS, OUTCOME_OF, STATE_OF, EntryState, LedgerEntry

TOKENS = (
    *("input", "cache_read", "cache_read_audio", "cache_write", "cache_write_1h"),
    *("output", "reasoning", "audio_input", "audio_output"),
)
"""Classes of tokens: a column each."""
COLUMNS = (
    *("id", "request", "number", "batch", "state", "owner", "opens", "started", "operation", "provider"),
    *("provider_type", "model", "streamed", "route", "task", "session", "key", "agent", "class", "tags", "details"),
    *("duration", "first_event", "answered_model", "dialect", "failure", *TOKENS),
    *("cost", "cost_basis", "price_source", "price_date"),
)
_OF_END = len(COLUMNS) - COLUMNS.index("duration")
"""How many columns are known only at the end."""
SECOND = 1_000_000
_COLUMN_OF = {KEY: "key", AGENT: "agent", CLASS: "class"}
_STORED_STATE = {outcome: state.value for outcome, state in STATE_OF.items()}
_STARTED = EntryState.STARTED.value
_STORED = {each: each.value for enumeration in (Operation, CostBasis, FailureKind) for each in enumeration}
"""Members of enumerations as they are stored: to ask a member for its value takes much longer."""
_PLAIN = 256
"""Details that are kept encoded: most attempts have the same."""
_IDS = 1_024
"""Ids that are kept as they are stored: each is needed for a question and a row, when an attempt begins and when it
ends."""
UNFIT = (ValueError, TypeError, LookupError, OverflowError, AttributeError)
"""What an attempt raises that cannot be stored, such as one with a lone surrogate in a string."""
_tokens = attrgetter(*TOKENS)


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is read only when one entry is looked at."""

    waited: float | None = 0.0
    """`None` in rows of earlier versions that stored what is not a number."""
    pool_key: str | None = None
    why: str | None = None
    failure: Failure | None = None
    next_step: str | None = None
    warnings: tuple[Warning, ...] = ()
    billed: Usage | None = None
    by_model: tuple[ModelUsage, ...] = ()
    tools: dict[str, int] | None = None
    service_tier: str | None = None
    estimated: bool = False


_details = msgspec.json.Decoder(Details)
_tags = msgspec.json.Decoder(dict[str, str])


def row_of_start(start: AttemptStart, owner: int, *, opens: bool) -> tuple[Any, ...]:
    """Return the row of an attempt that begins, truth values as 0 and 1. `opens`: whether it is the first of its
    request."""
    details = _plain_details(start.waited, start.key, start.why, None, None, False)
    return (*_beginning(start, _STARTED, owner, opens), details, *(None,) * _OF_END)


def row_of(record: AttemptRecord, owner: int, *, opens: bool) -> tuple[Any, ...]:
    """Return the row of an attempt that has ended, truth values as 0 and 1."""
    return (*_beginning(record, state_of(record), owner, opens), *ending_of(record))


def state_of(record: AttemptRecord) -> str:
    """Return the state of an attempt that has ended, as it is stored."""
    return _STORED_STATE[record.outcome]


def ending_of(record: AttemptRecord) -> tuple[Any, ...]:
    """Return the columns that the end of an attempt changes, from `details` on."""
    failure, cost, first_event = record.failure, record.cost, record.first_event
    amount = source = date = None
    if cost is not None:
        amount, source, date = cost.amount.nano_usd, cost.source, cost.as_of
    return (
        _details_of(record),
        round(record.duration * SECOND),
        None if first_event is None else round(first_event * SECOND),
        record.answered_model,
        record.dialect,
        None if failure is None else _STORED[failure.kind],
        *_tokens(record.usage),
        amount,
        _STORED[record.cost_basis],
        source,
        date,
    )


def _details_of(record: AttemptRecord) -> str:
    """Return the details of an attempt that has ended, encoded."""
    failure, usage, cost = record.failure, record.usage, record.cost
    estimated = cost is not None and cost.estimated
    if failure is None and usage.billed is None and not (record.warnings or usage.by_model or usage.tools):
        return _plain_details(record.waited, record.key, record.why, record.next_step, record.service_tier, estimated)
    return _encoded(
        Details(
            waited=record.waited,
            pool_key=record.key,
            why=record.why,
            failure=replace(failure, body=None) if failure is not None and failure.body is not None else failure,
            next_step=record.next_step,
            warnings=record.warnings,
            billed=replace(usage.billed, raw=None) if usage.billed is not None else None,
            by_model=usage.by_model,
            tools=dict(usage.tools) if usage.tools else None,
            service_tier=record.service_tier,
            estimated=estimated,
        )
    )


@lru_cache(_PLAIN)
def _plain_details(
    waited: float, pool_key: str | None, why: str | None, next_step: str | None, tier: str | None, estimated: bool, /
) -> str:
    """Return details without what few attempts have, encoded."""
    return _encoded(
        Details(waited=waited, pool_key=pool_key, why=why, next_step=next_step, service_tier=tier, estimated=estimated)
    )


def _beginning(start: AttemptStart, state: str, owner: int, opens: bool) -> tuple[Any, ...]:
    labels = start.labels
    tags = {name: value for name, value in labels.items() if name not in NO_TAGS} if labels else None
    return (
        id_of(start.attempt_id),
        id_of(start.request_id),
        start.number,
        start.batch,
        state,
        owner,
        1 if opens else 0,
        round(start.started * SECOND),
        _STORED[start.operation],
        start.provider,
        start.provider_type,
        start.model,
        1 if start.streamed else 0,
        start.route,
        start.task,
        start.session,
        labels.get(KEY),
        labels.get(AGENT),
        labels.get(CLASS),
        msgspec.json.encode(tags).decode() if tags else None,
    )


def entry_of(row: Mapping[str, Any]) -> LedgerEntry:
    """Return the entry that a row holds."""
    details = _details.decode(row["details"])
    labels = _tags.decode(row["tags"]) if row["tags"] else {}
    labels |= {name: row[column] for name, column in _COLUMN_OF.items() if row[column] is not None}
    start = AttemptStart(
        request_id=text_of(row["request"]),
        attempt_id=text_of(row["id"]),
        number=row["number"],
        provider=row["provider"],
        provider_type=row["provider_type"],
        model=row["model"],
        operation=Operation(row["operation"]),
        started=row["started"] / SECOND,
        waited=details.waited or 0.0,
        key=details.pool_key,
        batch=row["batch"],
        streamed=bool(row["streamed"]),
        why=details.why,
        route=row["route"],
        task=row["task"],
        session=row["session"],
        labels=labels,
    )
    state = EntryState(row["state"])
    return LedgerEntry(state=state, start=start, record=_record(row, start, details) if state in OUTCOME_OF else None)


def _record(row: Mapping[str, Any], start: AttemptStart, details: Details) -> AttemptRecord:
    cost = None
    if row["cost"] is not None:
        source, date = row["price_source"], row["price_date"]
        cost = Cost(amount=Money(row["cost"]), source=source, as_of=date, estimated=details.estimated)
    return AttemptRecord(
        **{name: getattr(start, name) for name in AttemptStart.__struct_fields__},
        outcome=OUTCOME_OF[EntryState(row["state"])],
        duration=row["duration"] / SECOND,
        first_event=None if row["first_event"] is None else row["first_event"] / SECOND,
        answered_model=row["answered_model"],
        dialect=row["dialect"],
        service_tier=details.service_tier,
        failure=details.failure,
        next_step=details.next_step,
        usage=Usage(
            **{name: row[name] for name in TOKENS},
            billed=details.billed,
            by_model=details.by_model,
            tools=details.tools,
        ),
        cost=cost,
        cost_basis=CostBasis(row["cost_basis"]),
        warnings=details.warnings,
    )


def captured_row(captured: CapturedDocument) -> tuple[Any, ...]:
    """Return the row of a captured attempt."""
    started = round(captured.started * SECOND)
    return id_of(captured.attempt_id), id_of(captured.request_id), started, captured.compressed()


@lru_cache(_IDS)
def id_of(text: str) -> bytes:
    """Return an id as it is stored: 16 bytes if it is a UUID of version 7, so that these sort by time; any other behind
    a zero byte, with which none of those begins since 1970."""
    return bytes.fromhex(text.replace("-", "")) if _is_uuid(text) else _OTHER + text.encode()


def text_of(stored: bytes) -> str:
    """Return the id that `id_of` was given."""
    return stored[1:].decode() if stored[:1] == _OTHER else str(UUID(bytes=stored))


_is_uuid = re.compile("(?!00)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_OTHER = b"\0"


def _encoded(details: Details) -> str:
    if details.waited is None or not math.isfinite(details.waited):
        raise ValueError("JSON has no such number, and the entry could not be read again")
    return msgspec.json.encode(details).decode()
