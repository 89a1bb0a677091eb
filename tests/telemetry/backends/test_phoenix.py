"""Phoenix: what it made of the traces, by its own API.

https://arize.com/docs/phoenix
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from tests.servers.running import Running
from tests.telemetry.backends import traffic

_SPANS = "spans(first: 50) { edges { node { name costSummary { total { cost } } } } }"
COSTS = f"{{ projects {{ edges {{ node {{ name {_SPANS} }} }} }} }}"


class Project:
    """A project of Phoenix, which the gateway's headers name."""

    def __init__(self, server: Running, name: str) -> None:
        self.server = server
        self.name = name

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans, the oldest first; none as long as there is no project."""
        names = [each["name"] for each in self.server.get("/v1/projects?limit=100")["data"]]
        if self.name not in names:
            return []
        found = self.server.get(f"/v1/projects/{self.name}/spans?limit=100")["data"]
        return sorted(found, key=lambda each: str(each["start_time"]))

    def traces(self) -> list[list[dict[str, Any]]]:
        """Return the spans of each trace: that of the request, and then those of its attempts."""
        by_trace: dict[str, list[dict[str, Any]]] = {}
        for each in self.spans():
            by_trace.setdefault(each["context"]["trace_id"], []).append(each)
        return [
            sorted(each, key=lambda span: "understudy.attempt.id" in span["attributes"]) for each in by_trace.values()
        ]

    def arrived(self) -> int:
        """Return how many traces are complete, counted by their spans."""
        return traffic.TRACES if len(self.spans()) == traffic.SPANS else 0


class Received(NamedTuple):
    traces: list[list[dict[str, Any]]]
    answers: dict[str, Any]


@pytest.fixture(scope="session")
def all_of_it(phoenix: Running, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """With prompts, answers and OpenInference's attributes."""
    project = Project(phoenix, "all")
    answers = traffic.send(
        tmp_path_factory.mktemp("gateway"),
        project.arrived,
        endpoint=phoenix.url,
        headers={"x-project-name": project.name},
        content="all",
        content_redact=[r"EMP-\d{6}"],
        backends=["phoenix"],
    )
    return Received(project.traces(), answers)


@pytest.fixture(scope="session")
def least(phoenix: Running, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """Without any of that, in the draft's names."""
    project = Project(phoenix, "least")
    answers = traffic.send(
        tmp_path_factory.mktemp("gateway"),
        project.arrived,
        endpoint=phoenix.url,
        headers={"x-project-name": project.name},
        profile="draft",
    )
    return Received(project.traces(), answers)


def status(span: dict[str, Any]) -> tuple[str, str]:
    return span["status_code"], span["status_message"]


def kinds(spans: Sequence[dict[str, Any]]) -> list[str]:
    return [each["span_kind"] for each in spans]


def test_each_request_is_one_trace(all_of_it: Received) -> None:
    assert [kinds(each) for each in all_of_it.traces] == [
        ["CHAIN", "LLM"],
        ["CHAIN", "LLM"],
        ["CHAIN", "LLM", "LLM"],
        ["CHAIN", "LLM"],
        ["CHAIN", "EMBEDDING"],
        ["CHAIN", "LLM", "LLM", "LLM"],
        ["CHAIN", "LLM", "LLM"],
    ]
    for request, *attempts in all_of_it.traces:
        assert {each["parent_id"] for each in attempts} == {request["context"]["span_id"]}


def test_an_answer_has_tokens_its_session_and_its_texts(all_of_it: Received) -> None:
    request, attempt = all_of_it.traces[0]
    shown, said = request["attributes"], attempt["attributes"]
    assert shown["session.id"] == said["session.id"] == traffic.SESSION
    assert shown["input.value"] == f"{traffic.QUESTION} [redacted]"
    assert shown["output.value"] == traffic.ANSWER
    assert shown["understudy.label.team"] == "search"
    assert (said["llm.model_name"], said["llm.provider"]) == ("gpt-6-luna", "openai")
    usage = all_of_it.answers["plain"]["usage"]
    assert said["llm.token_count.prompt"] == usage["prompt_tokens"]
    assert said["llm.token_count.completion"] == usage["completion_tokens"]
    parameters = json.loads(said["llm.invocation_parameters"])
    assert (parameters["max_tokens"], parameters["temperature"]) == (50, 0.5)
    assert said["llm.input_messages.0.message.role"] == "system"
    assert said["llm.input_messages.1.message.content"] == f"{traffic.QUESTION} [redacted]"
    assert said["llm.output_messages.0.message.content"] == traffic.ANSWER
    assert said["llm.finish_reason"] == "stop"


def test_a_session_has_its_requests(phoenix: Running, all_of_it: Received) -> None:
    sessions = {each["session_id"]: each for each in phoenix.get("/v1/projects/all/sessions")["data"]}
    (trace,) = (
        each["trace_id"]
        for each in sessions[traffic.SESSION]["traces"]
        if each["trace_id"] == all_of_it.traces[0][0]["context"]["trace_id"]
    )
    assert trace


def test_a_fallback_shows_the_failed_attempts(all_of_it: Received) -> None:
    request, *attempts = all_of_it.traces[5]
    assert request["context"]["trace_id"] == all_of_it.answers["trace_id"]
    assert request["parent_id"] == traffic.PARENT_ID
    assert list(map(status, attempts)) == [("ERROR", "server_error"), ("ERROR", "billing"), ("UNSET", "")]
    assert attempts[0]["events"][0]["name"] == "understudy.next_step"
    assert attempts[2]["attributes"]["llm.model_name"] == "claude-sonnet-4-6"


def test_hedged_tools_embeddings_and_failures(all_of_it: Received) -> None:
    _, streamed, hedged, tools, embedded, _, failed = all_of_it.traces
    assert streamed[0]["attributes"]["output.value"] == traffic.ANSWER
    assert list(map(status, hedged)) == [("UNSET", "")] * 3
    called = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    assert tools[1]["attributes"][f"{called}.name"] == "weather"
    assert json.loads(tools[1]["attributes"][f"{called}.arguments"]) == {"city": "France"}
    assert embedded[1]["attributes"]["embedding.model_name"] == "text-embedding-3-small"
    tokens = all_of_it.answers["embedded"]["usage"]["prompt_tokens"]
    assert embedded[1]["attributes"]["llm.token_count.prompt"] == tokens
    assert list(map(status, failed)) == [("ERROR", "billing")] * 3


def test_costs_are_its_own(phoenix: Running, all_of_it: Received) -> None:
    sent = all_of_it.traces[0][1]["attributes"]["understudy.cost.usd"]
    projects = phoenix.post("/graphql", {"query": COSTS})["data"]["projects"]["edges"]
    (project,) = (each["node"] for each in projects if each["node"]["name"] == "all")
    summaries = [each["node"]["costSummary"] for each in project["spans"]["edges"]]
    costs = [each["total"]["cost"] for each in summaries if each is not None]
    assert costs
    assert all(each != pytest.approx(sent) for each in costs)


def test_without_content_and_added_attributes_it_shows_no_texts_and_no_kind_of_the_request(least: Received) -> None:
    request, attempt = least.traces[0]
    assert kinds([request, attempt]) == ["UNKNOWN", "LLM"]
    assert "input.value" not in request["attributes"]
    assert not [name for name in attempt["attributes"] if "messages" in name]
    assert attempt["attributes"]["llm.token_count.prompt"] == least.answers["plain"]["usage"]["prompt_tokens"]
