"""`understudy batch` as its users run it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from tests.cli.batch.material import COUNT, answers, ask, chat, embedding, expected, out, read, run, write
from tests.cli.running import CommandLine
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault

# ---- what comes out ----


def test_every_line_is_answered_once(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    result = run(configured)
    assert result.code == 0
    assert result.out == ""
    assert answers(out(configured)) == expected()
    assert len(emulator.requests("openai")) == COUNT
    assert result.err.startswith(f"finished: {COUNT} of {COUNT} lines · ")


def test_answers_are_what_openais_own_types_read(configured: CommandLine) -> None:
    lines: list[dict[str, Any]] = [
        *(chat(f"{entry}-chat", model=entry) for entry in ("openai", "anthropic", "ollama")),
        *(
            {**chat(f"{entry}-responses"), "url": "/v1/responses", "body": {"model": entry, "input": 'say "yes"'}}
            for entry in ("openai", "anthropic", "ollama")
        ),
        embedding("openai-one", "a text"),
        embedding("ollama-many", ["a", "b"], model="ollama"),
        embedding("openai-packed", ["a", "b"], encoding_format="base64"),
    ]
    write(configured.folder / "in.jsonl", lines)
    assert run(configured).code == 0
    records = read(out(configured))
    assert {record["custom_id"] for record in records} == {line["custom_id"] for line in lines}
    for record in records:
        assert list(record) == ["id", "custom_id", "response", "error", "understudy"]
        assert record["id"].startswith("batch_req_")
        assert record["error"] is None
        assert list(record["response"]) == ["status_code", "request_id", "body"]
        assert record["understudy"]["provider"] == record["custom_id"].partition("-")[0]
    bodies = {record["custom_id"]: record["response"]["body"] for record in records}
    for name, body in bodies.items():
        kind = name.partition("-")[2]
        if kind == "chat":
            assert ChatCompletion.model_validate(body, strict=True).choices[0].message.content == name
        elif kind == "responses":
            assert Response.model_validate(body).output_text == "yes"
        elif kind != "packed":
            assert len(CreateEmbeddingResponse.model_validate(body, strict=True).data) == (1 if kind == "one" else 2)
    assert isinstance(bodies["openai-packed"]["data"][0]["embedding"], str)


def test_a_body_loses_nothing_on_its_way(configured: CommandLine, emulator: Emulator) -> None:
    write(
        configured.folder / "in.jsonl",
        [chat("a", moderation={"model": "m", "policy": None}) | {"url": "/chat/completions"}],
    )
    assert run(configured).code == 0
    sent = emulator.requests("openai")[-1].body
    assert sent["moderation"] == {"model": "m", "policy": None}
    assert sent["model"] == "gpt-6-luna"


def test_the_next_goes_on_and_what_it_could_not_express_is_told(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    write(configured.folder / "in.jsonl", [chat("a", temperature=0.5)])
    assert run(configured).code == 0
    (record,) = read(out(configured))
    facts = record["understudy"]
    assert (facts["provider"], facts["model"]) == ("anthropic", "claude-sonnet-5-5")
    assert facts["attempts"] == 3
    assert facts["warnings"][0].startswith("dropped temperature")
    assert facts["cost_usd"] is None


def test_a_model_on_the_command_line_takes_the_place_of_every_lines_own(
    configured: CommandLine, emulator: Emulator
) -> None:
    ask(configured, 3, model="gpt-4o-mini")
    assert run(configured, "-m", "ollama/qwen3").code == 0
    assert {request.body["model"] for request in emulator.requests("ollama")} == {"qwen3"}
    assert not emulator.requests("openai")


# ---- lines that fail ----


def test_a_line_that_fails_spoils_no_other(configured: CommandLine, emulator: Emulator) -> None:
    lines = [
        chat("good"),
        chat("nobody", model="gpt-nobody"),
        {**chat("empty"), "body": {"model": "openai", "messages": []}},
        embedding("tokens", [1, 2]),  # type: ignore[list-item]
    ]
    write(configured.folder / "in.jsonl", lines)
    result = run(configured, "-v", "-c", "1")
    assert result.code == 1
    records = {record["custom_id"]: record for record in read(out(configured))}
    assert records["good"]["error"] is None
    nobody = records["nobody"]
    assert nobody["response"] is None
    assert nobody["error"]["message"].startswith("unknown entry or model 'gpt-nobody': did you mean openai/gpt-6-luna")
    empty = records["empty"]
    assert (empty["error"], empty["response"]["status_code"]) == (None, 400)
    assert empty["response"]["body"]["error"]["param"] == "messages"
    assert "token ids are not supported" in records["tokens"]["error"]["message"]
    assert "in.jsonl:2: misuse: unknown entry or model 'gpt-nobody'" in result.err
    assert "warning: 3 failed (2 misuse, 1 invalid_request); first: in.jsonl:2: unknown entry or model" in result.err
    assert "note: 3 lines ended in an error; --retry-errors retries them" in result.err
    assert len(emulator.requests("openai")) == 1


def test_a_providers_error_keeps_its_status(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 1)
    emulator.script("openai", always=Fault.error(FailureKind.CONTEXT_LENGTH))
    assert run(configured, "--no-fallback").code == 1
    (record,) = read(out(configured))
    assert record["error"] is None
    assert record["response"]["status_code"] == 400
    assert record["response"]["body"]["error"]["code"] == "context_length_exceeded"


def test_a_failure_without_a_status_is_an_error_of_its_kind(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 1)
    emulator.script("openai", always=Fault.reset())
    assert run(configured, "--no-fallback").code == 1
    (record,) = read(out(configured))
    assert record["response"] is None
    assert record["error"]["code"] in ("disconnected", "write_failed")


def test_lines_that_failed_stay_so_until_they_are_asked_again(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    emulator.script("openai", [Fault.error(FailureKind.CONTEXT_LENGTH)] * 5)
    assert run(configured, "--no-fallback").code == 1
    assert len(read(out(configured))) == COUNT
    again = run(configured)
    assert again.code == 1
    assert "5 lines ended in an error" in again.err
    assert len(emulator.requests("openai")) == COUNT
    healed = run(configured, "--retry-errors")
    assert healed.code == 0
    assert answers(out(configured)) == expected()
    assert len(emulator.requests("openai")) == COUNT + 5


def test_when_everything_fails_it_stops(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 40)
    emulator.script("openai", always=Fault.error(FailureKind.AUTHENTICATION))
    result = run(configured, "--no-fallback", "--give-up-after", "5", "-c", "2", "--json")
    assert result.code == 1
    assert result.json["stopped"] == "gave_up"
    assert 5 <= result.json["failed"] <= 6
    assert result.json["remaining"] == 40 - result.json["failed"]
    assert result.json["failures"]["authentication"] >= 1
    assert "first: in.jsonl:1: Incorrect API key provided." in result.err or "in.jsonl:2: Incorrect" in result.err
    assert "fix the cause and run the same command to continue" in result.err
    emulator.script("openai")
    assert run(configured, "--retry-errors").code == 0
    assert answers(out(configured)) == expected(40)


# ---- what is wrong before anything is sent ----


def test_wrong_lines_are_told_before_anything_is_sent(configured: CommandLine, emulator: Emulator) -> None:
    write(configured.folder / "in.jsonl", [chat("a"), chat("a"), {**chat("b"), "url": "/v1/images"}])
    result = run(configured)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[:2] == [
        "error: in.jsonl:2: custom_id 'a' is already used by line 1",
        "in.jsonl:3: url '/v1/images' is not supported: write /v1/chat/completions, /v1/responses, /v1/embeddings",
    ]
    assert not emulator.requests("openai")
    assert not out(configured).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rate", "fast"], "--rate: 'fast' is not a rate"),
        (["--tokens-per-minute", "0"], "--tokens-per-minute: '0' is not a rate"),
        (["--max-cost", "cheap"], "--max-cost must be an amount in US dollars, such as 2.50; got 'cheap'"),
        (["--timeout", "0"], "--timeout must be greater than 0, got 0.0"),
        (["-m", "nobody"], "unknown entry or model 'nobody'"),
        (["-o", "in.jsonl"], "--output in.jsonl is the input itself"),
        (["-o", "."], "--output .: Is a directory"),
        (["-o", "/dev/stdout"], "must be a regular file"),
        (["-o", "-"], "--output must be a file, not `-`"),
    ],
)
def test_wrong_wishes(configured: CommandLine, emulator: Emulator, words: list[str], told: str) -> None:
    ask(configured, 2)
    before = (configured.folder / "in.jsonl").read_bytes()
    result = run(configured, *words)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert "Traceback" not in result.err
    assert not emulator.requests("openai")
    assert (configured.folder / "in.jsonl").read_bytes() == before


def test_a_script_is_told_of_wrong_wishes_too(configured: CommandLine) -> None:
    result = run(configured, "--json")
    assert result.code == 2
    assert result.json["error"]["message"] == "in.jsonl: No such file or directory"


# ---- pace and money ----


def test_a_line_that_meets_a_rate_limit_waits_and_is_asked_again(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    limit = Fault.error(FailureKind.RATE_LIMITED, retry_after=1)
    emulator.script("openai", [None, None, *[limit] * 8])
    with (configured.folder / "understudy.toml").open("a") as file:
        file.write("max_wait = 0.1\n")
    result = run(configured, "--no-fallback", "-v", "--give-up-after", "2")
    assert result.code == 0, result.err
    assert "waiting 1 s: " in result.err
    assert answers(out(configured)) == expected()


def test_a_limit_that_does_not_pass_soon_is_a_failure(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 1)
    emulator.script("openai", always=Fault.error(FailureKind.RATE_LIMITED, retry_after=3600))
    assert run(configured, "--no-fallback").code == 1
    (record,) = read(out(configured))
    assert record["response"]["status_code"] == 429


def test_no_more_are_asked_at_once_than_wanted(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 6)
    emulator.script("openai", always=Fault.slow_headers(0.05))
    began = time.monotonic()
    assert run(configured, "-c", "1").code == 0
    assert time.monotonic() - began > 6 * 0.05


def test_a_rate_is_kept(configured: CommandLine) -> None:
    ask(configured, 5)
    began = time.monotonic()
    assert run(configured, "--rate", "10/s").code == 0
    assert time.monotonic() - began > 4 * 0.1


def test_tokens_are_spread_too(configured: CommandLine) -> None:
    ask(configured, 3, max_completion_tokens=100)
    began = time.monotonic()
    assert run(configured, "--tokens-per-minute", "30000", "-c", "3").code == 0
    assert time.monotonic() - began > 0.2


def priced(cli: CommandLine, emulator: Emulator) -> None:
    """Each call at openai costs a cent."""
    cli.configure(
        f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\napi_key = "{emulator.key}"\n'
        'text_model = "gpt-6-luna"\nprice = { call = 0.01 }\n'
    )


def test_a_ceiling_is_kept_over_all_runs(cli: CommandLine, emulator: Emulator) -> None:
    priced(cli, emulator)
    ask(cli, model="gpt-6-luna")
    first = run(cli, "--max-cost", "0.05", "--json")
    assert first.code == 1
    assert (first.json["stopped"], first.json["answered"], first.json["remaining"]) == ("max_cost", 5, 7)
    assert (first.json["cost_usd"], first.json["lines_of_unknown_cost"]) == (0.05, 0)
    assert "note: 7 lines remain: the next one could exceed --max-cost $0.05; raise it to continue" in first.err
    second = run(cli, "--max-cost", "$0.0799")
    assert second.code == 1
    assert f"max cost: 2 of {COUNT} lines, 5 before · " in second.err
    third = run(cli, "--json")
    assert (third.code, third.json["answered"], third.json["cost_usd"]) == (0, 5, 0.12)
    assert answers(out(cli)) == expected()
    assert len(emulator.requests("openai")) == COUNT


def test_what_costs_nobody_knows_how_much_is_told(configured: CommandLine) -> None:
    ask(configured)
    result = run(configured, "--max-cost", "0.01", "--json")
    assert (result.code, result.json["answered"], result.json["lines_of_unknown_cost"]) == (0, COUNT, COUNT)
    assert "of unknown cost" in result.err
    assert "warning: --max-cost does not limit lines of unknown cost" in result.err


def test_a_terminal_shows_a_bar(configured: CommandLine) -> None:
    ask(configured)
    with configured.terminal("batch", "in.jsonl", "-o", "out.jsonl") as screen:
        finished = screen.finish()
    assert finished.code == 0
    assert f"{COUNT}/{COUNT}" in finished.out
    assert "tokens" in finished.out
    assert answers(out(configured)) == expected()


def test_a_batch_of_embeddings_may_have_another_model(configured: CommandLine, emulator: Emulator) -> None:
    write(configured.folder / "in.jsonl", [embedding("a", ["x", "y"], dimensions=4), embedding("b", "z")])
    assert run(configured, "-m", "openai/text-embedding-3-large").code == 0
    assert {request.body["model"] for request in emulator.requests("openai")} == {"text-embedding-3-large"}
    vectors = {record["custom_id"]: record["response"]["body"]["data"] for record in read(out(configured))}
    assert [len(item["embedding"]) for item in vectors["a"]] == [4, 4]
