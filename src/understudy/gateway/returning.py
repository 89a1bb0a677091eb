"""Bodies on the way back to the client's own vendor: without what other vendors wrote, which it would refuse.

The client sends sealed values where its vendor has signatures of its own. In the bytes that are forwarded, the blocks,
items and signatures that hold one are removed, and a sealed compaction becomes the summary that it is. Everything else
keeps its bytes.
"""

from __future__ import annotations

from understudy.dialects.anthropic.wire import NAME as ANTHROPIC
from understudy.dialects.base import WarningLog
from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.histories.received import remove_foreign, with_body, without_budget
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain.requests import GenerationRequest
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.gateway.compaction import ITEMS, SEALED, summary_of, told
from understudy.gateway.sealing import BEGINNING, CannotOpen, Sealer, is_sealed
from understudy.wire.splice import SplicedObject

_MARK = BEGINNING.encode()
_BUDGET = b'"budget_tokens"'
"""A turn that another vendor began without thinking bears no mark, and yet Anthropic refuses a budget for it."""
_PLACES = {ANTHROPIC: "messages", RESPONSES: "input", GEMINI: "contents"}
"""Where a body of each wire format may hold sealed values."""


def returned(request: GenerationRequest, sealer: Sealer) -> tuple[GenerationRequest, list[Warning]]:
    """Return the request with its body as its own vendor accepts it, and what else had to be left out."""
    origin = request.origin
    if origin is None or origin.dialect not in _PLACES or (_MARK not in origin.body and _BUDGET not in origin.body):
        return request, []
    body, notes = SplicedObject(origin.body), WarningLog()
    if body.may_mention(_PLACES[origin.dialect], BEGINNING):
        if origin.dialect == RESPONSES:
            _open_compactions(body, sealer)
        remove_foreign(body, origin.dialect, _is_sealed, notes)
    elif origin.dialect == ANTHROPIC:
        without_budget(body, notes)
    # Of a compaction that does not open was warned where the messages were opened.
    return with_body(request, body.to_bytes()), [each for each in notes.warnings if each.what != "compaction"]


def _is_sealed(value: object) -> bool:
    return isinstance(value, str) and is_sealed(value)


def _open_compactions(body: SplicedObject, sealer: Sealer) -> None:
    """Put each sealed summary in the place of its item. One that does not open was warned of with the messages."""
    items = body.get("input")
    if not isinstance(items, list):
        return
    for place, item in enumerate(items):
        if not isinstance(item, dict) or item.get("type") not in ITEMS or not _is_sealed(item.get(SEALED)):
            continue
        try:
            text = told(summary_of(item[SEALED], sealer))
        except CannotOpen:
            continue
        items[place] = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
