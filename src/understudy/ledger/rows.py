"""An entry as a row of a database, and back.

Columns are what is searched, added up or listed; the rest of an entry is one JSON object in `details`. Times are
microseconds, money is nano-USD. What a provider wrote of its usage (`Usage.raw`) and of its error (`Failure.body`) is
not kept: it can hold anything, and every class of tokens has a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis
from understudy.domain.failures import Failure
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
_tokens = attrgetter(*TOKENS)


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is read only when one entry is looked at."""

    waited: float = 0.0
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
    """Return the row of an attempt that begins. `opens`: whether it is the first of its request."""
    details = Details(waited=start.waited, pool_key=start.key, why=start.why)
    return (*_beginning(start, EntryState.STARTED, owner, opens), _encoded(details), *(None,) * _OF_END)


def row_of(record: AttemptRecord, owner: int, *, opens: bool) -> tuple[Any, ...]:
    """Return the row of an attempt that has ended."""
    return (*_beginning(record, STATE_OF[record.outcome], owner, opens), *ending_of(record))


def ending_of(record: AttemptRecord) -> tuple[Any, ...]:
    """Return the columns that the end of an attempt changes, from `details` on."""
    failure, usage, cost = record.failure, record.usage, record.cost
    details = Details(
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
        estimated=cost is not None and cost.estimated,
    )
    return (
        _encoded(details),
        _microseconds(record.duration),
        None if record.first_event is None else _microseconds(record.first_event),
        record.answered_model,
        record.dialect,
        failure.kind.value if failure is not None else None,
        *_tokens(usage),
        None if cost is None else cost.amount.nano_usd,
        record.cost_basis.value,
        None if cost is None else cost.source,
        None if cost is None else cost.as_of,
    )


def _beginning(start: AttemptStart, state: EntryState, owner: int, opens: bool) -> tuple[Any, ...]:
    tags = {name: value for name, value in start.labels.items() if name not in NO_TAGS}
    return (
        id_of(start.attempt_id),
        id_of(start.request_id),
        start.number,
        start.batch,
        state.value,
        owner,
        opens,
        _microseconds(start.started),
        start.operation.value,
        start.provider,
        start.provider_type,
        start.model,
        start.streamed,
        start.route,
        start.task,
        start.session,
        start.labels.get(KEY),
        start.labels.get(AGENT),
        start.labels.get(CLASS),
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
        waited=details.waited,
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
    started = _microseconds(captured.started)
    return id_of(captured.attempt_id), id_of(captured.request_id), started, captured.compressed()


def id_of(text: str) -> bytes:
    """Return an id as it is stored: 16 bytes if it is a UUID of version 7, so that these sort by time; any other behind
    a zero byte, with which none of those begins since 1970."""
    return bytes.fromhex(text.replace("-", "")) if _UUID.fullmatch(text) else _OTHER + text.encode()


def text_of(stored: bytes) -> str:
    """Return the id that `id_of` was given."""
    return stored[1:].decode() if stored[:1] == _OTHER else str(UUID(bytes=stored))


_UUID = re.compile("(?!00)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_OTHER = b"\0"


def _microseconds(seconds: float) -> int:
    return round(seconds * SECOND)


def _encoded(details: Details) -> str:
    return msgspec.json.encode(details).decode()
