"""LiteLLM's settings beside its list of models: fallbacks, limits, the order of deployments, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from understudy.cli.importing.deployments import reference
from understudy.cli.importing.differences import Report
from understudy.cli.importing.document import Document, Path
from understudy.domain.errors import ConfigError
from understudy.settings import FallbackStrategy
from understudy.settings.budgets import Budget

_LITELLM, _ROUTER, _GENERAL = "litellm_settings", "router_settings", "general_settings"
MASTER_VARIABLE = "LITELLM_MASTER_KEY"


class Settings(msgspec.Struct, kw_only=True):
    """What applies to more than one deployment."""

    fallbacks: Mapping[str, tuple[str, ...]] = {}
    """By name of a model, `*` for all others: the names that are tried after it."""
    for_windows: Mapping[str, tuple[str, ...]] = {}
    for_filters: Mapping[str, tuple[str, ...]] = {}
    aliases: Mapping[str, str] = {}
    strategy: FallbackStrategy = FallbackStrategy.WEIGHTED
    timeout: float | None = None
    limits: Mapping[str, Any] = {}
    """Keys of `[llm.fallback]`."""
    budget: Mapping[str, Any] = {}
    """Keys of `[[llm.budgets]]`: what all requests together may cost."""
    master_key: str | None = None
    """A reference to the variable that holds it."""


_STRATEGIES = {
    "simple-shuffle": FallbackStrategy.WEIGHTED,
    "least-busy": FallbackStrategy.LEAST_BUSY,
    "latency-based-routing": FallbackStrategy.LATENCY,
    "cost-based-routing": FallbackStrategy.COST_OPTIMIZED,
}
_READ = frozenset({
    "fallbacks", "default_fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "model_group_alias",
    "routing_strategy", "num_retries", "request_timeout", "timeout", "retry_after", "master_key", "max_budget",
    "budget_duration",
})  # fmt: skip
_NOTHING = frozenset({
    "drop_params", "modify_params", "set_verbose", "json_logs", "telemetry", "debug", "detailed_debug",
    "enable_pre_call_checks", "add_function_to_prompt", "suppress_debug_info", "disable_end_user_cost_tracking",
    "infer_model_from_keys", "turn_off_message_logging", "redact_user_api_key_info", "routing_strategy_args",
    "enable_json_schema_validation",
})  # fmt: skip
"""Settings that are always so here, or only concern what is not here."""
_SHARED = "limits of several machines are kept in [llm.ledger] limits_url, and nothing else is: see docs/budgets.md"
_PERIODS = {"1d": "day", "24h": "day", "30d": "month", "31d": "month", "1mo": "month"}
_WHY: Mapping[str, str] = {
    "callbacks": "callbacks are observers in Python, and records have labels: see docs/python.md",
    "success_callback": "callbacks are observers in Python, and records have labels: see docs/python.md",
    "failure_callback": "callbacks are observers in Python, and records have labels: see docs/python.md",
    "cache": "answers are not cached",
    "cache_params": "answers are not cached",
    "allowed_fails": "cooldowns and circuit breakers follow from the kind of failure: see docs/fallback.md",
    "allowed_fails_policy": "cooldowns and circuit breakers follow from the kind of failure: see docs/fallback.md",
    "cooldown_time": "cooldowns and circuit breakers follow from the kind of failure: see docs/fallback.md",
    "disable_cooldowns": "cooldowns and circuit breakers follow from the kind of failure: see docs/fallback.md",
    "retry_policy": "what is retried follows from the kind of failure: see docs/fallback.md",
    "model_group_retry_policy": "what is retried follows from the kind of failure: see docs/fallback.md",
    "redis_host": _SHARED,
    "redis_port": _SHARED,
    "redis_password": _SHARED,
    "redis_url": _SHARED,
    "database_url": "a PostgreSQL for records and keys is set in [llm.ledger] url: see docs/ledger.md",
    "store_model_in_db": "models are written in this file",
    "custom_auth": "keys are written in [[llm.gateway.keys]], or made by `understudy keys create`",
    "pass_through_endpoints": "callers use /passthrough/ENTRY/…, for paths of the entry's own provider",
    "ssl_verify": "certificates are always verified: set ca_file of an entry for a private authority",
    "include": "other files are not followed: import each of them, or write them into one",
    "guardrails": "requests and answers are not examined",
    "mcp_servers": "MCP servers are not served; MCP tools of a provider go through untouched",
    "completion_model": "a request must name its model",
    "enable_tag_filtering": "routing by tags is not built in: make a route for each tag",
}


def read_settings(document: Document, report: Report) -> Settings:
    """Read all sections but the list of models, and report what has no counterpart."""
    sections = {name: _section(document, name) for name in (_LITELLM, _ROUTER, _GENERAL)}
    for name, section in sections.items():
        for key in section:
            if key == "master_key" and name != _GENERAL:
                report.add((name, key), "master_key counts only in general_settings: nothing was made of it")
            elif key not in _READ and key not in _NOTHING:
                report.add((name, key), f"{key} is not carried over: {_WHY.get(key, 'it has no counterpart')}")
    for key in document.values:
        if key not in (*sections, "model_list", "environment_variables", "credential_list"):
            report.add((key,), f"{key} is not carried over: {_WHY.get(key, 'it has no counterpart')}")
    for name in _section(document, "environment_variables"):
        report.add(("environment_variables", name), f"set the environment variable {name} yourself: it is not copied")
    both = {**sections[_LITELLM], **sections[_ROUTER]}
    return Settings(
        fallbacks=_fallbacks(both, "fallbacks", report) | _defaults(both),
        for_windows=_fallbacks(both, "context_window_fallbacks", report),
        for_filters=_fallbacks(both, "content_policy_fallbacks", report),
        aliases=_aliases(both.get("model_group_alias")),
        strategy=_strategy(both, report),
        timeout=_positive(both, "timeout") or _positive(both, "request_timeout"),
        limits=_limits(both),
        budget=_budget(both, report),
        master_key=_master_key(sections[_GENERAL], report),
    )


def _section(document: Document, name: str) -> dict[str, Any]:
    found = document.values.get(name)
    return found if isinstance(found, dict) else {}


def _where(key: str, report: Report) -> Path:
    return next(((name, key) for name in (_ROUTER, _LITELLM) if report.has((name, key))), (_LITELLM, key))


def _fallbacks(both: Mapping[str, Any], key: str, report: Report) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    written = both.get(key)
    for item in written if isinstance(written, list) else ():
        for name, targets in item.items() if isinstance(item, dict) else ():
            listed = targets if isinstance(targets, list) else [targets]
            names = [each.get("model") if isinstance(each, dict) else each for each in listed]
            found[str(name)] = tuple(each for each in names if isinstance(each, str))
            if any(isinstance(each, dict) and len(each) > 1 for each in listed):
                report.add(
                    _where(key, report), f"{key} of {name}: only the model is carried over, not its own parameters"
                )
    return found


def _defaults(both: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    names = both.get("default_fallbacks")
    return {"*": tuple(each for each in names if isinstance(each, str))} if isinstance(names, list) else {}


def _aliases(written: Any) -> dict[str, str]:
    pairs = written.items() if isinstance(written, dict) else ()
    found = {alias: each.get("model") if isinstance(each, dict) else each for alias, each in pairs}
    return {alias: name for alias, name in found.items() if isinstance(name, str)}


def _strategy(both: Mapping[str, Any], report: Report) -> FallbackStrategy:
    written = both.get("routing_strategy", "simple-shuffle")
    if not isinstance(written, str) or written not in _STRATEGIES:
        what = f"the strategy {written} is not built in: deployments of one name are drawn by their weights"
        report.add(_where("routing_strategy", report), what)
        return FallbackStrategy.WEIGHTED
    return _STRATEGIES[written]


def _positive(both: Mapping[str, Any], key: str) -> float | None:
    value = both.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _limits(both: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_limit_pairs(both))


def _limit_pairs(both: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    retries, delay = both.get("num_retries"), _positive(both, "retry_after")
    if isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0:
        yield "max_retries", retries + 1  # the first attempt counts here
    if delay is not None:
        yield "retry_delay_ms", int(delay * 1000)


def _budget(both: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return the budget of the whole proxy. LiteLLM looks at what is spent before a request, as a soft budget does."""
    most, duration = _positive(both, "max_budget"), both.get("budget_duration")
    if most is None:
        if both.get("max_budget"):
            report.add(_where("max_budget", report), "max_budget is not carried over: it is not an amount")
        return {}
    period = "total" if duration is None else _PERIODS.get(str(duration))
    if period is None:
        report.add(
            _where("budget_duration", report),
            "max_budget is not carried over: it must be for a day, a month or in all",
        )
        return {}
    budget: dict[str, Any] = {"name": "proxy", "max": most, "period": period, "hard": False}
    try:
        Budget(**budget)
    except ConfigError as error:
        report.add(_where("max_budget", report), f"max_budget is not carried over: {error}")
        return {}
    if period == "month":
        report.add(_where("budget_duration", report), f"{duration} became a month of the calendar, in UTC")
    return budget


def _master_key(general: Mapping[str, Any], report: Report) -> str | None:
    written = general.get("master_key")
    if not isinstance(written, str) or not written:
        return None
    value = str(reference(written))
    if value.startswith("${"):
        return value
    report.add(
        (_GENERAL, "master_key"), f"master_key is written in the file and not copied: set {MASTER_VARIABLE} to it"
    )
    return f"${{{MASTER_VARIABLE}}}"
