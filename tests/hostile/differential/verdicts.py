"""Why the two transports may differ: the reasons are found with the bare parser, without code of either transport."""

from __future__ import annotations

import re

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tests.hostile.differential.play import Answer, Outcome, Refusal
from tests.hostile.differential.scripts import Script

REASONS = {
    "followed": "The response is whole by its own framing, and more follows: a body where none belongs (HEAD, "
    "204, 304), or garbage. It is the answer, and its connection is closed, however the bytes are cut into packets. "
    "aiohttp refuses it if what follows is malformed and arrives in the same packet.",
    "strict": "Bare LF, folded headers, control characters in headers, blanks behind a chunk size: readers disagree "
    "where such a message ends (RFC 9112 §2.2, §5.2, §11.2), so it is refused. aiohttp sets three leniencies.",
    "coding": "An empty transfer coding, or one without chunks, which no request asks for: where the body ends is "
    "unknown (RFC 9112 §6.1), so it counts as cut off. aiohttp reads until the connection closes.",
}


_CODED = re.compile(rb"transfer-encoding:", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding:([^\n]*,)?[ \t]*chunked[ \t]*\r?\n", re.IGNORECASE)


class _Recorder:
    """Reads with the bare parser up to the end of the first final response."""

    def __init__(self, script: Script, *, lenient: bool) -> None:
        self.is_whole = False
        self._bodiless = script.method == "HEAD"
        self._is_final = False
        self._parser = HttpResponseParser(self)
        if lenient:
            self._parser.set_dangerous_leniencies(
                lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
            )

    def on_headers_complete(self) -> None:
        self._is_final = self._is_final or self._parser.get_status_code() >= 200
        self.is_whole = self.is_whole or (self._is_final and self._bodiless)

    def on_message_begin(self) -> None:
        pass

    def on_message_complete(self) -> None:
        self.is_whole = self.is_whole or self._is_final

    def is_refused(self, raw: bytes) -> bool:
        """Feed bytes; return whether they are malformed before the response is whole."""
        try:
            self._parser.feed_data(raw)
        except HttpParserUpgrade:
            return False
        except HttpParserError:
            return not self.is_whole
        return False


def reason(script: Script, own: Outcome, other: Outcome) -> str | None:
    """Return why the outcomes differ; `None` if they may not. `own` is ours, `other` aiohttp's."""
    strict = _Recorder(script, lenient=False)
    refused = strict.is_refused(script.raw)
    if isinstance(own, Answer):
        return "followed" if isinstance(other, Refusal) and strict.is_whole and not own.is_kept else None
    if refused and not _Recorder(script, lenient=True).is_refused(script.raw):
        return "strict"
    accepts = isinstance(other, Answer) or other.kind == "disconnected"
    if accepts and _CODED.search(script.raw) and not _CHUNKED.search(script.raw):
        return "coding"
    return None
