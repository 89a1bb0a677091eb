"""A chat under way: questions are sent, answers are shown and stored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from understudy.cli.chat import transcript
from understudy.cli.chat.conversation import Conversation, Ending, ModelSet, Spent, SystemSet, Turn, Undone
from understudy.cli.chat.selection import TargetSelection
from understudy.cli.chat.session_store import SessionStore
from understudy.cli.chat.waiting import Interrupted, run_until_interrupted
from understudy.cli.messages import show_attempts, show_warnings
from understudy.cli.terminal import AnswerWriter, dim
from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import AnyPart, Text
from understudy.domain.errors import LLMError, Misuse
from understudy.domain.events import RefusalDelta, Restarted, TextDelta
from understudy.domain.messages import Message
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.protocol import RequestOptions

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class Session:
    """One chat: the targets that answer, and the store of the conversation."""

    def __init__(
        self, targets: TargetSelection, store: SessionStore, options: RequestOptions, *, streams: bool, verbose: bool
    ) -> None:
        """`options` apply to every request. With `streams`, answers are shown as they arrive, and Ctrl-C stops one."""
        self.targets = targets
        self.store = store
        self.over = False
        """Whether `/exit` was typed."""
        self.attempts: list[AttemptRecord] = []
        """The attempts of the last question."""
        self._options = options
        self._streams = streams
        self._verbose = verbose
        self._attached: list[AnyPart] = []
        self._unanswered: Message | None = None
        """A question whose answer left nothing to store."""
        self._shown_warnings: set[Warning] = set()
        self._provider: Provider | ProviderManager | None = None

    async def aclose(self) -> None:
        """Close connections and the session's file."""
        await self._close_provider()
        self.store.close()

    # ---- asking ----

    async def ask(self, text: str) -> None:
        """Ask a question, with what was attached. Raises `LLMError`."""
        parts = tuple(self._attached)
        self._attached.clear()
        self._unanswered = Message.user((Text(text), *parts) if parts else text)
        await self._ask(self._unanswered, self.store.conversation)

    async def retry(self) -> None:
        """Ask the last question again; the new answer replaces the earlier one, if there is one. Raises `LLMError`."""
        conversation, question = self.store.conversation, self._unanswered
        if question is None:
            if not conversation.turns:
                raise Misuse("there is no question to ask again")
            question = conversation.turns[-1].question
            conversation = msgspec.structs.replace(conversation, turns=conversation.turns[:-1])
        await self._ask(question, conversation)

    async def _ask(self, question: Message, conversation: Conversation) -> None:
        """Ask, and store the answer, or the part of it that was shown. Raises `LLMError`."""
        self.attempts.clear()
        shown: list[str] = []
        messages = conversation.messages(question)
        try:
            if self._streams:
                response = await run_until_interrupted(self._stream(messages, shown))
            else:
                response = await self._generate(messages)
        except Interrupted:
            dim("(stopped)")
            self._store(self._partial_turn(question, shown, Ending.STOPPED), conversation)
        except LLMError:
            self._store(self._partial_turn(question, shown, Ending.BROKEN), conversation)
            raise
        else:
            turn = Turn(
                question=question,
                answer=response.message,
                provider=response.provider,
                model=response.model,
                at=time.time(),
            )
            self._store(turn, conversation)
            self._show_notes(response)

    async def _stream(self, messages: list[Message], shown: list[str]) -> GenerationResponse:
        """Show an answer as it arrives; its text is added to `shown`."""
        writer = AnswerWriter(shows_thinking=True)
        try:
            async with self._open_provider().stream(messages, **self._request_options()) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta | RefusalDelta):
                        shown.append(event.text)
                    elif isinstance(event, Restarted):
                        shown.clear()
                    writer.write_event(event)
        finally:
            writer.end()
        return stream.response

    async def _generate(self, messages: list[Message]) -> GenerationResponse:
        response = await self._open_provider().generate(messages, **self._request_options())
        writer = AnswerWriter(shows_thinking=self._verbose)
        writer.write_thinking(response.thinking)
        writer.write(response.text or response.refusal or "")
        writer.end()
        return response

    def _request_options(self) -> RequestOptions:
        options = self._options.copy()
        if model := self.targets.choice().model:
            options["model"] = model
        if system := self.store.conversation.system:
            options["system"] = system
        return options

    def _open_provider(self) -> Provider | ProviderManager:
        if self._provider is None:
            self._provider = self.targets.open([self.attempts.append])
        return self._provider

    async def _close_provider(self) -> None:
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.aclose()

    def _show_notes(self, response: GenerationResponse) -> None:
        """Show new warnings (the same ones come with every answer), and with `--verbose` the attempts."""
        new = tuple(warning for warning in response.warnings if warning not in self._shown_warnings)
        self._shown_warnings.update(new)
        show_warnings(msgspec.structs.replace(response, warnings=new), verbose=self._verbose)
        if self._verbose:
            show_attempts(response.attempts)

    # ---- storing ----

    def _partial_turn(self, question: Message, shown: list[str], ending: Ending) -> Turn | None:
        """Return the shown part of an answer, so that the next question may refer to it; `None` without any text.

        It has no thinking: providers do not accept incomplete thinking.
        """
        text = "".join(shown)
        if not text.strip():
            return None
        last = self.attempts[-1] if self.attempts else None
        return Turn(
            question=question,
            answer=Message.assistant(text),
            provider=last.provider if last else None,
            model=(last.answered_model or last.model) if last else None,
            ended=ending,
            at=time.time(),
        )

    def _store(self, turn: Turn | None, before: Conversation) -> None:
        """Store the cost of a question, and its turn in the place of those that `before` lacks."""
        spent = [Spent.of(attempt) for attempt in self.attempts]
        if turn is None:
            self.store.add(*spent)
            return
        replaced = [Undone()] * (len(self.store.conversation.turns) - len(before.turns))
        self._unanswered = None
        self.store.add(*spent, *replaced, turn)

    # ---- what commands do ----

    async def select(self, name: str) -> None:
        """Ask this target first from here on. Raises `Misuse` for an unknown entry or route."""
        self.targets = self.targets.starting_with(name)
        await self._close_provider()
        self.store.add(ModelSet(model=name))

    def set_system(self, system: str | None) -> None:
        """Set the system prompt."""
        self.store.add(SystemSet(text=system))

    def attach(self, *parts: AnyPart) -> None:
        """Attach something to the next question."""
        self._attached += parts

    def undo(self) -> str:
        """Remove the last question and its answer; return its beginning. Raise `Misuse` if there is no question."""
        if self._unanswered is not None:
            question, self._unanswered = self._unanswered, None
            return transcript.title(question)
        if not self.store.conversation.turns:
            raise Misuse("there is nothing to remove")
        question = self.store.conversation.turns[-1].question
        self.store.add(Undone())
        return transcript.title(question)

    def restart(self) -> None:
        """Start a new conversation."""
        self._attached.clear()
        self._unanswered = None
        self.store.restart()
