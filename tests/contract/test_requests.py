"""Recorded requests survive parse and encode: exactly where their bytes are patched, and almost so where they are
written anew from the typed request."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from tests.contract.built import built
from tests.contract.driving import open_only
from tests.contract.normal import NORMALISATIONS, key_paths, normal
from tests.contract.recordings import Recording
from tests.contract.scope import PATHS, exclusion, is_request, provider_type
from tests.contract.targets import base_of, dialect_name, model_of, operation_of, row_of, server_of
from understudy import dialects
from understudy.dialects.base import Dialect, Endpoint
from understudy.dialects.quirks import Quirks
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpRequest

PLAIN = Quirks(stream_usage=False)
"""No quirks: what the recorded caller wrote is to be written again, whether the model likes it or not."""


def relative(recording: Recording) -> HttpRequest:
    """The request as a gateway gets it: the path is what the client appends to its base URL."""
    request = recording.http_request()
    base = urlsplit(row_of(recording).base_url).path
    url = urlsplit(request.url)
    path = url.path.removeprefix(base)
    return HttpRequest(request.method, f"{path}?{url.query}" if url.query else path, request.headers, request.body)


def parsed(recording: Recording) -> Inbound:
    inbound = server_of(dialect_name(recording)).parse(relative(recording))
    assert inbound.operation is operation_of(recording)
    return inbound


def encoded(inbound: Inbound, endpoint: Endpoint, dialect: Dialect) -> HttpRequest:
    match inbound.request:
        case GenerationRequest() as request if inbound.operation is Operation.COUNT_TOKENS:
            return open_only(dialect.open(Operation.COUNT_TOKENS, request, endpoint)).request
        case GenerationRequest() as request:
            return open_only(dialect.open(Operation.CHAT, request, endpoint, stream=inbound.stream)).request
        case EmbeddingRequest() as request:
            return open_only(dialect.open(Operation.EMBED, request, endpoint)).request
        case ModelsRequest() as request:
            return open_only(dialect.open(Operation.MODELS, request, endpoint)).request


def endpoint(recording: Recording) -> Endpoint:
    """The row's endpoint for the recorded model, with no quirks but the name that the caller gave to `max_tokens`.

    Azure's is the recorded one: which API it is stands in the address.
    """
    row = row_of(recording)
    assert recording.request is not None
    quirks = replace(PLAIN, max_tokens_field="max_tokens") if "max_tokens" in recording.request.body else PLAIN
    if recording.provider == "azure_openai":
        url = recording.request.url.partition("?")
        # One recorder left the version away; without one there is no such address.
        version = parse_qs(url[2]).get("api-version", ["2024-10-21" if "/deployments/" in url[0] else None])[0]
        base_url = re.sub("/(chat/completions|embeddings)$", "", url[0])
        return replace(endpoint_of(row, recording.model, base_url=base_url, api_version=version), quirks=quirks)
    base_url, model = base_of(recording) or row.base_url, model_of(recording)
    return Endpoint(provider=row.type, base_url=base_url, model=model, headers=row.headers, quirks=quirks)


def rewritten(recording: Recording) -> Any:
    """The body that the typed path writes."""
    inbound = parsed(recording)
    request = inbound.request
    assert isinstance(request, GenerationRequest | EmbeddingRequest)
    typed = replace(inbound, request=replace(request, origin=None))
    sent = encoded(typed, endpoint(recording), dialects.load(dialect_name(recording)))
    assert sent.body is not None
    return json.loads(sent.body)


def recorded_body(recording: Recording) -> dict[str, Any]:
    """The recorded body."""
    assert recording.request is not None
    if deployment := re.search(r"/deployments/([^/]+)/", recording.request.url):
        # Azure goes by the deployment in the address, whatever the body says; we say it there too.
        return {**recording.request.body, "model": deployment[1]}
    return dict(recording.request.body)


def in_order(body: bytes | str) -> Any:
    """Decode JSON so that the order of keys counts."""
    return json.loads(body, object_pairs_hook=list)


def test_a_patched_request_is_exactly_the_recorded_one(requested: Recording) -> None:
    inbound = parsed(requested)
    assert isinstance(inbound.request, GenerationRequest | EmbeddingRequest)
    sent = encoded(inbound, endpoint(requested), dialects.load(dialect_name(requested)))
    assert requested.request is not None
    assert sent.body is not None
    assert in_order(sent.body) == in_order(json.dumps(recorded_body(requested)))
    assert urlsplit(sent.url).path == urlsplit(requested.request.url).path


def test_a_patch_replaces_the_model_and_asks_for_usage_and_nothing_else(requested: Recording) -> None:
    inbound = parsed(requested)
    if inbound.operation is not Operation.CHAT or dialect_name(requested) == "replicate":
        return  # Another model of Replicate's has other inputs: it is written to anew.
    assert requested.request is not None
    target = replace(endpoint(requested), model="another-model")
    target = replace(target, quirks=replace(target.quirks, stream_usage=True))
    sent = encoded(inbound, target, dialects.load(dialect_name(requested)))
    assert sent.body is not None
    body, recorded = json.loads(sent.body), recorded_body(requested)
    recorded.pop("model", None)
    # Gemini's model stands in the address, and rarely in the body too.
    in_address = urlsplit(sent.url).path.rpartition("/")[2].partition(":")[0] == "another-model"
    assert body.pop("model", None) in (("models/another-model", None) if in_address else ("another-model",))
    if inbound.stream and "stream_options" in body:
        assert body.pop("stream_options") == {**recorded.pop("stream_options", {}), "include_usage": True}
    assert body == recorded


@pytest.mark.parametrize("kind", [*sorted(PATHS), "responses"])
def test_a_typed_request_loses_almost_nothing(kind: str, recordings: tuple[Recording, ...]) -> None:
    unequal: list[str] = []
    lost: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    # What a vendor refused may be sent in a form that it accepts.
    accepted = [recording for recording in recordings if recording.response.status < 400]
    chosen = [recording for recording in (*accepted, *built()) if _is_typed(recording, kind)]
    assert chosen
    for recording in chosen:
        assert recording.request is not None
        wanted, got = normal(recorded_body(recording)), normal(rewritten(recording))
        wanted_paths = key_paths(wanted)
        seen.update(wanted_paths.keys())
        lost.update((wanted_paths - key_paths(got)).keys())
        if wanted != got:
            unequal.append(f"{recording.name}: {difference(wanted, got)}")
    common = {path: seen[path] for path in lost if seen[path] >= 3}
    assert common == {}, "key paths that were seen in three or more recordings are lost"
    assert len(unequal) <= 0.07 * len(chosen), unequal  # schemas are rewritten where a rule of the vendor asks for it


def test_what_is_no_request_is_refused_as_the_provider_refused_it(recordings: tuple[Recording, ...]) -> None:
    for recording in recordings:
        if exclusion(recording) is not None or is_request(recording) or recording.response.status != 400:
            continue
        if recording.request is None:
            continue  # only its response was recorded
        with pytest.raises(BadRequest) as refused:
            parsed(recording)
        assert refused.value.failure.kind is FailureKind.INVALID_REQUEST


def test_normalisations_are_few_and_have_reasons() -> None:
    assert len(NORMALISATIONS) <= 11
    assert all(normalisation.reason for normalisation in NORMALISATIONS)


def _is_typed(recording: Recording, kind: str) -> bool:
    asked = "responses" if recording.provider == "responses" else provider_type(recording)
    return asked == kind and exclusion(recording) is None and is_request(recording)


def difference(wanted: Any, got: Any, path: str = "") -> str:
    """Name the first place where two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in {**wanted, **got}:
            if key not in got:
                return f"{path}.{key} is lost"
            if key not in wanted:
                return f"{path}.{key} is new: {got[key]!r:.200}"
            if wanted[key] != got[key]:
                return difference(wanted[key], got[key], f"{path}.{key}")
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for position, (one, other) in enumerate(zip(wanted, got, strict=True)):
            if one != other:
                return difference(one, other, f"{path}[{position}]")
    return f"{path}: {wanted!r:.200} became {got!r:.200}"
