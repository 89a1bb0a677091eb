"""Bodies of which a target needs nothing but another model: most that go out over the wire format they came in."""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.openai.quirks import is_concerned, words_of
from understudy.dialects.openai.wire import NAME
from understudy.domain.requests import GenerationRequest
from understudy.wire.json import BadJson, encode
from understudy.wire.members import members_of
from understudy.wire.splice import with_value

_OF_STREAMS = frozenset({"stream", "stream_options"})


def encode_forwarded(request: GenerationRequest, endpoint: Endpoint) -> bytes | None:
    """Return the body of a request without a stream, if it came in on this wire and nothing in it but the model may
    have to change; `None` for any other. It must be what `SplicedObject` makes of it."""
    origin, quirks, model = request.origin, endpoint.quirks, endpoint.model
    if origin is None or origin.dialect != NAME or model is None:
        return None
    if request.configured or endpoint.options or not quirks.message_names:
        return None
    try:
        members = members_of(origin.body)
        members.check_routing()
    except BadJson:
        return None  # it is refused in the general way
    names = members.named.keys()
    if "model" not in names or not _OF_STREAMS.isdisjoint(names) or is_concerned(names, quirks):
        return None
    if members.has_token("messages", *words_of(quirks)):
        return None
    came_in, wanted = members.raw("model"), encode(model)
    if came_in == wanted:
        return origin.body
    return None if b"\\" in came_in else with_value(members, "model", wanted)
