"""What commands that read the ledger have in common: which entries they mean, and where the ledger is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from understudy.cli.manual import CONFIGURATION, LOOKS
from understudy.cli.options import CommonOptions, JsonOption
from understudy.client.ledger import read_ledger
from understudy.config import Config, load
from understudy.domain.errors import Misuse
from understudy.ledger import LedgerQueries
from understudy.ledger.selection import LedgerSelection, parse_time
from understudy.reports.selecting import check_text

VARIABLES = {**CONFIGURATION, **LOOKS, "XDG_DATA_HOME": "the ledger is in its folder understudy"}
"""Variables of commands that read the ledger."""


def _filter(name: str, what: str) -> object:
    return typer.Option(f"--{name}", metavar=name.upper(), help=f"Only {what}.")


class SpanOptions(CommonOptions, frozen=True, kw_only=True):
    """Which entries of the ledger are meant."""

    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on: 30m, 24h, 7d, 2w ago, or 2026-11-01 (in UTC)."),
    ] = None
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Until before then.")] = None
    provider: Annotated[str | None, _filter("provider", "attempts at this entry")] = None
    model: Annotated[str | None, _filter("model", "attempts at this model")] = None
    key: Annotated[str | None, _filter("key", "requests with this key of the gateway")] = None
    agent: Annotated[str | None, _filter("agent", "requests of this client, such as claude-code")] = None
    request_class: Annotated[
        str | None, _filter("class", "requests of this class of a coding agent: main, subagent, auxiliary, …")
    ] = None
    session: Annotated[str | None, _filter("session", "requests of this session")] = None
    route: Annotated[str | None, _filter("route", "requests to this route")] = None
    task: Annotated[str | None, _filter("task", "requests of this task")] = None
    tag: Annotated[str | None, _filter("tag", "requests with this label, NAME=VALUE")] = None
    as_json: JsonOption = False

    def selection(self, since: str | None = None) -> LedgerSelection:
        """Return what is selected; `since`: where no beginning is given. Raise `Misuse` for an invalid time."""
        filters = {name: getattr(self, name) for name in LedgerSelection.__struct_fields__ if hasattr(self, name)}
        for name, value in filters.items():
            if isinstance(value, str):
                check_text(f"--{name}", value)
        if self.tag is not None and "=" not in self.tag:
            raise Misuse(f"--tag is NAME=VALUE, got {self.tag!r}")
        given = {"since": self.since or since, "until": self.until}
        return LedgerSelection(**{**filters, **{name: _time(name, text) for name, text in given.items()}})

    def reader(self) -> LedgerQueries:
        """Open the ledger of the configuration. Raise `ConfigError`."""
        return read_ledger(self.configuration())

    def configuration(self) -> Config:
        """Return the configuration, also without a usable provider. Raise `ConfigError`."""
        return load(self.config, probe=lambda _: True, may_be_empty=True)


def _time(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_time(text, datetime.now(UTC))
    except ValueError as error:
        raise Misuse(f"--{name}: {error}") from None
