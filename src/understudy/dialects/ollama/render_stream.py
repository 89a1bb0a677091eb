"""The writer of streamed chats: newline-delimited JSON."""

from __future__ import annotations

from understudy.dialects.ollama.render import NDJSON_HEADERS, render_call, render_end, render_head, render_piece
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Refusal, Text, Thinking
from understudy.domain.failures import Failure
from understudy.domain.fold import Fold
from understudy.wire.http import Headers
from understudy.wire.ndjson import encode_line


class LineRenderer:
    """Writes a streamed answer, one JSON object a line.

    Tool calls go out whole, ahead of the last line, because their pieces may arrive mixed. Frames of this dialect are
    forwarded as they came, unless a text completion is answered, whose lines have another form than a chat's.
    """

    headers: Headers = NDJSON_HEADERS

    def __init__(self, model: str | None, *, completion: bool) -> None:
        self._completion = completion
        self._model = model
        self._fold = Fold()
        self._forwarded = False

    def feed(self, event: e.Event) -> bytes:
        """Render one event."""
        if event.wire is not None and not self._completion:
            self._forwarded = True
            return event.wire
        match event:
            case e.TextDelta(_, text) | e.RefusalDelta(_, text) | e.PartAdded(_, Text(text) | Refusal(text)):
                return self._line(render_piece(text, "", [], completion=self._completion)) if text else b""
            case e.ThinkingDelta(_, text) | e.PartAdded(_, Thinking(text)):
                return self._line(render_piece("", text, [], completion=self._completion)) if text else b""
            case e.Heartbeat():
                return self._line(render_piece("", "", [], completion=self._completion))
            case _:
                self._fold.add(event)
                return b""

    def close(self) -> bytes:
        """Render the tool calls, then the last line, which is the end mark."""
        if self._forwarded:
            return b""
        response = self._fold.response()
        calls = [render_call(index, call) for index, call in enumerate(response.tool_calls)]
        lines = self._line(render_piece("", "", calls, completion=self._completion)) if calls else b""
        return lines + self._line({**render_piece("", "", [], completion=self._completion), **render_end(response)})

    def fail(self, failure: Failure) -> bytes:
        """Render the error as the last line, without `done`."""
        return encode_line({"error": failure.message})

    def _line(self, piece: JsonObject) -> bytes:
        started = self._fold.started
        return encode_line({**render_head(started.model or self._model, started.created), "done": False, **piece})
