"""Who may ask: the keys of `[[llm.gateway.keys]]`, in every header in which official clients send one.

Only SHA-256 digests of keys are kept and compared. The keys are random and long, so a digest cannot be turned back into
its key, and needs no slow hash and no pepper, as a password would. What a lookup by digest reveals by its duration
concerns the digest of what the caller sent, from which nothing follows about any key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.misuse import ConfigError
from understudy.domain.secret import Secret
from understudy.gateway.patterns import matches
from understudy.wire.http import Headers

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Headers that hold nothing but a key: of Anthropic, Azure OpenAI and Google. All others use `authorization`."""
SHORT_KEY = 16
"""Characters below which a key can be guessed; `openssl rand -hex 32` writes 64."""
HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")
LABEL = "key"
"""The label that holds a caller's name in the records of its requests."""

_KEY_PARAMETERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
_WAYS = 'as "Authorization: Bearer KEY", or in the header x-api-key, api-key or x-goog-api-key'


class KeySettings(Protocol):
    """A key of the configuration: either the key itself, or its hash as `sha256:` and 64 hexadecimal digits."""

    @property
    def name(self) -> str:
        """Whose key it is."""
        ...

    @property
    def key(self) -> Secret | None:
        """The key."""
        ...

    @property
    def hash(self) -> str | None:
        """The hash of the key."""
        ...

    @property
    def models(self) -> tuple[str, ...] | None:
        """What it may ask for, with `*` for any characters; `None`: everything."""
        ...


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request it is, and what it may ask for."""

    name: str = ""
    """The key's name; empty without keys."""
    labels: dict[str, str] = {}
    """Written into the records of its requests."""
    models: tuple[str, ...] | None = None
    """Patterns of routes and of `entry/model`; `None`: everything."""

    def may_use(self, *names: str) -> bool:
        """Check whether all of these may be asked for: routes, `entry` and `entry/model`, as `Names` resolves them.

        An entry is allowed if all of its models are, by its own name or `entry/*`.
        """
        if self.models is None:
            return True
        return all(any(matches(each, name) or each == f"{name}/*" for each in self.models) for name in names)

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of a request: those that the caller chose, and those of the key, which prevail."""
        return {**labels, **self.labels}

    def refusal(self, *names: str) -> Failure | None:
        """Return why one of these may not be asked for; `None` if all may."""
        denied = next((name for name in names if not self.may_use(name)), None)
        if denied is None:
            return None
        allowed = f"it may use {', '.join(self.models)}" if self.models else "it may use nothing"
        message = f"the key {self.name!r} may not use {denied!r}: {allowed}"
        return Failure(kind=FailureKind.PERMISSION, message=message, status=403, sent=False)


ANYONE = Caller()
"""The caller of a gateway without keys."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not admitted, and the headers that the answer must have."""

    failure: Failure
    headers: Headers = ()


class Access:
    """Admits callers by their keys. Without keys nobody is admitted, unless `open_` is set."""

    __slots__ = ("_callers", "open_")

    def __init__(self, keys: Iterable[KeySettings] = (), *, open_: bool = False) -> None:
        """`open_` admits everyone while there are no keys. Raise `ConfigError` if two keys have the same name or value,
        or a hash is invalid."""
        self.open_ = open_
        self._callers: dict[bytes, Caller] = {}
        for key in keys:
            digest = _digest_of(key)
            if (other := self._callers.get(digest)) is not None:
                raise ConfigError(f"the gateway keys {other.name!r} and {key.name!r} have the same value")
            if any(each.name == key.name for each in self._callers.values()):
                raise ConfigError(f"the name {key.name!r} is used by two gateway keys: give each a unique name")
            models = None if key.models is None else tuple(key.models)
            self._callers[digest] = Caller(name=key.name, labels={LABEL: key.name}, models=models)

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key."""
        return bool(self._callers)

    def admit(self, headers: Mapping[str, str], query: str = "") -> Caller | Refusal:
        """Return whose request it is, or why it is refused.

        `headers` has names in lower case; the values of repeated ones are joined, so a key that is sent twice in one
        header is unknown. `query` is that of the URL: a key in it is refused, because URLs are logged on the way.
        """
        if query and any(name.lower() in _KEY_PARAMETERS for name, _ in parse_qsl(query, keep_blank_values=True)):
            return _unauthorized(f"a key in the URL is not accepted, because URLs are logged: send it {_WAYS}")
        if not self._callers:
            return ANYONE if self.open_ else _unauthorized("this gateway has no keys, so it admits nobody")
        found = _keys_in(headers)
        if not found:
            return _unauthorized(f"the key is missing: send it {_WAYS}")
        if len(found) > 1:
            names = " and ".join(found.values())
            return _unauthorized(f"the request has two different keys, in {names}: send only one")
        caller = self._callers.get(next(iter(found)))
        return caller or _unauthorized(f"the key in {next(iter(found.values()))} is unknown to this gateway")


def short_keys(keys: Iterable[KeySettings]) -> tuple[str, ...]:
    """Return the names of keys that are short enough to be guessed."""
    return tuple(each.name for each in keys if each.key is not None and len(each.key.reveal()) < SHORT_KEY)


def hash_of(key: str) -> str:
    """Return the hash of a key, as the configuration file holds it."""
    return f"sha256:{_digest(key).hex()}"


def hash_complaint(written: str) -> str | None:
    """Return what is wrong with the hash of a key; `None` if it is valid."""
    return None if HASHED.fullmatch(written) else "must be sha256: and 64 hexadecimal digits"


def _digest_of(key: KeySettings) -> bytes:
    if (key.key is None) == (key.hash is None):
        raise ConfigError(f"the gateway key {key.name!r} needs either key or hash")
    if key.key is not None:
        return _digest(key.key.reveal().strip())
    found = HASHED.fullmatch(key.hash or "")
    if found is None:
        raise ConfigError(f"the hash of the gateway key {key.name!r} {hash_complaint('')}")
    return bytes.fromhex(found[1])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _keys_in(headers: Mapping[str, str]) -> dict[bytes, str]:
    """Return the digests of all keys of a request, each with the header it came in. Empty ones count as missing."""
    found: dict[bytes, str] = {}
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    written = [("authorization", token if scheme.lower() == "bearer" else "")]
    written += [(name, headers.get(name, "")) for name in KEY_HEADERS]
    for name, value in written:
        if key := value.strip():
            found.setdefault(_digest(key), name)
    return found


def _unauthorized(message: str) -> Refusal:
    failure = Failure(kind=FailureKind.AUTHENTICATION, message=message, status=401, sent=False)
    return Refusal(failure, (("www-authenticate", "Bearer"),))
