"""Which modules are mutated, and which tests can notice it, the quickest first."""

from __future__ import annotations

from pathlib import Path

CALL = (
    "tests/policy/test_call.py",
    "tests/policy/test_call_waits.py",
    "tests/policy/test_verdicts.py",
    "tests/policy/test_health.py",
    "tests/policy/test_shares.py",
    "tests/policy/test_budgets.py",
    "tests/policy/test_call_properties.py",
    "tests/scenarios/test_cooldowns.py",
    "tests/scenarios/test_fallback.py",
)
PLANS = ("tests/policy/test_strategies.py", "tests/engine/test_choosing.py")
SHELL = (
    "tests/scenarios/test_cooldowns.py",
    "tests/scenarios/test_fallback.py",
    "tests/engine",
    "tests/scenarios",
    "tests/hostile",
    "tests/network",
    "tests/pricing/test_calls.py",
    "tests/ledger",
    "tests/blocking/test_calls.py",
    "tests/blocking/test_streams.py",
)

SUITES: dict[str, tuple[str, ...]] = {
    "src/understudy/policy/backoff.py": CALL,
    "src/understudy/policy/batches.py": ("tests/policy/test_batches.py", "tests/engine/test_embedding.py"),
    "src/understudy/policy/budgets.py": ("tests/policy/test_budgets.py", *CALL),
    "src/understudy/policy/call.py": CALL,
    "src/understudy/policy/code.py": ("tests/policy/test_code.py", "tests/policy/test_strategies.py"),
    "src/understudy/policy/cost_order.py": PLANS,
    "src/understudy/policy/estimate.py": ("tests/policy/test_estimate.py", *PLANS),
    "src/understudy/policy/fitness.py": ("tests/policy/test_fitness.py", *PLANS),
    "src/understudy/policy/health.py": ("tests/policy/test_health.py", *CALL),
    "src/understudy/policy/plan.py": (*PLANS, "tests/cli/test_explain.py"),
    "src/understudy/policy/rotation.py": PLANS,
    "src/understudy/policy/signals.py": (*CALL, "tests/engine/test_choosing.py"),
    "src/understudy/policy/spaces.py": ("tests/policy/test_spaces.py", "tests/scenarios/test_embedding_spaces.py"),
    "src/understudy/policy/strategies.py": PLANS,
    "src/understudy/policy/targets.py": (*PLANS, *CALL),
    "src/understudy/policy/tasks.py": PLANS,
    "src/understudy/policy/tries.py": ("tests/policy/test_shares.py", *CALL),
    "src/understudy/policy/verdicts.py": ("tests/policy/test_verdicts.py", *CALL),
    "src/understudy/engine.py": SHELL,
    "src/understudy/attempt.py": SHELL,
    "src/understudy/flight.py": SHELL,
    "src/understudy/watch.py": SHELL,
    "src/understudy/background.py": SHELL,
    "src/understudy/transport.py": SHELL,
    "src/understudy/aio_transport.py": SHELL,
    "src/understudy/connection_failures.py": ("tests/test_transport_words.py", *SHELL),
}

NEEDED = ("src", "tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "Makefile")
"""What of the repository the tests read."""


def suite_of(root: Path, path: str) -> list[str]:
    """Return the tests of a module, each once."""
    return [test for test in dict.fromkeys(SUITES[path]) if (root / test).exists()]
