"""Secrets have a type of their own, so that none can slip into a log, an error, a pickle or JSON."""

from __future__ import annotations

import hmac
from typing import NoReturn, SupportsIndex, final

NO_USER_IN_ADDRESS = "must not contain a user or password, because it is printed and logged: use api_key or token"
"""What is wrong with a base URL that holds one."""


@final
class Secret:
    """A key or token. Printing, formatting, pickling, copying into JSON and comparing in variable time are closed.

    A token that must be fetched anew is no secret but a function: `ProviderConfig.token` takes one.

    `reveal()` is the only way to the value; it is called where a header is built, and nowhere else.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a Secret holds a text, not {type(value).__name__}")
        self.__value = value

    def reveal(self) -> str:
        """Return the value. The caller must not store or print it."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # The environment may hold bytes that are no UTF-8; a failing encode would repeat the value in its error.
        ours, theirs = (value.encode("utf-8", "surrogatepass") for value in (self.reveal(), other.reveal()))
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied: pass the configuration that reads it instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to give: pass the configuration that reads it instead")


@final
class SecretHeader(str):
    """The value of a header that holds a key: a string for the code that sends it, but its `repr` shows nothing.

    Tracebacks that print local variables, debuggers and error trackers show the `repr` of what they find, also of what
    they cut out of it, so that the key stays hidden in every frame through which a request goes.
    """

    __slots__ = ()

    def __getitem__(self, key: SupportsIndex | slice) -> SecretHeader:
        return SecretHeader(super().__getitem__(key))

    def __repr__(self) -> str:
        return "'…'"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a header that holds a secret cannot be pickled or copied")
