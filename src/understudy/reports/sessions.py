"""Reports of sessions: the conversations of coding agents and of other callers, as their requests show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from understudy.domain.money import dollars
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.lasting import LedgerQueries
from understudy.ledger.pages import Answer, SessionSums
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import ALL
from understudy.reports.usage import RequestResult, report_request

ANSWERS = 2_000
"""Of one session, the newest that are looked at."""
OF_A_PAGE = 20_000
"""Answers of all sessions of a page that are looked at: 400 each, if it has fifty."""
CHANGES = 100
"""Of targets, the newest that are reported."""
LOOP = 3
"""Requests in a row that are a loop."""
PAUSE = 10.0
"""Seconds after an answer within which the next request of a loop begins: a tool takes less, and a person more."""


class SessionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One session."""

    session: str
    agent: str | None
    """The program that asked, such as `claude-code`."""
    key: str | None
    """The caller's key."""
    first: float
    """Unix seconds of its first attempt."""
    last: float
    """Of the beginning of its last one."""
    requests: int
    """As far as they have ended, like all sums here."""
    attempts: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str
    """As far as it is known."""
    unknown_costs: int
    """Attempts whose cost is not known."""
    targets: tuple[str, ...]
    """`entry/model` of those that answered, in the order in which they first did."""
    target_changes: int
    """How often another target answered than the time before, within requests of one class."""
    loops: int
    """How often three requests or more followed each other as in a loop of tool calls: each began within 10 seconds of
    the answer before it."""
    longest_loop: int
    """Requests of the longest of these; 0 without any."""
    is_recent: bool
    """Whether targets, changes and loops are those of its newest answers only, because it has more: than 2,000, or in a
    list than its part of 20,000."""


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of sessions, those with the latest request first."""

    sessions: tuple[SessionResult, ...]
    next: str | None
    """What to pass as `before` for the next page; `None` if there are no more."""


class TargetChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another target answered than the time before."""

    at: float
    """Unix seconds."""
    request: str
    """The id of the request that it answered."""
    request_class: str | None
    before: str
    """`entry/model`."""
    after: str
    why: str | None
    """Why the target before did not answer this request: its failure, else why the plan put the other one first."""


class SessionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One session with its latest requests."""

    session: SessionResult
    by_class: dict[str, int]
    """Requests by what they were for: `main`, `subagent`, …; those that do not say so are under an empty name."""
    changes: tuple[TargetChange, ...]
    """The newest 100, the newest first."""
    requests: tuple[RequestResult, ...]
    """The newest first."""
    next: str | None
    """What to pass as `before` for older requests."""


def list_sessions(
    queries: LedgerQueries, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
) -> SessionList:
    """Return the sessions of which an attempt is selected, those with the newest one first. What is reported of them
    is that of the whole session. `before`: `next` of the page before."""
    page = queries.session_page(selection, before=before, limit=limit)
    most = min(ANSWERS, max(1, OF_A_PAGE // max(1, len(page.sessions))))
    sums, answers = queries.session_sums(page.sessions), queries.answers(page.sessions, most)
    found = (_session(sums[each], answers[each], most) for each in page.sessions if each in sums)
    return SessionList(sessions=tuple(found), next=page.next)


def report_session(
    queries: LedgerQueries, session: str, *, before: str | None = None, limit: int = 50
) -> SessionDetail | None:
    """Return one session with a page of its requests; `None` if it is unknown. `before`: `next` of the page before."""
    sums = queries.session_sums([session]).get(session)
    if sums is None:
        return None
    answers = queries.answers([session], ANSWERS)[session]
    page = queries.request_page(LedgerSelection(session=session), before=before, limit=limit)
    changed = [(one, other) for one, other in _turns(answers) if _target(one) != _target(other)]
    return SessionDetail(
        session=_session(sums, answers, ANSWERS),
        by_class=dict(Counter(kind or "" for kind in {each.request: each.request_class for each in answers}.values())),
        changes=tuple(_change(queries, *each) for each in reversed(changed[-CHANGES:])),
        requests=tuple(map(report_request, page.requests)),
        next=page.next,
    )


def _session(known: SessionSums, answers: Sequence[Answer], most: int) -> SessionResult:
    """`most`: answers that were asked for."""
    sums, loops = known.sums, [length for length in _runs(answers) if length >= LOOP]
    return SessionResult(
        session=known.session,
        agent=known.agent,
        key=known.key,
        first=known.first,
        last=known.last,
        requests=sums.requests,
        attempts=sums.attempts,
        failed=sums.failed,
        input_tokens=sums.input,
        cached_tokens=sums.cached,
        output_tokens=sums.output,
        cost_usd=dollars(sums.cost),
        unknown_costs=sums.unpriced,
        targets=tuple(dict.fromkeys(map(_target, answers))),
        target_changes=sum(_target(one) != _target(other) for one, other in _turns(answers)),
        loops=len(loops),
        longest_loop=max(loops, default=0),
        is_recent=len(answers) == most,
    )


def _turns(answers: Iterable[Answer]) -> Iterator[tuple[Answer, Answer]]:
    """Yield each answer with the one before it among requests of its class: a subagent may use another model."""
    latest: dict[str | None, Answer] = {}
    for each in answers:
        if (before := latest.get(each.request_class)) is not None:
            yield before, each
        latest[each.request_class] = each


def _runs(answers: Iterable[Answer]) -> list[int]:
    """Return how many requests of one class each followed each other without a pause."""
    runs: list[int] = []
    latest: dict[str | None, tuple[int, float]] = {}
    for each in answers:
        length, end = latest.get(each.request_class, (0, 0.0))
        if length and each.started - end > PAUSE:
            runs.append(length)
            length = 0
        latest[each.request_class] = (length + 1, each.started + each.duration)
    return [*runs, *(length for length, _ in latest.values())]


def _change(queries: LedgerQueries, before: Answer, after: Answer) -> TargetChange:
    attempts = queries.request(after.request)
    lost = [each.record for each in attempts if each.record is not None and _target_of(each) == _target(before)]
    won = next((each for each in attempts if _target_of(each) == _target(after)), None)
    why = won.start.why if won is not None else None
    if lost and (failure := lost[-1].failure) is not None:
        why = f"{failure.kind}: {failure.message}"
    return TargetChange(
        at=after.started,
        request=after.request,
        request_class=after.request_class,
        before=_target(before),
        after=_target(after),
        why=why,
    )


def _target(answer: Answer) -> str:
    return "/".join(filter(None, (answer.provider, answer.model)))


def _target_of(entry: LedgerEntry) -> str:
    return "/".join(filter(None, (entry.start.provider, entry.start.model)))
