"""The keys of every table of a scenario, and what they mean. docs/simulator.md is generated from here."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.config.schema import PRICE
from understudy.domain.rules import Rule
from understudy.simulator.scenario import FAILURES, Behaviour

KINDS = (*Behaviour, *FAILURES)
"""What an incident may be, and an error."""

SCENARIO: Mapping[str, Rule] = {
    "title": Rule("string", '"The primary is down"', "what the scenario shows, in a line", "the file's name"),
    "duration": Rule(
        "number", "1800", "how long requests arrive; the last are answered after it", positive=True, unit="seconds"
    ),
    "traffic": Rule("table", "{ rate = 5 }", "the requests: how many, and from whom", "one request a second"),
    "targets": Rule("table", "{ primary = { output_tokens = 200 } }", "how each target behaves when all is well"),
    "incidents": Rule(
        "tables", '[{ targets = ["primary"], kind = "server_error" }]', "what happens to targets", "nothing"
    ),
    "llm": Rule(
        "table",
        '{ providers = [{ provider = "openai" }] }',
        "the configuration that applies without `--config`, as in understudy.toml",
        "required without `--config`",
    ),
}
"""The keys of the file itself."""

TRAFFIC: Mapping[str, Rule] = {
    "rate": Rule("number", "5", "requests a second", "1", least=0),
    "arrivals": Rule(
        "string",
        '"poisson"',
        "`poisson`: at random intervals; `constant`: at equal ones",
        "`poisson`",
        choices=("poisson", "constant"),
    ),
    "steps": Rule("tables", "[{ at = 600, rate = 50 }]", "from a time on, another rate", "none"),
    "waves": Rule("tables", "[{ at = 10, callers = 200 }]", "callers who all ask at the same time", "none"),
    "deadline": Rule("number", "30", "how long a caller waits", "as configured", positive=True, unit="seconds"),
    "stream": Rule("number", "0.5", "the share of callers who stream", "0", least=0, most=1),
    "input_tokens": Rule("table", "500", "tokens of a prompt; a number or a distribution", "500"),
    "sessions": Rule("integer", "20", "conversations to which the requests belong", "none", least=0),
    "model": Rule("string", '"cheap"', "the `model` of every call: an entry, `entry/model` or a route", "none"),
    "task": Rule("string", '"code"', "the `task` of every call", "none"),
}
"""The keys of `[traffic]`."""

STEP: Mapping[str, Rule] = {
    "at": Rule("number", "600", "from when on", least=0, unit="seconds"),
    "rate": Rule("number", "50", "requests a second", least=0),
}
WAVE: Mapping[str, Rule] = {
    "at": Rule("number", "10", "when they ask", least=0, unit="seconds"),
    "callers": Rule("integer", "200", "how many ask", least=1),
}

TARGET: Mapping[str, Rule] = {
    "first_token": Rule(
        "table",
        "{ lognormal = [0.5, 0.35] }",
        "seconds until the first token; a number or a distribution",
        "`{ lognormal = [0.5, 0.35] }`",
    ),
    "tokens_per_second": Rule("table", "80", "speed of the answer; a number or a distribution", "80"),
    "output_tokens": Rule("table", "200", "tokens of an answer; a number or a distribution", "200"),
    "errors": Rule(
        "table", "{ server_error = 0.01 }", "the share of requests that fails, by kind; kinds as below", "none"
    ),
    "price": Rule("table", "{ input = 1, output = 2 }", "dollars per million tokens, as in an entry", "the entry's"),
    "requests_per_minute": Rule("number", "600", "above it requests fail with `rate_limited`", "none", positive=True),
    "tokens_per_minute": Rule("number", "100000", "the same for tokens of prompts", "none", positive=True),
    "requests_per_second": Rule(
        "number",
        "50",
        "above it *every* request fails with `overloaded`, refused ones counted: a server that its own refusals choke",
        "none",
        positive=True,
    ),
    "concurrency": Rule("integer", "20", "requests at once; the others fail with `overloaded`", "none", least=1),
    "hints": Rule("flag", "true", "whether `rate_limited` states when to retry", "`true`"),
}
"""The keys of `[targets.NAME]`."""

INCIDENT: Mapping[str, Rule] = {
    "targets": Rule("names", '["primary", "backup"]', "the targets to which it happens, at the same times"),
    "kind": Rule("string", '"server_error"', f"one of {', '.join(f'`{kind}`' for kind in KINDS)}", choices=KINDS),
    "from": Rule("number", "300", "when it begins", "0", least=0, unit="seconds"),
    "to": Rule("number", "600", "when it ends", "the end of the simulation", positive=True, unit="seconds"),
    "share": Rule("number", "0.3", "the share of requests that is affected: a brown-out", "1", least=0, most=1),
    "after": Rule(
        "number", "0.1", "how long a request takes to fail", "as usual for its kind", least=0, unit="seconds"
    ),
    "retry_after": Rule("number", "3", "what the failure asks to wait", "no hint", positive=True, unit="seconds"),
    "every": Rule(
        "number", "20", "it comes again and again, once in this time: flapping", "once", positive=True, unit="seconds"
    ),
    "lasts": Rule("number", "10", "with `every`: how long each time", "half of `every`", positive=True, unit="seconds"),
    "recovery": Rule(
        "number", "120", "after the end, the share falls to 0 evenly in this time", "0", least=0, unit="seconds"
    ),
    "mean_between": Rule(
        "number",
        "86400",
        "it happens at random: the mean time from one end to the next beginning",
        "at its fixed time",
        positive=True,
        unit="seconds",
    ),
    "mean_length": Rule("number", "600", "with `mean_between`: the mean length", "60", positive=True, unit="seconds"),
    "factor": Rule("number", "5", "for `slow`: how many times as long answers take", "2", positive=True),
    "price": Rule("table", "{ input = 5, output = 20 }", "for `price`: the price that applies"),
    "cuts": Rule("flag", "true", "whether requests under way are interrupted when it begins", "`false`"),
}
"""The keys of `[[incidents]]`."""

DISTRIBUTIONS: Mapping[str, str] = {
    "constant": "`{ constant = 0.5 }`, or just the number",
    "uniform": "`{ uniform = [0.2, 0.8] }`: from, to",
    "lognormal": "`{ lognormal = [0.5, 0.35] }`: median, standard deviation of the logarithm",
    "quantiles": "`{ quantiles = { p50 = 0.4, p95 = 1.2, p99 = 3 } }`: as measured",
}
"""The distributions, and how each is written."""

KNOWN = frozenset({*SCENARIO, *TRAFFIC, *STEP, *WAVE, *TARGET, *INCIDENT, *DISTRIBUTIONS, *KINDS, *PRICE})
"""All keys of all tables but those of `[llm]`."""
