"""For the tests of programs that use understudy: no key, no network, no waiting.

    from understudy.testing import FakeProvider

    async def test_a_greeting():
        fake = FakeProvider("Hello, Ada!")
        assert await greet(fake, "Ada") == "Hello, Ada!"
        fake.assert_asked("Ada")

`FakeProvider` answers what a test has written down, `FaultyProvider` spoils the answers of any provider,
`EmulatedTransport` answers in the wire format of a provider, `recording` replays what a provider once answered, and
`virtual_time` removes the waiting. `understudy.testing.pytest` is a plugin with fixtures. Everything is shown in
docs/testing.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.emulator import Emulator, RecordedRequest, emulate
    from understudy.emulator.faults import Fault, FaultKind
    from understudy.testing.answers import Answer, EmbeddingAnswer, Reply, tool_call
    from understudy.testing.clock import run_virtually, virtual_time
    from understudy.testing.emulated import EmulatedTransport
    from understudy.testing.fake import FakeCall, FakeProvider, ScriptExhausted
    from understudy.testing.faulty import FaultyProvider
    from understudy.testing.recorder import Recorder, RecordMode, recording

_HOMES = {
    "understudy.emulator": "Emulator RecordedRequest emulate",
    "understudy.emulator.faults": "Fault FaultKind",
    "understudy.testing.answers": "Answer EmbeddingAnswer Reply tool_call",
    "understudy.testing.fake": "FakeCall FakeProvider ScriptExhausted",
    "understudy.testing.faulty": "FaultyProvider",
    "understudy.testing.emulated": "EmulatedTransport",
    "understudy.testing.recorder": "RecordMode Recorder recording",
    "understudy.testing.clock": "run_virtually virtual_time",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that a loaded pytest plugin costs nothing."""
    from importlib import import_module

    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})


__all__ = [
    "Answer",
    "EmbeddingAnswer",
    "EmulatedTransport",
    "Emulator",
    "FakeCall",
    "FakeProvider",
    "Fault",
    "FaultKind",
    "FaultyProvider",
    "RecordMode",
    "RecordedRequest",
    "Recorder",
    "Reply",
    "ScriptExhausted",
    "emulate",
    "recording",
    "run_virtually",
    "tool_call",
    "virtual_time",
]
