"""Everything that can go wrong on purpose, as data.

A fault is set by a script (`Emulator.script`), or by the client itself in the header `x-understudy-fault`:

    x-understudy-fault: stall=2                       after two content events, silence
    x-understudy-fault: status=429; retry_after=1.5   an error by its status
    x-understudy-fault: error=billing                 an error by its kind, in the provider's words
    x-understudy-fault: {"kind": "cut", "after": 1, "clean": true}

The value after the kind is its main parameter; the names of the others are the fields of `Fault`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec

from understudy.domain.failures import FailureKind
from understudy.domain.suggestions import suggestion

HEADER = "x-understudy-fault"


class FaultKind(enum.StrEnum):
    """The kinds of fault. Those of streams occur in the middle of a whole body."""

    STATUS = "status"
    """An error with the status `code`, in the provider's own words."""
    ERROR = "error"
    """The provider's own error for the failure `failure`, whatever its status."""
    REDIRECT = "redirect"
    SLOW_HEADERS = "slow_headers"
    """`seconds` before the status line; without `seconds`, for ever."""
    SLOW_FIRST_EVENT = "slow_first_event"
    """Headers at once, then `seconds` before the first content event."""
    SLOW_EVENTS = "slow_events"
    """`seconds` before every event."""
    STALL = "stall"
    """After `after` content events, silence: for `seconds`, or for ever."""
    PINGS = "pings"
    """After `after` content events, comments for ever (blank lines where the wire has no comments), every `seconds`."""
    ENDLESS = "endless"
    """The answer's content over and over, an event every `seconds`."""
    DRIP = "drip"
    """The bytes in writes of `size`."""
    CUT = "cut"
    """After `after` content events the connection closes: in the middle of the message, or after its proper end in
    HTTP when `clean`, with the terminal marker of the stream missing either way."""
    RESET = "reset"
    """After `after` content events (before the status line when unset), a TCP reset."""
    MALFORMED_EVENT = "malformed_event"
    """After `after` content events, one with broken JSON."""
    ERROR_EVENT = "error_event"
    """After `after` content events, the provider's own error for `failure` inside the 200."""
    HUGE_LINE = "huge_line"
    """After `after` content events, a line of `size` bytes; a whole body is padded by as many."""
    TRUNCATED_JSON = "truncated_json"
    """The body, or the event after `after` content events, ends in the middle of its JSON, correct in HTTP."""
    WRONG_CONTENT_TYPE = "wrong_content_type"
    """An HTML page with status 200, as captive portals and firewalls send."""
    EMPTY = "empty"
    """An answer without content that ends normally."""
    REFUSAL = "refusal"
    """A 200 whose answer was stopped by the provider's content filter."""
    BAD_OUTPUT = "bad_output"
    """Structured output and tool arguments that are not valid JSON."""
    MISSING_USAGE = "missing_usage"


_MAIN = {
    FaultKind.STATUS: "code",
    FaultKind.ERROR: "failure",
    FaultKind.REDIRECT: "location",
    FaultKind.SLOW_HEADERS: "seconds",
    FaultKind.SLOW_FIRST_EVENT: "seconds",
    FaultKind.SLOW_EVENTS: "seconds",
    FaultKind.ENDLESS: "seconds",
    FaultKind.DRIP: "size",
}
"""The field that the value after a kind sets in the header; `after` for all others."""


