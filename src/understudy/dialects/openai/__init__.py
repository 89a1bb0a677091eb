"""Chat completions, embeddings and models: the wire format that most services speak, in both directions."""

from __future__ import annotations

from understudy.dialects.base import Dialect
from understudy.dialects.openai.client import OpenAIDialect

DIALECT: Dialect = OpenAIDialect()

__all__ = ["DIALECT"]
