"""Agents are started so that they find the gateway, and nothing of theirs is changed.

How an agent must be led there was tried with the agents themselves; here programs stand in for them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.agents.conftest import Agents, Gateway, write
from tests.cli.running import CommandLine
from understudy.cli.agents.gateway import address_of, is_live, started
from understudy.cli.emulate import configuration
from understudy.domain.errors import ConnectionFailed
from understudy.emulator import Emulator
from understudy.settings.gateway import GatewayConfig

KEY = "gateway-key-0123456789"


def test_claude_gets_variables_and_settings_that_override_its_own(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    own = write(agents.home / ".claude" / "settings.json", '{"env": {"ANTHROPIC_BASE_URL": "https://else"}}')
    elsewhere = {"ANTHROPIC_API_KEY": "sk-ant-mine-0123456789", "CLAUDE_CODE_USE_BEDROCK": "1"}
    result = agents.run(
        "launch", "claude", "--url", f"{gateway.url}/", "--", "-p", "hi", UNDERSTUDY_KEY=KEY, **elsewhere
    )
    assert (result.code, result.out, result.err) == (0, "", "")
    environment = agents.seen["environment"]
    assert environment["ANTHROPIC_BASE_URL"] == gateway.url
    assert environment["ANTHROPIC_AUTH_TOKEN"] == KEY
    assert environment["CLAUDE_CODE_GATEWAY_HINT_HEADERS"] == "1"
    assert not environment.keys() & elsewhere.keys()
    assert "ANTHROPIC_MODEL" not in environment
    option, flag, *words = agents.seen["arguments"]
    assert (option, words) == ("--settings", ["-p", "hi"])
    (settings, mode) = agents.seen["files"]["settings"]
    assert settings == {
        "env": {
            "ANTHROPIC_BASE_URL": gateway.url,
            "ANTHROPIC_AUTH_TOKEN": KEY,
            "ANTHROPIC_API_KEY": "",
            "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        }
    }
    assert mode == 0o600
    assert not Path(flag).exists()
    assert own.read_text() == '{"env": {"ANTHROPIC_BASE_URL": "https://else"}}'


def test_a_model_takes_the_place_of_all_of_claudes(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    assert agents.run("launch", "claude", "--url", gateway.url, "-m", "main").code == 0
    models = {
        name: value for name, value in agents.seen["environment"].items() if "ANTHROPIC" in name and "MODEL" in name
    }
    assert set(models.values()) == {"main"}
    assert {"ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL"} <= models.keys()
    assert agents.seen["files"]["settings"][0]["env"]["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "main"


def test_codex_gets_a_provider_as_arguments_and_the_key_as_a_variable(agents: Agents, gateway: Gateway) -> None:
    agents.install("codex")
    agents.run("launch", "codex", "--url", gateway.url, "--key", KEY, "-m", "main", "--", "exec", "task")
    arguments = agents.seen["arguments"]
    assert arguments[-2:] == ["exec", "task"]
    assert arguments[:-2:2] == ["-c"] * 3
    assert tomllib.loads("\n".join(arguments[1:-2:2])) == {
        "model_provider": "understudy",
        "model_providers": {
            "understudy": {
                "name": "understudy",
                "base_url": f"{gateway.url}/v1",
                "wire_api": "responses",
                "env_key": "UNDERSTUDY_KEY",
            }
        },
        "model": "main",
    }
    assert agents.seen["environment"]["UNDERSTUDY_KEY"] == KEY
    assert KEY not in " ".join(arguments)


def test_gemini_needs_only_variables_where_a_key_is_selected(agents: Agents, gateway: Gateway) -> None:
    agents.install("gemini")
    write(
        agents.home / ".gemini" / "settings.json",
        '{"security": {"auth": {"selectedType": "gemini-api-key"}}} // mine',
    )
    agents.run("launch", "gemini", "--url", gateway.url, "-m", "main", GOOGLE_GENAI_USE_VERTEXAI="true")
    environment = agents.seen["environment"]
    assert environment["GOOGLE_GEMINI_BASE_URL"] == gateway.url
    assert environment["GEMINI_API_KEY"]
    assert environment["GEMINI_MODEL"] == "main"
    assert not environment.keys() & {"GEMINI_CLI_HOME", "GOOGLE_GENAI_USE_VERTEXAI"}


def test_gemini_gets_a_copy_of_its_folder_where_another_authentication_is_selected(
    agents: Agents, gateway: Gateway
) -> None:
    agents.install("gemini")
    settings = '{\n  // mine\n  "security": {"auth": {"selectedType": "oauth-personal"}},\n  "ui": {}\n}\n'
    own = write(agents.home / ".gemini" / "settings.json", settings)
    write(agents.home / ".gemini" / "GEMINI.md", "remember this")
    agents.run("launch", "gemini", "--url", gateway.url)
    assert agents.seen["files"]["gemini"] == {
        "GEMINI.md": "remember this",
        "history": str(agents.home / ".gemini" / "history"),
        "settings.json": settings.replace("oauth-personal", "gemini-api-key"),
        "tmp": str(agents.home / ".gemini" / "tmp"),
    }
    assert own.read_text() == settings
    assert not Path(agents.seen["environment"]["GEMINI_CLI_HOME"]).exists()


def test_opencode_gets_the_models_that_the_gateway_offers(agents: Agents, gateway: Gateway) -> None:
    agents.install("opencode")
    gateway.keys = [KEY]
    result = agents.run(
        "launch", "opencode", "--url", gateway.url, UNDERSTUDY_KEY=KEY, OPENCODE_CONFIG_CONTENT='{"theme": "x",}'
    )
    assert result.code == 0, result.err
    content = agents.seen["environment"]["OPENCODE_CONFIG_CONTENT"]
    assert json.loads(content) == {
        "theme": "x",
        "provider": {
            "understudy": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "understudy",
                "options": {"baseURL": f"{gateway.url}/v1", "apiKey": KEY},
                "models": {"main": {"name": "main"}, "openai/gpt-x": {"name": "openai/gpt-x"}},
            }
        },
        "model": "understudy/main",
        "small_model": "understudy/main",
    }


@pytest.mark.parametrize(
    ("name", "variable"), [("claude", "ANTHROPIC_DEFAULT_HAIKU_MODEL"), ("gemini", "GEMINI_MODEL"), ("codex", None)]
)
def test_a_gateway_that_does_not_know_the_agents_models_gets_another(
    agents: Agents, gateway: Gateway, name: str, variable: str | None
) -> None:
    agents.install(name)
    gateway.aliases = ("nothing",)
    result = agents.run("launch", name, "--url", gateway.url)
    assert "which uses main instead: see [llm.gateway.aliases], or pass --model" in result.err
    if variable is None:
        assert 'model="main"' in agents.seen["arguments"]
    else:
        assert agents.seen["environment"][variable] == "main"


def test_aider_gets_arguments_ahead_of_the_users_own(agents: Agents, gateway: Gateway) -> None:
    agents.install("aider")
    agents.run("launch", "aider", "--url", gateway.url, "--", "--model", "openai/other", UNDERSTUDY_KEY=KEY)
    address = ["--openai-api-base", f"{gateway.url}/v1"]
    assert agents.seen["arguments"] == [*address, "--model", "openai/main", "--model", "openai/other"]
    environment = agents.seen["environment"]
    assert environment["AIDER_OPENAI_API_KEY"] == environment["OPENAI_API_KEY"] == KEY


SESSION, CEILING = "x-understudy-session", "x-understudy-session-max-cost"


def read_headers(agents: Agents, name: str) -> dict[str, str]:
    """Return the further headers that an agent was told to send, as it reads them."""
    seen = agents.seen
    match name:
        case "claude":
            text = seen["environment"]["ANTHROPIC_CUSTOM_HEADERS"]
            assert seen["files"]["settings"][0]["env"]["ANTHROPIC_CUSTOM_HEADERS"] == text
            return dict(line.split(": ") for line in text.split("\n"))
        case "gemini":
            return dict(each.split(": ") for each in seen["environment"]["GEMINI_CLI_CUSTOM_HEADERS"].split(", "))
        case "codex":
            provider = tomllib.loads("\n".join(seen["arguments"][1::2]))["model_providers"]["understudy"]
            headers: dict[str, str] = provider["http_headers"]
            return headers
    content = json.loads(seen["environment"]["OPENCODE_CONFIG_CONTENT"])
    options: dict[str, Any] = content["provider"]["understudy"]["options"]
    return dict(options["headers"])


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode"])
def test_what_an_agent_may_spend_is_told_to_the_gateway(agents: Agents, gateway: Gateway, name: str) -> None:
    agents.install(name)
    sessions = set[str]()
    for _ in range(2):
        result = agents.run("launch", name, "--url", gateway.url, "-m", "main", "--max-cost", "$2.50")
        assert result.code == 0
        headers = read_headers(agents, name)
        assert headers.pop(CEILING) == "2.50"
        sessions.add(headers.pop(SESSION))
        assert headers == {}
    assert len(sessions) == 2
    assert all(each.startswith(f"launch-{name}-") for each in sessions)


def test_headers_of_the_users_own_stay(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    agents.run("launch", "claude", "--url", gateway.url, "--max-cost", "2", ANTHROPIC_CUSTOM_HEADERS="x-team: search")
    assert read_headers(agents, "claude")["x-team"] == "search"


def test_the_gateway_of_the_configuration_is_used_with_its_first_key(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    agents.cli.configure(
        f'[[llm.providers]]\nprovider = "ollama"\n[llm.gateway]\nhost = "0.0.0.0"\nport = {gateway.port}\n'
        f'[[llm.gateway.keys]]\nname = "a"\nkey = "{KEY}"\n'
    )
    assert agents.run("launch", "claude").code == 0
    environment = agents.seen["environment"]
    assert (environment["ANTHROPIC_BASE_URL"], environment["ANTHROPIC_AUTH_TOKEN"]) == (gateway.url, KEY)


def test_a_proxy_of_the_environment_does_not_stand_before_a_gateway_on_this_machine(
    agents: Agents, gateway: Gateway
) -> None:
    agents.install("claude")
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "corp.example"}
    assert agents.run("launch", "claude", "--url", gateway.url, **proxies).code == 0
    for name in ("NO_PROXY", "no_proxy"):
        assert agents.seen["environment"][name] == "corp.example,localhost,127.0.0.1,::1"


def test_the_exit_code_is_the_agents(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    assert agents.run("launch", "claude", "--url", gateway.url, AGENT_CODE="5").code == 5


def test_a_program_that_cannot_be_started_is_stated(agents: Agents, gateway: Gateway) -> None:
    agents.install("claude")
    (agents.home / "bin" / "claude").write_bytes(b"not a program")
    result = agents.run("launch", "claude", "--url", gateway.url)
    assert result.code == 2
    assert "bin/claude cannot be started: Exec format error" in result.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 7), (signal.SIGTERM, 8)])
def test_the_agent_ends_first_and_ctrl_c_is_its_own(
    agents: Agents, gateway: Gateway, number: signal.Signals, code: int
) -> None:
    agents.install("claude")
    process = agents.cli.start(
        "launch", "claude", "--url", gateway.url, stdout=subprocess.PIPE, environment={"AGENT_WAITS": "1"}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if number == signal.SIGINT:  # the terminal sends it to both
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("the system does not list children")
        process.send_signal(number)
        os.kill(int(children.read_text().split()[0]), number)
    else:
        process.send_signal(number)
    assert process.wait(30) == code
    process.stdout.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cluade"], "unknown agent 'cluade': did you mean \"claude\"?"),
        (["claude"], "Claude Code is not installed: claude is not on the PATH\n  npm install -g @anthropic-ai/claude"),
        (["codex", "--url", "llm.example"], "--url is not the address of a gateway"),
        (["codex", "--url", "http://h:1/v1"], "--url must not contain the path of an API: write http://h:1"),
        (["codex", "--url", 'http://h:1/"x'], "--url is not the address of a gateway"),
        (["codex", "-m", "a b"], "--model is not the name of a model"),
        (
            ["codex", "--max-cost", "much"],
            "--max-cost must be an amount above 0",
        ),
        (["aider", "--max-cost", "2"], "aider sends no headers of ours, so --max-cost cannot be kept"),
        (["codex", "--url", "http://127.0.0.1:9"], "no gateway answers at http://127.0.0.1:9"),
    ],
)
def test_what_is_wrong_is_stated(agents: Agents, words: list[str], message: str) -> None:
    agents.install("codex")
    agents.install("aider")
    result = agents.run("launch", *words)
    assert result.code == 2
    assert message in result.err


def test_a_refused_key_and_an_empty_list_are_stated(agents: Agents, gateway: Gateway) -> None:
    agents.install("opencode")
    gateway.keys = [KEY]
    wrong = "wrong-key-0123456789"
    result = agents.run("launch", "opencode", "--url", gateway.url, UNDERSTUDY_KEY=wrong)
    assert (result.code, wrong in result.err) == (2, False)
    assert "the gateway refuses the key: set UNDERSTUDY_KEY, or pass --key" in result.err
    gateway.keys, gateway.models = [], []
    result = agents.run("launch", "opencode", "--url", gateway.url)
    assert "opencode needs a model, and the gateway lists none: pass --model" in result.err


def test_a_gateway_that_does_not_run_is_named_where_its_models_are_needed(agents: Agents) -> None:
    result = agents.run("setup", "opencode", "--url", "http://127.0.0.1:9", "--dry-run")
    assert result.code == 2
    assert "opencode needs a model, and no gateway answers at http://127.0.0.1:9: start it" in result.err


def test_only_hashes_of_keys_leave_the_key_to_the_user(agents: Agents) -> None:
    agents.install("claude")
    digest = "0" * 64
    agents.cli.configure(
        f'[[llm.providers]]\nprovider = "ollama"\n[[llm.gateway.keys]]\nname = "a"\nhash = "sha256:{digest}"\n'
    )
    result = agents.run("launch", "claude")
    assert result.code == 2
    assert "holds only hashes of the gateway's keys: set UNDERSTUDY_KEY" in result.err


def test_a_gateway_is_started_for_the_agent_and_ends_with_it(agents: Agents, emulator: Emulator) -> None:
    agents.install("opencode")
    entries = configuration(emulator)
    agents.cli.configure(
        f'{entries}\n[llm.gateway]\nport = 9\n[[llm.gateway.keys]]\nname = "a"\nkey = "{KEY}"\n'
        '[[llm.routes]]\nname = "main"\ntargets = ["anthropic"]\n'
    )
    result = agents.run("launch", "opencode")
    assert result.code == 0, result.err
    provider = json.loads(agents.seen["environment"]["OPENCODE_CONFIG_CONTENT"])["provider"]["understudy"]
    address = provider["options"]["baseURL"].removesuffix("/v1")
    assert result.err == f"a gateway was started at {address}, and ends with the agent\n"
    assert "main" in provider["models"]
    assert not is_live(address)


SERVER = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


def test_a_gateway_that_was_started_ends_with_the_block(cli: CommandLine) -> None:
    with Gateway().server as free:
        port = free.server_address[1]
    url = f"http://127.0.0.1:{port}"
    with started([sys.executable, "-c", SERVER, str(port)], url) as address:
        assert address == url
        assert is_live(url)
    assert not is_live(url)


def test_a_gateway_that_ends_before_the_agent_is_reported(cli: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    with Gateway().server as free:
        port = free.server_address[1]
    url = f"http://127.0.0.1:{port}"
    note = cli.folder / "pid"
    program = f"import os; open({str(note)!r}, 'w').write(str(os.getpid()))\n" + SERVER.replace(
        "serve_forever()", "handle_request(); sys.exit('error: out of memory')"
    )
    with started([sys.executable, "-c", program, str(port)], url):
        os.waitid(os.P_PID, int(note.read_text()), os.WEXITED | os.WNOWAIT)
    shown = capsys.readouterr().err
    assert "warning: the gateway ended before the agent\n" in shown
    assert "error: out of memory" in shown


def test_a_gateway_that_does_not_start_says_why() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('error: port 1 is in use')"]
    why = r"ended at once\n  error: port 1 is in use"
    with pytest.raises(ConnectionFailed, match=why), started(command, "http://127.0.0.1:9"):
        pass


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:8484"), ("::", "http://[::1]:8484"), ("box", "http://box:8484")]
)
def test_the_address_of_a_configuration(host: str, url: str) -> None:
    assert address_of(GatewayConfig(host=host)) == url
