from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from understudy.config import Config, NoticeKind
from understudy.domain.secret import Secret
from understudy.providers import row, types
from understudy.providers.environment import key_from_environment

ENTRY = '[[llm.providers]]\nprovider = "openai"\napi_key = "sk-x"\ntext_model = "m"\n'
"""Four lines; what a test adds stands on line 5."""


def test_every_key(read: Callable[..., Config]) -> None:
    config = read(
        """
[[llm.providers]]
provider = "OpenAI"
name = "full"
priority = -1
api_key = " sk-x\\n"
base_url = "https://proxy.example/v1"
text_model = "${MODEL:-m}-${SUFFIX}"
embedding_model = "e"
max_tokens = 1
temperature = 2
timeout = 0.5
connect_timeout = 1
first_event_timeout = 2
idle_timeout = 3
whole = "Stream"
api_version = "2023-06-01"
embedding_space = "s"
headers = { X-Team = "${TEAM}" }
[llm.providers.extra]
deep = [{ text = "${TEAM} $${x}" }, 1, true]
""",
        SUFFIX="s",
        TEAM="search",
    )
    (entry,) = config.providers
    assert (entry.provider, entry.name, entry.priority) == ("openai", "full", -1)
    assert entry.api_key == Secret("sk-x")
    assert entry.base_url == "https://proxy.example/v1"
    assert (entry.text_model, entry.embedding_model) == ("m-s", "e")
    assert (entry.max_tokens, entry.temperature) == (1, 2)
    assert (entry.timeout, entry.connect_timeout, entry.first_event_timeout, entry.idle_timeout) == (0.5, 1, 2, 3)
    assert (entry.api_version, entry.embedding_space) == ("2023-06-01", "s")
    assert entry.whole == "stream"
    assert entry.headers == {"X-Team": "search"}
    assert entry.extra == {"deep": [{"text": "search ${x}"}, 1, True]}


def test_key_from_the_providers_own_variable(read: Callable[..., Config]) -> None:
    variables = row("anthropic").key_variables
    (entry,) = read('[[llm.providers]]\nprovider = "claude"\ntext_model = "m"', **{variables[-1]: "sk-own"}).providers
    assert entry.provider == "anthropic"
    assert entry.api_key == Secret("sk-own")


def test_several_variables_of_a_provider() -> None:
    several = msgspec.structs.replace(row("openai"), key_variables=("FIRST", "SECOND"))
    assert key_from_environment(several, {"SECOND": "two", "FIRST": "one"}).key == Secret("one")
    assert key_from_environment(several, {"SECOND": "two", "FIRST": ""}).key == Secret("two")
    assert key_from_environment(several, {}).why == "none of FIRST, SECOND is set"


def test_written_key_wins_over_the_variable(read: Callable[..., Config]) -> None:
    (entry,) = read(ENTRY, OPENAI_API_KEY="sk-other").providers
    assert entry.api_key == Secret("sk-x")


def test_no_key_at_all(fails: Callable[..., str]) -> None:
    assert fails('[[llm.providers]]\nprovider = "groq"') == (
        "understudy.toml: no provider can be used\n"
        "  understudy.toml:1: groq (groq): GROQ_API_KEY is not set\n"
        "  set one of GROQ_API_KEY"
    )


def test_ollama_needs_no_key(read: Callable[..., Config]) -> None:
    config = read('[[llm.providers]]\nprovider = "ollama"\ntext_model = "m"')
    assert config.providers[0].api_key is None
    assert config.disabled == ()


def test_empty_key_is_as_if_not_written(read: Callable[..., Config]) -> None:
    text = '[[llm.providers]]\nprovider = "{}"\ntext_model = "m"\napi_key = "${{NO:-}}"'
    assert read(text.format("ollama")).providers[0].api_key is None
    assert read(text.format("openai"), OPENAI_API_KEY="own").providers[0].api_key == Secret("own")


