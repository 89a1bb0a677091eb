"""Virtual keys, in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.client.granting import OVERLAP, KeyGrants
from understudy.console import virtual_keys
from understudy.console.http import Request
from understudy.console.routes import ConsoleRoute
from understudy.console.virtual_keys import KeyList, KeyMade
from understudy.reports.keys import KeyResult

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

_ONE = "/admin/v1/keys/{name}"


class NewKey(KeyGrants, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make."""

    name: str
    """Whose it is: the label `key` of its requests."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a key is rotated."""

    overlap: str = OVERLAP
    """How long the former value stays valid: `24h`, `7d`, `0m`."""


async def _list(request: Request, context: ConsoleContext) -> KeyList:
    return await virtual_keys.list_keys(context)


async def _show(request: Request, context: ConsoleContext) -> KeyResult:
    return await virtual_keys.show_key(context, request.params["name"])


async def _make(request: Request, context: ConsoleContext) -> KeyMade:
    asked = await request.json_as(NewKey)
    return await virtual_keys.make_key(context, request.operator, asked.name, asked)


async def _change(request: Request, context: ConsoleContext) -> KeyResult:
    grants = await request.json_as(KeyGrants)
    return await virtual_keys.change_key(context, request.operator, request.params["name"], grants)


async def _rotate(request: Request, context: ConsoleContext) -> KeyMade:
    asked = await request.json_as(Rotation)
    return await virtual_keys.rotate(context, request.operator, request.params["name"], asked.overlap)


async def _revoke(request: Request, context: ConsoleContext) -> KeyResult:
    return await virtual_keys.revoke(context, request.operator, request.params["name"])


async def _remove(request: Request, context: ConsoleContext) -> KeyResult:
    return await virtual_keys.remove(context, request.operator, request.params["name"])


ROUTES = (
    ConsoleRoute(method="GET", path="/admin/v1/keys", handler=_list, says="all virtual keys", answer=KeyList),
    ConsoleRoute(
        method="POST",
        path="/admin/v1/keys",
        handler=_make,
        scope="manage",
        says="make a virtual key, whose value is shown once",
        body=NewKey,
        answer=KeyMade,
        status=201,
    ),
    ConsoleRoute(method="GET", path=_ONE, handler=_show, says="one virtual key", answer=KeyResult),
    ConsoleRoute(
        method="PUT",
        path=_ONE,
        handler=_change,
        scope="manage",
        says="replace what a virtual key may do",
        body=KeyGrants,
        answer=KeyResult,
    ),
    ConsoleRoute(
        method="POST",
        path=f"{_ONE}/rotate",
        handler=_rotate,
        scope="manage",
        says="give a virtual key another value, which is shown once",
        body=Rotation,
        answer=KeyMade,
    ),
    ConsoleRoute(
        method="POST",
        path=f"{_ONE}/revoke",
        handler=_revoke,
        scope="manage",
        says="make a virtual key invalid for ever",
        answer=KeyResult,
    ),
    ConsoleRoute(
        method="DELETE",
        path=_ONE,
        handler=_remove,
        scope="manage",
        says="forget a virtual key that is not valid any more",
        answer=KeyResult,
    ),
)
