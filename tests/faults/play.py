"""Plays a cell and judges six things: the class of each failure, the action that followed, what the caller saw, the
attempts and their cost, the health afterwards, and the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import msgspec

import understudy as u
from tests.faults.laws import LONGEST_WAIT, B, Harm, Law
from tests.faults.memory import Head, Lose, Script
from tests.faults.stage import Seen, Stage
from tests.faults.table import Cell, Good, Mode, Scene
from tests.hostile.answers.base import PIECES, TEXT
from understudy.domain.failures import FailureKind as K

MARKER = "xyzzy-page"
"""Stands in pages whose text must not be told on."""
JITTER = 0.032
"""Seconds that the waits ahead of retries may take together, at a `retry_delay_ms` of 1."""
SPREAD = 0.1
"""The most that is added to a wait that was asked for, as a share of it."""
BREAK_AFTER = 5
"""Failures in a row that open a breaker."""
APART = 4.0
"""Seconds between the requests of an outage, in which the budget of retries is filled again."""
DISABLED = 300.0
_ALONE = (Scene.ALONE, Scene.ONCE, Scene.PATIENT)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one request must come to."""

    asked: tuple[tuple[str, bool], ...]
    """Who is asked, in order, and whether that fails."""
    shown: str = ""
    """What the reader of a stream has seen when it ends with an error."""


async def play(cell: Cell) -> list[str]:
    """Play a cell; return the complaints."""
    stage = Stage(cell, alone=cell.scene in _ALONE, once=cell.scene in (Scene.ONCE, Scene.PASSING))
    try:
        found = [each async for each in _complaints(cell, stage)]
    finally:
        await stage.manager.aclose()
    return [f"{cell.name}: {each}" for each in found]


async def _complaints(cell: Cell, stage: Stage) -> AsyncIterator[str]:
    if cell.scene is Scene.OUTAGE:
        async for each in _outage(cell, stage):
            yield each
        return
    if cell.scene is Scene.COUNTED:
        async for each in _counted(cell, stage):
            yield each
        return
    seen = await stage.ask()
    plan = planned(cell)
    for each in judged(cell, plan, seen, stage):
        yield each
    stage.over = True
    if isinstance(cell.law, Law) and plan.asked[0][1]:
        async for each in _health(cell, cell.law, stage):
            yield each


# ---- the expectation ----


def planned(cell: Cell, left: int | None = None) -> Plan:
    """Return what a request must come to. `left`: how many more failures open the breaker, if one is due."""
    law, scene = cell.law, cell.scene
    if isinstance(law, Good):
        return Plan(asked=(("primary", False),))
    lost, won, backup = ("primary", True), ("primary", False), ("backup", False)
    if cell.row.shown and cell.mode is Mode.STREAM and not _is_replaced(cell):
        return Plan(asked=(lost,), shown=cell.row.said or "".join(PIECES[: cell.row.shown]))
    first = cell.row.fallback.get("on_midstream_error") in ("restart", "continue") and cell.row.shown
    before = min(law.before or 0, 1) if first and cell.mode is Mode.STREAM else law.before
    if scene is Scene.ALONE:
        return Plan(asked=(lost,) * law.alone)
    if scene is Scene.PATIENT:
        return Plan(asked=(lost,) * (law.patient if law.alone >= 3 else law.alone))
    if scene is Scene.ONCE:
        return Plan(asked=(lost, won) if law.alone > 1 else (lost,))
    if before is None:
        return Plan(asked=(lost,))
    if scene is Scene.PASSING and before > 1:
        return Plan(asked=(lost, won))
    tries = before if left is None else min(before, left)
    return Plan(asked=(*(lost,) * tries, backup))


def _is_replaced(cell: Cell) -> bool:
    """Tell whether an answer that broke after its first words is replaced."""
    return cell.row.fallback.get("on_midstream_error", "surface") != "surface" and cell.scene not in _ALONE


# ---- the judgement ----


