"""Wire structs of Replicate's API, tolerant of missing and new fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from understudy.dialects.addresses import is_name
from understudy.domain.content import JsonObject
from understudy.wire.json import BadJson, decode_as, encode
from understudy.wire.mending import mend

CEILINGS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_length")
"""Names of the input for the limit of output tokens."""

PLAIN = ("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed", "verbosity")
"""Fields that have the same name as inputs, where a model has them."""

SYSTEM = ("system_prompt", "system_instruction")

BUDGETS = ("thinking_budget", "thinking_budget_tokens")

SWITCHES = ("extended_thinking", "enable_thinking")

STOPS = ("stop_sequences", "stop")

IMAGES = ("image_input", "images", "image", "input_images", "input_image")


NAME = "replicate"

T = TypeVar("T")

SUCCEEDED = "succeeded"
TERMINAL = frozenset({SUCCEEDED, "failed", "canceled", "aborted"})
"""Final statuses. `aborted` (a deadline before the start) is missing in the official client."""

RUNNING = frozenset({"starting", "processing"})


class PredictionWire(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction in any state."""

    id: str
    status: str
    model: Any = None
    version: Any = None
    input: Any = None
    output: Any = None
    error: Any = None
    metrics: Any = None
    created_at: Any = None
    completed_at: Any = None
    urls: Any = None

    @property
    def is_over(self) -> bool:
        """True if the prediction no longer changes, also with an unknown status."""
        return self.status in TERMINAL or (self.status not in RUNNING and self.completed_at is not None)

    @property
    def text(self) -> str:
        """The output so far as text: pieces are joined; anything but strings is written as JSON."""
        match self.output:
            case None:
                return ""
            case str() as text:
                return text
            case list() as pieces if all(isinstance(piece, str) for piece in pieces):
                return "".join(pieces)
            case value:
                return encode(value).decode()

    @property
    def stream_url(self) -> str | None:
        """The URL of the stream; not every model has one."""
        url = self.urls.get("stream") if isinstance(self.urls, dict) else None
        return url if isinstance(url, str) and url else None


class PredictionsWire(msgspec.Struct, frozen=True):
    """A page of the account's predictions, the latest first."""

    results: list[PredictionWire] = []


class VersionWire(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model, with the description of its inputs."""

    id: str | None = None
    openapi_schema: JsonObject | None = None


class ModelWire(msgspec.Struct, frozen=True, kw_only=True):
    """A model."""

    owner: str
    name: str
    description: str | None = None
    is_official: bool | None = None
    created_at: str | None = None
    latest_version: VersionWire | None = None


class PageWire(msgspec.Struct, frozen=True, kw_only=True):
    """A page of models: `results` of the whole catalogue, `models` of a collection."""

    results: list[JsonObject] | None = None
    models: list[JsonObject] | None = None
    next: str | None = None


_PREDICTION: msgspec.json.Decoder[PredictionWire] = msgspec.json.Decoder(PredictionWire)
_PREDICTIONS: msgspec.json.Decoder[PredictionsWire] = msgspec.json.Decoder(PredictionsWire)


def _decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decode_as(decoder, data, sliced=True)
    except BadJson:
        mended = mend(data)
        if mended is None:
            raise
    return decode_as(decoder, mended.data, sliced=True)


def decode_prediction(data: bytes) -> PredictionWire:
    """Decode a prediction. Raises `BadJson` for anything else, or if its id is not safe in a URL."""
    prediction = _decoded(_PREDICTION, data)
    if not is_name(prediction.id):
        raise BadJson("the prediction's id is invalid")
    return prediction


def decode_predictions(data: bytes) -> list[PredictionWire]:
    """Decode a page of predictions. Raises `BadJson`."""
    return [prediction for prediction in _decoded(_PREDICTIONS, data).results if is_name(prediction.id)]


def seconds(date: Any) -> float | None:
    """Return the Unix seconds of an RFC 3339 date, whose fractions may have nine digits; `None` if it is invalid."""
    try:
        when = datetime.fromisoformat(date if isinstance(date, str) else "")
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def date_of(unix: float | None) -> str:
    """Return Unix seconds as a date in Replicate's format; the epoch if unknown."""
    return datetime.fromtimestamp(unix or 0, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
