"""The table of metrics: docs/metrics.md is drawn from it, and rules and the dashboard may name nothing else."""

from __future__ import annotations

from understudy.telemetry.prometheus.text import Family, Kind

_TARGET = ("entry", "model", "operation")

BUILD = Family(name="understudy_build", kind=Kind.INFO, labels=("version",), help="The version that runs.")

REQUESTS = Family(
    name="understudy_requests",
    kind=Kind.COUNTER,
    labels=("face", "outcome"),
    help="Requests of callers that have ended, by the wire format they spoke and by outcome: answered, refused, "
    "failed, interrupted, client_left or shutdown.",
)
RESPONSES = Family(
    name="understudy_responses",
    kind=Kind.COUNTER,
    labels=("face", "status"),
    help="Requests of callers that have ended, by the HTTP status of the answer.",
)
REQUEST_DURATION = Family(
    name="understudy_request_duration_seconds",
    kind=Kind.HISTOGRAM,
    labels=("face",),
    help="How long requests of callers took, to the end of the answer.",
)
REQUESTS_IN_FLIGHT = Family(
    name="understudy_requests_in_flight", kind=Kind.GAUGE, help="Requests of callers that are being answered."
)
REQUESTS_WAITING = Family(
    name="understudy_requests_waiting",
    kind=Kind.GAUGE,
    help="Requests of which no attempt is under way: they wait before the next one.",
)

ATTEMPTS = Family(
    name="understudy_attempts",
    kind=Kind.COUNTER,
    labels=(*_TARGET, "outcome"),
    help="Attempts at a target that have ended: succeeded, failed, or aborted because the caller left or another "
    "attempt won.",
)
FAILURES = Family(
    name="understudy_attempt_failures",
    kind=Kind.COUNTER,
    labels=(*_TARGET, "kind"),
    help="Failed attempts by kind of failure, such as rate_limited.",
)
TOKENS = Family(
    name="understudy_tokens",
    kind=Kind.COUNTER,
    labels=(*_TARGET, "class"),
    help="Tokens, as far as they are known: input (neither read from a cache nor written to one), cache_read, "
    "cache_write, output (without thinking) and reasoning. No token is in two classes.",
)
COST = Family(
    name="understudy_cost_usd",
    kind=Kind.COUNTER,
    labels=_TARGET,
    help="What attempts cost in US dollars, as far as it is known.",
)
UNKNOWN_COSTS = Family(
    name="understudy_unknown_cost_attempts",
    kind=Kind.COUNTER,
    labels=_TARGET,
    help="Attempts that may have been billed, for an unknown amount.",
)
ATTEMPT_DURATION = Family(
    name="understudy_attempt_duration_seconds",
    kind=Kind.HISTOGRAM,
    labels=_TARGET,
    help="How long successful attempts took, to the end of the answer.",
)
FIRST_CONTENT = Family(
    name="understudy_first_content_seconds",
    kind=Kind.HISTOGRAM,
    labels=_TARGET,
    help="How long successful streams took until their first content.",
)
TOKEN_GAP = Family(
    name="understudy_token_gap_seconds",
    kind=Kind.HISTOGRAM,
    labels=_TARGET,
    help="The mean time between two tokens of each successful stream, after its first content.",
)
ATTEMPTS_IN_FLIGHT = Family(
    name="understudy_attempts_in_flight", kind=Kind.GAUGE, labels=_TARGET, help="Attempts at a target under way."
)

TARGET = Family(
    name="understudy_target",
    kind=Kind.INFO,
    labels=(*_TARGET, "provider"),
    help="The provider type of each target.",
)
STATE = Family(
    name="understudy_target_state",
    kind=Kind.GAUGE,
    labels=(*_TARGET, "state"),
    help="1 for the state of a target, 0 for each other: closed (it is asked), half_open (one request probes it), "
    "cooldown (the provider asked to wait, or refuses the key), open (it failed again and again), draining, disabled. "
    "Of several workers the worst state counts, which is the last in this order.",
)
BLOCKED = Family(
    name="understudy_target_blocked_workers",
    kind=Kind.GAUGE,
    labels=_TARGET,
    help="Worker processes that do not ask a target at the moment.",
)
COOLDOWN = Family(
    name="understudy_target_cooldown_seconds",
    kind=Kind.GAUGE,
    labels=_TARGET,
    help="Seconds until a target in state open or cooldown may be asked again, the longest of all workers; 0 in other "
    "states.",
)
STAND_IN = Family(
    name="understudy_stand_in_workers",
    kind=Kind.GAUGE,
    labels=("route", "primary", "acting"),
    help="Worker processes that ask another target first than they would if all were healthy. The route is empty for "
    "requests that name none, acting if no target may be asked.",
)
QUOTA_LEFT = Family(
    name="understudy_quota_left",
    kind=Kind.GAUGE,
    labels=(*_TARGET, "unit"),
    help="What is left of a limit of the provider, as its last answer stated: the least of all workers.",
)
QUOTA_LIMIT = Family(
    name="understudy_quota_limit",
    kind=Kind.GAUGE,
    labels=(*_TARGET, "unit"),
    help="That limit.",
)
QUOTA_RESET = Family(
    name="understudy_quota_reset_seconds",
    kind=Kind.GAUGE,
    labels=(*_TARGET, "unit"),
    help="Seconds until that limit is whole again.",
)

