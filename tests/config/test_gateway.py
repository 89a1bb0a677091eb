"""The table `[llm.gateway]`: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.config import Config, ConfigError, parse
from understudy.settings.gateway import GatewayConfig

ENTRY = '[[llm.providers]]\nname = "main"\nprovider = "ollama"\n'
ROUTE = '\n[[llm.routes]]\nname = "both"\ntargets = ["main"]\n'
HASH = "sha256:" + "2c" * 32


def read(text: str, **environ: str) -> Config:
    return parse(ENTRY + text, environ=environ)


def refused(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return str(caught.value)


def test_without_the_table_it_is_open_on_this_machine_alone() -> None:
    assert read("").gateway == GatewayConfig()
    assert GatewayConfig().host == "127.0.0.1"
    assert GatewayConfig().keys == ()


def test_everything_is_read() -> None:
    gateway = read(
        f"""
        [llm.gateway]
        host = "0.0.0.0"
        port = 9000
        hosts = ["llm.example.com"]
        secret = "${{SECRET}}"
        former_secrets = ["${{OLD}}", "older-0123456789abcdef"]
        affinity = false
        body_limit_mb = 0.5
        key_pepper = "pepper-0123456789abcdef"
        state_file = "state/gateway.db"
        drain_timeout = 3
        passthrough = ["main/api/copy"]
        aliases = {{ "claude-*" = "main", "gpt-5" = "main/llama3.2" }}
        classes = {{ auxiliary = "main", "codex/compaction" = "main/qwen3", opencode = "main" }}
        [[llm.gateway.keys]]
        name = "alice"
        key = "${{ALICE}}"
        models = ["main", "claude-*"]
        labels = {{ team = "search" }}
        [[llm.gateway.keys]]
        name = "bob"
        hash = "{HASH}"
        """,
        SECRET="0123456789abcdef0123",
        OLD="old-0123456789abcdef",
        ALICE="key-of-alice-0123456789",
    ).gateway
    assert (gateway.host, gateway.port, gateway.hosts) == ("0.0.0.0", 9000, ("llm.example.com",))
    assert gateway.secret is not None
    assert gateway.secret.reveal() == "0123456789abcdef0123"
    assert gateway.key_pepper is not None
    assert gateway.key_pepper.reveal() == "pepper-0123456789abcdef"
    assert [each.reveal() for each in gateway.former_secrets] == ["old-0123456789abcdef", "older-0123456789abcdef"]
    assert (gateway.affinity, gateway.body_limit, gateway.drain_timeout) == (False, 2**19, 3)
    assert gateway.passthrough == ("main/api/copy",)
    assert gateway.state_file == str(Path("state/gateway.db").absolute())
    assert gateway.aliases == {"claude-*": "main", "gpt-5": "main/llama3.2"}
    assert gateway.classes["codex/compaction"] == "main/qwen3"
    assert list(gateway.classes) == ["auxiliary", "codex/compaction", "opencode"]
    alice, bob = gateway.keys
    assert alice.key is not None
    assert alice.key.reveal() == "key-of-alice-0123456789"
    assert (alice.name, alice.models, alice.labels) == ("alice", ("main", "claude-*"), {"team": "search"})
    assert (bob.key, bob.hash) == (None, HASH)


def test_hosts_without_keys_are_noticed() -> None:
    """Behind a proxy on the same machine every caller comes from loopback, where keys are optional."""
    hosts = '[llm.gateway]\nhosts = ["llm.example.com"]\n'
    assert any("anyone could use your providers" in notice.what for notice in read(hosts).notices)
    keyed = read(f'{hosts}[[llm.gateway.keys]]\nname = "a"\nhash = "{HASH}"')
    assert not any("anyone" in notice.what for notice in keyed.notices)


def test_a_short_key_is_noticed() -> None:
    config = read('[[llm.gateway.keys]]\nname = "a"\nkey = "0123456789abcde"')
    assert any("fewer than 16 characters" in notice.what for notice in config.notices)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[llm.gateway]\nprot = 1", 'unknown key "prot" in [llm.gateway]'),
        ("[llm.gateway]\nport = 70000", "port must be"),
        ('[llm.gateway.aliases]\nx = "nowhere"', 'the alias "x" stands for "nowhere", which is neither an entry'),
        (
            '[llm.gateway.aliases]\nx = "both/m"',
            '"both/m", but "both" is a route, and a route has no models',
        ),
        ('[llm.gateway.aliases]\nx = "main/"', 'stands for "main/", which lacks a model after the slash'),
        ('[llm.gateway.classes]\nside = "main"', '"side" is neither a request class nor an agent'),
        ('[llm.gateway.classes]\n"codex/titles" = "main"', '"codex/titles" is neither'),
        ('[llm.gateway.classes]\n"aider/main" = "main"', '"aider/main" is neither'),
        ('[llm.gateway.classes]\n"subagent:" = "main"', '"subagent:" is neither'),
        (
            '[llm.gateway.classes]\nauxiliary = "nowhere"',
            '"auxiliary" stands for "nowhere", which is neither',
        ),
        ('[llm.gateway]\nformer_secrets = ["0123456789abcdef0123"]', 'former_secrets needs "secret"'),
        ('[llm.gateway]\npassthrough = ["other/audio"]', '"other/audio" does not begin with the name of an entry'),
        ('[llm.gateway]\nsecret = "${NOT_SET}"', "the environment variable NOT_SET is not set"),
        ("[llm.gateway]\nsecret = 3", "secret must be a string"),
        ('[llm.gateway]\nformer_secrets = "x"', "former_secrets must be a list"),
        ('[llm.gateway]\nformer_secrets = ["${NOT_SET}"]', "the environment variable NOT_SET is not set"),
        ('[llm.gateway]\nkeys = "x"', "llm.gateway.keys must be a list of tables"),
        ('[[llm.gateway.keys]]\nkey = "0123456789abcdef"', 'the key has no "name"'),
        ('[[llm.gateway.keys]]\nname = "a"', 'write either "key" or "hash"'),
        (
            f'[[llm.gateway.keys]]\nname = "a"\nkey = "0123456789abcdef"\nhash = "{HASH}"',
            'write either "key" or "hash"',
        ),
        ('[[llm.gateway.keys]]\nname = "a"\nhash = "sha256:12"', "hash must be sha256: and 64 hexadecimal digits"),
        ('[[llm.gateway.keys]]\nname = "a"\nkey = "with blank"', "key contains characters that a header cannot carry"),
        (
            f'[[llm.gateway.keys]]\nname = "a"\nhash = "{HASH}"\n[[llm.gateway.keys]]\nname = "a"\nhash = "{HASH}"',
            "another key has this name",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    complaint = refused(text + ROUTE)
    assert words in complaint
    assert "line " in complaint


def test_it_must_be_a_table() -> None:
    with pytest.raises(ConfigError, match=r"llm\.gateway must be a table"):
        parse(f'[llm]\ngateway = "x"\n{ENTRY}', environ={})


def test_a_key_is_never_repeated() -> None:
    for line in ('key = "sk secret-of-alice"', 'key = "secret-of-alice-0123"\nhash = "x"'):
        assert "secret-of-alice" not in refused(f'[[llm.gateway.keys]]\nname = "a"\n{line}')


def test_an_alias_of_a_route_without_usable_entries_is_left_out() -> None:
    """A file for several machines must load where some keys are missing, as it does without aliases."""
    text = """
[[llm.providers]]
provider = "ollama"

[[llm.providers]]
provider = "openai"
api_key = "${OPENAI_API_KEY}"

[[llm.routes]]
name = "gpt"
targets = ["openai"]

[llm.gateway.aliases]
"gpt-*" = "gpt"
local = "ollama"
"""
    config = parse(text, environ={})
    assert config.routes == ()
    assert config.gateway.aliases == {"local": "ollama"}
    assert any('the alias "gpt-*" is left out' in notice.what for notice in config.notices)
