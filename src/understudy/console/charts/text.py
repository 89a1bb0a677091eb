"""Text of callers, models and providers as it may be shown: what would be invisible or act is made visible.

Every string on a page passes `visible`, which the templates' environment calls for each value.
"""

from __future__ import annotations

import re

_FORMAT = (
    "\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb"
)
_FAR = "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
"""Formatting characters of higher planes, among them tags, in which a text can hide."""
_SUSPECT = re.compile(
    f"[\x00-\x1f\x7f-\x9f{_FORMAT}\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff{_FAR}]|(?<=[\x00-\x7f])[\u200c\u200d]|^[\u200c\u200d]"
)
"""Controls, marks and overrides of writing direction, invisible characters, lone surrogates, and what is not a
character. Joiners are left where letters or emoji may need them: after anything but ASCII."""
_SUSPECT_IN_LINES = re.compile(_SUSPECT.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f", 1))

SHORT = 120
"""Characters of a name or message that are shown at once."""


def visible(text: str) -> str:
    """Return text as one line, with suspect characters as their picture (`␛`) or number (`⟦U+202E⟧`)."""
    return _SUSPECT.sub(_shown, text)


def visible_lines(text: str) -> str:
    """Return the same for text whose lines and tabs are kept, such as a prompt."""
    return _SUSPECT_IN_LINES.sub(_shown, text.replace("\r\n", "\n"))


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"⟦U+{code:04X}⟧"


def shortened(text: str, most: int = SHORT) -> str:
    """Return the start of a text of more than `most` characters, with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
