"""What is compared in a run: whose turn it is, what was found, and why something is missing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from benchmarks.rounds import Rounds


class Candidate(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def missing(self) -> str | None:
        """Why it cannot be measured, if it is not installed."""
        ...


C = TypeVar("C", bound=Candidate)


class Compared:
    """The figures of a run, and the reasons for those that are missing."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.rounds = Rounds()
        self.missing = {each.name: each.missing for each in candidates if each.missing}

    def turn(self, candidates: Sequence[C], number: int) -> list[C]:
        """Return those that can still be measured; in every other round the last one comes first."""
        able = [each for each in candidates if each.name not in self.missing]
        return able[::-1] if number % 2 else able

    def note(self, name: str, number: int, figures: Mapping[str, float]) -> None:
        """Note the figures of one of them in one round."""
        for figure, value in figures.items():
            self.rounds.add(figure, name, number, value)

    @contextlib.contextmanager
    def stated(self, name: str, *errors: type[Exception]) -> Iterator[None]:
        """State why one of them cannot be measured, from now on, instead of raising it."""
        try:
            yield
        except errors as error:
            self.missing[name] = " ".join(str(error).split())[:500]
            progress(f"{name}: {self.missing[name]}")


def progress(words: str) -> None:
    """Tell whoever waits what is under way."""
    print(words, file=sys.stderr, flush=True)
