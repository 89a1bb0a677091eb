"""Ollama's native API: chats as newline-delimited JSON, embeddings, and the models that are pulled."""

from understudy.dialects.ollama.client import OllamaDialect
from understudy.dialects.ollama.server import OllamaServer

DIALECT = OllamaDialect()
SERVER = OllamaServer()

__all__ = ["DIALECT", "SERVER"]
