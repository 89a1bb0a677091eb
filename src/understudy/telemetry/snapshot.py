"""What one process of a gateway reports about itself, as data: for pages, metrics, alerts and `understudy top` alike.

Counts and money are totals since the process started and never fall; those of several processes are added. Times are
Unix seconds, durations are seconds, money is nano-USD.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from understudy.domain.quantiles import Quantiles, sum_quantiles
from understudy.domain.quotas import Quota


class TargetState(enum.StrEnum):
    """Whether a target may be asked."""

    CLOSED = "closed"
    """It may: its circuit breaker is closed, and it is in no cooldown."""
    HALF_OPEN = "half_open"
    """One request at a time probes whether it works again."""
    OPEN = "open"
    """Not before `until`: it failed again and again."""
    COOLDOWN = "cooldown"
    """Not before `until`: the provider asked to wait, or refuses the key."""
    DISABLED = "disabled"
    """Not until an operator enables it."""
    DRAINING = "draining"
    """As `disabled`, while attempts that were under way go on."""


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens by class, as far as they are known: no token is in two of them."""

    input: int = 0
    """Prompt tokens that were neither read from a cache nor written to one."""
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    """Tokens of answers, without thinking."""
    reasoning: int = 0
    """Tokens of thinking."""


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What attempts came to. Failures are counted by kind (`rate_limited`, `server_error`, …)."""

    succeeded: int = 0
    failed: Mapping[str, int] = {}
    aborted: int = 0
    tokens: Tokens = Tokens()
    cost: int = 0
    """As far as it is known."""
    unknown_costs: int = 0
    """Attempts that may have been billed, for an unknown amount."""
    latency: Quantiles = Quantiles()
    """Of successful attempts, to the end of the answer."""
    first_content: Quantiles = Quantiles()
    """Of successful streams, until their first content."""
    token_gap: Quantiles = Quantiles()
    """Of successful streams, the mean time between two tokens after the first content."""


class TargetSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target, as one process knows it."""

    entry: str
    model: str | None = None
    provider_type: str
    operation: str = "text"
    """`text` or `embedding`."""
    state: TargetState = TargetState.CLOSED
    until: float | None = None
    """When it may be asked again; `None` if it may, or if that is unknown."""
    why: str | None = None
    """Why it may not be asked: the failure, or the operator's name."""
    in_flight: int = 0
    quotas: tuple[Quota, ...] = ()
    """What is left of the limits of its key, as of the last answer: `resets` counts from the snapshot."""
    total: Tally = Tally()


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """A target that is asked in place of another one at this moment."""

    route: str | None
    """The route it concerns; `None` for requests that name none."""
    primary: str
    """The target (`entry/model`) that would be asked first if all were healthy."""
    acting: str | None
    """The one that is asked first now; `None` if none may be."""
    why: str | None = None
    """Why the primary is not asked."""
    until: float | None = None


class FaceTally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Requests of callers to one face of the gateway with one outcome."""

    face: str
    """The wire format that callers spoke, such as `openai` or `anthropic`; empty for the gateway's own paths."""
    outcome: str
    """As in the access log: `answered`, `refused`, `failed`, `interrupted`, `client_left` or `shutdown`."""
    status: int
    """The status of the answer."""
    count: int
    latency: Quantiles = Quantiles()


class Minute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attempts at one target came to that ended within one minute."""

    start: int
    """Unix seconds: a multiple of 60."""
    entry: str
    model: str | None = None
    tally: Tally = Tally()


class RequestMinute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Requests of callers to models that ended within one minute, whichever targets answered."""

    start: int
    """Unix seconds: a multiple of 60."""
    outcomes: Mapping[str, int] = {}
    """How many there were, by outcome as in the access log."""
    latency: Quantiles = Quantiles()
    """Of those that were answered."""
    first: Quantiles = Quantiles()
    """Of streamed answers, until their first event."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A target was found to be in another state than before, by one process."""

    at: float
    entry: str
    model: str | None = None
    operation: str = "text"
    state: TargetState
    why: str | None = None
    worker: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process at one moment."""

    instance: str
    """The gateway that it belongs to: all workers of one supervisor have the same."""
    worker: str
    """This process, unique among all that share the store."""
    host: str
    """The name of the machine."""
    pid: int
    version: str
    started: float
    at: float
    is_draining: bool = False
    config: str = ""
    """A digest of the configuration in use: processes with the same one use the same."""
    under_way: int = 0
    """Requests that are being answered."""
    waiting: int = 0
    """Requests to providers of which no attempt is under way: they wait before the next one."""
    targets: tuple[TargetSnapshot, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    faces: tuple[FaceTally, ...] = ()
    minutes: tuple[Minute, ...] = ()
    """The current minute of each target that was asked, and earlier ones that are not in the fleet's history yet."""
    requests: tuple[RequestMinute, ...] = ()
    """As `minutes`, of the requests of callers."""
    changes: tuple[Transition, ...] = ()
    """Those within the same minutes."""
    obeyed: int = 0
    """The number of the latest order of an operator that it obeys."""
    ledger_works: bool | None = None
    """Whether the ledger takes its entries; `None` if no ledger is kept, or if it cannot say."""
    ledger_trouble: str | None = None
    """What is wrong with the ledger, or what happened to its file within the last hour."""


def add_tokens(one: Tokens, other: Tokens) -> Tokens:
    """Return the sum of tokens by class."""
    return Tokens(
        one.input + other.input,
        one.cache_read + other.cache_read,
        one.cache_write + other.cache_write,
        one.output + other.output,
        one.reasoning + other.reasoning,
    )


def add_tallies(one: Tally, other: Tally) -> Tally:
    """Return what two groups of attempts come to together."""
    return sum_tallies((one, other))


def sum_tallies(tallies: Iterable[Tally]) -> Tally:
    """Return what groups of attempts come to together."""
    found = list(tallies)
    if len(found) == 1:
        return found[0]
    failed: dict[str, int] = {}
    for each in found:
        for kind, count in each.failed.items():
            failed[kind] = failed.get(kind, 0) + count
    return Tally(
        succeeded=sum([each.succeeded for each in found]),
        failed=dict(sorted(failed.items())),
        aborted=sum([each.aborted for each in found]),
        tokens=_sum_tokens([each.tokens for each in found]),
        cost=sum([each.cost for each in found]),
        unknown_costs=sum([each.unknown_costs for each in found]),
        latency=sum_quantiles([each.latency for each in found]),
        first_content=sum_quantiles([each.first_content for each in found]),
        token_gap=sum_quantiles([each.token_gap for each in found]),
    )


def _sum_tokens(tokens: Sequence[Tokens]) -> Tokens:
    """Return the sums by class."""
    return Tokens(*map(sum, zip(*map(msgspec.structs.astuple, tokens), strict=True))) if tokens else Tokens()


def add_requests(one: RequestMinute, other: RequestMinute) -> RequestMinute:
    """Return what two groups of requests of the same minute come to together."""
    outcomes = sorted(one.outcomes.keys() | other.outcomes.keys())
    return RequestMinute(
        start=one.start,
        outcomes={name: one.outcomes.get(name, 0) + other.outcomes.get(name, 0) for name in outcomes},
        latency=one.latency + other.latency,
        first=one.first + other.first,
    )
