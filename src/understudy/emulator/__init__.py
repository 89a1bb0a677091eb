"""Emulators of the providers, over real sockets, with faults on demand.

They use the server halves of the dialects, answer deterministically, and record the requests they receive.
"""

from __future__ import annotations

from understudy.emulator.answers import ScriptedAnswer
from understudy.emulator.cast.base import EmulatedModel, EmulatedProvider
from understudy.emulator.emulator import KEY, Emulator, emulate
from understudy.emulator.faults import Fault, FaultKind
from understudy.emulator.server import RecordedRequest

__all__ = [
    "KEY",
    "EmulatedModel",
    "EmulatedProvider",
    "Emulator",
    "Fault",
    "FaultKind",
    "RecordedRequest",
    "ScriptedAnswer",
    "emulate",
]
