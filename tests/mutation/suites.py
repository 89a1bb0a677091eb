"""Which modules are mutated, and which tests can notice it, the quickest first."""

from __future__ import annotations

from pathlib import Path

from tests.mutation.fields import suite_of_fields

CALL = (
    "tests/policy/test_call.py",
    "tests/policy/test_call_waits.py",
    "tests/policy/test_call_breakers.py",
    "tests/policy/test_verdicts.py",
    "tests/policy/test_health.py",
    "tests/policy/test_key_pools.py",
    "tests/policy/test_midstream.py",
    "tests/policy/test_hedging.py",
    "tests/policy/test_shares.py",
    "tests/policy/test_budgets.py",
    "tests/policy/test_call_properties.py",
)
"""What pure tests alone notice: a mutant of the policy that only a scenario kills is a gap in its own tests."""
PLANS = (
    "tests/policy/test_strategies.py",
    "tests/policy/test_eligibility.py",
    "tests/policy/test_spreading.py",
    "tests/policy/test_affinity.py",
)
ROUTES = (
    "tests/policy/test_selection.py",
    "tests/engine/test_choosing.py",
    "tests/config/test_routes.py",
    "tests/scenarios/test_entries.py",
    "tests/scenarios",
)
DRIVE = (
    "tests/engine/test_run.py",
    "tests/engine/test_virtual_time.py",
    "tests/scenarios/test_fallback.py",
    "tests/scenarios/test_cooldowns.py",
    "tests/engine/test_silence.py",
    "tests/engine/test_closing.py",
    "tests/engine/test_streamed_inside.py",
    "tests/engine/test_foreign_faults.py",
    "tests/engine/test_pauses.py",
    "tests/ledger",
    "tests/pricing/test_calls.py",
    "tests/pricing/test_streams.py",
    "tests/engine",
    "tests/hostile/test_failover.py",
    "tests/hostile/test_callers.py",
    "tests/scenarios",
    "tests/hostile/test_fault_matrix.py",
)
CONNECTION = (
    "tests/test_transport_words.py",
    "tests/hostile/test_connections.py",
    "tests/hostile/test_connecting.py",
    "tests/hostile/test_aiohttp_names.py",
    "tests/hostile/test_http1.py",
    "tests/hostile/test_desync.py",
    "tests/hostile/test_malformed_http.py",
    "tests/network",
    "tests/engine/test_closing.py",
    "tests/scenarios/test_fallback.py",
    "tests/hostile/test_failover.py",
    "tests/hostile/test_fault_matrix.py",
)
CLASSIFICATION = (
    "tests/classification/test_cases.py",
    "tests/classification/test_servers.py",
    "tests/classification/test_phrases.py",
)
"""Without the test that any change of a row changes the version."""

