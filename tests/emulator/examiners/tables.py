"""The tables of requests that hold the examiners: for each rule one that breaks it, beside a valid twin.

A module `cases_<provider>.py` beside this one has its tables in `TABLES`; it is found by its name:

    OPENAI = "/v1/chat/completions"

    def chat(**fields: object) -> JsonObject:
        return {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Hello"}], **fields}

    TABLES = (
        Table("openai", "openai", OPENAI, (
            Case("temperature", broken=chat(temperature=2.1), kept=chat(temperature=2), says="maximum value"),
        )),
    )

The requests are written by hand. No encoder makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import msgspec

from understudy.domain.content import JsonObject
from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode


class Case(msgspec.Struct, frozen=True):
    """A request that breaks one rule, and a twin of it that breaks none."""

    rule: str
    broken: JsonObject
    kept: JsonObject
    says: str = ""
    """Words of the vendor's complaint."""
    param: str | None = None
    """The parameter that the complaint names, where the vendor names one."""
    also: frozenset[str] = frozenset()
    """Other rules that such a request cannot help breaking."""
    path: str | None = None
    """Where it is sent, instead of the path of the table."""
    headers: Mapping[str, str] = {}
    kept_headers: Mapping[str, str] | None = None
    """Headers of the twin, where they are what makes the difference."""


class Table(msgspec.Struct, frozen=True):
    """The cases of one wire format at one provider."""

    provider: str
    dialect: str
    path: str
    """In the request line, such as `/v1/chat/completions`."""
    cases: tuple[Case, ...]

    def request(self, case: Case, body: JsonObject) -> HttpRequest:
        """Return a request of a case as it reaches the provider."""
        headers = case.headers if body is case.broken or case.kept_headers is None else case.kept_headers
        return HttpRequest("POST", case.path or self.path, tuple(headers.items()), encode(body))


def tables() -> list[Table]:
    """Return the tables of all modules beside this one."""
    found = sorted(Path(__file__).parent.glob("cases_*.py"))
    return [table for path in found for table in import_module(f"tests.emulator.examiners.{path.stem}").TABLES]


def actor(provider: str) -> Actor:
    """Return an emulated provider that accepts every key."""
    return Actor(cast.find(provider), None)
