"""MLflow: what it made of the traces, by its own API.

https://mlflow.org/docs/latest/genai/tracing/opentelemetry/ingest/
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tests.servers.running import Running
from tests.telemetry.backends import traffic


class Trace(NamedTuple):
    info: dict[str, Any]
    spans: list[dict[str, Any]]

    def meta(self, name: str) -> Any:
        return json.loads(self.info["trace_metadata"][f"mlflow.trace.{name}"])

    @property
    def root(self) -> dict[str, Any]:
        (found,) = (each for each in self.spans if each["name"] == self.name)
        return found

    @property
    def attempts(self) -> list[dict[str, Any]]:
        below = [each for each in self.spans if each["name"] != self.name]
        assert {each["parent_span_id"] for each in below} == {self.root["span_id"]}
        return below

    @property
    def name(self) -> str:
        names: list[str] = [each["name"] for each in self.spans]
        return next(each for each in names if each.endswith((" main", " hedged", "/text-embedding-3-small")))


def value_of(value: dict[str, Any]) -> Any:
    """Return an attribute as a Python value: the API writes OTLP's `AnyValue`."""
    ((kind, inner),) = value.items()
    if kind == "array_value":
        return [value_of(each) for each in inner.get("values", [])]
    if kind == "kvlist_value":
        return {each["key"]: value_of(each["value"]) for each in inner.get("values", [])}
    return inner


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: value_of(each["value"]) for each in span["attributes"]}


def own(span: dict[str, Any], name: str) -> Any:
    return attributes(span).get(f"mlflow.{name}")


class Experiment:
    """An experiment of MLflow, which the gateway's headers name."""

    def __init__(self, server: Running, name: str) -> None:
        self.server = server
        self.number = server.post("/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"]

    def found(self) -> list[dict[str, Any]]:
        """Return the traces, the oldest first."""
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.number}}
        body = {"locations": [place], "max_results": 50}
        found = self.server.post("/api/3.0/mlflow/traces/search", body).get("traces", [])
        return sorted(found, key=lambda each: str(each["request_time"]))

    def traces(self) -> list[Trace]:
        path = "/api/3.0/mlflow/traces/get?trace_id="
        return [Trace(each, self.server.get(path + each["trace_id"])["trace"]["spans"]) for each in self.found()]


class Received(NamedTuple):
    traces: list[Trace]
    answers: dict[str, Any]


