"""A conversation that keeps its history."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, Unpack, cast, overload

import msgspec

from understudy.client.prompt import read_prompt
from understudy.domain.content import AnyPart, Part, Text
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message
from understudy.domain.runs import RunResult
from understudy.protocol import Prompt, RunOptions, TypedRunOptions

if TYPE_CHECKING:
    from understudy.client.tools.stream import RunStream
    from understudy.domain.responses import T

Turn = str | Message | AnyPart | Sequence[str | AnyPart | Message | Mapping[str, Any]]
"""What is said in a turn: a string, parts such as an `Image` beside a string, or whole messages."""

FORMAT = 1


class ToolRunner(Protocol):
    """What executes the tool calls of a model: a provider, a manager, or a `FakeProvider` in a test."""

    async def run_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunResult:
        """Answer a prompt, executing the tool calls of the model until it needs no more."""
        ...

    def stream_tools(self, prompt: Prompt, /, **options: Unpack[RunOptions]) -> RunStream:
        """Do the same, and report what happens as it happens."""
        ...


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is saved."""

    understudy_conversation: int
    """The version of the form."""
    system: str | None
    messages: tuple[Message, ...]


class Conversation:
    """A conversation with a provider or a manager: each turn is sent with everything that was said before.

    Only whole answers are added: if a turn fails, or its stream is closed early, the history stays as it was.
    """

    def __init__(
        self,
        llm: ToolRunner,
        messages: Sequence[Message | Mapping[str, Any]] = (),
        **options: Unpack[RunOptions],
    ) -> None:
        """Begin with `messages`, or none. `options`, such as `system`, `tools` or `model`, apply to every turn."""
        if not inspect.iscoroutinefunction(getattr(llm, "run_tools", None)):
            raise Misuse(
                f"a Conversation needs a provider or a manager, got {type(llm).__name__}; put a custom provider into a "
                "ProviderManager, and use understudy.blocking.Conversation for a blocking one"
            )
        self.llm = llm
        self.options: RunOptions = options
        """The options of every turn, which may be changed between turns."""
        self._messages = read_prompt(messages, {}).request.messages if messages else ()
        self._last: RunResult[Any] | None = None
        self._stream: RunStream | None = None
        self._is_sending = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """Everything that was said, with tool calls and results; not the `system` option."""
        self._settle()
        return self._messages

    @property
    def last(self) -> RunResult[Any] | None:
        """The result of the last turn."""
        self._settle()
        return self._last

    @property
    def system(self) -> str | None:
        """The system prompt of every turn; may be set."""
        return self.options.get("system")

    @system.setter
    def system(self, text: str | None) -> None:
        if text is None:
            self.options.pop("system", None)
        else:
            self.options["system"] = text

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.messages)} messages with {self.llm!r}>"

    @overload
    async def send(self, turn: Turn = (), /, **options: Unpack[TypedRunOptions[T]]) -> RunResult[T]: ...
    @overload
    async def send(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunResult: ...
    async def send(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunResult:
        """Say something and return the answer; `options` override those of the conversation for this turn.

        Tools are executed as by `run_tools`. Without an argument, calls that the last answer left pending are
        continued. Raise what `run_tools` raises, and `Misuse` while another turn is under way.
        """
        prompt = self._prompt(turn)
        self._is_sending = True
        try:
            result = await self.llm.run_tools(prompt, **self._merged(options))
        finally:
            self._is_sending = False
        self._keep(result)
        return result

    @overload
    def stream(self, turn: Turn = (), /, **options: Unpack[TypedRunOptions[T]]) -> RunStream[T]: ...
    @overload
    def stream(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunStream: ...
    def stream(self, turn: Turn = (), /, **options: Unpack[RunOptions]) -> RunStream:
        """Say something and stream the answer. The turn is added when the stream has been read to its end.

        A stream that is not read before the next turn is forgotten.
        """
        stream = self.llm.stream_tools(self._prompt(turn), **self._merged(options))
        self._stream = stream
        return stream

    def copy(self) -> Self:
        """Return an independent conversation with the same history and options, to go on in another direction."""
        return type(self)(self.llm, self.messages, **self.options)

    def to_json(self) -> str:
        """Return history and system prompt as JSON. Other options, which may hold functions, are not part of it."""
        self._settle()
        saved = _Saved(understudy_conversation=FORMAT, system=self.system, messages=self._messages)
        return msgspec.json.encode(saved).decode()

    @classmethod
    def from_json(cls, text: str | bytes, llm: ToolRunner, **options: Unpack[RunOptions]) -> Self:
        """Continue what `to_json` returned. Raise `Misuse` if it is something else."""
        try:
            saved = msgspec.json.decode(text, type=_Saved)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Misuse(f"this is not a saved conversation: {error}") from error
        if saved.understudy_conversation != FORMAT:
            raise Misuse("the conversation was saved by a newer version of understudy")
        if saved.system is not None:
            options = cast("RunOptions", {"system": saved.system, **options})
        return cls(llm, saved.messages, **options)

    def save(self, path: str | Path) -> None:
        """Write `to_json` to a file that only its owner may read; replace the file as a whole. Raise `Misuse`."""
        target = Path(path)
        try:
            file, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            try:
                with os.fdopen(file, "w", encoding="utf-8") as opened:
                    opened.write(self.to_json())
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink()
                raise
        except OSError as error:
            raise Misuse(f"the conversation cannot be saved as {target}: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path, llm: ToolRunner, **options: Unpack[RunOptions]) -> Self:
        """Continue a saved conversation. Raise `Misuse` if the file cannot be read or is something else."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise Misuse(f"the conversation {path} cannot be read: {error.strerror}") from error
        return cls.from_json(text, llm, **options)

    def _prompt(self, turn: Turn) -> list[Message | Mapping[str, Any]]:
        """Return the messages to send. Raise `Misuse` while a turn is under way."""
        self._settle()
        if self._is_sending or (self._stream is not None and self._stream.is_running):
            raise Misuse("another turn is under way: await it, read its stream to the end or close it, or use copy()")
        self._stream = None
        return [*self._messages, *_said(turn)]

    def _merged(self, options: RunOptions) -> RunOptions:
        return cast("RunOptions", {**self.options, **options})

    def _settle(self) -> None:
        """Keep the answer of a stream that has ended."""
        if self._stream is not None and self._stream.has_ended:
            stream, self._stream = self._stream, None
            self._keep(stream.result)

    def _keep(self, result: RunResult[Any]) -> None:
        self._messages = result.messages
        self._last = result


def _said(turn: Turn) -> list[Message | Mapping[str, Any]]:
    """Return what is said as messages: neighbouring strings and parts make one message of the user."""
    given: list[Any] = list(turn) if isinstance(turn, Sequence) and not isinstance(turn, str) else [turn]
    messages: list[Message | Mapping[str, Any]] = []
    parts: list[AnyPart] = []
    for each in given:
        if isinstance(each, Message | Mapping):
            if parts:
                messages.append(Message.user(tuple(parts)))
                parts = []
            messages.append(each)
        elif each == "":
            raise Misuse("a turn contains an empty string; leave it out")
        elif len(given) == 1 and isinstance(each, str):
            messages.append(Message.user(each))
        elif isinstance(each, str | Part):
            parts.append(Text(each) if isinstance(each, str) else each)  # type: ignore[arg-type]  # all kinds of Part
        else:
            raise Misuse(f"a turn is a string, parts or messages, got {type(each).__name__}")
    return [*messages, Message.user(tuple(parts))] if parts else messages
