"""Every path that the gateway serves, as data: what it means, whose wire format it speaks, and who may use it.

The default is to deny: a path that is not in the table does not exist, and a route needs a key unless it says
otherwise. The same table yields the OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from understudy.domain.operation import Operation

Service = Literal[
    "answer",
    "embed",
    "models",
    "count",
    "root",
    "live",
    "ready",
    "openapi",
    "version",
    "running",
    "stored",
    "passthrough",
]
"""What is done for a request: the operations of a wire format, or something of the gateway's own."""
Admits = Literal["key", "everyone"]
"""Who may use a route: callers with a key, or everyone who reaches it."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the gateway."""

    method: str
    path: str
    """As in OpenAPI: `{model}` stands for the name of a model, which may hold slashes, `{path}` for anything."""
    service: Service
    face: str = ""
    """The wire format that it speaks; empty for the gateway's own paths, `shared` if the headers decide it."""
    mount: str = ""
    """What of the path stands before the one that official clients write."""
    admits: Admits = "key"
    says: str = ""
    """What it is for, in a few words."""

    @property
    def name(self) -> str:
        """Method and path: what logs name, whatever the caller wrote."""
        return f"{self.method} {self.path}"


_SERVICES: Mapping[Operation, Service] = {
    Operation.CHAT: "answer",
    Operation.EMBED: "embed",
    Operation.MODELS: "models",
    Operation.COUNT_TOKENS: "count",
}


def _face(face: str, *paths: tuple[str, str, Operation, str]) -> tuple[Route, ...]:
    return tuple(
        Route(method=method, path=path, service=_SERVICES[operation], face=face, says=says)
        for method, path, operation, says in paths
    )


_CHAT, _EMBED, _MODELS, _COUNT = Operation.CHAT, Operation.EMBED, Operation.MODELS, Operation.COUNT_TOKENS

_LISTS = (("GET", "/v1/models", _MODELS, "the list of models"), ("GET", "/v1/models/{model}", _MODELS, "one model"))

OPENAI = _face(
    "openai",
    ("POST", "/v1/chat/completions", _CHAT, "a chat completion"),
    ("POST", "/v1/embeddings", _EMBED, "vectors"),
    *_LISTS,
)
COMPLETIONS = _face("completions", ("POST", "/v1/completions", _CHAT, "a text completion"))
AZURE = tuple(
    msgspec.structs.replace(each, mount="/openai")
    for each in (
        *_face(
            "openai",
            (
                "POST",
                "/openai/deployments/{model}/chat/completions",
                _CHAT,
                "a chat completion, as Azure's clients ask",
            ),
            ("POST", "/openai/deployments/{model}/embeddings", _EMBED, "vectors, as Azure's clients ask"),
            ("GET", "/openai/models", _MODELS, "the list of models, as Azure's clients ask"),
        ),
        *_face(
            "completions",
            ("POST", "/openai/deployments/{model}/completions", _CHAT, "a text completion, as Azure's clients ask"),
        ),
        *_face("responses", ("POST", "/openai/responses", _CHAT, "a response, as Azure's clients ask")),
    )
)
"""The paths of Azure's API below a resource, in the versions that have a date. `/openai/v1` has those of OpenAI."""
RESPONSES = _face(
    "responses",
    ("POST", "/v1/responses", _CHAT, "a response"),
    ("POST", "/v1/responses/input_tokens", _COUNT, "the number of tokens of a prompt"),
)
COMPACT = _face("compact", ("POST", "/v1/responses/compact", _CHAT, "a compaction of a conversation"))
STORED = tuple(
    Route(method=method, path=path, service="stored", face="responses", says=says)
    for method, path, says in (
        ("GET", "/v1/responses/{id}/input_items", "what a stored response answers"),
        ("POST", "/v1/responses/{id}/cancel", "the end of a response in the background"),
        ("GET", "/v1/responses/{id}", "a stored response"),
        ("DELETE", "/v1/responses/{id}", "the removal of a stored response"),
    )
)
ANTHROPIC = _face(
    "anthropic",
    ("POST", "/v1/messages", _CHAT, "a message"),
    ("POST", "/v1/messages/count_tokens", _COUNT, "the number of tokens of a prompt"),
)
_VERSIONS = ("v1beta", "v1")
GEMINI = tuple(
    route
    for version in _VERSIONS
    for route in _face(
        "gemini",
        ("POST", f"/{version}/models/{{model}}:generateContent", _CHAT, "an answer"),
        ("POST", f"/{version}/models/{{model}}:streamGenerateContent", _CHAT, "an answer, streamed"),
        ("POST", f"/{version}/models/{{model}}:embedContent", _EMBED, "one vector"),
        ("POST", f"/{version}/models/{{model}}:batchEmbedContents", _EMBED, "vectors"),
        ("POST", f"/{version}/models/{{model}}:countTokens", _COUNT, "the number of tokens of a prompt"),
    )
) + _face(
    "gemini",
    ("GET", "/v1beta/models", _MODELS, "the list of models"),
    ("GET", "/v1beta/models/{model}", _MODELS, "one model"),
)
COHERE = (
    *_face(
        "cohere",
        ("POST", "/v2/chat", _CHAT, "an answer"),
        ("POST", "/v2/embed", _EMBED, "vectors"),
        ("POST", "/v1/tokenize", _COUNT, "the tokens of a text"),
    ),
    *_face("cohere-v1", ("POST", "/v1/embed", _EMBED, "vectors, in version 1")),
)
OLLAMA = (
    *_face(
        "ollama",
        ("POST", "/api/chat", _CHAT, "an answer"),
        ("POST", "/api/generate", _CHAT, "a completion"),
        ("POST", "/api/embed", _EMBED, "vectors"),
        ("POST", "/api/embeddings", _EMBED, "one vector, in the old form"),
        ("GET", "/api/tags", _MODELS, "the list of models"),
        ("POST", "/api/show", _MODELS, "one model"),
    ),
    Route(method="GET", path="/api/version", service="version", face="ollama", says="the version of the API"),
    Route(method="GET", path="/api/ps", service="running", face="ollama", says="the models in memory: none"),
)

