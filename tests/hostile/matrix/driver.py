"""Plays one cell of the fault matrix, and complains of what is not as the table says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

import understudy as u
from tests.hostile.answers.all import BACKUPS, DIALECTS, EMBEDDING_BACKUPS
from tests.hostile.answers.base import PIECES, TEXT, VECTOR, Answers
from tests.hostile.matrix.rows import CHATS, EMBED, LIST, MARKER, STREAM, B, Expect, Row, Scene
from tests.hostile.server import HostileServer, Request, Script

PROMPT = "Why is the sky blue?"
GRACE = 0.25
"""Seconds past a deadline that are forgiven, beside those for which the machine was busy with something else."""


class Cell(msgspec.Struct, frozen=True):
    """One fault, of one wire format, in one operation, with or without another target behind."""

    row: Row
    dialect: str
    operation: str
    targets: int
    number: int
    """Of the variant."""
    variant: Any

    @property
    def name(self) -> str:
        """The cell in a few words."""
        variant = f"#{self.number}" if self.variant is not None else ""
        return f"{self.row.name}{variant} {self.dialect} {self.operation} {self.targets}"


def cells(rows: Iterable[Row], operation: str) -> Iterator[Cell]:
    """Return every cell of an operation that applies."""
    kind = operation if operation in (EMBED, LIST) else "chat"
    for row, answers, targets in itertools.product(rows, DIALECTS.values(), (1, 2)):
        if operation not in row.operations or kind not in answers.routes or not row.dialects(answers):
            continue
        if targets not in row.targets:
            continue
        for number, variant in enumerate(row.variants(answers)):
            yield Cell(row, answers.dialect, operation, targets, number, variant)


class Clock:
    """Measures for how long the loop was kept from its timers."""

    def __init__(self) -> None:
        self.lag = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.02
            await asyncio.sleep(0.02)
            self.lag += max(0.0, loop.time() - due)


class Seen(msgspec.Struct, kw_only=True):
    """What came of a cell."""

    answer: Any = None
    error: BaseException | None = None
    shown: str = ""
    attempts: tuple[u.AttemptRecord, ...] = ()
    elapsed: float = 0.0
    lag: float = 0.0


class Play:
    """One cell, played."""

    def __init__(self, cell: Cell, server: HostileServer, doors: Mapping[str, str], clock: Clock) -> None:
        self.cell = cell
        self.answers = DIALECTS[cell.dialect]
        names = EMBEDDING_BACKUPS if cell.operation == EMBED else BACKUPS
        self.other = DIALECTS[names[cell.dialect]]
        self._clock = clock
        self._met = 0
        self._records: list[u.AttemptRecord] = []
        mark = f"{id(self):x}"
        self.elsewhere = server.party(f"e{mark}", lambda _: ())
        self.primary = server.party(f"p{mark}", self._hostile)
        self.backup = server.party(f"b{mark}", self._honest)
        door = cell.row.door
        self._home = f"{doors[door]}/p{mark}" if door else self.primary.url
        proxy = cell.row.proxy
        self._proxy: Mapping[str, str] = {"proxy": doors[proxy]} if proxy else {}

    # ---- the servers ----

    def _hostile(self, request: Request) -> Script:
        cell, answers = self.cell, self.answers
        apart = answers.streamed_apart if cell.operation in CHATS else None
        due = answers.matches(cell.operation, request)
        if apart is not None and cell.row.place == "stream" and (apart(request) or answers.streams(request)):
            due = apart(request)
        if not due:
            return self._otherwise(answers, request)
        self._met += 1
        if cell.row.once and self._met > 1:
            return answers.good(cell.operation, request)
        script: Script = cell.row.act(
            Scene(
                answers=answers,
                operation=cell.operation,
                request=request,
                variant=cell.variant,
                elsewhere=self.elsewhere.url,
            )
        )
        return script

    def _honest(self, request: Request) -> Script:
        if self.other.matches(self.cell.operation, request):
            return self.other.good(self.cell.operation, request)
        return self._otherwise(self.other, request)

    def _otherwise(self, answers: Answers, request: Request) -> Script:
        script: Script | None = answers.other(request) if self.cell.operation in CHATS else None
        return script or answers.good(self.cell.operation, request)

    # ---- the client ----

    def _entry(self, name: str, answers: Answers, home: str, settings: Mapping[str, Any]) -> u.LLMProvider:
        config = u.ProviderConfig(
            provider=answers.provider,
            name=name,
            api_key=u.Secret(f"key-of-{name}"),
            base_url=home + answers.base,
            text_model=answers.model,
            embedding_model=answers.embedding_model,
            embedding_space="one" if answers.embedding_model else None,
            priority=1 if name == "primary" else 2,
            **settings,
        )
        return u.create_provider(config, fallback=self._rules(), observers=[self._records.append])

    def _rules(self) -> u.FallbackConfig:
        row = self.cell.row
        return u.FallbackConfig(**{"retry_delay_ms": 1, "deadline": row.deadline, **row.fallback})

    async def run(self) -> list[str]:
        """Play it; return the complaints."""
        row = self.cell.row
        primary = self._entry("primary", self.answers, self._home, {**row.limits, **row.entry, **self._proxy})
        llm = primary
        if self.cell.targets == 2:
            backup = self._entry("backup", self.other, self.backup.url, row.backup)
            llm = u.ProviderManager([primary, backup], self._rules(), observers=[self._records.append])
        loop = asyncio.get_running_loop()
        seen = Seen()
        began, lag = loop.time(), self._clock.lag
        try:
            async with asyncio.timeout(60):
                await self._ask(llm, seen)
        except Exception as error:  # noqa: BLE001 - whatever comes is judged
            seen.error = error
        seen.elapsed, seen.lag = loop.time() - began, self._clock.lag - lag
        await llm.aclose()
        source = seen.answer if seen.answer is not None else seen.error
        told = getattr(source, "attempts", ())
        seen.attempts = tuple(self._records) if self.cell.operation == LIST else tuple(told)
        return [f"{self.cell.name}: {what}" for what in self._complaints(seen)]

    async def _ask(self, llm: u.LLMProvider, seen: Seen) -> None:
        options = dict(self.cell.row.options(self.answers))
        match self.cell.operation:
            case "generate":
                seen.answer = await llm.generate(PROMPT, **options)
            case "stream":
                stream = llm.stream(PROMPT, **options)
                assert isinstance(stream, u.ResponseStream)
                shown: list[str] = []
                try:
                    async for piece in stream.text():
                        shown.append(piece)
                finally:
                    seen.shown = "".join(shown)
                seen.answer = stream.response
            case "embed":
                seen.answer = await llm.embed(PROMPT)
            case _:
                seen.answer = await llm.list_models()

    # ---- the judgement ----

    def _expected(self) -> Expect:
        row = self.cell.row
        expect = row.expect if isinstance(row.expect, Expect) else row.expect(self.cell.variant)
        asked = [each for each in self.primary.requests if self.answers.matches(self.cell.operation, each)]
        streamed = self.cell.operation in CHATS and any(map(self.answers.streams, asked))
        if not streamed and row.plain is not None:
            return row.plain
        if streamed and row.healed and self.answers.streamed_apart is not None:
            return Expect()
        return expect

    def _sequence(self, expect: Expect) -> list[tuple[str, bool]]:
        """Return who is asked, in order, and whether that fails."""
        lost: tuple[str, bool] = ("primary", True)
        if not expect.kinds:
            return [("primary", False)]
        if expect.shown and self.cell.operation == STREAM:
            return [lost]
        if expect.recovers:
            return [*[lost] * expect.alone, ("primary", False)]
        if self.cell.targets == 1 or self.cell.operation == LIST:
            return [lost] * expect.alone
        if expect.before is None:
            return [lost]
        return [*[lost] * expect.before, ("backup", False)]

    def _complaints(self, seen: Seen) -> Iterator[str]:
        expect = self._expected()
        sequence = self._sequence(expect)
        mine = [record for record in seen.attempts if self.cell.operation != LIST or record.provider == "primary"]
        yield from self._of_attempts(expect, sequence, mine)
        yield from self._of_end(expect, sequence, seen)
        yield from self._of_wire(mine)
        allowed = self.cell.row.within or self.cell.row.deadline
        if seen.elapsed > allowed + GRACE + seen.lag:
            yield f"took {seen.elapsed:.2f} s of {allowed:g} s (the loop was late by {seen.lag:.2f} s)"
        if self.cell.row.hides:
            told = f"{seen.error} {seen.error!r} {' '.join(map(str, seen.attempts))}"
            if MARKER in told:
                yield "what the server sent is told on"

    def _of_attempts(
        self, expect: Expect, sequence: list[tuple[str, bool]], attempts: list[u.AttemptRecord]
    ) -> Iterator[str]:
        got = [(each.provider, each.failure is not None) for each in attempts]
        if got != sequence:
            yield f"attempts {_words(attempts)}, expected {_plan(sequence)} of {'/'.join(expect.kinds)}"
            return
        for record in attempts:
            if record.failure is not None and not _is_tidy(record.failure.message):
                yield f"a message that fits no log: {record.failure.message!r}"
            if record.failure is not None and record.failure.kind not in expect.kinds:
                yield f"failed as {record.failure.kind} ({record.failure.message}), not {'/'.join(expect.kinds)}"
            bases = self._bases(expect, record)
            if self.cell.operation != LIST and record.cost_basis not in bases:
                yield f"the cost of attempt {record.number} ({record.provider}) is {record.cost_basis}, not {bases[0]}"

    def _bases(self, expect: Expect, record: u.AttemptRecord) -> tuple[u.CostBasis, ...]:
        """Return what may be known of an attempt's cost."""
        answers = self.answers if record.provider == "primary" else self.other
        if record.failure is None:
            counted = self.cell.operation != EMBED or answers.counts_embeddings
            return (expect.won if record.provider == "primary" and counted else B.EXACT if counted else B.ESTIMATED,)
        if expect.shown and not self._was_streamed():
            return (B.UNKNOWN,)
        if expect.basis in (B.UNKNOWN, B.REFUSED) and answers.counts_early and self._was_streamed():
            return (expect.basis, B.ESTIMATED)
        return (expect.basis,)

    def _was_streamed(self) -> bool:
        return any(map(self.answers.streams, self.primary.requests[-1:]))

    def _of_end(self, expect: Expect, sequence: list[tuple[str, bool]], seen: Seen) -> Iterator[str]:
        won = not sequence[-1][1] or (self.cell.operation == LIST and self.cell.targets == 2)
        if won:
            yield from self._of_answer(expect, sequence, seen)
            return
        error = seen.error
        if seen.answer is not None or not isinstance(error, expect.error):
            yield f"ended with {error!r}, expected {expect.error.__name__}"
            return
        if expect.retry_after is not None and abs((error.retry_after or 0) - expect.retry_after) > 5:
            yield f"the error says to wait {error.retry_after}, not {expect.retry_after}"
        if expect.shown and self.cell.operation == STREAM:
            partial = error.partial.text if error.partial is not None else None
            if partial != seen.shown or not seen.shown.startswith(PIECES[0]):
                yield f"shown {seen.shown[:60]!r}, but the error holds {(partial or '')[:60]!r}"
        elif seen.shown:
            yield f"shown {seen.shown[:60]!r} of a target that failed"

    def _of_answer(self, expect: Expect, sequence: list[tuple[str, bool]], seen: Seen) -> Iterator[str]:
        answer = seen.answer
        if seen.error is not None or answer is None:
            yield f"ended with {seen.error!r}, expected an answer of {sequence[-1][0]}"
            return
        match self.cell.operation:
            case "embed":
                if tuple(answer.embedding) != VECTOR:
                    yield f"the vector is {answer.embedding}"
            case "list":
                ids = [model.id for model in answer]
                if self.cell.targets == 2 and sequence[-1][1] and not all(each.startswith("backup/") for each in ids):
                    yield f"listed {ids}"
                if not ids:
                    yield "listed nothing"
            case _:
                if expect.check is not None and sequence[-1][0] == "primary":
                    complaint = expect.check(answer)
                    if complaint:
                        yield complaint
                elif answer.text != TEXT or (seen.shown and seen.shown != TEXT):
                    yield f"the text is {answer.text!r}, shown {seen.shown!r}"
                if answer.provider != sequence[-1][0]:
                    yield f"{answer.provider} is said to have answered"

    def _of_wire(self, attempts: list[u.AttemptRecord]) -> Iterator[str]:
        """Check that nothing was sent that is not recorded, nor recorded that was not sent."""
        for name, party, answers in (("primary", self.primary, self.answers), ("backup", self.backup, self.other)):
            if name == "backup" and self.cell.operation == LIST:
                continue
            hits = [each for each in party.requests if answers.matches(self.cell.operation, each)]
            sent = [each for each in attempts if each.provider == name and (not each.failure or each.failure.sent)]
            if len(hits) != len(sent):
                yield f"{name} was asked {len(hits)} times, {len(sent)} are recorded as sent"
            if name == "primary" and self.cell.row.fresh:
                yield from _reused(hits)
        if self.elsewhere.requests:
            yield f"a party was asked that had no business here: {self.elsewhere.requests[0].path}"


