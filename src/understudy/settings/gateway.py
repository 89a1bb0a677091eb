"""What the gateway serves, to whom, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from understudy.domain.secret import Secret
from understudy.settings.checking import Settings

HOST = "127.0.0.1"
PORT = 8484
MIB = 2**20
SHORT_KEY = 16
"""Characters: a shorter key may be guessed."""


RequestClass = Literal["main", "subagent", "workflow", "compaction", "auxiliary"]
"""What a coding agent asks for: a turn of the main conversation, of a subagent or of a workflow, the summary of a
conversation, or a side request such as a title. The words are those of the header `x-claude-code-request-class`."""
CLASSES: tuple[RequestClass, ...] = get_args(RequestClass)
CODING_AGENTS = ("claude-code", "codex", "gemini-cli", "opencode")
"""The names of the coding agents whose requests are recognised."""


def is_class_name(name: str) -> bool:
    """Check whether a key of `classes` means something: an agent, a request class, or `agent/class`; a class may have
    the type of its subagent, as in `subagent:Explore`."""
    if name in CODING_AGENTS:
        return True
    agent, slash, kind = name.rpartition("/")
    kind, colon, agent_type = kind.partition(":")
    return kind in CLASSES and (not slash or agent in CODING_AGENTS) and (not colon or agent_type != "")


class GatewayKey(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """A key that callers of the gateway may use: the key itself, or its hash."""

    name: str
    """Whose it is: written into the records of every attempt as the label `key`."""
    key: Secret | None = None
    hash: str | None = None
    """`sha256:` and 64 hexadecimal digits: the SHA-256 of the key, for files that must not hold it."""
    models: tuple[str, ...] = ()
    """The models, routes and aliases that it may name, with `*` for any characters; all if empty."""
    labels: Mapping[str, str] = {}
    """Written into the records of every attempt, never sent."""


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """The gateway: where it listens, which keys it accepts, and what its callers may name."""

    host: str = HOST
    port: int = PORT
    hosts: tuple[str, ...] = ()
    """Names under which callers reach it, besides the loopback names and `host`."""
    keys: tuple[GatewayKey, ...] = ()
    """None: whoever reaches it may use it, which is allowed on a loopback address only."""
    key_pepper: Secret | None = None
    """Under which virtual keys are kept as hashes. Unset: the one in a file beside the ledger, which is made with the
    first key; a ledger in a database has no such file."""
    aliases: Mapping[str, str] = {}
    """Names that callers use, with `*` for any characters, and the route, entry or `entry/model` each stands for."""
    classes: Mapping[str, str] = {}
    """Requests of coding agents, by agent and request class, and the route, entry or `entry/model` that answers them
    instead of what they name."""
    secret: Secret | None = None
    """Seals what callers keep for another provider. Unset: a random one for each process."""
    former_secrets: tuple[Secret, ...] = ()
    """Secrets that were replaced: what they sealed still opens."""
    state_file: str | None = None
    """A file in which it remembers what outlives it: whose a stored response is, and which entry keeps it."""
    affinity: bool = True
    """Whether the conversation of a session stays at the target that answered it."""
    body_limit_mb: float = 64
    """Size of a request's body, after decompression, in MiB."""
    drain_timeout: float = 25.0
    """Seconds that requests under way have when the gateway is stopped."""
    passthrough: tuple[str, ...] = ()
    """Further paths of a provider's API that callers may use, as `entry/path`, with `*` for any characters."""

    @property
    def body_limit(self) -> int:
        """The size of a request's body in bytes."""
        return int(self.body_limit_mb * MIB)
