"""Attempts as a ledger is given them, made by hand and by hypothesis."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import strategies as st

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name

NOON = 1_795_953_600.0
"""29 November 2026, 12:00 UTC."""


def uuid_of(number: int, moment: float = NOON) -> str:
    """Return an id of version 7 of that time."""
    digits = f"{int(moment * 1000):012x}7{number >> 62 & 0xFFF:03x}8{number & 0xFFF_FFFF_FFFF_FFFF:015x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def start(seed: int = 1, *, request: int | None = None, started: float = NOON, **fields: Any) -> AttemptStart:
    """Return an attempt that begins."""
    given: dict[str, Any] = {
        "request_id": uuid_of((seed if request is None else request) + 10**9, started),
        "attempt_id": uuid_of(seed, started),
        "number": 1,
        "provider": "primary",
        "provider_type": "openai",
        "model": "gpt-6",
        "operation": Operation.CHAT,
        "started": started,
    }
    return AttemptStart(**(given | fields))


def ended(begun: AttemptStart, outcome: Outcome = Outcome.WON, **fields: Any) -> AttemptRecord:
    """Return the record of an attempt that has begun."""
    given: dict[str, Any] = {
        "outcome": outcome,
        "duration": 1.5,
        "usage": Usage(input=100, cache_read=20, output=30),
        "cost": Cost(amount=Money(1_234), source="genai-prices 0.1", as_of="2026-11-01"),
        "cost_basis": CostBasis.EXACT,
    }
    beginning = {name: getattr(begun, name) for name in AttemptStart.__struct_fields__}
    return AttemptRecord(**(beginning | given | fields))


def now() -> float:
    """Return the time, to the microsecond as ledgers keep it."""
    return round(time.time(), 6)


_texts = st.text(st.characters(codec="utf-8"), max_size=12)
_words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
"""Of a column each: PostgreSQL's cannot hold NUL characters, and have replacements for them."""
_counts = st.none() | st.integers(0, 2**53)
_seconds = st.integers(0, 10**10).map(lambda each: each / 1_000_000)
_usages = st.builds(
    Usage,
    **dict.fromkeys(
        ("input", "cache_read", "cache_read_audio", "cache_write", "output", "reasoning", "audio_input"), _counts
    ),
)
_costs = st.builds(
    Cost,
    amount=st.integers(0, 10**15).map(Money),
    source=_words,
    as_of=st.none() | st.just("2026-11-01"),
    estimated=st.booleans(),
)
_failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    message=_texts,
    status=st.none() | st.integers(100, 599),
    code=st.none() | _texts,
    retry_after=st.none() | _seconds,
    sent=st.booleans(),
)
starts = st.builds(
    start,
    st.integers(1, 2**60),
    started=st.integers(-200_000, 200_000).map(lambda each: NOON + each),
    number=st.integers(1, 9),
    provider=st.sampled_from(["primary", "backup", "räserve"]),
    model=st.none() | st.sampled_from(["gpt-6", "llama"]),
    operation=st.sampled_from(Operation),
    waited=_seconds,
    key=st.none() | st.just("2 of 3"),
    batch=st.none() | st.integers(1, 3),
    streamed=st.booleans(),
    why=st.none() | _texts,
    route=st.none() | st.sampled_from(["fast", "main"]),
    task=st.none() | st.just("code"),
    session=st.none() | st.sampled_from(["s1", "s2"]),
    labels=st.dictionaries(
        st.sampled_from(["key", "client", "request_class", "team", "app"]), st.sampled_from(["a", "b=c"])
    ),
)
records = st.builds(
    ended,
    starts,
    st.sampled_from(Outcome),
    duration=_seconds,
    first_event=st.none() | _seconds,
    answered_model=st.none() | _words,
    dialect=st.none() | st.just("openai"),
    failure=st.none() | _failures,
    next_step=st.none() | _texts,
    usage=_usages,
    cost=st.none() | _costs,
    cost_basis=st.sampled_from(CostBasis),
    warnings=st.lists(st.builds(Warning, kind=st.sampled_from(WarningKind), what=_texts, why=_texts), max_size=2).map(
        tuple
    ),
)
"""Attempts of any kind, each with an id of its own."""
