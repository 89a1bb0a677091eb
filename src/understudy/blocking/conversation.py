"""A conversation that keeps its history, for synchronous code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from understudy.blocking.bridge import BRIDGE
from understudy.blocking.provider import LLMProvider
from understudy.blocking.stream import RunStream
from understudy.client import conversation
from understudy.client.conversation import Turn
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message
from understudy.domain.runs import RunResult
from understudy.protocol import RunOptions, TypedRunOptions

if TYPE_CHECKING:
    from understudy.domain.responses import T


class Conversation:
    """A conversation with a provider or a manager: each turn is sent with everything that was said before.

    Only whole answers are added: if a turn fails, or its stream is closed early, the history stays as it was.
    """

    def __init__(
        self,
        llm: LLMProvider,
        messages: Sequence[Message | Mapping[str, Any]] = (),
        **options: Unpack[RunOptions],
    ) -> None:
        """Begin with `messages`, or none. `options`, such as `system`, `tools` or `model`, apply to every turn."""
        if not isinstance(llm, LLMProvider):
            raise Misuse(f"a blocking Conversation needs a provider of understudy.blocking, got {type(llm).__name__}")
        self.llm = llm
        self.wrapped = conversation.Conversation(llm.wrapped, messages, **options)
        """The asynchronous conversation behind this one."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """Everything that was said, with tool calls and results; not the `system` option."""
        return self.wrapped.messages

    @property
    def last(self) -> RunResult[Any] | None:
        """The result of the last turn."""
        return self.wrapped.last

    @property
    def options(self) -> RunOptions:
        """The options of every turn, which may be changed between turns."""
        return self.wrapped.options

    @property
    def system(self) -> str | None:
        """The system prompt of every turn; may be set."""
        return self.wrapped.system

    @system.setter
    def system(self, text: str | None) -> None:
        self.wrapped.system = text

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.messages)} messages with {self.llm!r}>"

    @overload
    def send(self, turn: Turn = (), /, **options: Unpack[TypedRunOptions[T]]) -> RunResult[T]: ...
    @overload
    def send(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunResult: ...
    def send(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunResult:
        """Say something and return the answer; `options` override those of the conversation for this turn.

        Tools are executed as by `run_tools`. Without an argument, calls that the last answer left pending are
        continued. Raise what `run_tools` raises, and `Misuse` while another turn is under way.
        """
        thread = BRIDGE.loop_thread()
        return thread.run_coroutine(self.llm.wrapped, lambda: self.wrapped.send(turn, **options))

    @overload
    def stream(self, turn: Turn = (), /, **options: Unpack[TypedRunOptions[T]]) -> RunStream[T]: ...
    @overload
    def stream(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunStream: ...
    def stream(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunStream:
        """Say something and stream the answer. The turn is added when the stream has been read to its end."""
        thread = BRIDGE.loop_thread()
        thread.check()
        stream = thread.run_function(self.llm.wrapped, lambda: self.wrapped.stream(turn, **options))
        return RunStream(stream, thread, self.llm)

    def copy(self) -> Self:
        """Return an independent conversation with the same history and options, to go on in another direction."""
        return type(self)(self.llm, self.messages, **self.options)

    def to_json(self) -> str:
        """Return history and system prompt as JSON. Other options, which may hold functions, are not part of it."""
        return self.wrapped.to_json()

    @classmethod
    def from_json(cls, text: str | bytes, llm: LLMProvider, **options: Unpack[RunOptions]) -> Self:
        """Continue what `to_json` returned. Raise `Misuse` if it is something else."""
        return cls._of(conversation.Conversation.from_json(text, llm.wrapped, **options), llm)

    def save(self, path: str | Path) -> None:
        """Write `to_json` to a file that only its owner may read; replace the file as a whole. Raise `Misuse`."""
        self.wrapped.save(path)

    @classmethod
    def load(cls, path: str | Path, llm: LLMProvider, **options: Unpack[RunOptions]) -> Self:
        """Continue a saved conversation. Raise `Misuse` if the file cannot be read or is something else."""
        return cls._of(conversation.Conversation.load(path, llm.wrapped, **options), llm)

    @classmethod
    def _of(cls, wrapped: conversation.Conversation, llm: LLMProvider) -> Self:
        return cls(llm, wrapped.messages, **wrapped.options)
