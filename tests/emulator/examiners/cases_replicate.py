"""Requests to Replicate, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG_URL, Body, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.emulator.cast.replicate import version_of

PREDICTIONS = "/v1/predictions"
GPT = "/v1/models/openai/gpt-5-mini/predictions"
PLAIN = version_of("understudy/plain-writer")

SOON = {"cancel-after": "90s"}
WAIT = {"prefer": "wait=60"}


def run(**inputs: object) -> Body:
    return {"input": {"prompt": "Hello", **inputs}}


def of_version(version: object, **inputs: object) -> Body:
    return {"version": version, **run(**inputs)}


CASES = (
    Case("body", {**run(), "wait": True}, {**run(), "stream": True}, says="Additional property wait is not allowed"),
    Case("body", {**run(), "version": PLAIN}, run()),
    Case("body", {"input": "Hello"}, run()),
    Case("required", {}, run(), says="- input is required"),
    Case("required", run(), of_version(PLAIN), says="- version is required", path=PREDICTIONS),
    Case("webhook", {**run(), "webhook": "example.com"}, {**run(), "webhook": "https://example.com/done"}),
    Case("webhook", {**run(), "webhook_events_filter": ["end"]}, {**run(), "webhook_events_filter": ["completed"]}),
    Case("prefer", run(), run(), headers={"prefer": "wait=61"}, kept_headers=WAIT, says="Prefer"),
    Case("prefer", run(), run(), headers={"prefer": "wait=0"}, kept_headers=WAIT),
    Case(
        "cancel-after",
        run(),
        run(),
        headers={"cancel-after": "soon"},
        kept_headers=SOON,
        says="such as 90s, 5m or 1h",
    ),
    Case("version", of_version("v1"), of_version(PLAIN), says="Invalid version or not permitted", path=PREDICTIONS),
    Case("version", of_version("understudy/plain-writer"), of_version("openai/gpt-5-mini"), path=PREDICTIONS),
    Case(
        "version",
        of_version("understudy/plain-writer:latest"),
        of_version(f"understudy/plain-writer:{PLAIN}"),
        path=PREDICTIONS,
    ),
    Case("known-inputs", run(max_new_tokens=9), run(max_tokens=9), says="Additional property max_new_tokens"),
    Case("known-inputs", of_version(PLAIN, max_tokens=9), of_version(PLAIN, max_new_tokens=9), path=PREDICTIONS),
    Case("input-values", run(temperature=9), run(temperature=5), says="Must be less than or equal to 5"),
    Case("input-values", run(max_tokens=9.5), run(max_tokens=9), says="Invalid type. Expected: integer"),
    Case("input-values", run(stop_sequences=["END"]), run(stop_sequences="END")),
    Case("input-values", run(reasoning_effort="max"), run(reasoning_effort="low"), says="must be one of", path=GPT),
    Case("required-inputs", {"input": {"max_tokens": 9}}, run(max_tokens=9), says="prompt is required"),
    Case("input-messages", run(messages=[turn("tool", "x")]), run(messages=[turn("user", "x")]), path=GPT),
    Case(
        "input-messages",
        run(messages=[turn("assistant", "x", tool_calls=[])]),
        run(messages=[turn("assistant", "x")]),
        path=GPT,
    ),
    Case("input-files", run(image_input=["a.png"]), run(image_input=[PNG_URL]), path=GPT),
    Case(
        "input-files",
        run(image_input=["data:image/svg+xml;base64,AAAA"]),
        run(image_input=["https://example.com/a.svg"]),
        path=GPT,
    ),
)

TABLES = (Table("replicate", "replicate", "/v1/models/meta/meta-llama-3-70b-instruct/predictions", CASES),)
