"""The fields that the rules know are those of the official client's types."""

from __future__ import annotations

import pytest
from openai.types.chat import completion_create_params as chat
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.responses import response_create_params as responses
from openai.types.responses.input_token_count_params import InputTokenCountParams

from understudy.emulator.examiners import openai, openai_embeddings
from understudy.emulator.examiners import responses as own_responses


@pytest.mark.parametrize(
    ("fields", "official"),
    [
        (openai.FIELDS, chat.CompletionCreateParamsStreaming),
        (openai_embeddings.FIELDS, EmbeddingCreateParams),
        (own_responses.FIELDS, responses.ResponseCreateParamsStreaming),
        (own_responses.COUNT_FIELDS, InputTokenCountParams),
    ],
)
def test_the_known_fields_are_those_of_the_official_client(fields: tuple[str, ...], official: type) -> None:
    assert set(fields) == official.__required_keys__ | official.__optional_keys__  # type: ignore[attr-defined]
