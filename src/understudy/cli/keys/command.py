"""`understudy keys`: virtual keys of the gateway, made, listed, rotated and revoked while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.keys.grants import OF_BUDGETS, GrantOptions, named
from understudy.cli.keys.tables import list_table, show_key
from understudy.cli.manual import Example, Manual
from understudy.cli.options import JsonOption
from understudy.cli.span import VARIABLES
from understudy.cli.terminal import print_json, require_output, say, show
from understudy.client.granting import LIMITS, OVERLAP, check_name, create_key, rotate_key
from understudy.client.keys import open_keys, pepper_of
from understudy.client.ledger import refuse_to_change
from understudy.config import load
from understudy.domain.errors import Misuse
from understudy.ledger.keys import mark_of
from understudy.reports.keys import KeyResult, report_key

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.domain.secret import Secret
    from understudy.ledger.keys import KeyRegistry

READS = ("list", "show")
ACTIONS = ("list", "show", "create", "rotate", "revoke", "remove")

MANUAL = Manual(
    text="""\
Virtual keys are kept in the ledger, so a gateway that runs admits a new one at once and refuses a revoked one within
five seconds, in all its processes. The key itself is shown once, by `create` and `rotate`, and never kept.

`create NAME` makes a key; without --model and --route it may name everything that is configured. `rotate NAME` gives it
another value; the former one stays valid for --overlap. `revoke NAME` makes it invalid at once and for ever, and
`remove NAME` forgets a key that is revoked or expired. Without an action the keys are listed.

Once there is a virtual key, callers of the gateway need a key, on this machine too.""",
    examples=(
        Example("Make a key that may use one route", "understudy keys create alice --route main --tag team=search"),
        Example("Make one for some models, for 90 days", "understudy keys create ci --model 'openai/*' --expires 90d"),
        Example(
            "Make one that may spend 5 USD a day, and 25 a month",
            "understudy keys create bob --budget 5/day --budget 25/month",
        ),
        Example(
            "Make one for an agent: after 10 USD a day, the cheapest target answers",
            "understudy keys create claude --budget 10/day --soft --on-exceeded cheaper",
        ),
        Example("Replace a key within a week", "understudy keys rotate alice --overlap 7d"),
        Example("See what it cost", "understudy usage --by model --key alice"),
    ),
    exits={
        ExitCode.OK: "",
        ExitCode.UNAVAILABLE: "the ledger cannot be used at the moment",
        ExitCode.MISUSE: "invalid usage or configuration, or there is no such key",
    },
    variables=VARIABLES,
    see="docs/gateway.md",
)


class KeyReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` prints of one key."""

    virtual_key: KeyResult
    key: str | None = None
    """The key itself, once."""


class KeysReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints of all keys."""

    virtual_keys: tuple[KeyResult, ...]


class KeysOptions(GrantOptions, frozen=True, kw_only=True):
    """The options of `keys`."""

    action: Annotated[str, typer.Argument(metavar="ACTION", help="list, show, create, rotate, revoke or remove.")] = (
        "list"
    )
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", show_default=False, help="Whose key it is."),
    ] = None
    overlap: Annotated[
        str | None,
        typer.Option("--overlap", metavar="TIME", help=f"How long the former value stays valid; {OVERLAP} by default."),
    ] = None
    as_json: JsonOption = False


def keys(options: KeysOptions) -> None:
    """Make, list, rotate and revoke virtual keys of the gateway."""
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        _check_options(options)
        config = load(options.config, probe=lambda _: True, may_be_empty=True)
        only_reads = options.action in READS
        if not only_reads:
            refuse_to_change(config)
        with open_keys(config, only_reads=only_reads) as store:
            _Keys(options, config, store).act()


class _Keys:
    """One command on the keys of a configuration."""

    def __init__(self, options: KeysOptions, config: Config, store: KeyRegistry) -> None:
        self._options = options
        self._config = config
        self._store = store
        self._now = time.time()

    def act(self) -> None:
        """Do what the action means."""
        actions: Mapping[str, Callable[[], None]] = {
            "list": self._list,
            "show": self._show,
            "create": self._create,
            "rotate": self._rotate,
            "revoke": self._revoke,
            "remove": self._remove,
        }
        actions[self._options.action]()

    @property
    def _name(self) -> str:
        with named():
            return check_name(self._options.name or "")

    def _list(self) -> None:
        results = [self._report(each.name) for each in self._store.listed()]
        if self._options.as_json:
            print_json(KeysReport(virtual_keys=tuple(results)))
        elif results:
            show(list_table(results), sys.stdout)
        else:
            say("there are no virtual keys: make one with `understudy keys create NAME`", label="note")

    def _show(self) -> None:
        self._tell(self._name)

    def _create(self) -> None:
        key = self._options.granted(self._name, self._config, self._now)
        require_output()
        self._hand_out(create_key(self._store, self._config, key))

    def _rotate(self) -> None:
        require_output()
        with named():
            made = rotate_key(self._store, self._config, self._name, self._options.overlap or OVERLAP, self._now)
        self._hand_out(made)

    def _revoke(self) -> None:
        self._store.revoke(self._name, self._now)
        say(f"{self._name} was revoked: gateways that run refuse it within five seconds", label="note")
        self._tell(self._name)

    def _remove(self) -> None:
        name = self._name
        if self._options.as_json:
            print_json(KeyReport(virtual_key=self._report(name)))
        self._store.remove(name, self._now)
        say(f"{name} was removed", label="note")

    def _hand_out(self, made: Secret) -> None:
        """Print a key, this once."""
        if self._options.as_json:
            print_json(KeyReport(virtual_key=self._report(self._name), key=made.reveal()))
        else:
            print(made.reveal(), flush=True)
        say("this key is shown once and not kept: store it where only its owner can read it", label="note")

    def _tell(self, name: str) -> None:
        result = self._report(name)
        if self._options.as_json:
            print_json(KeyReport(virtual_key=result))
        else:
            show_key(result)

    def _report(self, name: str) -> KeyResult:
        pepper = pepper_of(self._config)
        return report_key(self._store.key(name), self._now, None if pepper is None else mark_of(pepper))


_OF_ACTIONS: Mapping[str, Sequence[str]] = {
    "create": ("model", "route", "tag", "agent", "budget", *OF_BUDGETS, *LIMITS, "expires"),
    "rotate": ("overlap",),
}
"""Options that only one action has."""


def _check_options(options: KeysOptions) -> None:
    """Raise `Misuse` for an option of another action, and for a name that is missing or superfluous."""
    if options.action not in ACTIONS:
        raise Misuse(f"ACTION is one of {', '.join(ACTIONS)}, got {options.action!r}")
    for action, names in _OF_ACTIONS.items():
        if options.action != action and (given := [name for name in names if getattr(options, name)]):
            raise Misuse(f"--{given[0].replace('_', '-')} is an option of `understudy keys {action}`")
    if options.action == "list" and options.name is not None:
        raise Misuse("list shows all keys: write `understudy keys show NAME` for one")
    if options.action != "list" and options.name is None:
        raise Misuse(f"{options.action} needs the name of a key: `understudy keys {options.action} NAME`")
