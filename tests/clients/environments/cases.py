"""What each client is asked, and of which models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

from tests.clients.asking import CITIES, WEATHER, Asked
from tests.clients.environments.back_ends import KEY, NARROW
from tests.clients.environments.roster import Client
from understudy.domain.failures import FailureKind

BACK_ENDS = {
    "chat": ("openai", "anthropic", "google"),
    "responses": ("openai", "google", "cohere"),
    "messages": ("anthropic", "openai", "ollama"),
    "gemini": ("google", "anthropic", "cohere"),
    "cohere": ("cohere", "openai", "anthropic"),
    "ollama": ("ollama", "openai", "google"),
}
"""For each API its own vendor, and two others."""
SPECIAL = {
    "image": ("anthropic-image", "google-image", "ollama-image", "openai-image"),
    "thinking": ("anthropic-thinking", "cohere-thinking", "ollama-thinking"),
    "embed": ("openai-vectors", "cohere-vectors", "google-vectors", "ollama-vectors"),
}
"""What takes particular models."""
FAILING: dict[int, FailureKind] = {
    400: FailureKind.INVALID_REQUEST,
    500: FailureKind.SERVER_ERROR,
    503: FailureKind.OVERLOADED,
    429: FailureKind.RATE_LIMITED,
}
"""What the provider is made to answer, by the status that the caller must see; see `judging` for all classes."""


class Case(NamedTuple):
    """One question to one client."""

    face: str
    operation: str
    stream: bool
    asked: Asked
    key: str = KEY
    status: int = 0
    """The status of the error with which it ends; 0 if it is answered."""

    @property
    def label(self) -> str:
        """What it is called in reports."""
        kind = f"error {self.status}" if self.status else self.operation
        return f"{self.face} {kind}{' streamed' if self.stream else ''} {self.asked.model}"

    def question(self, home: str) -> dict[str, Any]:
        """Return the line for the client's program."""
        return {
            "face": self.face, "operation": self.operation, "stream": self.stream, "home": home, "key": self.key,
            "asked": asdict(self.asked),
        }  # fmt: skip


def cases_of(client: Client, face: str, *, brief: bool = False) -> list[Case]:
    """Return all questions to a client at one of its APIs; those that end with errors come last.

    `brief`: only those at one vendor, which is not the client's own, and at one model of those that are particular.
    """
    backs: tuple[str, ...] = BACK_ENDS[face]
    backs = backs if client.own in (backs[0], "openai") else (client.own, *backs[1:])
    backs = backs[1:2] if brief else backs
    special = list(_special(face))
    if brief:
        special = [case for case in special if case.asked.model == SPECIAL[case.operation][0]]
    every = [*(case for back in backs for case in _ordinary(face, back)), *special]
    every += [case for back in backs for case in _failing(face, back)]
    return [case for case in every if client.reason(_feature(case), face) is None]


def _feature(case: Case) -> str:
    """Return what a client must have for a case, as `Client.lacks` names it."""
    if case.status:
        return f"error {case.status}"
    return f"streamed {case.operation}" if case.stream else case.operation


def _ordinary(face: str, back: str) -> Iterator[Case]:
    questions = {
        "plain": Asked(model=back),
        "tool": Asked(model=back, text=WEATHER, tool="get_weather"),
        "tools": Asked(model=back, text=CITIES, tool="get_weather"),
        "schema": Asked(model=back, text="I live in Paris.", schema=True),
    }
    for stream in (False, True):
        for operation, asked in questions.items():
            yield Case(face, operation, stream, asked)
    yield Case(face, "models", False, Asked(model=back))
    yield Case(face, "count", False, Asked(model=back))
    yield Case(face, "cancel", True, Asked(model=back))


def _special(face: str) -> Iterator[Case]:
    for model in SPECIAL["image"]:
        yield Case(face, "image", False, Asked(model=model, text="What is it?", image=True))
    for model in SPECIAL["thinking"]:
        for stream in (False, True):
            yield Case(face, "thinking", stream, Asked(model=model, text=CITIES, tool="get_weather", thinking=True))
    for model in SPECIAL["embed"]:
        yield Case(face, "embed", False, Asked(model=model))


def _failing(face: str, back: str) -> Iterator[Case]:
    for stream in (False, True):
        yield Case(face, "plain", stream, Asked(model=back), key="wrong", status=401)
        yield Case(face, "plain", stream, Asked(model=back), key=NARROW, status=403)
        yield Case(face, "plain", stream, Asked(model="unknown-one"), status=404)
        for status in FAILING:
            yield Case(face, "plain", stream, Asked(model=back), status=status)
