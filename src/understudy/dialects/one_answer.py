"""What a streamed answer is to clients that cannot take pieces back: one answer, or an error.

None of the wire formats has an event that takes back what was sent, and their clients put every piece behind the one
before. So an answer that restarts (`on_midstream_error="restart"`) ends with the wire's own error event, unless nothing
of it was sent yet. An answer that is held back shows as a sign of life that clients ignore.
"""

from __future__ import annotations

from collections.abc import Callable

from understudy.dialects.server import Renderer
from understudy.domain import events as e
from understudy.domain.failures import Failure

COMMENT = b": heartbeat\n\n"
"""A comment, which every reader of server-sent events skips (WHATWG HTML, "Interpreting an event stream")."""

BLANK = b"\n"
"""An empty line, which means nothing in server-sent events and between the elements of an array: for clients that do
not know comments, as Google's."""


_OF_THE_STREAM = (e.Heartbeat, e.Restarted)
"""Events that are no part of an answer."""


class OneAnswer:
    """A renderer over that of a dialect, which never puts two answers behind each other."""

    __slots__ = (
        *("_are_frames_passed", "_heartbeat", "_is_over", "_is_passing", "_is_sent", "_open", "_renderer", "headers"),
    )

    def __init__(
        self, open_renderer: Callable[[], Renderer], heartbeat: bytes | None = COMMENT, *, passes_frames: bool = False
    ) -> None:
        """`heartbeat`: what a `Heartbeat` is on the wire; `None` if the dialect's renderer writes it. `passes_frames`:
        whether that renderer, once it has written the frame of a piece of the answer, writes those of further pieces
        and notes nothing of them."""
        self._open = open_renderer
        self._renderer = open_renderer()
        self._heartbeat = heartbeat
        self._is_sent = False
        self._are_frames_passed = passes_frames
        self._is_passing = False
        """Whether frames of pieces need not be rendered."""
        self._is_over = False
        """The answer ended with an error, after which nothing follows."""
        self.headers = self._renderer.headers

    def feed(self, event: e.Event) -> bytes:
        """Render one event."""
        if self._is_passing and isinstance(event, e.PIECES) and event.wire is not None:
            return event.wire
        if self._is_over:
            return b""
        if isinstance(event, _OF_THE_STREAM):
            return self._feed_rarer(event)
        out = self._renderer.feed(event)
        if out:
            self._is_sent = True
            self._is_passing = self._are_frames_passed and isinstance(event, e.PIECES) and out is event.wire
        return out

    def _feed_rarer(self, event: e.Heartbeat | e.Restarted) -> bytes:
        if isinstance(event, e.Heartbeat):
            return self._renderer.feed(event) if self._heartbeat is None else self._heartbeat
        if self._is_sent:
            return self.fail(event.failure)
        self._renderer, self._is_passing = self._open(), False
        return b""

    def close(self) -> bytes:
        """Render the end, unless the answer ended with an error."""
        return b"" if self._is_over else self._renderer.close()

    def fail(self, failure: Failure) -> bytes:
        """Render an error, after which nothing follows."""
        if self._is_over:
            return b""
        self._is_over, self._is_passing = True, False
        return self._renderer.fail(failure)
