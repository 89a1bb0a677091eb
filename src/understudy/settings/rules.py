"""What each setting must be, and what it is for: the same for the configuration file and for settings in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from understudy.domain.failures import OnMidstreamError
from understudy.domain.rules import Rule, not_json
from understudy.domain.suggestions import shown, suggestion
from understudy.settings.strategy import FallbackStrategy, Whole

CAPABILITIES = ("tools", "vision", "audio_input", "pdf_input", "structured_output", "prefill")
"""What a request may need from a target: names as in `ModelInfo.capabilities`; and `prefill`, whether the model
continues an answer that has begun."""

# ---- entries ----

PROVIDER: Mapping[str, Rule] = {
    "provider": Rule(
        "string",
        '"openai"',
        "the provider's type, or the name of a custom one",
    ),
    "name": Rule(
        "string",
        '"primary"',
        'the entry\'s name in answers, logs and `model="name/model"`; unique, without a slash',
        "the provider's type",
    ),
    "priority": Rule("integer", "1", "lower values are tried first, equal values in the order of the file", "10"),
    "weight": Rule(
        "number",
        "3",
        "for the strategies `weighted` and `least_busy`: its share of the requests, relative to the other entries'; "
        "0: only if no other target can answer",
        "1",
        least=0,
    ),
    "api_key": Rule(
        "keys",
        '"${OPENAI_API_KEY}"',
        "the key; prefer a reference to a variable to the key itself. A list is a pool of keys, over which requests "
        "are spread; see [authentication](authentication.md#several-keys)",
        "the provider's own variable, such as `OPENAI_API_KEY`",
    ),
    "token": Rule(
        "string",
        '"${AZURE_OPENAI_AD_TOKEN}"',
        "instead of a key: a Microsoft Entra token for Azure OpenAI, or a bearer token for Anthropic; "
        "in Python also a function that returns one",
        "the provider's own variable, such as `AZURE_OPENAI_AD_TOKEN`",
    ),
    "base_url": Rule(
        "string",
        '"http://localhost:11434"',
        "where requests are sent: `http` or `https`, without user, password or query",
        "the provider's own variable, such as `OLLAMA_HOST`, else its public address",
    ),
    "proxy": Rule(
        "string",
        '"http://proxy.example:3128"',
        "the HTTP proxy for this provider, `http` or `https`, with user and password if it needs them; `none` connects "
        "directly; see [network](network.md)",
        "`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`",
        may_be_empty=True,
    ),
    "ca_file": Rule(
        "string",
        '"company-ca.pem"',
        "a PEM file with the certificate authorities to trust; relative to this file",
        "`SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's",
    ),
    "client_cert": Rule(
        "string",
        '"client.pem"',
        "a PEM file with the client certificate, for servers that require one, and with its key unless `client_key` "
        "is set",
        "none",
    ),
    "client_key": Rule("string", '"client.key"', "a PEM file with the key of `client_cert`", "in `client_cert`"),
    "text_model": Rule(
        "string", '"llama3.2"', "the model for generations", "the provider's default, with a notice that gives its date"
    ),
    "embedding_model": Rule("string", '"nomic-embed-text"', "the model for embeddings", "none; `embed` is an error"),
    "max_tokens": Rule("integer", "4096", "maximum tokens of an answer, unless the call sets it", "not sent", least=1),
    "temperature": Rule(
        "number", "0.7", "the sampling temperature, unless the call sets it", "not sent", least=0, most=2
    ),
    "timeout": Rule(
        "number", "600", "time limit of one attempt, connecting included", "600", positive=True, unit="seconds"
    ),
    "connect_timeout": Rule("number", "5", "time limit for connecting", "5", positive=True, unit="seconds"),
    "first_event_timeout": Rule(
        "number",
        "60",
        "time limit for a stream's first content",
        "60; 300 where a model may have to be loaded first, as with Ollama",
        positive=True,
        unit="seconds",
    ),
    "idle_timeout": Rule(
        "number",
        "60",
        "time limit between two pieces of content of a stream; comments and pings do not count",
        "60",
        positive=True,
        unit="seconds",
    ),
    "min_tokens_per_second": Rule(
        "number",
        "2",
        "a stream that brings less over ten seconds of content counts as stalled",
        "off",
        positive=True,
    ),
    "whole": Rule(
        "string",
        '"plain"',
        "how `generate` fetches its answers here: `auto`, `stream` or `plain`",
        "as in `[llm.fallback]`",
        choices=get_args(Whole),
    ),
    "api_version": Rule(
        "string",
        '"2023-06-01"',
        "the provider's version header, such as `anthropic-version`; for Azure OpenAI a date such as `2024-10-21` "
        "selects the dated API",
        "the newest",
    ),
    "embedding_space": Rule(
        "string", '"nomic-768"', "embeddings fall back only among entries of the same space", "model and dimensions"
    ),
    "rate_limit_domain": Rule(
        "string",
        '"team-a"',
        "entries with the same word share one quota: a rate limit of one puts all of them in cooldown",
        "each target has its own",
    ),
    "context_window": Rule(
        "integer",
        "131072",
        "the text model's context window, in tokens",
        "what the provider or the price list reports",
        least=1,
    ),
    "capabilities": Rule(
        "flags",
        "{ tools = false, vision = true }",
        f"what the text model supports: {', '.join(f'`{name}`' for name in CAPABILITIES)}; a target that lacks what a "
        "request needs is skipped; `prefill`: it continues an answer that has begun",
        "what the provider reports; unknown counts as supported",
    ),
    "headers": Rule(
        "strings",
        '{ "X-Team" = "search" }',
        "additional fixed headers; keys are refused here, because headers are printed",
        "none",
    ),
    "price": Rule(
        "table",
        "{ input = 0.15, output = 0.60, cache_read = 0.075 }",
        "what every model of the entry costs; see [prices](#prices)",
        "what the provider's fetched list reports, else what genai-prices publishes",
    ),
    "prices": Rule(
        "table", '{ "gpt-4o" = { input = 2.5, output = 10 } }', "the same for individual models, by name", "none"
    ),
    "fees": Rule(
        "numbers",
        "{ web_search = 0.01, code_interpreter = 0.03 }",
        "US dollars per call of hosted tools, beside tokens; see [costs.md](costs.md#hosted-tools)",
        "what genai-prices publishes; else the cost of answers that used the tool is unknown",
        least=0,
    ),
    "price_id": Rule(
        "string",
        '"openai"',
        "the provider whose published prices apply, by its name at genai-prices; for proxies",
        "the provider that `base_url` belongs to",
    ),
    "extra": Rule("table", '{ keep_alive = "10m" }', "additional fields of the request body, sent unchanged", "none"),
}
"""The keys of `[[llm.providers]]`: the fields of `ProviderConfig` except `PYTHON_ONLY`."""

PYTHON_ONLY = frozenset({"sign"})
"""Fields of `ProviderConfig` that hold functions, which a file cannot."""

# ---- fallback, routes, tasks ----

FALLBACK: Mapping[str, Rule] = {
    "enabled": Rule(
        "flag", "true", "`false`: use only the first target, with its retries", "`true` if there are several entries"
    ),
    "max_retries": Rule(
        "integer",
        "3",
        "maximum attempts at one target, the first included; some kinds of failure get fewer",
        "3",
        least=1,
    ),
    "retry_delay_ms": Rule(
        "number",
        "1000",
        "the n-th wait is random, between 0 and this · 2ⁿ, at most 8 seconds",
        "1000",
        least=0,
        unit="milliseconds",
    ),
    "strategy": Rule(
        "string",
        '"priority"',
        f"how targets are ordered: {', '.join(f'`{strategy}`' for strategy in FallbackStrategy)}",
        "`priority`",
        choices=tuple(FallbackStrategy),
    ),
    "max_attempts": Rule(
        "integer", "5", "maximum attempts of one request", "5, or the number of targets if that is more", least=1
    ),
    "deadline": Rule(
        "number",
        "600",
        "time limit of the whole request, over all attempts and waits",
        "600",
        positive=True,
        unit="seconds",
    ),
    "max_wait": Rule(
        "number",
        "20",
        "the longest wait that a provider may ask for; if it asks for more, the next target is tried",
        "20",
        least=0,
        unit="seconds",
    ),
    "whole": Rule(
        "string",
        '"auto"',
        "how `generate` fetches its answers: `stream` internally, `plain` in one piece, or `auto`: streamed while "
        "another target may still answer",
        "`auto`",
        choices=get_args(Whole),
    ),
    "on_midstream_error": Rule(
        "string",
        '"surface"',
        "what becomes of a stream that breaks after its first words: `surface` raises, `hold` shows nothing until the "
        "answer is whole, `restart` begins anew at the next target after an event `Restarted`, `continue` lets a "
        "target that supports it continue the text",
        "`surface`",
        choices=get_args(OnMidstreamError),
    ),
    "hold_chars": Rule(
        "integer",
        "2000",
        "with `hold`: how many characters of text are held back",
        "the whole answer",
        least=1,
    ),
    "strict": Rule(
        "flag", "false", "`true`: skip a target that cannot express the whole request, instead of warning", "`false`"
    ),
    "hedge": Rule(
        "flag",
        "true",
        "whether the next target is asked too, once, when the first is silent for longer than is usual for it; see "
        "[hedging](fallback.md#hedging)",
        "`false`",
    ),
    "hedge_after": Rule(
        "number",
        "2.5",
        "for `hedge`: the time of silence",
        "the 95th percentile of the target's first content so far; 10 until 20 answers are known",
        positive=True,
        unit="seconds",
    ),
    "active_probes": Rule(
        "flag",
        "true",
        "whether a target that failed is probed in the background, by its list of models and never by what is billed; "
        "see [active probes](fallback.md#active-probes)",
        "`false`",
    ),
    "probe_interval": Rule(
        "number",
        "60",
        "for `active_probes`: time between two probes of a refused key",
        "60",
        positive=True,
        unit="seconds",
    ),
    "fallback_on_filter": Rule(
        "flag", "false", "whether a request that a content filter refused may go to the next target", "`false`"
    ),
    "affinity": Rule(
        "flag",
        "true",
        "`true`: requests of one `session` go to the target that answered it before, where its prompt is cached; see "
        "[affinity](choosing.md#affinity)",
        "`false`",
    ),
    "affinity_lifetime": Rule(
        "number",
        "300",
        "for `affinity`: how long a session stays with a target after its last answer",
        "300, the usual lifetime of a cached prompt",
        positive=True,
        unit="seconds",
    ),
    "leave_quota": Rule(
        "number",
        "0.05",
        "the share left of a target's limits below which it is put behind the others, before it refuses; see "
        "[quotas](choosing.md#quotas)",
        "a target is left when it refuses",
        least=0,
        most=1,
    ),
    "max_cost": Rule(
        "number",
        "0.25",
        "what a request may cost at most, all its attempts together; a call can only lower it. See "
        "[budgets.md](budgets.md#what-one-request-may-cost)",
        "no limit",
        positive=True,
        unit="US dollars",
    ),
    "fit_max_tokens": Rule(
        "flag",
        "true",
        "whether `max_tokens` is lowered to what `max_cost` or a budget leaves, instead of refusing the request",
        "`false`",
    ),
    "unknown_prices": Rule(
        "string",
        '"last"',
        "for `cost_optimized`: where targets with unknown prices are placed, `last` or `first`",
        "`last`",
        choices=("last", "first"),
    ),
}
"""The keys of `[llm.fallback]`: the fields of `FallbackConfig` except `tasks`, which are a table of their own."""

ROUTE: Mapping[str, Rule] = {
    "name": Rule("string", '"cheap"', 'a call selects the route with `model="NAME"`; no entry may have the same name'),
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


def capability_complaint(capabilities: Any) -> str | None:
    """Return what is wrong with the capabilities of a model; `None` if they are valid."""
    if complaint := PROVIDER["capabilities"].complaint(capabilities):
        return complaint
    unknown = next((name for name in capabilities if name not in CAPABILITIES), None)
    return f"contains {shown(unknown)}, which is unknown; {suggestion(unknown, CAPABILITIES)}" if unknown else None


def extra_complaint(extra: Any) -> str | None:
    """Return what is wrong with additional fields of the body; `None` if they are valid."""
    if complaint := PROVIDER["extra"].complaint(extra):
        return complaint
    found = not_json(extra)
    return f"contains {found}, which JSON cannot express" if found else None