def _reused(requests: list[Request]) -> Iterator[str]:
    connections = [each.connection for each in requests]
    if len(set(connections)) != len(connections):
        yield "a connection was used again on which the protocol had been broken"


def _is_tidy(message: str) -> bool:
    return message.isprintable() and len(message) <= 1000


def _words(attempts: Iterable[u.AttemptRecord]) -> str:
    words = [f"{each.provider}:{each.failure.kind if each.failure else 'ok'}" for each in attempts]
    return f"[{', '.join(words)}]"


def _plan(sequence: list[tuple[str, bool]]) -> str:
    words = [f"{who}:{'lost' if lost else 'ok'}" for who, lost in sequence]
    return f"[{', '.join(words)}]"


def chosen(all_cells: list[Cell]) -> list[Cell]:
    """Choose two wire formats of every fault, so that over all faults each has its turn.

    One suffices for embeddings and lists where generations meet the fault too.
    """
    picked: list[Cell] = []
    for turn, (_, group) in enumerate(itertools.groupby(all_cells, key=lambda cell: cell.row.name)):
        rows = list(group)
        names = list(dict.fromkeys(cell.dialect for cell in rows))
        many = 2 if rows[0].operation in CHATS or not rows[0].row.operations & CHATS else 1
        for dialect in {names[(turn * many + at) % len(names)] for at in range(many)}:
            mine = [cell for cell in rows if cell.dialect == dialect]
            numbers = sorted({cell.number for cell in mine})
            picked += [cell for cell in mine if cell.number == numbers[turn % len(numbers)]]
    return picked
