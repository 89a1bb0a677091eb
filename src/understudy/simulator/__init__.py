"""Runs the real engine on virtual time against modelled providers: a year of outages in a minute, seed by seed.

The manager, planner, policy, run, health, budgets and records are those that serve real requests. Only the providers
are modelled, below the wire formats, and the clock is virtual. See docs/simulator.md.
"""

from understudy.simulator.assertions import Assertion, read_assertion
from understudy.simulator.measures import Measures
from understudy.simulator.reading import load_scenario, parse_scenario
from understudy.simulator.run import simulate
from understudy.simulator.scenario import Scenario
from understudy.simulator.seeds import simulate_seeds
from understudy.simulator.shipped import SCENARIOS

__all__ = [
    "SCENARIOS",
    "Assertion",
    "Measures",
    "Scenario",
    "load_scenario",
    "parse_scenario",
    "read_assertion",
    "simulate",
    "simulate_seeds",
]
