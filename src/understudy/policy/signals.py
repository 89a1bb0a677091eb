"""What goes into a `Call` and what comes out of it: rules, signals, actions."""

from __future__ import annotations

import msgspec

from understudy.domain.failures import Failure, FailureKind, OnMidstreamError
from understudy.policy.targets import Limits, Target


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration and the request allow of retries and fallback. Durations are seconds."""

    max_tries: int = 3
    """At one target, the first included."""
    max_attempts: int | None = None
    """Over all targets; the larger of 5 and their number when unset."""
    retry_delay: float = 1.0
    deadline: float = 600.0
    spent: float = 0.0
    """Of the deadline, before the call began: a batch may have waited for its turn."""
    max_wait: float = 20.0
    fallback_on_filter: bool = False
    streamed: bool = False
    """A stream commits at its first content, or when as much as is held back has arrived; a plain answer only at its
    end."""
    on_midstream_error: OnMidstreamError = "surface"
    """Of a stream: what becomes of it if it breaks after its commit; with `hold`, the commit waits."""
    hold_chars: int | None = None
    """With `hold`: characters that are held back; `None`: the whole answer."""
    heartbeat: float | None = None
    """With `hold`: seconds between two signs of life once content has arrived; `None`: there are none."""
    free: bool = False
    """Not a generation or an embedding: a failure does not concern the model that these use."""
    has_effects: bool = False
    """Hosted tools may have acted: nothing is repeated once a response has begun, nor asked of two targets at once."""
    hedge: bool = False
    """Whether one more target is asked beside the first when that is silent for longer than is usual for it."""
    hedge_after: float | None = None
    """Seconds after which that is done, instead of what is usual; implies `hedge`."""
    probe_interval: float | None = None
    """Seconds between two free checks of what was refused; `None`: without active probes."""

    @property
    def hedges(self) -> bool:
        """Whether two attempts may run at once."""
        return self.hedge or self.hedge_after is not None


# ---- signals ----


class Began(msgspec.Struct, frozen=True):
    """Content of a stream arrived. `full`: as many characters as are held back."""

    attempt: int
    full: bool = False


class Ended(msgspec.Struct, frozen=True):
    """The answer is whole and valid."""

    attempt: int


class Failed(msgspec.Struct, frozen=True):
    """The attempt failed. `answered`: a successful response had begun; `translated`: the request was altered;
    `continuable`: what the caller has been shown is plain text, which another attempt could continue."""

    attempt: int
    failure: Failure
    answered: bool = False
    translated: bool = False
    continuable: bool = False


class Denied(msgspec.Struct, frozen=True):
    """The attempt was not made: a limit of this side, such as a budget, forbids it. `failure` states which; `final`:
    another target would not help, or is not to be asked."""

    attempt: int
    failure: Failure
    final: bool = False


class Cancelled(msgspec.Struct, frozen=True):
    """The caller no longer waits for the answer, or the provider was closed; `failure` states which."""

    failure: Failure = Failure(kind=FailureKind.CANCELLED, message="the caller abandoned the request")


Signal = Began | Ended | Failed | Denied | Cancelled


# ---- actions ----


class Launch(msgspec.Struct, frozen=True):
    """Start an attempt. `waited` is the back-off that went before it, `why` is the reason of the plan's step."""

    attempt: int
    target: Target
    limits: Limits
    waited: float = 0.0
    why: str = ""
    probes: bool = False
    """Others wait for what becomes of it: `Began` is wanted, whole answers included."""
    continues: bool = False
    """It is to continue what the caller has been shown, instead of answering anew."""


class Abort(msgspec.Struct, frozen=True):
    """Abandon an attempt and close its connection."""

    attempt: int
    failure: Failure


class Commit(msgspec.Struct, frozen=True):
    """From now on this attempt's answer is the answer; nothing may silently replace it.

    `replaces` is the attempt that was committed to before and broke: the caller takes back what was shown, unless this
    attempt continues it.
    """

    attempt: int
    replaces: int | None = None


class Beat(msgspec.Struct, frozen=True):
    """Give the caller a sign of life: content has arrived and is held back."""


class Settle(msgspec.Struct, frozen=True):
    """The end. `failure` is `None` when `attempt` won. `surfaced` means that the failure itself is the answer to the
    request, rather than the last of several reasons why no target answered."""

    attempt: int | None
    failure: Failure | None = None
    surfaced: bool = False


Action = Launch | Abort | Commit | Beat | Settle
