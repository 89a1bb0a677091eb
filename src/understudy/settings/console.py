"""The console of the gateway: whether it is served, and whose keys open it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from understudy.domain.regexes import regex
from understudy.domain.rules import Rule
from understudy.domain.secret import Secret
from understudy.settings.checking import Settings

Scope = Literal["read", "operate", "manage"]
"""What an admin key may do: `read` everything, `operate` targets, or `manage` keys and the configuration."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each includes those before it."""
HASH = regex(r"sha256:([0-9a-fA-F]{64})")
"""The hash of a key, as it is written in the configuration."""

CONSOLE_KEY: Mapping[str, Rule] = {
    "name": Rule("string", '"alice"', "whose key it is: written into logs and beside each order; unique"),
    "key": Rule(
        "string",
        '"${ADMIN_KEY}"',
        "the key; prefer a reference to a variable to the key itself",
        "`hash` is required instead",
    ),
    "hash": Rule(
        "string",
        '"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"',
        "instead of the key: `sha256:` and its SHA-256 in hexadecimal digits",
        "`key` is required instead",
    ),
    "scope": Rule(
        "string",
        '"operate"',
        "`read` sees everything except secrets; `operate` may also open, close, drain and probe targets and try "
        "prompts; `manage` may also make and revoke keys and reload the configuration",
        "`read`",
        choices=SCOPES,
    ),
}
"""The keys of `[[llm.console.keys]]`: the fields of `ConsoleKey`."""

CONSOLE: Mapping[str, Rule] = {
    "enabled": Rule("flag", "false", "whether `/console`, `/admin/v1` and `/metrics` are served", "`true`"),
    "open_metrics": Rule(
        "flag", "true", "whether `/metrics` is open to everyone who reaches the gateway, without a key", "`false`"
    ),
    "keys": Rule(
        "tables",
        '[{ name = "alice", key = "${ADMIN_KEY}", scope = "manage" }]',
        "the keys that open the console and its API; see below",
        "none: on a loopback address, `understudy serve` prints a link that signs in once; elsewhere it is closed",
    ),
}
"""The keys of `[llm.console]`: the fields of `ConsoleConfig`."""


class ConsoleKey(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """A key that opens the console and its API: the key itself, or its hash. It asks no model."""

    name: str
    """Whose it is: written into logs and beside each order."""
    key: Secret | None = None
    hash: str | None = None
    """`sha256:` and 64 hexadecimal digits: the SHA-256 of the key, for files that must not hold it."""
    scope: Scope = "read"


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """The console: pages, an API and metrics for whoever operates the gateway."""

    enabled: bool = True
    open_metrics: bool = False
    """Whether `/metrics` needs no key."""
    keys: tuple[ConsoleKey, ...] = ()


def digest_of(key: Secret | None, hashed: str | None) -> bytes | None:
    """Return the SHA-256 of a key that is given as itself or as its hash; `None` unless it is given in one valid
    way."""
    if (key is None) == (hashed is None):
        return None
    if key is not None:
        return digest(key.reveal().strip())
    found = HASH.fullmatch(hashed or "")
    return bytes.fromhex(found[1]) if found else None


def digest(key: str) -> bytes:
    """Return the SHA-256 of a key."""
    import hashlib  # loads OpenSSL, which programs without a gateway do not need

    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
