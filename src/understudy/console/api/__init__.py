"""The admin API, `/admin/v1/…`: what the pages show and do, as JSON.

`table` has all routes, and `openapi` draws their document. The other modules have the handlers of one subject each.
"""

from understudy.console.api.table import TABLE

__all__ = ["TABLE"]
