"""Templates and what is the same on every page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from understudy.console.charts.text import visible
from understudy.console.pages import balances, formats, static, words

_TEMPLATES = Path(__file__).parent.parent / "templates"


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment of all templates: every value is escaped, and passes `visible` unless it is markup."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update({**formats.FILTERS, **balances.FILTERS})
    made.globals.update(static=static.address, path=formats.path, query=formats.query)
    made.globals.update(pace=balances.pace, state_words=words.state_words, order_words=words.order_words)
    return made


def compile_all() -> None:
    """Compile all templates, which takes a fifth of a second. Block."""
    for name in environment().list_templates():
        environment().get_template(name)


def render(template: str, **values: Any) -> str:
    """Return a page or a part of one."""
    return environment().get_template(template).render(values)


def _finalized(value: object) -> object:
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
