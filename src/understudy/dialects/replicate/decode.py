"""Predictions as events: what is new in them each time they are seen, and how they end."""

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
    """One prediction's answer while it grows, whether it is read as a stream, polled, or seen once."""

    def __init__(self, endpoint: Endpoint, ceiling: int | None) -> None:
        """`ceiling` is the number of tokens at which the model had to stop: nothing else tells that it had to."""
        self._endpoint = endpoint
        self._ceiling = ceiling
        self._mark: bytes | None = b"" if endpoint.keep_wire else None
        self._said: list[str] = []
        self.streamed = False
        """The whole output has been read from a stream, so the prediction's own record of it adds nothing."""

    def started(self, prediction: PredictionWire) -> Steps:
        """Begin the answer."""
        created = seconds(prediction.created_at)
        model = prediction.model if isinstance(prediction.model, str) else None
        return [e.Started(id=prediction.id, model=model, created=created, wire=self._mark)]

    def wrote(self, text: str, frame: bytes | None = None) -> Steps:
        """Take a piece of the output. `frame` is the one of the stream that it came in, where frames are kept."""
        if not text:
            return [e.Frame(frame)] if frame else []
        self._said.append(text)
        return [e.TextDelta(0, text, frame if frame is not None else self._mark)]

    def grown(self, prediction: PredictionWire) -> Steps:
        """Take what the output has gained since it was last seen."""
        text, said = prediction.text, "".join(self._said)
        return self.wrote(text[len(said) :]) if text.startswith(said) else []

    def ended(self, prediction: PredictionWire) -> Steps:
        """Take the final state of the prediction."""
        if prediction.status != SUCCEEDED:
            return [decode_prediction_failure(prediction, self._endpoint)]
        said = "".join(self._said)
        if not self.streamed and not prediction.text.startswith(said):
            message = "the stream broke off, and the prediction's output is not what it began with"
            return [Failure(kind=FailureKind.TRUNCATED, message=message)]
        steps = [] if self.streamed else self.grown(prediction)
        usage = decode_usage(prediction)
        if usage is not None:
            steps.append(e.UsageReported(usage, self._mark))
        written = usage.output if usage is not None else None
        full = written is not None and self._ceiling is not None and written >= self._ceiling
        steps.append(e.Finished(FinishReason.LENGTH if full else FinishReason.STOP, prediction.status, self._mark))
        return steps