SUITES: dict[str, tuple[str, ...]] = {
    "src/understudy/policy/affinity.py": ("tests/policy/test_affinity.py", *PLANS),
    "src/understudy/policy/backoff.py": ("tests/policy/test_call_waits.py", *CALL),
    "src/understudy/policy/batches.py": ("tests/policy/test_batches.py", "tests/engine/test_embedding.py"),
    "src/understudy/policy/breaker.py": ("tests/policy/test_breaker.py", *CALL),
    "src/understudy/policy/budgets.py": ("tests/policy/test_budgets.py", *CALL),
    "src/understudy/policy/call.py": CALL,
    "src/understudy/policy/code.py": ("tests/policy/test_code.py", "tests/policy/test_strategies.py"),
    "src/understudy/policy/commitment.py": ("tests/policy/test_midstream.py", *CALL),
    "src/understudy/policy/cooldowns.py": ("tests/policy/test_health.py", *CALL, "tests/policy/test_probing.py"),
    "src/understudy/policy/cost_order.py": ("tests/policy/test_strategies.py", *PLANS),
    "src/understudy/policy/eligibility.py": ("tests/policy/test_eligibility.py", *PLANS),
    "src/understudy/policy/embedding_spaces.py": (
        "tests/policy/test_embedding_spaces.py",
        "tests/scenarios/test_embedding_spaces.py",
    ),
    "src/understudy/policy/estimate.py": ("tests/policy/test_estimate.py", *PLANS),
    "src/understudy/policy/health.py": ("tests/policy/test_health.py", *CALL, "tests/policy/test_probing.py"),
    "src/understudy/policy/changes.py": ("tests/policy/test_kept_orders.py",),
    "src/understudy/policy/flows.py": ("tests/policy/test_health.py", *CALL),
    "src/understudy/policy/kept_orders.py": ("tests/policy/test_kept_orders.py", *PLANS),
    "src/understudy/policy/key_pools.py": ("tests/policy/test_key_pools.py", *CALL),
    "src/understudy/policy/lengths.py": ("tests/policy/test_kept_costs.py", "tests/policy/test_health.py"),
    "src/understudy/policy/latencies.py": ("tests/policy/test_spreading.py", *CALL),
    "src/understudy/policy/latency_order.py": ("tests/policy/test_spreading.py", *PLANS),
    "src/understudy/policy/pace.py": ("tests/policy/test_pace.py",),
    "src/understudy/policy/picker.py": CALL,
    "src/understudy/policy/plan.py": (*PLANS, "tests/cli/test_explain.py"),
    "src/understudy/policy/probing.py": ("tests/policy/test_probing.py",),
    "src/understudy/policy/ranking.py": ("tests/policy/test_kept_orders.py",),
    "src/understudy/policy/retries.py": CALL,
    "src/understudy/policy/round_robin.py": ("tests/policy/test_spreading.py", *PLANS),
    "src/understudy/policy/selection.py": ("tests/policy/test_selection.py",),
    "src/understudy/policy/signals.py": (*CALL, *PLANS),
    "src/understudy/policy/spending.py": ("tests/policy/test_spending.py",),
    "src/understudy/policy/spreading.py": ("tests/policy/test_spreading.py", *PLANS),
    "src/understudy/policy/strategies.py": PLANS,
    "src/understudy/policy/targets.py": (*PLANS, *CALL),
    "src/understudy/policy/tasks.py": ("tests/policy/test_strategies.py", *PLANS),
    "src/understudy/policy/tries.py": ("tests/policy/test_shares.py", *CALL),
    "src/understudy/policy/verdicts.py": ("tests/policy/test_verdicts.py", *CALL),
    "src/understudy/dialects/classification/codes.py": CLASSIFICATION,
    "src/understudy/dialects/classification/rows.py": CLASSIFICATION,
    "src/understudy/dialects/classification/statuses.py": CLASSIFICATION,
    "src/understudy/dialects/classification/words.py": CLASSIFICATION,
    "src/understudy/client/calls.py": DRIVE,
    "src/understudy/planning/catalog.py": ROUTES,
    "src/understudy/planning/planner.py": ROUTES,
    "src/understudy/planning/facts.py": ROUTES,
    "src/understudy/planning/route_state.py": ROUTES,
    "src/understudy/planning/single.py": ROUTES,
    "src/understudy/engine/accounting.py": DRIVE,
    "src/understudy/engine/custom_backend.py": ("tests/engine/test_foreign_faults.py", *DRIVE),
    "src/understudy/engine/http_backend.py": ("tests/engine/test_backends.py", *DRIVE),
    "src/understudy/engine/engine.py": DRIVE,
    "src/understudy/engine/inbox.py": DRIVE,
    "src/understudy/engine/performing.py": DRIVE,
    "src/understudy/engine/run.py": DRIVE,
    "src/understudy/engine/attempt.py": DRIVE,
    "src/understudy/engine/attempt_stream.py": DRIVE,
    "src/understudy/engine/http_attempt.py": DRIVE,
    "src/understudy/engine/inner_streams.py": DRIVE,
    "src/understudy/engine/watch.py": DRIVE,
    "src/understudy/engine/background.py": DRIVE,
    "src/understudy/transport/base.py": CONNECTION,
    "src/understudy/transport/aiohttp_transport.py": CONNECTION,
    "src/understudy/transport/connections.py": CONNECTION,
    "src/understudy/transport/connection_failures.py": CONNECTION,
    "src/understudy/transport/name_lookup.py": CONNECTION,
}

NEEDED = ("src", "tests", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "Makefile")
"""What of the repository the tests read."""


def suite_of(root: Path, path: str) -> list[str]:
    """Return the tests of a module, each once, as arguments of pytest."""
    if path not in SUITES:
        return suite_of_fields(root, path)
    return [test for test in dict.fromkeys(SUITES[path]) if (root / test).exists()]
