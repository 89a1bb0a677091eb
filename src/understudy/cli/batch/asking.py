"""From a line to what became of it: read the body, ask, write the answer."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from understudy import dialects
from understudy.cli.batch import outcome
from understudy.cli.batch.lines import Line
from understudy.cli.batch.outcome import Outcome
from understudy.client.manager import ProviderManager
from understudy.client.provider import Provider
from understudy.dialects.server import BadRequest, Inbound, ServerHalf
from understudy.domain.errors import LLMError, Misuse
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.protocol import EmbedOptions
from understudy.wire.http import HttpRequest

_OPENAI = "openai"
_CHARACTERS_PER_TOKEN = 4
"""A rule of thumb that serves to spread requests over time; what was used is corrected afterwards."""


class Asked(NamedTuple):
    """A line that was read."""

    line: Line
    server: ServerHalf
    inbound: Inbound


class Asker:
    """Asks a provider the lines of a batch."""

    def __init__(self, provider: Provider | ProviderManager, model: str | None, deadline: float | None) -> None:
        """`model` takes the place of every line's own. `deadline`: seconds for each line."""
        self._provider = provider
        self._model = model
        self._deadline = deadline

    def read(self, line: Line) -> Asked | Outcome:
        """Read a line's body; one that is no request has its outcome already."""
        server = dialects.load_server(line.route.dialect)
        try:
            inbound = server.parse(HttpRequest("POST", line.url, body=line.body))
        except BadRequest as error:
            return outcome.unreadable(line, error.failure)
        if self._model is not None:
            request = msgspec.structs.replace(inbound.request, model=self._model)
            inbound = msgspec.structs.replace(inbound, request=request)
        return Asked(line, server, inbound)

    def expected_cost(self, asked: Asked) -> int | None:
        """Return nano-USD that the first target of a line would cost, where its plan tells."""
        if not isinstance(asked.inbound.request, GenerationRequest):
            return None
        try:
            steps = self._provider.explain(asked.inbound.request).steps
        except LLMError:  # it is told when the line is asked
            return None
        expected = steps[0].expected_cost if steps else None
        return expected.amount.nano_usd if expected else None

    def expected_tokens(self, asked: Asked) -> int:
        """Guess what a line will use: its own length, and as much answer as it allows."""
        request = asked.inbound.request
        allowed = request.max_tokens or 0 if isinstance(request, GenerationRequest) else 0
        return len(asked.line.body) // _CHARACTERS_PER_TOKEN + allowed

    async def ask(self, asked: Asked) -> Outcome:
        """Ask, and return what became of it. Every error of the library is an outcome."""
        line, server, inbound = asked
        try:
            match inbound.request:
                case EmbeddingRequest() as request:
                    embedded = await self._embed(request)
                    return outcome.answered(line, embedded, server, inbound)
                case GenerationRequest() as request:
                    answer = await self._generate(request)
                    return outcome.answered(line, answer, server, inbound)
                case _:
                    raise AssertionError("a batch has no other operations")
        except LLMError as error:
            return outcome.failed(line, error)

    async def _generate(self, request: GenerationRequest) -> GenerationResponse:
        if self._deadline is None:
            return await self._provider.generate(request)
        return await self._provider.generate(request, deadline=self._deadline)

    async def _embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """Embed the texts of a request. The form of the vectors on the wire is for the answer alone."""
        if not request.texts:
            raise Misuse("input: tokens instead of texts are understood by the model that they were made for alone")
        options: EmbedOptions = {}
        if request.model is not None:
            options["model"] = request.model
        if request.dimensions is not None:
            options["dimensions"] = request.dimensions
        if request.user is not None:
            options["user"] = request.user
        if self._deadline is not None:
            options["deadline"] = self._deadline
        own = {key: value for key, value in (request.extra or {}).get(_OPENAI, {}).items() if key != "encoding_format"}
        if own:
            options["extra"] = {_OPENAI: own}
        return await self._provider.embed(request.texts[0] if request.single else request.texts, **options)
