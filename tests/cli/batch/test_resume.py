"""A batch that was stopped goes on: nothing is asked twice, nothing is lost."""

from __future__ import annotations

import signal
import subprocess

from tests.cli.batch.material import COUNT, answers, ask, chat, expected, out, read, run, until, write
from tests.cli.running import PATIENCE, CommandLine
from understudy.emulator import Emulator, Fault


def test_what_is_finished_is_not_asked_again(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    first = run(configured, "--limit", "5")
    assert first.code == 0
    assert "note: 7 lines remain: run the same command to continue" in first.err
    second = run(configured)
    assert second.code == 0
    assert f"finished: 7 of {COUNT} lines, 5 before" in second.err
    third = run(configured, "--json")
    assert (third.code, third.json["answered"], third.json["finished_before"]) == (0, 0, COUNT)
    assert answers(out(configured)) == expected()
    assert len(emulator.requests("openai")) == COUNT


def test_lines_from_a_pipe_go_on_by_their_custom_ids(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    lines = (configured.folder / "in.jsonl").read_bytes()
    assert run(configured, "--limit", "5", stdin=lines).code == 0
    backwards = b"".join(reversed(lines.splitlines(keepends=True)))
    assert run(configured, stdin=backwards).code == 0
    assert answers(out(configured)) == expected()
    assert len(emulator.requests("openai")) == COUNT
    assert "stdin:1: custom_id is missing" in run(configured, stdin=b"{}\n").err


def test_a_line_that_was_changed_is_noticed(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 3)
    assert run(configured).code == 0
    write(configured.folder / "in.jsonl", [chat("line-0"), chat("line-1", 'say "new"'), chat("line-2")])
    before = out(configured).read_bytes()
    result = run(configured)
    assert result.code == 2
    assert "in.jsonl:2: 1 request differs from the one answered in out.jsonl" in result.err
    assert out(configured).read_bytes() == before
    assert run(configured, "--retry-changed").code == 0
    assert answers(out(configured)) == {**expected(3), "line-1": "new"}
    assert len(emulator.requests("openai")) == 4


def test_answers_of_other_makers_and_of_other_inputs_stay(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 2)
    body = {"choices": [{"message": {"content": "line-0"}}]}
    foreign = [
        {"id": "batch_req_403hYy7nMxrxXFWXiwvoLG1q", "custom_id": name, "error": None}
        | {"response": {"status_code": 200, "request_id": "r", "body": body}}
        for name in ("line-0", "stranger")
    ]
    write(out(configured), foreign)
    result = run(configured)
    assert result.code == 0
    assert "note: lines of out.jsonl that match no line of in.jsonl: 1" in result.err
    assert [record["custom_id"] for record in read(out(configured))] == ["line-0", "stranger", "line-1"]
    assert len(emulator.requests("openai")) == 1


def test_an_output_that_answers_twice_is_not_ours(configured: CommandLine) -> None:
    ask(configured, 1)
    assert run(configured).code == 0
    out(configured).write_bytes(out(configured).read_bytes() * 2)
    result = run(configured)
    assert result.code == 2
    assert "line 2 of the output answers 'line-0' a second time" in result.err


def test_a_half_written_last_line_is_asked_again(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    assert run(configured, "-c", "1").code == 0
    whole = out(configured).read_bytes()
    out(configured).write_bytes(whole[:-40])
    result = run(configured)
    assert result.code == 0
    assert "note: removed an incomplete last line from the output; its request is sent again" in result.err
    assert answers(out(configured)) == expected()
    assert len(emulator.requests("openai")) == COUNT + 1


def test_two_processes_do_not_share_an_output(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured, 1)
    emulator.script("openai", always=Fault.slow_headers())
    first = configured.start("batch", "in.jsonl", "-o", "out.jsonl", stderr=subprocess.DEVNULL)
    try:
        until(lambda: bool(emulator.requests("openai")))
        second = run(configured)
    finally:
        first.kill()
        first.wait(PATIENCE)
    assert second.code == 2
    assert "out.jsonl is in use by another batch" in second.err
    emulator.script("openai")
    assert run(configured).code == 0


def test_ctrl_c_ends_it_in_good_order(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    emulator.script("openai", [None] * 4, always=Fault.slow_headers())
    process = configured.start("batch", "in.jsonl", "-o", "out.jsonl", "-c", "3", stderr=subprocess.PIPE)
    until(lambda: len(emulator.requests("openai")) == 7)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    told = err.decode()
    assert told.splitlines()[0].startswith(f"interrupted: 4 of {COUNT} lines")
    assert "note: 8 lines remain: run the same command to continue" in told
    assert "Traceback" not in told
    until(lambda: emulator.cancelled("openai") == 3)
    emulator.script("openai")
    assert run(configured).code == 0
    assert answers(out(configured)) == expected()


def test_a_full_disk_stops_it_and_leaves_whole_lines(configured: CommandLine) -> None:
    ask(configured, 30)
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from understudy.cli import main; sys.argv = ['understudy', 'batch', 'in.jsonl', '-o', 'out.jsonl']; main()"
    )
    result = configured.python("-c", limited)
    assert result.code == 74
    assert "File too large" in result.err
    assert "Traceback" not in result.err
    assert 0 < len(answers(out(configured))) < 30
    assert run(configured).code == 0
    assert answers(out(configured)) == expected(30)


def test_ctrl_c_on_a_terminal_ends_the_bar(configured: CommandLine, emulator: Emulator) -> None:
    ask(configured)
    emulator.script("openai", [None] * 4, always=Fault.slow_headers())
    with configured.terminal("batch", "in.jsonl", "-o", "out.jsonl", "-c", "2") as screen:
        screen.read_until(lambda shown: f"4/{COUNT}" in shown)
        screen.interrupt()
        finished = screen.finish()
    assert finished.code == 130
    assert f"4 of {COUNT} lines" in finished.out
    assert finished.out.rindex("\x1b[?25h") < finished.out.index("interrupted"), "the cursor is back"
    assert "Traceback" not in finished.out
