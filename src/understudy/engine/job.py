"""What a run carries out: one request of a user, with the rules for it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.operation import Operation
from understudy.engine.structured import ResultForm
from understudy.policy.affinity import SessionKey
from understudy.policy.signals import Rules

if TYPE_CHECKING:
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
    session: SessionKey | None = None
    """Under which the target that answers is remembered; `None` without affinity."""

    @property
    def streamed(self) -> bool:
        """Whether the caller sees the answer as it arrives."""
        return self.rules.streamed


_CHANCE = 0x0FFF_3FFF_FFFF_FFFF_FFFF
_VERSION = 0x7000_8000_0000_0000_0000
"""The random bits of an id, and those that hold its version and variant."""


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562 §5.7): milliseconds first, so that ids sort by time."""
    milliseconds = time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF
    digits = f"{milliseconds << 80 | int.from_bytes(os.urandom(10)) & _CHANCE | _VERSION:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
