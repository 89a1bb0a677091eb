"""Rules for the fields of a body, and the guard that keeps other rules from bodies whose fields are wrong."""

from __future__ import annotations

import re

from understudy.domain.operation import Operation
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.anthropic_fields import DEFINITIONS, SAMPLING, body_of
from understudy.emulator.examiners.anthropic_reading import SAMPLING_REMOVED, invalid, version
from understudy.emulator.examiners.anthropic_shape import Fault, Problem, problems

_SHAPES = {
    (counting, beta): body_of(counting=counting, beta=beta) for counting in (False, True) for beta in (False, True)
}


_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")


class _Walk:
    """Remembers the last body that was walked: all the rules of a request ask about the same."""

    def __init__(self) -> None:
        self._last: tuple[CheckedRequest, tuple[Problem, ...]] | None = None

    def of(self, request: CheckedRequest) -> tuple[Problem, ...]:
        last = self._last
        if last is None or last[0] is not request:
            counting = request.operation is Operation.COUNT_TOKENS
            shape = _SHAPES[counting, "anthropic-beta" in request.headers]
            last = self._last = (request, tuple(problems(request.body, shape, "", DEFINITIONS)))
        return last[1]


_walk = _Walk()


def fields(fault: Fault) -> Check:
    """Return a check that reports the first field with this fault."""

    def check(request: CheckedRequest) -> Words | None:
        found = next((one for one in _walk.of(request) if one.fault == fault), None)
        return invalid(found.path, found.words) if found else None

    return check


def formed(check: Check) -> Check:
    """Return a check that is made of well-formed bodies only; what is wrong with others, `fields` reports."""
    return lambda request: None if _walk.of(request) else check(request)


def has_version(request: CheckedRequest) -> Words | None:
    """Refuse a request that does not name a version of the API."""
    return None if version(request) else invalid("anthropic-version", "header is required")


def sampling_removed(request: CheckedRequest) -> Words | None:
    """Refuse sampling parameters, as every model does since this version, even at their defaults."""
    if version(request) < SAMPLING_REMOVED:
        return None
    found = next((name for name in SAMPLING if name in request.body), None)
    return invalid(found, "Extra inputs are not permitted") if found else None


def user_id(request: CheckedRequest) -> Words | None:
    """Refuse an email address as the id of the user."""
    given = request.section("metadata").get("user_id")
    if given is None or not _EMAIL.search(given):
        return None
    return invalid("metadata.user_id", "user_id appears to contain an email address. Please send a uuid or hash value.")