@pytest.fixture(scope="session")
def all_of_it(mlflow: Running, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """With prompts, answers and MLflow's own attributes."""
    experiment = Experiment(mlflow, "all")
    answers = traffic.send(
        tmp_path_factory.mktemp("gateway"),
        lambda: len(experiment.found()),
        endpoint=mlflow.url,
        headers={"x-mlflow-experiment-id": experiment.number},
        content="all",
        content_redact=[r"EMP-\d{6}"],
        backends=["mlflow"],
    )
    return Received(experiment.traces(), answers)


@pytest.fixture(scope="session")
def least(mlflow: Running, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """Without prompts and without MLflow's own attributes, in the draft's names."""
    experiment = Experiment(mlflow, "least")
    answers = traffic.send(
        tmp_path_factory.mktemp("gateway"),
        lambda: len(experiment.found()),
        endpoint=mlflow.url,
        headers={"x-mlflow-experiment-id": experiment.number},
        profile="draft",
    )
    return Received(experiment.traces(), answers)


def test_each_request_is_one_trace(all_of_it: Received) -> None:
    states = [(each.name, each.info["state"]) for each in all_of_it.traces]
    assert states == [
        ("chat main", "OK"),
        ("chat main", "OK"),
        ("chat hedged", "OK"),
        ("chat main", "OK"),
        ("embeddings openai/text-embedding-3-small", "OK"),
        ("chat main", "IN_PROGRESS"),  # its first span is its caller's, which was never sent
        ("chat main", "ERROR"),
    ]
    assert [len(each.attempts) for each in all_of_it.traces] == [1, 1, 2, 1, 1, 3, 2]


def test_an_answer_has_tokens_costs_its_session_and_its_texts(all_of_it: Received) -> None:
    plain, usage = all_of_it.traces[0], all_of_it.answers["plain"]["usage"]
    assert plain.info["trace_metadata"]["mlflow.trace.session"] == traffic.SESSION
    assert plain.info["tags"]["team"] == "search"
    assert plain.meta("tokenUsage")["input_tokens"] == usage["prompt_tokens"]
    assert plain.meta("tokenUsage")["output_tokens"] == usage["completion_tokens"]
    cost = (usage["prompt_tokens"] * 1 + usage["completion_tokens"] * 2) / 1e6
    assert plain.meta("cost")["total_cost"] == pytest.approx(cost)
    assert json.loads(plain.info["request_preview"]) == f"{traffic.QUESTION} [redacted]"
    assert json.loads(plain.info["response_preview"]) == traffic.ANSWER
    (attempt,) = plain.attempts
    assert own(attempt, "spanType") == "CHAT_MODEL"
    assert (own(attempt, "llm.model"), own(attempt, "llm.provider")) == ("gpt-6-luna", "openai")
    system, user = own(attempt, "spanInputs")
    assert system == {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}
    assert user["parts"][0]["content"] == f"{traffic.QUESTION} [redacted]"
    (answer,) = own(attempt, "spanOutputs")
    assert answer["parts"] == [{"type": "text", "content": traffic.ANSWER}]


def test_a_fallback_shows_the_failed_attempts_and_counts_the_answer(all_of_it: Received) -> None:
    fallback, usage = all_of_it.traces[5], all_of_it.answers["fallback"]["usage"]
    assert fallback.info["trace_id"] == f"tr-{all_of_it.answers['trace_id']}"
    shown = [(each["name"], each["status"].get("message")) for each in fallback.attempts]
    assert shown == [
        ("chat gpt-6-luna", "server_error"),
        ("chat gpt-6-luna", "billing"),
        ("chat claude-sonnet-4-6", None),
    ]
    assert fallback.meta("tokenUsage")["input_tokens"] == usage["prompt_tokens"]
    cost = (usage["prompt_tokens"] * 3 + usage["completion_tokens"] * 15) / 1e6
    assert fallback.meta("cost")["total_cost"] == pytest.approx(cost)
    assert [each["name"] for each in fallback.attempts[0]["events"]] == ["understudy.next_step"]


def test_hedged_tools_embeddings_and_failures(all_of_it: Received) -> None:
    _, streamed, hedged, tools, embedded, _, failed = all_of_it.traces
    assert attributes(streamed.attempts[0])["gen_ai.request.stream"] is True
    assert json.loads(streamed.info["response_preview"]) == traffic.ANSWER
    assert {each["name"] for each in hedged.attempts} == {"chat gpt-6-luna", "chat claude-sonnet-4-6"}
    assert [each["status"] for each in hedged.attempts] == [{}, {}]
    (called,) = own(tools.attempts[0], "spanOutputs")[0]["parts"]
    assert (called["type"], called["name"]) == ("tool_call", "weather")
    assert own(embedded.attempts[0], "spanType") == "EMBEDDING"
    tokens = all_of_it.answers["embedded"]["usage"]["prompt_tokens"]
    assert own(embedded.attempts[0], "chat.tokenUsage") == {"input_tokens": tokens}
    assert [each["status"]["message"] for each in [failed.root, *failed.attempts]] == ["billing"] * 3


def test_without_content_and_its_own_attributes_it_shows_no_texts_and_its_own_costs(least: Received) -> None:
    plain, usage = least.traces[0], least.answers["plain"]["usage"]
    assert not {"request_preview", "response_preview"} & set(plain.info)
    assert {own(each, name) for each in plain.spans for name in ("spanInputs", "spanOutputs")} == {None}
    assert plain.meta("tokenUsage")["input_tokens"] == usage["prompt_tokens"]
    assert plain.info["trace_metadata"]["mlflow.trace.session"] == traffic.SESSION
    sent = attributes(plain.attempts[0])["understudy.cost.usd"]
    assert plain.meta("cost")["total_cost"] != pytest.approx(sent)