def test_reference_that_is_missing_disables_even_where_no_key_is_needed(read: Callable[..., Config]) -> None:
    config = read(ENTRY + '[[llm.providers]]\nprovider = "ollama"\ntext_model = "m"\napi_key = "${NO}"')
    assert [entry.variables for entry in config.disabled] == [("NO",)]


def test_several_missing_variables_are_all_named(read: Callable[..., Config]) -> None:
    config = read(ENTRY + '[[llm.providers]]\nname = "b"\nprovider = "groq"\napi_key = "${A}${B}"')
    assert config.disabled[0].why == "A and B are not set"
    assert config.disabled[0].variables == ("A", "B")


def test_base_url_from_the_environment(read: Callable[..., Config]) -> None:
    (variable, *_) = row("ollama").base_url_variables
    text = '[[llm.providers]]\nprovider = "ollama"\ntext_model = "m"\n'
    assert read(text).providers[0].base_url is None
    assert read(text, **{variable: "http://gpu:1234"}).providers[0].base_url == "http://gpu:1234"
    assert read(text + 'base_url = "http://mine"', **{variable: "http://gpu"}).providers[0].base_url == "http://mine"


def test_wrong_base_url_in_the_environment(fails: Callable[..., str]) -> None:
    (variable, *_) = row("openai").base_url_variables
    message = fails(ENTRY, **{variable: "https://user:sk-canary@host/v1"})
    assert message.startswith(
        f"understudy.toml:1: the environment variable {variable} must not contain a user or password"
    )
    assert "canary" not in message


def test_default_model_is_dated_and_noticed(read: Callable[..., Config]) -> None:
    config = read('[[llm.providers]]\nprovider = "openai"\napi_key = "k"')
    openai = row("openai")
    assert config.providers[0].text_model == openai.text_model
    assert config.providers[0].embedding_model is None
    (notice,) = config.notices
    assert notice.kind is NoticeKind.DEFAULTED
    assert notice.where == "understudy.toml:1"
    assert f"{openai.text_model} is used, the default as of {openai.as_of}" in notice.what


def test_name_defaults_to_the_type(read: Callable[..., Config]) -> None:
    assert read(ENTRY).providers[0].name == "openai"


def test_second_entry_without_a_name(fails: Callable[..., str]) -> None:
    assert fails(ENTRY + ENTRY) == (
        'understudy.toml:5: an entry without a name is named after its provider, and "openai" is already taken\n'
        '  add name = "openai-2"'
    )


def test_name_taken_twice_even_by_a_disabled_entry(fails: Callable[..., str]) -> None:
    text = '[[llm.providers]]\nname = "a"\nprovider = "openai"\n[[llm.providers]]\nname = "a"\nprovider = "groq"\n'
    assert (
        fails(text) == 'understudy.toml:5: the name "a" is already taken on line 2: name = "a"\n  names must be unique'
    )


