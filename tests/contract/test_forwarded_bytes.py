"""Recorded requests keep their bytes where they go out over the wire format in which they came in, however spelled."""

from __future__ import annotations

import random

from msgspec.structs import replace

from tests.contract.recordings import Recording
from tests.contract.targets import dialect_name, server_of
from tests.contract.test_requests import endpoint, relative
from tests.forwarding.bodies import spell
from tests.forwarding.test_bodies import digest, sent_for, unspliced
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest


def test_a_recorded_body_keeps_its_bytes(requested: Recording) -> None:
    dialect = dialect_name(requested)
    assert requested.request is not None
    came = spell(requested.request.body, random.Random(requested.name)).encode()
    inbound = server_of(dialect).parse(replace(relative(requested), body=came))
    if not isinstance(inbound.request, GenerationRequest | EmbeddingRequest) or inbound.request.origin is None:
        return  # A list of models, or Ollama's text completion, which is answered as a chat.
    if dialect == "cohere" and inbound.operation is Operation.COUNT_TOKENS:
        return  # A long text is counted in pieces, so it is written anew.
    target = endpoint(requested)
    values = {"model": f'"{target.model or inbound.request.model}"'.encode()}
    sent = sent_for(inbound, dialect, target).body or b""
    assert digest(unspliced(sent, came, values)) == digest(came)
