"""The model catalogue: `GET /v1/models` over its pages, and `GET /v1/models/{id}`."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import msgspec

from understudy.dialects.anthropic.errors import RULES, read_error
from understudy.dialects.anthropic.wire import ModelItem, ModelPage
from understudy.dialects.base import MAX_BODY, Endpoint, Send, is_expected
from understudy.dialects.errors import classify
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

PAGE = 1000
"""Models per page; the service takes 1 to 1000."""

MAX_PAGES = 50
"""Against a catalogue that never ends."""

CAPABILITIES = {
    "image_input": "vision",
    "pdf_input": "pdf_input",
    "thinking": "thinking",
    "structured_outputs": "structured_output",
}
"""What the service calls capabilities, in this library's words."""

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def read_model(item: JsonObject) -> ModelInfo:
    """Read one model. Raises `BadJson` when it is none."""
    try:
        model = msgspec.convert(item, ModelItem)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error
    return ModelInfo(
        id=model.id,
        display_name=model.display_name,
        created=_seconds(model.created_at),
        context_window=token_count(model.max_input_tokens),
        max_output_tokens=token_count(model.max_tokens),
        capabilities=_capabilities(model.capabilities),
        lacks=frozenset(_told(model.capabilities or {}, supported=False)),
        raw=item,
    )


def decode_model(data: bytes) -> list[ModelInfo | Failure]:
    """Read the body of a look-up."""
    return [read_model(decode_object(data))]


class ModelPages:
    """An exchange that reads page after page until the catalogue, or the limit, ends."""

    def __init__(self, request: ModelsRequest, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._left = request.limit
        self._after = request.after
        self._pages = 0
        self._head = HttpHead(0, {})
        self._pieces: list[bytes] = []
        self._size = 0
        self.finished = False

    def start(self) -> list[ModelInfo | Send | Failure]:
        """Ask for the first page."""
        return [self._send()]

    def head(self, head: HttpHead) -> list[ModelInfo | Send | Failure]:
        """Take status and headers of a page."""
        self._head = head
        return []

    def feed(self, data: bytes) -> list[ModelInfo | Send | Failure]:
        """Gather a page."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_BODY:
            return self._end(Failure(kind=FailureKind.TOO_LARGE, message=f"the response exceeds {MAX_BODY} bytes"))
        return []

    def close(self) -> list[ModelInfo | Send | Failure]:
        """Take the end of a page: hand out its models, and ask for the next if there is one."""
        data = b"".join(self._pieces)
        if self._head.status != 200 or not is_expected(self._head.content_type, ("application/json",)):
            return self._end(classify(self._head, data, endpoint=self._endpoint, rules=RULES, read=read_error))
        try:
            page = decode_as(_PAGE, data)
            models = [read_model(item) for item in page.data[: self._left]]
        except BadJson as error:
            return self._end(Failure(kind=FailureKind.BAD_RESPONSE, message=f"the model list is not valid: {error}"))
        if self._left is not None:
            self._left -= len(models)
        last, self._after = self._after, page.last_id
        if not page.has_more or not page.last_id or page.last_id == last or self._left == 0 or self._pages == MAX_PAGES:
            return [*models, *self._end()]
        return [*models, self._send()]

    def lost(self, failure: Failure) -> list[ModelInfo | Send | Failure]:
        """Pass the failure on."""
        return self._end(failure)

    def abort(self) -> list[ModelInfo | Send | Failure]:
        """Closing the connection is enough."""
        return self._end()

    def _end(self, *steps: Failure) -> list[ModelInfo | Send | Failure]:
        self.finished = True
        return [*steps]

    def _send(self) -> Send:
        self._pages += 1
        self._pieces, self._size = [], 0
        query = {"limit": str(PAGE if self._left is None else max(1, min(self._left, PAGE)))}
        if self._after:
            query["after_id"] = self._after
        url = f"{self._endpoint.base_url}/v1/models?{urlencode(query)}"
        return Send(HttpRequest("GET", url, self._endpoint.headers))


def model_url(endpoint: Endpoint, model: str) -> str:
    """Return where one model is described."""
    return f"{endpoint.base_url}/v1/models/{quote(model, safe='')}"


def _capabilities(raw: JsonObject | None) -> frozenset[str] | None:
    """Every model of this API chats and calls tools; of the rest the catalogue tells."""
    if raw is None:
        return None
    return frozenset({"chat", "tools"} | _told(raw, supported=True))


def _told(raw: JsonObject, *, supported: bool) -> set[str]:
    """Return what is said to be supported, or not to be."""
    return {
        ours
        for theirs, ours in CAPABILITIES.items()
        if isinstance(value := raw.get(theirs), dict) and value.get("supported") is supported
    }


def _seconds(date: str | None) -> float | None:
    """Unix seconds of an RFC 3339 date; the service writes the epoch where it does not know."""
    try:
        when = datetime.fromisoformat(date) if date else None
    except ValueError:
        return None
    if when is None:
        return None
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds > 0 else None
