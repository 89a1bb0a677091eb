"""Lines of newline-delimited JSON, read by what divides at more than line feeds."""

from __future__ import annotations

import json

import pytest

from understudy.wire.ndjson import encode_line


@pytest.mark.parametrize("text", ["plain", "ä 😀", "a\u2028b\u2029c\x85d", "\r\n\x0b\x0c\x1c\x1d\x1e", "\\u2028 \\"])
def test_a_line_is_one_line_for_every_reader(text: str) -> None:
    line = encode_line({"text": text}).decode()
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {"text": text}
