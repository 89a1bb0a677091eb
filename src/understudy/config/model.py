"""What a configuration is once it has been read."""

from __future__ import annotations

import enum

import msgspec

from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig, Route


class NoticeKind(enum.StrEnum):
    """What a notice is about."""

    UNKNOWN_KEY = "unknown_key"
    """A key of `[llm]` that means nothing."""
    IGNORED = "ignored"
    """A value that something else overrides."""
    DISABLED = "disabled"
    """An entry that cannot be used for want of a key."""
    DEFAULTED = "defaulted"
    """A value that was not written, and what is used instead."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not wrong enough to stop, but that the user should know. Never holds a secret."""

    kind: NoticeKind
    what: str
    """One sentence without a full stop."""
    where: str | None = None
    """`file:line`, or the file alone; `None` when no file was read."""
    suggestion: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  {self.suggestion}" if self.suggestion else text


class Disabled(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was left out."""

    name: str
    provider: str
    """The `ProviderType`, in its canonical spelling, or a type of the file's own."""
    why: str
    variables: tuple[str, ...] = ()
    """The environment variables of which one would make the entry work."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration: who may be asked, and what happens when one fails.

    It can be printed (keys have their own type) but neither pickled nor written as JSON while it holds a key.
    `row_of` says what an entry of the file's own provider types is; `create_provider` takes it.
    """

    providers: tuple[ProviderConfig, ...]
    """In the order of the file, or of `ProviderType` when there is no file. At least one, unless it was read with
    `may_be_empty`."""
    fallback: FallbackConfig = FallbackConfig()
    routes: tuple[Route, ...] = ()
    """Named ways to answer; a call takes one by `model="NAME"`."""
    source: str | None = None
    """The file that was read; `None` when the environment was looked through instead."""
    notices: tuple[Notice, ...] = ()
    disabled: tuple[Disabled, ...] = ()
    legacy: bool = False
    """The single-provider form: `[llm]` without a list, or no `[llm]` at all."""
    provider_types: tuple[ProviderRow, ...] = ()
    """The types that the file itself defines, in its order; all of them, used or not."""

    def row_of(self, entry: ProviderConfig) -> ProviderRow | None:
        """Return the row of an entry whose type the file defines; `None` for the built-in ones."""
        return next((row for row in self.provider_types if row.type == entry.provider), None)
