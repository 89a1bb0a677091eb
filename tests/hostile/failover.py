"""A primary that fails in every way that matters, a backup that does not, and nothing configured but two entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

import understudy as u
from tests.hostile.answers.all import DIALECTS
from tests.hostile.answers.base import TEXT, Answers, Refusal
from tests.hostile.answers.gemini import BLOCKED_PROMPT
from tests.hostile.framing import LAST, chunk, chunked_head, cut_response, head, response
from tests.hostile.server import Close, Hang, HostileServer, Party, Pause, Repeat, Request, Reset, Script

PROMPT = "Why is the sky blue?"
SLOW = "slow first token"


class Pair(msgspec.Struct, frozen=True):
    """Who is asked first, and who stands behind; the models are such that the backup's window is larger."""

    primary: str
    backup: str
    primary_model: str
    backup_model: str

    @property
    def name(self) -> str:
        """Both in a word."""
        return f"{self.primary}→{self.backup}"


PAIRS = (
    Pair("openai", "anthropic", "gpt-4o-mini", "claude-haiku-4-5"),
    Pair("anthropic", "openai", "claude-haiku-4-5", "gpt-4.1-mini"),
    Pair("ollama", "openai", "llama3.2", "gpt-4o-mini"),
    Pair("gemini", "cohere", "gemma-3-27b-it", "command-a-03-2025"),
)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take: as they are by default, or shortened for the suite."""

    limits: Mapping[str, Any] = {}
    """Time-outs of the entries; none: the defaults."""
    fallback: Mapping[str, Any] = {}
    hint: str = "2"
    """Seconds that a rate limit asks for."""
    slow: float = 300.0
    """Seconds until the first token of a slow one."""
    patience: float = 75.0
    """Seconds within which an answer must be there."""
    hedge_after: float | None = None
    """Of hedged calls; unset: as by default."""
    hedged: float = 15.0
    """Seconds within which a hedged answer must be there, if the primary is only slow."""


DEFAULT = Pace()
SHORT = Pace(
    limits={"first_event_timeout": 0.5, "idle_timeout": 0.5, "timeout": 1.5},
    fallback={"retry_delay_ms": 1},
    hint="0.1",
    slow=20.0,
    patience=15.0,
    hedge_after=0.2,
)


class Scene(msgspec.Struct, frozen=True):
    """A request to the primary."""

    answers: Answers
    request: Request
    nth: int
    """1 for the first that it gets."""
    pace: Pace

    def good(self) -> Script:
        """Answer as asked."""
        return self.answers.good("generate", self.request)

    def begun(self, pieces: int, *, ended: bool = False) -> bytes:
        """Begin a good answer."""
        answers = self.answers
        if not answers.flows(self.request):
            return cut_response(answers.plain, len(answers.plain) // 3)
        frames = (answers.opening, *answers.pieces[:pieces])
        return chunked_head(answers.stream_type) + b"".join(map(chunk, frames)) + (LAST if ended else b"")

    def refusal(self, meaning: str) -> Refusal | None:
        """Return the vendor's own refusal of that meaning."""
        return next(iter(self.answers.refusals.get(meaning, ())), None)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fail."""

    name: str
    act: Callable[[Scene], Script]
    refused: bool = False
    """The refusal is the answer."""
    applies: Callable[[Answers], bool] = lambda _: True
    requests: int = 1
    """How many are made, one after the other."""
    returns_after: int = 0
    """The primary is well again after so many of them."""


def _limited(scene: Scene, headers: Mapping[str, str]) -> Script:
    refusal = scene.refusal("rate_limit")
    assert refusal is not None
    return (response(refusal.status, refusal.body, headers=headers),)


def _refuse(meaning: str) -> Callable[[Scene], Script]:
    def act(scene: Scene) -> Script:
        refusal = scene.refusal(meaning)
        assert refusal is not None
        return (refusal.wire(),)

    return act


def _filter(scene: Scene) -> Script:
    """Refuse the prompt by a status, or, as Gemini does, with the status 200."""
    refusal = scene.refusal("filter")
    if refusal is not None:
        return (refusal.wire(),)
    body = b"data: " + BLOCKED_PROMPT + b"\n\n" if scene.answers.flows(scene.request) else BLOCKED_PROMPT
    return scene.answers.good("generate", scene.request, body)


def _malformed_event(scene: Scene) -> Script:
    answers = scene.answers
    if not answers.flows(scene.request):
        return (response(200, answers.plain[: len(answers.plain) // 2]),)
    rest = (answers.broken, *answers.pieces[1:], answers.ending, answers.mark)
    return (scene.begun(1) + b"".join(map(chunk, rest)) + LAST,)


def _malformed_chunk(scene: Scene) -> Script:
    if not scene.answers.flows(scene.request):
        return (head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}) + b"zz\r\n{}", Close())
    return (scene.begun(1) + b"zz\r\n{}\r\n", Close())


def _pings(scene: Scene) -> Script:
    """Blanks for ever, where the answer is no stream."""
    if not scene.answers.flows(scene.request):
        return (chunked_head("application/json"), Repeat(chunk(b" "), 0.05))
    return (scene.begun(0), Repeat(chunk(scene.answers.ping), 0.05))


def _without_end(scene: Scene) -> Script:
    return (scene.begun(3, ended=True), Close())


def _refuses(meaning: str) -> Callable[[Answers], bool]:
    return lambda answers: bool(answers.refusals.get(meaning))


SCENARIOS = (
    Scenario(
        name="429 with a hint, once",
        act=lambda s: _limited(s, {"Retry-After": s.pace.hint}) if s.nth == 1 else s.good(),
    ),
    Scenario(name="429 with a hint of an hour", act=lambda s: _limited(s, {"Retry-After": "3600"})),
    Scenario(name="429 without a hint", act=lambda s: _limited(s, {})),
    Scenario(name="500 once", act=lambda s: (response(500, b"{}"),) if s.nth == 1 else s.good()),
    Scenario(name="503 for good", act=lambda _: (response(503, b""),)),
    Scenario(name="reset before headers", act=lambda _: (Reset(),)),
    Scenario(name="no response at all", act=lambda _: (Hang(),)),
    Scenario(name="headers, then silence", act=lambda s: (s.begun(0), Hang())),
    Scenario(name="pings, no token", act=_pings),
    Scenario(name=SLOW, act=lambda s: (Pause(s.pace.slow), *s.good())),
    Scenario(name="stream cut", act=lambda s: (s.begun(2), Pause(0.05), Reset())),
    Scenario(name="stream closed", act=lambda s: (s.begun(2), Close())),
    Scenario(name="stream stalled", act=lambda s: (s.begun(2), Hang())),
    Scenario(name="malformed event", act=_malformed_event),
    Scenario(name="malformed chunk", act=_malformed_chunk),
    Scenario(name="stream without end mark", act=_without_end),
    Scenario(name="context overflow", act=_refuse("context"), applies=_refuses("context")),
    Scenario(name="content filter", act=_filter, applies=lambda a: a.dialect != "ollama", refused=True),
    Scenario(name="wrong key", act=_refuse("authentication")),
    Scenario(name="out of credit", act=_refuse("billing"), applies=_refuses("billing")),
    Scenario(
        name="down for fifteen requests, then back",
        act=lambda _: (response(503, b""),),
        requests=20,
        returns_after=15,
    ),
)


LONGEST_OPEN = 10.0
"""Seconds for which a circuit breaker is open at most."""
LOOK = 0.25
"""Seconds between two looks whether a primary is used again."""


class Result(msgspec.Struct, kw_only=True):
    """What came of one call, or of several."""

    ended: str = ""
    """Who answered, or with which error it ended."""
    seconds: float = 0.0
    attempts: list[u.AttemptRecord] = []
    complaints: list[str] = []


WAYS = ("generate", "stream", "restart", "collect", "hedged")
"""How the answer is asked for: whole, or as a stream: as by default, with `on_midstream_error="restart"`, or unseen; or
whole with `hedge=True`."""


class Plot(msgspec.Struct, frozen=True):
    """One scenario of one pair, asked for in one of the `WAYS`."""

    scenario: Scenario
    pair: Pair
    way: str

    @property
    def name(self) -> str:
        """The plot in a few words."""
        return f"{self.scenario.name}, {self.pair.name}, {self.way}"


def plots(pairs: tuple[Pair, ...] = PAIRS) -> list[Plot]:
    """Return every scenario of every pair, in all ways."""
    return [
        Plot(scenario, pair, way)
        for scenario in SCENARIOS
        for pair in pairs
        for way in WAYS
        if scenario.applies(DIALECTS[pair.primary])
    ]


class Trial:
    """A plot, acted out."""

    def __init__(self, plot: Plot, server: HostileServer, pace: Pace) -> None:
        self.scenario = plot.scenario
        self.pair = plot.pair
        self.way = plot.way
        self._pace = pace
        self._answers = DIALECTS[plot.pair.primary]
        self._other = DIALECTS[plot.pair.backup]
        self._is_down = True
        self._ledger = u.MemoryLedger()
        mark = f"{id(self):x}"
        self._primary = server.party(f"p{mark}", self._fail)
        self._backup = server.party(f"b{mark}", lambda request: self._other.good("generate", request))

    def _fail(self, request: Request) -> Script:
        scene = Scene(self._answers, request, len(self._primary.requests), self._pace)
        return self.scenario.act(scene) if self._is_down else scene.good()

    def _entry(self, name: str, answers: Answers, party: Party, model: str) -> u.LLMProvider:
        limits = self._pace.limits if name == "primary" else {}
        config = u.ProviderConfig(
            provider=answers.provider,
            name=name,
            api_key=u.Secret(f"key-of-{name}"),
            base_url=party.url + answers.base,
            text_model=model,
            priority=1 if name == "primary" else 2,
            **limits,
        )
        return u.create_provider(config)

    async def run(self) -> Result:
        """Make the calls, and judge."""
        primary = self._entry("primary", self._answers, self._primary, self.pair.primary_model)
        backup = self._entry("backup", self._other, self._backup, self.pair.backup_model)
        hedges = self.way == "hedged"
        after = self._pace.hedge_after if hedges else None
        rules = u.FallbackConfig(**self._pace.fallback, hedge=hedges, hedge_after=after)
        result = Result()
        async with u.ProviderManager([primary, backup], rules, sink=self._ledger) as manager:
            for number in range(1, self.scenario.requests + 1):
                self._is_down = not self.scenario.returns_after or number <= self.scenario.returns_after
                await self._call(manager, result)
            if self.scenario.returns_after:
                await self._see_it_return(manager, result)
        result.complaints += self._of_account(result)
        return result

    async def _see_it_return(self, manager: u.ProviderManager, result: Result) -> None:
        """Go on asking for as long as a circuit breaker may be open, until the primary answers."""
        for _ in range(int(LONGEST_OPEN / LOOK) + 1):
            if result.ended == "primary":
                return
            await asyncio.sleep(LOOK)
            await self._call(manager, result)
        result.complaints.append(f"the primary is back, but {result.ended} answered")

    async def _call(self, manager: u.ProviderManager, result: Result) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        shown = ""
        answer: u.GenerationResponse | None = None
        error: Exception | None = None
        try:
            if self.way in ("generate", "hedged"):
                answer = await manager.generate(PROMPT)
            elif self.way == "collect":
                answer = await manager.stream(PROMPT).collect()
            elif self.way == "restart":
                stream = manager.stream(PROMPT, on_midstream_error="restart")
                async for event in stream:
                    shown = "" if isinstance(event, u.Restarted) else shown + getattr(event, "text", "")
                answer = stream.response
            else:
                stream = manager.stream(PROMPT)
                async for piece in stream.text():
                    shown += piece
                answer = stream.response
        except Exception as caught:  # noqa: BLE001 - whatever comes is judged
            error = caught
        seconds = loop.time() - began
        result.seconds = max(result.seconds, seconds)
        result.attempts += getattr(answer if error is None else error, "attempts", ())
        result.ended = answer.provider or "?" if answer is not None else type(error).__name__
        result.complaints += self._of_call(answer, error, shown)
        slow = self.scenario.name == SLOW and self.way == "hedged"
        if seconds > (self._pace.hedged if slow else self._pace.patience):
            result.complaints.append(f"took {seconds:.1f} s")

    def _of_call(self, answer: u.GenerationResponse | None, error: Exception | None, shown: str) -> Iterator[str]:
        if answer is not None and answer.text != TEXT:
            yield f"a wrong answer passed for right: {answer.text!r} of {answer.provider}"
        if not TEXT.startswith(shown) or (answer is not None and self.way in ("stream", "restart") and shown != TEXT):
            yield f"what was shown is not the answer: {shown!r}"
        if self.scenario.refused:
            # A hedge that is quicker than the refusal answers.
            if not isinstance(error, u.ContentFiltered) and (self.way != "hedged" or answer is None):
                yield f"the filter refused, but it ended with {error!r}"
        elif error is not None and not (self.way == "stream" and shown and isinstance(error, u.Unavailable)):
            yield f"no answer: {error!r}"
        if isinstance(error, u.Unavailable) and shown and (error.partial is None or error.partial.text != shown):
            yield "the error does not hold what was shown"

    def _of_account(self, result: Result) -> Iterator[str]:
        """Check that every request that a server got is an attempt, told to the caller and to the ledger."""
        if _by_id(self._ledger) != _by_id(result.attempts):
            yield f"the ledger has {len(list(self._ledger))} attempts, the calls told {len(result.attempts)}"
        for name, party in (("primary", self._primary), ("backup", self._backup)):
            mine = [each for each in result.attempts if each.provider == name]
            sent = [each for each in mine if each.failure is None or each.failure.sent]
            if len(party.requests) != len(sent):
                yield f"{name} got {len(party.requests)} requests, {len(sent)} are recorded as sent"


def _by_id(records: Iterable[u.AttemptRecord]) -> list[u.AttemptRecord]:
    """Return records in the order in which their attempts began; two at once end in any order."""
    return sorted(records, key=lambda each: each.attempt_id)


def summary(result: Result) -> dict[str, Any]:
    """Return the figures of a result."""
    return {
        "ended": result.ended,
        "seconds": round(result.seconds, 2),
        "attempts": len(result.attempts),
        "lost": sum(1 for each in result.attempts if each.failure is not None),
    }
