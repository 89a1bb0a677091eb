"""What a run carries out: one request of a user, with the rules for it."""

from __future__ import annotations

import os
import time
from binascii import hexlify
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.operation import Operation
from understudy.engine.structured import ResultForm
from understudy.policy.affinity import SessionKey
from understudy.policy.signals import Rules

if TYPE_CHECKING:
    from understudy.engine.ceiling import Ceiling
    from understudy.engine.observing import Watched
    from understudy.settings import Whole
    from understudy.settings.budgets import Allowance


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a user, ready to run."""

    id: str
    operation: Operation
    request: Any
    rules: Rules = Rules()
    form: ResultForm | None = None
    strict: bool = False
    batch: int | None = None
    """Of an embedding in several batches: which, from 1."""
    whole: Whole = "auto"
    """How to ask for an answer that the caller wants whole; see `FallbackConfig.whole`."""
    allowances: tuple[Allowance, ...] = ()
    """Budgets and limits of the caller, such as those of a virtual key, besides the configuration's."""
    ceilings: tuple[Ceiling, ...] = ()
    """What it may cost, all its attempts together: as the call and the configuration state it."""
    fit_max_tokens: bool = False
    """Whether `max_tokens` may be lowered to what the ceilings and budgets leave."""
    session: SessionKey | None = None
    """Under which the target that answers is remembered; `None` without affinity."""
    begins_turn: bool = False
    """Whether the request begins a turn of that session."""
    watched: Watched | None = None
    """The request as observers follow it, if any do."""

    @property
    def streamed(self) -> bool:
        """Whether the caller sees the answer as it arrives."""
        return self.rules.streamed


DRAWN = 256
"""Ids for which the system is asked for random bytes at once."""
_chances: list[str] = []
"""The random ends of the next ids, with their version and variant."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_chances.clear)  # the child must not draw what its parent draws


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562 §5.7): milliseconds first, so that ids sort by time."""
    try:
        chance = _chances.pop()
    except IndexError:
        chance = _draw()
    milliseconds = time.time_ns() // 1_000_000
    return f"{milliseconds >> 16 & 0xFFFF_FFFF:08x}-{milliseconds & 0xFFFF:04x}-{chance}"


_VERSION = bytes(0x70 | byte & 0x0F for byte in range(256))
_VARIANT = bytes(0x80 | byte & 0x3F for byte in range(256))
_LINE = b"----.----.------------ "
"""The end of an id, and what separates it from the next one: a place for each digit."""
_PLACES = tuple(at for at, byte in enumerate(_LINE) if byte == ord("-"))


def _draw() -> str:
    """Return the random end of an id, and keep more of them. Each step makes all of them at once."""
    drawn = bytearray(os.urandom(10 * DRAWN))
    drawn[0::10] = drawn[0::10].translate(_VERSION)
    drawn[2::10] = drawn[2::10].translate(_VARIANT)
    digits, lines = hexlify(drawn), bytearray(_LINE * DRAWN)
    for at, place in enumerate(_PLACES):
        lines[place :: len(_LINE)] = digits[at :: len(_PLACES)]
    ends = lines.decode().replace(".", "-").split()
    end = ends.pop()
    _chances.extend(ends)
    return end
