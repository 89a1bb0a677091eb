"""The conversation that a question belongs to: continued by `ask --continue`, and kept for it."""

from __future__ import annotations

import contextlib
import sys
import time

import msgspec

from understudy.cli.chat import session_files
from understudy.cli.chat.conversation import Spent, SystemSet, Turn
from understudy.cli.chat.session_store import SessionStore
from understudy.cli.choice import choose
from understudy.cli.invocation import Invocation
from understudy.cli.options import PromptOptions
from understudy.cli.terminal import is_terminal, say
from understudy.config import load
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message
from understudy.domain.responses import GenerationResponse


class AskSession:
    """A conversation of `chat` or of earlier questions. It stores questions and answers, not tool calls."""

    def __init__(self, *, continues: bool, saves: bool) -> None:
        """Raise `Misuse` with `continues` if there is no conversation yet, or the last one is open in a chat."""
        folder = session_files.sessions_folder()
        on_terminal = is_terminal(sys.stdin) and is_terminal(sys.stdout)
        self._store = SessionStore(folder, saves=saves and (continues or on_terminal))
        if continues:
            if folder is None:
                raise Misuse("there is no conversation to continue: this user has no home folder")
            path = session_files.find(folder, session_files.LAST)
            file = session_files.SessionFile(folder, path.stem, now=time.time())
            self._store.resume(session_files.read(path), file)

    def adjusted(self, options: PromptOptions) -> PromptOptions:
        """Return the options with the target of the conversation, unless they name their own."""
        earlier = self._store.conversation.model
        if earlier is None or options.model is not None or options.fallback is not None:
            return options
        try:
            choose(load(options.config), earlier, None)
        except Misuse as error:
            say(f"the model of this conversation, {earlier}: {error}", label="warning", style="warning")
            return options
        return msgspec.structs.replace(options, model=earlier)

    def continued(self, invocation: Invocation) -> Invocation:
        """Return the invocation with everything that was said before."""
        earlier = self._store.conversation
        asked = invocation.options.copy()
        if (system := asked.get("system")) is not None:
            if system != earlier.system:
                self._store.add(SystemSet(text=system))
        elif earlier.system is not None:
            asked["system"] = earlier.system
        if not earlier.turns:
            return invocation._replace(options=asked)
        return invocation._replace(prompt=earlier.messages(_question(invocation)), options=asked)

    def keep(self, invocation: Invocation, response: GenerationResponse) -> None:
        """Store a question and its answer. What cannot be stored is reported."""
        if self._store.saves:
            spent = (Spent.of(attempt) for attempt in response.attempts)
            turn = Turn(
                question=_question(invocation),
                answer=response.message,
                provider=response.provider,
                model=response.model,
                at=time.time(),
            )
            self._store.add(*spent, turn)

    def close(self) -> None:
        """Close the file, so that a chat can open it."""
        with contextlib.suppress(OSError):
            self._store.close()


def _question(invocation: Invocation) -> Message:
    return Message.user(invocation.prompt) if isinstance(invocation.prompt, str) else invocation.prompt[-1]
