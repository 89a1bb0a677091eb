"""The laws of pools of keys, as one request has to obey them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.modelcheck.faults import Fault
from tests.modelcheck.ledger import Broken, Run
from understudy.policy.signals import Launch
from understudy.policy.targets import Target


class Keys:
    """What one request knows of the keys that it has used."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._pools = {target.label: target.credentials for target in targets if target.credentials}
        self._refused: dict[str, set[str]] = {}
        """By target, those that were refused, or limited for too long."""
        self._failed: dict[str, set[str]] = {}
        """By target, those and the ones that were limited."""
        self._leaves = ""
        """The target of which a key has just failed."""

    def fails(self, run: Run, fault: Fault) -> None:
        """Note a failure that may concern the key that was sent."""
        label, key = run.target.label, run.target.credential
        if not fault.of_key or label not in self._pools:
            return
        self._failed.setdefault(label, set()).add(key)
        if fault.tries == 1:
            self._refused.setdefault(label, set()).add(key)
        self._leaves = label

    def launches(self, run: Run) -> bool:
        """Check which key is used; return whether it is another one in place of the one that has just failed."""
        label, key = run.target.label, run.target.credential
        if label not in self._pools:
            return False
        if key not in self._pools[label]:
            raise Broken("a key of the pool is used", f"{key or 'none'} at {label}")
        if key in self.refused_at(label):
            raise Broken("no refused key is used twice by a request", f"{key} at {label}")
        return self._leaves == label and key not in self._failed[label]

    def unused(self, actions: list[Any]) -> str | None:
        """Return the target of which a key has just failed, unless another one is used in its place."""
        label, self._leaves = self._leaves, ""
        used = any(isinstance(each, Launch) and each.target.label == label for each in actions)
        return None if used or not label else label

    def barred(self, label: str, *, switched: bool) -> Collection[str]:
        """Return the keys that may not be used at a target."""
        return self.failed_at(label) if switched else self.refused_at(label)

    def refused_at(self, label: str) -> Collection[str]:
        """Return the keys that may not be used at a target any more."""
        return self._refused.get(label, ())

    def failed_at(self, label: str) -> Collection[str]:
        """Return the keys that were limited or refused at a target."""
        return self._failed.get(label, ())

    def all_refused(self, label: str) -> bool:
        """Return whether none of a pool's keys may be used any more."""
        return label in self._pools and len(self.refused_at(label)) == len(self._pools[label])

    def forget(self) -> None:
        """Forget what no longer makes a difference."""
        self._refused.clear()
        self._failed.clear()
