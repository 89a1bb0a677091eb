"""An engine whose attempts a test admits or denies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from understudy.domain.failures import Failure
from understudy.engine.admitted import AdmittedStream, AttemptDenied
from understudy.engine.attempt import Attempt
from understudy.engine.engine import Engine

Judge = Callable[[Any, Any], Failure | None]
"""Gets the job and the launch; a failure denies the attempt, and the next target is asked."""


class Denying:
    """Takes the place of `Admission`."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def guards(self, attempt: Attempt, *_: Any) -> bool:
        stream = attempt.stream

        async def admit() -> Any:
            if (failure := self._judge(attempt.job, attempt.launch)) is not None:
                raise AttemptDenied(failure, final=False)
            attempt.was_sent = True
            return stream, ()

        attempt.was_sent = False
        attempt.stream = AdmittedStream(stream, admit)
        return True


def denying(engine: Engine, judge: Judge | None) -> Engine:
    """Have an engine make only the attempts that a test admits."""
    if judge is not None:
        engine.admission = Denying(judge)  # type: ignore[assignment]  # pyright: ignore
    return engine