@pytest.mark.parametrize("name", ["a/b", " a", "a\\n", "a\\u0007b"])
def test_names_that_cannot_be_addressed(fails: Callable[..., str], name: str) -> None:
    message = fails(ENTRY + f'name = "{name}"')
    assert message.startswith("understudy.toml:5: a name must not contain a slash or control characters")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('text_modle = "gpt-4o"', 'unknown key "text_modle" in [[llm.providers]] number 1: text_modle = "gpt-4o"\n'
         '  did you mean "text_model"?'),
        ('model = "gpt-4o"', 'unknown key "model" in [[llm.providers]] number 1: model = "gpt-4o"\n'
         '  did you mean "text_model"?'),
        ('api_base = "http://h"', 'unknown key "api_base" in [[llm.providers]] number 1: api_base = "http://h"\n'
         '  did you mean "base_url"?'),
        ("max-tokens = 5", 'unknown key "max-tokens" in [[llm.providers]] number 1: max-tokens = 5\n'
         '  did you mean "max_tokens"?'),
        ('max_tokens = "5"', 'max_tokens must be a whole number, not a string: max_tokens = "5"\n'
         "  for example: max_tokens = 4096"),
        ("max_tokens = true", "max_tokens must be a whole number, not true: max_tokens = true\n"
         "  for example: max_tokens = 4096"),
        ("max_tokens = 1.0", "max_tokens must be a whole number, not a decimal number: max_tokens = 1.0\n"
         "  for example: max_tokens = 4096"),
        ("max_tokens = 0", "max_tokens must be at least 1: max_tokens = 0\n  for example: max_tokens = 4096"),
        ("temperature = 2.5", "temperature must be between 0 and 2: temperature = 2.5\n"
         "  for example: temperature = 0.7"),
        ("temperature = nan", "temperature must be a finite number: temperature = nan\n"
         "  for example: temperature = 0.7"),
        ('whole = "plan"', 'unknown value for whole: whole = "plan"\n  did you mean "plain"?'),
        ("timeout = 0", "timeout must be greater than 0: timeout = 0\n  for example: timeout = 600"),
        ("priority = 1.5", "priority must be a whole number, not a decimal number: priority = 1.5\n"
         "  for example: priority = 1"),
        ('embedding_model = ""', 'embedding_model must not be empty: embedding_model = ""\n'
         "  omit the key, or give it a value"),
        ('embedding_model = "${NO}"', 'the environment variable NO is not set: embedding_model = "${NO}"\n'
         '  set it, or write a default: "${NO:-default}"'),
        ('embedding_model = "${NO"', 'a ${ must continue as ${NAME} or ${NAME:-default}: embedding_model = "${NO"\n'
         "  write $${ for a literal ${"),
        ("embedding_model = 2020-01-01",
         "embedding_model must be a string, not a date or time: embedding_model = 2020-01-01\n"
         '  for example: embedding_model = "nomic-embed-text"'),
        ('base_url = "host:80"', 'base_url must begin with http:// or https://: base_url = "host:80"\n'
         '  for example: base_url = "https://api.openai.com/v1"'),
        ('base_url = "http://"', 'base_url is not a valid URL for OpenAI: base_url = "http://"\n'
         '  for example: base_url = "https://api.openai.com/v1"'),
        ('base_url = "http://h:99999"', 'base_url is not a valid URL for OpenAI: base_url = "http://h:99999"\n'
         '  for example: base_url = "https://api.openai.com/v1"'),
        ('base_url = "http://h/?key=x"', "base_url must end with the path, without ? and #: "
         "the path of each request is appended to it: base_url = …\n"
         '  for example: base_url = "https://api.openai.com/v1"'),
        ("headers = { X = 1 }", "headers must be a table of strings, not a table that contains a whole number: "
         'headers = …\n  for example: headers = { "X-Team" = "search" }'),
        ('headers = { "X Y" = "1" }', "a header's name and value must be printable ASCII: headers = …\n"
         "  write it in ASCII, or omit it"),
        ('headers = { X = "a\\r\\nB: c" }', "a header's name and value must be printable ASCII: headers = …\n"
         "  write it in ASCII, or omit it"),
        ('headers = { Authorization = "Bearer x" }',
         'the header "Authorization" looks like a key; keys are not allowed in headers: headers = …\n  use api_key'),
        ("extra = { when = [2020-01-01] }", "extra contains a date or time, which JSON cannot express: extra = …\n"
         "  write it as a string or a number"),
        ("extra = { x = inf }", "extra contains a number that is not finite, which JSON cannot express: extra = …\n"
         "  write it as a string or a number"),
        ('extra = { x = "${NO}" }', "the environment variable NO is not set: extra = …\n"
         '  set it, or write a default: "${NO:-default}"'),
    ],
)  # fmt: skip
def test_errors_of_values(fails: Callable[..., str], line: str, expected: str) -> None:
    assert fails(ENTRY + line) == f"understudy.toml:5: {expected}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('provider = "opnai"', 'unknown provider: provider = "opnai"\n  did you mean "openai"?'),
        ('provider = "zzz"', f'unknown provider: provider = "zzz"\n  expected one of {", ".join(types())}'),
        (
            'provider = "${P:-zzz}"',
            f'unknown provider: provider = "${{P:-zzz}}"\n  expected one of {", ".join(types())}',
        ),
        (
            "provider = 1",
            'provider must be a string, not a whole number: provider = 1\n  for example: provider = "openai"',
        ),
    ],
)
def test_errors_of_the_type(fails: Callable[..., str], line: str, expected: str) -> None:
    assert fails(f"[[llm.providers]]\n{line}") == f"understudy.toml:2: {expected}"


