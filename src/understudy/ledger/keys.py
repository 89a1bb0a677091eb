"""Virtual keys: keys of the gateway that are made, revoked and rotated while it runs.

A key is 256 random bits, and shown once. What is kept is its HMAC-SHA-256 under a secret, the pepper, which is not in
the file: a reader of the file can neither use a key nor check a guess.
"""

from __future__ import annotations

import enum
import hmac
import secrets
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from understudy.domain.secret import Secret

BEGINNING = "usk-"
"""With which every virtual key begins, so that scanners for leaked secrets can be told of them."""
_BYTES = 32
_SHOWN = 4
_CHECKED = b"which pepper is this?"


class KeyState(enum.StrEnum):
    """Whether a key may be used."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one value of a key. Rotation gives a key another value, and both are valid for a while."""

    digest: bytes
    """HMAC-SHA-256 of the value."""
    ending: str
    """The last characters of the value, by which its owner recognises it."""
    pepper: bytes
    """By which it is seen that the pepper has been replaced: nothing about it follows from this."""
    created: float
    """Unix seconds."""
    until: float | None = None
    """When a value that was replaced becomes invalid, in Unix seconds; `None` for the current one."""


class VirtualKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key: whose it is, what it may ask for, and until when."""

    name: str
    """Whose it is: the label `key` of its requests."""
    created: float
    """Unix seconds."""
    models: tuple[str, ...] = ()
    """Patterns of the routes, aliases, entries and `entry/model` that it may name."""
    routes: tuple[str, ...] = ()
    """Patterns of the routes that it may name besides. Without either, it may name everything."""
    labels: Mapping[str, str] = {}
    """Written into the records of every attempt, never sent."""
    budgets: tuple[Mapping[str, Any], ...] = ()
    """What it may spend: each the fields of a `Budget`."""
    limits: tuple[Mapping[str, Any], ...] = ()
    """How often it may ask: each the fields of a `Limit`."""
    expires: float | None = None
    """When it becomes invalid, in Unix seconds; `None`: never."""
    revoked: float | None = None
    """When it was revoked; `None` if it was not."""
    tokens: tuple[KeyToken, ...] = ()
    """Its values, the current one first."""

    @property
    def owner(self) -> str:
        """Under which its balances are kept. A key of the same name that is made later goes on with them."""
        return f"key:{self.name}"

    def state(self, now: float) -> KeyState:
        """Return whether it may be used at a time, given in Unix seconds."""
        if self.revoked is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires is not None and now >= self.expires else KeyState.VALID


class FoundKey(msgspec.Struct, frozen=True):
    """A key, found by one of its values."""

    key: VirtualKey
    token: KeyToken


class KeysRead(msgspec.Struct, frozen=True):
    """What was read of the keys at one time."""

    has_keys: bool
    """Whether there are any, revoked ones included."""
    found: Mapping[bytes, FoundKey] = {}
    """By the digests of their values."""


class KeyStore(Protocol):
    """Where virtual keys are kept."""

    is_remote: bool
    """Whether its methods wait for another machine; those of a file block for some tens of microseconds."""

    def read(self, digests: Collection[bytes] = ()) -> KeysRead:
        """Return the keys that have values of these digests, and whether there are any. Block. Raise
        `LedgerUnavailable`."""
        ...

    def close(self) -> None:
        """Close the file or the connection, which the next use opens again."""
        ...


class KeyPage(msgspec.Struct, frozen=True):
    """Some of the keys that were searched for."""

    keys: tuple[VirtualKey, ...]
    found: int
    """How many match in all."""
    total: int
    """How many keys there are, revoked ones included."""


class KeyRegistry(KeyStore, Protocol):
    """Where virtual keys are kept, for whoever manages them. All methods block, and raise `LedgerUnavailable`.

    What is written survives a power cut once a method has returned.
    """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...

    def listed(self) -> list[VirtualKey]:
        """Return all keys by name, revoked ones included."""
        ...

    def page(self, search: str = "", *, after: int = 0, limit: int = 50) -> KeyPage:
        """Return some of the keys whose name contains a text in any case, by name. `after`: keys to pass over."""
        ...

    def key(self, name: str) -> VirtualKey:
        """Return one key. Raise `Misuse` for an unknown name."""
        ...

    def add(self, key: VirtualKey, token: KeyToken) -> None:
        """Add a key. Raise `Misuse` if its name is in use."""
        ...

    def change(self, key: VirtualKey) -> VirtualKey:
        """Replace what a key may do and when it expires, and return the key as it is now. Raise `Misuse` if there is no
        such key, or if it was revoked."""
        ...

    def rotate(self, name: str, token: KeyToken, until: float) -> VirtualKey:
        """Give a key another value; its former ones are valid until then, in Unix seconds. Return the key as it is now.

        Raise `Misuse` if there is no such key, or if it was revoked.
        """
        ...

    def revoke(self, name: str, now: float) -> VirtualKey:
        """Make a key invalid for ever, and return it. Raise `Misuse` if there is no such key."""
        ...

    def remove(self, name: str, now: float) -> None:
        """Forget a key that is not valid any more. Raise `Misuse` if it is, or if there is no such key."""
        ...


def make_key() -> Secret:
    """Return a new key of 256 random bits."""
    return Secret(BEGINNING + secrets.token_urlsafe(_BYTES))


def digest_of(key: str, pepper: Secret) -> bytes:
    """Return what is kept of a key instead of it."""
    return hmac.digest(_encoded(pepper.reveal()), _encoded(key), "sha256")


def mark_of(pepper: Secret) -> bytes:
    """Return by what a pepper is recognised."""
    return hmac.digest(_encoded(pepper.reveal()), _CHECKED, "sha256")[:8]


def token_of(key: Secret, pepper: Secret, now: float) -> KeyToken:
    """Return what is kept of a new key."""
    value = key.reveal()
    return KeyToken(digest=digest_of(value, pepper), ending=value[-_SHOWN:], pepper=mark_of(pepper), created=now)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
