"""How many texts each provider takes in one request for embeddings is a fact of its row."""

from __future__ import annotations

import json

import pytest

from understudy import providers
from understudy.dialects import load
from understudy.dialects.base import Endpoint, Send
from understudy.dialects.quirks import Quirks
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.providers.base import quirks_of
from understudy.wire.bounds import Bounds

WITH_EMBEDDINGS = [name for name in providers.types() if Operation.EMBED in providers.row(name).dialects]


@pytest.mark.parametrize("provider", WITH_EMBEDDINGS)
def test_the_longest_vectors_of_all_texts_that_go_together_are_read(provider: str) -> None:
    """4,096 numbers of 22 bytes; Ollama's, which are the most, are 32-bit numbers without indentation."""
    texts = quirks_of(providers.row(provider), None).embed_batch
    assert Bounds().embeddings(texts) > texts * 4096 * (13 if provider == "ollama" else 22)


def asked(request: EmbeddingRequest, quirks: Quirks) -> dict[str, object]:
    exchange = load("openai").open(
        Operation.EMBED, request, Endpoint(provider="any", base_url="http://h", model="m", quirks=quirks)
    )
    (send,) = (step for step in exchange.start() if isinstance(step, Send))
    body: dict[str, object] = json.loads(send.request.body or b"")
    return body


def test_vectors_are_asked_for_in_the_form_that_the_row_says_unless_the_caller_does() -> None:
    plain = EmbeddingRequest(texts=("a",))
    chosen = EmbeddingRequest(texts=("a",), extra={"openai": {"encoding_format": "float"}})
    assert "encoding_format" not in asked(plain, Quirks())
    assert asked(plain, Quirks(embed_format="base64"))["encoding_format"] == "base64"
    assert asked(chosen, Quirks(embed_format="base64"))["encoding_format"] == "float"
