"""The client half: opens exchanges at Replicate."""

from __future__ import annotations

from understudy.dialects.base import Dialect, Endpoint, Exchange
from understudy.dialects.replicate.exchange import PredictionExchange
from understudy.dialects.replicate.models import open_models
from understudy.dialects.replicate.wire import NAME
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    """Open a prediction of a language model."""
    return PredictionExchange(request, endpoint, stream=stream)


DIALECT = Dialect(
    NAME,
    {
        Operation.CHAT: _chat,
        Operation.MODELS: open_models,
    },
)
