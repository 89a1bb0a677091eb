"""What a configuration is once it has been read."""

from __future__ import annotations

import enum

import msgspec

from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig, Route
from understudy.settings.budgets import Allowance
from understudy.settings.console import ConsoleConfig
from understudy.settings.gateway import GatewayConfig
from understudy.settings.ledger import LedgerConfig
from understudy.settings.telemetry import TelemetryConfig


class NoticeKind(enum.StrEnum):
    """What a notice is about."""

    UNKNOWN_KEY = "unknown_key"
    """A key of `[llm]` without a meaning."""
    IGNORED = "ignored"
    """A value that something else overrides."""
    DISABLED = "disabled"
    """An entry, or a key of a pool, that cannot be used because a variable is not set."""
    MISSING = "missing"
    """A file without `[llm]`: nothing in it is used."""
    DEFAULTED = "defaulted"
    """A value that was omitted, and what is used instead."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not an error, but that the user should know. Never contains a secret."""

    kind: NoticeKind
    what: str
    """One sentence without a full stop."""
    where: str | None = None
    """`file:line`, or the file alone; `None` if no file was read."""
    suggestion: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  {self.suggestion}" if self.suggestion else text


class Disabled(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was left out."""

    name: str
    provider: str
    """The `ProviderType`, in its canonical spelling, or a type that the file defines."""
    why: str
    variables: tuple[str, ...] = ()
    """The environment variables of which one would make the entry work."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration: which providers may be used, and what happens when one fails.

    It can be printed (keys have their own type) but neither pickled nor written as JSON while it holds a key.
    `row_of` returns the row of an entry whose provider type the file defines, for `create_provider`.
    """

    providers: tuple[ProviderConfig, ...]
    """In the order of the file, or of `ProviderType` without a file. At least one, unless read with `may_be_empty`."""
    fallback: FallbackConfig = FallbackConfig()
    routes: tuple[Route, ...] = ()
    """Named lists of targets; a call selects one with `model="NAME"`."""
    gateway: GatewayConfig = GatewayConfig()
    """How the gateway serves these providers."""
    console: ConsoleConfig = ConsoleConfig()
    """Who may operate the gateway."""
    allowance: Allowance = Allowance()
    """How much all requests may cost, and how many there may be."""
    ledger: LedgerConfig = LedgerConfig()
    """Where the command line and the gateway keep attempts."""
    telemetry: TelemetryConfig = TelemetryConfig()
    """What the gateway sends to other systems."""
    source: str | None = None
    """The file that was read; `None` if the environment was searched instead."""
    notices: tuple[Notice, ...] = ()
    disabled: tuple[Disabled, ...] = ()
    legacy: bool = False
    """The single-provider form: `[llm]` without a list, or no `[llm]` at all."""
    provider_types: tuple[ProviderRow, ...] = ()
    """The types that the file itself defines, in its order, used or not."""

    def row_of(self, entry: ProviderConfig) -> ProviderRow | None:
        """Return the row of an entry whose type the file defines; `None` for the built-in ones."""
        return next((row for row in self.provider_types if row.type == entry.provider), None)
