"""What `setup` writes into the agents' own files, that nothing else changes, and that `--undo` brings it all back."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.cli.agents.conftest import Agents, Gateway, write
from understudy.cli.agents.rows import AGENTS

KEY = "gateway-key-0123456789"
URL = "https://llm.example"

FILES = {
    "claude": {".claude/settings.json": '{\n  "model": "opus",\n  "env": {\n    "FOO": "1"\n  }\n}\n'},
    "codex": {".codex/config.toml": '# mine\nmodel = "gpt-6"\n\n[tui]\ntheme = "dark"\n'},
    "gemini": {".gemini/.env": "# mine\nFOO=1\n", ".gemini/settings.json": '{\n  // mine\n  "ui": {},\n}\n'},
    "opencode": {"config/opencode/opencode.jsonc": '{\n  // mine\n  "theme": "dark",\n}\n'},
    "aider": {".aider.conf.yml": "# mine\nauto-commits: false\n"},
}
MODEL = ("--model", "main")


def tree(home: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(home)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def prepared(agents: Agents, name: str) -> dict[str, tuple[bytes, int]]:
    for place, text in FILES[name].items():
        write(agents.home / place, text).chmod(0o644)
    return tree(agents.home)


def test_every_agent_is_tried() -> None:
    assert FILES.keys() == AGENTS.keys()


@pytest.mark.parametrize("exists", [True, False], ids=["with files", "without files"])
@pytest.mark.parametrize("name", AGENTS)
def test_set_up_twice_and_undone_everything_is_as_it_was(agents: Agents, name: str, exists: bool) -> None:
    before = prepared(agents, name) if exists else tree(agents.home)
    for url in (URL, "http://127.0.0.1:8484"):
        result = agents.run("setup", name, "--url", url, *MODEL, UNDERSTUDY_KEY=KEY)
        assert result.code == 0, result.err
        assert result.out.count("wrote ") == (1 if "127" in url and name == "gemini" else len(AGENTS[name].files))
    after = tree(agents.home)
    for place in FILES[name] if exists else ():
        text, mode = after[place]
        mine = FILES[name][place]
        assert all(line in text.decode() for line in mine.splitlines() if "mine" in line or "FOO" in line)
        assert (mode == 0o600) == (KEY.encode() in text)
        assert after[f"{place}.understudy-backup"][0] == mine.encode()
    assert not any(KEY.encode() in text for place, (text, _) in after.items() if "understudy" in place)
    result = agents.run("setup", name, "--undo")
    assert result.code == 0, result.err
    assert tree(agents.home) == before


def test_claudes_settings(agents: Agents) -> None:
    prepared(agents, "claude")
    result = agents.run("setup", "claude", "--url", URL, UNDERSTUDY_KEY=KEY)
    path = agents.home / ".claude" / "settings.json"
    assert json.loads(path.read_text()) == {
        "model": "opus",
        "env": {
            "FOO": "1",
            "ANTHROPIC_BASE_URL": URL,
            "ANTHROPIC_AUTH_TOKEN": KEY,
            "ANTHROPIC_API_KEY": "",
            "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        },
    }
    assert result.out == f"wrote {path} (backup: {path}.understudy-backup)\n"
    assert "map them to your routes in [llm.gateway.aliases], or pass --model" in result.err


def test_codexs_configuration_refers_to_the_key(agents: Agents) -> None:
    prepared(agents, "codex")
    result = agents.run("setup", "codex", "--url", URL, *MODEL, UNDERSTUDY_KEY=KEY)
    text = (agents.home / ".codex" / "config.toml").read_text()
    assert KEY not in text
    assert tomllib.loads(text) == {
        "model_provider": "understudy",
        "model": "main",
        "tui": {"theme": "dark"},
        "model_providers": {
            "understudy": {
                "name": "understudy",
                "base_url": f"{URL}/v1",
                "wire_api": "responses",
                "env_key": "UNDERSTUDY_KEY",
            }
        },
    }
    assert "Codex reads the key from $UNDERSTUDY_KEY: export it before you start codex" in result.err
    agents.run("setup", "codex", "--url", URL)
    assert "env_key" not in (agents.home / ".codex" / "config.toml").read_text()


def test_geminis_two_files(agents: Agents) -> None:
    prepared(agents, "gemini")
    agents.run("setup", "gemini", "--url", URL, UNDERSTUDY_KEY=KEY)
    variables = (agents.home / ".gemini" / ".env").read_text()
    assert variables == f"# mine\nFOO=1\nGOOGLE_GEMINI_BASE_URL={URL}\nGEMINI_API_KEY={KEY}\n"
    settings = (agents.home / ".gemini" / "settings.json").read_text()
    assert '"selectedType": "gemini-api-key"' in settings
    assert settings.startswith('{\n  // mine\n  "ui": {},\n')


def test_opencode_lists_what_the_gateway_offers(agents: Agents, gateway: Gateway) -> None:
    agents.run("setup", "opencode", "--url", gateway.url, UNDERSTUDY_KEY=KEY)
    written = json.loads((agents.home / "config" / "opencode" / "opencode.json").read_text())
    assert written["model"] == "understudy/main"
    assert list(written["provider"]["understudy"]["models"]) == ["main", "openai/gpt-x"]


def test_aiders_file(agents: Agents) -> None:
    prepared(agents, "aider")
    agents.run("setup", "aider", "--url", URL, *MODEL, UNDERSTUDY_KEY=KEY)
    assert (agents.home / ".aider.conf.yml").read_text() == (
        f'# mine\nauto-commits: false\nopenai-api-base: {URL}/v1\nopenai-api-key: "{KEY}"\nmodel: openai/main\n'
    )


def test_a_dry_run_prints_a_diff_without_keys_and_writes_nothing(agents: Agents) -> None:
    before = prepared(agents, "claude")
    secret = "sk-ant-api03-somebody-elses"
    path = write(agents.home / ".claude" / "settings.json", f'{{\n  "env": {{\n    "OTHER": "{secret}"\n  }}\n}}\n')
    before = tree(agents.home)
    result = agents.run("setup", "claude", "--url", URL, "--dry-run", UNDERSTUDY_KEY=KEY)
    assert result.code == 0
    assert secret not in result.out
    assert result.out.splitlines() == [
        f"--- {path}",
        f"+++ {path}",
        "@@ -1,5 +1,9 @@",
        " {",
        '   "env": {',
        '-    "OTHER": "[key]"',
        '+    "OTHER": "[key]",',
        f'+    "ANTHROPIC_BASE_URL": "{URL}",',
        '+    "ANTHROPIC_AUTH_TOKEN": "[key]",',
        '+    "ANTHROPIC_API_KEY": "",',
        '+    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"',
        "   }",
        " }",
    ]
    assert tree(agents.home) == before


def test_a_dry_run_of_undo_shows_what_would_be_taken_out(agents: Agents) -> None:
    agents.run("setup", "codex", "--url", URL)
    before = tree(agents.home)
    result = agents.run("setup", "codex", "--undo", "--dry-run")
    assert '-model_provider = "understudy"' in result.out.splitlines()
    assert "+++ /dev/null" in result.out
    assert tree(agents.home) == before


def test_what_was_changed_since_stays_when_only_ours_is_taken_out(agents: Agents) -> None:
    prepared(agents, "codex")
    agents.run("setup", "codex", "--url", URL, *MODEL)
    path = agents.home / ".codex" / "config.toml"
    path.write_text(path.read_text().replace('theme = "dark"', 'theme = "light"'))
    assert agents.run("setup", "codex", "--undo").code == 0
    assert path.read_text() == FILES["codex"][".codex/config.toml"].replace("dark", "light")
    assert not path.with_name("config.toml.understudy-backup").exists()


def test_a_value_of_ours_that_was_changed_since_stops_undo(agents: Agents) -> None:
    prepared(agents, "claude")
    agents.run("setup", "claude", "--url", URL)
    path = agents.home / ".claude" / "settings.json"
    path.write_text(path.read_text().replace(URL, "https://another.example"))
    before = tree(agents.home)
    result = agents.run("setup", "claude", "--undo")
    assert result.code == 2
    assert (
        f"{path} cannot be restored: env.ANTHROPIC_BASE_URL has been changed since; nothing was written" in result.err
    )
    assert f"its backup is {path}.understudy-backup" in result.err
    assert tree(agents.home) == before


def test_a_second_setup_takes_out_what_the_first_one_wrote(agents: Agents) -> None:
    prepared(agents, "codex")
    agents.run("setup", "codex", "--url", URL, *MODEL)
    path = agents.home / ".codex" / "config.toml"
    path.write_text(path.read_text().replace('theme = "dark"', 'theme = "light"'))
    assert agents.run("setup", "codex", "--url", "http://127.0.0.1:1").code == 0
    text = path.read_text()
    assert tomllib.loads(text)["model"] == "gpt-6"
    assert URL not in text
    assert agents.run("setup", "codex", "--undo").code == 0
    assert path.read_text() == FILES["codex"][".codex/config.toml"].replace("dark", "light")


def test_undo_after_a_setup_that_recorded_but_did_not_write(agents: Agents) -> None:
    """The record is written first, so that a crash between the two can be undone."""
    before = prepared(agents, "codex")
    agents.run("setup", "codex", "--url", URL, *MODEL)
    path = agents.home / ".codex" / "config.toml"
    path.write_text(FILES["codex"][".codex/config.toml"])
    assert agents.run("setup", "codex", "--undo").code == 0
    assert tree(agents.home) == before


def test_a_backup_that_is_missing_is_stated(agents: Agents) -> None:
    prepared(agents, "claude")
    agents.run("setup", "claude", "--url", URL)
    (agents.home / ".claude" / "settings.json.understudy-backup").unlink()
    for words in (["--undo"], ["--url", URL]):
        result = agents.run("setup", "claude", *words)
        assert (result.code, "settings.json.understudy-backup is missing" in result.err) == (2, True)


def test_a_line_of_dashes_is_masked_like_any_other(agents: Agents) -> None:
    path = write(agents.home / ".gemini" / ".env", "-- API_KEY=abcdefghijkl\nGEMINI_API_KEY=abcdefghijkl\n")
    result = agents.run("setup", "gemini", "--url", URL, "--dry-run")
    assert "abcdefghijkl" not in result.out
    assert str(path) in result.out


@pytest.mark.parametrize(
    ("name", "place", "text", "why"),
    [
        ("claude", ".claude/settings.json", "// mine\n{}", "the file is not valid JSON"),
        ("claude", ".claude/settings.json", '{"env": 1}', "env is not a table"),
        ("codex", ".codex/config.toml", "model = [", "the file is not valid TOML"),
        ("codex", ".codex/config.toml", 'model_providers = { understudy = { name = "x" } }', "unsafe to change"),
        ("opencode", "config/opencode/opencode.json", "[]", "the file does not contain an object"),
        ("aider", ".aider.conf.yml", "---\nmodel: x\n", "line 1 is more than a key and its value"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(
    agents: Agents, name: str, place: str, text: str, why: str
) -> None:
    path = write(agents.home / place, text)
    before = tree(agents.home)
    result = agents.run("setup", name, "--url", URL, *MODEL)
    assert result.code == 2
    assert f"{path} cannot be changed: " in result.err
    assert why in result.err
    assert "by hand" in result.err
    assert tree(agents.home) == before


def test_a_second_file_that_cannot_be_changed_stops_the_first(agents: Agents) -> None:
    write(agents.home / ".gemini" / "settings.json", "[]")
    before = tree(agents.home)
    assert agents.run("setup", "gemini", "--url", URL).code == 2
    assert tree(agents.home) == before


def test_a_file_that_is_not_utf_8_is_left_alone(agents: Agents) -> None:
    path = agents.home / ".aider.conf.yml"
    path.write_bytes(b"# caf\xe9\n")
    result = agents.run("setup", "aider", "--url", URL, *MODEL)
    assert (result.code, path.read_bytes()) == (2, b"# caf\xe9\n")
    assert "is not UTF-8" in result.err


def test_a_byte_order_mark_and_windows_line_ends_stay(agents: Agents) -> None:
    path = agents.home / ".gemini" / "settings.json"
    path.parent.mkdir()
    path.write_bytes(b'\xef\xbb\xbf{\r\n  "ui": {}\r\n}\r\n')
    agents.run("setup", "gemini", "--url", URL)
    data = path.read_bytes()
    assert data.startswith(b'\xef\xbb\xbf{\r\n  "ui": {},\r\n  "security"')
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_link_is_followed_and_kept(agents: Agents) -> None:
    target = write(agents.home / "dotfiles" / "claude.json", "{}\n")
    link = agents.home / ".claude" / "settings.json"
    link.parent.mkdir()
    link.symlink_to(target)
    agents.run("setup", "claude", "--url", URL)
    assert link.is_symlink()
    assert URL in target.read_text()
    agents.run("setup", "claude", "--undo")
    assert link.is_symlink()
    assert target.read_text() == "{}\n"


def test_the_address_is_that_of_the_configuration(agents: Agents) -> None:
    agents.cli.configure('[[llm.providers]]\nprovider = "ollama"\n[llm.gateway]\nport = 9999\n')
    agents.run("setup", "codex")
    assert 'base_url = "http://127.0.0.1:9999/v1"' in (agents.home / ".codex" / "config.toml").read_text()


def test_without_a_configuration_it_is_the_default(agents: Agents) -> None:
    assert agents.run("setup", "codex").code == 0
    assert 'base_url = "http://127.0.0.1:8484/v1"' in (agents.home / ".codex" / "config.toml").read_text()


def test_undo_without_a_setup_is_an_error(agents: Agents) -> None:
    result = agents.run("setup", "claude", "--undo")
    assert result.code == 2
    assert "`understudy setup` has not changed the configuration of Claude Code" in result.err


def test_a_folder_of_the_agents_own_choice_is_used(agents: Agents) -> None:
    agents.run("setup", "claude", "--url", URL, CLAUDE_CONFIG_DIR=str(agents.home / "elsewhere"))
    assert URL in (agents.home / "elsewhere" / "settings.json").read_text()
    assert agents.run("setup", "claude", "--undo").code == 0
    assert not (agents.home / "elsewhere" / "settings.json").exists()
