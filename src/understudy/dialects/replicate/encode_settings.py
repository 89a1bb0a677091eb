"""Encodes the unified request as the inputs of one model, and nothing that the model lacks."""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.efforts import budget_of, effort_for, is_off
from understudy.dialects.output_forms import instruction
from understudy.dialects.quirks import Quirks, nearest_effort
from understudy.dialects.replicate.encode_messages import Transcript, encode_messages
from understudy.dialects.replicate.schema import InputSchema
from understudy.dialects.replicate.wire import BUDGETS, CEILINGS, IMAGES, PLAIN, STOPS, SWITCHES, SYSTEM
from understudy.domain.content import Image, JsonObject
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.wire.json import encode

_THINKS_IF_ASKED = Quirks(default_effort_none=True)
"""Inputs have defaults of their own, often the lowest effort, so a mode that switches thinking on needs one."""

_NOWHERE = {
    "tools": "predictions have no tools",
    "tool_choice": "predictions have no tools",
    "parallel_tool_calls": "predictions have no tools",
    "logprobs": "predictions have no log probabilities",
    "top_logprobs": "predictions have no log probabilities",
    "logit_bias": "models have no input for it",
    "service_tier": "there are no service tiers",
    "user": "the API has no field for it",
    "metadata": "the API has no field for it",
    "cache": "the API has no control of prompt caches",
    "cache_key": "the API has no control of prompt caches",
}


def encode_inputs(request: GenerationRequest, schema: InputSchema, notes: WarningLog) -> JsonObject:
    """Encode the inputs of a prediction. What the model has no input for is dropped, with a warning."""
    for field, why in _NOWHERE.items():
        if getattr(request, field) not in (None, ()):
            notes.drop(field, why)
    writer = _Writer(schema, notes)
    writer.conversation(encode_messages(request.messages, notes), request.output)
    writer.number("max_tokens", request.max_tokens, CEILINGS)
    for field in PLAIN:
        writer.number(field, getattr(request, field), (field,))
    writer.stops(request.stop)
    writer.reasoning(request.reasoning)
    return writer.inputs


class _Writer:
    def __init__(self, schema: InputSchema, notes: WarningLog) -> None:
        self._schema = schema
        self._notes = notes
        self.inputs: JsonObject = {}

    def conversation(self, said: Transcript, output: OutputFormat | None) -> None:
        """Encode the conversation: as messages if the model accepts them and one prompt would lose the turns."""
        schema = self._schema
        instruction = self._instruction(output)
        system = "\n\n".join(filter(None, (said.system, instruction)))
        if len(said.turns) != 1 and schema.first("messages"):
            turns = Transcript(system=system, turns=said.turns, images=()).messages()
            self.inputs["messages"] = encode(turns).decode() if schema.kind("messages") == "string" else turns
        else:
            prompt = said.prompt(self._notes)
            key = schema.first(*SYSTEM)
            if system and key is None:
                self._notes.emulate("system", "the model has no system prompt: it is part of the prompt")
                prompt = f"{system}\n\n{prompt}"
            self.inputs["prompt"] = prompt
            if system and key is not None:
                self.inputs[key] = system
        self._images(said.images)

    def _instruction(self, output: OutputFormat | None) -> str:
        """Request an output format in the prompt, because no model here supports one."""
        if output is None or output.kind == "text":
            return ""
        self._notes.emulate("output", "predictions have no output format: it is requested in the prompt")
        return instruction(output)

    def _images(self, images: tuple[Image, ...]) -> None:
        urls = [url for image in images if (url := image.data_url()) is not None]
        if len(urls) < len(images):
            self._notes.drop("image file_id", "images are accepted only by URL or as bytes")
        if not urls:
            return
        key = self._schema.first(*IMAGES)
        if key is None:
            self._notes.drop("image", self._lacking("image"))
        elif self._schema.kind(key) == "array":
            self.inputs[key] = urls
        else:
            self.inputs[key] = urls[-1]
            if len(urls) > 1:
                self._notes.drop("image", "the model accepts one image: the last one is sent")

    def number(self, field: str, value: float | str | None, names: tuple[str, ...]) -> None:
        """Encode a value under the first name that the model has for it, within the model's limits."""
        if value is None:
            return
        name = self._schema.first(*names)
        if name is None:
            self._notes.drop(field, self._lacking(field))
            return
        if not isinstance(value, str):
            least, most = self._schema.bounds(name)
            fitting = max(value, least) if least is not None else value
            fitting = min(fitting, most) if most is not None else fitting
            if fitting != value:
                self._notes.clamp(field, f"the model accepts {_range(least, most)}")
                value = int(fitting) if isinstance(value, int) and float(fitting).is_integer() else fitting
        self._set(field, name, value)

    def stops(self, stops: tuple[str, ...]) -> None:
        """Encode stop sequences: a list, or one string separated by commas."""
        name = self._schema.first(*STOPS)
        if not stops:
            return
        if name is None:
            self._notes.drop("stop", self._lacking("stop"))
        elif self._schema.kind(name) == "array":
            self.inputs[name] = list(stops)
        else:
            sayable = [stop for stop in stops if "," not in stop]
            if len(sayable) < len(stops):
                self._notes.drop("stop", "a stop sequence with a comma would count as two")
            if sayable:
                self.inputs[name] = ",".join(sayable)

    def reasoning(self, reasoning: Reasoning | None) -> None:
        """Encode how much the model thinks: as a level, a budget or a switch."""
        if reasoning is None:
            return
        off = is_off(reasoning)
        switch, level, budget = (self._schema.first(*names) for names in (SWITCHES, ("reasoning_effort",), BUDGETS))
        if switch is not None:
            self.inputs[switch] = not off
        effort = effort_for(reasoning, _THINKS_IF_ASKED)
        if level is not None and effort is not None:
            said = self._level(level, effort) or switch is not None
        elif budget is not None and not off and (reasoning.budget or reasoning.effort) is not None:
            self.number("reasoning", reasoning.budget or budget_of(reasoning.effort), (budget,))
            said = True
        elif budget is not None and off and switch is None:
            self.inputs[budget], said = 0, True
        else:
            said = switch is not None
        if not said and "reasoning" not in {warning.what for warning in self._notes.warnings}:
            self._notes.drop("reasoning", self._lacking("reasoning"))
        if reasoning.display is not None and not off:
            self._notes.drop("reasoning display", "the model has no option for it")

    def _level(self, name: str, effort: str) -> bool:
        """Encode the effort, or the nearest one that the model has."""
        choices = self._schema.choices(name)
        nearest = nearest_effort(effort, [each for each in choices if isinstance(each, str)]) if choices else None
        if nearest is not None and nearest != effort:
            why = f"the model does not support the effort {effort!r}: {nearest!r} is the nearest"
            self._notes.clamp("reasoning", why)
            effort = nearest
        return self._set("reasoning", name, effort)

    def _set(self, field: str, name: str, value: Any) -> bool:
        choices = self._schema.choices(name)
        if choices is not None and value not in choices:
            self._notes.drop(field, f"the model accepts only {', '.join(map(str, choices))}")
            return False
        self.inputs[name] = value
        return True

    def _lacking(self, field: str) -> str:
        if self._schema.properties is None:
            return "the inputs of the model are unknown, so only a prompt is sent"
        return f"the model has no input for {field}"


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most:g}"
    return f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
