"""Which keys each table has, and what their values must be. TOML's types are kept strictly: a boolean is no number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from understudy.dialects.quirks import QuirksPatch

Kind = Literal["text", "integer", "number", "flag", "table", "texts", "tables"]
"""`texts` is a table whose values are texts, `tables` a list of tables."""


class Rule(msgspec.Struct, frozen=True):
    """What a value must be. Both ends of the range belong to it, except 0 where `positive` is set."""

    kind: Kind
    example: str
    """A value as it may be written, for suggestions."""
    least: float | None = None
    most: float | None = None
    positive: bool = False
    may_be_empty: bool = False
    """Whether an empty text is a value."""

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with a value, such as "must be a whole number, not a text"; `None` when it is right."""
        if not self._fits(value):
            return f"must be {_NAMES[self.kind]}, not {_name(value)}"
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._range_complaint(value)
        return None

    def _fits(self, value: object) -> bool:
        match self.kind:
            case "text":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return isinstance(value, (int, float)) and not isinstance(value, bool)
            case "flag":
                return isinstance(value, bool)
            case "table":
                return isinstance(value, dict)
            case "texts":
                return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
            case "tables":
                return isinstance(value, list) and all(isinstance(item, dict) for item in value)

    def _range_complaint(self, value: float) -> str | None:
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        if self.positive and value <= 0:
            return "must be greater than 0"
        if self.least is not None and self.most is not None and not self.least <= value <= self.most:
            return f"must be between {self.least:g} and {self.most:g}"
        if self.least is not None and value < self.least:
            return f"must be at least {self.least:g}"
        return None


_NAMES: Mapping[Kind, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "table": "a table",
    "texts": "a table of texts",
    "tables": "a list of tables",
}


def _name(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return "a text"
        case int():
            return "a whole number"
        case float():
            return "a number with a point"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return "a date or time"


PROVIDER: Mapping[str, Rule] = {
    "provider": Rule("text", '"openai"'),
    "name": Rule("text", '"primary"'),
    "priority": Rule("integer", "1"),
    "api_key": Rule("text", '"${OPENAI_API_KEY}"'),
    "token": Rule("text", '"${AZURE_OPENAI_AD_TOKEN}"'),
    "base_url": Rule("text", '"http://localhost:11434"'),
    "text_model": Rule("text", '"llama3.2"'),
    "embedding_model": Rule("text", '"nomic-embed-text"'),
    "max_tokens": Rule("integer", "4096", least=1),
    "temperature": Rule("number", "0.7", least=0, most=2),
    "timeout": Rule("number", "600", positive=True),
    "connect_timeout": Rule("number", "5", positive=True),
    "first_event_timeout": Rule("number", "60", positive=True),
    "idle_timeout": Rule("number", "60", positive=True),
    "api_version": Rule("text", '"2023-06-01"'),
    "embedding_space": Rule("text", '"nomic-768"'),
    "headers": Rule("texts", '{ "X-Team" = "search" }'),
    "extra": Rule("table", '{ keep_alive = "10m" }'),
}
"""The keys of `[[llm.providers]]`: the fields of `ProviderConfig` but for `PYTHON_ONLY`."""

PYTHON_ONLY = frozenset({"sign"})
"""Fields of `ProviderConfig` that hold functions, which no file can."""

FALLBACK: Mapping[str, Rule] = {
    "enabled": Rule("flag", "true"),
    "max_retries": Rule("integer", "3", least=1),
    "retry_delay_ms": Rule("number", "1000", least=0),
    "strategy": Rule("text", '"priority"'),
    "max_attempts": Rule("integer", "5", least=1),
    "deadline": Rule("number", "600", positive=True),
    "max_wait": Rule("number", "20", least=0),
    "strict": Rule("flag", "false"),
    "fallback_on_filter": Rule("flag", "false"),
}
"""The keys of `[llm.fallback]`: the fields of `FallbackConfig`."""

LEGACY: Mapping[str, Rule] = {
    "ollama_url": Rule("text", '"http://localhost:11434"'),
    **{
        key: PROVIDER[key]
        for key in (
            "provider",
            "text_model",
            "embedding_model",
            "base_url",
            "api_key",
            "max_tokens",
            "temperature",
            "timeout",
        )
    },
}
"""The keys of `[llm]` itself, which describe one provider."""

TYPE: Mapping[str, Rule] = {
    "dialect": Rule("text", '"openai"'),
    "base_url": Rule("text", '"https://api.acme.example/v1"'),
    "title": Rule("text", '"Acme AI"'),
    "key_variable": Rule("text", '"ACME_API_KEY"'),
    "key_required": Rule("flag", "true"),
    "header": Rule("text", '"x-api-key"'),
    "prefix": Rule("text", '"Bearer "', may_be_empty=True),
    "headers": PROVIDER["headers"],
    "operations": Rule("table", "{ embed = false }"),
    "text_model": Rule("text", '"acme-1"'),
    "embedding_model": Rule("text", '"acme-embed-1"'),
    "first_event_timeout": PROVIDER["first_event_timeout"],
    "price_id": Rule("text", '"acme"'),
    "local": Rule("flag", "false"),
    "quirks": Rule("table", '{ max_tokens_field = "max_tokens" }'),
    "families": Rule("tables", '[{ pattern = "acme-1.*", quirks = { refused = ["temperature"] } }]'),
    "error_rules": Rule("tables", '[{ kind = "overloaded", status = 498 }]'),
}
"""The keys of `[llm.provider_types.NAME]`: fields of `ProviderRow`, and what they are made of."""

FAMILY: Mapping[str, Rule] = {
    "pattern": Rule("text", '"acme-1.*"'),
    "quirks": TYPE["quirks"],
}
"""The keys of `[[llm.provider_types.NAME.families]]`: the fields of `Family`."""

ERROR_RULE: Mapping[str, Rule] = {
    "kind": Rule("text", '"overloaded"'),
    "status": Rule("integer", "498", least=100, most=599),
    "code": Rule("text", '"capacity_exceeded"'),
    "text": Rule("text", '"over capacity"'),
}
"""The keys of `[[llm.provider_types.NAME.error_rules]]`: the fields of `ErrorRule`."""

LLM = (*LEGACY, "providers", "fallback", "provider_types")
"""Everything that may stand in `[llm]`."""

KNOWN = frozenset({*PROVIDER, *FALLBACK, *LLM, *TYPE, *FAMILY, *ERROR_RULE, *QuirksPatch.__annotations__})
"""All keys of all tables."""


def unsendable(value: Any) -> str | None:
    """Return what in an `extra` value has no JSON form, such as "a date or time"; `None` when all of it has one."""
    match value:
        case dict():
            return next((found for item in value.values() if (found := unsendable(item))), None)
        case list():
            return next((found for item in value if (found := unsendable(item))), None)
        case float() if not math.isfinite(value):
            return "a number that is not finite"
        case None | bool() | int() | float() | str():
            return None
        case _:
            return "a date or time"