_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
"""Seconds; the limits of fields apply where a fault is parsed."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One fault. Create it with the method named like its kind; fields that a kind does not use are ignored."""

    kind: FaultKind
    code: Annotated[int, msgspec.Meta(ge=100, le=599)] = 500
    """HTTP status."""
    failure: FailureKind = FailureKind.OVERLOADED
    error_code: str | None = None
    """The provider's error code, where it differs from the usual one."""
    error_type: str | None = None
    message: str | None = None
    retry_after: _NotNegative | None = None
    """Seconds, sent in the header `retry-after`."""
    seconds: _NotNegative | None = None
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """The number of content events before the fault."""
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Bytes."""
    clean: bool = False
    location: str = "https://elsewhere.invalid/"

    @classmethod
    def status(cls, code: int, *, retry_after: float | None = None, message: str | None = None) -> Fault:
        """Answer with an error of this HTTP status."""
        return cls(kind=FaultKind.STATUS, code=code, retry_after=retry_after, message=message)

    @classmethod
    def error(
        cls,
        failure: FailureKind,
        *,
        code: str | None = None,
        message: str | None = None,
        retry_after: float | None = None,
    ) -> Fault:
        """Answer with the provider's own error for a kind of failure; `code` and `message` replace its own."""
        return cls(kind=FaultKind.ERROR, failure=failure, error_code=code, message=message, retry_after=retry_after)

    @classmethod
    def redirect(cls, location: str) -> Fault:
        """Answer with a 307 to another address."""
        return cls(kind=FaultKind.REDIRECT, location=location)

    @classmethod
    def slow_headers(cls, seconds: float | None = None) -> Fault:
        """Wait before the status line, for ever without `seconds`."""
        return cls(kind=FaultKind.SLOW_HEADERS, seconds=seconds)

    @classmethod
    def slow_first_event(cls, seconds: float | None = None) -> Fault:
        """Send the headers, then wait before the first content, for ever without `seconds`."""
        return cls(kind=FaultKind.SLOW_FIRST_EVENT, seconds=seconds)

    @classmethod
    def slow_events(cls, seconds: float) -> Fault:
        """Wait before every event."""
        return cls(kind=FaultKind.SLOW_EVENTS, seconds=seconds)

    @classmethod
    def stall(cls, after: int = 1, *, seconds: float | None = None) -> Fault:
        """Fall silent after some content events, forever if `seconds` is not given."""
        return cls(kind=FaultKind.STALL, after=after, seconds=seconds)

    @classmethod
    def pings(cls, after: int = 0, *, seconds: float = 0.01) -> Fault:
        """Send nothing but comments after some content events."""
        return cls(kind=FaultKind.PINGS, after=after, seconds=seconds)

    @classmethod
    def endless(cls, seconds: float = 0.001) -> Fault:
        """Never end the answer."""
        return cls(kind=FaultKind.ENDLESS, seconds=seconds)

    @classmethod
    def drip(cls, size: int = 1) -> Fault:
        """Send the answer in tiny writes."""
        return cls(kind=FaultKind.DRIP, size=size)

    @classmethod
    def cut(cls, after: int = 1, *, clean: bool = False) -> Fault:
        """Close the connection after some content events; `clean` ends the HTTP message properly first."""
        return cls(kind=FaultKind.CUT, after=after, clean=clean)

    @classmethod
    def reset(cls, after: int | None = None) -> Fault:
        """Reset the connection, before the status line or after some content events."""
        return cls(kind=FaultKind.RESET, after=after)

    @classmethod
    def malformed_event(cls, after: int = 1) -> Fault:
        """Send one event with broken JSON."""
        return cls(kind=FaultKind.MALFORMED_EVENT, after=after)

    @classmethod
    def error_event(cls, failure: FailureKind = FailureKind.OVERLOADED, *, after: int = 1) -> Fault:
        """Send the provider's own error inside the 200."""
        return cls(kind=FaultKind.ERROR_EVENT, failure=failure, after=after)

    @classmethod
    def huge_line(cls, size: int = 2 << 20, *, after: int = 1) -> Fault:
        """Send one line of `size` bytes."""
        return cls(kind=FaultKind.HUGE_LINE, size=size, after=after)

    @classmethod
    def truncated_json(cls, after: int = 1) -> Fault:
        """End the body in the middle of its JSON."""
        return cls(kind=FaultKind.TRUNCATED_JSON, after=after)

    @classmethod
    def wrong_content_type(cls) -> Fault:
        """Answer with an HTML page."""
        return cls(kind=FaultKind.WRONG_CONTENT_TYPE)

    @classmethod
    def empty(cls) -> Fault:
        """Answer without content."""
        return cls(kind=FaultKind.EMPTY)

    @classmethod
    def refusal(cls) -> Fault:
        """Let the provider's content filter stop the answer."""
        return cls(kind=FaultKind.REFUSAL)

    @classmethod
    def bad_output(cls) -> Fault:
        """Break the JSON that the model writes."""
        return cls(kind=FaultKind.BAD_OUTPUT)

    @classmethod
    def missing_usage(cls) -> Fault:
        """Omit the token counts."""
        return cls(kind=FaultKind.MISSING_USAGE)


def parse(text: str) -> Fault:
    """Parse a fault as written in the header. Raises `ValueError`, which names what is wrong."""
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text, type=Fault)
        first, *rest = (piece.strip() for piece in text.split(";"))
        name, _, value = (piece.strip() for piece in first.partition("="))
        if name not in list(FaultKind):
            raise ValueError(f"unknown kind {name!r}; {suggestion(name, FaultKind)}")
        fields: dict[str, Any] = {"kind": name}
        if value:
            fields[_MAIN.get(FaultKind(name), "after")] = value
        fields |= {key.strip(): given.strip() for key, _, given in (piece.partition("=") for piece in rest if piece)}
        return msgspec.convert(fields, Fault, strict=False)
    except (msgspec.MsgspecError, ValueError) as error:
        what, at, path = str(error).partition(" - at `$.")
        wrong = f"{path.rstrip('`')}: {what[:1].lower()}{what[1:]}" if at else what
        raise ValueError(f"{HEADER}: {text!r} is not a valid fault: {wrong.replace('`', '')}") from error
