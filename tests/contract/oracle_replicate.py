"""What Replicate's official client makes of the bytes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ReplicateError
from replicate.prediction import Prediction

from tests.contract.oracles import Fault, replayed_headers
from tests.contract.recordings import Recording

MADE = {"id": "1", "model": "m", "version": "v", "status": "starting", "urls": {"stream": "/v1/streams/1"}}


class ReplicateOracle:
    """`replicate`, over a transport that answers every request with the recorded response."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self.client = Client(api_token="none", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        if request.method == "POST":
            return httpx.Response(201, json=MADE, request=request)
        return httpx.Response(
            recording.response.status, headers=replayed_headers(recording), content=recording.body, request=request
        )

    def prediction(self, recording: Recording) -> Prediction:
        """Read a prediction, in whatever state."""
        self._recording = recording
        return self.client.predictions.get("any")

    def stream(self, recording: Recording) -> str:
        """Read a stream to its end mark, and return the text of its output."""
        self._recording = recording
        made = self.client.predictions.create(version="any", input={})
        return "".join(str(event) for event in made.stream())

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        if '"results"' in recording.response.body:
            found = list(self.client.models.list().results)
        else:
            found = [self.client.models.get("any/any")]
        return [{"id": model.id, "owned_by": model.owner} for model in found]

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        with pytest.raises(ReplicateError) as caught:
            self.client.predictions.get("any")
        error = caught.value
        return Fault(error.status or 0, None, error.type, error.detail or error.title or "")
