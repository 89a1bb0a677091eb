"""Coding agents perform a task, against emulated vendors that examine what they get, and through the gateway.

With `--deep` and a folder in which the agents are installed only (README.md); otherwise skipped with the reason.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.agents import sweep
from tests.agents.installing import FOLDER, PACKAGES
from tests.agents.roster import AGENTS, answers
from tests.agents.running import complaints, refusals, run
from tests.agents.scenario import Report, Scenario, Strike
from tests.agents.task import SHORT, SHORT_TREE, TASK, TREE, Edit, Run, Steps, Write


def perform(steps: tuple[Steps, ...], folder: Path) -> dict[str, str]:
    """Perform a task by hand, and return the files."""
    for step in steps:
        match step:
            case Write(path, content):
                (folder / path).write_text(content, encoding="utf-8")
            case Edit(path, old, new):
                text = (folder / path).read_text(encoding="utf-8")
                assert f"\n{text}".count(f"\n{old}\n") == 1
                (folder / path).write_text(text.replace(old, new), encoding="utf-8")
            case Run(command):
                subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_trees_are_those_of_the_task(tmp_path: Path) -> None:
    assert perform(SHORT, tmp_path) == SHORT_TREE
    assert perform(TASK[len(SHORT) :], tmp_path) == TREE
    assert TASK[: len(SHORT)] == SHORT
    assert len(TASK) >= 30


@pytest.mark.parametrize("name", AGENTS)
def test_each_step_is_a_call(name: str) -> None:
    script = answers(AGENTS[name], [SHORT, TASK[len(SHORT) :]], Path("/work"), "anthropic")
    calls = [call for answer in script if not isinstance(answer, str) for call in _listed(answer)]
    assert all(isinstance(json.loads(call.arguments), dict) for call in calls)
    assert len(calls) == sum(len(_listed(steps)) for steps in TASK)


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def test_the_sweep_has_every_step_fault_and_phase_once() -> None:
    for agent in sweep.SWEPT:
        scenarios = sweep.whole([agent])
        played = Counter((each.fault, each.step, each.phase) for scenario in scenarios for each in scenario.strikes)
        assert set(played.values()) == {1}
        assert len(played) == sweep.steps_of(agent, TASK) * 13
        firsts = Counter(scenario.vendors[0] for scenario in scenarios)
        assert max(firsts.values()) - min(firsts.values()) <= 1
    again = [scenario.label for scenario in sweep.whole(rounds=3)]
    assert len(again) == len(set(again)) == len(sweep.SWEPT) * 3 * 13 * 3


def test_the_short_sweep_has_every_step_and_fault_once() -> None:
    played = Counter((each.fault, each.step) for scenario in sweep.short("claude") for each in scenario.strikes)
    assert set(played.values()) == {1}
    assert len(played) == (len(SHORT) + 1) * 4


ALL = "UNDERSTUDY_AGENTS_ALL"
"""The variable that, set, runs the tests which take too long for every day."""


def need(name: str, deep: bool, *, long: bool = False) -> None:
    if not deep or not os.environ.get(FOLDER):
        pytest.skip(f"needs --deep, and {FOLDER}: a folder for the agents, which take a gigabyte")
    if long and not os.environ.get(ALL):
        pytest.skip(f"needs {ALL}=1: this takes minutes")
    if reason := PACKAGES[AGENTS[name].program].missing():
        pytest.skip(reason)


def check(scenario: Scenario, deep: bool, *, long: bool = False) -> Report:
    need(scenario.agent, deep, long=long)
    report = run(scenario)
    assert complaints(report) == [], report.output
    return report


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_works_with_its_emulated_vendor(name: str, deep: bool) -> None:
    check(Scenario(agent=name), deep, long=True)


LATE, ONCE = 20, 26
"""Steps in the second part of the task; the second is a command that must not run twice."""


@pytest.mark.parametrize(("name", "vendors"), list(zip(AGENTS, itertools.cycle(sweep.ROUNDS), strict=False)))
def test_an_agent_does_not_notice_that_its_vendors_fail(name: str, vendors: tuple[str, ...], deep: bool) -> None:
    """One dies, and another falls silent when the call is complete, but not the answer."""
    strikes = (Strike("killed", LATE, 3), Strike("stalled", ONCE, 8))
    check(Scenario(agent=name, vendors=vendors, strikes=strikes), deep)


@pytest.mark.parametrize("scenario", sweep.short("claude"), ids=lambda scenario: scenario.label)
def test_an_agent_does_not_notice_any_fault_at_any_step(scenario: Scenario, deep: bool) -> None:
    check(scenario, deep, long=True)


def test_a_session_goes_home_with_the_next_turn(deep: bool) -> None:
    """The first vendor is sent the end of the first turn as another told it, and goes on from there."""
    vendors, back = ("anthropic", "openai", "google"), len(SHORT) + 1
    scenario = Scenario(agent="claude", vendors=vendors, strikes=(Strike("cut", 5, 3),), size="turns")
    report = check(scenario, deep)
    by = {each.step: each.vendor for each in report.requests if each.fault is None and each.step is not None}
    assert [by[step] for step in (4, 5, back - 1, back, len(TASK))] == [
        "anthropic", "openai", "openai", "anthropic", "anthropic",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("claude", "openai", "anthropic"),
        ("codex", "openai", "anthropic"),
        ("opencode", "openai", "anthropic"),
        # The gateway makes the first summary, and seals it: the next vendor opens it, and OpenAI makes its own later.
        ("codex-openai", "anthropic", "google"),
        ("codex-openai", "anthropic", "openai"),
    ],
)
def test_an_agent_goes_on_from_summaries_at_another_vendor(name: str, first: str, second: str, deep: bool) -> None:
    check(Scenario(agent=name, vendors=(first, second), strikes=(Strike("cut", 14, 3),), size="compacted"), deep)


def test_codex_has_openai_summarize_its_conversations(deep: bool) -> None:
    report = check(Scenario(agent="codex-openai", vendors=("openai", "anthropic"), size="compacted"), deep)
    assert {each.vendor for each in report.requests} == {"openai"}
    assert report.warnings == ()


def test_what_openai_summarized_is_left_out_elsewhere_with_a_warning(deep: bool) -> None:
    """Another vendor begins anew, from the messages of the user that Codex keeps."""
    need("codex-openai", deep)
    killed = (Strike("killed", 14, 3),)
    report = run(Scenario(agent="codex-openai", vendors=("openai", "anthropic"), strikes=killed, size="compacted"))
    assert (report.codes, refusals(report)) == ((0,), []), report.output
    assert any(each.vendor == "anthropic" and each.outcome == "answered" for each in report.requests)
    assert any("opaque part" in warning for warning in report.warnings), report.warnings


@pytest.mark.parametrize("name", PACKAGES)
def test_an_interrupted_agent_leaves_its_vendor(name: str, deep: bool) -> None:
    need(name, deep)
    silent = (Strike("stalled", 3, 2),)
    report = run(Scenario(agent=name, vendors=("openai", "anthropic"), strikes=silent, size="short", cancelled=True))
    assert report.left_after is not None, report.output
    assert report.left_after <= 1.0
    assert [each.outcome for each in report.requests if each.fault] == ["client_left"]
    assert not any(each.vendor == "anthropic" for each in report.requests), "nobody wants the answer any more"
