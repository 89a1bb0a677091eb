"""What a provider alone and a manager of many have in common: from what a caller writes to a run of the engine.

Loaded at the first call: building providers costs nothing of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.client.prompt import ReadRequest, read_prompt, read_texts
from understudy.client.stream import Reading, ResponseStream
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.failures import Failure
from understudy.domain.messages import OpaqueTool, are_functions
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.wire_answer import with_wire_answer
from understudy.engine.backend import Backend
from understudy.engine.ceiling import ceilings_of
from understudy.engine.embedding import Embedding
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.planning.planned import PlannedRun
from understudy.policy.plan import Plan
from understudy.policy.signals import Rules
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, Texts
from understudy.settings import FallbackConfig

if TYPE_CHECKING:
    from understudy.engine.ceiling import Ceiling
    from understudy.engine.observing import Watched
    from understudy.planning.planner import Planner
    from understudy.planning.single import SinglePlanner
    from understudy.settings.budgets import Allowance

FREE_DEADLINE = 30.0
"""Seconds for an operation that is not billed: a list of models, the look-up of one, a count of tokens."""

HEARTBEAT = 10.0
"""Seconds between two `Heartbeat`s of an answer that is held back. Proxies close connections that are idle for 60
seconds (nginx: proxy_read_timeout), some after 30."""


class Calls:
    """Plans the calls of every operation, and runs them on one engine."""

    def __init__(
        self,
        engine: Engine,
        planner: Planner | SinglePlanner,
        backends: Mapping[str, Backend],
        types: frozenset[str] = frozenset(),
    ) -> None:
        """`backends` are those that a plan may name, by target. `types` are the provider types among them, which
        `extra` may name."""
        self.types = types
        self.engine = engine
        self._planner = planner
        self._backends = backends

    async def generate(
        self, prompt: Prompt, options: RequestOptions, *, ceiling: Ceiling | None = None
    ) -> GenerationResponse:
        """Answer a prompt. `ceiling`: what it may cost together with other calls."""
        run = await self._open(read_prompt(prompt, options, self.types), ceiling=ceiling)
        await run.to_end()
        if run.response is None:
            raise AssertionError("a run that ends without an error leaves a response")
        return run.response

    def stream(self, prompt: Prompt, options: RequestOptions, *, ceiling: Ceiling | None = None) -> ResponseStream:
        """Open a streamed answer. Report a wrong call at once; plan it when the first event is requested. `ceiling`: as
        for `generate`."""
        read = read_prompt(prompt, options, self.types)
        try:
            self._planner.check(read.request.model)
        except LLMError as error:
            self.refused(read.request, failure_of(error), streamed=True)
            raise
        return ResponseStream(partial(self._open, read, ceiling=ceiling))

    def open(
        self,
        prompt: Prompt,
        options: RequestOptions,
        reading: Reading | None = None,
        *,
        request_id: str | None = None,
        allowances: tuple[Allowance, ...] = (),
    ) -> Awaitable[Run]:
        """Plan a generation, streamed if it has a `reading`; nothing is sent before the run is driven. `request_id`:
        its id, if it has one already; `allowances`: budgets and limits of the caller. Report a wrong call at once."""
        return self._open(read_prompt(prompt, options, self.types), reading, request_id, allowances)

    async def _open(
        self,
        read: ReadRequest,
        reading: Reading | None = None,
        request_id: str | None = None,
        allowances: tuple[Allowance, ...] = (),
        *,
        ceiling: Ceiling | None = None,
    ) -> Run:
        closings = self.engine.closings
        name = request_id or self.engine.new_id()
        watched = self._watched(name) if self.engine.request_observers else None
        try:
            planned = await self._planner.plan(read.request)
            self.engine.check_open(closings)
        except LLMError as error:
            if watched is not None:
                self._refuse(watched, read.request, failure_of(error), streamed=reading is not None)
            raise
        job = self._chat(name, read, planned, reading)
        if watched is not None:
            job = replace(job, watched=watched)
        if allowances:
            job = replace(job, allowances=allowances)
        if ceilings := ceilings_of(read.max_cost, planned.fallback.max_cost, ceiling):
            job = replace(job, ceilings=ceilings)
        return Run(job, planned.plan, self._backends, self.engine)

    def explain(self, prompt: Prompt, options: RequestOptions) -> Plan:
        """Return the plan of a request without sending it."""
        return self._planner.explain(read_prompt(prompt, options, self.types).request)

    async def embed(
        self,
        texts: Texts,
        options: EmbedOptions,
        *,
        request_id: str | None = None,
        allowances: tuple[Allowance, ...] = (),
    ) -> EmbeddingResponse:
        """Turn texts into vectors. `request_id` and `allowances` as for `open`."""
        read = read_texts(texts, options, self.types)
        closings = self.engine.closings
        name = request_id or self.engine.new_id()
        watched = self._watched(name) if self.engine.request_observers else None
        try:
            planned = await self._planner.embedding_plan(read.request)
            self.engine.check_open(closings)
        except LLMError as error:
            if watched is not None:
                self._refuse(watched, read.request, failure_of(error))
            raise
        rules = _unhedged(planned.rules, read.deadline)
        job = Job(
            id=name,
            operation=Operation.EMBED,
            request=read.request,
            rules=rules,
            allowances=allowances,
            ceilings=ceilings_of(read.max_cost, planned.fallback.max_cost),
            watched=watched,
        )
        embedding = Embedding(job, planned.plan, self._backends, self.engine, concurrency=read.concurrency)
        return await embedding.run()

    async def ask(self, operation: Operation, request: Any, planned: PlannedRun) -> list[Any]:
        """Run any other operation, none of which is billed."""
        rules = _unhedged(planned.rules, min(FREE_DEADLINE, planned.rules.deadline), free=True)
        job = Job(id=self.engine.new_id(), operation=operation, request=request, rules=rules)
        run = Run(job, planned.plan, self._backends, self.engine)
        await run.to_end()
        if operation is Operation.COUNT_TOKENS:
            with_wire_answer(run.items[-1], run.wire_answer)
        return run.items

    def _watched(self, request_id: str) -> Watched | None:
        from understudy.engine.observing import watch

        return watch(self.engine.request_observers, request_id, self.engine.wall_clock())

    def refused(
        self,
        request: GenerationRequest | EmbeddingRequest,
        failure: Failure,
        *,
        streamed: bool = False,
        request_id: str | None = None,
    ) -> None:
        """Report a request that is refused without being planned to those who follow requests. `request_id`: its id,
        if it has one already."""
        if self.engine.request_observers and (watched := self._watched(request_id or self.engine.new_id())) is not None:
            self._refuse(watched, request, failure, streamed=streamed)

    def _refuse(
        self,
        watched: Watched,
        request: GenerationRequest | EmbeddingRequest,
        failure: Failure,
        *,
        streamed: bool = False,
    ) -> None:
        from understudy.engine.capturing import redacted
        from understudy.engine.observing import Unplanned

        operation = Operation.EMBED if isinstance(request, EmbeddingRequest) else Operation.CHAT
        watched.refuse(Unplanned(operation, request, streamed), failure, partial(redacted, self._backends))

    def _chat(self, name: str, read: ReadRequest, planned: PlannedRun, reading: Reading | None) -> Job:
        """Return the job of a generation; `reading` is how a stream of it is read."""
        fallback, rules, tools = planned.fallback, planned.rules, read.request.tools
        if read.deadline is not None:
            rules = replace(rules, deadline=read.deadline)
        if tools and not are_functions(tools) and any(isinstance(tool, OpaqueTool) and tool.effects for tool in tools):
            rules = replace(rules, has_effects=True)
        return Job(
            id=name,
            operation=Operation.CHAT,
            request=read.request,
            rules=rules if reading is None else _streamed(rules, read, fallback, reading),
            form=read.form,
            whole=fallback.whole,
            strict=fallback.strict,
            fit_max_tokens=fallback.fit_max_tokens,
            session=planned.session,
            begins_turn=planned.begins_turn,
        )


def _streamed(rules: Rules, read: ReadRequest, fallback: FallbackConfig, reading: Reading) -> Rules:
    """Return the rules of a stream: what becomes of it if it breaks, as the call or else the configuration states.

    Who reads to the end before they see anything needs no restart and no heartbeat: the answer is held back. Text alone
    cannot be taken back.
    """
    mode = read.on_midstream_error or fallback.on_midstream_error
    chars = fallback.hold_chars if read.hold_chars is None else read.hold_chars
    if reading == "whole":
        return replace(rules, streamed=True, on_midstream_error="hold")
    if reading == "text" and mode == "restart":
        mode = "surface"
    if mode != "hold":
        return replace(rules, streamed=True, on_midstream_error=mode)
    heartbeat = HEARTBEAT if reading == "events" else None
    return replace(rules, streamed=True, on_midstream_error=mode, hold_chars=chars, heartbeat=heartbeat)


def _unhedged(rules: Rules, deadline: float | None, *, free: bool = False) -> Rules:
    """Return the rules of an operation that is never asked of two targets at once, with the request's own deadline."""
    own = rules.deadline if deadline is None else deadline
    return replace(rules, deadline=own, hedge=False, hedge_after=None, free=free)
