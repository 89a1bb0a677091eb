"""The connection to the server: made when it is needed, given up when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from understudy.domain.errors import ConfigError
from understudy.ledger.valkey.commands import Command

if TYPE_CHECKING:
    from redis.retry import Retry

SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://")
"""How a URL may begin; with `rediss` and `valkeys` the connection is encrypted."""
CONNECTING = 2.0
"""Seconds to wait for a connection: no request waits for it."""

Reply = list[Any]


class LinkFailed(Exception):
    """The server cannot be reached, did not answer in time, or refused."""


class Link:
    """One connection. Its methods are not called at the same time."""

    def __init__(self, url: str, patience: float) -> None:
        """`patience`: seconds to wait for an answer. Raise `ConfigError` if the URL is invalid, or if the package is
        missing that speaks to the server."""
        if find_spec("redis") is None:
            raise ConfigError("limits in Valkey or Redis need the package redis\n  pip install 'understudy[valkey]'")
        import redis
        from redis.exceptions import NoScriptError

        scheme, separator, rest = url.partition("://")
        speaks = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
        try:
            urlsplit(url).port  # noqa: B018 - raises what the package would raise later
            self._client = redis.Redis.from_url(
                f"{speaks}{separator}{rest}",
                socket_timeout=patience,
                socket_connect_timeout=CONNECTING,
                retry=_never(),
                protocol=2,
                client_name="understudy",
                single_connection_client=False,
                max_connections=1,
            )
        except (ValueError, TypeError) as error:  # their messages may repeat what the URL holds
            raise ConfigError(
                f"the URL of the limits' server is invalid\n  write it as redis://host:6379/0; it may begin with "
                f"{', '.join(SCHEMES)}"
            ) from error
        self._failures = (redis.RedisError, OSError)
        self._unknown_script = NoScriptError

    def connect(self) -> None:
        """Connect, if necessary, and wait for an answer. Raise `LinkFailed`."""
        try:
            self._client.ping()
        except self._failures as error:
            raise LinkFailed(why(error)) from error

    def run(self, commands: Sequence[Command]) -> list[Reply]:
        """Send commands at once, and return their replies. Raise `LinkFailed` if one has none.

        Those from the first on whose script the server does not know are sent again, in their order and with their
        scripts: each may be repeated.
        """
        replies = self._send(commands, set())
        first = next((at for at, reply in enumerate(replies) if isinstance(reply, self._unknown_script)), None)
        if first is not None:
            replies[first:] = self._send(commands[first:], {each.script.sha for each in commands[first:]})
        for reply in replies:
            if isinstance(reply, Exception):
                raise LinkFailed(why(reply))
        return replies

    def drop(self) -> None:
        """Give the connection up."""
        self._client.connection_pool.disconnect()

    def _send(self, commands: Sequence[Command], texts: set[str]) -> list[Any]:
        """Send commands. `texts`: names of scripts whose text must be sent, which is done once."""
        pipeline = self._client.pipeline(transaction=False)
        for script, keys, arguments in commands:
            if script.sha in texts:
                texts.discard(script.sha)
                pipeline.eval(script.text, len(keys), *keys, *arguments)
            else:
                pipeline.evalsha(script.sha, len(keys), *keys, *arguments)
        try:
            return list(pipeline.execute(raise_on_error=False))
        except self._failures as error:
            raise LinkFailed(why(error)) from error


def place_of(url: str) -> str:
    """Return host and port of a URL, without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "Valkey"
    if parts.scheme == "unix":
        return parts.path
    return f"{host or 'localhost'}:{port or 6379}"


def why(error: BaseException) -> str:
    """Return what an error states, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _never() -> Retry:
    """Return the policy that repeats nothing: whether a command was carried out is unknown if its answer is lost."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Retry(NoBackoff(), 0)
