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
    """Where both are sent, instead of the path of the table."""
    kept_path: str | None = None
    """Where the twin is sent, if the address makes the difference."""
    headers: Mapping[str, str] = {}
    kept_headers: Mapping[str, str] | None = None
    """Those of the twin, if they make the difference."""


class Table(msgspec.Struct, frozen=True):
    """The cases of one wire format at one provider."""

    provider: str
    dialect: str
    path: str
    """In the request line, such as `/v1/chat/completions`."""
    cases: tuple[Case, ...]

    def broken(self, case: Case) -> HttpRequest:
        """Return the request that breaks the rule, as it reaches the provider."""
        return HttpRequest("POST", case.path or self.path, tuple(case.headers.items()), encode(case.broken))

    def kept(self, case: Case) -> HttpRequest:
        """Return its twin."""
        path = case.kept_path or case.path or self.path
        headers = case.headers if case.kept_headers is None else case.kept_headers
        return HttpRequest("POST", path, tuple(headers.items()), encode(case.kept))


def tables() -> list[Table]:
    """Return the tables of all modules beside this one."""
    found = sorted(Path(__file__).parent.glob("cases_*.py"))
    return [table for path in found for table in import_module(f"tests.emulator.examiners.{path.stem}").TABLES]


def actor(provider: str) -> Actor:
    """Return an emulated provider that accepts every key."""
    return Actor(cast.find(provider), None)
