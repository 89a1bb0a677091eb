"""`understudy embed`: texts from everywhere, vectors in three forms."""

from __future__ import annotations

import io
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.running import PATIENCE, CommandLine
from understudy.cli.vectors import npy_header
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault


def asked(emulator: Emulator, provider: str = "openai") -> list[str]:
    """All texts that a provider was asked for, by the order of the requests."""
    texts: list[str] = []
    for request in emulator.requests(provider):
        given = request.body["input"]
        texts += [given] if isinstance(given, str) else given
    return texts


# ---- the texts ----


def test_each_argument_is_a_text(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("embed", "one text", "another")
    assert (result.code, result.err) == (0, "")
    assert asked(emulator) == ["one text", "another"]
    assert (result.json["count"], len(result.json["embeddings"])) == (2, 2)


@pytest.mark.parametrize("words", [[], ["-"]])
def test_each_line_of_standard_input_is_a_text(configured: CommandLine, emulator: Emulator, words: list[str]) -> None:
    result = configured.run("embed", *words, stdin="\ufefffirst\r\n  second \nthird, with \u2028 inside\n\n")
    assert result.code == 0
    assert asked(emulator) == ["first", "  second ", "third, with \u2028 inside"]


def test_texts_come_from_everywhere_in_their_order(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "a.txt").write_text("a1\na2")
    (configured.folder / "b.txt").write_text("b1\n")
    result = configured.run("embed", "word", "-", "-f", "a.txt", "-f", "b.txt", stdin="piped\n")
    assert result.code == 0
    assert asked(emulator) == ["word", "piped", "a1", "a2", "b1"]


def test_a_file_may_be_one_text(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "a.txt").write_text("a1\n\na2\n")
    assert configured.run("embed", "--whole", "-", "-f", "a.txt", stdin="x\ny").code == 0
    assert asked(emulator) == ["x\ny", "a1\n\na2\n"]


def test_a_field_of_json_lines_may_be_the_text(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "a.jsonl").write_text('{"id": 1, "body": "one\\ntext"}\n{"id": 2, "body": "two"}\n')
    assert configured.run("embed", "--field", "body", "-f", "a.jsonl").code == 0
    assert asked(emulator) == ["one\ntext", "two"]


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        ([], "", "stdin is empty: pass a text"),
        ([" "], None, "TEXT is empty"),
        ([], "a\n\nb\n", "stdin:2 is empty: providers refuse empty texts, and omitting it would shift the others"),
        (["-f", "gone.txt"], None, "--file gone.txt: No such file or directory"),
        (["--whole", "--field", "x"], "a", "--whole reads a file as one text and --field reads its lines"),
        (["--field", "x"], "{broken\n", "stdin:1: JSON is malformed"),
        (["--field", "x"], '{"y": 1}\n', "stdin:1: field 'x' is missing; the object has 'y'"),
        (["--field", "x"], '{"x": 1}\n', "stdin:1: field 'x' is not a string"),
        (["--field", "x"], '{"x": ""}\n', "stdin:1 is empty"),
        (["a", "-o", "vectors.txt"], None, "the name must end in .json, .jsonl or .npy, or give --format"),
        (["a", "-o", "no/folder/x.json"], None, "--output no/folder/x.json: No such file or directory"),
        (["a", "--timeout", "0"], None, "--timeout must be greater than 0, got 0.0"),
        (["a", "-m", ""], None, "--model is empty"),
        (["a", "-m", "nobody"], None, "unknown entry or model 'nobody'"),
        (
            ["a", "--input-type", "poem"],
            None,
            "'poem' is not one of 'document', 'query', 'classification', 'clustering'",
        ),
        (["a", "-m", "anthropic"], None, "Anthropic does not support the operation embed"),
    ],
)
def test_wrong_wishes(
    configured: CommandLine, emulator: Emulator, words: list[str], stdin: str | None, told: str
) -> None:
    result = configured.run("embed", *words, stdin=stdin)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert "Traceback" not in result.err
    assert not emulator.requests("openai")


def test_bytes_that_are_no_text_are_told_with_their_place(configured: CommandLine) -> None:
    assert "stdin is not valid UTF-8 (byte 1)" in configured.run("embed", stdin=b"a\xff").err


# ---- whom, and what for ----


