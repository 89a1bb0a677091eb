"""`[llm.provider_types.NAME]`: a row in a user's own file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy import dialects
from understudy.config import Config, NoticeKind
from understudy.dialects.quirks import ErrorRule, Quirks
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.secret import Secret
from understudy.providers import types
from understudy.providers.base import Auth, Family, ProviderRow, quirks_of
from understudy.wire.quotas import QuotaHeaders

TYPE = '[llm.provider_types.acme]\ndialect = "openai"\nbase_url = "https://api.acme.example/v1"\n'
"""Three lines; what a test adds stands on line 4."""
EMBEDDING = [name for name in dialects.names() if Operation.EMBED in dialects.load(name).operations]
ENTRY = '[[llm.providers]]\nprovider = "acme"\napi_key = "k"\ntext_model = "acme-1"\n'


@pytest.fixture
def row(read: Callable[..., Config]) -> Callable[[str], ProviderRow]:
    def row(lines: str) -> ProviderRow:
        (row,) = read(TYPE + lines + "\n" + ENTRY).provider_types
        return row

    return row


@pytest.fixture
def wrong(fails: Callable[..., str]) -> Callable[[str], str]:
    """Return what is said of a type with these lines added."""
    return lambda lines: fails(TYPE + lines + "\n" + ENTRY)


def test_eight_lines_are_a_provider(read: Callable[..., Config]) -> None:
    config = read(
        """\
[llm.provider_types.acme]
dialect = "openai"
base_url = "https://api.acme.example/v1"
key_variable = "ACME_API_KEY"

[[llm.providers]]
provider = "acme"
text_model = "acme-1"
""",
        ACME_API_KEY="sk-acme",
    )
    (entry,) = config.providers
    assert (entry.provider, entry.name, entry.text_model) == ("acme", "acme", "acme-1")
    assert entry.api_key == Secret("sk-acme")
    assert config.notices == ()
    row = config.row_of(entry)
    assert row is not None
    assert row == ProviderRow(
        type="acme",
        title="acme",
        base_url="https://api.acme.example/v1",
        normalize_base_url=row.normalize_base_url,
        dialects={Operation.CHAT: "openai", Operation.EMBED: "openai", Operation.MODELS: "openai"},
        key_variables=("ACME_API_KEY",),
        quotas=tuple(
            QuotaHeaders(
                unit=unit,
                left=f"x-ratelimit-remaining-{unit}",
                limit=f"x-ratelimit-limit-{unit}",
                reset=f"x-ratelimit-reset-{unit}",
            )
            for unit in ("requests", "tokens")
        ),
    )


def test_every_key(row: Callable[[str], ProviderRow]) -> None:
    acme = row(
        """
