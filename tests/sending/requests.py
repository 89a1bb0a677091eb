"""Random requests: a conversation, tools, a form of the answer, and options of every kind."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import understudy as u
from tests.sending.conversations import NAMES, conversations, marks
from tests.sending.shapes import roots, schemas
from understudy.client.prompt import read_prompt
from understudy.domain.requests import EFFORTS

tools = st.lists(
    st.builds(
        u.Tool,
        name=st.sampled_from(NAMES),
        description=st.sampled_from((None, "", "Do a thing.")),
        parameters=st.one_of(st.none(), schemas),
        strict=st.sampled_from((None, None, True, False)),
        cache=marks,
    ),
    max_size=3,
    unique_by=lambda tool: tool.name,
)

OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "max_tokens": st.sampled_from((1, 16, 1000, 100_000)),
    "temperature": st.sampled_from((0, 0.0, 0.7, 1, 1.5, 2)),
    "top_p": st.sampled_from((0.0, 0.001, 0.5, 1)),
    "top_k": st.sampled_from((1, 40, 1000)),
    "min_p": st.sampled_from((0.0, 0.1)),
    "presence_penalty": st.sampled_from((-2, -0.5, 0, 1.5)),
    "frequency_penalty": st.sampled_from((-1.0, 0.5, 2)),
    "seed": st.sampled_from((0, 42, -1, 2**40)),
    "stop": st.sampled_from((["END"], ["a", "b", "c", "d", "e", "f"], ["\n"], [" ", "x"], ["x" * 300])),
    "logprobs": st.booleans(),
    "top_logprobs": st.sampled_from((0, 3, 20)),
    "logit_bias": st.just({"50256": -100}),
    "reasoning": st.one_of(
        st.sampled_from(EFFORTS),
        st.builds(u.Reasoning, budget=st.sampled_from((0, 100, 1024, 50_000))),
        st.builds(u.Reasoning, mode=st.sampled_from(("adaptive", "enabled", "disabled", "between_tools"))),
        st.builds(u.Reasoning, effort=st.sampled_from(("low", "high")), display=st.sampled_from(("auto", "omitted"))),
    ),
    "verbosity": st.sampled_from(("low", "high")),
    "service_tier": st.sampled_from(("auto", "flex", "priority")),
    "user": st.sampled_from(("u1", "u" * 300, "ann@example.com")),
    "cache_key": st.sampled_from(("k", "k" * 200)),
    "metadata": st.sampled_from(({"a": "b"}, {f"k{n}": "v" for n in range(20)}, {"k" * 80: "v" * 600})),
    "parallel_tool_calls": st.booleans(),
}


@st.composite
def requests(draw: st.DrawFn) -> u.GenerationRequest:
    """Return a request as the door lets it in."""
    options: dict[str, Any] = {
        name: draw(strategy) for name, strategy in OPTIONS.items() if draw(st.integers(0, 5)) == 5
    }
    offered = draw(tools)
    if offered:
        options["tools"] = offered
        if draw(st.booleans()):
            choices: list[Any] = ["auto", "none", "required", offered[0].name]
            options["tool_choice"] = draw(st.sampled_from(choices))
    if draw(st.integers(0, 2)) == 2:
        options["schema"] = draw(roots)
    elif draw(st.integers(0, 9)) == 9:
        options["output"] = u.OutputFormat(kind="json_object")
    messages = draw(conversations())
    return read_prompt(messages, options).request  # type: ignore[arg-type]  # as read from a caller's keywords