def judged(cell: Cell, plan: Plan, seen: Seen, stage: Stage, *, since: int = 0, sent: bool = True) -> Iterator[str]:
    """Complain of what is not as planned."""
    yield from _of_attempts(cell, plan, seen)
    yield from _of_caller(cell, plan, seen)
    yield from _of_time(cell, plan, seen)
    if sent:
        yield from _of_wire(cell, seen, stage)


def _of_attempts(cell: Cell, plan: Plan, seen: Seen) -> Iterator[str]:
    """Check class, action, number and cost of the attempts."""
    attempts = seen.attempts
    got = tuple((each.provider, each.failure is not None) for each in attempts)
    if got != plan.asked:
        kinds = "/".join(cell.law.kinds) if isinstance(cell.law, Law) else "good"
        yield f"attempts {_words(attempts)}, expected {plan.asked} of {kinds}; {seen.error!r}"
        return
    for at, record in enumerate(attempts):
        if record.number != at + 1:
            yield f"attempt {at + 1} is numbered {record.number}"
        if record.failure is None:
            yield from _of_winner(cell, record)
        elif isinstance(cell.law, Law):
            yield from _of_loser(cell, cell.law, record)
            yield from _of_action(record, plan.asked[at + 1 :])


def _of_loser(cell: Cell, law: Law, record: u.AttemptRecord) -> Iterator[str]:
    failure = record.failure
    assert failure is not None
    if failure.kind not in law.kinds:
        yield f"failed as {failure.kind} ({failure.message}), not {'/'.join(law.kinds)}"
    if record.outcome != "failed":
        yield f"the outcome of a failed attempt is {record.outcome}"
    basis = _basis(cell, law)
    if record.cost_basis is not basis:
        yield f"the cost of a failed attempt is {record.cost_basis}, not {basis}"
    amount = record.cost.amount.nano_usd if record.cost is not None else None
    right = {B.UNKNOWN: amount is None, B.NOT_SENT: amount == 0, B.REFUSED: amount == 0}
    if not right.get(basis, amount is not None and amount > 0):
        yield f"a failed attempt ({basis}) costs {record.cost}"
    if failure.sent is not (law.basis is not B.NOT_SENT or cell.row.says_sent):
        yield f"the failed request is said to be {'sent' if failure.sent else 'not sent'}"
    if not failure.message or not failure.message.isprintable() or MARKER in failure.message:
        yield f"a message that fits no log: {failure.message!r}"
    if "key-of-" in failure.message:
        yield f"a message that holds a key: {failure.message!r}"
    hint = failure.retry_after
    if law.hint is not None and (hint is None or abs(hint - law.hint) > 1e-6):
        yield f"the provider asks to wait {law.hint:g} s, read as {hint}"


def _basis(cell: Cell, law: Law) -> u.CostBasis:
    """Return what is known of the cost of a failed attempt: more if pieces of an answer had arrived."""
    streamed = cell.mode is not Mode.PLAIN
    return B.ESTIMATED if streamed and cell.row.shown and law.basis is not B.EXACT else law.basis


def _of_action(record: u.AttemptRecord, rest: tuple[tuple[str, bool], ...]) -> Iterator[str]:
    """Check what was decided after a failed attempt, in words."""
    step = record.next_step or ""
    if not rest:
        right = not any(word in step for word in ("retry in", "retry at once", "fall back"))
    else:
        words = ("retry in", "retry at once") if rest[0][0] == record.provider else ("fall back to",)
        right = any(word in step for word in words)
    if not right:
        yield f"after attempt {record.number} it says {step!r}"


def _of_winner(cell: Cell, record: u.AttemptRecord) -> Iterator[str]:
    good, vendor = cell.law, cell.vendor
    if record.outcome != "won":
        yield f"the outcome of a good attempt is {record.outcome}"
    exact = good.exact if isinstance(good, Good) else True
    if record.cost_basis is not (B.EXACT if exact else B.ESTIMATED):
        yield f"the cost of the answer is {record.cost_basis}"
    if exact and record.provider == "primary" and not isinstance(good, Good):
        usd = Decimal(record.cost.amount.nano_usd) / 10**9 if record.cost else None
        if usd != Decimal(vendor.dollars):
            yield f"the answer costs {usd}, not {vendor.dollars}"
    if record.cost is None or record.cost.amount.nano_usd <= 0:
        yield f"the answer costs {record.cost}"


