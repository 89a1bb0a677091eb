"""Which prompts and answers a ledger keeps."""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

from understudy.domain.misuse import ConfigError
from understudy.domain.secret import Secret
from understudy.domain.suggestions import shown

CaptureMode = Literal["off", "errors", "all"]
CAPTURE_MODES: tuple[CaptureMode, ...] = get_args(CaptureMode)
LEAST_BYTES, MOST_BYTES = 1_024, 16 * 2**20
MAX_BYTES = 64 * 2**10
KEEP_DAYS = 7


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Which prompts and answers a ledger keeps, for how long, and what is removed from them beforehand.

    Secrets that are known, and whatever has the form of a well-known one, are removed before anything is written or
    waits to be written. Images, audio and files are replaced by their type, length and SHA-256.
    """

    mode: CaptureMode = "all"
    """`all`, or `errors` (of attempts that failed); with `off` nothing is kept."""
    max_bytes: int = MAX_BYTES
    """Bytes of a prompt, and of an answer, as JSON. Of a longer prompt the last messages are kept."""
    keep_days: int | None = KEEP_DAYS
    """Days for which they are kept; `None`: as long as their entries."""
    redact: tuple[str, ...] = ()
    """Regular expressions (of Python's `re`) whose matches are removed, too."""
    secrets: tuple[Secret, ...] = ()
    """Further secrets that are removed, besides the keys of the providers."""

    def __post_init__(self) -> None:
        """Raise `ConfigError` for an invalid value."""
        if self.mode not in CAPTURE_MODES:
            raise ConfigError(f"Capture: mode is one of {', '.join(CAPTURE_MODES)}, got {shown(self.mode)}")
        if not LEAST_BYTES <= self.max_bytes <= MOST_BYTES:
            raise ConfigError(f"Capture: max_bytes must be between {LEAST_BYTES} and {MOST_BYTES}")
        if self.keep_days is not None and self.keep_days < 1:
            raise ConfigError("Capture: keep_days must be at least 1")
        for pattern in self.redact:
            if (complaint := pattern_complaint(pattern)) is not None:
                raise ConfigError(f"Capture: redact: {complaint}")


def pattern_complaint(pattern: str) -> str | None:
    """Return what is wrong with a regular expression; `None` if it is valid."""
    try:
        matches_nothing = re.compile(pattern).match("") is not None
    except (re.error, RecursionError, OverflowError) as error:
        return f"{shown(pattern)} is not a regular expression: {error}"
    return f"{shown(pattern)} matches the empty string" if matches_nothing else None