title = "Acme AI"
key_variable = "ACME_API_KEY"
key_required = false
header = "X-Api-Key"
prefix = "Key "
headers = { X-Acme-Version = "2" }
operations = { embed = false, count_tokens = "anthropic" }
text_model = "acme-1"
embedding_model = "acme-embed-1"
first_event_timeout = 120
price_id = "acme-inc"
local = true
[llm.provider_types.acme.quirks]
refused = ["seed", "logit_bias"]
max_tokens_field = "max_tokens"
stream_usage = false
max_stop = 4
efforts = ["low", "high"]
refused_since = [["2026-01-01", ["top_k"]]]
[[llm.provider_types.acme.families]]
pattern = "acme-2.*"
quirks = { refused = [] }
[[llm.provider_types.acme.error_rules]]
kind = "overloaded"
status = 498
[[llm.provider_types.acme.error_rules]]
kind = "context_length"
code = "too_long*"
text = "Context Window"
"""
    )
    assert acme.title == "Acme AI"
    assert acme.key_variables == ("ACME_API_KEY",)
    assert acme.key_required is False
    assert acme.auth == Auth("x-api-key", "Key ")
    assert acme.headers == (("x-acme-version", "2"),)
    assert acme.dialects == {
        Operation.CHAT: "openai",
        Operation.MODELS: "openai",
        Operation.COUNT_TOKENS: "anthropic",
    }
    assert (acme.text_model, acme.embedding_model, acme.first_event_timeout) == ("acme-1", "acme-embed-1", 120)
    assert (acme.price_id, acme.local) == ("acme-inc", True)
    assert acme.error_rules == (
        ErrorRule(kind=FailureKind.OVERLOADED, status=498),
        ErrorRule(kind=FailureKind.CONTEXT_LENGTH, code="too_long*", text="context window"),
    )
    assert acme.families == (Family("acme-2.*", {"refused": frozenset()}),)
    assert quirks_of(acme, "acme-1") == Quirks(
        refused=frozenset({"seed", "logit_bias"}),
        max_tokens_field="max_tokens",
        stream_usage=False,
        max_stop=4,
        efforts=frozenset({"low", "high"}),
        refused_since=(("2026-01-01", frozenset({"top_k"})),),
    )
    assert quirks_of(acme, "acme-2-mini").refused == frozenset()


@pytest.mark.parametrize(
    ("lines", "auth"),
    [
        ("", Auth("authorization", "Bearer ")),
        ('header = "x-api-key"', Auth("x-api-key", "")),
        ('header = "Authorization"', Auth("authorization", "Bearer ")),
        ('prefix = ""', Auth("authorization", "")),
        ('prefix = "Token "', Auth("authorization", "Token ")),
    ],
)
def test_styles_of_the_key(row: Callable[[str], ProviderRow], lines: str, auth: Auth) -> None:
    assert row(lines).auth == auth


def test_values_may_hold_references(read: Callable[..., Config]) -> None:
    text = TYPE.replace("api.acme.example", "${REGION}.acme.example") + ENTRY
    assert read(text, REGION="eu").provider_types[0].base_url == "https://eu.acme.example/v1"


def test_models_of_the_type_are_taken_without_a_notice(read: Callable[..., Config]) -> None:
    models = 'text_model = "acme-1"\nembedding_model = "acme-embed-1"\n'
    config = read(TYPE + models + '[[llm.providers]]\nprovider = "acme"\napi_key = "k"')
    assert (config.providers[0].text_model, config.providers[0].embedding_model) == ("acme-1", "acme-embed-1")
    assert config.notices == ()
    assert read(TYPE + models + ENTRY.replace("acme-1", "acme-2")).providers[0].text_model == "acme-2"


def test_no_model_at_all_is_noticed(read: Callable[..., Config]) -> None:
    (notice,) = read(TYPE + '[[llm.providers]]\nprovider = "acme"\napi_key = "k"').notices
    assert notice.kind is NoticeKind.DEFAULTED
    assert notice.what == '"acme" has no text_model, so each call must name its model'


def test_missing_key_disables_the_entry(read: Callable[..., Config]) -> None:
    entries = '[[llm.providers]]\nprovider = "acme"\n[[llm.providers]]\nprovider = "ollama"\n'
    (disabled,) = read(TYPE + 'key_variable = "ACME_API_KEY"\n' + entries).disabled
    assert (disabled.provider, disabled.why) == ("acme", "ACME_API_KEY is not set")
    (disabled,) = read(TYPE + entries).disabled
    assert disabled.why == "it has no api_key, and its type has no variable for one"
    assert read(TYPE + "key_required = false\n" + entries).disabled == ()


def test_order_in_the_file_does_not_matter_and_the_single_form_knows_types_too(read: Callable[..., Config]) -> None:
    assert read(ENTRY + TYPE).providers[0].provider == "acme"
    config = read('[llm]\nprovider = "acme"\napi_key = "k"\ntext_model = "m"\n' + TYPE)
    assert config.legacy
    assert config.row_of(config.providers[0]) is config.provider_types[0]


def test_types_that_nobody_uses_are_there_and_built_in_entries_have_no_row(read: Callable[..., Config]) -> None:
    config = read(TYPE + '[[llm.providers]]\nprovider = "ollama"\ntext_model = "m"\n')
    assert [row.type for row in config.provider_types] == ["acme"]
    assert config.row_of(config.providers[0]) is None


@pytest.mark.parametrize("name", dialects.names())
def test_every_dialect_can_be_spoken(read: Callable[..., Config], name: str) -> None:
    (row,) = read(TYPE.replace('"openai"', f'"{name}"') + ENTRY).provider_types
    assert row.dialects == dict.fromkeys(dialects.load(name).operations, name)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('dialects = "openai"', 'unknown key "dialects" in [llm.provider_types.acme]: dialects = "openai"\n'
         '  did you mean "dialect"?'),
        ("key_required = 1", "key_required must be true or false, not a whole number: key_required = 1\n"
         "  for example: key_required = true"),
        ('key_variable = "sk-canary"', "key_variable must be the name of an environment variable: key_variable = …\n"
         '  for example: key_variable = "ACME_API_KEY", without ${}'),
        ('header = "x api key"', 'header is not a valid header name: header = …\n  for example: header = "x-api-key"'),
        ('prefix = "ü"', 'prefix must be printable ASCII: prefix = …\n  for example: prefix = "Bearer "'),
        ('headers = { X-Api-Key = "k" }',
         'the header "X-Api-Key" looks like a key; keys are not allowed in headers: headers = …\n  use api_key'),
        ("operations = { embeddings = false }", 'unknown operation "embeddings": operations = …\n'
         '  did you mean "embed"?'),
        ("operations = { embed = true }",
         "embed must be the name of a dialect, or false if it is not supported: operations = …\n"
         f"  expected one of {', '.join(dialects.names())}"),
        ('operations = { embed = "opnai" }', 'unknown dialect: operations = …\n  did you mean "openai"?'),
        ('operations = { embed = "anthropic" }',
         "the dialect anthropic does not support this operation: operations = …\n"
         f"  supported by {', '.join(EMBEDDING)}"),
        ('quirks = { max_stops = 4 }', 'unknown key "max_stops" in the quirks of acme: quirks = …\n'
         '  did you mean "max_stop"?'),
        ('quirks = { max_stop = "4" }', "invalid value for max_stop: quirks = …\n  it must be a whole number"),
        ('quirks.stream_usage = 1', "invalid value for stream_usage: quirks.stream_usage = 1\n"
         "  it must be true or false"),
        ('quirks.refused = "seed"', 'invalid value for refused: quirks.refused = "seed"\n'
         "  it must be a list of strings"),
        ('quirks.max_tokens_field = "max"', 'invalid value for max_tokens_field: quirks.max_tokens_field = "max"\n'
         '  it must be "max_completion_tokens" or "max_tokens"'),
        ('quirks.refused_since = 1', "invalid value for refused_since: quirks.refused_since = 1\n"
         '  it must be a list such as [["text", ["text"]]]'),
        ('error_rules = [{ kind = "overload", status = 498 }]', "unknown kind of failure: error_rules = …\n"
         '  did you mean "overloaded"?'),
        ("error_rules = [{ status = 498 }]", 'an error rule has no "kind": error_rules = …\n'
         f"  expected one of {', '.join(FailureKind)}"),
        ('error_rules = [{ kind = "overloaded" }]',
         "an error rule without a condition matches nothing: error_rules = …\n  add status, code or text"),
        ('error_rules = [{ kind = "overloaded", status = 1 }]',
         "status must be between 100 and 599: error_rules = …\n  for example: status = 498"),
        ('error_rules = [{ kind = "overloaded", status = 498, x = 1 }]',
         'unknown key "x" in [[llm.provider_types.acme.error_rules]]: error_rules = …\n'
         "  expected one of kind, status, code, text"),
        ("error_rules = { kind = 1 }", "error_rules must be a list of tables, not a table: error_rules = …\n"
         '  for example: error_rules = [{ kind = "overloaded", status = 498 }]'),
        ('families = [{ pattern = "(", quirks = {} }]',
         "pattern is not a valid regular expression: missing ), unterminated subpattern: families = …\n"
         '  for example: pattern = "acme-1.*"'),
        ('families = [{ pattern = "x" }]', 'a family has no "quirks": families = …\n'
         '  for example: quirks = { max_tokens_field = "max_tokens" }'),
        ('text_model = ""', 'text_model must not be empty: text_model = ""\n  omit the key, or give it a value'),
    ],
)  # fmt: skip
def test_errors(wrong: Callable[[str], str], lines: str, expected: str) -> None:
    assert wrong(lines) == f"understudy.toml:4: {expected}"


def test_errors_in_tables_of_their_own_name_their_lines(wrong: Callable[[str], str]) -> None:
    message = wrong(
        '[llm.provider_types.acme.quirks]\nmax_stop = "x"\n'
        '[[llm.provider_types.acme.error_rules]]\nkind = "rate_limit"\nstatus = 430\n'
    )
    assert message == (
        'understudy.toml:5: invalid value for max_stop: max_stop = "x"\n  it must be a whole number\n'
        'understudy.toml:7: unknown kind of failure: kind = "rate_limit"\n  did you mean "rate_limited"?'
    )


def test_unknown_dialect_and_no_second_error_about_its_entry(fails: Callable[..., str]) -> None:
    assert fails(TYPE.replace('"openai"', '"opnai"') + ENTRY) == (
        'understudy.toml:2: unknown dialect: dialect = "opnai"\n  did you mean "openai"?'
    )
    assert fails(TYPE.replace('"openai"', '"grpc"') + ENTRY).endswith(
        f"  expected one of {', '.join(dialects.names())}"
    )


def test_wrong_address(fails: Callable[..., str]) -> None:
    assert fails(TYPE.replace("https://", "") + ENTRY) == (
        'understudy.toml:3: base_url must begin with http:// or https://: base_url = "api.acme.example/v1"\n'
        '  for example: base_url = "https://api.acme.example/v1"'
    )


def test_what_is_required(fails: Callable[..., str]) -> None:
    assert fails('[llm.provider_types.acme]\ntext_model = "m"\n' + ENTRY) == (
        'understudy.toml:1: the provider type "acme" has no "dialect"\n  for example: dialect = "openai"\n'
        'understudy.toml:1: the provider type "acme" has no "base_url"\n'
        '  for example: base_url = "https://api.acme.example/v1"'
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [("openai", '"openai"'), ("Claude", '"Claude" (another name of anthropic)'), ("cohere", '"cohere"')],
)
def test_built_in_names_are_taken(fails: Callable[..., str], name: str, said: str) -> None:
    assert fails(TYPE.replace("acme]", f"{name}]") + '[[llm.providers]]\nprovider = "ollama"').startswith(
        f"understudy.toml:1: {said} is built in and cannot be redefined\n  choose another name"
    )


@pytest.mark.parametrize("name", ["a/b", " a", "a\\n", ""])
def test_names_follow_the_rules_of_entries(fails: Callable[..., str], name: str) -> None:
    assert fails(TYPE.replace("acme]", f'"{name}"]') + '[[llm.providers]]\nprovider = "ollama"').startswith(
        "understudy.toml:1: a name must not be empty, contain a slash or control characters"
    )


def test_unknown_types_are_compared_with_all_that_there_are(fails: Callable[..., str]) -> None:
    entry = '[[llm.providers]]\nprovider = "acmee"\n'
    assert fails(TYPE + entry) == ('understudy.toml:5: unknown provider: provider = "acmee"\n  did you mean "acme"?')
    assert fails(TYPE + '[[llm.providers]]\nname = "x"').endswith(f"expected one of {', '.join((*types(), 'acme'))}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[llm]\nprovider_types = []", "2: llm.provider_types must be a table: provider_types = …\n"
         "  write [llm.provider_types.NAME]"),
        ('[llm.provider_types]\nacme = "openai"', '2: a provider type must be a table: acme = "openai"\n'
         "  write [llm.provider_types.acme]"),
    ],
)  # fmt: skip
def test_types_of_another_kind(fails: Callable[..., str], text: str, expected: str) -> None:
    assert fails(text) == f"understudy.toml:{expected}"


def test_a_key_in_place_of_a_variables_name_is_not_shown(fails: Callable[..., str]) -> None:
    written = fails(TYPE + 'key_variable = "hunter2 canary"\n' + ENTRY)
    expanded = fails(TYPE + 'key_variable = "${K}"\n' + ENTRY, K="-canary-")
    assert "canary" not in written + expanded
