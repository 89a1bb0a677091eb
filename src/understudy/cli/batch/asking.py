"""Asks the lines of a batch: reads the body, sends the request, makes a line of output of the answer."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from understudy.cli.batch import outcome
from understudy.cli.batch.lines import Line
from understudy.cli.batch.outcome import Outcome
from understudy.client.manager import ProviderManager
from understudy.client.provider import Provider
from understudy.dialects import load_server
from understudy.dialects.server import BadRequest, Inbound, ServerHalf
from understudy.domain.errors import LLMError, Misuse
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.protocol import EmbedOptions, RequestOptions
from understudy.wire.http import HttpRequest

_CHARACTERS_PER_TOKEN = 4
"""A rule of thumb to spread requests over time; corrected afterwards by the tokens used."""


class ParsedLine(NamedTuple):
    """A line whose body was parsed."""

    line: Line
    server: ServerHalf
    inbound: Inbound


class Asker:
    """Asks a provider the lines of a batch."""

    def __init__(self, provider: Provider | ProviderManager, model: str | None, deadline: float | None) -> None:
        """`model` replaces the model of every line. `deadline` is in seconds, for each line."""
        self._provider = provider
        self._model = model
        self._deadline = deadline

    def parse(self, line: Line) -> ParsedLine | Outcome:
        """Parse the body of a line. Return the outcome of an invalid one."""
        server = load_server(line.route.dialect)
        try:
            inbound = server.parse(HttpRequest("POST", line.url, body=line.body))
        except BadRequest as error:
            return outcome.unreadable(line, error.failure)
        if self._model is not None:
            request = msgspec.structs.replace(inbound.request, model=self._model)
            inbound = msgspec.structs.replace(inbound, request=request)
        return ParsedLine(line, server, inbound)

    def expected_cost(self, parsed: ParsedLine) -> int | None:
        """Return what a line would cost at its first target, in nano-USD; `None` if unknown."""
        if not isinstance(parsed.inbound.request, GenerationRequest):
            return None
        try:
            steps = self._provider.explain(parsed.inbound.request).steps
        except LLMError:  # reported when the line is asked
            return None
        expected = steps[0].expected_cost if steps else None
        return expected.amount.nano_usd if expected else None

    def expected_tokens(self, parsed: ParsedLine) -> int:
        """Estimate the tokens of a line: its length, and the longest answer it allows."""
        request = parsed.inbound.request
        allowed = request.max_tokens or 0 if isinstance(request, GenerationRequest) else 0
        return len(parsed.line.body) // _CHARACTERS_PER_TOKEN + allowed

    async def ask(self, parsed: ParsedLine) -> Outcome:
        """Send the request and return its outcome. Every `LLMError` becomes an outcome."""
        line, server, inbound = parsed
        try:
            match inbound.request:
                case EmbeddingRequest() as request:
                    embedded = await self._embed(request)
                    return outcome.answered(line, embedded, server, inbound)
                case GenerationRequest() as request:
                    options: RequestOptions = {} if self._deadline is None else {"deadline": self._deadline}
                    answer = await self._provider.generate(request, **options)
                    return outcome.answered(line, answer, server, inbound)
                case _:
                    raise AssertionError("a batch has no other operation")
        except LLMError as error:
            return outcome.failed(line, error)

    async def _embed(self, request: EmbeddingRequest) -> EmbeddingResponse:
        if not request.texts:
            raise Misuse("input: token ids are not supported, because they are valid for one model only; send strings")
        options: EmbedOptions = {} if self._deadline is None else {"deadline": self._deadline}
        return await self._provider.embed(request, **options)
