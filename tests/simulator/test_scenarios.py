"""Scenarios as they are written: those that come with the package, the manual's, and wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulator.scenarios import entries
from understudy.domain.errors import ConfigError
from understudy.domain.failures import FailureKind
from understudy.simulator import SCENARIOS, parse_scenario, simulate, simulate_seeds
from understudy.simulator.draws import Constant, Empirical, LogNormal, Uniform
from understudy.simulator.scenario import Behaviour
from understudy.simulator.shipped import text_of

MANUAL = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_shipped_scenario_runs(name: str) -> None:
    scenario = parse_scenario(text_of(name), name=name)
    assert scenario.config is not None
    assert set(scenario.targets) == {entry.entry for entry in scenario.config.providers}
    measures = simulate(scenario, scenario.config, 1, requests=600)
    assert not measures.violations, measures.notes
    assert measures.answered > 0.1 * measures.requests > 10
    assert measures.unpriced < measures.attempts


def test_every_shipped_file_is_listed() -> None:
    folder = Path(str(parse_scenario.__code__.co_filename)).parent / "scenarios"
    assert {path.stem for path in folder.glob("*.toml")} == set(SCENARIOS)


def test_the_scenario_of_the_manual_runs() -> None:
    text = re.search(r"```toml\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    scenario = parse_scenario(text[1], name="manual")
    assert scenario.config is not None
    measures = simulate(scenario, scenario.config, 1, requests=500)
    assert not measures.violations, measures.notes
    assert {"server_error", "connect"} <= set(measures.targets["primary"].failures)


def test_everything_that_can_be_written_is_read() -> None:
    text = """
        title = "All of it"
        duration = 10
        [traffic]
        rate = 2
        arrivals = "constant"
        steps = [{ at = 6, rate = 3 }, { at = 5, rate = 4.5 }]
        waves = [{ at = 1, callers = 7 }]
        deadline = 3
        stream = 0.25
        input_tokens = { uniform = [1, 9] }
        sessions = 4
        model = "a"
        task = "code"
        [targets.a]
        first_token = { lognormal = [0.5, 0] }
        tokens_per_second = { constant = 80 }
        output_tokens = { quantiles = { p99 = 90, p50 = 10 } }
        errors = { overloaded = 0.5, stall = 0.25 }
        price = { input = 1 }
        requests_per_minute = 1
        tokens_per_minute = 2
        requests_per_second = 3
        concurrency = 4
        hints = false
        [[incidents]]
        targets = ["a"]
        kind = "rate-limited"
        from = 1
        to = 9
        share = 0.5
        after = 0.25
        retry_after = 3
        every = 4
        recovery = 2
        cuts = true
        [[incidents]]
        targets = ["a"]
        kind = "slow"
        mean_between = 5
        [[incidents]]
        targets = ["a"]
        kind = "price"
        price = { input = 2 }
    """
    scenario = parse_scenario(text, name="all")
    assert (scenario.title, scenario.duration, scenario.config) == ("All of it", 10.0, None)
    traffic, model = scenario.traffic, scenario.targets["a"]
    assert (traffic.rate, traffic.poisson, traffic.deadline, traffic.stream, traffic.sessions) == (2, False, 3, 0.25, 4)
    assert (traffic.model, traffic.task, traffic.input_tokens) == ("a", "code", Uniform(1.0, 9.0))
    assert [(step.at, step.rate) for step in traffic.steps] == [(5, 4.5), (6, 3)]
    assert [(wave.at, wave.callers) for wave in traffic.waves] == [(1, 7)]
    assert (model.first_token, model.tokens_per_second) == (LogNormal(0.5, 0.0), Constant(80.0))
    assert model.output_tokens == Empirical((0.5, 0.99), (10.0, 90.0))
    assert model.errors == {FailureKind.OVERLOADED: 0.5, Behaviour.STALL: 0.25}
    limits = model.limits
    assert (limits.requests_per_minute, limits.tokens_per_minute, limits.requests_per_second) == (1, 2, 3)
    assert (limits.concurrency, limits.hints) == (4, False)
    first, second, third = scenario.incidents
    assert (first.kind, first.start, first.end, first.share) == (FailureKind.RATE_LIMITED, 1, 9, 0.5)
    assert (first.after, first.retry_after, first.every, first.lasts) == (0.25, 3, 4, 2)
    assert (first.recovery, first.cuts) == (2, True)
    assert (second.kind, second.mean_between, second.mean_length, second.factor) == (Behaviour.SLOW, 5, 60, 2)
    assert third.price is not None
    assert third.price.rates.input == 2_000_000_000


WRONG = {
    "duration = -5": "t.toml:1: duration must be greater than 0: duration = -5\n  for example: duration = 1800",
    'titel = "x"': 't.toml:1: unknown key "titel" in a scenario: titel = "x"\n  did you mean "title"?',
    "[traffic]\nrate = 'fast'": "t.toml:2: rate must be a number, not a string",
    "[traffic]\nrat = 1": 't.toml:2: unknown key "rat" in [traffic]: rat = 1\n  did you mean "rate"?',
    "[traffic]\nstream = 2": "t.toml:2: stream must be between 0 and 1: stream = 2",
    "[traffic]\narrivals = 'bursts'": "t.toml:2: unknown value for arrivals",
    "[traffic]\nwaves = [{ at = 1 }]": 't.toml:2: a wave has no "callers"',
    "[traffic]\nsteps = [{ at = 1, rate = 2, x = 3 }]": 't.toml:2: unknown key "x" in a step',
    "[traffic]\ninput_tokens = { lognormal = [1] }": "t.toml:2: input_tokens is not a valid distribution",
    "[targets.a]\nfirst_token = { uniform = [2, 1] }": "{ uniform = [0.2, 0.8] }",
    "[targets.a]\nfirst_token = { gauss = [2, 1] }": 't.toml:2: unknown distribution "gauss"',
    "[targets.a]\nfirst_token = 'soon'": "t.toml:2: first_token must be a number or a distribution",
    "[targets.a]\ntokens_per_second = 0": "t.toml:2: tokens_per_second must be greater than 0",
    "[targets.a]\noutput_tokens = { quantiles = { p50 = 9, p95 = 8 } }": "output_tokens is not a valid distribution",
    "[targets.a]\noutput_tokens = { quantiles = { half = 9 } }": "output_tokens is not a valid distribution",
    "[targets.a]\nerrors = { servererror = 0.1 }": 'unknown kind of error "servererror"',
    "[targets.a]\nerrors = { price = 0.1 }": 'unknown kind of error "price"',
    "[targets.a]\nerrors = { overloaded = 2 }": "overloaded must be between 0 and 1",
    "[targets.a]\nerrors = { overloaded = 0.6, dns = 0.6 }": "the shares of the errors sum to more than 1",
    "[targets.a]\nprice = { inptu = 3 }": 'unknown key "inptu" in the price',
    "[targets.a]\nspeed = 3": 't.toml:2: unknown key "speed" in [targets.a]',
    "[targets]\na = 3": "t.toml:2: a must be a table",
    "[[incidents]]\ntargets = ['b']\nkind = 'dns'\n[targets.a]": 't.toml:2: unknown target "b"',
    "[[incidents]]\nkind = 'dns'": 't.toml:1: the incident has no "targets"',
    "[[incidents]]\ntargets = ['a']\n[targets.a]": 't.toml:1: the incident has no "kind"',
    "[[incidents]]\nkind = 'outage'": "t.toml:2: unknown value for kind",
    "[[incidents]]\nkind = 'cancelled'": "t.toml:2: unknown value for kind",
}
OF_INCIDENTS = {
    "from = 5\nto = 5": "the incident ends before it begins",
    "every = 5\nlasts = 5": "lasts must be less than every",
    "lasts = 5": "lasts has no effect without every",
    "mean_length = 5": "mean_length has no effect without mean_between",
    "mean_between = 5\nevery = 5": "every and mean_between contradict each other",
    "factor = 5": "factor has no effect on dns",
    "price = { input = 1 }": "price has no effect on dns",
    "kind = 'price'": "the incident has no price",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_scenarios(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, name="t", source="t.toml")
    assert WRONG[text] in caught.value.message


@pytest.mark.parametrize("text", OF_INCIDENTS)
def test_wrong_incidents(text: str) -> None:
    kind = "" if "kind" in text else "kind = 'dns'\n"
    whole = f"duration = 10\n[targets.a]\n[[incidents]]\ntargets = ['a']\n{kind}{text}\n"
    with pytest.raises(ConfigError, match=OF_INCIDENTS[text]):
        parse_scenario(whole, name="t", source="t.toml")


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario("duration = 0\n[traffic]\nrate = -1\n", name="t")
    assert [line.split(":")[0] for line in caught.value.message.splitlines() if line[0] != " "] == ["t", "t", "t"]


def test_a_configuration_in_a_scenario_needs_no_key_and_is_checked() -> None:
    text = "duration = 5\n[targets.a]\n[[llm.providers]]\nprovider = 'anthropic'\nname = 'a'\n"
    scenario = parse_scenario(text, name="t", source="t.toml")
    assert scenario.config is not None
    assert [entry.entry for entry in scenario.config.providers] == ["a"]
    with pytest.raises(ConfigError, match=r"t.toml:4: unknown provider"):
        parse_scenario(text.replace("anthropic", "athropic"), name="t", source="t.toml")


def test_processes_do_not_change_the_result() -> None:
    text = "duration = 20\n[targets.a]\nerrors = { overloaded = 0.2 }\nprice = { input = 1, output = 1 }\n"
    text += entries("a", "b").replace('api_key = "k"', 'api_key = "${SOME_KEY}"')
    scenario = parse_scenario(text, name="t")
    assert scenario.config is not None
    alone = simulate_seeds(scenario, scenario.config, range(3), processes=1)
    together = simulate_seeds(scenario, scenario.config, range(3), processes=2)
    assert (alone.seeds, len(alone.traces)) == (3, 3)
    assert alone.traces == together.traces
    assert alone.values() == together.values()
