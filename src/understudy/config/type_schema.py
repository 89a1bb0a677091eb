"""The keys of `[llm.provider_types.NAME]` and of the lists within it, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from understudy import dialects
from understudy.config.rules import Rule
from understudy.domain.operation import Operation

_QUIRKS = Rule(
    "table",
    '{ max_tokens_field = "max_tokens" }',
    "how it wants its requests written, by the fields of `Quirks` in `dialects/quirks.py`",
    "none",
)

TYPE: Mapping[str, Rule] = {
    "dialect": Rule("text", '"openai"', f"the wire format: {', '.join(f'`{name}`' for name in dialects.names())}"),
    "base_url": Rule("text", '"https://api.acme.example/v1"', "where requests go; an entry may say otherwise"),
    "title": Rule("text", '"Acme AI"', "what it is called in messages", "the type's name"),
    "key_variable": Rule(
        "text",
        '"ACME_API_KEY"',
        "the name of the variable that holds the key, without `${}`",
        "none: each entry needs its `api_key`",
    ),
    "key_required": Rule("flag", "true", "`false`: entries work without a key", "`true`"),
    "header": Rule("text", '"x-api-key"', "the header that carries the key", "`authorization`"),
    "prefix": Rule(
        "text",
        '"Bearer "',
        "what stands before the key; may be empty",
        "`Bearer ` in `authorization`, else nothing",
        may_be_empty=True,
    ),
    "headers": Rule("texts", '{ "X-Team" = "search" }', "further fixed headers; no keys", "none"),
    "operations": Rule(
        "table",
        "{ embed = false }",
        f"by {', '.join(f'`{operation}`' for operation in Operation)}: the dialect of that operation, or `false` where "
        "there is none",
        "all that the dialect has",
    ),
    "text_model": Rule(
        "text",
        '"acme-1"',
        "the model for generations, unless an entry says otherwise",
        "none: each entry or call names its own",
    ),
    "embedding_model": Rule(
        "text", '"acme-embed-1"', "the model for embeddings, unless an entry says otherwise", "none"
    ),
    "first_event_timeout": Rule("number", "60", "until a stream's first content", "60", positive=True, unit="seconds"),
    "price_id": Rule("text", '"acme"', "what price lists call the provider", "the type's name"),
    "local": Rule("flag", "false", "it runs on your own machine: tokens cost nothing", "`false`"),
    "quirks": _QUIRKS,
    "families": Rule(
        "tables",
        '[{ pattern = "acme-1.*", quirks = { refused = ["temperature"] } }]',
        "model families that want something else than the others; see below",
        "none",
    ),
    "error_rules": Rule(
        "tables",
        '[{ kind = "overloaded", status = 498 }]',
        "errors that mean something else than the dialect takes them for; see below",
        "none",
    ),
}
"""The keys of `[llm.provider_types.NAME]`: fields of `ProviderRow`, and what they are made of."""

FAMILY: Mapping[str, Rule] = {
    "pattern": Rule("text", '"acme-1.*"', "a regular expression that the whole model name must match"),
    "quirks": Rule("table", _QUIRKS.example, "what its members want otherwise than the type's other models"),
}
"""The keys of `[[llm.provider_types.NAME.families]]`: the fields of `Family`."""

ERROR_RULE: Mapping[str, Rule] = {
    "kind": Rule("text", '"overloaded"', "the kind of failure, from the table in fallback.md"),
    "status": Rule("integer", "498", "the HTTP status", "any", least=100, most=599),
    "code": Rule(
        "text",
        '"capacity_exceeded"',
        "the provider's code or type; with a `*` at one end, how it ends or begins",
        "any",
    ),
    "text": Rule("text", '"over capacity"', "words of the message; case does not matter", "any"),
}
"""The keys of `[[llm.provider_types.NAME.error_rules]]`: the fields of `ErrorRule`."""
