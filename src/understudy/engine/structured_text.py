"""Finds the JSON in an answer: models without a strict mode put words, a fence or their thoughts around it."""

from __future__ import annotations

import re

from understudy.wire import json

_THOUGHTS = re.compile(r"^<think>.*?</think>", re.DOTALL)
_TOKEN = re.compile(r'["\\\\{}\[\]]')
_CLOSES = {"{": "}", "[": "]"}


def json_in(text: str) -> str:
    """Return the longest JSON object or array of a text, the last of several equally long ones; the text itself if it
    has none.

    Thoughts at its beginning are skipped. One pass: what begins inside another value, or is never closed, is not
    considered.
    """
    text = _THOUGHTS.sub("", text.strip()).strip()
    best = ""
    for start, end in _spans(text):
        if end - start >= len(best) and _is_json(text[start:end]):
            best = text[start:end]
    return best or text


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where brackets open and close at the outermost level, strings within them skipped."""
    spans: list[tuple[int, int]] = []
    open_brackets: list[str] = []
    start, in_string, skipped = 0, False, -1
    for match in _TOKEN.finditer(text):
        at, mark = match.start(), match[0]
        if at == skipped:
            continue
        if in_string:
            if mark == "\\":
                skipped = at + 1
            elif mark == '"':
                in_string = False
        elif mark in "{[":
            if not open_brackets:
                start = at
            open_brackets.append(_CLOSES[mark])
        elif open_brackets and mark == '"':
            in_string = True
        elif open_brackets and mark == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                spans.append((start, at + 1))
        elif open_brackets and mark in "}]":
            open_brackets.clear()
    return spans


def _is_json(text: str) -> bool:
    try:
        json.decode(text)
    except ValueError:
        return False
    return True
