"""Assertions on the figures of a simulation: `availability >= 0.999`. A name, an operator, a number; nothing more."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from understudy.domain.errors import Misuse
from understudy.domain.suggestions import suggestion
from understudy.simulator.measures import Measures

_FORM = re.compile(r"\s*(?P<name>[A-Za-z][\w.-]*)\s*(?P<sign><=|>=|==|!=|<|>)\s*(?P<number>[-+]?[\d.eE+-]+)\s*")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
FIGURES: Mapping[str, str] = {
    "availability": "the share of requests that were answered",
    "requests": "requests",
    "errors": "requests that were not answered",
    "p50": "seconds from the call to the answer, of answered requests; also `p95` and `p99`",
    "first_token_p50": "the same until the first content, of streams; also `first_token_p95` and `first_token_p99`",
    "cost": "dollars; also `cost_per_1000` answers",
    "attempts": "attempts at all targets; also `attempts_per_request`",
    "paid": "requests with at least one failed attempt",
    "recovery_p50": "seconds from the end of an incident until its target is in use again; also `recovery_max`",
    "unrecovered": "incidents after which the target was never in use again",
    "violations": "what must never happen, whatever the scenario: 0",
    "share.TARGET": "the share of answers that a target gave",
    "attempts.TARGET": "attempts at a target; `attempts_down.TARGET`: those while every request to it failed",
}
"""The names, as the help and the manual list them."""


class Assertion(msgspec.Struct, frozen=True):
    """One assertion."""

    name: str
    sign: str
    number: float

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.number:g}"

    def holds(self, measures: Measures) -> bool:
        """Check whether it is true of some measures. Nothing is true of a figure that could not be measured."""
        value = measures.values()[self.name]
        return value is not None and _SIGNS[self.sign](value, self.number)


def read_assertion(text: str, targets: Iterable[str]) -> Assertion:
    """Return the assertion in a text. Raise `Misuse` if it is not one, or its name is unknown."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise Misuse(f"--assert {text!r} is not of the form NAME OPERATOR NUMBER, such as 'availability >= 0.999'")
    try:
        number = float(form["number"])
    except ValueError:
        raise Misuse(f"--assert {text!r}: {form['number']!r} is not a number") from None
    names = Measures().values().keys() | {
        f"{what}.{name}" for what in ("share", "attempts", "attempts_down") for name in targets
    }
    if form["name"] not in names:
        raise Misuse(f"--assert {text!r}: unknown name {form['name']!r}; {suggestion(form['name'], sorted(names))}")
    return Assertion(form["name"], form["sign"], number)
