"""The predictions of an emulated service: created by one request, followed and cancelled by others."""

from __future__ import annotations

import re

import msgspec

from understudy.dialects.replicate.render import render_error, render_whole
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
    """One prediction. It advances with every look at it, because the emulator reads no clock."""

    inbound: Inbound
    events: list[Event]
    status: str

    @property
    def is_over(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.status not in ("starting", "processing")

    def end(self) -> None:
        """End it, unless it has ended already."""
        if not self.is_over:
            filtered = fold(self.events).finish_reason is FinishReason.CONTENT_FILTER
            self.status = "failed" if filtered else "succeeded"

    def render(self) -> JsonObject:
        """Return the prediction in its present state: with half of the output while it is under way."""
        response = fold(self.events)
        if self.status == "processing":
            text = response.text
            response = msgspec.structs.replace(response, message=Message.assistant(text[: len(text) // 2]))
        body = render_whole(response, self.inbound, self.status)
        if "metrics" in body:
            # In seconds; computed, not measured, so that they never change.
            taken = (response.usage.output_total or 0) / 100
            body["metrics"] |= {"predict_time": taken, "total_time": taken + 0.1}
        if self.status == "failed":
            body |= {"output": None, "error": _REFUSED}
        return body


class Predictions:
    """The predictions created so far, by their ids."""

    def __init__(self) -> None:
        self._made: dict[str, Prediction] = {}

    @staticmethod
    def concerns(method: str, path: str) -> bool:
        """Check whether a request is about existing predictions."""
        found = _ROUTE.match(path.rstrip("/"))
        return found is not None and method == ("POST" if found["cancel"] else "GET")

    def make(self, inbound: Inbound, events: list[Event]) -> HttpReply:
        """Create a prediction; it has ended already where the caller prefers to wait."""
        made = Prediction(inbound=inbound, events=events, status="starting")
        if inbound.options.get("wait"):
            made.end()
        self._made[fold(events).id or ""] = made
        return _json(made.render(), 201)

    def follow(self, path: str) -> HttpReply | Prediction:
        """Answer a request about predictions; where one is to be streamed, return the prediction itself."""
        found = _ROUTE.match(path.rstrip("/"))
        if found is None or found["id"] is None:
            latest = [made.render() for made in reversed(self._made.values())]
            return _json({"previous": None, "next": None, "results": latest})
        made = self._made.get(found["id"])
        if made is None:
            message = "The requested resource could not be found."
            return render_error(Failure(kind=FailureKind.NOT_FOUND, message=message))
        if found["what"] == "streams":
            made.end()
            return made
        if found["cancel"]:
            made.status = made.status if made.is_over else "canceled"
        elif made.status == "starting":
            made.status = "processing"
        else:
            made.end()
        return _json(made.render())


def _json(body: JsonObject, status: int = 200) -> HttpReply:
    return HttpReply(status, JSON_HEADERS, encode(body))
