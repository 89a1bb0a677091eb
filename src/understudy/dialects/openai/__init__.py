"""Chat completions, embeddings and models: the wire format that most services speak, in both directions."""

from __future__ import annotations

from understudy.dialects.openai.client import OpenAIDialect
from understudy.dialects.openai.server import OpenAIServer

DIALECT = OpenAIDialect()
SERVER = OpenAIServer()

__all__ = ["DIALECT", "SERVER"]
