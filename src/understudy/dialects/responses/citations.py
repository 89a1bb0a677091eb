"""Annotations of a text: the sources that it cites, read and written."""

from __future__ import annotations

from understudy.dialects.responses.wire import NAME
from understudy.domain.content import Citation, JsonObject
from understudy.wire.json import as_string


def read_citation(annotation: JsonObject) -> Citation:
    """Read an annotation of a text. Files are named by `filename`, pages by `title`."""
    start, end = annotation.get("start_index"), annotation.get("end_index")
    return Citation(
        url=as_string(annotation.get("url")),
        title=as_string(annotation.get("title")) or as_string(annotation.get("filename")),
        start=start if type(start) is int else None,
        end=end if type(end) is int else None,
        raw=annotation,
        dialect=NAME,
    )


def render_citation(citation: Citation) -> JsonObject | None:
    """Render a citation; `None` for one that names no page and comes from another wire."""
    if citation.dialect == NAME and citation.raw is not None:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }
