"""The keys of every table, and what they mean. The tables of docs/configuration.md are generated from here, and so are
the comments of `understudy init`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy import dialects
from understudy.dialects.quirks import QuirksPatch
from understudy.domain.operation import SPOKEN
from understudy.domain.rules import Rule
from understudy.providers import ProviderType
from understudy.settings import rules as settings_rules
from understudy.settings.alerts import ALERTS, WEBHOOK
from understudy.settings.budgets import BUDGET, LIMIT
from understudy.settings.capture import CAPTURE
from understudy.settings.console import CONSOLE, CONSOLE_KEY
from understudy.settings.telemetry import TELEMETRY
from understudy.settings.tracing import TRACING

# ---- prices ----


def _rate(example: str, meaning: str, unset: str) -> Rule:
    return Rule("number", example, meaning, unset, least=0, unit="dollars per million tokens")


RATES: Mapping[str, Rule] = {
    "input": _rate("0.15", "prompt tokens", "required, unless `call` is the only rate"),
    "cache_read": _rate("0.075", "prompt tokens read from a cache", "as `input`"),
    "cache_read_audio": _rate("0.1", "audio tokens of the prompt read from a cache", "as `cache_read`"),
    "cache_write": _rate("0.1875", "prompt tokens written to a cache", "as `input`"),
    "cache_write_1h": _rate("0.3", "prompt tokens written to a cache for an hour", "as `cache_write`"),
    "output": _rate("0.6", "tokens of the answer", "the cost of answers is unknown; embeddings need none"),
    "reasoning": _rate("0.6", "reasoning tokens, where the provider counts them separately", "as `output`"),
    "audio_input": _rate("10", "audio tokens of the prompt", "as `input`"),
    "audio_output": _rate("20", "audio tokens of the answer", "as `output`"),
    "call": Rule("number", "0.005", "the call itself", "0", least=0, unit="dollars"),
}
"""The rates: the fields of `Rates`."""

TIER: Mapping[str, Rule] = {
    "above": Rule(
        "integer",
        "200000",
        "the prompt length above which the rates of this tier apply to the whole call",
        least=0,
        unit="tokens",
    ),
    **RATES,
}
"""The keys of a tier; a rate that it omits is that of the price itself."""

PRICE: Mapping[str, Rule] = {
    **RATES,
    "tiers": Rule("tables", "[{ above = 200000, input = 0.3, output = 0.9 }]", "other rates for long prompts", "none"),
    "as_of": Rule("string", '"2026-11-22"', "the date of the price, for your own records", "none"),
}
"""The keys of `price`, and of each table in `prices`."""

# ---- provider types ----

_QUIRKS = Rule(
    "table",
    '{ max_tokens_field = "max_tokens" }',
    "how its requests are written, by the fields of `Quirks` in `dialects/quirks.py`",
    "none",
)

TYPE: Mapping[str, Rule] = {
    "dialect": Rule("string", '"openai"', f"the wire format: {', '.join(f'`{name}`' for name in dialects.names())}"),
    "base_url": Rule("string", '"https://api.acme.example/v1"', "where requests are sent; an entry may override it"),
    "title": Rule("string", '"Acme AI"', "its name in messages", "the type's name"),
    "key_variable": Rule(
        "string",
        '"ACME_API_KEY"',
        "the name of the variable that holds the key, without `${}`",
        "none; each entry needs its own `api_key`",
    ),
    "key_required": Rule("flag", "true", "`false`: entries work without a key", "`true`"),
    "header": Rule("string", '"x-api-key"', "the header that carries the key", "`authorization`"),
    "prefix": Rule(
        "string",
        '"Bearer "',
        "what precedes the key; may be empty",
        "`Bearer ` for `authorization`, else empty",
        may_be_empty=True,
    ),
    "headers": Rule("strings", '{ "X-Team" = "search" }', "additional fixed headers; no keys", "none"),
    "operations": Rule(
        "table",
        "{ embed = false }",
        f"by {', '.join(f'`{operation}`' for operation in SPOKEN)}: the dialect of that operation, or `false` if it "
        "is not supported",
        "all that the dialect supports",
    ),
    "text_model": Rule(
        "string",
        '"acme-1"',
        "the model for generations, unless an entry sets its own",
        "none; each entry or call names its own",
    ),
    "embedding_model": Rule(
        "string", '"acme-embed-1"', "the model for embeddings, unless an entry sets its own", "none"
    ),
    "first_event_timeout": Rule(
        "number", "60", "time limit for a stream's first content", "60", positive=True, unit="seconds"
    ),
    "price_id": Rule("string", '"acme"', "the provider's name in price lists", "the type's name"),
    "local": Rule("flag", "false", "`true`: it runs on your own machine, and tokens cost nothing", "`false`"),
    "quirks": _QUIRKS,
    "families": Rule(
        "tables",
        '[{ pattern = "acme-1.*", quirks = { refused = ["temperature"] } }]',
        "model families that differ from the type's other models; see below",
        "none",
    ),
    "error_rules": Rule(
        "tables",
        '[{ kind = "overloaded", status = 498 }]',
        "errors that mean something else than they do in the dialect; see below",
        "none",
    ),
}
"""The keys of `[llm.provider_types.NAME]`: fields of `ProviderRow`, and what they are made of."""

FAMILY: Mapping[str, Rule] = {
    "pattern": Rule("string", '"acme-1.*"', "a regular expression that the whole model name must match"),
    "quirks": Rule("table", _QUIRKS.example, "how its members differ from the type's other models"),
}
"""The keys of `[[llm.provider_types.NAME.families]]`: the fields of `Family`."""

ERROR_RULE: Mapping[str, Rule] = {
    "kind": Rule("string", '"overloaded"', "the kind of failure, from the table in fallback.md"),
    "status": Rule("integer", "498", "the HTTP status", "any", least=100, most=599),
    "code": Rule(
        "string", '"capacity_exceeded"', "the provider's code or type; a `*` at one end matches anything there", "any"
    ),
    "text": Rule("string", '"over capacity"', "words of the message; case does not matter", "any"),
}
"""The keys of `[[llm.provider_types.NAME.error_rules]]`: the fields of `ErrorRule`."""

# ---- entries, fallback, routes, tasks ----

PROVIDER: Mapping[str, Rule] = {
    **settings_rules.PROVIDER,
    "provider": msgspec.structs.replace(
        settings_rules.PROVIDER["provider"],
        meaning=f"{', '.join(f'`{kind}`' for kind in ProviderType)}; case does not matter, and aliases such as "
        "`claude` are accepted; or a type that the file defines",
    ),
}
"""The keys of `[[llm.providers]]`: the fields of `ProviderConfig` except `PYTHON_ONLY`."""

CAPABILITIES = settings_rules.CAPABILITIES
FALLBACK = settings_rules.FALLBACK
PYTHON_ONLY = settings_rules.PYTHON_ONLY
ROUTE = settings_rules.ROUTE
TASK = settings_rules.TASK

# ---- the gateway ----

GATEWAY_KEY: Mapping[str, Rule] = {
    "name": Rule("string", '"alice"', "whose key it is: written into records and logs"),
    "key": Rule(
        "string",
        '"${ALICE_KEY}"',
        "the key; prefer a reference to a variable to the key itself",
        "`hash` is required instead",
    ),
    "hash": Rule(
        "string",
        '"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"',
        "instead of the key: `sha256:` and its SHA-256 in hexadecimal digits",
        "`key` is required instead",
    ),
    "models": Rule(
        "names",
        '["main", "openai/*"]',
        "what it may ask for: routes, entries and `entry/model`, `*` for any characters",
        "all",
    ),
    "labels": Rule("strings", '{ team = "search" }', "written into the records of every attempt, never sent", "none"),
}
"""The keys of `[[llm.gateway.keys]]`: the fields of `GatewayKey`."""

GATEWAY: Mapping[str, Rule] = {
    "host": Rule(
        "string", '"0.0.0.0"', "the address on which it listens; one that others can reach requires keys", "`127.0.0.1`"
    ),
    "port": Rule(
        "integer", "8484", "the port on which it listens; 0: one that the system chooses", "8484", least=0, most=65535
    ),
    "hosts": Rule(
        "names",
        '["llm.example.com"]',
        "names under which callers reach it, `*.example.com` for all below one; requests for other names are refused",
        "loopback names, IP addresses and `host`",
    ),
    "keys": Rule(
        "tables",
        '[{ name = "alice", key = "${ALICE_KEY}" }]',
        "the keys that callers may use; see below",
        "none: everyone may use it, on a loopback address only",
    ),
    "key_pepper": Rule(
        "string",
        '"${UNDERSTUDY_KEY_PEPPER}"',
        "under which the ledger keeps the hashes of virtual keys; they are invalid once it is replaced",
        "a random one, in a file beside the ledger; required with `url` in `[llm.ledger]`",
    ),
    "aliases": Rule(
        "strings",
        '{ "claude-*" = "main" }',
        "names that callers use, `*` for any characters, and the route, entry or `entry/model` that each stands for",
        "none",
    ),
    "classes": Rule(
        "strings",
        '{ auxiliary = "small", "codex/compaction" = "main" }',
        "requests of coding agents, by class, agent or `agent/class`, and the route, entry or `entry/model` that "
        "answers them instead of what they name",
        "none",
    ),
    "secret": Rule(
        "string",
        '"${UNDERSTUDY_SECRET}"',
        "seals what callers keep of one provider's answers while another answers; the same for all workers",
        "a random one for each process",
    ),
    "former_secrets": Rule(
        "names",
        '["${OLD_UNDERSTUDY_SECRET}"]',
        "secrets that `secret` has replaced: what they sealed still opens; drop them when no conversation is left of "
        "their time",
        "none",
    ),
    "state_file": Rule(
        "string",
        '"/var/lib/understudy/gateway.db"',
        "a file on a local disk in which it remembers, for 30 days, whose a stored response is and who signed what; "
        "relative to this file",
        "forgotten when it is stopped",
    ),
    "affinity": Rule(
        "flag", "false", "whether a conversation stays at the target that answered it, while that is healthy", "`true`"
    ),
    "body_limit_mb": Rule(
        "number", "64", "the size of a request's body, after decompression", "64", positive=True, unit="MiB"
    ),
    "drain_timeout": Rule(
        "number", "25", "the time for requests under way when it is stopped", "25", least=0, unit="seconds"
    ),
    "passthrough": Rule(
        "names",
        '["openai/audio/*", "openai/images/*"]',
        "further paths of a provider's API, as `entry/path`, that callers may use below `/passthrough/`",
        "none",
    ),
}
"""The keys of `[llm.gateway]`: the fields of `GatewayConfig`."""

LEDGER: Mapping[str, Rule] = {
    "enabled": Rule("flag", "false", "whether attempts are kept", "`true`"),
    "path": Rule(
        "string",
        '"/var/lib/understudy/ledger.db"',
        "the file, on a local disk; `~` is the home folder",
        "`ledger.db` in understudy's folder of the user's data",
    ),
    "reserve_mb": Rule(
        "integer",
        "64",
        "the size of a file beside it, which is freed when the disk is full, so that attempts under way are kept; 0: "
        "none",
        "8",
        least=0,
        most=4096,
        unit="MiB",
    ),
    "allow_network_filesystem": Rule(
        "flag",
        "true",
        "whether the file may be on a network file system, which only one machine uses and whose locks and shared "
        "memory work",
        "`false`",
    ),
    "url": Rule(
        "string",
        '"postgresql://understudy:${LEDGER_PASSWORD}@db.example/understudy"',
        "a PostgreSQL database instead of the file, for several machines; needs the extra `postgres`",
        "the file",
    ),
    "on_ledger_down": Rule(
        "string",
        '"closed"',
        "`spool`: attempts that meet no budget or limit go on while the database is away, and the gateway starts "
        "without it; `closed`: no attempt is sent before it is in the ledger",
        "as `spool`, but the gateway needs the database to start",
        choices=("spool", "closed"),
    ),
    "spool": Rule(
        "string",
        '"/var/spool/understudy"',
        "a folder on a local disk in which entries wait while the database is away, so that a crash does not lose "
        "them; with one, the gateway starts without the database",
        "`spool` in understudy's folder of the user's data",
    ),
    "keep_days": Rule(
        "integer",
        "400",
        "how long entries are kept; the sums of their days stay, so that `usage` goes on to show them",
        "for ever",
        least=1,
        most=36500,
        unit="days",
    ),
    **CAPTURE,
    "limits_url": Rule(
        "string",
        '"redis://:${LIMITS_PASSWORD}@cache.example:6379/0"',
        "a Valkey server, or Redis 7 or later, that keeps `[[llm.limits]]` for all machines; `rediss://` is encrypted; "
        "needs the extra `valkey`",
        "the ledger keeps them",
    ),
    "limits_processes": Rule(
        "integer",
        "8",
        "how many processes share the limits, as long as the server at `limits_url` could not be asked, which counts "
        "them",
        "the workers of `understudy serve`",
        least=1,
        most=100_000,
    ),
}
"""The keys of `[llm.ledger]`: the fields of `LedgerConfig`."""

# ---- the whole ----

_AS_IN_ENTRIES = ("text_model", "embedding_model", "base_url", "api_key", "max_tokens", "temperature", "timeout")

LEGACY: Mapping[str, Rule] = {
    "ollama_url": Rule(
        "string",
        '"http://localhost:11434"',
        "where requests are sent; only for Ollama",
        "`OLLAMA_HOST`, else `http://localhost:11434`",
    ),
    "provider": Rule("string", '"openai"', "as in an entry", "`ollama`"),
    **{key: PROVIDER[key] for key in _AS_IN_ENTRIES},
}
"""The keys of `[llm]` itself, which describe one provider."""

_TABLES = (
    "providers",
    "fallback",
    "tasks",
    "routes",
    "provider_types",
    "budgets",
    "limits",
    "gateway",
    "console",
    "ledger",
    "telemetry",
)
LLM = (*LEGACY, *_TABLES)
"""All keys of `[llm]`."""

KNOWN = frozenset(
    {
        *(*PROVIDER, *PRICE, *TIER, *FALLBACK, *ROUTE, *LLM, *TYPE, *FAMILY, *ERROR_RULE, *GATEWAY, *GATEWAY_KEY),
        *(*LEDGER, *BUDGET, *LIMIT, *CONSOLE, *CONSOLE_KEY, *TELEMETRY, *TRACING, *ALERTS, *WEBHOOK),
        *QuirksPatch.__annotations__,
    }
)
"""All keys of all tables."""