def test_a_model_and_a_length_may_be_chosen(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("embed", "-m", "openai/text-embedding-3-large", "-d", "5", "a")
    assert result.code == 0
    assert (result.json["model"], result.json["dimensions"]) == ("text-embedding-3-large", 5)
    assert len(result.json["embeddings"][0]) == 5
    assert emulator.requests("openai")[-1].body["dimensions"] == 5


def test_what_cannot_be_expressed_is_warned_about(configured: CommandLine) -> None:
    result = configured.run("embed", "--input-type", "query", "a")
    assert result.code == 0
    assert result.err.startswith("warning: dropped input_type (")
    assert result.json["warnings"][0]["what"] == "input_type"


def test_verbose_tells_what_it_took(configured: CommandLine) -> None:
    result = configured.run("embed", "-v", "-m", "ollama", "hello", "world")
    last = result.err.splitlines()[-1]
    assert last.startswith("note: 2 vectors of 768 numbers from ollama/")
    assert last.endswith(" · cost $0")


def test_no_other_space_stands_in(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.error(FailureKind.BILLING))
    result = configured.run("embed", "a")
    assert (result.code, result.out) == (3, "")
    assert not emulator.requests("ollama")


# ---- many ----


def many(cli: CommandLine, count: int) -> list[str]:
    texts = [f"text number {number}" for number in range(count)]
    (cli.folder / "many.txt").write_text("\n".join(texts))
    return texts


def test_many_texts_take_several_calls_and_stay_in_order(configured: CommandLine, emulator: Emulator) -> None:
    texts = many(configured, 2500)
    result = configured.run("embed", "-f", "many.txt", "-d", "4", "--format", "jsonl")
    assert result.code == 0
    lines = [msgspec.json.decode(line) for line in result.out.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert [line["index"] for line in lines] == list(range(2500))
    assert sorted(asked(emulator)) == sorted(texts)
    assert len(emulator.requests("openai")) == 5, "of 512 texts at most"
    alone = configured.run("embed", texts[0], texts[1024], texts[2499], "-d", "4").json["embeddings"]
    assert [lines[number]["embedding"] for number in (0, 1024, 2499)] == alone


def test_a_bar_is_shown_for_many_and_goes_again(configured: CommandLine) -> None:
    many(configured, 1100)
    with configured.terminal("embed", "-f", "many.txt", "-d", "2", "-o", "many.npy") as screen:
        finished = screen.finish()
    assert finished.code == 0
    assert "1100/1100" in finished.out
    assert finished.out.endswith("\x1b[2K"), "the bar is taken away"


def test_what_fails_in_the_middle_leaves_nothing_behind(configured: CommandLine, emulator: Emulator) -> None:
    many(configured, 3000)
    for words in (["-o", "many.npy"], ["-o", "many.json"], []):
        emulator.script("openai", [None], always=Fault.error(FailureKind.INVALID_REQUEST))
        result = configured.run("embed", "-f", "many.txt", "-d", "2", *words)
        assert (result.code, result.out) == (3, "")
    assert sorted(path.name for path in configured.folder.glob("[!.]*")) == ["many.txt", "understudy.toml"]


def test_ctrl_c_stops_it_and_leaves_nothing_behind(configured: CommandLine, emulator: Emulator) -> None:
    many(configured, 1100)
    emulator.script("openai", always=Fault.slow_headers())
    process = configured.start("embed", "-f", "many.txt", "-o", "many.npy", stderr=subprocess.PIPE)
    end = time.monotonic() + PATIENCE
    while len(emulator.requests("openai")) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (130, b"")
    assert sorted(path.name for path in configured.folder.glob("[!.]*")) == ["many.txt", "understudy.toml"]


def test_a_timeout_is_for_all_of_it(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.slow_headers())
    result = configured.run("embed", "a", "--timeout", "0.2", "--no-fallback")
    assert result.code == 1
    assert "Traceback" not in result.err


PRICED = """
[[llm.providers]]
provider = "openai"
base_url = "{url}"
api_key = "{key}"
embedding_model = "text-embedding-3-small"
price = {{ input = 1000, output = 0 }}
"""
"""A price at which a token costs a tenth of a cent."""


def test_what_it_may_cost_is_for_all_calls_together(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(PRICED.format(url=emulator.url("openai"), key=emulator.key))
    texts = "\n".join(f"text number {number}" for number in range(1100))
    free = cli.run("embed", "-d", "2", stdin=texts)
    assert (free.code, len(asked(emulator))) == (0, 1100)
    enough = cli.run("embed", "-d", "2", "--max-cost", "$100", stdin=texts)
    assert (enough.code, enough.json["cost_usd"]) == (0, free.json["cost_usd"])
    assert cli.run("embed", "-d", "2", "--max-cost", "0.01", stdin=texts).code == 3
    assert len(asked(emulator)) == 2 * 1100, "nothing is sent that may cost more"


def test_a_second_call_that_does_not_fit_into_what_is_left_is_not_sent(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(PRICED.format(url=emulator.url("openai"), key=emulator.key))
    short, long = ["a"] * 1024, ["a long text " * 100] * 100
    result = cli.run("embed", "-d", "2", "--max-cost", "10", "-o", "out.npy", stdin="\n".join([*short, *long]))
    assert result.code == 3
    assert "max_cost" in result.err
    assert asked(emulator) == short
    assert not (cli.folder / "out.npy").exists()


@pytest.mark.parametrize("amount", ["0", "cheap", ""])
def test_an_amount_that_is_none_is_refused(cli: CommandLine, amount: str) -> None:
    result = cli.run("embed", "a", "--max-cost", amount)
    assert (result.code, result.err.startswith("error: --max-cost ")) == (2, True)


# ---- the forms ----


def test_json_tells_the_facts_ahead_of_the_vectors(configured: CommandLine) -> None:
    result = configured.run("embed", "a", "b", "-d", "3")
    assert list(result.json) == [
        *("model", "provider", "count", "dimensions", "usage", "cost_usd", "warnings", "embeddings"),
    ]
    assert result.json["provider"] == "openai"
    assert result.json["usage"]["input"] == 2
    assert result.out.count("\n") == 1


def test_the_ending_of_a_file_says_its_form(configured: CommandLine) -> None:
    vectors = configured.run("embed", "a", "b", "-d", "3").json["embeddings"]
    for name in ("out.json", "out.jsonl", "out.npy", "OUT.NPY"):
        assert configured.run("embed", "a", "b", "-d", "3", "-o", name) == (0, "", "")
    read = configured.folder.joinpath
    assert msgspec.json.decode(read("out.json").read_bytes())["embeddings"] == vectors
    lines = read("out.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line)["embedding"] for line in lines] == vectors
    for name in ("out.npy", "OUT.NPY"):
        array = np.load(read(name))
        assert array.dtype == np.float32
        assert np.array_equal(array, np.array(vectors, dtype=np.float32))
    assert np.load(read("out.npy"), mmap_mode="r").shape == (2, 3)


def test_a_file_is_replaced_when_everything_is_there(configured: CommandLine, emulator: Emulator) -> None:
    old = configured.folder / "out.jsonl"
    old.write_text("old\n")
    emulator.script("openai", [Fault.error(FailureKind.INVALID_REQUEST)])
    assert configured.run("embed", "a", "-o", "out.jsonl").code == 3
    assert old.read_text() == "old\n"
    assert configured.run("embed", "a", "-o", "out.jsonl").code == 0
    assert old.read_text().startswith('{"index":0')


def test_what_is_no_file_is_written_to_directly(configured: CommandLine) -> None:
    assert configured.run("embed", "a", "-o", "/dev/null", "--format", "json") == (0, "", "")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_output_that_cannot_be_written_is_named(configured: CommandLine) -> None:
    result = configured.run("embed", "a", "-o", "/dev/full", "--format", "json")
    assert (result.code, result.err) == (74, "error: /dev/full: No space left on device\n")


def test_arrays_may_go_through_a_pipe_but_not_to_the_eye(configured: CommandLine) -> None:
    process = configured.start("embed", "a", "-d", "3", "--format", "npy", stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=PATIENCE)
    assert np.load(io.BytesIO(out)).shape == (1, 3)
    with configured.terminal("embed", "a", "--format", "npy") as screen:
        finished = screen.finish()
    assert finished.code == 2
    assert "cannot be shown on a terminal" in finished.out


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_the_header_of_an_array_is_what_numpy_writes(rows: int, columns: int) -> None:
    header = npy_header(rows, columns)
    file = io.BytesIO(header)
    assert np.lib.format.read_magic(file) == (1, 0)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    assert (shape, fortran, dtype) == ((rows, columns), False, np.dtype("<f4"))
    assert file.tell() == len(header)
    assert len(header) % 64 == 0


def test_small_arrays_are_byte_for_byte_numpys(configured: CommandLine) -> None:
    configured.run("embed", "a", "b", "-d", "3", "-o", "out.npy")
    ours: Any = configured.folder.joinpath("out.npy").read_bytes()
    file = io.BytesIO()
    np.save(file, np.load(io.BytesIO(ours)))
    assert ours == file.getvalue()
