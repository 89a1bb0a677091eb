"""Recorded answers decode to what the provider's own client reads in them."""

from __future__ import annotations

from tests.contract.answers import answer_of, matched
from tests.contract.driving import Outcome, drive
from tests.contract.kinds import kind_of
from tests.contract.oracles import Fault, oracle_of
from tests.contract.recordings import Recording
from tests.contract.targets import dialect_name, dialect_of, endpoint_for, operation_of
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, TokenCount

HELLO = GenerationRequest(messages=(Message.user("hello"),))


def decoded(recording: Recording) -> Outcome:
    endpoint = endpoint_for(recording)
    exchange = dialect_of(recording).open(Operation.CHAT, HELLO, endpoint, stream=recording.streamed)
    return drive(exchange, recording.head, [recording.body])


def test_an_answer_says_what_the_official_client_reads(chat: Recording) -> None:
    expected = oracle_of(dialect_name(chat), chat.provider).chat(chat)
    outcome = decoded(chat)
    if isinstance(expected, Fault):
        assert outcome.failure is not None
        assert outcome.failure.kind == kind_of(expected)
        assert outcome.failure.message == expected.message
        return
    assert outcome.failure is None
    answer = answer_of(fold(outcome.steps, dialect=dialect_name(chat)))
    assert answer == matched(answer, expected)


def test_an_error_is_of_the_kind_that_the_table_says(error: Recording) -> None:
    dialect, endpoint = dialect_of(error), endpoint_for(error)
    match operation_of(error):
        case Operation.EMBED:
            outcome = drive(
                dialect.open(Operation.EMBED, EmbeddingRequest(texts=("x",)), endpoint), error.head, [error.body]
            )
        case Operation.MODELS:
            outcome = drive(dialect.open(Operation.MODELS, ModelsRequest(), endpoint), error.head, [error.body])
        case Operation.COUNT_TOKENS:
            outcome = drive(dialect.open(Operation.COUNT_TOKENS, HELLO, endpoint), error.head, [error.body])
        case _:
            outcome = drive(dialect.open(Operation.CHAT, HELLO, endpoint), error.head, [error.body])
    expected = oracle_of(dialect_name(error), error.provider).error(error)
    failure = outcome.failure
    assert failure is not None
    assert failure.kind == kind_of(expected)
    assert (failure.status, failure.code, failure.type) == (expected.status, expected.code, expected.type)
    # A dialect may add what to do about it.
    assert failure.message.startswith(" ".join(expected.message.split()))
    assert failure.body is not None


def test_an_error_reads_the_same_where_a_stream_was_asked_for(error: Recording) -> None:
    if operation_of(error) is not Operation.CHAT:
        return
    dialect, endpoint = dialect_of(error), endpoint_for(error)
    whole = drive(dialect.open(Operation.CHAT, HELLO, endpoint), error.head, [error.body]).failure
    assert drive(dialect.open(Operation.CHAT, HELLO, endpoint, stream=True), error.head, [error.body]).failure == whole


def test_vectors_are_those_of_the_official_client(embedding: Recording) -> None:
    expected = oracle_of(dialect_name(embedding), embedding.provider).embed(embedding)
    asked = EmbeddingRequest(texts=("hello",) * len(expected.vectors))
    exchange = dialect_of(embedding).open(Operation.EMBED, asked, endpoint_for(embedding))
    response: EmbeddingResponse = drive(exchange, embedding.head, [embedding.body]).one()
    assert response.embeddings == expected.vectors
    assert response.model == expected.model
    assert response.usage.input == expected.tokens


def test_models_are_those_of_the_official_client(model_list: Recording) -> None:
    expected = oracle_of(dialect_name(model_list), model_list.provider).models(model_list)
    name = _looked_up(model_list)
    # As many as one page holds: a recording is one page, whether others followed or not.
    asked = ModelsRequest(model=name, limit=len(expected))
    exchange = dialect_of(model_list).open(Operation.MODELS, asked, endpoint_for(model_list))
    outcome = drive(exchange, model_list.head, [model_list.body])
    assert outcome.failure is None
    found = [{key: getattr(model, key) for key in expected[0]} for model in outcome.steps]
    assert found == expected


def _looked_up(recording: Recording) -> str | None:
    assert recording.request is not None
    if recording.request.body:
        return str(recording.request.body.get("model") or recording.request.body["name"])
    return recording.request.url.partition("?")[0].partition("/models/")[2] or None


def test_token_counts_are_those_of_the_official_client(token_count: Recording) -> None:
    expected = oracle_of(dialect_name(token_count), token_count.provider).count_tokens(token_count)
    exchange = dialect_of(token_count).open(Operation.COUNT_TOKENS, HELLO, endpoint_for(token_count))
    count: TokenCount = drive(exchange, token_count.head, [token_count.body]).one()
    assert count.input_tokens == expected
