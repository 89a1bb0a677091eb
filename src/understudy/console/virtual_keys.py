"""Virtual keys, as operators manage them: for the API and the pages alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from understudy.client.granting import (
    OVERLAP,
    GrantError,
    KeyGrants,
    check_name,
    create_key,
    granted,
    rotate_key,
)
from understudy.client.keys import open_keys, pepper_of
from understudy.client.ledger import refuse_to_change
from understudy.console.http import ConsoleError, Operator
from understudy.console.listing import MOST, Listing
from understudy.domain.errors import ConfigError, Misuse
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.keys import mark_of
from understudy.reports.keys import KeyResult, report_key

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.ledger.keys import KeyRegistry, VirtualKey

log = logging.getLogger("understudy.gateway")
T = TypeVar("T")

_LAST = 1_000_000
"""The last page that is asked for: a number beyond it is no place in a database."""


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    """All virtual keys, by name."""

    virtual_keys: tuple[KeyResult, ...]


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key that has a new value."""

    virtual_key: KeyResult
    key: str
    """The value, which is shown this once and not kept."""


async def list_keys(context: ConsoleContext) -> KeyList:
    """Return all virtual keys, revoked ones included."""

    def listed(store: KeyRegistry) -> KeyList:
        return KeyList(virtual_keys=_reports(store.listed(), context))

    return await _with_store(context, listed, only_reads=True)


async def page_of_keys(context: ConsoleContext, search: str, page: int) -> Listing[KeyResult]:
    """Return a page of the keys whose name contains a text; one beyond the last is the last."""

    def found(store: KeyRegistry) -> Listing[KeyResult]:
        number = min(max(1, page), _LAST)
        keys = store.page(search, after=(number - 1) * MOST, limit=MOST)
        if keys.found and not keys.keys:
            number = -(-keys.found // MOST)
            keys = store.page(search, after=(number - 1) * MOST, limit=MOST)
        return Listing(_reports(keys.keys, context), number, keys.found, keys.total)

    return await _with_store(context, found, only_reads=True)


async def show_key(context: ConsoleContext, name: str) -> KeyResult:
    """Return one virtual key. Raise `ConsoleError` if the name is unknown."""
    return await _with_store(context, lambda store: _report(_known(store, name), context), only_reads=True)


async def make_key(context: ConsoleContext, operator: Operator, name: str, grants: KeyGrants) -> KeyMade:
    """Make a virtual key. Raise `ConsoleError` if something of it is invalid, or if its name is in use."""

    def made(store: KeyRegistry) -> KeyMade:
        key = granted(name, grants, context.config, context.clock())
        with suppress(Misuse):
            store.key(name)
            raise ConsoleError(409, "name_taken", f"there is a virtual key {name!r} already", where="name")
        value = create_key(store, context.config, key)
        return KeyMade(virtual_key=_report(store.key(name), context), key=value.reveal())

    return await _changing(context, operator, "made", name, made)


async def change_key(context: ConsoleContext, operator: Operator, name: str, grants: KeyGrants) -> KeyResult:
    """Replace what a virtual key may do. Raise `ConsoleError` if something is invalid, or if the key was revoked."""

    def changed(store: KeyRegistry) -> KeyResult:
        known = _known(store, name)
        wanted = granted(name, grants, context.config, context.clock())
        return _report(store.change(replace(wanted, created=known.created)), context)

    return await _changing(context, operator, "changed", name, changed)


async def rotate(context: ConsoleContext, operator: Operator, name: str, overlap: str = OVERLAP) -> KeyMade:
    """Give a virtual key another value; the former one stays valid for a time such as `24h`."""

    def rotated(store: KeyRegistry) -> KeyMade:
        _known(store, name)
        value = rotate_key(store, context.config, name, overlap, context.clock())
        return KeyMade(virtual_key=_report(store.key(name), context), key=value.reveal())

    return await _changing(context, operator, "rotated", name, rotated)


async def revoke(context: ConsoleContext, operator: Operator, name: str) -> KeyResult:
    """Make a virtual key invalid for ever."""

    def revoked(store: KeyRegistry) -> KeyResult:
        _known(store, name)
        return _report(store.revoke(name, context.clock()), context)

    return await _changing(context, operator, "revoked", name, revoked)


async def remove(context: ConsoleContext, operator: Operator, name: str) -> KeyResult:
    """Forget a virtual key that is not valid any more, and return what it was."""

    def removed(store: KeyRegistry) -> KeyResult:
        known = _known(store, name)
        store.remove(name, context.clock())
        return _report(known, context)

    return await _changing(context, operator, "removed", name, removed)


def _known(store: KeyRegistry, name: str) -> VirtualKey:
    try:
        return store.key(check_name(name))
    except Misuse:
        raise ConsoleError(404, "unknown_key", f"there is no virtual key {name[:200]!r}", where="name") from None


def _report(key: VirtualKey, context: ConsoleContext) -> KeyResult:
    return _reports([key], context)[0]


def _reports(keys: Iterable[VirtualKey], context: ConsoleContext) -> tuple[KeyResult, ...]:
    pepper, now = pepper_of(context.config), context.clock()
    mark = None if pepper is None else mark_of(pepper)
    return tuple(report_key(each, now, mark) for each in keys)


async def _changing(
    context: ConsoleContext, operator: Operator, what: str, name: str, action: Callable[[KeyRegistry], T]
) -> T:
    """Change something, and log who did."""
    result = await _with_store(context, action)
    log.info("the virtual key %r was %s by %r", name, what, operator.name)
    return result


async def _with_store(context: ConsoleContext, action: Callable[[KeyRegistry], T], *, only_reads: bool = False) -> T:
    """Do something with the store of the keys, in a thread."""

    def act() -> T:
        if not only_reads:
            refuse_to_change(context.config)
        with open_keys(context.config, only_reads=only_reads) as store:
            return action(store)

    try:
        return await context.readers.run(act)
    except GrantError as error:
        raise ConsoleError(400, "invalid_value", error.message, where=error.field) from None
    except ConfigError as error:
        raise ConsoleError(503, "keys_unavailable", error.message) from None
    except Misuse as error:
        raise ConsoleError(409, "not_possible", error.message) from None
    except LedgerUnavailable as error:
        raise ConsoleError(503, "ledger_unavailable", "the ledger cannot be used at the moment") from error
