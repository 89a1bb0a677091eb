"""A prediction from its creation to its end: one attempt, several requests.

    read the model's inputs ─▶ make the prediction ─▶ ended? ── yes ─────────────────────────▶ answer
                                        │                └─ no ─▶ stream ─▶ done ─▶ look once ─▶ answer
                                  outcome unknown                    └─ broken off ─▶ look until it has ended
                                        └─▶ is it among the latest? ── yes ─▶ look until it has ended

A prediction is created at most once: if it is unknown whether it was, a retry is forbidden. Once it exists, an
interruption is resumed by looking at it, and it is cancelled when the caller no longer waits: otherwise it would go on
running, and be billed.
"""

from __future__ import annotations

import enum
from collections import deque

import msgspec

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint, Send, WarningLog, is_expected
from understudy.dialects.errors import classify
from understudy.dialects.patching import Body
from understudy.dialects.replicate.decode import AnswerDecoder
from understudy.dialects.replicate.encode import ceiling_of, encode_chat, encode_patched, encode_request, path_of
from understudy.dialects.replicate.errors import RULES, decode_error, decode_failure, decode_stream_failure
from understudy.dialects.replicate.names import create_route, model_url, place_of, stream_address
from understudy.dialects.replicate.schema import InputSchema, schema_of
from understudy.dialects.replicate.wire import PredictionWire, decode_prediction, decode_predictions, seconds
from understudy.domain.events import Event, Frame
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import GenerationRequest
from understudy.wire.bounds import TooLarge
from understudy.wire.gathered import Gathered
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import BadJson, decode_object
from understudy.wire.sse import SseDecoder, SseEvent

Steps = list[Event | Send | Failure]

_K = FailureKind

FIRST_POLL = 0.5
SLOWEST_POLL = 5.0
"""Seconds between looks at a prediction, which grow from the first to the slowest."""
GROWTH = 1.5
MAX_MISSES = 4
"""How many looks in a row may fail."""
LONGEST_HINT = 30.0
"""Most seconds that a look is delayed if the service asks to wait."""

KEPT = 64
"""Events of a stream with which the next one is compared."""

_MADE = (200, 201, 202)
"""Statuses of a response that created a prediction."""

_PERMANENT = frozenset({_K.AUTHENTICATION, _K.PERMISSION, _K.NOT_FOUND, _K.BILLING, _K.REDIRECT, _K.INVALID_REQUEST})
"""Failures of a look that another look cannot resolve."""


class _At(enum.Enum):
    """The purpose of the current request."""

    SCHEMA = enum.auto()
    CREATE = enum.auto()
    SEARCH = enum.auto()
    STREAM = enum.auto()
    LOOK = enum.auto()


