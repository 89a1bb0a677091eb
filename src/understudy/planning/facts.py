"""What strategies are told of targets, looked up as they ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from understudy.policy.targets import Target, TargetFacts


class LazyFacts(Mapping[str, TargetFacts]):
    """Facts by label, looked up on first access, so that strategies pay only for what they weigh."""

    def __init__(self, targets: tuple[Target, ...], look_up: Callable[[Target], TargetFacts]) -> None:
        self._targets = targets
        self._look_up = look_up
        self._found: dict[str, TargetFacts] = {}
        self._by_label: dict[str, Target] | None = None

    def __getitem__(self, label: str) -> TargetFacts:
        found = self._found.get(label)
        if found is None:
            if self._by_label is None:
                self._by_label = {each.label: each for each in self._targets}
            found = self._found[label] = self._look_up(self._by_label[label])
        return found

    def __iter__(self) -> Iterator[str]:
        return (each.label for each in self._targets)

    def __len__(self) -> int:
        return len(self._targets)
