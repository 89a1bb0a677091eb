"""What a service remembers whose answers are predictions: made by one request, followed and stopped by others."""

from __future__ import annotations

import re

import msgspec

from understudy.dialects.replicate.render import error_reply, prediction_object
from understudy.dialects.server import Inbound
from understudy.domain.content import JsonObject
from understudy.domain.events import Event
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.wire.http import JSON_HEADERS, HttpReply
from understudy.wire.json import encode

_ROUTE = re.compile(r"/v1/(?P<what>predictions|streams)(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?$")
_REFUSED = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"


class Prediction(msgspec.Struct, kw_only=True):
    """One prediction. It goes on whenever it is looked at, because the emulator reads no clock."""

    inbound: Inbound
    events: list[Event]
    status: str

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.status not in ("starting", "processing")

    def end(self) -> None:
        """Let it end, unless it already has."""
        if not self.is_over:
            filtered = fold(self.events).finish_reason is FinishReason.CONTENT_FILTER
            self.status = "failed" if filtered else "succeeded"

    def shown(self) -> JsonObject:
        """Return the prediction as it stands: half of the output while it is under way."""
        response = fold(self.events)
        if self.status == "processing":
            text = response.text
            response = msgspec.structs.replace(response, message=Message.assistant(text[: len(text) // 2]))
        body = prediction_object(response, self.inbound, self.status)
        if self.status == "failed":
            body |= {"output": None, "error": _REFUSED}
        return body


class Predictions:
    """The predictions that were made, by their ids."""

    def __init__(self) -> None:
        self._made: dict[str, Prediction] = {}

    @staticmethod
    def concerns(method: str, path: str) -> bool:
        """Tell whether a request is about predictions that were made before."""
        found = _ROUTE.match(path.rstrip("/"))
        return found is not None and method == ("POST" if found["cancel"] else "GET")

    def make(self, inbound: Inbound, events: list[Event]) -> HttpReply:
        """Make a prediction; a caller who prefers to wait sees it ended."""
        made = Prediction(inbound=inbound, events=events, status="starting")
        if inbound.options.get("wait"):
            made.end()
        self._made[fold(events).id or ""] = made
        return _json(made.shown(), 201)

    def follow(self, path: str) -> HttpReply | Prediction:
        """Answer a request about predictions; one whose output is to be streamed is returned itself."""
        found = _ROUTE.match(path.rstrip("/"))
        if found is None or found["id"] is None:
            latest = [made.shown() for made in reversed(self._made.values())]
            return _json({"previous": None, "next": None, "results": latest})
        made = self._made.get(found["id"])
        if made is None:
            message = "The requested resource could not be found."
            return error_reply(Failure(kind=FailureKind.NOT_FOUND, message=message))
        if found["what"] == "streams":
            made.end()
            return made
        if found["cancel"]:
            made.status = made.status if made.is_over else "canceled"
        elif made.status == "starting":
            made.status = "processing"
        else:
            made.end()
        return _json(made.shown())


def _json(body: JsonObject, status: int = 200) -> HttpReply:
    return HttpReply(status, JSON_HEADERS, encode(body))
