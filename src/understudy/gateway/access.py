"""Who may ask: keys of `[[llm.gateway.keys]]`, else virtual ones, in every header in which official clients send one.

Of the configured keys only SHA-256 digests are kept and compared. They are random and long, so a digest cannot be
turned back into its key, and needs no slow hash and no pepper, as a password would. What a lookup by digest reveals by
its duration concerns the digest of what the caller sent, from which nothing follows about any key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from understudy.domain.misuse import ConfigError
from understudy.gateway.callers import ANYONE, LABEL, Caller, Refusal, unauthorized
from understudy.gateway.hosts import address_of, is_loopback
from understudy.ledger.keys import BEGINNING
from understudy.settings.gateway import GatewayKey

if TYPE_CHECKING:
    from understudy.gateway.keyring import Keyring

KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Headers that hold nothing but a key: of Anthropic, Azure OpenAI and Google. All others use `authorization`."""

_BEARER = "Bearer "
_OTHERS = frozenset(KEY_HEADERS)
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_KEY_PARAMETERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
_MAY_HOLD_KEY = re.compile(r"key|token|%", re.IGNORECASE)
_WAYS = 'as "Authorization: Bearer KEY", or in the header x-api-key, api-key or x-goog-api-key'


class Access:
    """Admits callers by their keys. Without keys nobody is admitted, unless `open_` is set: then this machine is."""

    __slots__ = ("_callers", "_keyring", "open_")

    def __init__(self, keys: Iterable[GatewayKey] = (), *, open_: bool = False, keyring: Keyring | None = None) -> None:
        """`open_` admits callers of this machine while there are no keys; `keyring` has the virtual ones.

        Raise `ConfigError` if two keys have the same name or value, or a hash is invalid.
        """
        self.open_ = open_
        self._keyring = keyring
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
    def has_several_callers(self) -> bool:
        """Whether what a caller does not know may be another one's."""
        return len(self._callers) > 1 or (self._keyring is not None and self._keyring.has_keys)

    def configured(self, headers: Mapping[str, str], query: str = "") -> Caller | None:
        """Return the caller of a request that has nothing but a configured key, in the header of most clients.

        `None` leaves it to `admit`, which returns the same for such a request.
        """
        written = headers.get("authorization", "")
        if query or written[:7] != _BEARER or not _OTHERS.isdisjoint(headers):
            return None
        return self._callers.get(_digest(written[7:].strip()))

    async def admit(self, headers: Mapping[str, str], query: str = "", peer: str | None = None) -> Caller | Refusal:
        """Return whose request it is, or why it is refused.

        `headers` has names in lower case; the values of repeated ones are joined, so a key that is sent twice in one
        header is unknown. `query` is that of the URL: a key in it is refused, because URLs are logged on the way.
        `peer` is the address from which the request came: without keys it must be one of this machine, whatever the
        server around the gateway listens on.
        """
        if query and _has_key(query):
            return unauthorized(f"a key in the URL is not accepted, because URLs are logged: send it {_WAYS}")
        if not self._callers and not self._has_virtual(headers) and not await self._has_virtual_keys():
            if self.open_ and (peer is None or address_of(peer) is None or is_loopback(peer)):
                return ANYONE
            return unauthorized("this gateway has no keys, and other machines may reach it: configure keys to use it")
        found = _keys_in(headers)
        if not found:
            return unauthorized(f"the key is missing: send it {_WAYS}")
        if len(found) > 1:
            names = " and ".join(where for where, _ in found.values())
            return unauthorized(f"the request has two different keys, in {names}: send only one")
        (digest, (where, key)), *_ = found.items()
        caller = self._callers.get(digest)
        if caller is not None:
            return caller
        if self._keyring is not None:
            return await self._keyring.admit(key, where)
        return unauthorized(f"the key in {where} is unknown to this gateway")

    async def _has_virtual_keys(self) -> bool:
        return self._keyring is not None and await self._keyring.look()

    def _has_virtual(self, headers: Mapping[str, str]) -> bool:
        """Check whether a request may have a virtual key: one that was just made may be the first one."""
        names = ("authorization", *KEY_HEADERS)
        return self._keyring is not None and any(BEGINNING in headers.get(name, "") for name in names)


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


def _keys_in(headers: Mapping[str, str]) -> dict[bytes, tuple[str, str]]:
    """Return the digests of all keys of a request, each with the header it came in and itself. Empty ones count as
    missing."""
    found: dict[bytes, tuple[str, str]] = {}
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    written = [("authorization", token if scheme.lower() == "bearer" else "")]
    written += [(name, headers.get(name, "")) for name in KEY_HEADERS]
    for name, value in written:
        if key := value.strip():
            found.setdefault(_digest(key), (name, key))
    return found
