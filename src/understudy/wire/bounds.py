"""How much of an answer is read: one set of limits for every body of every status, streamed or not."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

KIB = 1 << 10
MIB = 1 << 20

ROOM = 16 * MIB
"""Bytes allowed to any answer, whatever `max_tokens` is: a few images in base64 are that large."""
TOKEN_STREAMED = 8 * KIB
TOKEN_WHOLE = 4 * KIB
"""Bytes for each token. An event without log probabilities has 100 to 600; with 20 of them for each token, 2,000."""
VECTOR = 192 * KIB
"""Bytes for each embedded text: 8,192 numbers of 20 digits are 184,000."""
DIMENSIONS = 16 * KIB
"""Numbers for each embedded text."""
VALUE = 56
"""Bytes of memory that a value takes: 32 for a number with the reference to it, 56 for a short string."""

LOGPROB = 512
"""Bytes for each log probability. One of an indented body has 300; a stream of OpenAI's Responses API repeats each in
five events, with 80 bytes."""
LOGPROB_VALUES = 768
"""Memory for each log probability: an object of a token, a number and the token's bytes."""
LONGEST = 32 * KIB
"""Tokens of an answer for which no limit is known."""
WIDE = 512 * MIB
"""Bytes that log probabilities may add to any limit."""
MEDIA = 64 * MIB
"""Bytes that images, audio and video may add: thirty images of two megabytes, or fifteen minutes of speech."""


class TooLarge(ValueError):
    """A line, an event, a body or the values in it exceed their limit."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a provider sends. Beyond one of them the attempt fails as `too_large`, and nothing is kept."""

    headers: int = 64 * KIB
    """Bytes of the status line and all headers together."""
    body: int = 32 * MIB
    """Bytes of a body that is decoded as a whole, decompressed."""
    whole: int = ROOM
    """The same for an answer that is not streamed. Its text may take four times its bytes in memory: Python stores a
    string at the width of its widest character."""
    stream: int = 128 * MIB
    """Bytes of a streamed body, decompressed. Its events are not kept."""
    vectors: int = 48 * MIB
    """Bytes of a body of embeddings, decompressed."""
    text: int = 16 * MIB
    """Characters of text, thinking and arguments of one answer."""
    error: int = 64 * KIB
    """Bytes of an error body that are read and kept, without waiting for the rest."""
    ratio: int = 100
    """Decompressed bytes for each compressed one."""
    line: int = MIB
    """Bytes of a line of a stream."""
    event: int = 4 * MIB
    """Bytes of an event of a stream."""
    events: int = 500_000
    """Events of one answer."""
    parts: int = 4096
    """Parts of one answer: texts, thinking, tool calls, media."""
    depth: int = 64
    """Levels of nested arrays and objects. Real answers stay below 20; Python's own limit differs among versions."""
    decoded: int = 36 * MIB
    """Bytes of memory that the values of one JSON text may take, as estimated by their number."""
    at_once: int = 24 * MIB
    """The same for a text that is decoded in one call, which takes up to 60 ms."""
    logprobs: int = 4 * MIB
    """The same for the log probabilities gathered from a stream."""
    alternatives: int = 0
    """Log probabilities that were requested for each token. If none were, those of a stream that exceed the limit are
    dropped instead of refused."""
    room: int = ROOM
    """Bytes allowed to any answer, whatever `max_tokens` is."""
    digits: int = 4300
    """Digits of an integer; like Python itself, the decoder converts no more."""

    def answer(self, max_tokens: int | None, *, streamed: bool) -> int:
        """Return how many bytes an answer of at most `max_tokens` tokens may have, with room to spare."""
        cap, token = (self.stream, TOKEN_STREAMED) if streamed else (self.whole, TOKEN_WHOLE)
        token += LOGPROB * self.alternatives
        return cap if max_tokens is None else min(cap, self.room + token * max(0, max_tokens))

    def with_logprobs(self, alternatives: int, max_tokens: int | None) -> Bounds:
        """Return the limits of an answer with that many log probabilities for each token."""
        count = alternatives * (LONGEST if max_tokens is None else max(0, max_tokens))
        size, values = min(WIDE, LOGPROB * count), min(WIDE, LOGPROB_VALUES * count)
        return replace(
            self,
            body=self.body + size,
            whole=self.whole + size,
            stream=self.stream + size,
            # The last event of a stream of OpenAI's Responses API repeats the whole answer.
            event=self.event + size // 5,
            decoded=self.decoded + values,
            at_once=self.at_once + values,
            logprobs=self.logprobs + values,
            alternatives=alternatives,
        )

    def with_media(self) -> Bounds:
        """Return the limits of an answer that holds images, audio or video."""
        return replace(
            self,
            body=self.body + MEDIA,
            whole=self.whole + MEDIA,
            stream=self.stream + MEDIA,
            event=self.event + MEDIA,
            room=self.room + MEDIA,
        )

    def embeddings(self, texts: int) -> int:
        """Return how many bytes the vectors of that many texts (0: unknown) may have, with room to spare."""
        return min(self.vectors, MIB + VECTOR * texts) if texts else self.vectors

    def numbers(self, texts: int) -> int:
        """Return how much memory the vectors of that many texts (0: unknown) may take, with room to spare."""
        cap = self.vectors // 12 * VALUE
        return min(cap, 8 * MIB + VALUE * DIMENSIONS * texts) if texts else cap


BOUNDS = Bounds()
"""The default limits."""
