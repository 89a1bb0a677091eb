from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from understudy.config import Config, ConfigError, load, parse


def _never(base_url: str) -> bool:
    pytest.fail(f"{base_url} was probed although there is a file")


def test_load_reads_the_file_and_nothing_else(tmp_path: Path, example: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(example)
    config = load(file, environ={"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}, probe=_never)
    assert len(config.providers) == 3
    assert config.source == str(file)


def test_load_finds_the_file_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("understudy.toml").write_text("[llm]\ntext_model = 'm'\nx = 1")
    config = load(environ={}, probe=_never)
    assert config.source == "understudy.toml"
    assert config.notices[0].where == "understudy.toml:3"


def test_load_takes_the_process_environment_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "named.toml"
    file.write_text("[llm]\ntext_model = '${UNDERSTUDY_TEST_MODEL}'")
    monkeypatch.setenv("UNDERSTUDY_CONFIG", str(file))
    monkeypatch.setenv("UNDERSTUDY_TEST_MODEL", "from-environ")
    assert load(probe=_never).providers[0].text_model == "from-environ"
    with pytest.raises(ConfigError, match="UNDERSTUDY_TEST_MODEL is not set"):
        load(file, environ={})


def test_load_without_a_file_asks_the_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    asked = []

    def probe(base_url: str) -> bool:
        asked.append(base_url)
        return True

    config = load(environ=environ, probe=probe)
    assert asked == ["http://localhost:11434"]
    assert [entry.provider for entry in config.providers] == ["ollama"]
    assert config.source is None


def test_process_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", nowhere)
    assert load(environ={}, probe=lambda _: True).providers


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "bom.toml"
    file.write_bytes(b"\xef\xbb\xbf[llm]\ntext_model = 'm'")
    assert load(file, environ={}).providers[0].text_model == "m"


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes("[llm]\napi_key = 'sk-canary'\ntext_model = 'ü'".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert caught.value.message == (
        f"{file}: byte 42 is not valid UTF-8, which TOML requires\n  save the file as UTF-8"
    )
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "understudy.toml"
    file.write_text("")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match=r"understudy\.toml cannot be read: Permission denied\n  check"):
        load(file, environ={})


def test_source_may_be_unknown() -> None:
    with pytest.raises(ConfigError, match=r"^line 2: text_model must be a string"):
        parse("[llm]\ntext_model = 1", environ={})
    assert parse("[llm]\nx = 1", environ={}).notices[0].where == "line 2"
    assert parse("", environ={}).notices[0].where == "the configuration"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[llm]\ntext_model = llama", "2:14: invalid TOML: Invalid value: text_model = …\n"
         '  put strings in quotes: key = "text"'),
        ("[llm]\ntext_model", "2: invalid TOML: Expected '=' after a key in a key/value pair: …\n"
         "  write key = value"),
        ("[llm\nx = 1", "1:5: invalid TOML: Expected ']' at the end of a table declaration: [llm\n"
         "  write [table]"),
        ("[[llm.providers]\nx = 1", "1:16: invalid TOML: Expected ']]' at the end of an array declaration: "
         "[[llm.providers]\n  write [[list of tables]]"),
        ("[llm]\n[llm]\n", "2:5: invalid TOML: Cannot declare ('llm',) twice: [llm]\n"
         "  each key and each [table] may be written once; a list of tables is written [[table]]"),
        ('[llm]\ntext_model = "a"\ntext_model = "b"',
         '3: invalid TOML: Cannot overwrite a value: text_model = "b"\n'
         "  each key and each [table] may be written once; a list of tables is written [[table]]"),
        ('[llm]\ntext_model = "llama\nx = 1', "2:20: invalid TOML: Illegal character '\\n': text_model = …\n"
         "  close the quotes on the same line"),
        ('[llm]\napi_key = "sk-canary', "2: invalid TOML: Unterminated string: api_key = …\n  close the quotes"),
        ('[llm]\nollama_url = "C:\\x"', "2:19: invalid TOML: Unescaped '\\' in a string: ollama_url = \"C:\\x\"\n"
         "  write a backslash as \\\\, or put the string in single quotes"),
        ("[llm]\nproviders = [\n", "2: invalid TOML: Invalid value: providers = …\n"
         '  put strings in quotes: key = "text"'),
        ("a = 1 b = 2", "1:7: invalid TOML: Expected newline or end of document after a statement: a = …\n"
         "  write one key = value per line"),
    ],
)  # fmt: skip
def test_syntax_errors(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, source="understudy.toml", environ={})
    assert caught.value.message == f"understudy.toml:{expected}"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_nesting_without_end() -> None:
    with pytest.raises(ConfigError, match="invalid TOML"):
        parse("x = " + "[" * 100_000, environ={})


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["[llm]", "[[llm.providers]]", "[llm.fallback]", "provider", "api_key", "extra", "headers", "strategy"]
        ),
        st.sampled_from(
            [" = ", "\n", '"', '"ollama"', '"${', "}", "{", "[", "]", ",", ".", "1", "true", "#", "\\", "'''"]
        ),
        st.text(max_size=4),
    ),
    max_size=25,
)


@given(_PIECES)
def test_any_text_gives_a_configuration_or_our_error(pieces: list[str]) -> None:
    try:
        config = parse("".join(pieces), source="f", environ={})
    except ConfigError as error:
        message = error.message
    else:
        assert isinstance(config, Config)
        message = "\n  ".join(map(str, config.notices)) + "\n  "
    assert "\n  " in message, "an error suggests what to do"


@given(
    st.integers(0, 600), st.sampled_from(["", '"', "\n", "[", "]", "=", "${", "x", "#", "\x00", "1"]), st.integers(0, 3)
)
@example(289, '"', 2)  # a quote before what is left of a header's name, which then looks like a known key
@example(289, "[", 2)
def test_damaged_example(at: int, piece: str, cut: int) -> None:
    text = _EXAMPLE[:at] + piece + _EXAMPLE[at + cut :]
    try:
        shown = repr(parse(text, source="f", environ={"KEY": "sk-canary"}).notices)
    except ConfigError as error:
        shown = error.message
    assert "canary" not in shown


_EXAMPLE = """[[llm.providers]]
name = "primary"
provider = "openai"
api_key = "sk-canary-1"
text_model = "gpt-4-turbo-preview"
headers = { X-Team = "canary" }

[[llm.providers]]
provider = "ollama"
base_url = "http://localhost:11434"
text_model = "llama3.2"
api_key = "${KEY}"

[llm.providers.headers]
X-Other = "canary"

[llm.fallback]
enabled = true
max_retries = 3
strategy = "priority"
"""


def test_reading_a_configuration_stays_cheap() -> None:
    script = (
        "import sys\n"
        "from understudy.config import load, parse\n"
        "parse('[llm]\\ntext_model = \"m\"', environ={})\n"
        "heavy = {'aiohttp', 'asyncio', 'difflib', 'rich', 'socket', 'ssl', 'typer', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
