"""Who may ask: the keys of `[[llm.gateway.keys]]`, in every header in which official clients send one.

Only SHA-256 digests of keys are kept and compared. The keys are random and long, so a digest cannot be turned back into
its key, and needs no slow hash and no pepper, as a password would. What a lookup by digest reveals by its duration
concerns the digest of what the caller sent, from which nothing follows about any key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.misuse import ConfigError
from understudy.gateway.hosts import address_of, is_loopback
from understudy.gateway.names import Resolved
from understudy.gateway.patterns import ANY, matches
from understudy.settings.gateway import GatewayKey
from understudy.wire.http import Headers

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Headers that hold nothing but a key: of Anthropic, Azure OpenAI and Google. All others use `authorization`."""
LABEL = "key"
"""The label that holds a caller's name in the records of its requests."""

_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_KEY_PARAMETERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
_MAY_HOLD_KEY = re.compile(r"key|token|%", re.IGNORECASE)
_WAYS = 'as "Authorization: Bearer KEY", or in the header x-api-key, api-key or x-goog-api-key'


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose request it is, and what it may ask for."""

    name: str = ""
    """The key's name; empty without keys."""
    labels: dict[str, str] = {}
    """Written into the records of its requests."""
    models: tuple[str, ...] = ()
    """Patterns of what it may ask for; everything if empty."""

    def may_use(self, meaning: str, asked: str = "") -> bool:
        """Check whether a route, an `entry` or an `entry/model` may be asked for, under the name that was `asked`.

        Either of the two must match a pattern: whoever may use an alias may use what it stands for. An entry also
        matches `entry/*`.
        """
        return not self.models or any(
            matches(each, meaning) or (asked and matches(each, asked)) or each == f"{meaning}/*" for each in self.models
        )

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of a request: those that the caller chose, and those of the key, which prevail."""
        return {**labels, **self.labels}

    def refusal(self, resolved: Resolved) -> Failure | None:
        """Return why a request may not ask for what it names; `None` if it may. One that names nothing asks for all."""
        if not self.models or ANY in self.models:
            return None
        allowed = f"it may use {', '.join(self.models)}"
        if not resolved.named:
            message = f"the request names no model, and the key {self.name!r} may not use all of them: {allowed}"
        else:
            denied = next((asked for asked, meaning in resolved.named if not self.may_use(meaning, asked)), None)
            if denied is None:
                return None
            message = f"the key {self.name!r} may not use {denied!r}: {allowed}"
        return Failure(kind=FailureKind.PERMISSION, message=message, status=403, sent=False)


ANYONE = Caller()
"""The caller of a gateway without keys."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not admitted, and the headers that the answer must have."""

    failure: Failure
    headers: Headers = ()


class Access:
    """Admits callers by their keys. Without keys nobody is admitted, unless `open_` is set: then this machine is."""

    __slots__ = ("_callers", "open_")

    def __init__(self, keys: Iterable[GatewayKey] = (), *, open_: bool = False) -> None:
        """`open_` admits callers of this machine while there are no keys. Raise `ConfigError` if two keys have the same
        name or value, or a hash is invalid."""
        self.open_ = open_
        self._callers: dict[bytes, Caller] = {}
        for key in keys:
            digest = _digest_of(key)
            if (other := self._callers.get(digest)) is not None:
                raise ConfigError(f"the gateway keys {other.name!r} and {key.name!r} have the same value")
            if any(each.name == key.name for each in self._callers.values()):
                raise ConfigError(f"the name {key.name!r} is used by two gateway keys: give each a unique name")
            labels = {**key.labels, LABEL: key.name}
            self._callers[digest] = Caller(name=key.name, labels=labels, models=tuple(key.models))

    @property
    def has_keys(self) -> bool:
        """Whether callers need a key."""
        return bool(self._callers)

    def admit(self, headers: Mapping[str, str], query: str = "", peer: str | None = None) -> Caller | Refusal:
        """Return whose request it is, or why it is refused.

        `headers` has names in lower case; the values of repeated ones are joined, so a key that is sent twice in one
        header is unknown. `query` is that of the URL: a key in it is refused, because URLs are logged on the way.
        `peer` is the address from which the request came: without keys it must be one of this machine, whatever the
        server around the gateway listens on.
        """
        if query and _has_key(query):
            return _unauthorized(f"a key in the URL is not accepted, because URLs are logged: send it {_WAYS}")
        if not self._callers:
            if self.open_ and (peer is None or address_of(peer) is None or is_loopback(peer)):
                return ANYONE
            return _unauthorized("this gateway has no keys, and other machines may reach it: configure keys to use it")
        found = _keys_in(headers)
        if not found:
            return _unauthorized(f"the key is missing: send it {_WAYS}")
        if len(found) > 1:
            names = " and ".join(found.values())
            return _unauthorized(f"the request has two different keys, in {names}: send only one")
        caller = self._callers.get(next(iter(found)))
        return caller or _unauthorized(f"the key in {next(iter(found.values()))} is unknown to this gateway")


def _has_key(query: str) -> bool:
    """Check whether a query has a parameter for a key. Most have neither that nor an escape, so they are not parsed."""
    if _MAY_HOLD_KEY.search(query) is None:
        return False
    return any(name.lower() in _KEY_PARAMETERS for name, _ in parse_qsl(query, keep_blank_values=True))


def _digest_of(key: GatewayKey) -> bytes:
    if (key.key is None) == (key.hash is None):
        raise ConfigError(f"the gateway key {key.name!r} needs either key or hash")
    if key.key is not None:
        return _digest(key.key.reveal().strip())
    found = _HASH.fullmatch(key.hash or "")
    if found is None:
        raise ConfigError(f"the hash of the gateway key {key.name!r} must be sha256: and 64 hexadecimal digits")
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
