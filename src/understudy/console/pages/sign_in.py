"""The page that signs in, and the one that states an error."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from understudy.console.http import HTML, ConsoleError, Reply, Request

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><main><h1>{title}</h1>{content}</main></body>
</html>
"""
_FORM = """\
<form method="post" action="/console/sign-in">
<p><label for="key">Admin key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required></p>
<input type="hidden" name="next" value="{next}">
<p><button>Sign in</button></p>
</form>"""
_LINK = """\
<p>This gateway has no admin keys. Open the link that <code>understudy serve</code> printed when it was started, or add
<code>[[llm.console.keys]]</code> to the configuration.</p>"""


def sign_in_page(
    request: Request,
    context: ConsoleContext,
    *,
    message: str | None,
    status: int,
    next: str,  # noqa: A002 - its name
) -> Reply:
    """Return the page with the form. `message`: what came of the last attempt; `next`: where to go afterwards."""
    content = "" if message is None else f'<p role="status">{escape(message)}</p>'
    content += _FORM.format(next=escape(next)) if context.config.console.keys else _LINK
    return _page("Sign in", content, status)


def error_page(request: Request, context: ConsoleContext, error: ConsoleError) -> Reply:
    """Return the page of an error."""
    page = _page(f"Error {error.status}", f"<p>{escape(error.message)}</p>", error.status)
    return Reply(page.status, (*page.headers, *error.headers), page.body)


def _page(title: str, content: str, status: int) -> Reply:
    return Reply(status, HTML, _PAGE.format(title=escape(title), content=content).encode("utf-8", "replace"))
