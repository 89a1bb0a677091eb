"""How many texts each provider takes in one request for embeddings is a fact of its row."""

from __future__ import annotations

import json

import pytest

from understudy import providers
from understudy.dialects import load
from understudy.dialects.base import Endpoint, Operation, Send
from understudy.dialects.quirks import Quirks
from understudy.domain.requests import EmbeddingRequest
from understudy.providers.base import quirks_of

WITH_EMBEDDINGS = [name for name in providers.types() if Operation.EMBED in providers.row(name).dialects]


@pytest.mark.parametrize("provider", WITH_EMBEDDINGS)
def test_every_provider_with_embeddings_says_how_many_texts_it_takes(provider: str) -> None:
    assert quirks_of(providers.row(provider), None).embed_batch is not None


@pytest.mark.parametrize("provider", ["openai", "azure-openai"])
def test_fewer_texts_go_together_where_vectors_are_long(provider: str) -> None:
    row = providers.row(provider)
    assert quirks_of(row, "text-embedding-3-small").embed_batch == 1024
    assert quirks_of(row, "text-embedding-3-large").embed_batch == 512


def asked(request: EmbeddingRequest, quirks: Quirks) -> dict[str, object]:
    exchange = load("openai").embed(request, Endpoint(provider="any", base_url="http://h", model="m", quirks=quirks))
    (send,) = (step for step in exchange.start() if isinstance(step, Send))
    body: dict[str, object] = json.loads(send.request.body or b"")
    return body


def test_vectors_are_asked_for_in_the_form_that_the_row_says_unless_the_caller_does() -> None:
    plain = EmbeddingRequest(texts=("a",))
    chosen = EmbeddingRequest(texts=("a",), extra={"openai": {"encoding_format": "float"}})
    assert "encoding_format" not in asked(plain, Quirks())
    assert asked(plain, Quirks(embed_format="base64"))["encoding_format"] == "base64"
    assert asked(chosen, Quirks(embed_format="base64"))["encoding_format"] == "float"
