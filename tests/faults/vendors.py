"""The ten providers as honest servers in memory. Their words are in `tests/hostile/answers`, written by hand from the
vendors' documents; four of the ten speak OpenAI's format, each with its own habits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tests.faults.memory import Head, Script
from tests.hostile.answers import anthropic, cohere, gemini, ollama, openai, replicate
from tests.hostile.answers.base import Answers, at_home, data
from tests.hostile.server import Request

OTHER_MODEL = "other-model"
"""The model of an entry that is named by a call, beside the entry's own."""

INPUT, OUTPUT = 1, 2
"""US dollars per million tokens, in every entry of the matrix."""


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """One provider type: how its server talks, and how an entry reaches it."""

    name: str
    answers: Answers
    base_url: str | None = None
    other_model: str = OTHER_MODEL
    dollars: str = "0.000045"
    """What a good answer costs: 11 tokens of the prompt and 17 of the answer."""
    streamed_dollars: str | None = None
    idempotent: bool = True

    def __repr__(self) -> str:
        return self.name

    def good(self, request: Request) -> Script:
        """Answer as an honest server."""
        answers, apart = self.answers, self.answers.streamed_apart
        if apart is not None:
            return _predicted(replace_model(request, self.other_model))
        if answers.flows(request):
            return (Head(200, answers.stream_type), *answers.stream())
        return (Head(answers.plain_status), answers.plain)

    def asks(self, request: Request) -> bool:
        """Tell whether a request is the one that makes a generation, which is what is billed."""
        return self.answers.matches("generate", replace_model(request, self.other_model))

    def flows(self, request: Request) -> bool:
        """Tell whether the answer to a request is a stream."""
        return self.answers.flows(request)

    def asks_to_stream(self, request: Request) -> bool:
        """Tell whether a request for a generation is one for a stream."""
        return self.answers.streams(request)


def replace_model(request: Request, other: str) -> Request:
    """Read a request for the other model as one for the entry's own."""
    return replace(request, path=request.path.replace(other, replicate.MODEL)) if other in request.path else request


def _predicted(request: Request) -> Script:
    """Answer one of the requests of a prediction."""
    answers = replicate.ANSWERS
    if replicate.is_creation(request):
        made = replicate.DONE if replicate.waits(request) else answers.begun
        return (Head(201), at_home(made, request))
    if request.path == "/stream/p1":
        return (Head(200, answers.stream_type), *answers.stream())
    raw = replicate.others(request)
    assert raw is not None, request.path
    (step,) = raw
    assert isinstance(step, bytes)
    head, _, body = step.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    date = next(line.partition(": ")[2] for line in lines if line.startswith("Date: "))
    return (Head(int(status.split()[1]), headers={"date": date}), body)


_OPENAI = openai.ANSWERS


def _likewise(provider: str, model: str, **more: Any) -> Answers:
    return replace(_OPENAI, provider=provider, model=model, **more)


def _stop(name: str, usage: str) -> str:
    """Write the last chunk of Groq and Together, with the usage in it."""
    return (
        f'{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764300000,"model":"{name}",'
        f'"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}],{usage}}}'
    )


_FILTERED = (
    '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,'
    '"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}'
)
"""Azure's first chunk, which has no choices."""

AZURE = _likewise("azure-openai", "gpt-4o-mini", opening=data(_FILTERED) + _OPENAI.opening)
GROQ = _likewise(
    "groq",
    "openai/gpt-oss-120b",
    ending=data(_stop("openai/gpt-oss-120b", f'"x_groq":{{"id":"req_1","usage":{openai.USAGE}}}')),
    untranslatable={"logit_bias": {"50256": -100}},
)
TOGETHER = _likewise(
    "together",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    ending=data(_stop("meta-llama/Llama-3.3-70B-Instruct-Turbo", f'"usage":{openai.USAGE}')),
    untranslatable={"service_tier": "auto"},
)
HUGGINGFACE = _likewise(
    "huggingface", "meta-llama/Llama-3.3-70B-Instruct", untranslatable={"logit_bias": {"50256": -100}}
)

VENDORS: Mapping[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        Vendor(name="openai", answers=_OPENAI),
        Vendor(name="anthropic", answers=anthropic.ANSWERS),
        Vendor(name="google", answers=gemini.ANSWERS),
        Vendor(name="azure-openai", answers=AZURE, base_url="https://acme.openai.azure.com"),
        Vendor(name="groq", answers=GROQ),
        Vendor(name="together", answers=TOGETHER),
        Vendor(name="replicate", answers=replicate.ANSWERS, other_model="meta/other-model", idempotent=False),
        Vendor(name="huggingface", answers=HUGGINGFACE),
        # Of the 11 tokens of the prompt, 5 are billed.
        Vendor(name="cohere", answers=cohere.ANSWERS, dollars="0.000039"),
        Vendor(name="ollama", answers=ollama.ANSWERS),
    )
}
BACKUP: Mapping[str, str] = {
    "openai": "anthropic",
    "anthropic": "google",
    "google": "cohere",
    "azure-openai": "ollama",
    "groq": "together",
    "together": "openai",
    "replicate": "groq",
    "huggingface": "azure-openai",
    "cohere": "huggingface",
    "ollama": "openai",
}
"""Who stands in for whom: never Replicate, whose answers are several requests."""
