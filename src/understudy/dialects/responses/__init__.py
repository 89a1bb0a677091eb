"""OpenAI's Responses API: items in, items out, and a stream of named events."""

from __future__ import annotations

from understudy.dialects.responses.client import ResponsesDialect
from understudy.dialects.responses.server import ResponsesServer

DIALECT = ResponsesDialect()
SERVER = ResponsesServer()

__all__ = ["DIALECT", "SERVER"]
