"""Decodes predictions to events: what is new in them at each look, and how they end."""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.replicate.errors import decode_prediction_failure
from understudy.dialects.replicate.usage import decode_usage
from understudy.dialects.replicate.wire import SUCCEEDED, PredictionWire, seconds
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason

Steps = list[e.Event | Failure]


class AnswerDecoder:
    """Decodes the growing answer of one prediction, whether streamed, polled or read once."""

    def __init__(self, endpoint: Endpoint, ceiling: int | None) -> None:
        """`ceiling` is the limit of output tokens: only with it can a truncated answer be recognised."""
        self._endpoint = endpoint
        self._ceiling = ceiling
        self._mark: bytes | None = b"" if endpoint.keep_wire else None
        self._said: list[str] = []
        self.streamed = False
        """The whole output has been read from a stream, so the output of the prediction itself is ignored."""

    def started(self, prediction: PredictionWire) -> Steps:
        """Begin the answer."""
        created = seconds(prediction.created_at)
        model = prediction.model if isinstance(prediction.model, str) else None
        return [e.Started(id=prediction.id, model=model, created=created, wire=self._mark)]

    def wrote(self, text: str, frame: bytes | None = None) -> Steps:
        """Decode a piece of the output. `frame` is its frame in the stream, if frames are kept."""
        if not text:
            return [e.Frame(frame)] if frame else []
        self._said.append(text)
        return [e.TextDelta(0, text, frame if frame is not None else self._mark)]

    def grown(self, prediction: PredictionWire) -> Steps:
        """Decode the output added since the last look."""
        text, said = prediction.text, "".join(self._said)
        return self.wrote(text[len(said) :]) if text.startswith(said) else []

    def ended(self, prediction: PredictionWire) -> Steps:
        """Decode the final state of the prediction."""
        if prediction.status != SUCCEEDED:
            return [decode_prediction_failure(prediction, self._endpoint)]
        said = "".join(self._said)
        if not self.streamed and not prediction.text.startswith(said):
            message = "the stream was interrupted, and the prediction's output does not begin with what it contained"
            return [Failure(kind=FailureKind.TRUNCATED, message=message)]
        steps = [] if self.streamed else self.grown(prediction)
        usage = decode_usage(prediction)
        if usage is not None:
            steps.append(e.UsageReported(usage, self._mark))
        written = usage.output if usage is not None else None
        full = written is not None and self._ceiling is not None and written >= self._ceiling
        steps.append(e.Finished(FinishReason.LENGTH if full else FinishReason.STOP, prediction.status, self._mark))
        return steps