PASSTHROUGH = tuple(
    Route(method=method, path="/passthrough/{path}", service="passthrough", says="the rest of a provider's API")
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
)

SHARED = "shared"
"""The face of paths that several wire formats share."""

OWN = (
    Route(method="GET", path="/", service="root", admits="everyone", says="that the gateway is here"),
    Route(method="GET", path="/health/live", service="live", admits="everyone", says="whether the process runs"),
    Route(method="GET", path="/health/ready", service="ready", admits="everyone", says="whether requests are taken"),
    Route(method="GET", path="/openapi.json", service="openapi", says="this table, as an OpenAPI document"),
)

_VENDORS = {
    "openai": (*OPENAI, *COMPLETIONS, *RESPONSES, *COMPACT, *STORED),
    "anthropic": (*ANTHROPIC, *_face("anthropic", *_LISTS)),
    "gemini": (*GEMINI, *_face("gemini", *_LISTS)),
    "cohere": (*COHERE, *_face("cohere", *_LISTS)),
    "ollama": OLLAMA,
}


def _mounted() -> tuple[Route, ...]:
    """Return the routes below the name of their vendor, where no header has to decide whose they are."""
    found: list[Route] = []
    for vendor, routes in _VENDORS.items():
        mount = f"/{vendor}"
        found += (msgspec.structs.replace(each, path=mount + each.path, mount=mount) for each in routes)
    return tuple(found)


def _plain() -> tuple[Route, ...]:
    """Return the routes as official clients write them below a base URL without a path."""
    shared = [path for _, path, _, _ in _LISTS]
    routes = (*OPENAI, *COMPLETIONS, *RESPONSES, *COMPACT, *STORED, *ANTHROPIC, *GEMINI, *COHERE, *OLLAMA)
    return tuple(msgspec.structs.replace(each, face=SHARED) if each.path in shared else each for each in routes)


ROUTES: tuple[Route, ...] = (*OWN, *_plain(), *_mounted(), *AZURE, *PASSTHROUGH)
"""All routes."""


class Router:
    """Finds the route of a request by its exact path, as it was written: nothing is decoded, joined or cut off."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((route.method, _pattern(route.path), route))
            else:
                self._exact[route.method, route.path] = route

    def find(self, method: str, path: str) -> Route | None:
        """Return the route of a request; `None` if there is none. `HEAD` is asked as `GET`."""
        method = "GET" if method == "HEAD" else method
        found = self._exact.get((method, path))
        if found is not None:
            return found
        for own, pattern, route in self._patterns:
            if own == method and pattern.fullmatch(path):
                return route
        return None

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that a path has, for the answer to another one."""
        exact = [method for method, own in self._exact if own == path]
        return tuple(dict.fromkeys([*exact, *(own for own, pattern, _ in self._patterns if pattern.fullmatch(path))]))


_PLACES = {
    # May hold slashes, as in `entry/model`, but not climb out of its place.
    "model": r"(?!\.{1,2}(?:/|$))[^?#]{1,300}?",
    # Anything but a slash; what is an id is decided where it is read.
    "id": r"[^/?#]{1,300}",
    # Its own rules are stricter: see `passthrough`.
    "path": r".*",
}


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches a path."""
    pieces = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(_PLACES[each] if at % 2 else re.escape(each) for at, each in enumerate(pieces)), re.DOTALL
    )
