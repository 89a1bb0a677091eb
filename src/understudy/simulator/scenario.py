"""What a scenario is once it has been read: traffic, modelled targets, and what happens to them."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from understudy.config import Config
from understudy.domain.failures import FailureKind
from understudy.domain.prices import Price
from understudy.simulator.draws import Constant, Draw, LogNormal


class Behaviour(enum.StrEnum):
    """What an incident may do to a target, besides failing with a kind of failure."""

    SILENCE = "silence"
    """Requests are accepted and never answered."""
    STALL = "stall"
    """Streams stop in the middle, and the connection stays open."""
    SLOW = "slow"
    """First token and tokens take `factor` times as long."""
    PRICE = "price"
    """Another price applies."""


_K = FailureKind
FAILURES = (
    *(_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.TLS, _K.PROXY, _K.DISCONNECTED, _K.PROTOCOL, _K.TRUNCATED),
    *(_K.BAD_RESPONSE, _K.EMPTY, _K.RATE_LIMITED, _K.BILLING, _K.DAILY_QUOTA, _K.OVERLOADED, _K.SERVER_ERROR),
    *(_K.CONFLICT, _K.AUTHENTICATION, _K.PERMISSION, _K.NOT_FOUND, _K.CONTENT_FILTER, _K.INVALID_REQUEST),
)
"""The kinds of failure that a modelled provider may have. Time-outs follow from `Behaviour`."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happens to one target, or to several at once. Times are virtual seconds from the start."""

    targets: tuple[str, ...]
    kind: FailureKind | Behaviour
    start: float = 0.0
    end: float | None = None
    """Unset: to the end of the simulation."""
    share: float = 1.0
    """The share of requests that is affected."""
    after: float | None = None
    """Seconds until the failure. Unset: what is usual for its kind."""
    retry_after: float | None = None
    """What the failure asks to wait; seconds."""
    every: float | None = None
    """It happens again and again, once in so many seconds, for `lasts` seconds each."""
    lasts: float | None = None
    recovery: float = 0.0
    """Seconds after the end in which the share falls to 0 evenly."""
    mean_between: float | None = None
    """It happens at random, on average once in so many seconds, for `mean_length` seconds on average."""
    mean_length: float | None = None
    factor: float = 1.0
    price: Price | None = None
    cuts: bool = False
    """Whether requests that are under way when it begins are interrupted."""


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a target takes before it refuses."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    requests_per_second: float | None = None
    """Above this rate every request fails with `overloaded`, as at a server that is choked by its own refusals."""
    concurrency: int | None = None
    """Requests at once; the others fail with `overloaded`."""
    hints: bool = True
    """Whether refusals state when to retry."""


class TargetModel(msgspec.Struct, frozen=True, kw_only=True):
    """How a target behaves while nothing happens to it."""

    first_token: Draw = LogNormal(0.5, 0.35)
    """Seconds."""
    tokens_per_second: Draw = Constant(80.0)
    output_tokens: Draw = Constant(200.0)
    errors: Mapping[FailureKind | Behaviour, float] = {}
    """The share of requests that fails, by kind."""
    limits: RateLimits = RateLimits()
    price: Price | None = None
    """Unset: that of the configuration's entry."""


class RateStep(msgspec.Struct, frozen=True):
    """From a time on, requests arrive at another rate."""

    at: float
    rate: float


class Wave(msgspec.Struct, frozen=True):
    """Callers who all send one request at the same time."""

    at: float
    callers: int


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, how often, and for how long they wait."""

    rate: float = 1.0
    """Requests a second."""
    poisson: bool = True
    """Whether requests arrive at random intervals, or at equal ones."""
    steps: tuple[RateStep, ...] = ()
    waves: tuple[Wave, ...] = ()
    deadline: float | None = None
    """Seconds that a caller waits. Unset: as the configuration states."""
    stream: float = 0.0
    """The share of callers who stream."""
    input_tokens: Draw = Constant(500.0)
    sessions: int = 0
    """Conversations to which the requests belong; 0: none."""
    model: str | None = None
    task: str | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation: what is asked of which targets, and what happens meanwhile."""

    name: str
    title: str = ""
    duration: float
    """Virtual seconds in which requests arrive; the last are answered after it."""
    traffic: Traffic = Traffic()
    targets: Mapping[str, TargetModel] = {}
    incidents: tuple[Incident, ...] = ()
    config: Config | None = None
    """The configuration in the scenario's own file."""