def test_type_is_required(fails: Callable[..., str]) -> None:
    assert fails('[[llm.providers]]\nname = "a"') == (
        f'understudy.toml:1: the entry has no "provider"\n  expected one of {", ".join(types())}'
    )


def test_provider_of_a_later_version(fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.config.entries.types", lambda: ("ollama", "openai"))
    assert fails('[[llm.providers]]\nprovider = "gemini"') == (
        'understudy.toml:2: the provider google is not available in this version: provider = "gemini"\n'
        "  available: ollama, openai"
    )


@pytest.mark.parametrize(
    "written", ["$OPENAI_API_KEY", "os.environ/OPENAI_API_KEY", "env:OPENAI_API_KEY", "%OPENAI_API_KEY%"]
)
def test_key_written_in_the_way_of_another_tool(fails: Callable[..., str], written: str) -> None:
    assert fails(f'[[llm.providers]]\nprovider = "openai"\napi_key = "{written}"') == (
        "understudy.toml:3: api_key names a variable, but not as ${NAME}: api_key = …\n"
        '  did you mean "${OPENAI_API_KEY}"?'
    )


@pytest.mark.parametrize("key", ["a b", "a\\nb", "schlüssel", "a\\u0000b"])
def test_key_that_no_header_can_carry(fails: Callable[..., str], key: str) -> None:
    assert fails(f'[[llm.providers]]\nprovider = "openai"\napi_key = "{key}"') == (
        "understudy.toml:3: api_key contains characters that a header cannot carry: api_key = …\n  copy the key again"
    )


def test_named_entries_are_named_in_errors(fails: Callable[..., str]) -> None:
    assert 'in [[llm.providers]] "main"' in fails(ENTRY + 'name = "main"\nx = 1')


def test_all_errors_at_once_in_the_order_of_lines(fails: Callable[..., str]) -> None:
    message = fails('[llm.fallback]\nenabled = 1\n[[llm.providers]]\nprovider = "x"\nzzz = 1\nmax_tokens = 0\n')
    assert [line.split(": ")[0] for line in message.splitlines() if not line.startswith(" ")] == [
        "understudy.toml:2",
        "understudy.toml:4",
        "understudy.toml:5",
        "understudy.toml:6",
    ]


@pytest.mark.parametrize("value", ["[]", "{}", "1", '"openai"'])
def test_list_of_another_kind(fails: Callable[..., str], value: str) -> None:
    assert fails(f"[llm]\nproviders = {value}").startswith(
        "understudy.toml:2: llm.providers must be a list of tables: providers = "
    )


def test_a_capability_that_there_is_not(fails: Callable[..., str]) -> None:
    text = fails('[[llm.providers]]\nprovider = "ollama"\ntext_model = "m"\ncapabilities = { visoin = false }\n')
    assert text.startswith('understudy.toml:4: unknown capability "visoin"')
    assert text.endswith('did you mean "vision"?')


@pytest.mark.parametrize("header", ["[llm.provider]", "[[llm.provider]]"])
def test_list_under_a_wrong_name(fails: Callable[..., str], header: str) -> None:
    assert fails(f'{header}\nprovider = "openai"') == (
        "understudy.toml:1: llm.provider must be a string\n  did you mean [[llm.providers]]?"
    )


def test_inline_list(fails: Callable[..., str], read: Callable[..., Config]) -> None:
    assert read('llm.providers = [{ provider = "ollama", text_model = "m" }]').providers[0].text_model == "m"
    assert fails('[llm]\nproviders = [\n  { provider = "ollama" },\n  3,\n]') == (
        "understudy.toml:4: an entry of [[llm.providers]] must be a table: …\n  write [[llm.providers]] above it"
    )
