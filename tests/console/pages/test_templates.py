"""Every template with full, missing and hostile values: well-formed, accessible, and nothing of it acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from markupsafe import Markup
from msgspec.structs import replace

from tests.console.pages.examples import AT, HOSTILE, Filler
from tests.console.pages.html import faults
from understudy.console.explaining import Explanation
from understudy.console.listing import Listing, listed
from understudy.console.orders import OrderList
from understudy.console.pages import drawings, now, providers
from understudy.console.pages.configuration import ShowQuery
from understudy.console.pages.frame import PLACES, Frame, Notice
from understudy.console.pages.money import MoneyQuery
from understudy.console.pages.rendering import render
from understudy.fleet.store import History
from understudy.reports.configuration import ConfigurationReport
from understudy.reports.history import ProviderHistory, WindowResult
from understudy.reports.keys import KeyResult
from understudy.reports.money import MoneyReport
from understudy.reports.now import NowReport
from understudy.reports.prices import ProviderModels
from understudy.reports.requests import RequestList
from understudy.reports.sessions import SessionDetail, SessionList
from understudy.reports.usage import RequestResult
from understudy.reports.waterfall import RequestDetail

T = TypeVar("T")
Values = dict[str, Any]

GUARD = Markup('<input type="hidden" name="csrf" value="token">')


def part_of(rows: Sequence[T]) -> Listing[T]:
    """Return the second of three pages of a list; of an empty one the only page."""
    return Listing(rows, 2, 30, 40, 10) if rows else listed(rows, 1)


def given(text: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, text)


def requests(filler: Filler, text: str) -> Values:
    names = (
        "id",
        "since",
        "outcome",
        "target",
        "route",
        "key",
        "session",
        "tag",
        "agent",
        "failure",
        "model",
        "provider",
        "class",
        "task",
        "state",
    )
    return {
        "report": filler.make(RequestList), "given": given(text, *names), "filtered": bool(text),
        "live": "/console/live/requests", "spans": [("", "any"), (text, text)],
        "outcomes": [("", "any")], "failures": [("", "any")], "states": [("", "any")],
    }  # fmt: skip


def request(filler: Filler, text: str) -> Values:
    detail = filler.make(RequestDetail)
    return {
        "report": detail, "headline": text, "chart": drawings.attempts_chart(detail),
        "has_tokens": bool(detail.attempts),
        "warnings": [(1, each) for one in detail.attempts for each in one.warnings],
        "plan": filler.make(Explanation), "kept": text,
        "captured": [(1, each.captured) for each in detail.attempts if each.captured],
    }  # fmt: skip


def money(filler: Filler, text: str) -> Values:
    report = filler.make(MoneyReport)
    return {
        "report": report, "chart": drawings.money_chart(report), "parts": drawings.money_parts(report),
        "dimensions": [("model", "model"), (text, text)], "spans": [("7", "7 days")], "days": "7",
        "budgets": part_of(report.budgets), "asked": MoneyQuery(by=text or "model", q=text),
    }  # fmt: skip


def key_values(filler: Filler, text: str) -> Values:
    names = (
        *("name", "models", "routes", "budget_day", "budget_month", "budget_total", "on_exceeded"),
        *("requests_per_minute", "tokens_per_minute", "concurrent", "expires", "tags"),
    )
    budgets = ({"name": text, "max": "5", "period": "day", "on_exceeded": "cheaper"},)
    key = replace(filler.make(KeyResult), budgets=budgets, limits=({"requests_per_minute": 60},))
    shown = [key] if key.models else []
    return {
        "keys": part_of(shown),
        "search": text,
        "given": given(text, *names),
        "problem": text or None,
        "is_new": True,
    }


def now_part(filler: Filler, text: str) -> Values:
    report, minutes = filler.make(NowReport), now.past(History(), AT)
    return {
        "report": report, "verdict": now.verdict(report), "sparks": now.sparks(minutes), "charts": now.charts(minutes),
        "latest": filler.make(RequestList).requests or None, "targets": part_of(report.targets),
        "stand_ins": part_of(report.stand_ins), "workers": part_of(report.workers),
    }  # fmt: skip


def now_page(filler: Filler, text: str) -> Values:
    return {"part": Markup(render("now_part.html", now=AT, **now_part(filler, text)))}


def providers_page(filler: Filler, text: str) -> Values:
    window, targets = filler.make(WindowResult) if text else None, filler.make(NowReport).targets
    models = [providers.Priced(text, one) for each in filler.make(ProviderModels).entries for one in each.models]
    return {
        "rows": [providers.Row(each, window) for each in targets], "targets": part_of(targets),
        "asked": providers.ListQuery(q=text, state="away"), "states": providers.STATES,
        "windows": providers.WINDOWS, "models": part_of(models),
    }  # fmt: skip


def provider_page(filler: Filler, text: str) -> Values:
    history = filler.make(ProviderHistory)
    return {
        **providers_page(filler, text), "entry": text or "main", "is_held": not text,
        "targets": part_of(filler.make(NowReport).targets), "asked": providers.EntryQuery(model=text),
        "measured": part_of([replace(each, model=text) for each in history.targets]),
        "chosen": providers.drawn(history, history.targets[0]) if history.targets else None,
        "orders": filler.make(OrderList).orders,
        "notice": Notice("bad", text, text) if text else None,
    }  # fmt: skip


def configuration(filler: Filler, text: str) -> Values:
    report = filler.make(ConfigurationReport)
    return {
        "report": report, "notice": Notice("bad", "refused", text), "asked": ShowQuery(q=text, table=text),
        "tables": part_of(report.tables), "kinds": [("", "all"), (text, text)],
        "warnings": part_of([*report.disabled, *report.notices]),
    }  # fmt: skip


def answer(text: str) -> SimpleNamespace:
    attempt = SimpleNamespace(
        number=1, provider=text, model=text or None, outcome="failed", failure=text or None, duration=0.1
    )
    return SimpleNamespace(
        name=text, outcome="failed", problem=text or None, text=text, attempts=[attempt], cost_usd=None,
        input_tokens=None, output_tokens=3, seconds=1.0, first_seconds=None, warnings=[text], request_id=text or None,
    )  # fmt: skip


def try_it(filler: Filler, text: str) -> Values:
    return {
        "given": given(text, "prompt", "target", "other", "max_tokens"), "choices": [(text, text)],
        "answers": [answer(text), answer(text)], "is_long": bool(text),
    }  # fmt: skip


PAGES: Mapping[str, Callable[[Filler, str], Values]] = {
    "requests.html": requests,
    "request.html": request,
    "money.html": money,
    "now.html": now_page,
    "providers.html": providers_page,
    "provider.html": provider_page,
    "sessions.html": lambda filler, text: {
        "report": filler.make(SessionList), "given": given(text, "agent", "key"), "filtered": bool(text),
    },
    "session.html": lambda filler, text: {"report": filler.make(SessionDetail)},
    "keys.html": key_values,
    "key.html": lambda filler, text: {
        "key": replace(filler.make(KeyResult), budgets=({"max": "5", "period": "day"},), limits=({"concurrent": 2},)),
        "given": key_values(filler, text)["given"] if text else None, "is_new": False,
        "notice": Notice("bad", "refused", text),
    },
    "key_made.html": lambda filler, text: {"key": filler.make(KeyResult), "value": text, "former": AT},
    "configuration.html": configuration,
    "try.html": try_it,
    "error.html": lambda filler, text: {"message": text},
    "confirm.html": lambda filler, text: {
        "message": text, "action": "/console/keys/x/revoke", "button": "Revoke", "back": "/console/keys",
        "place": "keys", "overlap": "24h",
    },
    "unused.html": lambda filler, text: {"place": "money"},
}  # fmt: skip

FILLERS = {
    "full": (Filler("gpt-5.1", state="valid"), "gpt-5.1"),
    "missing": (Filler("", full=False), ""),
    "hostile": (Filler(HOSTILE, state="revoked", max="5"), HOSTILE),
}


def shown(name: str, kind: str, scope: str = "manage") -> str:
    filler, text = FILLERS[kind]
    frame = Frame(text or "operator", scope, GUARD, PLACES, "0.1.0")
    may = {"operate": scope != "read", "manage": scope == "manage"}
    return render(name, frame=frame, may=may, guard=GUARD, now=AT, title="Page", **PAGES[name](filler, text))


@pytest.mark.parametrize("kind", FILLERS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_accessible(name: str, kind: str) -> None:
    assert faults(shown(name, kind)) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_reader_sees_no_form_that_changes_anything(name: str) -> None:
    if name in ("confirm.html", "key_made.html"):
        return
    html = shown(name, "full", "read")
    assert faults(html) == []
    assert html.count('method="post"') == 1  # signing out


def test_what_is_wrong_with_a_file_is_shown_line_by_line() -> None:
    report = replace(Filler("x").make(ConfigurationReport), invalid="a.toml:3: it is bad <b>\n  write it otherwise")
    values = configuration(Filler("x"), "x") | {"report": report, "notice": None}
    html = page_of("configuration.html", values).decode()
    assert "<pre>a.toml:3: it is bad &lt;b&gt;\n  write it otherwise</pre>" in html
    assert faults(html) == []


def test_a_chart_of_parts_that_overlap_says_so() -> None:
    report = replace(Filler("x").make(MoneyReport), by="tag")
    titles = [drawings.money_chart(replace(report, overlaps=each)).title for each in (False, True)]
    assert titles == ["Cost per day by tag", "Cost per day by tag; an attempt counts for each of its tags"]


LONG = "claude-sonnet-4-5-20250929-with-a-name-that-does-not-end-" * 2


def test_a_long_log_of_long_names_is_a_small_page() -> None:
    filler = Filler(LONG)
    result = replace(filler.make(RequestResult), tags={f"{number} {LONG}": LONG for number in range(16)})
    values = requests(filler, LONG) | {"report": RequestList(requests=(result,) * 50, next=None, searched_to=None)}
    assert len(page_of("requests.html", values)) < 150_000


def test_a_quarter_of_money_by_long_names_is_a_small_page() -> None:
    filler = Filler(LONG)
    report = filler.make(MoneyReport)
    values, days = report.values * 4, replace(report.days[0], parts_usd=("1.234567891",) * 4)
    report = replace(report, values=values, days=(days,) * 92)
    shown = {"report": report, "chart": drawings.money_chart(report), "parts": drawings.money_parts(report)}
    assert len(page_of("money.html", money(filler, LONG) | shown)) < 150_000


def page_of(name: str, values: Values) -> bytes:
    frame = Frame("operator", "manage", GUARD, PLACES, "0.1.0")
    may = {"operate": True, "manage": True}
    html = render(name, frame=frame, may=may, guard=GUARD, title="Page", **{"now": AT, **values})
    assert faults(html) == []
    return html.encode()
