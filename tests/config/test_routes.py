"""Reading `[llm.tasks]` and `[[llm.routes]]`."""

from __future__ import annotations

import pytest

from understudy.config import Config, NoticeKind
from understudy.config.reading import parse
from understudy.domain.errors import ConfigError
from understudy.settings import FallbackStrategy

ENTRIES = """
[[llm.providers]]
name = "primary"
provider = "openai"
api_key = "sk-x"

[[llm.providers]]
name = "local"
provider = "ollama"
text_model = "llama3.2"
"""
DISABLED = """
[[llm.providers]]
name = "away"
provider = "groq"
api_key = "${NOT_SET}"
"""


def read(text: str) -> Config:
    return parse(ENTRIES + text, source="f.toml", environ={})


def wrong(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value)


def test_tasks_are_part_of_what_happens_when_a_call_is_made() -> None:
    config = read('[llm.fallback]\nstrategy = "task-based"\n[llm.tasks]\ncode = ["primary/gpt-5", "local"]\n')
    assert config.fallback.strategy is FallbackStrategy.TASK_BASED
    assert config.fallback.tasks == {"code": ("primary/gpt-5", "local")}


def test_a_route_takes_what_it_does_not_say_from_the_fallback() -> None:
    config = read(
        "[llm.fallback]\nmax_retries = 2\ndeadline = 9\n"
        '[[llm.routes]]\nname = "cheap"\ntargets = ["local"]\nstrategy = "cost_optimized"\ndeadline = 30\n'
    )
    (route,) = config.routes
    assert (route.name, route.targets) == ("cheap", ("local",))
    assert route.fallback.strategy is FallbackStrategy.COST_OPTIMIZED
    assert (route.fallback.max_retries, route.fallback.deadline) == (2, 30)
    assert config.fallback.deadline == 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[llm.routes]]\nname = "a"\ntargets = ["primery"]', 'f.toml:13: unknown entry or model "primery"'),
        ('[[llm.routes]]\nname = "a"\ntargets = ["primery"]', 'did you mean "primary"?'),
        ('[[llm.routes]]\nname = "a"', 'the route has no "targets"'),
        ('[[llm.routes]]\nname = "a"\ntargets = []', "targets must be a list of at least one string"),
        ('[[llm.routes]]\nname = "local"\ntargets = ["local"]', "an entry or another route has this name"),
        ('[[llm.routes]]\nname = "a"\ntargets = ["local", "local"]', '"local" is listed twice'),
        ('[[llm.routes]]\nname = "a"\ntargets = ["local"]\nstrategi = "priority"', 'unknown key "strategi"'),
        ('[[llm.routes]]\nname = "a"\ntargets = ["local"]\nstrategy = "cheapest"', "unknown value for strategy"),
        ('[[llm.routes]]\nname = "a/b"\ntargets = ["local"]', "a name must not contain a slash"),
        ('[[llm.routes]]\nname = "a"\ntargets = ["local/"]', '"local/" lacks a model after the slash'),
        ("[llm.routes]\na = 1", "llm.routes must be a list of tables"),
        ('[llm.tasks]\ncode = "local"', "code must be a list of at least one string, not a string"),
        ('[llm.tasks]\ncode = ["lokal"]', 'did you mean "local"?'),
        ('[llm.fallback]\nstrategy = "task_based"', "task_based needs tasks"),
        ('[llm.fallback]\nunknown_prices = "never"', "unknown value for unknown_prices"),
    ],
)
def test_mistakes_are_told_with_line_and_way_out(text: str, says: str) -> None:
    assert says in wrong(text)


def test_targets_whose_key_is_missing_are_left_out_and_told() -> None:
    config = read(
        DISABLED + '[[llm.routes]]\nname = "a"\ntargets = ["away", "local"]\n[[llm.routes]]\nname = "b"\n'
        'targets = ["away"]\n'
    )
    assert [(route.name, route.targets) for route in config.routes] == [("a", ("local",))]
    told = [notice.what for notice in config.notices if notice.kind is NoticeKind.IGNORED]
    assert len(told) == 2
    assert all("away is left out: " in what for what in told)


def test_tasks_whose_targets_are_all_disabled_leave_the_order_by_priority() -> None:
    config = read(DISABLED + '[llm.fallback]\nstrategy = "task_based"\n[llm.tasks]\ncode = ["away"]\n')
    assert config.fallback.tasks == {}
    assert any("away is left out" in notice.what for notice in config.notices)


def test_tasks_without_their_strategy_are_told() -> None:
    config = read('[llm.tasks]\ncode = ["local"]\n')
    assert [notice.what for notice in config.notices if "tasks" in notice.what] == ["[llm.tasks] has no effect"]


FLAGS = {"hedge_after": "hedge", "probe_interval": "active_probes", "affinity_lifetime": "affinity"}
ROUTE = '[[llm.routes]]\nname = "a"\ntargets = ["primary"]\n'


@pytest.mark.parametrize("limit", FLAGS)
def test_a_limit_without_its_flag_is_told(limit: str) -> None:
    def ignored(text: str) -> list[str]:
        return [str(notice) for notice in read(text).notices if notice.kind is NoticeKind.IGNORED]

    flag = FLAGS[limit]
    (told,) = ignored(f"[llm.fallback]\n{limit} = 2\n{ROUTE}")
    assert f"{limit} has no effect" in told
    assert f"set {flag} = true to use it" in told
    (told,) = ignored(f"[llm.fallback]\n{flag} = true\n{limit} = 2\n{ROUTE}{flag} = false\n{limit} = 3\n")
    assert f":{len(ENTRIES.splitlines()) + 8}: {limit} has no effect" in told
    # A flag or a limit of all targets applies to routes too.
    assert not ignored(f"[llm.fallback]\n{flag} = true\n{limit} = 2\n{ROUTE}{limit} = 3\n")
    assert not ignored(f"[llm.fallback]\n{limit} = 2\n{ROUTE}{flag} = true\n")
    assert not ignored(f"[llm.fallback]\n{limit} = 2\n{flag} = true\n")


def test_names_may_hold_references() -> None:
    config = parse(
        ENTRIES + '[[llm.routes]]\nname = "a"\ntargets = ["primary/${MODEL}"]\n', environ={"MODEL": "gpt-5-nano"}
    )
    assert config.routes[0].targets == ("primary/gpt-5-nano",)
