from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from tests.cli.batch.material import chat, write
from understudy.cli.batch.source import Source, open_source
from understudy.domain.errors import Misuse


def test_lines_are_read_again_from_their_places(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [chat("a"), chat("ü", "grüße"), chat("c")])
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n\n  \n", 1).removesuffix(b"\n"))
    source = open_source(str(path))
    assert len(source) == 3
    assert source.positions == {"a": 0, "ü": 1, "c": 2}
    assert [source.line(at).custom_id for at in (2, 0, 1)] == ["c", "a", "ü"]
    assert [source.where(at) for at in range(3)] == [f"{path}:{number}" for number in (1, 4, 5)]
    assert [source.mark(at) for at in range(3)] == [source.line(at).mark for at in range(3)]
    source.close()


def test_every_wrong_line_is_told_and_where_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [chat("a"), chat("b"), chat("a"), {"custom_id": "c"}])
    path.write_bytes(b"{broken\n" + path.read_bytes())
    with pytest.raises(Misuse) as raised:
        open_source(str(path))
    broken, twice, empty, end = raised.value.message.splitlines()
    assert broken.startswith(f"{path}:1: JSON is malformed")
    assert twice == f"{path}:4: custom_id 'a' is already used by line 2"
    assert empty.startswith(f"{path}:5: url is missing: write /v1/chat/completions")
    assert end == "nothing was sent"


def test_a_file_of_another_format_is_not_told_line_by_line() -> None:
    with pytest.raises(Misuse) as raised:
        Source(io.BytesIO(b"name;price\n" * 500), "prices.csv")
    lines = raised.value.message.splitlines()
    assert len(lines) == 22
    assert lines[-2] == "… and 480 more"


@pytest.mark.parametrize("data", [b"", b"\n \n"])
def test_a_file_without_lines_is_a_mistake(data: bytes) -> None:
    with pytest.raises(Misuse, match="is empty"):
        Source(io.BytesIO(data), "in.jsonl")


def test_a_missing_file_is_told_by_its_name() -> None:
    with pytest.raises(Misuse, match=r"^gone\.jsonl: No such file"):
        open_source("gone.jsonl")


def test_an_input_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [chat("a"), chat("b")])
    source = open_source(str(path))
    write(path, [chat("a"), chat("b", "something else")])
    assert source.line(0).custom_id == "a"
    with pytest.raises(Misuse, match=r"in\.jsonl:2 changed"):
        source.line(1)
    write(path, [])
    with pytest.raises(Misuse, match="changed while"):
        source.line(0)
    source.close()


def test_bodies_are_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "in.jsonl", [chat(f"line-{number}", "x" * 1_000_000) for number in range(60)])
    tracemalloc.start()
    try:
        source = open_source(str(path))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    source.close()
    assert capsys.readouterr().err == f"note: checking {path} (57 MB) before anything is sent\n"
    assert kept < 1_000_000
    assert peak < 10_000_000
