from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, CommandLine


@contextmanager
def running(cli: CommandLine, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = cli.start("emulate", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes], ending: str) -> str:
    """Return what a process says on stdout up to a line."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != ending:
        line = process.stdout.readline().decode()
        assert line, "it ended before"
        lines.append(line.rstrip("\n"))
    return "\n".join(lines)


def stopped(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> str:
    """Stop it and return the rest of its stderr."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return err.decode()


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(cli: CommandLine, number: signal.Signals) -> None:
    with running(cli, "ollama", "--json") as process:
        base = json.loads(said(process, "}"))["ollama"]["base_url"]
        status, body = get(f"{base}/api/tags")
        assert status == 200
        assert body["models"]
        err = stopped(process, number)
    assert "Traceback" not in err
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", int(base.rpartition(":")[2]))) != 0


def test_it_leaves_an_ignored_interrupt_ignored(cli: CommandLine) -> None:
    """A shell ignores interrupts for what it runs in the background: Ctrl-C is for what runs in front."""
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    command = [sys.executable, "-c", ignoring, sys.executable, "-m", "understudy", "emulate", "ollama"]
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cli.folder, env=cli.environment
    ) as process:
        base = json.loads(said(process, "}"))["ollama"]["base_url"]
        process.send_signal(signal.SIGINT)
        assert get(f"{base}/api/tags")[0] == 200
        stopped(process, signal.SIGTERM)


def test_settings_are_ready_to_paste(cli: CommandLine, tmp_path: Path) -> None:
    written = tmp_path / "emulated.toml"
    with running(cli, "openai", "groq", "anthropic", "ollama", "--write", str(written)) as process:
        out = said(process, 'embedding_model = "nomic-embed-text"')
        exports = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines() if "export " in line)
        assert exports["OPENAI_BASE_URL"].endswith("/v1")
        assert exports["OPENAI_API_KEY"] == exports["GROQ_API_KEY"] == exports["ANTHROPIC_API_KEY"]
        # Groq's and Anthropic's own clients add the path themselves.
        assert exports["GROQ_BASE_URL"].count("/") == exports["ANTHROPIC_BASE_URL"].count("/") == 2
        assert tomllib.loads(out.partition("# understudy.toml\n")[2]) == tomllib.loads(written.read_text())
        assert cli.run("--config", str(written), "check").code == 0
        result = cli.run("ask", "what is the capital of Italy", **exports)
        assert (result.code, result.out) == (0, "The capital is Rome.\n")
        stopped(process)


def test_faults_and_models_are_set_from_the_command_line(cli: CommandLine) -> None:
    words = ("openai", "ollama", "--json", "--fault", "openai: status=418", "--model", "ollama/my-own")
    with running(cli, *words) as process:
        facts = json.loads(said(process, "}"))
        assert get(f"{facts['openai']['base_url']}/models")[0] == 418
        status, body = get(f"{facts['ollama']['base_url']}/api/tags")
        assert status == 200
        assert "my-own" in str(body)
        err = stopped(process)
    assert "openai: GET /v1/models 418 answered [status]" in err
    assert "ollama: GET /api/tags 200 answered\n" in err


def neighbours() -> int:
    """Return the first of two free ports outside the range that the system itself hands out, so that nobody takes
    them meanwhile; which ones differs between test processes."""
    for port in range(20_000 + os.getpid() * 2 % 10_000, 32_000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    pytest.skip("no two free ports side by side")


def test_ports_follow_one_another(cli: CommandLine) -> None:
    port = neighbours()
    with running(cli, "openai", "ollama", "--json", "--port", str(port)) as process:
        facts = json.loads(said(process, "}"))
        assert facts["openai"]["base_url"] == f"http://127.0.0.1:{port}/v1"
        assert facts["ollama"]["base_url"] == f"http://127.0.0.1:{port + 1}"
        stopped(process)


def test_a_taken_port_is_told(cli: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = cli.run("emulate", "ollama", "--port", str(taken.getsockname()[1]))
    assert result.code == 2
    assert "choose a different --port or --host" in result.err
    assert "Traceback" not in result.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_announcement_that_cannot_be_written_is_no_taken_port(cli: CommandLine) -> None:
    with Path("/dev/full").open("wb") as full:
        process = cli.start("emulate", "ollama", stdout=full.fileno(), stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (74, b"error: No space left on device\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "unknown provider 'nobody'; the emulated ones are openai"),
        (["ollama", "--fault", "explode"], "is not a valid fault"),
        (
            ["ollama", "--fault", "status=99"],
            "--fault status=99: 'status=99' is not a valid fault: code: expected int >= 100",
        ),
        (["ollama", "--pace", "nan"], "--pace must be a finite number, got nan"),
        (["ollama", "--model", "openai/x"], "write PROVIDER/MODEL"),
        (["ollama", "--write", "."], "is not overwritten"),
    ],
)
def test_wrong_wishes(cli: CommandLine, words: list[str], told: str) -> None:
    result = cli.run("emulate", *words)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
