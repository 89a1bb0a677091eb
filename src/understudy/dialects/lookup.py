"""The look-up of one model: at its own URL, or in the list if the server has no such URL.

llama.cpp, vLLM, SGLang, text-generation-inference and others list their models but have no `GET /models/{id}`. Such
a server may serve models that it does not list: several accept any name for their one loaded model (llama.cpp, TGI's
`tgi`), or load models on demand. So a model that is missing in the list is unknown, not absent.
"""

from __future__ import annotations

from collections.abc import Callable

from understudy.dialects.base import Exchange, Send
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import ModelInfo
from understudy.wire.http import HttpHead

_NO_ANSWER = frozenset({FailureKind.UNSUPPORTED, FailureKind.BAD_RESPONSE})
"""Failures of a look-up that are not about the model: a missing route, or a page in its place."""
_NAMED = 3
"""How many models a message lists."""

Steps = list[ModelInfo | Send | Failure]


class LookUp:
    """Requests one model, then the list if the server cannot look up single models."""

    __slots__ = ("_current", "_found", "_listed", "_names", "_open_list", "finished")

    def __init__(self, single: Exchange[ModelInfo], open_list: Callable[[], Exchange[ModelInfo]], *names: str) -> None:
        """`names` are the names that the model may have in a list."""
        self._current = single
        self._open_list = open_list
        self._names = names
        self._listed: list[str] | None = None
        self._found: ModelInfo | None = None
        self.finished = False

    @property
    def refused(self) -> bool:
        """Whether the response under way is an error."""
        return self._current.refused

    @property
    def body(self) -> bytes | None:
        """The last body that was decoded as a whole."""
        return self._current.body

    def start(self) -> Steps:
        """Return the look-up."""
        return self._current.start()

    def head(self, head: HttpHead) -> Steps:
        """Read status and headers of an answer."""
        return self._checked(self._current.head(head))

    def feed(self, data: bytes) -> Steps:
        """Read more of an answer."""
        return self._checked(self._current.feed(data))

    def close(self) -> Steps:
        """Read the end of an answer, and request the list if the look-up is missing."""
        return self._checked(self._current.close())

    def lost(self, failure: Failure) -> Steps:
        """Return the failure."""
        return self._checked(self._current.lost(failure))

    def abort(self) -> Steps:
        """Return nothing: closing the connection is enough."""
        self.finished = True
        return self._current.abort()

    def _checked(self, steps: Steps) -> Steps:
        failure = next((step for step in steps if isinstance(step, Failure)), None)
        if self._listed is None:
            if failure is not None and failure.kind in _NO_ANSWER:
                self._listed = []
                self._current = self._open_list()
                return self._current.start()
            self.finished = failure is not None or self._current.finished
            return steps
        if failure is not None:
            self.finished = True
            return [failure]
        return self._searched(steps, self._listed)

    def _searched(self, steps: Steps, listed: list[str]) -> Steps:
        for step in steps:
            if isinstance(step, ModelInfo):
                listed.append(step.id)
                if step.id in self._names:
                    self._found = self._found or step
        if not self._current.finished:
            return [step for step in steps if isinstance(step, Send)]
        self.finished = True
        return [self._found] if self._found is not None else [self._unknown(listed)]

    def _unknown(self, listed: list[str]) -> Failure:
        names = ", ".join(listed[:_NAMED]) + (", …" if len(listed) > _NAMED else "")
        message = (
            f"the server cannot look up single models, and its list does not name {self._names[0]!r}"
            f" ({names or 'it is empty'}): whether the model is served is unknown"
        )
        return Failure(kind=FailureKind.UNSUPPORTED, message=message)
