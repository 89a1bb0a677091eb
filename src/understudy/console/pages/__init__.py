"""The pages of the console: HTML made on the server, readable without a script."""

from understudy.console.access.sign_in import sign_in_routes
from understudy.console.pages import (
    configuration,
    keys,
    live,
    money,
    now,
    providers,
    rendering,
    requests,
    sessions,
    static,
    try_it,
)
from understudy.console.pages.sign_in import error_page, sign_in_page
from understudy.console.routes import ConsoleRoute, Table

TABLE = Table(
    routes=(
        *sign_in_routes(sign_in_page),
        ConsoleRoute(method="GET", path="/console/static/{name}", handler=static.file, scope=None),
        *now.ROUTES,
        *requests.ROUTES,
        *money.ROUTES,
        *providers.ROUTES,
        *sessions.ROUTES,
        *keys.ROUTES,
        *configuration.ROUTES,
        *try_it.ROUTES,
        *live.ROUTES,
    ),
    error=error_page,
    prepare=rendering.compile_all,
)
"""All pages."""
