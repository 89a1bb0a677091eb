"""What answers the requests of coding agents: by agent and request class, `[llm.gateway.classes]` and `[llm.tasks]`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from understudy.dialects.server import BadRequest
from understudy.domain.errors import ConfigError
from understudy.gateway.callers import Caller
from understudy.gateway.clients import AGENTS
from understudy.gateway.names import Names, Resolved
from understudy.gateway.sessions import Session
from understudy.policy.selection import split_name
from understudy.settings import FallbackStrategy
from understudy.settings.gateway import is_class_name

if TYPE_CHECKING:
    from understudy.config import Config


def names_of(session: Session) -> Iterator[str]:
    """Yield the names under which a request may be found, the most particular first.

    A request of a coding agent that states no class is one of its main conversation.
    """
    client, kind, agent_type = session.client, session.request_class, session.agent_type
    if client in AGENTS:
        kind = kind or "main"
    for word in ((f"{kind}:{agent_type}", kind) if agent_type else (kind,)) if kind else ():
        if client in AGENTS:
            yield f"{client}/{word}"
        yield word
    if client in AGENTS:
        yield client


def class_of(session: Session) -> str | None:
    """Return what a request is for; `None` if that is unknown, as of all that do not come from coding agents."""
    return session.request_class or ("main" if session.client in AGENTS else None)


class Classes:
    """The targets and tasks of classes of requests."""

    __slots__ = ("_targets", "_tasks")

    def __init__(self, targets: Mapping[str, str] | None = None, tasks: Collection[str] = ()) -> None:
        """`targets` maps the name of a class to what answers it, `tasks` are the names of classes that are tasks."""
        self._targets = targets or {}
        self._tasks = frozenset(tasks)

    @classmethod
    def of(cls, config: Config, names: Names) -> Classes:
        """Return the classes of a configuration. One of a disabled entry is left out. Raise `ConfigError` for the name
        of no class, and for one that stands for something unknown."""
        fallbacks = (config.fallback, *(route.fallback for route in config.routes))
        tasks = [set(each.tasks) for each in fallbacks if each.strategy is FallbackStrategy.TASK_BASED]
        common = set.intersection(*tasks) if tasks else set[str]()
        disabled = {each.name for each in config.disabled}
        targets: dict[str, str] = {}
        for name, target in config.gateway.classes.items():
            if not is_class_name(name):
                raise ConfigError(f"{name!r} is neither a request class nor an agent")
            if split_name(target)[0] in disabled:
                continue
            try:
                targets[name] = names.find(target)
            except BadRequest as error:
                raise ConfigError(f"the class {name!r} of the gateway: {error.failure.message}") from None
        return cls(targets, set(filter(is_class_name, common)))

    def model_for(self, session: Session, resolved: Resolved, caller: Caller) -> str | None:
        """Return what answers a request: what its class stands for, if its caller may use that, else what it names.

        A list of models in a header is the caller's own choice, and prevails.
        """
        if not self._targets or resolved.models:
            return resolved.model
        found = next((self._targets[name] for name in names_of(session) if name in self._targets), None)
        return found if found is not None and caller.may_use(found) else resolved.model

    def task_for(self, session: Session) -> str | None:
        """Return the task that a request belongs to by its class; `None` if that is no task."""
        return next((name for name in names_of(session) if name in self._tasks), None) if self._tasks else None
