"""What Hugging Face's official client makes of the bytes, where that is not what OpenAI's makes of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import huggingface_hub
from huggingface_hub import InferenceClient, constants
from msgspec.structs import replace

from tests.contract.answers import Answer
from tests.contract.oracle_openai import OpenAIOracle
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording
from tests.contract.targets import model_of

constants.HF_HUB_DISABLE_TELEMETRY = True
"""Or the client would ask the Hub which programs call it."""


class HuggingFaceOracle(OpenAIOracle):
    """Chats are read by `openai`, as the router's documentation has it; vectors by `huggingface_hub`."""

    def chat(self, recording: Recording) -> Answer | Fault:
        answer = super().chat(recording)
        cached = _usage(recording).get("cached_tokens")
        if isinstance(answer, Fault) or cached is None:
            return answer
        # Some partners count cached tokens beside the prompt's instead of within its details.
        usage = {**answer.usage, "input": (answer.usage["input"] or 0) - cached, "cache_read": cached}
        return replace(answer, usage=usage)

    def embed(self, recording: Recording) -> Vectors:
        self._recording = recording
        huggingface_hub.set_client_factory(lambda: httpx.Client(transport=httpx.MockTransport(self._replay)))
        try:
            found = InferenceClient("http://oracle.invalid/", token="none").feature_extraction("hello")
        finally:
            huggingface_hub.close_session()
            huggingface_hub.set_client_factory(httpx.Client)
        rows = found if found.ndim == 2 else [found]
        return Vectors(tuple(tuple(float(number) for number in row) for row in rows), model_of(recording), None)

    def _replay(self, request: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        return httpx.Response(200, headers=replayed_headers(recording), content=recording.body, request=request)

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        """Each model by its name alone and by each live partner, at that partner's price."""
        self._recording = recording
        told: list[dict[str, Any]] = []
        for model in self.client.models.list().data:
            common = {"created": model.created, "owned_by": model.owned_by}
            told.append({"id": model.id, "context_window": None, "input_price": None, **common})
            for partner in model.model_extra["providers"]:
                if partner["status"] == "live":
                    price = partner.get("pricing", {}).get("input")
                    told.append(
                        {
                            "id": f"{model.id}:{partner['provider']}",
                            "context_window": partner.get("context_length"),
                            "input_price": None if price is None else f"{price:.10f}".rstrip("0").rstrip("."),
                            **common,
                        }
                    )
        return told


def _usage(recording: Recording) -> dict[str, Any]:
    """The last counts of an answer, as they stand on the wire."""
    text = recording.response.body
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    told = [json.loads(line) for line in (lines if recording.streamed else [text]) if line != "[DONE]"]
    return next((chunk["usage"] for chunk in reversed(told) if chunk.get("usage")), {})
