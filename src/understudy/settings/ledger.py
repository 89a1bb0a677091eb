"""Where attempts are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from understudy.domain.capture import KEEP_DAYS, MAX_BYTES, Capture, CaptureMode
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.settings.checking import Settings


class LedgerConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """The ledger of the command line and of the gateway. A program that uses the library hands in its own."""

    enabled: bool = True
    path: str | None = None
    """The file; by default `ledger.db` in understudy's folder of the user's data."""
    reserve_mb: int = 8
    """MiB of a file beside it, which is freed when the disk is full, so that the ends of attempts under way are kept;
    0: none."""
    allow_network_filesystem: bool = False
    """Whether the file may be on a network file system. SQLite can damage it there if several machines use it, or if
    the file system's locks or shared memory do not work."""
    url: str | Secret | None = None
    """A PostgreSQL database instead of the file, for several machines; it becomes a `Secret`."""
    on_ledger_down: Literal["spool", "closed"] | None = None
    """`spool`: while the database is away, attempts that meet no budget or limit go on, and their entries are in
    `spool`. `closed`: no attempt is sent before it is kept. Unset: as `spool`, but the gateway needs the database to
    start, unless `spool` is set; of a file, entries wait in memory."""
    spool: str | None = None
    """A folder for entries while the database is away; by default one in understudy's folder of the user's data."""
    keep_days: int | None = None
    """Days for which entries are kept; unset: for ever. The sums of their days stay."""
    limits_url: str | Secret | None = None
    """A Valkey or Redis server that keeps the limits, instead of the ledger; it becomes a `Secret`."""
    limits_processes: int | None = None
    """How many processes share the limits, as long as the server could not be asked, which counts them."""

    capture: CaptureMode = "off"
    """Which prompts and answers are kept, too; see `Capture`."""
    capture_max_bytes: int = MAX_BYTES
    """Bytes of a prompt, and of an answer, as JSON."""
    capture_keep_days: int = KEEP_DAYS
    """Days for which prompts and answers are kept."""
    capture_redact: tuple[str, ...] = ()
    """Regular expressions whose matches are removed from them."""

    def __post_init__(self) -> None:
        """Keep the URL out of what is printed. Raise `ConfigError` for settings that exclude each other."""
        if isinstance(self.url, str):
            msgspec.structs.force_setattr(self, "url", Secret(self.url.strip()))
        if isinstance(self.limits_url, str):
            msgspec.structs.force_setattr(self, "limits_url", Secret(self.limits_url.strip()))
        if self.url is not None and self.path is not None:
            raise ConfigError("LedgerConfig: set either path or url, not both")
        if self.reserve_mb < 0:
            raise ConfigError(f"LedgerConfig: reserve_mb is 0 or more, got {self.reserve_mb}")
        if self.spool is not None and self.url is None:
            raise ConfigError("LedgerConfig: spool needs url")
        if self.on_ledger_down not in (None, "spool", "closed"):
            raise ConfigError(f"LedgerConfig: on_ledger_down is spool or closed, got {self.on_ledger_down!r}")
        if self.on_ledger_down == "closed" and not self.enabled:
            raise ConfigError('LedgerConfig: on_ledger_down = "closed" needs a ledger, which is switched off')
        if self.on_ledger_down == "spool" and self.url is None:
            raise ConfigError('LedgerConfig: on_ledger_down = "spool" needs url')
        if self.limits_processes is not None and self.limits_url is None:
            raise ConfigError("LedgerConfig: limits_processes needs limits_url")
        self.capturing()

    def capturing(self, secrets: Iterable[Secret] = ()) -> Capture:
        """Return which prompts and answers are kept, without `secrets`. Raise `ConfigError` for invalid settings."""
        return Capture(
            mode=self.capture,
            max_bytes=self.capture_max_bytes,
            keep_days=self.capture_keep_days,
            redact=self.capture_redact,
            secrets=tuple(dict.fromkeys(secrets)),
        )
