"""What surrounds the content of each page: the places of the console, who is signed in, and the replies."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, NamedTuple

from markupsafe import Markup

from understudy.console.http import HTML, Reply, Request
from understudy.console.pages.rendering import render


class Place(NamedTuple):
    """An entry of the navigation."""

    name: str
    title: str
    path: str

    @property
    def icon(self) -> str:
        """The name of its picture."""
        return self.name


PLACES = (
    Place("now", "Now", "/console/"),
    Place("requests", "Requests", "/console/requests"),
    Place("money", "Money", "/console/money"),
    Place("providers", "Providers", "/console/providers"),
    Place("sessions", "Sessions", "/console/sessions"),
    Place("keys", "Keys", "/console/keys"),
    Place("configuration", "Configuration", "/console/configuration"),
    Place("try", "Try it", "/console/try"),
)


class Notice(NamedTuple):
    """What came of the form that led to a page."""

    kind: str
    """`ok` or `bad`."""
    title: str
    message: str = ""


class Frame(NamedTuple):
    """Who looks at a page."""

    who: str
    scope: str
    guard: Markup
    """The hidden field that each form sends back."""
    places: tuple[Place, ...]
    version: str


def guard(request: Request) -> Markup:
    """Return the hidden field that shows that a form is one of ours."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(request.operator.csrf)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> Reply:
    """Return a page for the operator who is signed in."""
    operator = request.operator
    frame = Frame(operator.name, operator.scope, guard(request), PLACES, version("understudy"))
    may = {"operate": operator.may("operate"), "manage": operator.may("manage")}
    return reply(render(template, frame=frame, may=may, guard=frame.guard, **values), status)


def reply(html: str, status: int = 200) -> Reply:
    """Return HTML as a reply."""
    return Reply(status, HTML, html.encode("utf-8", "replace"))


def moved(path: str) -> Reply:
    """Return the reply to a form that was accepted: another page, which may be reloaded without sending it again."""
    return Reply(303, (("location", path),))
