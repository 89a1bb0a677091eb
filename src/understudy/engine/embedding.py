"""One call of `embed`: as many jobs as the limits of its targets ask for, a few at a time, joined in order.

Each batch is a job of its own, with its own retries and its own fallback within the plan, under one deadline and one
request id. The first batch that fails for good ends the call: the others are given up, and every attempt is reported.
One for which the provider had no room goes once more, after the others, with fewer beside it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import partial
from itertools import chain

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import ContextLengthExceeded, InvalidResponse, LLMError
from understudy.domain.explanation import Explanation, explained
from understudy.domain.failures import FailureKind
from understudy.domain.limit_states import limits_of, with_limits
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse, joined
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.domain.wire_answer import wire_answer_of, with_wire_answer
from understudy.engine import clock
from understudy.engine.backend import Backend
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.batches import smallest, split
from understudy.policy.embedding_spaces import ELSEWHERE
from understudy.policy.journal import explain
from understudy.policy.plan import Plan
from understudy.policy.verdicts import VERDICTS, Fallback

CONCURRENCY = 4
"""Batches under way at once, unless the call sets it."""
NO_ROOM = frozenset({FailureKind.RATE_LIMITED, FailureKind.OVERLOADED})
"""Failures that come of too many requests at once."""


class Embedding:
    """One call under way."""

    def __init__(
        self,
        job: Job,
        plan: Plan,
        backends: Mapping[str, Backend],
        engine: Engine,
        *,
        concurrency: int | None = None,
    ) -> None:
        """`job` is for all texts."""
        self._job = job
        self._request: EmbeddingRequest = job.request
        self._plan = plan
        self._backends = backends
        self._engine = engine
        self._concurrency = concurrency or CONCURRENCY
        limits = smallest(backends[step.target.name].batch_limits(step.target) for step in plan.steps)
        self._batches = split(self._request.texts, limits)
        self._waiting = deque(range(1, len(self._batches) + 1))
        self._postponed: set[int] = set()
        self._working = 0
        self._runs: list[Run] = []
        self._began = clock.now()
        self._closings = engine.closings

    async def run(self) -> EmbeddingResponse:
        """Carry out all batches. Raises `LLMError`, which names the failed batch where there are several."""
        answer: EmbeddingResponse | None = None
        try:
            answer = await self._carried_out()
            return answer
        finally:
            if self._job.watched is not None:
                from understudy.engine.capturing import redacted

                self._job.watched.end(self._job, self._attempts(), answer, partial(redacted, self._backends))

    async def _carried_out(self) -> EmbeddingResponse:
        try:
            if len(self._batches) == 1:
                await self._run(self._job)
            else:
                await self._run_all()
        except LLMError as error:
            error.attempts = self._attempts()
            explained(error, self._explanation)
            _reword(error, error.message + self._not_tried(error))
            raise
        answers = [_answer(run) for run in self._in_order() if run.items]
        self._check_lengths(answers)
        whole = answers[0] if len(answers) == 1 else joined(answers)
        warnings = _warnings(whole, self._request)
        answer = msgspec.structs.replace(whole, attempts=self._attempts(), warnings=warnings)
        with_wire_answer(with_limits(answer, limits_of(whole)), wire_answer_of(whole))
        return explained(answer, self._explanation)

    async def _run_all(self) -> None:
        workers = [asyncio.ensure_future(self._work()) for _ in range(min(self._concurrency, len(self._batches)))]
        self._working = len(workers)
        try:
            await asyncio.gather(*workers)
        except LLMError:
            for run in self._runs:
                run.why_abandoned = "another batch of the request failed"
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self) -> None:
        """Run batch after batch, until none is left or the provider reports that too many are under way."""
        while self._waiting:
            self._engine.check_open(self._closings)
            number = self._waiting.popleft()
            try:
                await self._run(self._part(number))
            except LLMError as error:
                if not self._may_go_again(number, error):
                    raise
                if self._working > 1:
                    break
        self._working -= 1

    def _may_go_again(self, number: int, error: LLMError) -> bool:
        """Put a batch for which there was no room behind the others, once: by then fewer are under way."""
        if number in self._postponed or error.failure is None or error.failure.kind not in NO_ROOM:
            return False
        self._postponed.add(number)
        self._waiting.append(number)
        return True

    def _part(self, number: int) -> Job:
        """Return the job of a batch."""
        batch = self._batches[number - 1]
        # What came in over the wire is all texts, so a part of them is written anew.
        request = msgspec.structs.replace(
            self._request, texts=self._request.texts[batch.start : batch.stop], single=False, origin=None
        )
        rules = msgspec.structs.replace(self._job.rules, spent=clock.now() - self._began)
        return msgspec.structs.replace(self._job, request=request, batch=number, rules=rules)

    async def _run(self, job: Job) -> None:
        run = Run(job, self._plan, self._backends, self._engine)
        self._runs.append(run)
        try:
            await run.to_end()
        except LLMError as error:
            _reword(error, self._with_place(error, job))
            raise

    def _with_place(self, error: LLMError, job: Job) -> str:
        """Return the error's message, with the texts that it is about."""
        first = self._batches[job.batch - 1].start if job.batch else 0
        words = error.message
        if isinstance(error, ContextLengthExceeded):
            texts = job.request.texts
            longest = max(range(len(texts)), key=lambda at: len(texts[at]))
            words += f"; the longest text is number {first + longest}, with {len(texts[longest]):,} characters"
        if job.batch is None:
            return words
        last = first + len(job.request.texts) - 1
        return f"batch {job.batch} of {len(self._batches)} (texts {first} to {last}): {words}"

    def _not_tried(self, error: LLMError) -> str:
        """Return which targets were left out because of their space, where another target was needed."""
        labels = [skip.target.label for skip in self._plan.skipped if skip.why == ELSEWHERE]
        if not labels or error.failure is None or VERDICTS[error.failure.kind].fallback is not Fallback.ALWAYS:
            return ""
        hint = "give the entries one embedding_space if they serve the very same model"
        return f"; not tried, because of another embedding space: {', '.join(labels)} ({hint})"

    def _check_lengths(self, answers: list[EmbeddingResponse]) -> None:
        """Raise `InvalidResponse` for vectors of different lengths: their spaces differ, whatever is configured."""
        first = answers[0]
        for answer in answers[1:]:
            lengths = [len(each.embedding) for each in (first, answer)]
            if lengths[0] != lengths[1]:
                raise InvalidResponse(
                    f"{first.provider} and {answer.provider} share an embedding space by name, but their vectors have "
                    f"{lengths[0]} and {lengths[1]} numbers: correct embedding_space, or set dimensions",
                    attempts=self._attempts(),
                )

    def _in_order(self) -> list[Run]:
        return sorted(self._runs, key=lambda run: run.job.batch or 0)

    def _explanation(self) -> Explanation:
        return explain([run.journal for run in self._in_order()])

    def _attempts(self) -> tuple[AttemptRecord, ...]:
        return tuple(chain.from_iterable(run.records for run in self._in_order()))


def _reword(error: LLMError, message: str) -> None:
    error.message = message
    error.args = (message,)


def _answer(run: Run) -> EmbeddingResponse:
    (response,) = run.items
    record = run.won or run.records[-1]
    answer: EmbeddingResponse = msgspec.structs.replace(
        response, provider=record.provider, model=response.model or record.model, cost=record.cost
    )
    if run.committed is not None:
        with_limits(answer, run.committed.limits)
    return with_wire_answer(answer, run.wire_answer)


def _warnings(response: EmbeddingResponse, request: EmbeddingRequest) -> tuple[Warning, ...]:
    """Return the warnings of the answer, and one if the provider silently ignored the dimensions."""
    warned = any(warning.what == "dimensions" for warning in response.warnings)
    length = len(response.embedding) if response.embeddings else None
    if request.dimensions in (None, length) or warned:
        return response.warnings
    why = f"{response.provider} ignored it: its vectors have {length} numbers"
    return (*response.warnings, Warning(WarningKind.DROPPED, "dimensions", why))
