"""Citations of a text block, read and written."""

from __future__ import annotations

from understudy.dialects.anthropic.wire import NAME
from understudy.domain.content import Citation, JsonObject


def read_citation(raw: JsonObject) -> Citation:
    """Read a citation. Its offsets count characters of the source, not of the text, so they stay in `raw`."""
    url = raw.get("url")
    title = raw.get("title") or raw.get("document_title")
    cited = raw.get("cited_text")
    # An empty index was written by this library's own server half, for another provider's citation.
    own = raw.get("encrypted_index") != ""
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        cited_text=cited if isinstance(cited, str) else None,
        raw=raw if own else None,
        dialect=NAME if own else None,
    )


def render_citation(citation: Citation) -> JsonObject | None:
    """Return a citation; those of other providers become search results, which an empty index marks as written here."""
    if citation.dialect == NAME and citation.raw is not None:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
    }
