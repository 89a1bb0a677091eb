"""Hugging Face's feature extraction: bare arrays. Source: the Inference Providers' documentation of that task."""

from __future__ import annotations

from tests.hostile.answers.base import Answers, InStream, Refusal, posts
from understudy.domain.failures import FailureKind as K


def _error(message: str) -> bytes:
    return f'{{"error":"{message}"}}'.encode()


ANSWERS = Answers(
    dialect="hf-features",
    provider="huggingface",
    model="openai/gpt-oss-120b",
    base="/v1",
    embedding_model="thenlper/gte-large",
    routes={"embed": posts("/pipeline/feature-extraction")},
    vectors=b"[[0.5,0.25,-0.75]]",
    counts_embeddings=False,
    refusals={
        "rate_limit": (Refusal(429, _error("Rate limit reached. Please log in or use a HF access token")),),
        "billing": (Refusal(402, _error("You have exceeded your monthly included credits for Inference Providers.")),),
        "authentication": (Refusal(401, _error("Invalid credentials in Authorization header")),),
        "permission": (Refusal(403, _error("This authentication method does not have sufficient permissions")),),
        "not_found": (Refusal(404, _error("Model thenlper/gte-large does not exist")),),
        "invalid": (Refusal(422, _error("Input validation error: inputs cannot be empty")),),
        "server": (Refusal(500, _error("Internal Server Error")),),
        "overloaded": (
            Refusal(503, b'{"error":"Model thenlper/gte-large is currently loading","estimated_time":0.02}'),
        ),
    },
    in_200=(InStream(_error("Internal Server Error"), K.SERVER_ERROR),),
)
