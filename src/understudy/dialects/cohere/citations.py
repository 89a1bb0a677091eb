"""Citations: which words of an answer rest on which documents or tool results."""

from __future__ import annotations

from typing import Any

from understudy.dialects.cohere.wire import NAME
from understudy.domain.content import AnyPart, Citation, JsonObject
from understudy.domain.usage import token_count
from understudy.wire.json import nonempty


def read_citation(raw: JsonObject) -> Citation:
    """Decode a citation: URL, title and text from its first source; `raw` keeps all sources."""
    found = _first_source(raw)
    url = nonempty(found.get("url")) or _link(found.get("id"))
    return Citation(
        url=url,
        title=nonempty(found.get("title")),
        cited_text=nonempty(found.get("text")) or nonempty(found.get("snippet")),
        start=token_count(raw.get("start")),
        end=token_count(raw.get("end")),
        raw=raw,
        dialect=NAME,
    )


def write_citation(citation: Citation, text: str, position: int) -> JsonObject | None:
    """Write a citation of the text in the content block at `position`; `None` if it has neither offsets nor text.

    Those of other providers become documents.
    """
    if citation.dialect == NAME and citation.raw is not None:
        moved = "content_index" in citation.raw
        return {**citation.raw, "content_index": position} if moved else citation.raw
    if citation.start is None or citation.end is None:
        return None
    known = {"url": citation.url, "title": citation.title, "text": citation.cited_text}
    document = {name: value for name, value in known.items() if value is not None}
    return {
        "start": citation.start,
        "end": citation.end,
        "text": text[citation.start : citation.end],
        "sources": [{"type": "document", "id": citation.url or citation.title or "", "document": document}],
        "content_index": position,
        "type": "TEXT_CONTENT",
    }


def citations_of(part: AnyPart) -> list[JsonObject]:
    """Return the citations of thinking or a plan, which are kept as they came."""
    kept = (part.extra or {}).get(NAME, {}).get("citations", [])
    return kept if isinstance(kept, list) else []


def _first_source(raw: JsonObject) -> JsonObject:
    """Return the document or tool output of the first source, with the source's id as a default."""
    match raw.get("sources"):
        case [dict(source), *_]:
            inner: Any = source.get("document") or source.get("tool_output")
            return {"id": source.get("id"), **(inner if isinstance(inner, dict) else {})}
        case _:
            return {}


def _link(value: object) -> str | None:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None
