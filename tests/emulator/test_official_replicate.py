"""Replicate's official client against the emulated service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError

from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault
from understudy.emulator.cast.replicate import version_of

PROVIDER = "replicate"
LLAMA = "meta/meta-llama-3-70b-instruct"
PLAIN = "understudy/plain-writer"
ASKED = {"prompt": "What is the capital of France?"}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[Client]:
    async with httpx.AsyncHTTPTransport() as transport:
        client = Client(api_token=emulator.key, base_url=emulator.origin(PROVIDER), transport=transport)
        client.poll_interval = 0.001
        yield client


async def test_run(client: Any) -> None:
    assert "".join(await client.async_run(LLAMA, input=ASKED)) == "The capital is Paris."


async def test_run_without_waiting_polls_to_the_end(client: Any, emulator: Emulator) -> None:
    assert "".join(await client.async_run(LLAMA, input=ASKED, wait=False)) == "The capital is Paris."
    looks = [request for request in emulator.requests(PROVIDER) if request.method == "GET"]
    assert len(looks) == 2


async def test_run_by_version_iterates_over_the_output(client: Any) -> None:
    output = await client.async_run(f"{PLAIN}:{version_of(PLAIN)}", input=ASKED)
    assert "".join([piece async for piece in output]) == "The capital is Paris."


async def test_stream(client: Any) -> None:
    events = [event async for event in await client.async_stream(LLAMA, input=ASKED)]
    assert "".join(map(str, events)) == "The capital is Paris."
    assert [event.event.value for event in events] == ["output"] * (len(events) - 1) + ["done"]
    assert len(events) > 2
    assert [event.id.partition(":")[2] for event in events] == [str(n) for n in range(len(events))]


async def test_text_of_several_lines_streams_as_it_is(client: Any) -> None:
    whole = "".join(await client.async_run(LLAMA, input={"prompt": "Write me a poem"}))
    events = [event async for event in await client.async_stream(LLAMA, input={"prompt": "Write me a poem"})]
    assert "\n" in whole
    assert "".join(map(str, events)) == whole


async def test_a_prediction_goes_on_whenever_it_is_looked_at(client: Any) -> None:
    prediction = await client.models.predictions.async_create(LLAMA, input=ASKED)
    seen = [(prediction.status, prediction.output)]
    for _ in range(2):
        await prediction.async_reload()
        seen.append((prediction.status, prediction.output))
    assert [status for status, _ in seen] == ["starting", "processing", "succeeded"]
    assert seen[0][1] is None
    assert "".join(seen[2][1]).startswith("".join(seen[1][1]))
    times = {"predict_time": 0.06, "total_time": 0.16}
    assert prediction.metrics == {"input_token_count": 12, "output_token_count": 6, **times}
    assert prediction.input == ASKED
    assert prediction.model == LLAMA


async def test_cancel(client: Any) -> None:
    prediction = await client.predictions.async_create(model=LLAMA, input=ASKED)
    await prediction.async_cancel()
    assert prediction.status == "canceled"
    await prediction.async_reload()
    assert prediction.status == "canceled"


async def test_cancelling_what_has_ended_changes_nothing(client: Any) -> None:
    prediction = await client.models.predictions.async_create(LLAMA, input=ASKED, wait=True)
    await prediction.async_cancel()
    assert prediction.status == "succeeded"


async def test_list_predictions(client: Any) -> None:
    made = [await client.predictions.async_create(model=LLAMA, input=ASKED) for _ in range(2)]
    listed = await client.predictions.async_list()
    assert [prediction.id for prediction in listed.results] == [prediction.id for prediction in reversed(made)]


async def test_models(client: Any) -> None:
    page = await client.models.async_list()
    assert LLAMA in [model.id for model in page.results]
    assert page.next is None
    model = await client.models.async_get(LLAMA)
    assert model.latest_version is not None
    version = await model.versions.async_get(model.latest_version.id)
    assert "system_prompt" in version.openapi_schema["components"]["schemas"]["Input"]["properties"]
    collection = await client.collections.async_get("language-models")
    assert LLAMA in [model.id for model in collection.models]
    assert "understudy/painter" not in [model.id for model in collection.models]


async def test_account(client: Any) -> None:
    assert (await client.accounts.async_current()).username == "understudy"


@pytest.mark.parametrize(
    ("model", "inputs", "status", "words"),
    [
        (LLAMA, {"prompt": "x", "max_new_tokens": 5}, 422, "Additional property max_new_tokens"),
        (LLAMA, {"system_prompt": "x"}, 422, "prompt is required"),
        ("anthropic/claude-4-sonnet", {"prompt": "x", "max_tokens": 10}, 422, "Must be greater than or equal to 1024"),
        ("no/such-model", ASKED, 404, "could not be found"),
    ],
)
async def test_inputs_are_held_to_the_models_description(
    client: Any, model: str, inputs: dict[str, object], status: int, words: str
) -> None:
    with pytest.raises(ReplicateError, match=words) as caught:
        await client.async_run(model, input=inputs)
    assert caught.value.status == status


async def test_only_official_models_run_by_their_name(client: Any) -> None:
    with pytest.raises(ReplicateError, match="Invalid version") as caught:
        await client.predictions.async_create(version=PLAIN, input=ASKED)
    assert caught.value.status == 422


async def test_a_wrong_key_and_a_lost_prediction(client: Any, emulator: Emulator) -> None:
    with pytest.raises(ReplicateError) as caught:
        await client.predictions.async_get("prdnonesuch")
    assert caught.value.status == 404
    async with httpx.AsyncHTTPTransport() as transport:
        stranger = Client(api_token="wrong", base_url=emulator.origin(PROVIDER), transport=transport)
        with pytest.raises(ReplicateError) as caught:
            await stranger.async_run(LLAMA, input=ASKED)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    ("kind", "status"), [(FailureKind.BILLING, 402), (FailureKind.RATE_LIMITED, 429), (FailureKind.SERVER_ERROR, 500)]
)
async def test_errors(client: Any, emulator: Emulator, kind: FailureKind, status: int) -> None:
    emulator.script(PROVIDER, always=Fault.error(kind), on=Operation.CHAT)
    with pytest.raises(ReplicateError) as caught:
        await client.predictions.async_create(model=LLAMA, input=ASKED)
    assert caught.value.status == status
    assert caught.value.detail


async def test_what_the_filter_stops_is_a_failed_prediction(client: Any, emulator: Emulator) -> None:
    emulator.script(PROVIDER, always=Fault.refusal(), on=Operation.CHAT)
    with pytest.raises(ModelError, match="flagged as sensitive"):
        await client.async_run(LLAMA, input=ASKED)


async def test_an_error_in_a_stream(client: Any, emulator: Emulator) -> None:
    emulator.script(PROVIDER, [None, Fault.error_event(FailureKind.OVERLOADED, after=1)])
    with pytest.raises(RuntimeError, match="temporarily unavailable"):
        async for _ in await client.async_stream(LLAMA, input=ASKED):
            pass
