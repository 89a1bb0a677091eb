"""From a recording to the provider's row, the dialect and an endpoint: the one place where the suite chooses them."""

from __future__ import annotations

from tests.contract.recordings import Recording
from tests.contract.scope import provider_type
from understudy import dialects, providers
from understudy.dialects.base import Dialect, Endpoint
from understudy.dialects.server import ServerHalf
from understudy.domain.operation import Operation
from understudy.providers.base import ProviderRow, endpoint_of

OPERATION_OF = {
    "chat": Operation.CHAT,
    "chat_stream": Operation.CHAT,
    "generate": Operation.CHAT,
    "generate_stream": Operation.CHAT,
    "embed": Operation.EMBED,
    "models": Operation.MODELS,
    "count_tokens": Operation.COUNT_TOKENS,
    "predict": Operation.CHAT,
    "predict_get": Operation.CHAT,
    "predict_stream": Operation.CHAT,
    "cancel": Operation.CHAT,
}


def operation_of(recording: Recording) -> Operation:
    """Return what was asked for; of an error, what it is an error of."""
    names = [feature.removeprefix("on:") for feature in recording.features if feature.startswith("on:")]
    return OPERATION_OF[names[0] if recording.operation == "error" and names else recording.operation]


def row_of(recording: Recording) -> ProviderRow:
    return providers.row(provider_type(recording))


def dialect_name(recording: Recording) -> str:
    name = row_of(recording).dialects[operation_of(recording)]
    return "responses" if name == "openai" and recording.provider == "responses" else name


def dialect_of(recording: Recording) -> Dialect:
    return dialects.load(dialect_name(recording))


def server_of(name: str) -> ServerHalf:
    """Return the server half of a dialect."""
    return dialects.load_server(name)


def endpoint_for(recording: Recording) -> Endpoint:
    """Return the row's endpoint for the recorded model."""
    return endpoint_of(row_of(recording), model_of(recording), base_url=base_of(recording))


def model_of(recording: Recording) -> str | None:
    """Return the model that was asked for, where the recording names another: Replicate's may be asked for by their
    version, and Hugging Face's addresses of vectors go on behind the model."""
    body = recording.request.body if recording.request is not None else None
    if recording.provider == "replicate" and isinstance(body, dict) and "version" in body:
        return str(body["version"])
    return recording.model and recording.model.removesuffix("/pipeline/feature-extraction")


def base_of(recording: Recording) -> str | None:
    """Return the base URL that the recorded caller must have had, where the row has more than one."""
    if recording.provider != "huggingface" or recording.request is None:
        return None
    base, route, _ = recording.request.url.partition("/chat/completions")
    return base if route else None
