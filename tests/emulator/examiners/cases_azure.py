"""Requests to Azure OpenAI, each of which breaks one rule: OpenAI's, or one about versions and deployments."""

from __future__ import annotations

from tests.emulator.examiners import cases_openai as openai
from tests.emulator.examiners.cases_openai import CITY, HELLO, answer, chat, embed, to
from tests.emulator.examiners.tables import Case, Table

CHAT = "/openai/deployments/gpt-4.1/chat/completions"
OLD, NEW = f"{CHAT}?api-version=2024-06-01", f"{CHAT}?api-version=2024-10-21"
FIVE = "/openai/deployments/gpt-5-mini/chat/completions?api-version=2024-12-01-preview"
STREAM = chat(stream=True, stream_options={"include_usage": True})

VERSIONS = (
    Case("api-version", chat(), chat(), "Resource not found", path=CHAT, kept_path=NEW),
    Case("model", {"messages": [HELLO]}, chat(), "Missing required parameter: 'model'."),
    Case("model", {"messages": [HELLO]}, {"messages": [HELLO]}, kept_path=NEW),
    Case("model", {"input": "x"}, embed("x"), path="/openai/v1/embeddings"),
    Case("stream-options-of-version", STREAM, STREAM, "argument supplied: stream_options", path=OLD, kept_path=NEW),
    Case("schemas-of-version", answer(CITY), answer(CITY), "2024-08-01-preview", path=OLD, kept_path=NEW),
    Case("max-tokens-of-model", to("any", max_tokens=9), to("any", max_completion_tokens=9), "max_tokens", path=FIVE),
)
TABLES = (
    Table("azure-openai", "openai", "/openai/v1/chat/completions", (*VERSIONS, *openai.CHATS)),
    Table("azure-openai", "openai", "/openai/v1/embeddings", openai.EMBEDDINGS),
)
