"""Which keys each table has, and what they mean. The manual's tables are drawn from here: tests/docs/generated.py."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.config.price_schema import PRICE, TIER
from understudy.config.rules import Rule
from understudy.config.type_schema import ERROR_RULE, FAMILY, TYPE
from understudy.dialects.quirks import QuirksPatch
from understudy.settings import FallbackStrategy, ProviderType

CAPABILITIES = ("tools", "vision", "audio_input", "pdf_input", "structured_output")
"""What requests may need of a target; the words of `ModelInfo.capabilities`."""

PROVIDER: Mapping[str, Rule] = {
    "provider": Rule(
        "text",
        '"openai"',
        f"{', '.join(f'`{kind}`' for kind in ProviderType)}; case does not matter, and aliases such as `claude` are "
        "understood; or a type of the file's own",
    ),
    "name": Rule(
        "text",
        '"primary"',
        'how the entry is called in answers, logs and as `model="name/model"`; unique, without a slash',
        "the provider's type",
    ),
    "priority": Rule("integer", "1", "lower is tried first; equal ones in the order of the file", "10"),
    "api_key": Rule(
        "text",
        '"${OPENAI_API_KEY}"',
        "the key; better a reference to a variable than the key itself",
        "the provider's own variable, such as `OPENAI_API_KEY`",
    ),
    "token": Rule(
        "text",
        '"${AZURE_OPENAI_AD_TOKEN}"',
        "instead of a key: a token of Microsoft Entra at Azure OpenAI, or a bearer token at Anthropic; "
        "in Python also a function that returns one",
        "the provider's own variable, such as `AZURE_OPENAI_AD_TOKEN`",
    ),
    "base_url": Rule(
        "text",
        '"http://localhost:11434"',
        "where requests go: `http` or `https`, no user, password or query",
        "the provider's own variable, such as `OLLAMA_HOST`, else its public address",
    ),
    "proxy": Rule(
        "text",
        '"http://proxy.example:3128"',
        "the HTTP proxy through which the provider is reached, `http` or `https`, with a user and password if it "
        "needs them; `none`: reached directly; see [network](network.md)",
        "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`",
        may_be_empty=True,
    ),
    "ca_file": Rule(
        "text",
        '"company-ca.pem"',
        "a file with the authorities whose certificates are trusted, in PEM form; relative to this file",
        "`SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's",
    ),
    "client_cert": Rule(
        "text",
        '"client.pem"',
        "a file with the client certificate that a server asks for, in PEM form, and with its key unless `client_key` "
        "is set",
        "none",
    ),
    "client_key": Rule("text", '"client.key"', "a file with the key of `client_cert`, in PEM form", "in `client_cert`"),
    "text_model": Rule(
        "text", '"llama3.2"', "the model for generations", "the provider's default, with a notice that says its date"
    ),
    "embedding_model": Rule("text", '"nomic-embed-text"', "the model for embeddings", "none: `embed` is then an error"),
    "max_tokens": Rule(
        "integer", "4096", "ceiling of the answer, in tokens, unless a call says otherwise", "not sent", least=1
    ),
    "temperature": Rule(
        "number",
        "0.7",
        "how freely the model chooses its words, unless a call says otherwise",
        "not sent",
        least=0,
        most=2,
    ),
    "timeout": Rule(
        "number",
        "600",
        "one attempt at this provider, connection included",
        "600",
        positive=True,
        unit="seconds",
    ),
    "connect_timeout": Rule("number", "5", "until the connection stands", "5", positive=True, unit="seconds"),
    "first_event_timeout": Rule(
        "number",
        "60",
        "until a stream's first content",
        "60; 300 where a model may have to be loaded first, as at Ollama",
        positive=True,
        unit="seconds",
    ),
    "idle_timeout": Rule(
        "number",
        "60",
        "between two pieces of content of a stream; comments and pings do not count",
        "60",
        positive=True,
        unit="seconds",
    ),
    "whole": Rule(
        "text",
        '"plain"',
        "how answers that are asked for whole are fetched here: `auto`, `stream` or `plain`",
        "as in `[llm.fallback]`",
    ),
    "api_version": Rule(
        "text",
        '"2023-06-01"',
        "the provider's version header, such as `anthropic-version`; at Azure OpenAI a date such as `2024-10-21` "
        "chooses the dated API",
        "the newest",
    ),
    "embedding_space": Rule(
        "text", '"nomic-768"', "embeddings fall back only among entries of the same space", "model and dimensions"
    ),
    "context_window": Rule(
        "integer", "131072", "tokens that the text model holds", "what the provider or the price list tells", least=1
    ),
    "capabilities": Rule(
        "flags",
        "{ tools = false, vision = true }",
        f"what the text model can and cannot: {', '.join(f'`{name}`' for name in CAPABILITIES)}; a target is passed "
        "over for what it cannot",
        "what the provider tells; unknown is allowed",
    ),
    "headers": Rule(
        "texts",
        '{ "X-Team" = "search" }',
        "further fixed headers; keys are refused here, because headers are printed",
        "none",
    ),
    "price": Rule(
        "table",
        "{ input = 0.15, output = 0.60, cache_read = 0.075 }",
        "what every model of the entry costs; see [prices](#prices)",
        "what the provider's fetched list tells, else what genai-prices publishes",
    ),
    "prices": Rule(
        "table", '{ "gpt-4o" = { input = 2.5, output = 10 } }', "the same for single models, by name", "none"
    ),
    "price_id": Rule(
        "text",
        '"openai"',
        "whose published prices apply, by its name at genai-prices; for a proxy",
        "the provider that `base_url` belongs to",
    ),
    "extra": Rule("table", '{ keep_alive = "10m" }', "further fields of the request body, sent as they are", "none"),
}
"""The keys of `[[llm.providers]]`: the fields of `ProviderConfig` but for `PYTHON_ONLY`."""

PYTHON_ONLY = frozenset({"sign"})
"""Fields of `ProviderConfig` that hold functions, which no file can."""

FALLBACK: Mapping[str, Rule] = {
    "enabled": Rule(
        "flag",
        "true",
        "`false`: only the first target is asked, with its own retries",
        "on when there are several entries",
    ),
    "max_retries": Rule(
        "integer",
        "3",
        "ceiling of tries on one target, the first included; the kind of failure may grant fewer",
        "3",
        least=1,
    ),
    "retry_delay_ms": Rule(
        "number",
        "1000",
        "the n-th wait is drawn between 0 and this · 2ⁿ, at most 8 seconds",
        "1000",
        least=0,
        unit="milliseconds",
    ),
    "strategy": Rule(
        "text",
        '"priority"',
        f"how targets are put in order: {', '.join(f'`{strategy}`' for strategy in FallbackStrategy)}",
        "`priority`",
    ),
    "max_attempts": Rule(
        "integer",
        "5",
        "ceiling of attempts of one request",
        "5, or the number of targets if that is more",
        least=1,
    ),
    "deadline": Rule(
        "number", "600", "the whole request, over all attempts and waits", "600", positive=True, unit="seconds"
    ),
    "max_wait": Rule(
        "number",
        "20",
        "how long a provider's own hint may make a request wait; a longer one goes on to the next target",
        "20",
        least=0,
        unit="seconds",
    ),
    "whole": Rule(
        "text",
        '"auto"',
        "how answers that are asked for whole are fetched: `stream` inside, `plain` in one piece, or `auto`: streamed "
        "while another target is left to fall back to",
        "`auto`",
    ),
    "strict": Rule(
        "flag",
        "false",
        "`true`: a target that cannot express everything that was asked for is skipped instead of warned about",
        "`false`",
    ),
    "fallback_on_filter": Rule(
        "flag", "false", "whether a content filter's refusal may be taken to the next target", "`false`"
    ),
    "unknown_prices": Rule(
        "text",
        '"last"',
        "for `cost_optimized`: where targets stand whose price is unknown, `last` or `first`",
        "`last`",
    ),
}
"""The keys of `[llm.fallback]`: the fields of `FallbackConfig` but for `tasks`, which are a table of their own."""

ROUTE: Mapping[str, Rule] = {
    "name": Rule("text", '"cheap"', 'a call takes the route by `model="NAME"`; no entry may have the same name'),
    "targets": Rule(
        "names",
        '["local", "backup/claude-haiku-4-5"]',
        "entries, or entries with a model; their order is their priority",
    ),
    **{key: msgspec.structs.replace(rule, unset="as in `[llm.fallback]`") for key, rule in FALLBACK.items()},
}
"""The keys of `[[llm.routes]]`."""

TASK = Rule("names", '["backup", "primary/gpt-5"]', "the targets of a task, in the order in which they are tried")
"""The value of every key of `[llm.tasks]`."""

_AS_IN_ENTRIES = ("text_model", "embedding_model", "base_url", "api_key", "max_tokens", "temperature", "timeout")

LEGACY: Mapping[str, Rule] = {
    "ollama_url": Rule(
        "text",
        '"http://localhost:11434"',
        "where requests go; only for Ollama",
        "`OLLAMA_HOST`, else `http://localhost:11434`",
    ),
    "provider": Rule("text", '"openai"', "as in an entry", "`ollama`"),
    **{key: PROVIDER[key] for key in _AS_IN_ENTRIES},
}
"""The keys of `[llm]` itself, which describe one provider."""

LLM = (*LEGACY, "providers", "fallback", "tasks", "routes", "provider_types")
"""Everything that may stand in `[llm]`."""

KNOWN = frozenset(
    {*PROVIDER, *PRICE, *TIER, *FALLBACK, *ROUTE, *LLM, *TYPE, *FAMILY, *ERROR_RULE, *QuirksPatch.__annotations__}
)
"""All keys of all tables."""
