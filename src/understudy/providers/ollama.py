"""Ollama: models on the user's machine, or in its cloud. Source: Ollama's documentation and its Python client."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from understudy.dialects.limits import ParameterLimits
from understudy.domain.operation import Operation
from understudy.providers.addresses import OPENAI_ROUTES, without_route
from understudy.providers.base import Family, ProviderRow

DEFAULT_PORT = 11434
_ROUTES = (
    *(f"/api/{name}" for name in ("chat", "generate", "embed", "embeddings", "tags", "show")),
    "/api",
    *(f"/v1{route}" for route in OPENAI_ROUTES),
    "/v1",
)
"""The paths of its own API and of the one in OpenAI's wire format."""


def normalize_base_url(value: str) -> str:
    """Return the base URL for a value of `OLLAMA_HOST`, as Ollama's own clients do.

    The value is a host, `host:port`, `:port`, an IPv6 address with or without brackets, each with or without a path, or
    a URL. Without a scheme it means `http` and port 11434. With a scheme and no port it means the scheme's own port, so
    `http://gpu-box` means port 80. An address to listen on (`0.0.0.0`, `[::]`) becomes loopback. The path of one of
    Ollama's two APIs at the end is dropped: every route has its own.

    Raise `ValueError` for another scheme and for an invalid host or port.
    """
    text = value.strip().strip("\"'").strip()
    scheme, has_scheme, rest = text.partition("://")
    if not has_scheme:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in ("http", "https"):
        raise ValueError(f"{value!r} is not a valid address of Ollama: the scheme must be http or https")
    authority, slash, path = rest.partition("/")
    if authority.count(":") > 1 and "[" not in authority and "@" not in authority:
        authority = f"[{authority}]"
    try:
        split = urlsplit(f"{scheme}://{authority}{slash}{path}")
        port = split.port
    except ValueError as error:
        raise ValueError(f"{value!r} is not a valid address of Ollama: {error}") from error
    if port is None and not has_scheme:
        port = DEFAULT_PORT
    credentials, at, _ = split.netloc.rpartition("@")
    location = f"{credentials}{at}{_host(split)}" + (f":{port}" if port is not None else "")
    path = without_route(split.path, _ROUTES).strip("/")
    return f"{scheme}://{location}" + (f"/{path}" if path else "")


def _host(split: SplitResult) -> str:
    host = split.hostname or "127.0.0.1"
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, never bound
    return f"[{loopback}]" if ":" in loopback else loopback


ROW = ProviderRow(
    type="ollama",
    title="Ollama",
    price_id="",
    base_url=f"http://localhost:{DEFAULT_PORT}",
    dialects={Operation.CHAT: "ollama", Operation.EMBED: "ollama", Operation.MODELS: "ollama"},
    key_variables=("OLLAMA_API_KEY",),
    key_required=False,
    base_url_variables=("OLLAMA_HOST",),
    normalize_base_url=normalize_base_url,
    quirks={
        "message_names": False,
        "inputs": frozenset({"image"}),
        "image_urls": False,
        "tool_choice": frozenset({"auto", "none"}),
        "parallel_switch": False,
        "limits": ParameterLimits(ranges={"top_logprobs": (0, 20)}, top_logprobs_alone=False),
        "efforts": frozenset({"none", "low", "medium", "high", "max"}),
        # There is no limit, but vectors are JSON: with 4,096 numbers each, these are some 20 MB.
        "embed_batch": 512,
    },
    families=(
        # It always thinks, and accepts only levels: true and false are ignored.
        Family(r"(.*/)?gpt-oss([:-].*)?", {"efforts": frozenset({"low", "medium", "high"})}),
    ),
    text_model="llama3.2",
    embedding_model="nomic-embed-text",
    as_of="2026-11-22",
    instead={Operation.COUNT_TOKENS: "each answer reports the tokens of its prompt as usage"},
    first_event_timeout=300.0,
    billed_hosts=("ollama.com",),
    local=True,
    catalogue_is_open=True,
)
