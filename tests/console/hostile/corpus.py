"""What a page, a terminal, a spreadsheet or a scraper may take for more than text.

Those with a script set `window.executed` if a browser runs it. The real path carries them: a JSON string holds anything
but lone surrogates; from what goes into a header, which is printable, the rest is left out (`in_header`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_RUN = "window.executed=1"

MARKUP: Mapping[str, str] = {
    "script": f"<script>{_RUN}</script>",
    "closing": f"</title></textarea></style></script></svg><script>{_RUN}</script>",
    "svg": f"<svg onload={_RUN}>",
    "svg without space": f"<svg/onload={_RUN}//",
    "image": f"<img src=x onerror={_RUN}>",
    "double quotes": f'" autofocus onfocus="{_RUN}" x="',
    "single quotes": f"' autofocus onfocus='{_RUN}' x='",
    "link": f"javascript:{_RUN}",
    "frame": f"<iframe srcdoc='<script>parent.{_RUN}</script>'></iframe>",
    "base": "<base href=//evil.example/><form action=//evil.example/>",
    "refresh": "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "comment": f"<!--><script>{_RUN}</script>-->",
    "cdata": f"]]><script>{_RUN}</script>",
    "entities": "&lt;script&gt;&#x3c;script&#x3e;&amp;",
    "template": "{{ 7 * 7 }}{% raw %}{{ config }}${7*7}#{7*7}",
}
"""Printable, so every path carries it."""
CONTROL: Mapping[str, str] = {
    "nul": "nul\x00end",
    "terminal": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x9b31m",
    "lines": "one\r\nSet-Cookie: evil=1\r\n\r\ntwo\u2028three\u2029four\x85five",
    "bidi": "user\u202e\u2066gpj.exe\u2069\u202c",
    "invisible": "a\u200b\u200d\ufeff\u00adb",
    "backspaces": "evil\x08\x08\x08\x08good\x7f",
    "tags": "\U000e0041\U000e0042",
}
FORMULAS: Mapping[str, str] = {
    "equals": '=HYPERLINK("http://evil.example","click")',
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "tab": "\t=1+1",
    "quotes": '","=1+1","',
}
"""What a spreadsheet takes for a formula."""
LONG: Mapping[str, str] = {"long": "W" * 5_000, "long and wide": "﷽" * 300, "marks": "e" + "\u0301" * 400}
ALL: Mapping[str, str] = {**MARKUP, **CONTROL, **FORMULAS, **LONG}

RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no page, answer, table or metric may hold as it is: controls, and what turns the direction of a text."""


CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""What no answer may hold that is read by programs, for which the direction of a text is part of it."""


def in_header(text: str) -> str:
    """Return a text as a header can carry it, in a list of labels."""
    return "".join(character for character in text if " " <= character <= "~" and character not in ",=").strip()[:200]
