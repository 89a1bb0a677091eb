"""Sources of an answer: citations from training data, and grounding in searches and files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.dialects.gemini.wire import NAME
from understudy.domain.content import Citation, JsonObject
from understudy.wire.json import as_objects, as_string


def decode_citations(facts: JsonObject) -> list[Citation]:
    """Return the citations in the facts of a candidate, each once.

    Their offsets count bytes, of the whole answer or of one of its parts, so they stay in `raw`.
    """
    found: list[Citation] = []
    for citation in (*_cited(facts.get("citationMetadata")), *_grounded(facts.get("groundingMetadata"))):
        if citation not in found:
            found.append(citation)
    return found


def _cited(metadata: Any) -> Iterator[Citation]:
    sources = _objects(metadata, "citationSources") or _objects(metadata, "citations")
    for source in sources:
        yield Citation(url=as_string(source.get("uri")), title=as_string(source.get("title")), raw=source, dialect=NAME)


def _grounded(metadata: Any) -> Iterator[Citation]:
    chunks = _objects(metadata, "groundingChunks")
    supports = _objects(metadata, "groundingSupports")
    for support in supports:
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if isinstance(index, int) and 0 <= index < len(chunks):
                yield _source(chunks[index], support.get("segment"))
    if not supports:
        yield from (_source(chunk, None) for chunk in chunks)


def _source(chunk: JsonObject, segment: Any) -> Citation:
    """Decode a source: `web`, `retrievedContext` or `maps`, each with URL and title under the same names."""
    source = next((value for value in chunk.values() if isinstance(value, dict)), {})
    return Citation(
        url=as_string(source.get("uri")),
        title=as_string(source.get("title")),
        cited_text=as_string(source.get("text")),
        raw={**chunk, "segment": segment} if segment is not None else chunk,
        dialect=NAME,
    )


def _objects(value: Any, key: str) -> list[JsonObject]:
    return as_objects(value.get(key)) if isinstance(value, dict) else []
