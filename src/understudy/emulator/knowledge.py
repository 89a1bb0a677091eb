"""The knowledge of an emulated model: enough for a pleasant demonstration, plain enough for assertions in tests."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

_CAPITALS = {
    "france": "Paris",
    "germany": "Berlin",
    "italy": "Rome",
    "spain": "Madrid",
    "japan": "Tokyo",
    "england": "London",
    "the united kingdom": "London",
    "portugal": "Lisbon",
    "austria": "Vienna",
    "switzerland": "Bern",
    "poland": "Warsaw",
    "the united states": "Washington, D.C.",
    "canada": "Ottawa",
    "australia": "Canberra",
    "india": "New Delhi",
    "china": "Beijing",
    "brazil": "Brasília",
    "kenya": "Nairobi",
    "egypt": "Cairo",
    "the netherlands": "Amsterdam",
}

_EXACT = re.compile(
    r"\b(?:reply|respond|answer|say|repeat|output|echo|print|write)\b(?: with| back| only| exactly| just| after me"
    r"| the (?:single )?words?| the text| the phrase)*[:\s]+"
    r"(?:\"([^\"]+)\"|“([^”]+)”|'([^']+)'|([^\s.!?\"]+)\s*[.!]?\s*$)",
    re.I,
)
_CAPITAL = re.compile(r"\bcapital(?: city)? of ((?:the )?[a-z]+(?: [a-z]+)?)", re.I)
# Long runs of digits are no numbers to compute with, and would be searched again from each of them.
_SUM = re.compile(
    r"(?<!\d)(-?\d{1,20}(?:\.\d{1,20})?)(\s*(?:\+|\*|×|÷|plus|minus|times|divided by)\s*|\s+[-−x/]\s+)"
    r"(\d{1,20}(?:\.\d{1,20})?)",
    re.I,
)
_COUNT = re.compile(r"\bcount (?:from (\d{1,20}) )?(?:up )?to (\d{1,20})", re.I)
_NAME_IS = re.compile(r"\bmy name is ([A-Z][\w-]*)|\bI am called ([A-Z][\w-]*)", re.I)
_FACTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:meaning|answer|question) (?:of|to) (?:life|the universe|everything)", re.I), "42."),
    (re.compile(r"\bwhy is the sky blue", re.I), "Because air scatters blue light far more than red light."),
    (re.compile(r"\bwhat (?:is|does) (?:an )?understud", re.I), "One who knows another's part, and goes on in time."),
    (re.compile(r"\bpoem|\bhaiku", re.I), "One voice falls silent.\nIn the wings another waits.\nThe play has no gap."),
    (re.compile(r"\bjoke", re.I), "An actor fell through the floor. It was only a stage he was going through."),
    (re.compile(r"\bthank", re.I), "You are welcome."),
)
_GREETING = re.compile(r"^\W*(?:hi|hello|hey|good (?:morning|evening|day))\b", re.I)
_WHO = re.compile(r"\bwho are you|\bwhat are you|\bwhich (?:model|provider)|\byour name|\bwhat model", re.I)
_MAX_COUNT = 1000
_LONGEST = 160
"""Characters of a text that are repeated in the answer."""


def answer(text: str, before: tuple[str, ...], *, title: str, model: str) -> str:
    """Answer a text. `before` are the user's earlier texts; `title` and `model` name what is emulated."""
    if match := _EXACT.search(text):
        return next(group for group in match.groups() if group).strip()
    if known := _recall(text, before):
        return known
    if _GREETING.search(text):
        return f"Hello! This is the emulated {title}, in the part of {model}. How can I help?"
    if _WHO.search(text):
        return f"I am the emulated {title}, in the part of {model}."
    if not text.strip():
        return f"The emulated {title} heard nothing."
    line = " ".join(text.split())
    return f"The emulated {title} heard you say: {line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}"


def _recall(text: str, before: tuple[str, ...]) -> str | None:
    if match := _CAPITAL.search(text):
        country = match.group(1).lower()
        names = (country, country.rpartition(" ")[0], f"the {country}")
        if city := next((_CAPITALS[name] for name in names if name in _CAPITALS), None):
            return f"The capital is {city}."
    if match := _SUM.search(text):
        return _compute(*match.groups())
    if match := _COUNT.search(text):
        first, last = int(match.group(1) or 1), int(match.group(2))
        return ", ".join(str(number) for number in range(first, min(last, first + _MAX_COUNT) + 1))
    if re.search(r"\bwhat(?:'s| is) my name|\bwho am i", text, re.I):
        given = [next(g for g in found.groups() if g) for past in before if (found := _NAME_IS.search(past))]
        return f"Your name is {given[-1]}." if given else "You have not told me your name."
    return next((fact for pattern, fact in _FACTS if pattern.search(text)), None)


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    **dict.fromkeys(("+", "plus"), operator.add),
    **dict.fromkeys(("-", "−", "minus"), operator.sub),
    **dict.fromkeys(("*", "×", "x", "times"), operator.mul),
    **dict.fromkeys(("/", "÷", "divided by"), operator.truediv),
}


def _compute(left: str, sign: str, right: str) -> str:
    sign = sign.strip()
    try:
        value = _OPERATIONS[sign.lower()](float(left), float(right))
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    return f"{left} {sign} {right} = {int(value) if value.is_integer() else round(value, 6)}."
