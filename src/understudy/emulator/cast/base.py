"""What is particular to an emulated provider, as data: its models, its words for errors, what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import Usage
from understudy.emulator.persona import Persona
from understudy.wire.http import Headers

CHAT = frozenset({"chat", "tools", "vision", "structured_output"})
THINKING_CHAT = CHAT | {"thinking"}
EMBEDDING = frozenset({"embed"})

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_CREATED = 1_750_000_000.0


class EmulatedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that an emulated provider offers."""

    id: str
    capabilities: frozenset[str] = CHAT
    display_name: str | None = None
    owned_by: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    dimensions: int = 256
    """Of its vectors, for embedding models."""
    raw: JsonObject | None = None
    """The model as this provider's own list shows it, where that says more than the fields here."""

    def info(self, provider: str) -> ModelInfo:
        """Return the model as a model list shows it."""
        return ModelInfo(
            id=self.id,
            provider=provider,
            display_name=self.display_name,
            owned_by=self.owned_by,
            created=_CREATED,
            context_window=self.context_window,
            max_output_tokens=self.max_output_tokens,
            capabilities=self.capabilities,
            raw=self.raw,
        )

    def is_called(self, name: str) -> bool:
        """Tell whether a request means this model: by its id, by a dated snapshot of it, or without `:latest`."""
        return name in (self.id, self.id.removesuffix(":latest")) or _SNAPSHOT.sub("", name) == self.id


class Words(msgspec.Struct, frozen=True):
    """How a provider tells of a failure. `{model}` in the message stands for the model asked for."""

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the checks of a provider see it."""

    operation: Operation
    dialect: str
    headers: Mapping[str, str]
    body: JsonObject
    model: EmulatedModel | None = None

    def section(self, name: str) -> JsonObject:
        """Return an object in the body; an empty one where there is none."""
        found = self.body.get(name)
        return found if isinstance(found, dict) else {}


Check = Callable[[Asked], Words | None]
"""Returns the provider's complaint about a request, or `None`."""


Dress = Callable[[JsonObject, Usage], JsonObject]
"""Adds what a provider writes beyond its dialect to a whole answer, or to the object in one event of a stream."""


class EmulatedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as the emulator plays it. Addresses and dialects come from the row of the same type."""

    type: str
    personas: Mapping[str, Persona]
    """By dialect; the first is also the one that answers paths which no dialect knows."""
    models: tuple[EmulatedModel, ...]
    words: Mapping[FailureKind, Words]
    checks: tuple[Check, ...] = ()
    request_id_header: str | None = None
    headers: Headers = ()
    """Sent with every answer, such as rate limits."""
    pages: Mapping[str, tuple[str, bytes]] = {}
    """Paths outside of every dialect that are answered as they are: content type and body."""
    dress: Dress | None = None
    path_model: str | None = None
    """Where the path holds the model, as a regular expression with one group; `None`: the body names it."""
    mount: str | None = None
    """The path of its base URL; `None`: that of the row."""
    beside_mount: tuple[str, ...] = ()
    """Beginnings of paths that stand beside that base."""
    ahead: JsonObject | None = None
    """A chunk that stands ahead of each streamed chat completion."""
    write_models: Callable[[list[ModelInfo]], bytes] | None = None
    """Writes the list of models, where it is another one than the dialect's."""
    tells_embedding_usage: bool = True
    """Counts the tokens of texts that become vectors."""
    keyless: bool = False
    """Answers without a key too."""
    predicts: bool = False
    """Answers with predictions, which further requests follow to their end: a script counts each of those."""
    bare_name: Callable[[str], str] = str
    """Returns the model's own name of the name in a request, which may also say a version, or who is to serve it."""

    def failure(self, kind: FailureKind, model: str | None = None) -> Failure:
        """Return a failure as this provider would tell it."""
        return said(kind, self.words.get(kind, self.words[FailureKind.SERVER_ERROR]), model)

    def failure_of_status(self, status: int, kind: FailureKind, model: str | None = None) -> Failure:
        """Return a failure of that very status: in the words of its kind where their status is the same."""
        fitting = [(k, words) for k, words in self.words.items() if words.status == status]
        chosen = next((pair for pair in fitting if pair[0] is kind), fitting[0] if fitting else None)
        if chosen is None:
            nearest = self.words.get(kind, self.words[FailureKind.SERVER_ERROR])
            chosen = kind, Words(status, f"emulated HTTP {status}", nearest.type if status < 500 else None)
        return said(chosen[0], chosen[1], model)


def said(kind: FailureKind, words: Words, model: str | None = None) -> Failure:
    """Make a failure of a provider's words."""
    return Failure(
        kind=kind,
        message=words.message.replace("{model}", model or "model"),
        status=words.status,
        type=words.type,
        code=words.code,
        param=words.param,
    )
