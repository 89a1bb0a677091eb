"""The client half: opens exchanges at Replicate."""

from __future__ import annotations

from understudy.dialects.base import Dialect
from understudy.dialects.replicate.exchange import PredictionExchange
from understudy.dialects.replicate.models import open_models
from understudy.dialects.replicate.wire import NAME
from understudy.domain.operation import Operation

DIALECT = Dialect(NAME, {Operation.CHAT: PredictionExchange, Operation.MODELS: open_models})