def _of_caller(cell: Cell, plan: Plan, seen: Seen) -> Iterator[str]:
    """Check that the caller has the whole right answer, or the one right error."""
    text = cell.row.text or TEXT
    if not plan.asked[-1][1]:
        if seen.answer is None:
            yield f"ended with {seen.error!r}, expected an answer of {plan.asked[-1][0]}"
            return
        if isinstance(cell.law, Good) and cell.law.check is not None:
            if complaint := cell.law.check(seen.answer):
                yield complaint
        elif seen.answer.text != text or (cell.mode is Mode.STREAM and seen.shown != text):
            yield f"the text is {seen.answer.text!r}, shown {seen.shown!r}"
        if seen.answer.provider != plan.asked[-1][0]:
            yield f"{seen.answer.provider} is said to have answered"
        return
    error, law = seen.error, cell.law
    if not isinstance(law, Law) or seen.answer is not None or type(error) is not law.error:
        yield f"ended with {error!r}, expected {law}"
        return
    assert isinstance(error, u.LLMError)
    if error.failure is None or error.failure.kind not in law.kinds:
        yield f"the error is of the kind {error.failure}"
    if MARKER in str(error) or not str(error).isprintable():
        yield f"the error says {error!s}"
    if law.hint is not None and (error.retry_after is None or error.retry_after > law.hint + 1):
        yield f"the error says to wait {error.retry_after}, not {law.hint}"
    partial = getattr(error, "partial", None)
    if seen.shown != plan.shown or (plan.shown and (partial is None or partial.text != plan.shown)):
        yield f"shown {seen.shown!r}, and the error holds {partial}; expected {plan.shown!r}"


def _of_time(cell: Cell, plan: Plan, seen: Seen) -> Iterator[str]:
    """Check the time: each failed attempt takes what its fault takes, and only a wait that was asked for is long."""
    law = cell.law
    if not isinstance(law, Law):
        return
    takes, hint = cell.row.takes, law.hint or 0.0
    failed = sum(lost for _, lost in plan.asked)
    again = sum(who == "primary" for who, _ in plan.asked[1:])
    least = failed * takes + again * hint + sum(law.waits[:again])
    most = least + again * hint * SPREAD + JITTER
    if not least - 1e-6 <= seen.elapsed <= most:
        yield f"it took {seen.elapsed:.4f} s, expected {least:.4f} to {most:.4f}"
    for record in seen.attempts:
        right = takes if record.failure is not None else 0.0
        if abs(record.duration - right) > 1e-6:
            yield f"attempt {record.number} took {record.duration:.4f} s, expected {right:g}"


def _of_wire(cell: Cell, seen: Seen, stage: Stage) -> Iterator[str]:
    """Check that what was sent is what is recorded, with the right key, and nothing else."""
    for name in ("primary", "backup", "sister"):
        records = [each for each in stage.records if each.provider == name]
        reached = [each for each in records if cell.row.sent or each.failure is None]
        asked = stage.asked(name)
        if len(asked) != len(reached) * (1 + (isinstance(cell.law, Good) and cell.law.twice)):
            yield f"{name} was asked {len(asked)} times, {len(reached)} are recorded"
        for request in asked:
            if not any(f"key-of-{name}" in value for value in request.headers.values()) and cell.row.sent:
                yield f"{name} was asked without its key: {request.headers}"
    if len(stage.records) != len(seen.attempts) and cell.scene is not Scene.OUTAGE:
        yield f"{len(stage.records)} attempts are recorded, the caller is told of {len(seen.attempts)}"


# ---- health ----


