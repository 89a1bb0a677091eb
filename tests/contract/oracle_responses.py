"""What OpenAI's official client makes of the Responses API's bytes."""

from __future__ import annotations

from typing import Any

import openai

from tests.contract.answers import Answer, Call, arguments
from tests.contract.oracle_openai import OpenAIOracle, split_usage
from tests.contract.oracles import Fault
from tests.contract.recordings import Recording

ENDS = ("response.completed", "response.incomplete", "response.failed")
INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


class ResponsesOracle(OpenAIOracle):
    """`openai.responses`: the final response is in the last event of a stream; its deltas must agree with it."""

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        if not recording.streamed:
            return _read(self.client.responses.create(model="oracle", input="hello"))
        try:
            told = list(self.client.responses.create(model="oracle", input="hello", stream=True))
        except openai.APIError as error:
            return Fault(200, error.code, error.type, error.message)
        if told[-1].type == "error":
            return Fault(200, told[-1].code, None, told[-1].message)
        assert told[-1].type in ENDS
        answer = _read(told[-1].response)
        if isinstance(answer, Answer):
            deltas = [event.delta for event in told if event.type == "response.output_text.delta"]
            assert answer.text == "".join(deltas), "the stream was built wrongly"
        return answer


def _read(response: Any) -> Answer | Fault:
    if response.status == "failed":
        return Fault(200, response.error.code, None, response.error.message)
    calls = [item for item in response.output if item.type == "function_call"]
    contents = [content for item in response.output if item.type == "message" for content in item.content]
    refusals = [content.refusal for content in contents if content.type == "refusal"]
    thoughts = [item for item in response.output if item.type == "reasoning"]
    reason = response.incomplete_details.reason if response.incomplete_details else None
    finish = INCOMPLETE.get(reason or "", "unknown") if reason else ("tool_calls" if calls else "stop")
    return Answer(
        text=response.output_text,
        thinking="".join(
            "\n\n".join(piece.text for piece in [*item.summary, *(item.content or ())]) for item in thoughts
        ),
        refusal="".join(refusals) if refusals else None,
        calls=tuple(Call(call.call_id, call.name, arguments(call.arguments)) for call in calls),
        finish_reason=finish,
        finish_reason_raw=reason or response.status,
        usage=_usage(response.usage),
        model=response.model,
        id=response.id,
    )


def _usage(usage: Any) -> dict[str, int | None]:
    if usage is None:
        return split_usage(None, {}, None, {})
    prompt, answer = usage.input_tokens_details.model_dump(), usage.output_tokens_details.model_dump()
    return split_usage(usage.input_tokens, prompt, usage.output_tokens, answer)