class PredictionExchange:
    """Follows one prediction."""

    def __init__(self, request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> None:
        self._request = request
        self._endpoint = endpoint
        self._streamed = stream
        self._place = place_of(endpoint.model or request.model or "")
        self._at = _At.SCHEMA
        self._asked = True
        self._head = HttpHead(0, {})
        self._gathered = Gathered()
        self._size = 0
        self.body: bytes | None = None
        self._sse: SseDecoder | None = None
        self._read: deque[tuple[bytes, bytes]] = deque(maxlen=KEPT)
        """The ids and the data of the latest events: one with both the same was sent twice."""
        self._body: Body = {}
        self._began: float | None = None
        self._unknown: Failure | None = None
        self._answer = AnswerDecoder(endpoint, None)
        self._running: str | None = None
        self._looks = 0
        self._misses = 0
        self.finished = False

    @property
    def refused(self) -> bool:
        """Whether the response under way is neither a success in JSON nor a stream."""
        return self._sse is None and not self._is_json(200, 201, 202)

    def start(self) -> Steps:
        """Request the model's inputs, unless they are known or cannot be known."""
        if (body := encode_patched(self._request, self._endpoint)) is not None:
            return [self._create(body, path_of(body, self._place))]
        if self._place.model is None:
            return self._write(InputSchema(version=self._place.version))
        return [self._get(model_url(self._endpoint, self._place))]

    def head(self, head: HttpHead) -> Steps:
        """Read status and headers."""
        self._head, self._asked = head, False
        self._gathered, self._size = Gathered(), 0
        flows = self._at is _At.STREAM and head.status == 200 and is_expected(head.content_type, ("text/event-stream",))
        bounds, keep = self._endpoint.bounds, self._endpoint.keep_wire
        self._sse = SseDecoder(keep_frames=keep, max_line=bounds.line, max_event=bounds.event) if flows else None
        return []

    def feed(self, data: bytes) -> Steps:
        """Read more of a body. The rest of an earlier response is ignored once another request was made."""
        if self._asked or self.finished:
            return []
        if self._sse is not None:
            try:
                return self._flow(self._sse.feed(data))
            except TooLarge as error:
                return self._fail(Failure(kind=_K.TOO_LARGE, message=str(error)))
        self._size += len(data)
        if self._size > self._endpoint.bounds.body:  # a stream may be longer, what is decoded as a whole may not
            limit = self._endpoint.bounds.body >> 20
            return self._fail(Failure(kind=_K.TOO_LARGE, message=f"the response exceeds {limit} MiB"))
        self._gathered.add(data)
        return []

    def close(self) -> Steps:
        """Read the end of a body."""
        if self._asked or self.finished:
            return []
        data = self._gathered.take()
        if not self.refused and self._sse is None:
            self.body = data
        match self._at:
            case _At.SCHEMA:
                return self._take_schema(data)
            case _At.CREATE:
                return self._created(data)
            case _At.SEARCH:
                return self._found(data)
            case _At.STREAM:
                return self._stream_ended()
            case _At.LOOK:
                return self._seen(data)

    def lost(self, failure: Failure) -> Steps:
        """Handle a failure of the connection. A prediction that exists, or may exist, is searched for."""
        match self._at:
            case _At.SCHEMA:
                return self._fail(failure)
            case _At.CREATE if failure.sent:
                return self._search(failure)
            case _At.CREATE:
                return self._fail(failure)
            case _At.SEARCH:
                return self._fail(_once(self._unknown or failure))
            case _At.STREAM:
                return [self._look(after=0.0)]
            case _At.LOOK:
                return self._missed(failure)

    def abort(self) -> Steps:
        """Cancel the prediction if it may still be running."""
        self.finished = True
        running, self._running = self._running, None
        if running is None:
            return []
        url = f"{self._endpoint.base_url}/v1/predictions/{in_path(running)}/cancel"
        return [Send(HttpRequest("POST", url, self._endpoint.headers))]

    # ---- creating it ----

    def _take_schema(self, data: bytes) -> Steps:
        if not self._is_json(200):
            return self._fail(self._classified(data))
        try:
            schema = schema_of(decode_object(data), of_version=self._place.version is not None)
        except BadJson as error:
            problem = decode_error(data)
            if problem is not None:
                return self._fail(decode_failure(problem, self._endpoint))
            return self._fail(_bad(f"the description of the model is invalid: {error}", error.kind))
        self._began = _date(self._head)
        if schema.writes_files:
            message = f"{self._place.model} returns files, not text"
            return self._fail(Failure(kind=_K.UNSUPPORTED, message=message, sent=False))
        return self._write(schema)

    def _write(self, schema: InputSchema) -> Steps:
        notes = WarningLog(self._request.configured)
        path, version = create_route(self._place, schema)
        body = encode_chat(self._request, self._endpoint, schema, version, notes)
        if notes.refusal is not None:
            return [*notes.events(), *self._fail(notes.refusal)]
        return [*notes.events(), self._create(body, path)]

    def _create(self, body: Body, path: str) -> Send:
        self._at, self._body, self._asked = _At.CREATE, body, True
        self._answer = AnswerDecoder(self._endpoint, ceiling_of(body))
        return Send(encode_request(body, path, self._endpoint, stream=self._streamed))

    def _created(self, data: bytes) -> Steps:
        status = self._head.status
        if not self._is_json(*_MADE):
            if status in _MADE:
                media_type = self._head.content_type or "(none)"
                return self._search(
                    _bad(f"HTTP {status} with unexpected content type {media_type} ({len(data)} bytes)")
                )
            failure = self._classified(data)
            return self._search(failure) if status >= 500 else self._fail(failure)
        try:
            prediction = decode_prediction(data)
        except BadJson as error:
            problem = decode_error(data)
            if problem is not None:
                return self._fail(decode_failure(problem, self._endpoint))
            return self._search(_bad(f"the prediction is invalid: {error}", error.kind))
        return self._follow(prediction)

    def _search(self, unknown: Failure) -> Steps:
        """Search for the prediction of a request whose answer was lost or invalid."""
        if self._began is None:
            return self._fail(_once(unknown))
        self._unknown = unknown
        self._at = _At.SEARCH
        return [self._get(f"{self._endpoint.base_url}/v1/predictions")]

    def _found(self, data: bytes) -> Steps:
        """Search the latest predictions for the lost one: same inputs, created since the attempt began."""
        unknown = self._unknown or _bad("the outcome of the request is unknown")
        if not self._is_json(200):
            return self._fail(_once(unknown))
        try:
            latest = decode_predictions(data)
        except BadJson:
            return self._fail(_once(unknown))
        for prediction in latest:
            made = seconds(prediction.created_at)
            since = made is not None and self._began is not None and made >= self._began
            if since and prediction.input == self._body.get("input"):
                return self._follow(prediction)
        return self._fail(unknown)

    def _follow(self, prediction: PredictionWire) -> Steps:
        self._running = prediction.id
        steps: Steps = [*self._answer.started(prediction)]
        if prediction.is_over:
            return [*steps, *self._ended(prediction)]
        address = stream_address(self._endpoint, prediction.stream_url or "") if prediction.stream_url else None
        if self._streamed and address is not None:
            self._at, self._asked = _At.STREAM, True
            url, trusted = address
            headers = (("accept", "text/event-stream"), ("cache-control", "no-store"))
            own = self._endpoint.headers if trusted else ()
            return [*steps, Send(HttpRequest("GET", url, (*headers, *own)), reuse_credential=trusted)]
        return [*steps, *self._progress(prediction)]

    # ---- following it ----

    def _flow(self, events: list[SseEvent]) -> Steps:
        steps: Steps = []
        for event in events:
            if self._at is not _At.STREAM or self.finished:
                break
            if event.id:
                if (event.id, event.data) in self._read:
                    continue
                self._read.append((event.id, event.data))
            steps += self._take(event)
        return steps

    def _take(self, event: SseEvent) -> Steps:
        kept: Steps = [Frame(event.frame)] if event.frame else []
        match event.name:
            case "output":
                try:
                    text = event.data.decode()
                except UnicodeDecodeError as error:
                    return self._fail(_bad(f"the stream is not UTF-8: {error}"))
                return [*self._answer.wrote(text, event.frame if self._endpoint.keep_wire else None)]
            case "done":
                self._answer.streamed = True
                return [*kept, self._look(after=0.0)]
            case "error":
                return [*kept, *self._fail(decode_stream_failure(event.data, self._endpoint))]
            case _:
                return kept

    def _stream_ended(self) -> Steps:
        """Read the end of a stream. Its last event counts if it is the end mark; without one the prediction itself is
        read, and the missing output taken from there."""
        steps: Steps = []
        if self._sse is not None:
            steps = self._flow([event for event in self._sse.close() if event.name == "done"])
        return steps if self._at is not _At.STREAM else [*steps, self._look(after=0.0)]

    def _seen(self, data: bytes) -> Steps:
        if not self._is_json(200):
            return self._missed(self._classified(data))
        try:
            prediction = decode_prediction(data)
        except BadJson as error:
            return self._missed(_bad(f"the prediction is invalid: {error}", error.kind))
        self._misses = 0
        return self._ended(prediction) if prediction.is_over else self._progress(prediction)

    def _progress(self, prediction: PredictionWire) -> Steps:
        grown = self._answer.grown(prediction) if self._streamed and not self._answer.streamed else []
        return [*grown, self._look(after=self._pause())]

    def _missed(self, failure: Failure) -> Steps:
        self._misses += 1
        if failure.kind in _PERMANENT or self._misses > MAX_MISSES:
            return self._fail(failure)
        return [self._look(after=max(self._pause(), min(failure.retry_after or 0.0, LONGEST_HINT)))]

    def _look(self, *, after: float) -> Send:
        self._at, self._sse = _At.LOOK, None
        return self._get(f"{self._endpoint.base_url}/v1/predictions/{in_path(self._running or '')}", after=after)

    def _pause(self) -> float:
        pause = min(SLOWEST_POLL, FIRST_POLL * GROWTH**self._looks)
        self._looks += 1
        return pause

    def _ended(self, prediction: PredictionWire) -> Steps:
        self._running = None
        self.finished = True
        return [*self._answer.ended(prediction)]

    # ---- shared ----

    def _get(self, url: str, *, after: float = 0.0) -> Send:
        self._asked = True
        return Send(HttpRequest("GET", url, self._endpoint.headers), after)

    def _is_json(self, *statuses: int) -> bool:
        return self._head.status in statuses and is_expected(self._head.content_type, ("application/json",))

    def _classified(self, data: bytes) -> Failure:
        return classify(self._head, data, endpoint=self._endpoint, rules=RULES, read=decode_error)

    def _fail(self, failure: Failure) -> Steps:
        self.finished = True
        return [failure]


def _bad(message: str, kind: FailureKind = _K.BAD_RESPONSE) -> Failure:
    return Failure(kind=kind, message=message)


def _once(failure: Failure) -> Failure:
    """Forbid a retry: the prediction may exist, and would run, and cost, twice."""
    return msgspec.structs.replace(failure, should_retry=False)


def _date(head: HttpHead) -> float | None:
    """Return the service's own time of a response, in Unix seconds."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(head.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
