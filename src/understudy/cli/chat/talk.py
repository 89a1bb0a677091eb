"""A conversation under way: questions go out, answers are shown and kept."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import msgspec

from understudy.cli.chat import transcript, typed
from understudy.cli.chat.cast import Cast
from understudy.cli.chat.commands import perform
from understudy.cli.chat.conversation import Conversation, Ended, ModelSet, Spent, SystemSet, Turn, Undone
from understudy.cli.chat.notebook import Notebook
from understudy.cli.chat.screen import Screen
from understudy.cli.chat.waiting import Stopped, unbothered, until_interrupted
from understudy.cli.messages import show_attempts, show_error, show_warnings
from understudy.cli.terminal import AnswerWriter, dim, say
from understudy.domain.attempts import AttemptRecord
from understudy.domain.content import AnyPart, Text
from understudy.domain.errors import ContextLengthExceeded, LLMError, Misuse
from understudy.domain.events import RefusalDelta, TextDelta, ThinkingDelta
from understudy.domain.messages import Message
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning  # noqa: A004 - the design's word
from understudy.protocol import RequestOptions

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class Talk:
    """One chat: somebody at a screen, those who answer, and the notebook in which it is kept."""

    def __init__(
        self, screen: Screen, cast: Cast, notebook: Notebook, options: RequestOptions, *, verbose: bool
    ) -> None:
        """`options` are those of every request."""
        self.cast = cast
        self.notebook = notebook
        self.over = False
        """Whether somebody asked to leave."""
        self.attempts: list[AttemptRecord] = []
        """What became of the last question."""
        self._screen = screen
        self._options = options
        self._verbose = verbose
        self._attached: list[AnyPart] = []
        self._unanswered: Message | None = None
        """A question of whose answer there was nothing to keep."""
        self._told: set[Warning] = set()
        self._provider: Provider | ProviderManager | None = None

    async def hold(self) -> None:
        """Talk until somebody leaves. Raises `LLMError` where nobody is there to read it and go on."""
        screen = self._screen
        try:
            with screen, unbothered() if screen.interactive else contextlib.nullcontext():
                while not self.over and (text := await screen.read()) is not None:
                    try:
                        await self._take(typed.read(text))
                    except LLMError as error:
                        if not screen.interactive:
                            raise
                        show_error(error, verbose=self._verbose)
                        _advise(error)
        finally:
            await self._dismiss()
            self.notebook.close()

    async def _take(self, said: typed.Command | str) -> None:
        if isinstance(said, typed.Command):
            await perform(self, said.name, said.rest)
            return
        parts = tuple(self._attached)
        self._attached.clear()
        self._unanswered = Message.user((Text(said), *parts) if parts else said)
        await self._ask(self._unanswered, self.notebook.conversation)

    # ---- asking ----

    async def _ask(self, question: Message, conversation: Conversation) -> None:
        """Ask, and keep the answer, or what was shown of it. Raises `LLMError`."""
        self.attempts.clear()
        heard: list[str] = []
        messages = conversation.messages(question)
        try:
            if self._screen.interactive:
                response = await until_interrupted(self._streamed(messages, heard))
            else:
                response = await self._whole(messages)
        except Stopped:
            dim("(stopped)")
            self._keep(self._begun(question, heard, Ended.STOPPED), conversation)
        except LLMError:
            self._keep(self._begun(question, heard, Ended.BROKEN), conversation)
            raise
        else:
            turn = Turn(
                question=question,
                answer=response.message,
                provider=response.provider,
                model=response.model,
                at=time.time(),
            )
            self._keep(turn, conversation)
            self._tell(response)

    async def _streamed(self, messages: list[Message], heard: list[str]) -> GenerationResponse:
        """Show an answer as it arrives; `heard` is what was shown of it so far."""
        writer = AnswerWriter(shows_thinking=True)
        try:
            async with self._answerer().stream(messages, **self._request_options()) as stream:
                async for event in stream:
                    match event:
                        case TextDelta(text=text) | RefusalDelta(text=text):
                            heard.append(text)
                            writer.write(text)
                        case ThinkingDelta(text=text):
                            writer.write_thinking(text)
                        case _:
                            pass
        finally:
            writer.end()
        return stream.response

    async def _whole(self, messages: list[Message]) -> GenerationResponse:
        response = await self._answerer().generate(messages, **self._request_options())
        writer = AnswerWriter(shows_thinking=self._verbose)
        writer.write_thinking(response.thinking)
        writer.write(response.text or response.refusal or "")
        writer.end()
        return response

    def _request_options(self) -> RequestOptions:
        options = self._options.copy()
        if model := self.cast.choice().model:
            options["model"] = model
        if system := self.notebook.conversation.system:
            options["system"] = system
        return options

    def _answerer(self) -> Provider | ProviderManager:
        if self._provider is None:
            self._provider = self.cast.provider([self.attempts.append])
        return self._provider

    async def _dismiss(self) -> None:
        provider, self._provider = self._provider, None
        if provider is not None:
            await provider.aclose()

    def _tell(self, response: GenerationResponse) -> None:
        """Say what else there is to say of an answer; a warning once, for it comes with every answer."""
        new = tuple(warning for warning in response.warnings if warning not in self._told)
        self._told.update(new)
        show_warnings(msgspec.structs.replace(response, warnings=new), verbose=self._verbose)
        if self._verbose:
            show_attempts(response.attempts)

    # ---- keeping ----

    def _begun(self, question: Message, heard: list[str], ended: Ended) -> Turn | None:
        """Return what there is of an answer that did not end, so that the next question may refer to it.

        Without its thoughts, of which no provider takes back a half; `None` when there are no words.
        """
        text = "".join(heard)
        if not text.strip():
            return None
        last = self.attempts[-1] if self.attempts else None
        return Turn(
            question=question,
            answer=Message.assistant(text),
            provider=last.provider if last else None,
            model=(last.answered_model or last.model) if last else None,
            ended=ended,
            at=time.time(),
        )

    def _keep(self, turn: Turn | None, before: Conversation) -> None:
        """Keep a turn behind those of `before`, and what was spent on it."""
        spent = [Spent.of(attempt) for attempt in self.attempts]
        if turn is None:
            self.notebook.note(*spent)
            return
        replaced = [Undone()] * (len(self.notebook.conversation.turns) - len(before.turns))
        self._unanswered = None
        self.notebook.note(*spent, *replaced, turn)

    # ---- what commands do ----

    async def lead(self, name: str) -> None:
        """Have another be asked first. Raises `Misuse` when there is no such entry."""
        self.cast = self.cast.led_by(name)
        await self._dismiss()
        self.notebook.note(ModelSet(model=name))

    def instruct(self, system: str | None) -> None:
        """Set the system prompt."""
        self.notebook.note(SystemSet(text=system))

    def attach(self, part: AnyPart, name: str) -> None:
        """Attach something to the next question."""
        self._attached.append(part)
        say(f"{name} goes with the next question")

    def undo(self) -> str:
        """Take the last question back. Returns its beginning. Raises `Misuse` when there is none."""
        if self._unanswered is not None:
            question, self._unanswered = self._unanswered, None
            return transcript.title(question)
        if not self.notebook.conversation.turns:
            raise Misuse("there is nothing to take back")
        question = self.notebook.conversation.turns[-1].question
        self.notebook.note(Undone())
        return transcript.title(question)

    async def retry(self) -> None:
        """Ask the last question again; its answer takes the place of the earlier one, if there was any.

        Raises `LLMError`.
        """
        conversation, question = self.notebook.conversation, self._unanswered
        if question is None:
            if not conversation.turns:
                raise Misuse("there is nothing to ask again")
            question = conversation.turns[-1].question
            conversation = msgspec.structs.replace(conversation, turns=conversation.turns[:-1])
        await self._ask(question, conversation)

    def begin(self) -> None:
        """Begin a new conversation."""
        self._attached.clear()
        self._unanswered = None
        self.notebook.begin()


def _advise(error: LLMError) -> None:
    """Say what to do about an error."""
    if isinstance(error, ContextLengthExceeded):
        say("the conversation has grown too long: /undo takes the last turn back, /clear begins anew", label="note")
    elif not isinstance(error, Misuse):
        say("/retry asks again, /model changes who is asked", label="note")
