"""The headers `x-understudy-*` of a request: options of this library, for callers that speak a vendor's wire format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind, OnMidstreamError
from understudy.domain.suggestions import suggestion
from understudy.settings.budgets import Allowance, Budget, amount_complaint

if TYPE_CHECKING:
    from understudy.protocol import EmbedOptions, RequestOptions

PREFIX = "x-understudy-"
SESSION = "x-understudy-session"
MAX_COST = "x-understudy-max-cost"
SESSION_MAX_COST = "x-understudy-session-max-cost"
LONGEST = 256
"""Characters of a name or an id that a caller may choose."""
MOST_MODELS = 16
MOST_LABELS = 16


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one request; what is unset is not changed."""

    models: tuple[str, ...] = ()
    """Targets in the order in which they are tried, instead of the model that the body names."""
    deadline: float | None = None
    session_max_cost: str | None = None
    """US dollars that the session may cost."""
    task: str | None = None
    session: str | None = None
    max_cost: str | None = None
    """US dollars."""
    on_midstream_error: OnMidstreamError | None = None
    hold_chars: int | None = None
    labels: dict[str, str] = {}

    def allowances(self, session: str | None) -> tuple[Allowance, ...]:
        """Return what the caller allows the session. Raise `BadRequest` if the request belongs to none.

        It is soft, so that it ends when that much is spent: agents send long prompts, of which most is cached, and ask
        for long answers, so the most that a request can cost is many times what it does cost.
        """
        if self.session_max_cost is None:
            return ()
        if session is None:
            raise bad_header(f"the header {SESSION_MAX_COST} needs a session: send {SESSION} too")
        budget = Budget(name="max_cost", max=self.session_max_cost, per="session", period="total", hard=False)
        return (Allowance(budgets=(budget,), owner="session"),)

    def of_call(self) -> RequestOptions:
        """Return the options of `stream` and `generate` that are set."""
        if self is _UNSET:
            return {}
        names = ("deadline", "max_cost", "on_midstream_error", "hold_chars")
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        return cast("RequestOptions", found)

    def of_embedding(self) -> EmbedOptions:
        """Return the options of `embed` that are set."""
        names = ("deadline", "max_cost")
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        return cast("EmbedOptions", found)


def read_options(headers: Mapping[str, str]) -> Options:
    """Return the options of a request, whose header names are in lower case.

    Raise `BadRequest` with status 400 for an unknown header and for an invalid value.
    """
    if PREFIX not in " ".join(headers):
        return _UNSET  # as most requests
    given = {name: value.strip() for name, value in headers.items() if name.startswith(PREFIX)}
    if not given:
        return _UNSET
    found: dict[str, Any] = {}
    for name, value in given.items():
        read = _HEADERS.get(name.removeprefix(PREFIX))
        if read is None:
            raise bad_header(f"the header {name[:60]} is unknown; {suggestion(name, KNOWN)}")
        field, reader = read
        try:
            found[field] = reader(value)
        except ValueError as error:
            raise bad_header(f"the header {name} {error}") from None
    return Options(**found)


def bad_header(message: str) -> BadRequest:
    """Return the refusal of a request that has an invalid header."""
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, sent=False))


_UNSET = Options()


def _word(value: str) -> str:
    if not value or len(value) > LONGEST or not value.isascii() or not value.isprintable():
        raise ValueError(f"must be 1 to {LONGEST} printable ASCII characters")
    return value


def _models(value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for each in value.split(",") if (name := each.strip())))
    if not names or len(names) > MOST_MODELS:
        raise ValueError(f"must be 1 to {MOST_MODELS} names of models, separated by commas")
    return tuple(map(_word, names))


def _seconds(value: str) -> float:
    try:
        seconds = float(value) if value.isascii() and "_" not in value else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError("must be a number of seconds greater than 0")
    return seconds


def _whole_number(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 9 or int(value) == 0:
        raise ValueError("must be a whole number greater than 0")
    return int(value)


def _dollars(value: str) -> str:
    if not value.isascii() or "_" in value or amount_complaint(value):
        raise ValueError("must be an amount of US dollars greater than 0, such as 0.25")
    return value


def _midstream(value: str) -> OnMidstreamError:
    found = _MODES.get(value.lower())
    if found is None:
        raise ValueError(f"must be one of {', '.join(_MODES)}")
    return found


_MODES: Mapping[str, OnMidstreamError] = {mode: mode for mode in get_args(OnMidstreamError)}


def _labels(value: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in value.split(",") if each.strip()]
    labels = {name.strip(): text.strip() for name, _, text in pairs}
    if not labels or len(labels) > MOST_LABELS or not all(name and text for name, text in labels.items()):
        raise ValueError(f"must be 1 to {MOST_LABELS} labels such as team=search, separated by commas")
    for word in (*labels, *labels.values()):
        _word(word)
    return labels


_HEADERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "models": ("models", _models),
    "deadline": ("deadline", _seconds),
    "max-cost": ("max_cost", _dollars),
    "session-max-cost": ("session_max_cost", _dollars),
    "task": ("task", _word),
    "session": ("session", _word),
    "on-midstream-error": ("on_midstream_error", _midstream),
    "hold-chars": ("hold_chars", _whole_number),
    "labels": ("labels", _labels),
}
"""The names of the headers without their prefix: the option of each, and how its value is read."""
KNOWN = tuple(PREFIX + name for name in _HEADERS)
