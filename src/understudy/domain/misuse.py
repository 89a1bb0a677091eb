"""The root of the library's errors, and those that are the caller's own mistakes.

Apart from the others, because messages and settings raise these when they are made, and the others carry answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.domain.attempts import AttemptRecord
    from understudy.domain.explanation import Explanation
    from understudy.domain.failures import Failure


class LLMError(Exception):
    """The root of all errors of this library."""

    def __init__(
        self,
        message: str,
        *,
        failure: Failure | None = None,
        attempts: tuple[AttemptRecord, ...] = (),
        partial: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.failure = failure
        """The failure of the last attempt; `None` if nothing was attempted."""
        self.attempts = attempts
        """Every attempt, in order."""
        self.partial = partial
        """What the caller had already received when a stream was interrupted, a `GenerationResponse`; else `None`."""
        self.run: Any = None
        """Of `run_tools`: the steps that were complete before the error, a `RunResult`. Its `messages` can be
        continued."""

    @property
    def explanation(self) -> Explanation | None:
        """The course of the request: its plan, and what happened when; `None` if no request was made."""
        from understudy.domain.explanation import explanation_of

        return explanation_of(self)

    @property
    def retry_after(self) -> float | None:
        """The shortest wait, in seconds, that a target asked for in its latest failure."""
        latest = {(each.provider, each.model): each.failure for each in self.attempts if each.failure}
        failures = (*latest.values(), self.failure)
        return min((each.retry_after for each in failures if each and each.retry_after is not None), default=None)


class Misuse(LLMError):
    """The call itself is wrong: fix the code or the configuration."""


class ConfigError(Misuse):
    """The configuration is wrong. The message names file, line, the offending text and what to do."""


class Unsupported(Misuse):
    """The provider does not offer this operation or feature."""
