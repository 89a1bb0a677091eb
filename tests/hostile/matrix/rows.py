"""The words of the fault table: what a server does, and what a caller must see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

import understudy as u
from tests.hostile.answers.base import Answers
from tests.hostile.framing import LAST, chunk, chunked_head, cut_response
from tests.hostile.server import Request, Script
from understudy.domain.failures import FailureKind as K

B = u.CostBasis

GENERATE, STREAM, EMBED, LIST = "generate", "stream", "embed", "list"
CHATS = frozenset({GENERATE, STREAM})
PAID = CHATS | {EMBED}
ALL = PAID | {LIST}

LIMIT = 0.3
"""Seconds of patience where the fault is silence."""


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request whose first target has the fault."""

    kinds: tuple[K, ...] = ()
    """How its attempts may fail; empty: they do not."""
    alone: int = 0
    """Attempts at it when no other target is there."""
    before: int | None = 0
    """Attempts at it before the next target is asked; `None`: the next target is not asked."""
    basis: u.CostBasis = B.UNKNOWN
    """What is known of the cost of an attempt that failed."""
    error: type[u.LLMError] = u.LLMError
    """What the caller catches when no other target is there."""
    retry_after: float | None = None
    """What the error says of waiting, at least and nearly."""
    shown: bool = False
    """Content came before the fault: the reader of a stream has seen it, so nothing may replace it."""
    recovers: bool = False
    """After `alone` failures the same target answers."""
    won: u.CostBasis = B.EXACT
    """What is known of the cost of the attempt that answered."""
    check: Callable[[Any], str | None] | None = None
    """Looks at an answer of the target that has the fault; returns a complaint."""


def retried(kind: K | tuple[K, ...], tries: int, error: type[u.LLMError], **more: Any) -> Expect:
    """The same target again, then the next."""
    return Expect(kinds=_all(kind), alone=tries, before=tries, error=error, **more)


def replaced(kind: K | tuple[K, ...], tries: int, error: type[u.LLMError], **more: Any) -> Expect:
    """The next target at once; the same one again only when it is the last."""
    return Expect(kinds=_all(kind), alone=tries, before=1, error=error, **more)


def given_up(kind: K | tuple[K, ...], error: type[u.LLMError], **more: Any) -> Expect:
    """Never the same target again."""
    return Expect(kinds=_all(kind), alone=1, before=1, error=error, **more)


def told(kind: K | tuple[K, ...], error: type[u.LLMError], **more: Any) -> Expect:
    """Neither the same target nor another: the failure is the answer."""
    return Expect(kinds=_all(kind), alone=1, before=None, error=error, **more)


def answered(check: Callable[[Any], str | None] | None = None, *, won: u.CostBasis = B.EXACT) -> Expect:
    """The answer is good in spite of all."""
    return Expect(check=check, won=won)


def _all(kind: K | tuple[K, ...]) -> tuple[K, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A request for which the fault is due."""

    answers: Answers
    operation: str
    request: Request
    variant: Any
    elsewhere: str
    """The address of a party that must not be asked."""

    @property
    def streamed(self) -> bool:
        """Whether the answer would be a stream."""
        return self.operation in CHATS and self.answers.flows(self.request)

    @property
    def body(self) -> bytes:
        """The good body of a plain answer."""
        return self.answers.whole(self.operation)


Act = Callable[[Scene], Script]
Variants = Callable[[Answers], Sequence[Any]]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, as a server commits it."""

    name: str
    words: str
    source: str
    """Where it is described or was seen."""
    expect: Expect | Callable[[Any], Expect]
    """Given the variant, where it depends on that."""
    plain: Expect | None = None
    """Where the wire is plain, if that makes a difference."""
    act: Act = lambda _: ()
    door: str | None = None
    """An address of its own, where the fault comes before any request."""
    proxy: str | None = None
    """The address of a proxy that the entry that has the fault goes through."""
    operations: frozenset[str] = ALL
    dialects: Callable[[Answers], bool] = lambda _: True
    targets: tuple[int, ...] = (1, 2)
    variants: Variants = lambda _: (None,)
    place: str = "answer"
    """`stream`: where a stream is read by a request of its own, that is where the fault is."""
    healed: bool = False
    """Where a stream is read by a request of its own, the answer is taken from elsewhere."""
    once: bool = False
    """Only the first request meets the fault."""
    limits: Mapping[str, float] = {}
    """Time-outs of the entry that has the fault."""
    options: Callable[[Answers], Mapping[str, Any]] = lambda _: {}
    entry: Mapping[str, Any] = {}
    """Further settings of the entry that has the fault."""
    backup: Mapping[str, Any] = {}
    """Further settings of the other entry."""
    fallback: Mapping[str, Any] = {}
    deadline: float = 30.0
    within: float | None = None
    """Seconds that it may take, where that is less than the deadline."""
    fresh: bool = False
    """The connection on which it happened is not used again."""
    hides: bool = False
    """What the server sent stands in no message."""


MARKER = "xyzzy-page"
"""Stands in pages whose text must not be told on."""


def begun(scene: Scene, pieces: int, *, ended: bool = False) -> bytes:
    """Write the beginning of a stream: its head, its opening, and so many pieces of content."""
    answers = scene.answers
    frames = (answers.opening, *answers.pieces[:pieces])
    return chunked_head(answers.stream_type) + b"".join(map(chunk, frames)) + (LAST if ended else b"")


def half(scene: Scene) -> bytes:
    """Write half of a plain answer whose whole length is stated."""
    return cut_response(scene.body, len(scene.body) // 2)


def only(*names: str) -> Callable[[Answers], bool]:
    """Those wire formats."""
    return lambda answers: answers.dialect in names


def refusals(meaning: str) -> Variants:
    """The vendor's own refusals of that meaning."""
    return lambda answers: answers.refusals.get(meaning, ())


def refuse(scene: Scene) -> Script:
    """Refuse as the vendor does."""
    return (scene.variant.wire(),)
