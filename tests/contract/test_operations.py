"""An operation is implemented completely, in both halves, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.driving import drive_reply, open_only
from tests.contract.native import BASE, DIALECTS, REQUESTS, endpoint, inbound, request
from tests.contract.targets import server_of
from understudy import dialects, providers
from understudy.dialects.base import Dialect, Exchange
from understudy.domain.content import Opaque, Text
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import SPOKEN, Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.domain.warnings import WarningKind
from understudy.wire.http import HttpReply, HttpRequest

CHAT = GenerationRequest(messages=(Message.user("hello"),), model="m")
EMBED = EmbeddingRequest(texts=("a", "b"), model="m")

ANSWERS: dict[Operation, Any] = {
    Operation.CHAT: GenerationResponse(
        message=Message.assistant("hi"),
        finish_reason=FinishReason.STOP,
        usage=Usage(input=2, output=1),
        model="m",
        id="x-1",
        created=1700000000.0,
    ),
    Operation.EMBED: EmbeddingResponse(embeddings=((0.5, -0.25), (1.0, 0.0)), model="m", usage=Usage(input=2)),
    Operation.MODELS: [ModelInfo(id="m"), ModelInfo(id="n")],
    Operation.COUNT_TOKENS: TokenCount(input_tokens=7, model="m"),
}

OFFERED = [(name, operation) for name, operation in REQUESTS if name in DIALECTS]


ASKED: dict[Operation, Any] = {
    Operation.CHAT: CHAT,
    Operation.EMBED: EMBED,
    Operation.MODELS: ModelsRequest(),
    Operation.COUNT_TOKENS: CHAT,
}


def opened(dialect: Dialect, operation: Operation, asked: Any = None) -> Exchange[Any]:
    return dialect.open(operation, asked or ASKED[operation], endpoint(dialect.name))


def rendered(name: str, operation: Operation) -> HttpReply:
    return server_of(name).render(ANSWERS[operation], inbound(name, operation))


def decoded(body: bytes | None) -> Any:
    return None if body is None else json.loads(body)


@pytest.mark.parametrize("name", DIALECTS)
def test_the_table_of_native_requests_knows_every_operation(name: str) -> None:
    known = {operation for dialect, operation in REQUESTS if dialect == name}
    assert dialects.load(name).operations.keys() == server_of(name).operations.keys() == known
    assert dialects.load(name).name == server_of(name).name == name


@pytest.mark.parametrize(("name", "operation"), OFFERED)
def test_what_the_client_half_sends_the_server_half_understands(name: str, operation: Operation) -> None:
    sent = open_only(opened(dialects.load(name), operation)).request
    assert sent.url.startswith(BASE + "/")
    server, path = server_of(name), sent.url.removeprefix(BASE)
    assert server.operation(sent.method, path.partition("?")[0]) is operation
    read = server.parse(HttpRequest(sent.method, path, sent.headers, sent.body))
    assert read.operation is operation
    if operation is not Operation.MODELS:
        assert read.request.model == "m"
    again = open_only(opened(dialects.load(name), operation, read.request)).request
    assert again.url == sent.url
    assert decoded(again.body) == decoded(sent.body)


@pytest.mark.parametrize(("name", "operation"), OFFERED)
def test_what_the_server_half_answers_the_client_half_reads(name: str, operation: Operation) -> None:
    reply = rendered(name, operation)
    assert reply.status in (200, 201)
    outcome = drive_reply(opened(dialects.load(name), operation), reply)
    assert outcome.failure is None
    match operation:
        case Operation.CHAT:
            response = fold(outcome.steps)
            assert (response.text, response.finish_reason, response.usage.total) == ("hi", FinishReason.STOP, 3)
        case Operation.EMBED:
            found = outcome.one()
            assert (found.embeddings, found.model) == (ANSWERS[operation].embeddings, "m")
        case Operation.MODELS:
            assert [model.id for model in outcome.steps] == ["m", "n"]
        case Operation.COUNT_TOKENS:
            assert outcome.one().input_tokens == 7


@pytest.mark.parametrize("operation", SPOKEN)
@pytest.mark.parametrize("name", DIALECTS)
def test_an_operation_that_is_missing_is_missing_altogether(name: str, operation: Operation) -> None:
    if operation in dialects.load(name).operations:
        return
    others = [request(*key) for key in REQUESTS if key[1] is operation]
    assert [server_of(name).operation(asked.method, asked.url.partition("?")[0]) for asked in others] == [None] * len(
        others
    )


@pytest.mark.parametrize("kind", providers.types())
def test_a_row_sends_operations_only_to_dialects_that_have_them(kind: str) -> None:
    row = providers.row(kind)
    assert {op for op, name in row.dialects.items() if op not in dialects.load(name).operations} == set()


@pytest.mark.parametrize(("name", "operation"), OFFERED)
def test_no_credential_is_in_what_a_dialect_writes(name: str, operation: Operation) -> None:
    sent = open_only(opened(dialects.load(name), operation)).request
    assert {header.lower() for header, _ in sent.headers} & {"authorization", "x-api-key", "api-key"} == set()


@pytest.mark.parametrize("name", [name for name, operation in OFFERED if operation is Operation.COUNT_TOKENS])
def test_a_count_tells_what_of_the_prompt_it_leaves_out_and_of_nothing_else(name: str) -> None:
    foreign = Message.user((Text("hello"), Opaque("elsewhere", {"type": "x"})))
    asked = GenerationRequest(
        messages=(foreign,), model="m", top_p=0.5, min_p=0.1, seed=1, stop=("a",) * 99, logit_bias={"1": 1.0},
        logprobs=True, presence_penalty=9.0, user="u", metadata={"a": "b"}, service_tier="x", cache_key="k",
    )  # fmt: skip
    answer = rendered(name, Operation.COUNT_TOKENS)
    (counted,) = drive_reply(opened(dialects.load(name), Operation.COUNT_TOKENS, asked), answer).steps
    dropped = [warning.what for warning in counted.warnings if warning.kind is WarningKind.DROPPED]
    assert dropped == ["opaque part"]
