"""What waits for its turn to be sent, in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from understudy.domain.attempts import AttemptStart
from understudy.ledger.accounts import BalanceKey
from understudy.ledger.holds import Claim
from understudy.ledger.reserving import Reservation
from understudy.ledger.valkey.commands import Command, Commands


class Reserving(Reservation):
    """An attempt that waits for its claims."""

    __slots__ = ("granted_alone",)

    def __init__(self, start: AttemptStart, claims: Sequence[Claim]) -> None:
        super().__init__(start, claims, durable=False)
        self.granted_alone = False
        """Whether this process has granted it because the server's answer took too long. Then `is_over`, too, as after
        a refusal for that reason, or if the caller has given up."""

    def command(self, commands: Commands) -> Command:
        """Return what is sent."""
        return commands.reserve(self.start.attempt_id, self.claims)


class Forcing:
    """An attempt that this process has granted by itself, and the server has not."""

    def __init__(self, attempt_id: str, claims: Sequence[Claim]) -> None:
        self._attempt_id = attempt_id
        self._claims = claims

    def command(self, commands: Commands) -> Command:
        """Return what is sent."""
        return commands.reserve(self._attempt_id, self._claims, forced=True)


class Settling:
    """An attempt that has ended."""

    def __init__(self, attempt_id: str, claims: Sequence[Claim], charges: Sequence[int]) -> None:
        self._attempt_id = attempt_id
        self._claims = claims
        self._charges = charges

    def command(self, commands: Commands) -> Command:
        """Return what is sent."""
        return commands.settle(self._attempt_id, self._claims, self._charges)


class Releasing:
    """An attempt that is not made."""

    def __init__(self, attempt_id: str, claims: Sequence[Claim]) -> None:
        self._attempt_id = attempt_id
        self._claims = claims

    def command(self, commands: Commands) -> Command:
        """Return what is sent."""
        return commands.release(self._attempt_id, self._claims)


class Reading:
    """A question for balances; answered with their spent and reserved amounts, or with `None` if the server is away."""

    def __init__(self, keys: Sequence[BalanceKey]) -> None:
        self._keys = keys
        self.answer: Future[list[int] | None] = Future()

    def command(self, commands: Commands) -> Command:
        """Return what is sent."""
        return commands.read(self._keys)


Step = Reserving | Forcing | Settling | Releasing | Reading
