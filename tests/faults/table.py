"""The words of the fault matrix: a fault as a server commits it, and the cells in which it is played."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tests.faults.laws import B, Law
from tests.faults.memory import Script
from tests.faults.vendors import VENDORS, Vendor
from tests.hostile.server import Request
from understudy.domain.failures import FailureKind as K


class Mode(enum.StrEnum):
    """How the answer is asked for."""

    PLAIN = "plain"
    """`generate`, in one piece on the wire."""
    STREAM = "stream"
    """`stream`, read as it arrives."""
    COLLECTED = "collected"
    """`generate`, streamed on the wire: nobody sees a piece before the whole."""


class Scene(enum.StrEnum):
    """Who else is there, and how long the fault lasts."""

    ALONE = "alone"
    """One target, and the fault lasts."""
    BACKUP = "backup"
    """A healthy target behind, and the fault lasts."""
    ONCE = "once"
    """One target, and only the first request meets the fault."""
    PASSING = "passing"
    """A healthy target behind, and only the first request meets the fault."""
    PATIENT = "patient"
    """One target, the fault lasts, and five attempts are allowed instead of three."""
    OUTAGE = "outage"
    """A healthy target behind, and request after request meets the fault, until it is over."""
    COUNTED = "counted"
    """A healthy target behind; four failures, each when the one before is forgiven, then one of the server or host."""


ALL_MODES = tuple(Mode)
STREAMED = (Mode.STREAM, Mode.COLLECTED)
ALL_SCENES = tuple(Scene)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A request that meets the fault."""

    vendor: Vendor
    mode: Mode
    variant: Any
    request: Request
    streamed: bool
    """Whether the answer would be a stream."""


Act = Callable[[Moment], Script]
Check = Callable[[Any], str | None]


class Good(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is good in spite of all."""

    check: Check | None = None
    """Looks at the answer and complains; without it, it must say what honest servers say."""
    exact: bool = True
    """Whether its cost is known exactly, or estimated."""
    twice: bool = False
    """Whether the attempt makes its request twice."""


class Place(enum.StrEnum):
    """Where the fault strikes if an answer is several requests, as Replicate's are."""

    ANSWER = "answer"
    """When the generation is asked for."""
    STREAM = "stream"
    """When its stream is read, if it is read by a request of its own."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fault."""

    name: str
    words: str
    source: str
    act: Act
    law: Law | Good | Callable[[Vendor, Mode, Any], Law | Good | None]
    """`None`: that cell does not exist."""
    place: Place = Place.ANSWER
    modes: tuple[Mode, ...] = ALL_MODES
    scenes: tuple[Scene, ...] = ALL_SCENES
    vendors: Callable[[Vendor], bool] = lambda _: True
    variants: Callable[[Vendor], Sequence[Any]] = lambda _: (None,)
    shown: int = 0
    """Pieces of a streamed answer that came before the fault."""
    said: str = ""
    """What those pieces say, if it is not what honest servers say."""
    takes: float = 0.0
    """Seconds that each failed attempt takes."""
    limits: Mapping[str, float] = {}
    """Time-outs of the entry that has the fault."""
    entry: Callable[[Callable[[], bool]], Mapping[str, Any]] = lambda _: {}
    """Further settings of that entry, given a function that says whether the fault is due."""
    backup: Mapping[str, Any] = {}
    fallback: Mapping[str, Any] = {}
    options: Callable[[Vendor], Mapping[str, Any]] = lambda _: {}
    honest: Callable[[Script], Script] = lambda script: script
    """What becomes of the answers of a target without the fault."""
    sent: bool = True
    """Whether the failed request reaches the transport at all."""
    thorough: bool = False
    """Whether each variant is played in every scene; else those after the first have a healthy target behind."""
    shares_quota: bool = False
    """Whether the other entry at the host has the same quota."""
    says_sent: bool = False
    """Whether the failure says that something was sent although its kind says otherwise."""
    text: str | None = None
    """What a good answer says, if it is not what honest servers say."""


class Cell(msgspec.Struct, frozen=True):
    """One fault, of one provider, in one mode and scene."""

    row: Row
    vendor: Vendor
    mode: Mode
    scene: Scene
    number: int
    """Of the variant."""
    variant: Any
    law: Law | Good

    @property
    def name(self) -> str:
        variant = f"#{self.number}" if self.variant is not None else ""
        return f"{self.row.name}{variant} {self.vendor.name} {self.mode} {self.scene}"


def cells(rows: Iterable[Row]) -> Iterator[Cell]:
    """Return every cell that applies."""
    for row in rows:
        for vendor, mode in itertools.product(VENDORS.values(), row.modes):
            if not row.vendors(vendor):
                continue
            for number, variant in enumerate(row.variants(vendor)):
                law = row.law if isinstance(row.law, (Law, Good)) else row.law(vendor, mode, variant)
                if law is None:
                    continue
                for scene in row.scenes if number == 0 or row.thorough else (Scene.BACKUP,):
                    if _applies(law, mode, scene, row):
                        yield Cell(row, vendor, mode, scene, number, variant, law)


def _applies(law: Law | Good, mode: Mode, scene: Scene, row: Row) -> bool:
    if isinstance(law, Good):
        return scene in (Scene.ALONE, Scene.BACKUP)  # a fault that does no harm lasts or passes alike
    if scene is Scene.PATIENT:
        return law.hint is None and mode is not Mode.COLLECTED
    if scene is Scene.COUNTED:
        forgiven = law.basis is not B.UNKNOWN and law.kinds[0] is not K.OVERLOADED
        return forgiven and law.harm.name in ("COOLED", "MODEL", "KEY", "HOST") and mode is not Mode.COLLECTED
    if scene is Scene.OUTAGE:
        # Where the first failure has consequences, those are seen after one request.
        return law.harm.name in ("NOTHING", "ENTRY_BREAKER", "HOST_BREAKER") and mode is not Mode.COLLECTED
    return True
