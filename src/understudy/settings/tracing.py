"""Where the traces of requests go, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from understudy.domain.capture import CAPTURE_MODES, LEAST_BYTES, MAX_BYTES, MOST_BYTES, CaptureMode
from understudy.domain.misuse import ConfigError
from understudy.domain.rules import Rule
from understudy.domain.secret import Secret
from understudy.domain.suggestions import shown
from understudy.settings.checking import HEADER_NAME, Settings, is_header

Profile = Literal["released", "draft"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
Backend = Literal["langfuse", "mlflow", "phoenix"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
"""Back ends that read attributes of their own, besides those of the conventions."""


class TracingConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """Which traces are made, and where they go: the fields of `[llm.telemetry.tracing]`."""

    enabled: bool = True
    endpoint: str | None = None
    """The base URL of a collector that speaks OTLP over HTTP: `/v1/traces` is added to it. Unset: in Python, spans go
    to the program's own `TracerProvider`; a gateway makes no traces."""
    headers: Mapping[str, str | Secret] = {}
    """Sent to the collector, such as its key; the values become `Secret`s."""
    profile: Profile = "released"
    """The names of the attributes: `released` is version 1.41 of OpenTelemetry's conventions, which back ends know;
    `draft` is what these are being renamed to."""
    backends: tuple[Backend, ...] = ()
    """The back ends for which attributes of their own are added to the spans: costs, labels, and what a list of traces
    shows. `langfuse`, `mlflow` and `phoenix` are known."""
    sample: float = 1.0
    """The share of the traces that begin here which is kept. A trace that a caller began is kept if the caller keeps
    it."""
    content: CaptureMode = "off"
    """Which prompts and answers are in the spans."""
    content_max_bytes: int = MAX_BYTES
    """Bytes of a prompt, and of an answer, as JSON. Of a longer prompt the last messages are kept."""
    content_redact: tuple[str, ...] = ()
    """Regular expressions whose matches are removed from prompts and answers, besides secrets."""
    propagate: tuple[str, ...] = ()
    """The entries to which `traceparent` is sent, so that their servers continue the trace; `*` for all."""
    service: str = "understudy"
    """The name of the service in the traces."""
    metrics: bool = False
    """Whether the histograms of OpenTelemetry's GenAI conventions are sent to the collector, too, at `/v1/metrics`."""

    def __post_init__(self) -> None:
        """Keep the headers out of what is printed. Raise `ConfigError` for an invalid value."""
        headers = {name: value if isinstance(value, Secret) else Secret(value) for name, value in self.headers.items()}
        msgspec.structs.force_setattr(self, "headers", headers)
        for complaint in (endpoint_complaint(self.endpoint), headers_complaint(headers)):
            if complaint is not None:
                raise ConfigError(f"TracingConfig: {complaint}")
        if self.profile not in PROFILES:
            raise ConfigError(f"TracingConfig: profile is one of {', '.join(PROFILES)}, got {shown(self.profile)}")
        unknown = next((each for each in self.backends if each not in BACKENDS), None)
        if unknown is not None:
            raise ConfigError(f"TracingConfig: backends must be among {', '.join(BACKENDS)}, got {shown(unknown)}")
        if not 0 <= self.sample <= 1:
            raise ConfigError(f"TracingConfig: sample is between 0 and 1, got {shown(self.sample)}")

    @property
    def revealed_headers(self) -> dict[str, str]:
        """The headers as they are sent."""
        return {name: value.reveal() if isinstance(value, Secret) else value for name, value in self.headers.items()}


def endpoint_complaint(endpoint: str | None) -> str | None:
    """Return what is wrong with the URL of a collector; `None` if it is valid. Never repeats it."""
    if endpoint is None:
        return None
    wrong = "endpoint must be a URL that begins with http:// or https://"
    try:
        parts = urlsplit(endpoint)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return wrong
    if not is_valid or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        return wrong
    if parts.username is not None or parts.query or parts.fragment:
        return "endpoint must have neither a user name nor a query: write keys into headers"
    return None


def headers_complaint(headers: Mapping[str, Secret]) -> str | None:
    """Return what is wrong with headers; `None` if they can be sent. Never repeats a value."""
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            return f"headers: {shown(name)} is not the name of a header"
        if not is_header(name, value.reveal()):
            return f"headers: the value of {shown(name)} must be printable ASCII"
    return None


TRACING: Mapping[str, Rule] = {
    "enabled": Rule("flag", "false", "whether traces are made", "`true`"),
    "endpoint": Rule(
        "string",
        '"http://localhost:4318"',
        "the base URL of a collector that speaks OTLP over HTTP; `/v1/traces` is added; needs the extra `otel`",
        "no traces",
    ),
    "headers": Rule(
        "strings", '{ authorization = "Basic ${LANGFUSE_AUTH}" }', "sent to the collector, such as its key", "none"
    ),
    "profile": Rule(
        "string",
        '"draft"',
        "the names of the attributes: `released` (1.41 of OpenTelemetry's conventions) or `draft` (what they are being "
        "renamed to)",
        "`released`",
        choices=PROFILES,
    ),
    "backends": Rule(
        "names",
        '["langfuse"]',
        "the back ends for which attributes of their own are added: `langfuse`, `mlflow`, `phoenix`; see "
        "[tracing](tracing.md#back-ends)",
        "none",
    ),
    "sample": Rule("number", "0.1", "the share of the traces that is kept", "1", least=0, most=1),
    "content": Rule(
        "string",
        '"errors"',
        "which prompts and answers are in the spans: `errors` (of requests that failed), `all` or `off`; without "
        "secrets, as far as they are recognised",
        "`off`",
        choices=CAPTURE_MODES,
    ),
    "content_max_bytes": Rule(
        "integer",
        str(MAX_BYTES),
        "size of a prompt, and of an answer, as JSON",
        str(MAX_BYTES),
        least=LEAST_BYTES,
        most=MOST_BYTES,
        unit="bytes",
    ),
    "content_redact": Rule(
        "names",
        r"['\bEMP-\d{6}\b']",
        "regular expressions whose matches are removed from prompts and answers, besides secrets",
        "none",
    ),
    "propagate": Rule(
        "names",
        '["vllm"]',
        "the entries to which the trace's id is sent (`traceparent`), so that their servers continue it; `*` for all",
        "none",
    ),
    "service": Rule("string", '"llm-gateway"', "the name of the service in the traces", "`understudy`"),
    "metrics": Rule(
        "flag",
        "true",
        "whether OpenTelemetry's own metrics of requests are sent to the collector, too, at `/v1/metrics`",
        "`false`",
    ),
}
"""The keys of `[llm.telemetry.tracing]`: the fields of `TracingConfig`."""
