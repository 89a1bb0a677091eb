"""Secrets have their own type, so that they cannot leak into a log, an error, a pickle or JSON."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex, final

NO_USER_IN_ADDRESS = "must not contain a user or password, because it is printed and logged: use api_key or token"
"""What is wrong with a base URL that contains one."""


@final
class Secret:
    """A key or token. It cannot be printed, formatted, pickled, copied into JSON or compared in variable time.

    For a token that must be renewed, pass a function as `ProviderConfig.token` instead of a `Secret`.

    `reveal()` is the only access to the value; it is called where a header is built, and nowhere else.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a Secret holds a string, not {type(value).__name__}")
        self.__value = value

    def reveal(self) -> str:
        """Return the value. The caller must not store or print it."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # loads OpenSSL, which building a provider does not need

        # The environment may hold bytes that are not UTF-8; a failing encode would repeat the value in its error.
        ours, theirs = (value.encode("utf-8", "surrogatepass") for value in (self.reveal(), other.reveal()))
        return compare_digest(ours, theirs)

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
        raise TypeError("a Secret does not expose its state: pass the configuration that reads it instead")


@final
class SecretHeader(str):
    """The value of a header that holds a key: a string for the code that sends it, but its `repr` shows nothing.

    Tracebacks that print local variables, debuggers and error trackers show the `repr` of what they find, also of
    slices of it, so the key stays hidden in every frame through which a request passes.
    """

    __slots__ = ()

    def __getitem__(self, key: SupportsIndex | slice) -> SecretHeader:
        return SecretHeader(super().__getitem__(key))

    def __repr__(self) -> str:
        return "'…'"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a header that holds a secret cannot be pickled or copied")