_BUDGET = ("budget", "subject", "period")
BUDGET_LEFT = Family(
    name="understudy_budget_left_usd",
    kind=Kind.GAUGE,
    labels=_BUDGET,
    help="What is left of a budget in its present period, in US dollars. The subject is whose it is, such as the name "
    "of a key; empty for all.",
)
BUDGET_SPENT = Family(
    name="understudy_budget_spent_usd",
    kind=Kind.GAUGE,
    labels=_BUDGET,
    help="What of a budget was spent in its present period, in US dollars.",
)
BUDGET_RESERVED = Family(
    name="understudy_budget_reserved_usd",
    kind=Kind.GAUGE,
    labels=_BUDGET,
    help="What is reserved for attempts under way, in US dollars.",
)
BUDGET_MAX = Family(
    name="understudy_budget_max_usd",
    kind=Kind.GAUGE,
    labels=_BUDGET,
    help="What may be spent in a period, in US dollars.",
)
BUDGET_RESET = Family(
    name="understudy_budget_reset_timestamp_seconds",
    kind=Kind.GAUGE,
    labels=_BUDGET,
    help="When the present period ends, as Unix time; there is no such sample if it never does.",
)

LEDGER_WRITABLE = Family(
    name="understudy_ledger_writable",
    kind=Kind.GAUGE,
    help="1 if the ledger takes the entries of all workers, 0 if it is damaged or away.",
)
FLEET_UP = Family(
    name="understudy_fleet_up",
    kind=Kind.GAUGE,
    help="1 if the worker that answers knows what the others report; if 0, counters and workers are not stated, and "
    "the rest is of that worker alone.",
)
WORKERS = Family(name="understudy_workers", kind=Kind.GAUGE, help="Worker processes that are alive.")
WORKERS_DRAINING = Family(
    name="understudy_workers_draining",
    kind=Kind.GAUGE,
    help="Those of them that take no more requests and end those under way.",
)
CONFIGURATIONS = Family(
    name="understudy_configurations",
    kind=Kind.GAUGE,
    help="Different configurations in use: more than 1 if a reload has not reached all workers.",
)

_PROCESS = ("pid",)
PROCESS_START = Family(
    name="process_start_time_seconds",
    kind=Kind.GAUGE,
    labels=_PROCESS,
    help="Start time of each worker process since unix epoch in seconds.",
)
PROCESS_CPU = Family(
    name="process_cpu_seconds",
    kind=Kind.COUNTER,
    labels=_PROCESS,
    help="Total user and system CPU time spent in seconds.",
)
PROCESS_MEMORY = Family(
    name="process_resident_memory_bytes", kind=Kind.GAUGE, labels=_PROCESS, help="Resident memory size in bytes."
)
PROCESS_FILES = Family(
    name="process_open_fds", kind=Kind.GAUGE, labels=_PROCESS, help="Number of open file descriptors."
)

METRICS = (
    BUILD,
    REQUESTS,
    RESPONSES,
    REQUEST_DURATION,
    REQUESTS_IN_FLIGHT,
    REQUESTS_WAITING,
    ATTEMPTS,
    FAILURES,
    TOKENS,
    COST,
    UNKNOWN_COSTS,
    ATTEMPT_DURATION,
    FIRST_CONTENT,
    TOKEN_GAP,
    ATTEMPTS_IN_FLIGHT,
    TARGET,
    STATE,
    BLOCKED,
    COOLDOWN,
    STAND_IN,
    QUOTA_LEFT,
    QUOTA_LIMIT,
    QUOTA_RESET,
    BUDGET_LEFT,
    BUDGET_SPENT,
    BUDGET_RESERVED,
    BUDGET_MAX,
    BUDGET_RESET,
    LEDGER_WRITABLE,
    FLEET_UP,
    WORKERS,
    WORKERS_DRAINING,
    CONFIGURATIONS,
    PROCESS_START,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_FILES,
)
"""All, in the order in which they are stated."""
