"""What distinguishes an emulated provider, as data: its models, its error messages, what it refuses."""

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
    """The model in this provider's own list, where that has more than the fields here."""

    def info(self, provider: str) -> ModelInfo:
        """Return the model for a model list."""
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

    def matches(self, name: str) -> bool:
        """Check whether a name is this model's: its id, a dated snapshot of it, or the id without `:latest`."""
        return name in (self.id, self.id.removesuffix(":latest")) or _SNAPSHOT.sub("", name) == self.id


class Words(msgspec.Struct, frozen=True):
    """A provider's wording of a failure. `{model}` in the message stands for the requested model."""

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


class CheckedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to be checked by a provider."""

    operation: Operation
    dialect: str
    headers: Mapping[str, str]
    body: JsonObject
    model: EmulatedModel | None = None
    """The emulated model that is asked for; `None` where it is unknown."""
    model_name: str | None = None
    """The model's name as requested, which decides its family."""
    path: str = ""
    """The path in the request line."""
    query: Mapping[str, str] = {}
    """The parameters in the request line."""

    def section(self, name: str) -> JsonObject:
        """Return an object in the body; an empty one where it is missing."""
        found = self.body.get(name)
        return found if isinstance(found, dict) else {}


Check = Callable[[CheckedRequest], Words | None]
"""Returns the provider's complaint about a request, or `None`."""


Dress = Callable[[JsonObject, Usage], JsonObject]
"""Adds what a provider writes beyond its dialect to a whole answer, or to the object in one event of a stream. An event
that it leaves empty is not sent."""


class EmulatedProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as played by the emulator. Addresses and dialects come from the row of the same type."""

    type: str
    personas: Mapping[str, Persona]
    """By dialect; the first also answers unknown paths."""
    models: tuple[EmulatedModel, ...]
    words: Mapping[FailureKind, Words]
    checks: tuple[Check, ...] = ()
    examined: bool = False
    """Whether requests that break a rule in `understudy.emulator.examiners` are refused."""
    request_id_header: str | None = None
    headers: Headers = ()
    """Sent with every answer, such as rate limits."""
    pages: Mapping[str, tuple[str, bytes]] = {}
    """Fixed answers to paths outside every dialect: content type and body."""
    dress: Dress | None = None
    path_model: str | None = None
    """A regular expression whose one group is the model in the path; `None`: the body names the model."""
    mount: str | None = None
    """The path of its base URL; `None`: that of the row."""
    beside_mount: tuple[str, ...] = ()
    """Prefixes of paths outside that base."""
    ahead: JsonObject | None = None
    """A chunk sent before each streamed chat completion."""
    render_models_list: Callable[[list[ModelInfo]], bytes] | None = None
    """Renders the list of models, where it differs from the dialect's."""
    reports_embedding_usage: bool = True
    """Whether embedding responses count tokens."""
    keyless: bool = False
    """Whether requests without a key are accepted."""
    predicts: bool = False
    """Whether it answers with predictions, which further requests follow: a script counts each of these."""
    bare_name: Callable[[str], str] = str
    """Returns the model's own name from the name in a request, which may include a version or a serving partner."""

    def failure(self, kind: FailureKind, model: str | None = None) -> Failure:
        """Return a failure as this provider words it."""
        return make_failure(kind, self.words.get(kind, self.words[FailureKind.SERVER_ERROR]), model)

    def failure_of_status(self, status: int, kind: FailureKind, model: str | None = None) -> Failure:
        """Return a failure of exactly this status, worded as its kind if that has the same status."""
        found = [(k, words) for k, words in self.words.items() if words.status == status]
        chosen = next((pair for pair in found if pair[0] is kind), found[0] if found else None)
        if chosen is None:
            nearest = self.words.get(kind, self.words[FailureKind.SERVER_ERROR])
            chosen = kind, Words(status, f"emulated HTTP {status}", nearest.type if status < 500 else None)
        return make_failure(chosen[0], chosen[1], model)


def make_failure(kind: FailureKind, words: Words, model: str | None = None) -> Failure:
    """Return a failure in a provider's words."""
    return Failure(
        kind=kind,
        message=words.message.replace("{model}", model or "model"),
        status=words.status,
        type=words.type,
        code=words.code,
        param=words.param,
    )