async def _health(cell: Cell, law: Law, stage: Stage) -> AsyncIterator[str]:
    """Ask again, now that the fault is over, and see who is left alone and for how long."""
    if cell.scene in _ALONE:
        seen = await stage.ask()
        if seen.answer is None or seen.elapsed > LONGEST_WAIT:
            yield f"a target that is alone is not asked again: {seen.error!r} after {seen.elapsed:.1f} s"
        return
    if cell.scene is Scene.PASSING and stage.records[-1].provider == "primary":
        return  # it has answered since
    seen = await stage.ask()
    left_alone = law.harm in (Harm.COOLED, Harm.MODEL, Harm.KEY, Harm.HOST)
    expected = "backup" if left_alone else "primary"
    if seen.first != expected or seen.answer is None:
        yield f"the next request asks {seen.first} first, expected {expected} ({seen.error!r})"
    if not left_alone:
        return
    sister = await stage.ask("sister")
    if (sister.first == "sister") is (law.harm is Harm.HOST or cell.row.shares_quota):
        yield f"another entry at the host: {sister.first} is asked first"
    if law.harm is not Harm.HOST and not cell.row.shares_quota:
        other = await stage.ask(f"primary/{cell.vendor.other_model}")
        if (other.first == "primary") is (law.harm is Harm.KEY):
            yield f"another model of the entry: {other.first} is asked first"
    paused = law.paused if law.harm is Harm.COOLED else DISABLED
    assert paused is not None
    await asyncio.sleep(paused * 0.98)
    if (early := await stage.ask()).first != "backup":
        yield f"after {paused * 0.98:g} of {paused:g} s, {early.first} is asked first"
    await asyncio.sleep(paused * 0.02 + 0.01)
    if (late := await stage.ask()).first != "primary":
        yield f"after {paused:g} s, {late.first} is asked first"


async def _outage(cell: Cell, stage: Stage) -> AsyncIterator[str]:
    """Ask again and again while the fault lasts, and after its end."""
    law = cell.law
    assert isinstance(law, Law)
    breaks = law.harm is not Harm.NOTHING
    failures, requests = 0, 0
    while failures < BREAK_AFTER + (0 if breaks else 2):
        if requests:
            await asyncio.sleep(APART)
        requests += 1
        plan = planned(cell, BREAK_AFTER - failures if breaks else None)
        seen = await stage.ask()
        found = list(judged(cell, plan, seen, stage))
        for each in found:
            yield f"request {requests}: {each}"
        if found:
            return
        failures += sum(lost for _, lost in plan.asked)
    if not breaks:
        stage.over = True
        if (seen := await stage.ask()).first != "primary":
            yield f"after {failures} failures that are not the target's, {seen.first} is asked first"
        return
    seen = await stage.ask()
    if seen.first != "backup" or seen.answer is None:
        yield f"after {failures} failures in a row, {seen.first} is asked first ({seen.error!r})"
    sister = await stage.ask("sister")
    if (sister.first == "sister") is (law.harm is Harm.HOST_BREAKER):
        yield f"another entry at the host: {sister.first} is asked first"
    stage.over = True
    await asyncio.sleep(1.01)  # the longest that a breaker opens for the first time
    for number in (1, 2, 3):
        seen = await stage.ask()
        if seen.first != "primary" or seen.answer is None:
            yield f"request {number} after the recovery asks {seen.first} first"


async def _counted(cell: Cell, stage: Stage) -> AsyncIterator[str]:
    """Let a failure happen four times that is no outage, and a fifth that is one: one failure opens nothing."""
    law = cell.law
    assert isinstance(law, Law)
    scripts: tuple[Script, ...] = ((Lose(K.DNS, sent=False),), (Head(503),))
    for script in scripts:
        for number in range(1, BREAK_AFTER):
            seen = await stage.ask()
            if seen.first != "primary":
                yield f"after {number - 1} failures that are forgiven, {seen.first} is asked first"
            await asyncio.sleep(max(law.paused or 0.0, 3600.0) + 100)
        stage.over, stage.next = True, script
        seen = await stage.ask()
        got = [(each.provider, each.failure is not None) for each in seen.attempts]
        if got != [("primary", True), ("primary", False)]:
            yield f"a failure of another sort after four: {_words(seen.attempts)}, expected a retry at the same target"
        stage.over = False


def _words(attempts: tuple[u.AttemptRecord, ...]) -> str:
    words = [f"{each.provider}:{each.failure.kind if each.failure else 'ok'}" for each in attempts]
    return f"[{', '.join(words)}]"
