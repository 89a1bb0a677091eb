"""The pages of virtual keys: all of them, one that was made, and what is done with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from understudy.client.granting import OVERLAP, BudgetGrant, KeyGrants
from understudy.console import virtual_keys
from understudy.console.http import ConsoleError, Reply, Request
from understudy.console.pages.formats import iso, path
from understudy.console.pages.frame import Notice, moved, page
from understudy.console.routes import ConsoleRoute
from understudy.settings.budgets import OnExceeded

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext
    from understudy.console.virtual_keys import KeyMade
    from understudy.reports.keys import KeyResult

LIST = "/console/keys"
_ONE = f"{LIST}/{{name}}"
_PERIODS = ("day", "month", "total")
"""Of budgets that the form can express."""


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a new key sends. Lists are separated by commas."""

    name: str = ""
    models: str = ""
    routes: str = ""
    budget_day: str = ""
    """US dollars."""
    budget_month: str = ""
    budget_total: str = ""
    on_exceeded: OnExceeded = "refuse"
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    expires: str = ""
    tags: str = ""
    """`name=value`."""

    @property
    def grants(self) -> KeyGrants:
        """What the key may do. Raise `ConsoleError` for a tag without a value."""
        amounts = {"day": self.budget_day, "month": self.budget_month, "total": self.budget_total}
        pairs = [each.partition("=") for each in _listed(self.tags)]
        if not all(name and value for name, _, value in pairs):
            raise ConsoleError(400, "invalid_value", "tags must be name=value, separated by commas", where="tags")
        return KeyGrants(
            models=_listed(self.models),
            routes=_listed(self.routes),
            labels={name: value for name, _, value in pairs},
            budgets=tuple(
                BudgetGrant(max_usd=amount.removeprefix("$"), period=period, on_exceeded=self.on_exceeded)  # type: ignore[arg-type]
                for period, amount in amounts.items()
                if amount
            ),
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrent=self.concurrent,
            expires=self.expires or None,
        )


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the page that asks was answered."""

    confirmed: str = ""


class RotationForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the page that asks sends."""

    confirmed: str = ""
    overlap: str = OVERLAP


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the list."""

    q: str = ""
    """A part of a name."""
    page: int = 1


async def show_list(request: Request, context: ConsoleContext) -> Reply:
    """Return all keys, and the form of a new one."""
    return await _list(request, context)


async def _list(request: Request, context: ConsoleContext, problem: str | None = None, status: int = 200) -> Reply:
    asked = request.query_as(ListQuery)
    found = await virtual_keys.page_of_keys(context, asked.q, asked.page)
    given = await _given(request)
    values = {"keys": found, "search": asked.q, "given": given, "problem": problem, "now": context.clock()}
    return page(request, "keys.html", status=status, title="Keys", is_new=True, **values)


async def show_key(request: Request, context: ConsoleContext) -> Reply:
    """Return one key, and the form that changes it."""
    key = await virtual_keys.show_key(context, request.params["name"])
    return _key(request, key, form_of(key))


def _key(
    request: Request, key: KeyResult, given: Mapping[str, str] | None, notice: Notice | None = None, status: int = 200
) -> Reply:
    values = {"key": key, "given": given, "notice": notice, "is_new": False}
    return page(request, "key.html", status=status, title=key.name, **values)


def form_of(key: KeyResult) -> dict[str, str] | None:
    """Return the form as it is filled in for a key; `None` if it cannot express what the key may do."""
    usual = {"name", "max", "period", "on_exceeded"}
    if key.state != "valid" or any(set(each) - usual or each["period"] not in _PERIODS for each in key.budgets):
        return None
    budgets = {f"budget_{each['period']}": str(each["max"]) for each in key.budgets}
    limits = {name: str(value) for each in key.limits for name, value in each.items()}
    given = {
        "models": ", ".join(key.models),
        "routes": ", ".join(key.routes),
        "on_exceeded": str(next((each.get("on_exceeded", "") for each in key.budgets), "")),
        "expires": "" if key.expires is None else iso(key.expires),
        "tags": ", ".join(f"{name}={value}" for name, value in key.labels.items()),
        **budgets,
        **limits,
    }
    return {name: given.get(name, "") for name in KeyForm.__struct_fields__}


async def change(request: Request, context: ConsoleContext) -> Reply:
    """Replace what a key may do. What is invalid is stated above the form as it was filled in."""
    key = await virtual_keys.show_key(context, request.params["name"])
    try:
        form = await request.form_as(KeyForm)
        key = await virtual_keys.change_key(context, request.operator, key.name, form.grants)
    except ConsoleError as error:
        if error.status >= 500:
            raise
        return _key(
            request, key, await _given(request), Notice("bad", "It was not changed", error.message), error.status
        )
    return _key(request, key, form_of(key), Notice("ok", "It was changed"))


async def make(request: Request, context: ConsoleContext) -> Reply:
    """Make a key, and show it once. What is invalid is stated above the form as it was filled in."""
    try:
        form = await request.form_as(KeyForm)
        made = await virtual_keys.make_key(context, request.operator, form.name, form.grants)
    except ConsoleError as error:
        if error.status >= 500:
            raise
        return await _list(request, context, error.message, error.status)
    return _made(request, made, f"The key of {form.name} was made")


async def _given(request: Request) -> dict[str, str]:
    """Return the fields of the form as they were filled in, also if something in them is invalid."""
    fields = await request.form() if request.method == "POST" else {}
    return {name: "".join(fields.get(name, ())[:1]) for name in KeyForm.__struct_fields__}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _made(request: Request, made: KeyMade, title: str) -> Reply:
    """Return the page that shows a value: as the answer to the form, because it is kept nowhere."""
    former = next((each.until for each in made.virtual_key.tokens if each.until is not None), None)
    return page(request, "key_made.html", title=title, key=made.virtual_key, value=made.key, former=former)


async def rotate(request: Request, context: ConsoleContext) -> Reply:
    """Give a key another value, once that is confirmed."""
    name, form = request.params["name"], await request.form_as(RotationForm)
    if not form.confirmed:
        await virtual_keys.show_key(context, name)
        message = "It gets another value, which is shown once. The value it has now stays valid for the time below."
        return _confirm(request, name, "rotate", "Rotate", message, overlap=OVERLAP)
    made = await virtual_keys.rotate(context, request.operator, name, form.overlap)
    return _made(request, made, f"{name} has another value")


def _ending(
    what: str, button: str, message: str, act: Callable[..., Awaitable[object]]
) -> Callable[..., Awaitable[Reply]]:
    """Return a handler that does something to a key that cannot be undone, once it is confirmed."""

    async def handle(request: Request, context: ConsoleContext) -> Reply:
        name = request.params["name"]
        if not (await request.form_as(Confirmation)).confirmed:
            await virtual_keys.show_key(context, name)
            return _confirm(request, name, what, button, message)
        await act(context, request.operator, name)
        return moved(LIST)

    return handle


def _confirm(request: Request, name: str, what: str, button: str, message: str, overlap: str | None = None) -> Reply:
    return page(
        request,
        "confirm.html",
        title=f"{button} the key of {name}?",
        place="keys",
        message=message,
        action=path("keys", name, what),
        button=button,
        back=LIST,
        overlap=overlap,
    )


revoke = _ending(
    "revoke",
    "Revoke",
    "All gateways refuse it within five seconds, for ever. Its requests and costs stay in the ledger.",
    virtual_keys.revoke,
)
remove = _ending(
    "remove",
    "Remove",
    "It is not listed any more, and its name may be used again. Its requests and costs stay in the ledger.",
    virtual_keys.remove,
)

ROUTES = (
    ConsoleRoute(method="GET", path=LIST, handler=show_list),
    ConsoleRoute(method="POST", path=LIST, handler=make, scope="manage"),
    ConsoleRoute(method="GET", path=_ONE, handler=show_key),
    ConsoleRoute(method="POST", path=_ONE, handler=change, scope="manage"),
    ConsoleRoute(method="POST", path=f"{_ONE}/rotate", handler=rotate, scope="manage"),
    ConsoleRoute(method="POST", path=f"{_ONE}/revoke", handler=revoke, scope="manage"),
    ConsoleRoute(method="POST", path=f"{_ONE}/remove", handler=remove, scope="manage"),
)
